"""A batch of messages, all at once, each logged when it is done; and logged executions sent again.

In order: fan_out, queue_message, attempt, processor, failure_monitor, log_writer, batch, samples, locks, time_limit,
webhook_test, resend, recovery.
"""
