"""API Gateway's authorizer, which verifies a bearer token and returns a policy."""

from hooklog.startup import end_startup

import sys
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hooklog.access.keys import SIGNING_KEYS_SECONDS, KeyRing, read_signing_keys
from hooklog.access.routes import build_authorization
from hooklog.errors import Unauthorized
from hooklog.secrets_manager import SecretsManager
from hooklog.settings import AuthorizerSettings, OidcSettings

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger

    from hooklog.access.tokens import TrustedIssuer


def make_trusted(settings: AuthorizerSettings) -> "list[TrustedIssuer]":
    """Return the accepted issuers: this deployment, and an OIDC issuer if configured.

    For an OIDC issuer, `cryptography` must be on sys.path before PyJWT is imported.
    """
    if settings.oidc:
        sys.path.append(str(Path(__file__).with_name("oidc")))
    from hooklog.access.tokens import TrustedIssuer

    read = partial(read_signing_keys, SecretsManager.from_environment(), settings.signing_key_secret)
    ring = KeyRing(read, SIGNING_KEYS_SECONDS)
    ring.refresh()  # Lambda provides a full CPU only during initialization
    return [TrustedIssuer(ring), *([trust_issuer(settings.oidc)] if settings.oidc else [])]


def trust_issuer(oidc: OidcSettings) -> "TrustedIssuer":
    from hooklog.access.issuer import ALGORITHMS, ISSUER_KEYS_SECONDS, make_http, read_issuer_keys
    from hooklog.access.tokens import TrustedIssuer

    ring = KeyRing(partial(read_issuer_keys, make_http(), oidc.oidc_jwks_url), ISSUER_KEYS_SECONDS)
    return TrustedIssuer(ring, ALGORITHMS, oidc.oidc_issuer, oidc.oidc_audience)


trusted = make_trusted(AuthorizerSettings.from_environment())
end_startup()


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 - Lambda passes it
    """Return the token's policy, which the functions check again.

    Raises what API Gateway turns into a 401.
    """
    from hooklog.access.tokens import verify

    try:
        grant = verify(event.get("authorizationToken", ""), trusted)
    except Unauthorized as refusal:
        report_refusal(str(refusal))
        raise Exception("Unauthorized") from None  # noqa: TRY002 - the only text that API Gateway turns into a 401
    finally:
        report_failures()
    return build_authorization(grant, event["methodArn"])


@cache
def get_logger() -> "Logger":
    """Create the logger when there is something to log. Importing it takes a fifth of a cold start."""
    from aws_lambda_powertools import Logger

    return Logger()


def report_refusal(reason: str) -> None:
    from aws_lambda_powertools import Metrics

    from hooklog.metrics import NAMESPACE, Metric

    logger = get_logger()
    logger.info("token refused", event="token_refused", reason=reason)
    metrics = Metrics(namespace=NAMESPACE)
    metrics.add_metric(Metric.TOKENS_REFUSED, Metric.TOKENS_REFUSED.unit, 1)
    metrics.flush_metrics()


def report_failures() -> None:
    for issuer in trusted:
        if issuer.ring.failure:
            logger = get_logger()
            logger.warning("keys are unavailable", event="keys_unreachable", cause=issuer.ring.failure)
