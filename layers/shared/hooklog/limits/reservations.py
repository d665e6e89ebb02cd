"""The state of rate limits in DynamoDB, with one conditional write for each reservation.

It is an item of its own per webhook in the table of recoveries, next to the locks. The condition does not compare the
state with the assumed one, but requires only what the plan needs, so that concurrent senders rarely repeat a write.
"""

from collections.abc import Mapping
from threading import Lock
from typing import Any, Final

from botocore.exceptions import ClientError
from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from hooklog.errors import RowContended, get_error_code
from hooklog.limits.slots import SECOND, Grant, Plan, Request, State, apply, compute_grant, compute_interval, make_plan
from hooklog.tables import AttachedTable

ITEM: Final = "#limit"
"""Takes the place of a recovery ID, which never contains `#`."""

KEPT_SECONDS: Final = 30 * 86_400
"""How long an unused item is kept."""

MAX_TRIES: Final = 8
MAX_KNOWN: Final = 2000
"""Webhooks whose last state a sender remembers."""


class RateLimitRow(AttachedTable):
    """The state of a webhook's rate limit."""

    class Meta:
        table_name = ""

    webhook_id = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True, attr_name="recovery_id")
    next_at = NumberAttribute()
    line_until = NumberAttribute()
    line_rate = NumberAttribute()
    expires_at = NumberAttribute()


class Reservations:
    """Reserves slots. Thread-safe."""

    def __init__(self) -> None:
        self._known: dict[str, State] = {}
        self._lock = Lock()

    def reserve(self, webhook_id: str, request: Request) -> Grant:
        """Reserve slots, and places in the line for messages that get none soon.

        One write, if the state is as this sender last saw it or idle; otherwise mostly two, because a write whose
        condition is not met returns the state. Raises RowContended, and botocore's exceptions.
        """
        state = self._known.get(webhook_id, State())
        for _ in range(MAX_TRIES):
            plan = make_plan(state, request)
            before, is_reserved = _write(webhook_id, plan, request)
            state = apply(before, plan, request) if is_reserved else before
            self._remember(webhook_id, state)
            if is_reserved:
                return compute_grant(before, plan, request)
        raise RowContended("the webhook's rate limit is contended")

    def _remember(self, webhook_id: str, state: State) -> None:
        with self._lock:
            self._known.pop(webhook_id, None)
            self._known[webhook_id] = state
            if len(self._known) > MAX_KNOWN:
                del self._known[next(iter(self._known))]


def _write(webhook_id: str, plan: Plan, request: Request) -> tuple[State, bool]:
    """Write the plan if the state permits it; return the state before, and whether it was written."""
    key = {"webhook_id": {"S": webhook_id}, "recovery_id": {"S": ITEM}}
    update = _build_update(plan, request)
    try:
        response = RateLimitRow.call("UpdateItem", {"Key": key, **update, "ReturnValues": "ALL_OLD"})
    except ClientError as error:
        if get_error_code(error) != "ConditionalCheckFailedException":
            raise
        cause = error.__cause__ if isinstance(error.__cause__, ClientError) else error
        item: Any = cause.response.get("Item", {})
        return _to_state(item), False
    return _to_state(response.get("Attributes", {})), True


def _to_state(item: Mapping[str, Any]) -> State:
    return State(**{name: int(item[name]["N"]) for name in State._fields if name in item})


def _build_update(plan: Plan, request: Request) -> dict[str, Any]:
    """Build the update and its condition."""
    interval, now = compute_interval(request.rate), request.now
    sets, conditions = ["expires_at = :expires_at"], []
    values = {":expires_at": now // SECOND + KEPT_SECONDS}
    if plan.sent and plan.is_idle:
        sets.append("next_at = :after")
        conditions.append("(attribute_not_exists(next_at) OR next_at <= :now)")
        values |= {":after": now + plan.sent * interval, ":now": now}
    elif plan.sent:
        sets.append("next_at = next_at + :used")
        conditions.append("next_at BETWEEN :now AND :latest")
        latest = now + plan.max_wait - (plan.sent - 1) * interval
        values |= {":used": plan.sent * interval, ":now": now, ":latest": latest}
    if plan.queued and plan.joins_line:
        sets.append("line_until = line_until + :joined")
        conditions.append("line_until > :here AND line_rate = :rate")
        values |= {":joined": plan.queued * interval, ":here": now + plan.sent * interval, ":rate": request.rate}
    elif plan.queued or plan.passes_line:
        nobody_until = plan.line_start if plan.queued else now + plan.max_wait
        sets += ["line_until = :line_until", "line_rate = :rate"]
        conditions.append("(attribute_not_exists(line_until) OR line_until <= :nobody_until OR line_rate <> :rate)")
        line_until = plan.line_start + plan.queued * interval if plan.queued else 0
        values |= {":line_until": line_until, ":nobody_until": nobody_until, ":rate": request.rate}
    return {
        "UpdateExpression": "SET " + ", ".join(sets),
        "ConditionExpression": " AND ".join(conditions),
        "ExpressionAttributeValues": {name: {"N": str(value)} for name, value in values.items()},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
