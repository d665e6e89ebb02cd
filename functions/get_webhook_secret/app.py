"""GET /webhooks/{webhook_id}/secret: what a receiver verifies signatures with."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger

from hooklog import registry
from hooklog.access import Scope
from hooklog.api import Event, Request, answer
from hooklog.clients import Clients
from hooklog.settings import SecretSettings
from hooklog.signature import secret_of
from hooklog.tables import connect
from hooklog.vault import Vault

logger = Logger()
settings = SecretSettings.from_environment()
registry.WebhookRow.attach(connect(), settings.webhooks_table)
vault = Vault(Clients(), settings.webhook_key)


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 - Lambda passes it
    return answer(event, get_webhook_secret, settings.allowed_origin, logger)


def get_webhook_secret(event: Event) -> Mapping[str, Any]:
    request = Request.parse(event)
    request.grant.require(Scope.WEBHOOKS_MANAGE, request.webhook_id)
    keys = registry.find(request.webhook_id).keys
    return {"secret": secret_of(vault.open(request.webhook_id, keys.current)), **keys.shown(datetime.now(UTC))}
