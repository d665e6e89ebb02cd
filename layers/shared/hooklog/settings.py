"""The settings of each function: the only module that reads the environment.

Each class has exactly the variables that template.yaml sets for its function. A missing or malformed one raises
InvalidSetting when the function starts, before anything is sent. A function imports only the types that it reads.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Self, dataclass_transform

from hooklog.errors import InvalidSetting

if TYPE_CHECKING:
    from hooklog.access.cors import AllowedOrigins
    from hooklog.delivery.networks import Network
    from hooklog.executions.execution import DetailsOf, MessageIndex
    from hooklog.executions.masking import SensitiveHeaders
    from hooklog.webhooks.retry import RetrySchedule

_JWKS_URL: Final = re.compile(r"https://[^\s/@]+/\S*|http://127\.0\.0\.1:\d{1,5}/\S*")
"""https://, or 127.0.0.1 for tests: nothing listens there on Lambda."""


@dataclass_transform(kw_only_default=True, frozen_default=True)
class _Settings:
    """Settings, each read from the environment variable with its name in capitals.

    They are texts unless `_READERS` has a reader. Not dataclasses, because generating their code adds 0.3 ms each to
    every cold start.
    """

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"settings are read-only: {name}")

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Self:
        return cls(**{name: _READERS.get(name, _read_text)(environ, name.upper()) for name in cls.__annotations__})


class SenderSettings(_Settings):
    """Settings of send_webhooks."""

    executions_table: str
    execution_details_table: str
    webhooks_table: str
    seen_webhooks_table: str
    recoveries_table: str
    webhook_key: str
    events_topic_arn: str
    disable_after_days: int
    queue_url: str
    ordered_queue_url: str
    dead_letter_queue_arn: str
    dead_letter_queue_url: str
    unlogged_queue_url: str
    scheduler_role_arn: str
    schedule_group: str
    retry_schedule: RetrySchedule
    execution_retention_days: int
    details_retention_days: int
    details_of: DetailsOf
    message_index: MessageIndex
    capture_limit_bytes: int
    allow_http: bool
    allowed_networks: tuple[Network, ...]
    batch_size: int
    debug_sample_rate: float


class LogUnloggedSettings(_Settings):
    """Settings of log_unlogged."""

    executions_table: str
    execution_details_table: str


class CountExecutionsSettings(_Settings):
    """Settings of count_executions."""

    execution_counts_table: str
    seen_webhooks_table: str
    events_topic_arn: str
    execution_retention_days: int


class PublishEventsSettings(_Settings):
    """Settings of publish_events."""

    seen_webhooks_table: str
    webhooks_table: str
    events_topic_arn: str


class RunRecoverySettings(_Settings):
    """Settings of run_recovery."""

    executions_table: str
    execution_details_table: str
    recoveries_table: str
    queue_url: str
    recovery_queue_url: str
    dead_letter_queue_url: str


class ReadSettings(_Settings):
    """Settings of read_api."""

    executions_table: str
    execution_details_table: str
    webhooks_table: str
    recoveries_table: str
    execution_counts_table: str
    seen_webhooks_table: str
    count_executions: bool
    details_of: DetailsOf
    sensitive_headers: SensitiveHeaders
    allowed_origins: AllowedOrigins


class ResendSettings(_Settings):
    """Settings of resend_api."""

    executions_table: str
    execution_details_table: str
    recoveries_table: str
    queue_url: str
    recovery_queue_url: str
    allowed_origins: AllowedOrigins


class ManageSettings(_Settings):
    """Settings of manage_api."""

    executions_table: str
    execution_details_table: str
    webhooks_table: str
    webhook_key: str
    ordered_delivery: bool
    allow_http: bool
    allowed_networks: tuple[Network, ...]
    max_webhooks_per_prefix: int
    allowed_origins: AllowedOrigins


class WebhookTestSettings(_Settings):
    """Settings of test_webhook."""

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
    allowed_origins: AllowedOrigins


class HistoryPageSettings(_Settings):
    """Settings of history_page."""

    allowed_origins: AllowedOrigins
    frame_ancestors: str


class OidcSettings(_Settings):
    """An OIDC issuer, the URL of its keys, and the required audience of its tokens."""

    oidc_issuer: str
    oidc_jwks_url: str
    oidc_audience: str


class AuthorizerSettings(_Settings):
    """Settings of authorize."""

    signing_key_secret: str
    oidc: OidcSettings | None


def _read_oidc(environ: Mapping[str, str]) -> OidcSettings | None:
    """Return all OIDC settings, or None if none is set.

    Raises InvalidSetting if only some are.
    """
    if not any(environ.get(name) for name in ("OIDC_ISSUER", "OIDC_JWKS_URL", "OIDC_AUDIENCE")):
        return None
    oidc = OidcSettings.from_environment(environ)
    if not _JWKS_URL.fullmatch(oidc.oidc_jwks_url):
        raise InvalidSetting(f"OIDC_JWKS_URL must be an https:// URL, not {oidc.oidc_jwks_url!r}")
    return oidc


def _read_text(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "")
    if not value:
        raise InvalidSetting(f"{name} is not set: deploy with template.yaml, which sets it")
    return value


def _read_integer(environ: Mapping[str, str], name: str, minimum: int, maximum: int) -> int:
    value = _read_text(environ, name)
    if not (value.isascii() and value.isdecimal() and minimum <= int(value) <= maximum):
        raise InvalidSetting(f"{name} must be a whole number from {minimum} to {maximum}, not {value!r}")
    return int(value)


def _read_fraction(environ: Mapping[str, str], name: str) -> float:
    value = _read_text(environ, name)
    if not re.fullmatch(r"0(\.[0-9]+)?|1(\.0+)?", value):
        raise InvalidSetting(f"{name} must be a number from 0 to 1, not {value!r}")
    return float(value)


def _read_choice(environ: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    value = _read_text(environ, name)
    if value not in choices:
        raise InvalidSetting(f"{name} must be one of {', '.join(choices)}, not {value!r}")
    return value


def _read_schedule(environ: Mapping[str, str], name: str) -> RetrySchedule:
    from hooklog.webhooks.retry import RetrySchedule

    return RetrySchedule.parse(environ.get(name) or "")


def _read_details_of(environ: Mapping[str, str], name: str) -> DetailsOf:
    from hooklog.executions.execution import DetailsOf

    return DetailsOf(_read_choice(environ, name, tuple(DetailsOf)))


def _read_message_index(environ: Mapping[str, str], name: str) -> MessageIndex:
    from hooklog.executions.execution import MessageIndex

    return MessageIndex(_read_choice(environ, name, tuple(MessageIndex)))


def _read_networks(environ: Mapping[str, str], name: str) -> tuple[Network, ...]:
    from hooklog.delivery.networks import parse_networks

    return parse_networks(environ.get(name) or "")


def _read_sensitive_headers(environ: Mapping[str, str], name: str) -> SensitiveHeaders:
    from hooklog.executions.masking import SensitiveHeaders

    return SensitiveHeaders.parse(environ.get(name) or "")


def _read_origins(environ: Mapping[str, str], name: str) -> AllowedOrigins:
    from hooklog.access.cors import AllowedOrigins

    try:
        return AllowedOrigins.parse(_read_text(environ, name))
    except ValueError as error:
        raise InvalidSetting(f"{name}: {error}") from None


def _read_ancestors(environ: Mapping[str, str], name: str) -> str:
    """Read a Content-Security-Policy's frame-ancestors, separated by spaces.

    The SAM CLI removes the quotes of a parameter that is `'self'`.
    """
    from hooklog.access.cors import ORIGIN

    sources = ["'self'" if each == "self" else each for each in (environ.get(name) or "").split()]
    if wrong := [each for each in sources if each != "'self'" and not ORIGIN.fullmatch(each.lower())]:
        raise InvalidSetting(f"{name}: not 'self' or an origin such as https://app.example.com: {wrong[0]!r}")
    return " ".join(sources) or "'none'"


_Reader = Callable[[Mapping[str, str], str], Any]

_READERS: Final[Mapping[str, _Reader]] = {
    "disable_after_days": partial(_read_integer, minimum=0, maximum=30),
    "retry_schedule": _read_schedule,
    "execution_retention_days": partial(_read_integer, minimum=2, maximum=3650),
    "details_retention_days": partial(_read_integer, minimum=2, maximum=3650),
    "details_of": _read_details_of,
    "message_index": _read_message_index,
    "capture_limit_bytes": partial(_read_integer, minimum=0, maximum=262_144),
    "allow_http": lambda environ, name: _read_choice(environ, name, ("true", "false")) == "true",
    "count_executions": lambda environ, name: _read_choice(environ, name, ("true", "false")) == "true",
    "ordered_delivery": lambda environ, name: _read_choice(environ, name, ("enabled", "disabled")) == "enabled",
    "allowed_networks": _read_networks,
    "sensitive_headers": _read_sensitive_headers,
    "allowed_origins": _read_origins,
    "frame_ancestors": _read_ancestors,
    "batch_size": partial(_read_integer, minimum=1, maximum=25),
    "debug_sample_rate": _read_fraction,
    "max_webhooks_per_prefix": partial(_read_integer, minimum=1, maximum=5000),
    "oidc": lambda environ, _: _read_oidc(environ),
}
