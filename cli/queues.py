"""The queues that have dead letters, as users name them."""

from typing import Final

ORDERED_QUEUE: Final = "OrderedQueueUrl"
"""The stack's output that names the ordered queue, if the deployment polls it."""

QUEUES: Final = {
    "webhooks": ("webhook queue", "DeadLetterQueueUrl", "QueueUrl"),
    "ordered": ("ordered queue", "OrderedDeadLetterQueueUrl", ORDERED_QUEUE),
    "log": ("queue of executions to be logged", "UnloggedDeadLetterQueueUrl", "UnloggedQueueUrl"),
    "recoveries": ("queue of recoveries", "RecoveryDeadLetterQueueUrl", "RecoveryQueueUrl"),
}
"""Each queue's description, and the stack's outputs that name its dead-letter queue and the queue itself."""
