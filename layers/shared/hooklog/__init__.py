"""Send webhooks and keep a log of every execution.

What it is made of stands in the order in which a webhook passes through it, and imports only from what stands before:

    errors, version, aws, tables, metrics, messages, delivery, executions, queues, webhooks, sending, access, api,
    settings

Each package names its modules in the same way. Only what sends, the sender and a webhook's test, loads
`delivery.client`, and `requests` with it.
"""
