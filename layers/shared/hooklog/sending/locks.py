"""Locks, so that a webhook has only one recovery, one dry run of a recovery and one test at a time.

A lock is an item with its holder in the table of recoveries; the lock's name takes the place of a recovery ID. A
conditional write takes it if it is free. It expires if it is never released.
"""

import time
from enum import StrEnum
from functools import partial

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import DoesNotExist

from hooklog.tables import AttachedTable, try_write


class Lock(StrEnum):
    """The locks of a webhook. Recovery IDs do not contain `#`."""

    RECOVERY = "#running"
    DRY_RUN = "#dry_run"
    TEST = "#test"


class LockRow(AttachedTable):
    """A lock and its last holder."""

    class Meta:
        table_name = ""

    webhook_id = UnicodeAttribute(hash_key=True)
    lock = UnicodeAttribute(range_key=True, attr_name="recovery_id")
    holder = UnicodeAttribute(attr_name="named")
    taken_at = NumberAttribute(attr_name="named_at")
    expires_at = NumberAttribute()


def take(lock: Lock, webhook_id: str, holder: str, seconds: int, instead_of: str | None = None) -> bool:
    """Take the lock for so many seconds; return whether that succeeded.

    Returns False if a holder other than `instead_of` has it. Idempotent, because DynamoDB's response may be lost.
    """
    now = int(time.time())
    row = LockRow(webhook_id, lock, holder=holder, taken_at=now, expires_at=now + seconds)
    is_free = LockRow.webhook_id.does_not_exist() | (LockRow.expires_at <= now) | (LockRow.holder == holder)
    return try_write(partial(row.save, is_free if instead_of is None else is_free | (LockRow.holder == instead_of)))


def read(lock: Lock, webhook_id: str) -> LockRow | None:
    """Read a lock consistently; None if it was never taken or was released."""
    try:
        return LockRow.get(webhook_id, lock, consistent_read=True)
    except DoesNotExist:
        return None


def release(lock: Lock, webhook_id: str, holder: str) -> None:
    """Release the lock, unless it expired and another holder has it."""
    try_write(partial(LockRow(webhook_id, lock).delete, LockRow.holder == holder))
