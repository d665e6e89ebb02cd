"""The sender, webhook tests, resends and recoveries.

In order: fan_out, queue_message, attempt, processor, failure_monitor, log_writer, outcome, batch, ordered,
ordered_batch, samples, locks, time_limit, webhook_test, resend, selection, recovery.
"""
