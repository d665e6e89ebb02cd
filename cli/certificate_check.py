"""The check of `hooklog doctor` for client certificates that expire."""

import json
from datetime import datetime
from typing import Any, Final

from cli.findings import CheckedStack, Finding, Status
from hooklog.webhooks.client_certificate import LISTED_CERTIFICATES, NOTICE

MAX_SHOWN: Final = 20
"""Certificates that the advice lists."""


def check_client_certificates(stack: CheckedStack) -> Finding:
    ends = sorted((_read_end(item), str(item["webhook_id"]["S"])) for item in _list_items(stack))
    if not ends:
        return Finding(Status.OK, "No webhook has one.")
    if soon := [(end, webhook_id) for end, webhook_id in ends if end - stack.now <= NOTICE]:
        lines = [f"{webhook_id}: {_describe_end(end, stack.now)}" for end, webhook_id in soon[:MAX_SHOWN]]
        upload = "hooklog webhooks set WEBHOOK --client-certificate FILE --client-key FILE"
        found = f"{len(soon)} of {len(ends)} have expired, or expire within {NOTICE.days} days."
        return Finding(
            Status.WARNING, found, "\n".join([*lines, f"Ask their owners for new ones, then run:\n{upload}"])
        )
    end, webhook_id = ends[0]
    return Finding(Status.OK, f"{len(ends)}. The first, of {webhook_id}, {_describe_end(end, stack.now)}.")


def _list_items(stack: CheckedStack) -> list[dict[str, Any]]:
    pages = stack.client("dynamodb").get_paginator("query")
    found = pages.paginate(
        TableName=stack.physical_id("Webhooks"),
        IndexName="certificates",
        KeyConditionExpression="certificates = :all",
        ExpressionAttributeValues={":all": {"S": LISTED_CERTIFICATES}},
    )
    return [item for page in found for item in page["Items"]]


def _read_end(item: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(json.loads(item["client_certificate"]["S"])["not_after"])


def _describe_end(end: datetime, now: datetime) -> str:
    days = (end - now).days
    at = f"{end:%Y-%m-%d}"
    return f"expired on {at}" if end <= now else f"expires on {at}, in {days} day{'' if days == 1 else 's'}"
