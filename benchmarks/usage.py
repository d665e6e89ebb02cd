"""The usage that `python -m benchmarks cost` counted.

docs/cost.md and docs/scaling.md are computed from it. The same command checks these numbers. After a change of the
sender, run it and copy its figures here.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Usage:
    """What AWS bills for one webhook of a kind, in the units of its price lists."""

    sqs_requests: float = 0
    schedules: float = 0
    decrypts: float = 0
    read_units: float = 0
    write_units: float = 0
    summary_bytes: float = 0
    """Stored in the table `Executions`, including the 100 bytes that DynamoDB bills per item."""
    index_bytes: float = 0
    """Stored in its indexes, with the same overhead."""
    details_bytes: float = 0
    """Stored in the table `ExecutionDetails`, with the same overhead."""
    log_bytes: float = 0
    sent_bytes: float = 0
    """Sent to receivers as HTTP requests."""


USAGE: Final[dict[str, Usage]] = {
    "invocation": Usage(log_bytes=1362),
    "delivered": Usage(write_units=2, summary_bytes=323, index_bytes=260, log_bytes=18, sent_bytes=1414),
    "not cached": Usage(
        decrypts=1, read_units=0.5, write_units=2, summary_bytes=323, index_bytes=260, log_bytes=18, sent_bytes=1414
    ),
    "not indexed": Usage(write_units=1, summary_bytes=333, log_bytes=18, sent_bytes=1414),
    "failed": Usage(
        sqs_requests=0.1, write_units=5, summary_bytes=405, index_bytes=664, details_bytes=853, log_bytes=495,
        sent_bytes=1424,
    ),
    "retried": Usage(
        read_units=2, write_units=5, summary_bytes=385, index_bytes=296, log_bytes=16, sent_bytes=1424
    ),
    "failed, scheduled": Usage(
        schedules=1, write_units=5, summary_bytes=406, index_bytes=666, details_bytes=854, log_bytes=496,
        sent_bytes=1420,
    ),
}  # fmt: skip
"""Per webhook of a batch of ten; `invocation` is the overhead of a batch.

`delivered`: a success. `not cached`: a success whose webhook the sender reads and decrypts first. `not indexed`: a
success with `MessageIndex=failures`. `failed`: the retry
is a delayed message. `failed, scheduled`: the retry is a schedule. `retried`: a retry that succeeds. Each failure is
its webhook's first, and each retry the first success after it, so both also write to the registry."""


@dataclass(frozen=True, slots=True)
class CountingUsage:
    """What counting uses, per webhook and hour of a batch, unless stated otherwise."""

    write_units: float
    read_units: float
    item_bytes: float
    """Stored in the table `ExecutionCounts`, including the 100 bytes that DynamoDB bills per item."""
    record_bytes: float
    """Of a record in an event of the stream."""
    log_bytes: float
    """Per batch."""


COUNTING: Final = CountingUsage(write_units=1, read_units=1, item_bytes=306, record_bytes=824, log_bytes=643)
"""Of a batch of 10,000 records. Checked by `python -m benchmarks stats`."""

CPU_INVOCATION_SECONDS: Final = 0.0014
CPU_WEBHOOK_SECONDS: Final = 0.0006
"""CPU of a batch, and of each webhook in it, on one x86-64 core with Python 3.11.7. `python -m benchmarks cost` prints
the CPU of a batch of one, which is their sum."""

CPU_RECORD_SECONDS: Final = 0.00003
CPU_COUNTED_HOUR_SECONDS: Final = 0.003
"""CPU of counting a record, and of each webhook and hour of a batch, on the same core."""
