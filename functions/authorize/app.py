"""API Gateway's authorizer: turns a bearer token into what its holder may do."""

from functools import partial
from typing import Any

import botocore.session
from aws_lambda_powertools import Logger
from botocore.config import Config

from hooklog.errors import Unauthorized
from hooklog.keys import SIGNING_KEYS_SECONDS, KeyRing, read_signing_keys
from hooklog.routes import authorization
from hooklog.settings import AuthorizerSettings
from hooklog.tokens import Trust, verify

logger = Logger()
settings = AuthorizerSettings.from_environment()
config = Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 2})
secrets: Any = botocore.session.get_session().create_client("secretsmanager", config=config)
signing_keys = KeyRing(partial(read_signing_keys, secrets, settings.signing_key_secret), SIGNING_KEYS_SECONDS)
trusted = [Trust(signing_keys)]
signing_keys.read_again()  # while Lambda still gives the whole of a CPU


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 - Lambda passes it
    """A policy for what the token names; the functions check again. Raises what API Gateway answers with 401."""
    try:
        grant = verify(event.get("authorizationToken", ""), trusted)
    except Unauthorized as refusal:
        logger.info("token refused", reason=str(refusal))
        raise Exception("Unauthorized") from None  # noqa: TRY002 - API Gateway knows this text alone
    finally:
        report()
    return authorization(grant, event["methodArn"])


def report() -> None:
    for trust in trusted:
        if trust.ring.failure:
            logger.warning("keys are out of reach", cause=trust.ring.failure)
