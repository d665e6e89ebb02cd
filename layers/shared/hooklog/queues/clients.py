"""The clients of the AWS services beside DynamoDB."""

from functools import cached_property
from typing import Any, Final

import botocore.session
from botocore.config import Config

CONNECT_TIMEOUT_SECONDS: Final = 2
READ_TIMEOUT_SECONDS: Final = 3
ATTEMPTS: Final = 2

UNANSWERED_SECONDS: Final = 6.5
"""What a request takes that is not answered, each time it is tried, with the pause between."""


class Clients:
    """Clients of the AWS services that few invocations need: each is made when it is first used."""

    @cached_property
    def sqs(self) -> Any:
        return self._client("sqs")

    @cached_property
    def scheduler(self) -> Any:
        return self._client("scheduler")

    @cached_property
    def kms(self) -> Any:
        return self._client("kms")

    @cached_property
    def sns(self) -> Any:
        return self._client("sns")

    @staticmethod
    def _client(service: str) -> Any:
        config = Config(
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            read_timeout=READ_TIMEOUT_SECONDS,
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        )
        return botocore.session.get_session().create_client(service, config=config)
