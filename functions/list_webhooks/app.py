"""GET /webhooks: the webhooks that the token covers, in the order of their ids."""

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools import Logger

from hooklog.access.grants import Scope
from hooklog.api.answer import answer, fitting
from hooklog.api.cursor import make_webhook_cursor
from hooklog.api.request import Event, Request
from hooklog.aws import connect
from hooklog.settings import WebhooksSettings
from hooklog.webhooks import lists
from hooklog.webhooks.rows import WebhookRow

logger = Logger()
settings = WebhooksSettings.from_environment()
WebhookRow.attach(connect(), settings.webhooks_table)

PARAMETERS = frozenset({"limit", "cursor"})


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 - Lambda passes it
    return answer(event, list_webhooks, settings.allowed_origin, logger)


def list_webhooks(event: Event) -> Mapping[str, Any]:
    request = Request.parse(event, PARAMETERS)
    request.grant.require_scope(Scope.WEBHOOKS_READ)
    page = lists.covered(request.grant.webhooks, *request.webhooks_page)
    sensitive = None if Scope.WEBHOOKS_MANAGE in request.grant.scopes else settings.sensitive_headers
    webhooks = fitting([webhook.shown(sensitive) for webhook in page.webhooks])
    more_after = page.more_after if len(webhooks) == len(page.webhooks) else webhooks[-1]["webhook_id"]
    return {"webhooks": webhooks, "next_cursor": make_webhook_cursor(more_after)}
