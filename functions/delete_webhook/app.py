"""DELETE /webhooks/{webhook_id}: remove a webhook; its history stays until it expires."""

from typing import Any

from aws_lambda_powertools import Logger

from hooklog import registry
from hooklog.access import Scope
from hooklog.api import Event, Request, answer
from hooklog.settings import DeleteWebhookSettings
from hooklog.tables import connect

logger = Logger()
settings = DeleteWebhookSettings.from_environment()
registry.WebhookRow.attach(connect(), settings.webhooks_table)


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 - Lambda passes it
    return answer(event, delete_webhook, settings.allowed_origin, logger)


def delete_webhook(event: Event) -> None:
    request = Request.parse(event)
    request.grant.require(Scope.WEBHOOKS_MANAGE, request.webhook_id)
    registry.delete(request.webhook_id)
