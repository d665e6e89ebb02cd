"""Histograms of durations, which can be added.

Buckets grow by a quarter: bucket n contains the whole milliseconds in (1.25^(n-1), 1.25^n]. Bucket 0 also contains 0,
and the last bucket everything longer.
"""

from bisect import bisect_left
from collections.abc import Mapping
from typing import Final

_BOUNDS: Final = [int(1.25**n) for n in range(61)]
"""The longest duration in each bucket. The last is eleven minutes; an exchange takes at most half a minute."""


def bucket_of(milliseconds: int) -> int:
    """Return the number of the bucket that contains a duration."""
    return min(bisect_left(_BOUNDS, milliseconds), len(_BOUNDS) - 1)


def percentile(durations: Mapping[int, int], fraction: float) -> int | None:
    """Estimate a percentile of the durations in ms.

    `durations` maps buckets to numbers of executions. Returns what the `fraction` of them does not exceed; None without
    executions. The estimate is off by at most 12 % or
    1 ms, whichever is more: it is the harmonic mean of the shortest and the longest duration of the right bucket.
    """
    rank = fraction * sum(durations.values())
    for bucket in sorted(durations):
        rank -= durations[bucket]
        if rank <= 0 < durations[bucket]:
            return _middle(bucket)
    return None


def _middle(bucket: int) -> int:
    shortest, longest = (_BOUNDS[bucket - 1] + 1 if bucket else 1), _BOUNDS[bucket]
    return round(2 * shortest * longest / (shortest + longest))
