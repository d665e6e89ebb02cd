"""The time limit of an API call."""

import time
from collections.abc import Mapping
from typing import Any

from hooklog.sending.time_limit import GATEWAY_SECONDS, RESPONSE_SECONDS, TimeLimit


def compute_time_limit(event: Mapping[str, Any], context: Any) -> TimeLimit:
    """Compute the time left for this call, less RESPONSE_SECONDS.

    Both API Gateway and Lambda limit it. API Gateway's timeout starts when it receives the request, before the
    authorizer and a cold start. An event with an older time of receipt is a replay.
    """
    received_at = (event.get("requestContext") or {}).get("requestTimeEpoch") or 0
    waited = time.time() - received_at / 1000
    left = GATEWAY_SECONDS - (waited if 0 < waited < GATEWAY_SECONDS else 0)
    if context is not None:
        left = min(left, context.get_remaining_time_in_millis() / 1000)
    return TimeLimit(left - RESPONSE_SECONDS)
