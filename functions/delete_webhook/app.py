"""DELETE /webhooks/{webhook_id}: remove a webhook; its history stays until it expires."""

from typing import Any

from aws_lambda_powertools import Logger

from hooklog.access.grants import Scope
from hooklog.api.answer import answer
from hooklog.api.request import Event, Request
from hooklog.aws import connect
from hooklog.settings import DeleteWebhookSettings
from hooklog.webhooks import registry
from hooklog.webhooks.rows import WebhookRow

logger = Logger()
settings = DeleteWebhookSettings.from_environment()
WebhookRow.attach(connect(), settings.webhooks_table)


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 - Lambda passes it
    return answer(event, delete_webhook, settings.allowed_origin, logger)


def delete_webhook(event: Event) -> None:
    request = Request.parse(event)
    request.grant.require(Scope.WEBHOOKS_MANAGE, request.webhook_id)
    registry.delete(request.webhook_id)
