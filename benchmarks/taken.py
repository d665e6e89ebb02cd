"""What `python -m benchmarks cost` counted, for the documents: docs/cost.md and docs/scaling.md are reckoned from it.

The same command holds it to what it counts: run it after a change of what the sender does, and copy what it shows.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Taken:
    """What AWS bills for one webhook of a kind, in the units of its price lists."""

    sqs_requests: float = 0
    schedules: float = 0
    decrypts: float = 0
    read_units: float = 0
    write_units: float = 0
    summary_bytes: float = 0
    """What is kept of it in the table `Executions`, with the 100 bytes that DynamoDB adds to each item."""
    index_bytes: float = 0
    """The copies in its indexes, likewise."""
    details_bytes: float = 0
    """What is kept of it in the table `ExecutionDetails`, likewise."""
    log_bytes: float = 0
    sent_bytes: float = 0
    """Of HTTP requests to receivers."""


TAKEN: Final[dict[str, Taken]] = {
    "invocation": Taken(log_bytes=1337),
    "delivered": Taken(write_units=2, summary_bytes=312, index_bytes=260, log_bytes=18, sent_bytes=1378),
    "met first": Taken(
        decrypts=1, read_units=0.5, write_units=2, summary_bytes=312, index_bytes=260, log_bytes=18, sent_bytes=1378
    ),
    "failed": Taken(
        sqs_requests=0.1, write_units=5, summary_bytes=394, index_bytes=653, details_bytes=830, log_bytes=434,
        sent_bytes=1388,
    ),
    "retried": Taken(
        read_units=2, write_units=5, summary_bytes=374, index_bytes=296, log_bytes=17, sent_bytes=1388
    ),
    "failed late": Taken(
        schedules=1, write_units=5, summary_bytes=395, index_bytes=655, details_bytes=830, log_bytes=435,
        sent_bytes=1384,
    ),
}  # fmt: skip
"""For one webhook of a batch of ten: successes, successes whose webhooks the sender has not met before, failures whose
retry is a message, successful retries, failures whose retry is a schedule. `invocation` is what a batch adds. A failure
here is its webhook's first, and a retry the first success behind it: both are noted in the registry."""

CPU_INVOCATION_SECONDS: Final = 0.0008
CPU_WEBHOOK_SECONDS: Final = 0.0003
"""CPU of a batch, and of each webhook in it, on one core of the machine that counted: x86-64, Python 3.11.7."""
