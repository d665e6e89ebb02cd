"""The only place that reads the environment: what each function is configured with.

Each class holds exactly the variables that template.yaml gives to its function. A missing or malformed one
raises InvalidSetting when the function starts, before anything is sent.
"""

import os
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, Self, dataclass_transform

from hooklog.delivery.networks import Network, parse_networks
from hooklog.errors import InvalidSetting
from hooklog.executions.execution import DetailsOf
from hooklog.executions.masking import SensitiveHeaders
from hooklog.webhooks.retry import RetrySchedule

_JWKS_URL: Final = re.compile(r"https://[^\s/@]+/\S*|http://127\.0\.0\.1:\d{1,5}/\S*")
"""https://, or the machine's own address: on Lambda nobody else listens there."""


@dataclass_transform(kw_only_default=True, frozen_default=True)
class _Settings:
    """Settings, each read from the variable of its name in capitals, by `_READERS` or as a text.

    No dataclass, for the code that is made for one costs each cold start 0.3 ms, and all of these are defined in it.
    """

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"settings stay as they are read: {name}")

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Self:
        return cls(**{name: _READERS.get(name, _text)(environ, name.upper()) for name in cls.__annotations__})


class SenderSettings(_Settings):
    """What send_webhooks is configured with."""

    executions_table: str
    execution_details_table: str
    webhooks_table: str
    webhook_key: str
    events_topic_arn: str
    disable_after_days: int
    queue_url: str
    dead_letter_queue_arn: str
    dead_letter_queue_url: str
    unlogged_queue_url: str
    scheduler_role_arn: str
    schedule_group: str
    retry_schedule: RetrySchedule
    execution_retention_days: int
    details_retention_days: int
    details_of: DetailsOf
    capture_limit_bytes: int
    allow_http: bool
    allowed_networks: tuple[Network, ...]
    batch_size: int
    debug_sample_rate: float


class LogUnloggedSettings(_Settings):
    """What log_unlogged is configured with."""

    executions_table: str
    execution_details_table: str


class RunRecoverySettings(_Settings):
    """What run_recovery is configured with."""

    executions_table: str
    execution_details_table: str
    recoveries_table: str
    queue_url: str
    recovery_queue_url: str
    dead_letter_queue_url: str


class ReadSettings(_Settings):
    """What read_api is configured with."""

    executions_table: str
    execution_details_table: str
    webhooks_table: str
    recoveries_table: str
    sensitive_headers: SensitiveHeaders
    allowed_origin: str


class ResendSettings(_Settings):
    """What resend_api is configured with."""

    executions_table: str
    execution_details_table: str
    recoveries_table: str
    queue_url: str
    recovery_queue_url: str
    allowed_origin: str


class ManageSettings(_Settings):
    """What manage_api is configured with."""

    executions_table: str
    execution_details_table: str
    webhooks_table: str
    webhook_key: str
    allow_http: bool
    allowed_networks: tuple[Network, ...]
    max_webhooks_per_prefix: int
    allowed_origin: str


class TryWebhookSettings(_Settings):
    """What test_webhook is configured with."""

    executions_table: str
    execution_details_table: str
    webhooks_table: str
    recoveries_table: str
    webhook_key: str
    unlogged_queue_url: str
    execution_retention_days: int
    details_retention_days: int
    details_of: DetailsOf
    capture_limit_bytes: int
    allow_http: bool
    allowed_networks: tuple[Network, ...]
    sensitive_headers: SensitiveHeaders
    allowed_origin: str


class OidcSettings(_Settings):
    """An OIDC issuer, where its keys are, and for whom its tokens must be."""

    oidc_issuer: str
    oidc_jwks_url: str
    oidc_audience: str


class AuthorizerSettings(_Settings):
    """What authorize is configured with."""

    signing_key_secret: str
    oidc: OidcSettings | None


def _oidc(environ: Mapping[str, str]) -> OidcSettings | None:
    """All of it, or none."""
    if not any(environ.get(name) for name in ("OIDC_ISSUER", "OIDC_JWKS_URL", "OIDC_AUDIENCE")):
        return None
    oidc = OidcSettings.from_environment(environ)
    if not _JWKS_URL.fullmatch(oidc.oidc_jwks_url):
        raise InvalidSetting(f"OIDC_JWKS_URL must be an https:// URL, not {oidc.oidc_jwks_url!r}")
    return oidc


def _text(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "")
    if not value:
        raise InvalidSetting(f"{name} is not set: deploy with template.yaml, which sets it")
    return value


def _integer(environ: Mapping[str, str], name: str, least: int, most: int) -> int:
    value = _text(environ, name)
    if not (value.isascii() and value.isdecimal() and least <= int(value) <= most):
        raise InvalidSetting(f"{name} must be a whole number from {least} to {most}, not {value!r}")
    return int(value)


def _share(environ: Mapping[str, str], name: str) -> float:
    value = _text(environ, name)
    if not re.fullmatch(r"0(\.[0-9]+)?|1(\.0+)?", value):
        raise InvalidSetting(f"{name} must be a number from 0 to 1, not {value!r}")
    return float(value)


def _choice(environ: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    value = _text(environ, name)
    if value not in choices:
        raise InvalidSetting(f"{name} must be one of {', '.join(choices)}, not {value!r}")
    return value


_Reader = Callable[[Mapping[str, str], str], Any]

_READERS: Final[Mapping[str, _Reader]] = {
    "disable_after_days": partial(_integer, least=0, most=30),
    "retry_schedule": lambda environ, name: RetrySchedule.parse(environ.get(name) or ""),
    "execution_retention_days": partial(_integer, least=2, most=3650),
    "details_retention_days": partial(_integer, least=2, most=3650),
    "details_of": lambda environ, name: DetailsOf(_choice(environ, name, tuple(DetailsOf))),
    "capture_limit_bytes": partial(_integer, least=0, most=262_144),
    "allow_http": lambda environ, name: _choice(environ, name, ("true", "false")) == "true",
    "allowed_networks": lambda environ, name: parse_networks(environ.get(name) or ""),
    "sensitive_headers": lambda environ, name: SensitiveHeaders.parse(environ.get(name) or ""),
    "batch_size": partial(_integer, least=1, most=25),
    "debug_sample_rate": _share,
    "max_webhooks_per_prefix": partial(_integer, least=1, most=5000),
    "oidc": lambda environ, _: _oidc(environ),
}
