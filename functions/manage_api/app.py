"""The function that changes webhooks, rotates secrets and erases details.

It also creates and deletes webhooks, and reads their secrets.
"""

from hooklog.startup import end_startup

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools import Logger

from hooklog.access.grants import Grant
from hooklog.access.loops import refuse_own_url
from hooklog.api.request import Request
from hooklog.api.response import Handler, Response, respond
from hooklog.aws import Clients, connect_dynamodb
from hooklog.delivery.guard import Guard
from hooklog.delivery.signature import format_secret, generate_key
from hooklog.errors import Conflict, HardError, InvalidRequest
from hooklog.executions.details import DetailsRow
from hooklog.executions.erasure import erase_execution, erase_message
from hooklog.executions.rows import ExecutionRow
from hooklog.settings import ManageSettings
from hooklog.webhooks import lists, registry
from hooklog.webhooks.client_certificate import EncryptedClientKey
from hooklog.webhooks.encryption import KeyEncryption, Purpose
from hooklog.webhooks.rotation import Rotation
from hooklog.webhooks.rows import Registered, WebhookRow
from hooklog.webhooks.transformation import Transformer
from hooklog.webhooks.webhook import Webhook

logger = Logger()
settings = ManageSettings.from_environment()
connection = connect_dynamodb()
ExecutionRow.attach(connection, settings.executions_table)
DetailsRow.attach(connection, settings.execution_details_table)
WebhookRow.attach(connection, settings.webhooks_table)
encryption = KeyEncryption(Clients(), settings.webhook_key)
guard = Guard(settings.allowed_networks)
transformer = Transformer()

SCHEMES = ("https", "http") if settings.allow_http else ("https",)
LOOK_UP_SECONDS = 2
end_startup()


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 - Lambda passes it
    return respond(event, HANDLERS, settings.allowed_origins, logger)


def put_webhook(request: Request) -> Response:
    stored = registry.read(request.webhook_id, consistent=True)
    checks = {
        "url": partial(check_url, request.context),
        "transformation": check_transformation,
        "ordered": check_ordered,
    }
    webhook = Webhook.parse(request.document, request.webhook_id, stored and stored.webhook, checks)
    check_topic(webhook, stored and stored.webhook, request.grant)
    if stored is None:
        check_webhook_limit(request.grant.get_prefix(webhook.webhook_id))
    now, client_key = datetime.now(UTC), make_client_key(webhook, stored)
    if stored:
        return Response(HTTPStatus.OK, registry.change(webhook, stored, now, client_key).to_response(None))
    key = generate_key()
    created = registry.create(webhook, encryption.encrypt(webhook.webhook_id, key), now, client_key)
    return Response(HTTPStatus.CREATED, {**created.to_response(None), "secret": format_secret(key)})


def make_client_key(webhook: Webhook, stored: Registered | None) -> EncryptedClientKey | None:
    """Encrypt the key of an uploaded client certificate, or return the stored one's."""
    if not (certificate := webhook.client_certificate):
        return None
    if not (uploaded := certificate.uploaded):
        return stored and stored.client_key
    encrypted = encryption.encrypt(webhook.webhook_id, uploaded.key, Purpose.CLIENT_CERTIFICATE)
    return EncryptedClientKey(uploaded.chain, encrypted, certificate.first_notice)


def delete_webhook(request: Request) -> None:
    """Delete the webhook. Its history stays until it expires."""
    registry.delete(request.webhook_id)


def get_webhook_secret(request: Request) -> Mapping[str, Any]:
    keys = registry.find(request.webhook_id).keys
    return {
        "secret": format_secret(encryption.decrypt(request.webhook_id, keys.current)),
        **keys.to_response(datetime.now(UTC)),
    }


def rotate_webhook_secret(request: Request) -> Mapping[str, Any]:
    rotation = Rotation.parse(request.document if request.body else {})
    stored, now = registry.find(request.webhook_id), datetime.now(UTC)
    key = rotation.key or generate_key()
    keys = rotation.apply(request.webhook_id, stored.keys, key, encryption, now)
    registry.replace_keys(stored, keys)
    return {"secret": format_secret(key), **keys.to_response(now)}


def erase_execution_details(request: Request) -> None:
    erase_execution(request.webhook_id, request.execution_id)
    logger.info(
        "details erased", event="details_erased", webhook_id=request.webhook_id, execution_id=request.execution_id
    )


def erase_message_details(request: Request) -> None:
    """Erase the message's details on the webhooks that the token covers."""
    erased = erase_message(request.message_id, request.grant.covers)
    logger.info("details erased", event="details_erased", message_id=request.message_id, executions=erased)


def check_topic(webhook: Webhook, stored: Webhook | None, grant: Grant) -> None:
    """Raise Forbidden if the webhook joins a topic that the token does not cover.

    It may keep or leave any topic.
    """
    if webhook.topic is not None and webhook.topic != (stored and stored.topic):
        grant.require_topic(webhook.topic)


def check_webhook_limit(prefix: str) -> None:
    """Raise Conflict if the prefix has reached the limit of webhooks.

    Without a prefix, there is no limit.
    """
    limit = settings.max_webhooks_per_prefix
    if prefix and lists.count_webhooks(connection, prefix, limit) >= limit:
        raise Conflict(f"the prefix {prefix}* already has {limit:,} webhooks, which is the limit; delete one first")


def check_url(context: Mapping[str, Any], url: str) -> None:
    """Raise InvalidRequest for a URL that cannot be sent to.

    A name without an address now may get one later.
    """
    try:
        guard.check_url(url, SCHEMES, LOOK_UP_SECONDS)
    except HardError as error:
        if not error.error_type.is_retried:
            raise InvalidRequest(f"url: {error.message}") from None
    refuse_own_url(url, context)


def check_transformation(expression: str | None) -> None:
    """Raise InvalidRequest if the expression does not compile."""
    if expression is not None:
        transformer.check(expression)


def check_ordered(ordered: bool) -> None:
    """Raise InvalidRequest for an ordered webhook if the deployment does not poll the ordered queue."""
    if ordered and not settings.ordered_delivery:
        raise InvalidRequest("ordered: this deployment has no ordered delivery; deploy it with OrderedDelivery=enabled")


HANDLERS: Mapping[str, Handler] = {
    each.__name__: each
    for each in (
        put_webhook,
        delete_webhook,
        get_webhook_secret,
        rotate_webhook_secret,
        erase_execution_details,
        erase_message_details,
    )
}
