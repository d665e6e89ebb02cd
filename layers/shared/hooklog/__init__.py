"""Send webhooks and keep a log of every execution.

The modules stand in the order in which a webhook passes through them, and import only leftward and upward:

    a message:          errors, version, fields, trace, message, call, signature, masking
    one attempt:        target, networks, guard, deadline, egress, delivery, execution
    what is kept of it: tables, chain, details, log
    what has to wait:   clients, queues, carried, repeats, unlogged, dead_letters
    who is called:      retry, webhook, registry, vault, directory, transformation, evaluator
    a batch:            topics, orders, gone, sending, metrics, settings
    what is asked for:  history, resend, recovery, erasure, trial, access, routes, keys, issuer, tokens, api

Only what sends, the sender and a webhook's test, loads `delivery`, and `requests` with it; `execution`, `retry` and
`metrics` name types alone.
"""
