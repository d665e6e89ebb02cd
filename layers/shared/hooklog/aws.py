"""The clients of AWS services, with their timeouts and retries."""

from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import botocore.session
from botocore.config import Config

if TYPE_CHECKING:
    from pynamodb.connection import Connection


class Limits(NamedTuple):
    """How long a client waits for a service, and how many times it sends a request in all."""

    connect_seconds: int
    read_seconds: int
    attempts: int


DYNAMODB: Final = Limits(1, 2, attempts=3)
"""DynamoDB answers within milliseconds; pynamodb's defaults (15 s and 30 s) outlive the function."""

DYNAMODB_UNANSWERED_SECONDS: Final = 6.5
"""The longest that one request to DynamoDB takes while it does not respond: all attempts and the pauses between."""

SECRETS: Final = Limits(1, 2, attempts=2)
"""A caller waits for the authorizer, and keys that were read before stay in use."""

SERVICES: Final = Limits(2, 3, attempts=2)

UNANSWERED_SECONDS: Final = 6.5
"""As DYNAMODB_UNANSWERED_SECONDS, of the other services."""


def connect() -> "Connection":
    """A connection to DynamoDB with its client made: the one that all tables share."""
    from pynamodb.connection import Connection

    connection = Connection(
        connect_timeout_seconds=DYNAMODB.connect_seconds,
        read_timeout_seconds=DYNAMODB.read_seconds,
        max_retry_attempts=DYNAMODB.attempts - 1,
    )
    _ = connection.client
    return connection


class Clients:
    """Clients of the services that few invocations need: each is made when it is first used."""

    @cached_property
    def sqs(self) -> Any:
        return _client("sqs")

    @cached_property
    def scheduler(self) -> Any:
        return _client("scheduler")

    @cached_property
    def kms(self) -> Any:
        return _client("kms")

    @cached_property
    def sns(self) -> Any:
        return _client("sns")

    @cached_property
    def secretsmanager(self) -> Any:
        return _client("secretsmanager", SECRETS)


def _client(service: str, limits: Limits = SERVICES) -> Any:
    config = Config(
        connect_timeout=limits.connect_seconds,
        read_timeout=limits.read_seconds,
        retries={"mode": "standard", "total_max_attempts": limits.attempts},
    )
    return botocore.session.get_session().create_client(service, config=config)
