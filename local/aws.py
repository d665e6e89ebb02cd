"""Clients for the local AWS.

They are independent of the user's AWS configuration and proxies.
"""

import os
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import boto3
import botocore.session
from botocore.config import Config

from local import places

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient


@cache
def session() -> boto3.Session:
    """Return a session that ignores AWS_PROFILE and the user's files.

    Cached, because loading its models is slow.
    """
    variables = {
        "profile": (None, None, None, None),
        "config_file": (None, None, os.devnull, None),
        "credentials_file": (None, None, os.devnull, None),
    }
    return boto3.Session(
        botocore_session=botocore.session.Session(session_vars=variables),
        aws_access_key_id=places.DUMMY_KEY,
        aws_secret_access_key=places.DUMMY_KEY,
        region_name=places.REGION,
    )


def client(service: str, endpoint: str | None = None) -> Any:
    """Return a client of any service, at HOOKLOG_PORT or at `endpoint`.

    The functions below add types.
    """
    config = Config(proxies={}, retries={"mode": "standard"})
    create = cast("Any", session().client)
    return create(service, endpoint_url=endpoint or places.endpoint(), config=config)


def cloudformation() -> "CloudFormationClient":
    return cast("CloudFormationClient", client("cloudformation"))


def lambdas() -> "LambdaClient":
    return cast("LambdaClient", client("lambda"))


def secrets_manager() -> "SecretsManagerClient":
    return cast("SecretsManagerClient", client("secretsmanager"))


def sqs() -> "SQSClient":
    return cast("SQSClient", client("sqs"))
