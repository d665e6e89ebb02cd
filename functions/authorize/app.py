"""API Gateway's authorizer: turns a bearer token into what its holder may do."""

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import botocore.session
from aws_lambda_powertools import Logger, Metrics
from botocore.config import Config

from hooklog.access.keys import SIGNING_KEYS_SECONDS, KeyRing, read_signing_keys
from hooklog.access.routes import authorization
from hooklog.errors import Unauthorized
from hooklog.sending.metrics import NAMESPACE, Metric
from hooklog.settings import AuthorizerSettings, OidcSettings

if TYPE_CHECKING:
    from hooklog.access.tokens import Trust

logger = Logger()
metrics = Metrics(namespace=NAMESPACE)
config = Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 2})
secrets: Any = botocore.session.get_session().create_client("secretsmanager", config=config)


def make_trusted(settings: AuthorizerSettings) -> "list[Trust]":
    """Whose tokens are taken: those of the signing key, and an issuer's if one is configured.

    Only then `cryptography` is put within reach, of which PyJWT takes note as it is imported.
    """
    if settings.oidc:
        sys.path.append(str(Path(__file__).with_name("oidc")))
    from hooklog.access.tokens import Trust

    ring = KeyRing(partial(read_signing_keys, secrets, settings.signing_key_secret), SIGNING_KEYS_SECONDS)
    ring.read_again()  # while Lambda still gives the whole of a CPU
    return [Trust(ring), *([trust_issuer(settings.oidc)] if settings.oidc else [])]


def trust_issuer(oidc: OidcSettings) -> "Trust":
    from hooklog.access.issuer import ALGORITHMS, ISSUER_KEYS_SECONDS, make_http, read_issuer_keys
    from hooklog.access.tokens import Trust

    ring = KeyRing(partial(read_issuer_keys, make_http(), oidc.oidc_jwks_url), ISSUER_KEYS_SECONDS)
    return Trust(ring, ALGORITHMS, oidc.oidc_issuer, oidc.oidc_audience)


trusted = make_trusted(AuthorizerSettings.from_environment())


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 - Lambda passes it
    """A policy for what the token names; the functions check again. Raises what API Gateway answers with 401."""
    from hooklog.access.tokens import verify

    try:
        grant = verify(event.get("authorizationToken", ""), trusted)
    except Unauthorized as refusal:
        logger.info("token refused", reason=str(refusal))
        metrics.add_metric(Metric.TOKENS_REFUSED, Metric.TOKENS_REFUSED.unit, 1)
        metrics.flush_metrics()
        raise Exception("Unauthorized") from None  # noqa: TRY002 - API Gateway knows this text alone
    finally:
        report()
    return authorization(grant, event["methodArn"])


def report() -> None:
    for trust in trusted:
        if trust.ring.failure:
            logger.warning("keys are out of reach", cause=trust.ring.failure)
