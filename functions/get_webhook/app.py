"""GET /webhooks/{webhook_id}: one webhook."""

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools import Logger

from hooklog.access.grants import Scope
from hooklog.api.answer import answer
from hooklog.api.request import Event, Request
from hooklog.aws import connect
from hooklog.settings import WebhooksSettings
from hooklog.webhooks import registry
from hooklog.webhooks.rows import WebhookRow

logger = Logger()
settings = WebhooksSettings.from_environment()
WebhookRow.attach(connect(), settings.webhooks_table)


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 - Lambda passes it
    return answer(event, get_webhook, settings.allowed_origin, logger)


def get_webhook(event: Event) -> Mapping[str, Any]:
    request = Request.parse(event)
    request.grant.require(Scope.WEBHOOKS_READ, request.webhook_id)
    sensitive = None if Scope.WEBHOOKS_MANAGE in request.grant.scopes else settings.sensitive_headers
    return registry.find(request.webhook_id).webhook.shown(sensitive)
