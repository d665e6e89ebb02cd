"""PUT /webhooks/{webhook_id}: set a webhook up, or put another form of it in its place."""

from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools import Logger

from hooklog.access.grants import Grant, Scope
from hooklog.access.loops import refuse_own_url
from hooklog.api.answer import Reply, answer
from hooklog.api.request import Event, Request
from hooklog.aws import Clients, connect
from hooklog.delivery.guard import Guard
from hooklog.delivery.signature import new_key, secret_of
from hooklog.errors import Conflict, InvalidRequest, Undelivered
from hooklog.settings import PutWebhookSettings
from hooklog.webhooks import lists, registry
from hooklog.webhooks.encryption import KeyEncryption
from hooklog.webhooks.rows import WebhookRow
from hooklog.webhooks.transformation import Transformer
from hooklog.webhooks.webhook import Webhook

logger = Logger()
settings = PutWebhookSettings.from_environment()
connection = connect()
WebhookRow.attach(connection, settings.webhooks_table)
encryption = KeyEncryption(Clients(), settings.webhook_key)
guard = Guard(settings.allowed_networks)
transformer = Transformer()

SCHEMES = ("https", "http") if settings.allow_http else ("https",)
LOOK_UP_SECONDS = 2


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 - Lambda passes it
    return answer(event, put_webhook, settings.allowed_origin, logger)


def put_webhook(event: Event) -> Reply:
    request = Request.parse(event)
    request.grant.require(Scope.WEBHOOKS_MANAGE, request.webhook_id)
    stored = registry.read(request.webhook_id, consistent=True)
    checks = {"url": partial(check_url, event), "transformation": check_transformation}
    webhook = Webhook.parse(request.document, request.webhook_id, stored and stored.webhook, checks)
    check_topic(webhook, stored and stored.webhook, request.grant)
    if stored is None:
        check_room(request.grant.prefix(webhook.webhook_id))
    now = datetime.now(UTC)
    if stored:
        return Reply(HTTPStatus.OK, registry.change(webhook, stored, now).shown(None))
    key = new_key()
    created = registry.create(webhook, encryption.encrypt(webhook.webhook_id, key), now)
    return Reply(HTTPStatus.CREATED, {**created.shown(None), "secret": secret_of(key)})


def check_topic(webhook: Webhook, stored: Webhook | None, grant: Grant) -> None:
    """Raises Forbidden where it joins a topic that is not the token's. It may keep one, and leave any."""
    if webhook.topic is not None and webhook.topic != (stored and stored.topic):
        grant.require_topic(webhook.topic)


def check_room(prefix: str) -> None:
    """Raises Conflict where there are as many webhooks below the prefix as there may be; what is empty is no prefix."""
    most = settings.max_webhooks_per_prefix
    if prefix and lists.count(connection, prefix, most) >= most:
        raise Conflict(f"the prefix {prefix}* already has {most:,} webhooks, which is the limit: delete one first")


def check_url(event: Event, url: str) -> None:
    """Raises InvalidRequest for what would not be sent to. A name that is not found now may be found later."""
    try:
        guard.check_url(url, SCHEMES, LOOK_UP_SECONDS)
    except Undelivered as refusal:
        if not refusal.error_type.is_retried:
            raise InvalidRequest(f"url: {refusal.message}") from None
    refuse_own_url(url, event)


def check_transformation(expression: str | None) -> None:
    """Raises InvalidRequest where it does not compile."""
    if expression is not None:
        transformer.check(expression)
