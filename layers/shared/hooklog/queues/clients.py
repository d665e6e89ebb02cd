"""The clients of the AWS services beside DynamoDB."""

from functools import cached_property
from typing import Any

import botocore.session
from botocore.config import Config


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
        config = Config(connect_timeout=2, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 2})
        return botocore.session.get_session().create_client(service, config=config)
