"""A batch of messages, all at once, each logged when it is done; and logged executions sent again.

In order: topics, orders, clerk, disabling, archive, batch, samples, locks, resend, recovery.
"""
