"""The time in which API Gateway has to be answered."""

import time
from collections.abc import Mapping
from typing import Any

from hooklog.sending.time_limit import GATEWAY_SECONDS, RESPONSE_SECONDS, TimeLimit


def of_call(event: Mapping[str, Any], context: Any) -> TimeLimit:
    """What API Gateway and Lambda still give this call, less RESPONSE_SECONDS.

    API Gateway's time runs from when it received the request, through the authorizer and a cold start. A time of
    receipt that is longer ago is not this call's: someone replays an event.
    """
    received_at = (event.get("requestContext") or {}).get("requestTimeEpoch") or 0
    waited = time.time() - received_at / 1000
    left = GATEWAY_SECONDS - (waited if 0 < waited < GATEWAY_SECONDS else 0)
    if context is not None:
        left = min(left, context.get_remaining_time_in_millis() / 1000)
    return TimeLimit(left - RESPONSE_SECONDS)
