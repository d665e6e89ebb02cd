"""The queues: retries and resends, pending log writes, dead letters, waiting and ordered messages.

In order: sqs, retry_tasks, pending, dead_letters, waiting, ordered_queue.
"""
