"""Whether an account's Lambda concurrency is enough for a stack."""

import math
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

QUOTA_CODE: Final = "L-B99A9384"
AWS_DEFAULT: Final = 1000
"""AWS's default quota, and the least to ask for: some accounts start with 10, 50 or 400."""

UNRESERVED: Final = 100
"""Lambda keeps these for functions without a reservation: it refuses a reservation that leaves fewer."""

OTHERS: Final = 5
"""Functions that run at the same time as the sender: the API, its authorizer, the History page, two other workers."""

SENDER: Final = "SenderConcurrency"
RESERVING: Final = ("TestConcurrency", "AuthorizerConcurrency")
LEAST_SENDER: Final = 2
"""The smallest maximum concurrency that an event source mapping accepts."""


class Account(NamedTuple):
    """The concurrent executions of an account in one region."""

    quota: int
    unreserved: int

    @classmethod
    def read(cls, lambdas: Any) -> "Account":
        """Ask Lambda. Raises what boto3 raises."""
        limit = lambdas.get_account_settings()["AccountLimit"]
        return cls(limit["ConcurrentExecutions"], limit["UnreservedConcurrentExecutions"])


class Demand(NamedTuple):
    """The concurrent executions that a stack's parameters ask for."""

    sender: int
    """The value of SenderConcurrency, which each queue of the sender may use."""
    reserved: int
    queues: int = 1

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, str]) -> "Demand":
        """Raises ValueError for a parameter that is not a whole number."""
        queues = 2 if parameters.get("OrderedDelivery") == "enabled" else 1
        return cls(_number(parameters, SENDER), count_reserved(parameters), queues)


def count_reserved(parameters: Mapping[str, str]) -> int:
    """Return the concurrency that a stack with these parameters reserves.

    A missing parameter counts as 0.
    """
    return sum(_number(parameters, name) for name in RESERVING)


def _number(parameters: Mapping[str, str], name: str) -> int:
    value = parameters.get(name, 0)
    try:
        return int(value)
    except ValueError:
        raise ValueError(f"{name} must be a whole number, not {value!r}") from None


class Shortfall(NamedTuple):
    """What to do about an account whose concurrency is not enough."""

    quota: int
    """The quota to ask for."""
    overrides: Mapping[str, int] | None
    """Parameters that fit into the current quota; None if there are none."""


def find_shortfall(account: Account, demand: Demand, own: int = 0) -> Shortfall | None:
    """Return None if the account has enough.

    `own` is what the deployed stack already reserves.
    """
    free = account.unreserved + own
    lacking = max(
        demand.sender * demand.queues + OTHERS + demand.reserved - free,
        UNRESERVED + demand.reserved - free if demand.reserved else 0,
    )
    if lacking <= 0:
        return None
    return Shortfall(max(AWS_DEFAULT, _round_up(account.quota + lacking)), _fit(free, demand))


def _fit(free: int, demand: Demand) -> dict[str, int] | None:
    reserved = demand.reserved if free - demand.reserved >= UNRESERVED else 0
    sender = min(demand.sender, (free - reserved - OTHERS) // demand.queues)
    if sender < LEAST_SENDER:
        return None
    changed = {} if reserved == demand.reserved else dict.fromkeys(RESERVING, 0)
    return changed | ({SENDER: sender} if sender != demand.sender else {})


def _round_up(quota: int) -> int:
    return math.ceil(quota / 100) * 100


def quota_command(quota: int, region: str) -> str:
    """Return the command that requests this quota from AWS."""
    return (
        f"aws service-quotas request-service-quota-increase --service-code lambda --quota-code {QUOTA_CODE}"
        f" --desired-value {quota} --region {region}"
    )
