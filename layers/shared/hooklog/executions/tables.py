"""Tables of DynamoDB that are named by a setting and share a connection."""

from typing import Final

from pynamodb.connection import Connection
from pynamodb.exceptions import TableError
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
