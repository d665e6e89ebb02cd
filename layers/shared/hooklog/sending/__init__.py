"""A batch of messages, all at once, each logged when it is done; and logged executions sent again.

In order: topics, orders, attempt, processor, disabling, archive, batch, samples, locks, time_limit, webhook_test,
resend, recovery.
"""
