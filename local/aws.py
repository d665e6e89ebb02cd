"""Clients for the local AWS.

They are independent of the user's AWS configuration and proxies.
"""

import os
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import botocore.session
from botocore.config import Config

from local import places

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient


@cache
def session() -> botocore.session.Session:
    """Return a session that ignores AWS_PROFILE and the user's files.

    Cached, because loading its models is slow. Not boto3's, whose import takes as long as several commands.
    """
    variables = {
        "profile": (None, None, None, None),
        "config_file": (None, None, os.devnull, None),
        "credentials_file": (None, None, os.devnull, None),
    }
    session = botocore.session.Session(session_vars=variables)
    session.set_credentials(places.DUMMY_KEY, places.DUMMY_KEY)
    session.set_config_variable("region", places.REGION)
    return session


def client(service: str, endpoint: str | None = None) -> Any:
    """Return a client of any service, at HOOKLOG_PORT or at `endpoint`.

    The functions below add types.
    """
    config = Config(proxies={}, retries={"mode": "standard"})
    return session().create_client(service, endpoint_url=endpoint or places.endpoint(), config=config)


def cloudformation() -> "CloudFormationClient":
    return cast("CloudFormationClient", client("cloudformation"))


def lambdas() -> "LambdaClient":
    return cast("LambdaClient", client("lambda"))


def secrets_manager() -> "SecretsManagerClient":
    return cast("SecretsManagerClient", client("secretsmanager"))


def sqs() -> "SQSClient":
    return cast("SQSClient", client("sqs"))
