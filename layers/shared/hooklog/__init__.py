"""The package that sends webhooks and logs every execution.

Each module imports only modules listed before it:

    startup, errors, version, authorities, dynamodb_requests, dynamodb_responses, aws, secrets_manager, tables,
    metrics, messages, delivery, executions, queues, webhooks, statistics, events, limits, sending, access, api,
    settings

The docstring of each package lists its modules in the same way. Only the sender and the webhook test load
`delivery.client`, because it imports `requests`.
"""
