"""The only place that reads the environment: what each function is configured with.

Each class holds exactly the variables that template.yaml gives to its function. A missing or malformed one
raises InvalidSetting when the function starts, before anything is sent.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, Self, cast

from hooklog.errors import InvalidSetting
from hooklog.execution import DetailsOf
from hooklog.masking import SensitiveHeaders
from hooklog.networks import Network, parse_networks
from hooklog.retry import RetrySchedule

_JWKS_URL: Final = re.compile(r"https://[^\s/@]+/\S*|http://127\.0\.0\.1:\d{1,5}/\S*")
"""https://, or the machine's own address: on Lambda nobody else listens there."""


class _Texts:
    """Settings that are texts alone, each read from the variable of its name in capitals."""

    __slots__ = ()

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Self:
        names = [field.name for field in fields(cast("Any", cls))]
        return cls(**{name: _text(environ, name.upper()) for name in names})


@dataclass(frozen=True, slots=True)
class SenderSettings:
    """What send_webhooks is configured with."""

    executions_table: str
    execution_details_table: str
    webhooks_table: str
    webhook_key: str
    events_topic_arn: str
    disable_after_days: int
    queue_url: str
    queue_arn: str
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

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Self:
        return cls(
            executions_table=_text(environ, "EXECUTIONS_TABLE"),
            execution_details_table=_text(environ, "EXECUTION_DETAILS_TABLE"),
            webhooks_table=_text(environ, "WEBHOOKS_TABLE"),
            webhook_key=_text(environ, "WEBHOOK_KEY"),
            events_topic_arn=_text(environ, "EVENTS_TOPIC_ARN"),
            disable_after_days=_integer(environ, "DISABLE_AFTER_DAYS", 0, 30),
            queue_url=_text(environ, "QUEUE_URL"),
            queue_arn=_text(environ, "QUEUE_ARN"),
            dead_letter_queue_arn=_text(environ, "DEAD_LETTER_QUEUE_ARN"),
            dead_letter_queue_url=_text(environ, "DEAD_LETTER_QUEUE_URL"),
            unlogged_queue_url=_text(environ, "UNLOGGED_QUEUE_URL"),
            scheduler_role_arn=_text(environ, "SCHEDULER_ROLE_ARN"),
            schedule_group=_text(environ, "SCHEDULE_GROUP"),
            retry_schedule=RetrySchedule.parse(environ.get("RETRY_SCHEDULE") or ""),
            execution_retention_days=_integer(environ, "EXECUTION_RETENTION_DAYS", 2, 3650),
            details_retention_days=_integer(environ, "DETAILS_RETENTION_DAYS", 2, 3650),
            details_of=DetailsOf(_choice(environ, "DETAILS_OF", tuple(DetailsOf))),
            capture_limit_bytes=_integer(environ, "CAPTURE_LIMIT_BYTES", 0, 262_144),
            allow_http=_choice(environ, "ALLOW_HTTP", ("true", "false")) == "true",
            allowed_networks=parse_networks(environ.get("ALLOWED_NETWORKS") or ""),
            batch_size=_integer(environ, "BATCH_SIZE", 1, 10),
            debug_sample_rate=_share(environ, "DEBUG_SAMPLE_RATE"),
        )


@dataclass(frozen=True, slots=True)
class ListSettings(_Texts):
    """What list_executions and list_message_executions are configured with."""

    executions_table: str
    allowed_origin: str


@dataclass(frozen=True, slots=True)
class GetSettings:
    """What get_execution is configured with."""

    executions_table: str
    execution_details_table: str
    webhooks_table: str
    sensitive_headers: SensitiveHeaders
    allowed_origin: str

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Self:
        return cls(
            executions_table=_text(environ, "EXECUTIONS_TABLE"),
            execution_details_table=_text(environ, "EXECUTION_DETAILS_TABLE"),
            webhooks_table=_text(environ, "WEBHOOKS_TABLE"),
            sensitive_headers=SensitiveHeaders.parse(environ.get("SENSITIVE_HEADERS") or ""),
            allowed_origin=_text(environ, "ALLOWED_ORIGIN"),
        )


@dataclass(frozen=True, slots=True)
class ResendSettings(_Texts):
    """What resend_execution is configured with."""

    executions_table: str
    execution_details_table: str
    queue_url: str
    allowed_origin: str


@dataclass(frozen=True, slots=True)
class EraseSettings(_Texts):
    """What erase_execution_details and erase_message_details are configured with."""

    executions_table: str
    execution_details_table: str
    allowed_origin: str


@dataclass(frozen=True, slots=True)
class LogUnloggedSettings(_Texts):
    """What log_unlogged is configured with."""

    executions_table: str
    execution_details_table: str


@dataclass(frozen=True, slots=True)
class StartRecoverySettings(_Texts):
    """What start_recovery is configured with."""

    recoveries_table: str
    recovery_queue_url: str
    allowed_origin: str


@dataclass(frozen=True, slots=True)
class GetRecoverySettings(_Texts):
    """What get_recovery is configured with."""

    recoveries_table: str
    allowed_origin: str


@dataclass(frozen=True, slots=True)
class RunRecoverySettings(_Texts):
    """What run_recovery is configured with."""

    executions_table: str
    execution_details_table: str
    recoveries_table: str
    queue_url: str
    recovery_queue_url: str


@dataclass(frozen=True, slots=True)
class WebhooksSettings:
    """What list_webhooks and get_webhook are configured with."""

    webhooks_table: str
    sensitive_headers: SensitiveHeaders
    allowed_origin: str

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Self:
        return cls(
            webhooks_table=_text(environ, "WEBHOOKS_TABLE"),
            sensitive_headers=SensitiveHeaders.parse(environ.get("SENSITIVE_HEADERS") or ""),
            allowed_origin=_text(environ, "ALLOWED_ORIGIN"),
        )


@dataclass(frozen=True, slots=True)
class DeleteWebhookSettings(_Texts):
    """What delete_webhook is configured with."""

    webhooks_table: str
    allowed_origin: str


@dataclass(frozen=True, slots=True)
class PutWebhookSettings:
    """What put_webhook is configured with."""

    webhooks_table: str
    webhook_key: str
    allow_http: bool
    allowed_networks: tuple[Network, ...]
    allowed_origin: str

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Self:
        return cls(
            webhooks_table=_text(environ, "WEBHOOKS_TABLE"),
            webhook_key=_text(environ, "WEBHOOK_KEY"),
            allow_http=_choice(environ, "ALLOW_HTTP", ("true", "false")) == "true",
            allowed_networks=parse_networks(environ.get("ALLOWED_NETWORKS") or ""),
            allowed_origin=_text(environ, "ALLOWED_ORIGIN"),
        )


@dataclass(frozen=True, slots=True)
class TryWebhookSettings:
    """What test_webhook is configured with."""

    executions_table: str
    execution_details_table: str
    webhooks_table: str
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

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Self:
        return cls(
            executions_table=_text(environ, "EXECUTIONS_TABLE"),
            execution_details_table=_text(environ, "EXECUTION_DETAILS_TABLE"),
            webhooks_table=_text(environ, "WEBHOOKS_TABLE"),
            webhook_key=_text(environ, "WEBHOOK_KEY"),
            unlogged_queue_url=_text(environ, "UNLOGGED_QUEUE_URL"),
            execution_retention_days=_integer(environ, "EXECUTION_RETENTION_DAYS", 2, 3650),
            details_retention_days=_integer(environ, "DETAILS_RETENTION_DAYS", 2, 3650),
            details_of=DetailsOf(_choice(environ, "DETAILS_OF", tuple(DetailsOf))),
            capture_limit_bytes=_integer(environ, "CAPTURE_LIMIT_BYTES", 0, 262_144),
            allow_http=_choice(environ, "ALLOW_HTTP", ("true", "false")) == "true",
            allowed_networks=parse_networks(environ.get("ALLOWED_NETWORKS") or ""),
            sensitive_headers=SensitiveHeaders.parse(environ.get("SENSITIVE_HEADERS") or ""),
            allowed_origin=_text(environ, "ALLOWED_ORIGIN"),
        )


@dataclass(frozen=True, slots=True)
class SecretSettings(_Texts):
    """What get_webhook_secret and rotate_webhook_secret are configured with."""

    webhooks_table: str
    webhook_key: str
    allowed_origin: str


@dataclass(frozen=True, slots=True)
class OidcSettings(_Texts):
    """An OIDC issuer, where its keys are, and for whom its tokens must be."""

    oidc_issuer: str
    oidc_jwks_url: str
    oidc_audience: str


@dataclass(frozen=True, slots=True)
class AuthorizerSettings:
    """What authorize is configured with."""

    signing_key_secret: str
    oidc: OidcSettings | None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Self:
        return cls(_text(environ, "SIGNING_KEY_SECRET"), _oidc(environ))


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
