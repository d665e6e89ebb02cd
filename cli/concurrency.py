"""What a stack asks of its account's concurrent executions, and whether the account can give it."""

import math
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

QUOTA_CODE: Final = "L-B99A9384"
AWS_DEFAULT: Final = 1000
"""AWS's default quota, the least to ask for: some accounts begin with 10, 50 or 400."""

UNRESERVED: Final = 100
"""What Lambda keeps for functions without a reservation: it refuses a reservation that leaves less."""

OTHERS: Final = 5
"""What else must run at the same time: the API, its authorizer, the History page, two other queues' functions."""

SENDER: Final = "SenderConcurrency"
RESERVING: Final = ("TestConcurrency", "AuthorizerConcurrency")
LEAST_SENDER: Final = 2
"""The least that an event source mapping takes as its maximum concurrency."""


class Account(NamedTuple):
    """The concurrency of an account in a region, as Lambda tells it."""

    quota: int
    unreserved: int

    @classmethod
    def of(cls, lambdas: Any) -> "Account":
        """Ask Lambda. Raises what boto3 raises."""
        limit = lambdas.get_account_settings()["AccountLimit"]
        return cls(limit["ConcurrentExecutions"], limit["UnreservedConcurrentExecutions"])


class Demand(NamedTuple):
    """What a stack's parameters ask for."""

    sender: int
    reserved: int

    @classmethod
    def of(cls, parameters: Mapping[str, str]) -> "Demand":
        """Raises ValueError for a parameter that is not a whole number."""
        return cls(int(parameters.get(SENDER, 0)), reserved(parameters))


def reserved(parameters: Mapping[str, str]) -> int:
    """What a stack with these parameters reserves; 0 where a parameter is missing."""
    return sum(int(parameters.get(name, 0)) for name in RESERVING)


class Shortfall(NamedTuple):
    """What an account lacks for a demand."""

    quota: int
    """The quota to ask for."""
    overrides: Mapping[str, int] | None
    """The parameters with which the stack can be deployed meanwhile; None where there are none."""


def shortfall(account: Account, demand: Demand, own: int = 0) -> Shortfall | None:
    """None where the account can give what is asked for. `own` is what the stack reserves already."""
    free = account.unreserved + own
    lacking = max(
        demand.sender + OTHERS + demand.reserved - free,
        UNRESERVED + demand.reserved - free if demand.reserved else 0,
    )
    if lacking <= 0:
        return None
    return Shortfall(max(AWS_DEFAULT, _rounded(account.quota + lacking)), _overrides(free, demand))


def _overrides(free: int, demand: Demand) -> dict[str, int] | None:
    kept = demand.reserved if free - demand.reserved >= UNRESERVED else 0
    sender = min(demand.sender, free - kept - OTHERS)
    if sender < LEAST_SENDER:
        return None
    changed = {} if kept == demand.reserved else dict.fromkeys(RESERVING, 0)
    return changed | ({SENDER: sender} if sender != demand.sender else {})


def _rounded(quota: int) -> int:
    return math.ceil(quota / 100) * 100


def raise_command(quota: int, region: str) -> str:
    """The command that asks AWS for this quota."""
    return (
        f"aws service-quotas request-service-quota-increase --service-code lambda --quota-code {QUOTA_CODE}"
        f" --desired-value {quota} --region {region}"
    )
