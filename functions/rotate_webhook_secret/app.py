"""POST /webhooks/{webhook_id}/secret: a new secret; the one before signs as well for 24 hours."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger

from hooklog.access.grants import Scope
from hooklog.api.answer import answer
from hooklog.api.request import Event, Request
from hooklog.aws import Clients, connect
from hooklog.delivery.signature import new_key, secret_of
from hooklog.settings import SecretSettings
from hooklog.webhooks import registry
from hooklog.webhooks.encryption import KeyEncryption
from hooklog.webhooks.rows import WebhookRow

logger = Logger()
settings = SecretSettings.from_environment()
WebhookRow.attach(connect(), settings.webhooks_table)
encryption = KeyEncryption(Clients(), settings.webhook_key)


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 - Lambda passes it
    return answer(event, rotate_webhook_secret, settings.allowed_origin, logger)


def rotate_webhook_secret(event: Event) -> Mapping[str, Any]:
    request = Request.parse(event)
    request.grant.require(Scope.WEBHOOKS_MANAGE, request.webhook_id)
    stored, key, now = registry.find(request.webhook_id), new_key(), datetime.now(UTC)
    keys = registry.rotate(stored, encryption.encrypt(request.webhook_id, key), now)
    return {"secret": secret_of(key), **keys.shown(now)}
