"""GET /webhooks/{webhook_id}/secret: what a receiver verifies signatures with."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger

from hooklog.access.grants import Scope
from hooklog.api.answer import answer
from hooklog.api.request import Event, Request
from hooklog.aws import Clients, connect
from hooklog.delivery.signature import secret_of
from hooklog.settings import SecretSettings
from hooklog.webhooks import registry
from hooklog.webhooks.encryption import KeyEncryption
from hooklog.webhooks.rows import WebhookRow

logger = Logger()
settings = SecretSettings.from_environment()
WebhookRow.attach(connect(), settings.webhooks_table)
encryption = KeyEncryption(Clients(), settings.webhook_key)


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 - Lambda passes it
    return answer(event, get_webhook_secret, settings.allowed_origin, logger)


def get_webhook_secret(event: Event) -> Mapping[str, Any]:
    request = Request.parse(event)
    request.grant.require(Scope.WEBHOOKS_MANAGE, request.webhook_id)
    keys = registry.find(request.webhook_id).keys
    return {"secret": secret_of(encryption.decrypt(request.webhook_id, keys.current)), **keys.shown(datetime.now(UTC))}
