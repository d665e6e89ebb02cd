"""The clients of AWS services, with their timeouts and retries."""

from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import botocore.session
from botocore.config import Config

from hooklog.version import USER_AGENT

if TYPE_CHECKING:
    from pynamodb.connection import Connection


class ClientLimits(NamedTuple):
    """Timeouts of a client, and how many times it sends a request in total."""

    connect_seconds: int
    read_seconds: int
    attempts: int


DYNAMODB: Final = ClientLimits(1, 2, attempts=3)
"""DynamoDB responds within milliseconds; pynamodb's defaults (15 s and 30 s) exceed the function's timeout."""

DYNAMODB_TIMEOUT_SECONDS: Final = 6.5
"""The longest that a request takes if DynamoDB does not respond: all attempts and the pauses between them."""

CONCURRENT_CALLS: Final = 8
"""Threads that call DynamoDB at once: fewer than the connections that botocore keeps open (10)."""

SERVICES: Final = ClientLimits(2, 3, attempts=2)

SERVICE_TIMEOUT_SECONDS: Final = 6.5
"""The same as DYNAMODB_TIMEOUT_SECONDS, for the other services."""


def connect_dynamodb() -> "Connection":
    """Create the connection to DynamoDB that all tables share, with its client.

    It has a fixed User-Agent, because botocore would build a longer one twice for each request.
    """
    from pynamodb.connection import Connection

    from hooklog.dynamodb_requests import write_bodies
    from hooklog.dynamodb_responses import ItemParserFactory

    connection = Connection(
        connect_timeout_seconds=DYNAMODB.connect_seconds,
        read_timeout_seconds=DYNAMODB.read_seconds,
        max_retry_attempts=DYNAMODB.attempts - 1,
    )
    connection.session.register_component("response_parser_factory", ItemParserFactory())
    connection.session.set_default_client_config(Config(user_agent=USER_AGENT))
    write_bodies(connection.client)
    return connection


class Clients:
    """Clients of services that few invocations need; each is created on first use."""

    @cached_property
    def sqs(self) -> Any:
        return _client("sqs")

    @cached_property
    def sqs_once(self) -> Any:
        """A client without retries, for callers that send something else the second time."""
        return _client("sqs", attempts=1)

    @cached_property
    def scheduler(self) -> Any:
        return _client("scheduler")

    @cached_property
    def kms(self) -> Any:
        return _client("kms")

    @cached_property
    def sns(self) -> Any:
        return _client("sns")


def _client(service: str, attempts: int = SERVICES.attempts) -> Any:
    config = Config(
        parameter_validation=False,  # AWS validates them, too
        connect_timeout=SERVICES.connect_seconds,
        read_timeout=SERVICES.read_seconds,
        user_agent=USER_AGENT,
        retries={"mode": "standard", "total_max_attempts": attempts},
    )
    return botocore.session.get_session().create_client(service, config=config)
