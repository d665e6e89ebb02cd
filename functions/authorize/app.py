"""API Gateway's authorizer: turns a bearer token into what its holder may do."""

from typing import Any

import botocore.session
from aws_lambda_powertools import Logger

from hooklog.errors import Unauthorized
from hooklog.settings import AuthorizerSettings
from hooklog.tokens import verify

logger = Logger()
settings = AuthorizerSettings.from_environment()
secrets: Any = botocore.session.get_session().create_client("secretsmanager")
signing_key = secrets.get_secret_value(SecretId=settings.signing_key_secret)["SecretString"]


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 - Lambda passes it
    """Allow the whole stage to a valid token; the functions behind it check what the token grants.

    Raises the one exception that API Gateway answers with 401.
    """
    try:
        grant = verify(event.get("authorizationToken", ""), signing_key)
    except Unauthorized as refusal:
        logger.info("token refused", reason=str(refusal))
        raise Exception("Unauthorized") from None  # noqa: TRY002 - API Gateway knows this text alone
    return {
        "principalId": "token",
        "policyDocument": allow(stage_arn(event["methodArn"])),
        "context": grant.to_authorizer(),
    }


def stage_arn(method_arn: str) -> str:
    api_and_stage = "/".join(method_arn.split("/")[:2])
    return f"{api_and_stage}/*"


def allow(resource: str) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": resource}
    return {"Version": "2012-10-17", "Statement": [statement]}
