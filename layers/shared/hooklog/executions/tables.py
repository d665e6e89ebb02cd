"""The two tables of the log, as pynamodb sees them. template.yaml says the same, and a test holds them together.

`Executions` holds a summary of every execution, always under 1 KB: one write unit, and a page of the history costs the
same however large the bodies are. `ExecutionDetails` holds what View shows, compressed, in as many items as it takes.
"""

from typing import Final

from pynamodb.attributes import BinaryAttribute, BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.connection import Connection
from pynamodb.exceptions import TableError
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex, IncludeProjection
from pynamodb.models import Model

CONDITION_FAILED: Final = "ConditionalCheckFailedException"
"""DynamoDB's code where the condition of a write did not hold."""


class AttachedTable(Model):
    """A table that is named by a setting and shares its connection."""

    @classmethod
    def attach(cls, connection: Connection, table_name: str) -> None:
        """Read and write this table, so named, over a connection that others share, or other items of it."""
        cls.Meta.table_name = table_name
        cls._connection = None
        table = cls._get_connection()
        try:
            connection.get_meta_table(table_name)
        except TableError:
            connection.add_meta_table(table.get_meta_table())
        table.connection = connection


class FailuresIndex(GlobalSecondaryIndex["ExecutionRow"]):  # type: ignore[no-untyped-call]
    """Failed executions alone: a row is in it if it has `failed_at`."""

    class Meta:
        index_name = "failures"
        projection = AllProjection()

    webhook_id = UnicodeAttribute(hash_key=True)
    failed_at = UnicodeAttribute(range_key=True)


class MessageIndex(GlobalSecondaryIndex["ExecutionRow"]):  # type: ignore[no-untyped-call]
    """The executions of one message."""

    class Meta:
        index_name = "by_message"
        projection = IncludeProjection(["attempt", "result", "skipped", "queue_message_id"])

    message_id = UnicodeAttribute(hash_key=True)
    executed_at = UnicodeAttribute(range_key=True)


class ExecutionRow(AttachedTable):
    """A summary. What is usual is left out (trigger event, no hard error), for it is stored by the million."""

    class Meta:
        table_name = ""

    webhook_id = UnicodeAttribute(hash_key=True)
    executed_at = UnicodeAttribute(range_key=True)
    failed_at = UnicodeAttribute(null=True)
    message_id = UnicodeAttribute()
    event_type = UnicodeAttribute(null=True)
    attempt = NumberAttribute()
    trigger = UnicodeAttribute(null=True)
    duration_ms = NumberAttribute()
    result = NumberAttribute()
    hard_error = BooleanAttribute(null=True)
    skipped = BooleanAttribute(null=True)
    redelivered = BooleanAttribute(null=True)
    resent_on_new_connection = BooleanAttribute(null=True)
    queue_message_id = UnicodeAttribute(null=True)
    """Of the queue message that was accepted, and of the one that asked for this attempt, as `chain.packed` has it."""
    retries_used = NumberAttribute(null=True)
    """How many delays of the retry schedule came before it; left out where none."""
    next_attempt_at = UnicodeAttribute(null=True)
    exhausted = BooleanAttribute(null=True)
    erased = BooleanAttribute(null=True)
    unkept = BooleanAttribute(null=True)
    """Of a failure: the deployment keeps no details."""
    error_type = UnicodeAttribute(null=True)
    """Of a hard error; rows of earlier releases have it only with `error_message`."""
    error_message = UnicodeAttribute(null=True)
    """Only where there are no details, which hold it otherwise."""
    expires_at = NumberAttribute()

    failures = FailuresIndex()
    by_message = MessageIndex()


class DetailsRow(AttachedTable):
    """A part of an execution's details; parts after the first have `#1`, `#2`… behind the execution's id.

    `#erased` there is the mark of one whose details were erased.
    """

    class Meta:
        table_name = ""

    webhook_id = UnicodeAttribute(hash_key=True)
    executed_at = UnicodeAttribute(range_key=True)
    content = BinaryAttribute(legacy_encoding=False)
    parts = NumberAttribute()
    expires_at = NumberAttribute()
