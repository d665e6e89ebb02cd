"""A model of what counting executions uses, with the usage that `python -m benchmarks stats` counted.

A batch writes one item for each of its webhooks and hours, and reads one row for each webhook. So the cost depends on
how many webhooks have executions in the same minutes, not on how many executions they have.
"""

import math
from dataclasses import dataclass
from typing import Final

from benchmarks.capacity import VCPU_MB, Load
from benchmarks.usage import COUNTING, CPU_COUNTED_HOUR_SECONDS, CPU_RECORD_SECONDS
from tests.template import default, functions

_FUNCTION: Final = functions()["CountExecutionsFunction"]
_SOURCE: Final = _FUNCTION["Events"]["Executions"]["Properties"]

MEMORY_MB: Final = int(default(_FUNCTION["MemorySize"]))
WINDOW_SECONDS: Final = int(_SOURCE["MaximumBatchingWindowInSeconds"]["Fn::If"][1])
TUMBLING_SECONDS: Final = int(_SOURCE["TumblingWindowInSeconds"])
SHARDS: Final = 4
"""Assumed shards of the stream: a new table on demand takes 4,000 writes a second, a partition 1,000."""
EVENT_BYTES: Final = 6 * 1024**2
"""The largest event that Lambda delivers."""
HOUR_SECONDS: Final = 3600
ROWS_PER_DAY: Final = 1
"""Writes of each listed webhook."""


@dataclass(frozen=True, slots=True)
class Counting:
    """The counting of a load. All rates are per second."""

    executions: float
    webhooks: int
    """Webhooks that share the executions evenly."""

    @classmethod
    def of(cls, load: Load) -> "Counting":
        return cls(load.executions, load.webhooks)

    @property
    def batch_seconds(self) -> float:
        """How long a batch collects records: until the window ends, or until the batch is full."""
        records = min(int(_SOURCE["BatchSize"]), EVENT_BYTES / COUNTING.record_bytes)
        return min(WINDOW_SECONDS, records * SHARDS / self.executions)

    @property
    def batches(self) -> float:
        return SHARDS / self.batch_seconds * _share_with_any(self.executions / SHARDS * self.batch_seconds)

    @property
    def invocations(self) -> float:
        """Of batches, and at the end of each tumbling window."""
        return self.batches + min(SHARDS / TUMBLING_SECONDS, self.batches)

    @property
    def webhooks_of_batches(self) -> float:
        """Webhooks in each batch, added up."""
        return self.webhooks / self.batch_seconds * _share_with_any(self._each * self.batch_seconds)

    @property
    def hours_of_batches(self) -> float:
        """Webhooks and hours in each batch, added up: a batch may begin before the full hour, and end after it."""
        return min(self.webhooks_of_batches * (1 + self.batch_seconds / HOUR_SECONDS), self.executions)

    @property
    def items(self) -> float:
        """New items of `ExecutionCounts`."""
        return self.webhooks / HOUR_SECONDS * _share_with_any(self._each * HOUR_SECONDS)

    @property
    def write_units(self) -> float:
        listed = self.webhooks * ROWS_PER_DAY / 86_400
        return self.hours_of_batches * COUNTING.write_units + min(listed, self.executions)

    @property
    def read_units(self) -> float:
        return self.webhooks_of_batches * COUNTING.read_units

    @property
    def gb_seconds(self) -> float:
        cpu = self.executions * CPU_RECORD_SECONDS + self.hours_of_batches * CPU_COUNTED_HOUR_SECONDS
        return cpu / min(MEMORY_MB / VCPU_MB, 1) * MEMORY_MB / 1024

    @property
    def log_bytes(self) -> float:
        return self.invocations * COUNTING.log_bytes

    @property
    def _each(self) -> float:
        """Executions of each webhook."""
        return self.executions / self.webhooks


def _share_with_any(expected: float) -> float:
    """Return the share of webhooks, or shards, with any of the executions that are expected on average."""
    return -math.expm1(-expected)
