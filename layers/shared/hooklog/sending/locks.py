"""Locks: what runs once at a time for a webhook.

A lock is an item that names its holder. It is written on the condition that it is free, and expires if it is never
released. Locks are kept in the table of recoveries, with the lock's name instead of a recovery's id.
"""

import time
from enum import StrEnum
from functools import partial

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import DoesNotExist

from hooklog.tables import AttachedTable, try_write


class Lock(StrEnum):
    """What may run once at a time. No recovery's id has a `#`."""

    RECOVERY = "#running"
    TEST = "#test"


class LockRow(AttachedTable):
    """Who holds a lock, or held it last."""

    class Meta:
        table_name = ""

    webhook_id = UnicodeAttribute(hash_key=True)
    lock = UnicodeAttribute(range_key=True, attr_name="recovery_id")
    holder = UnicodeAttribute(attr_name="named")
    taken_at = NumberAttribute(attr_name="named_at")
    expires_at = NumberAttribute()


def take(lock: Lock, webhook_id: str, holder: str, seconds: int, instead_of: str | None = None) -> bool:
    """Let this holder have the lock for so many seconds; False if another has it, other than `instead_of`.

    Taking it twice is taking it once: DynamoDB's answer may be lost.
    """
    now = int(time.time())
    row = LockRow(webhook_id, lock, holder=holder, taken_at=now, expires_at=now + seconds)
    free = LockRow.webhook_id.does_not_exist() | (LockRow.expires_at <= now) | (LockRow.holder == holder)
    return try_write(partial(row.save, free if instead_of is None else free | (LockRow.holder == instead_of)))


def read(lock: Lock, webhook_id: str) -> LockRow | None:
    """Who has it, read consistently; None if nobody ever took it, or it was released."""
    try:
        return LockRow.get(webhook_id, lock, consistent_read=True)
    except DoesNotExist:
        return None


def release(lock: Lock, webhook_id: str, holder: str) -> None:
    """Nothing happens if it has expired and another has it."""
    try_write(partial(LockRow(webhook_id, lock).delete, LockRow.holder == holder))
