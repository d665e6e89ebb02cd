"""Tables of DynamoDB that are named by a setting and share a connection."""

from collections.abc import Callable

from pynamodb.connection import Connection
from pynamodb.exceptions import PynamoDBException, TableError
from pynamodb.models import Model


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


def try_write(write: Callable[[], object]) -> bool:
    """Make a conditional write; False if its condition does not hold. Raises pynamodb's other exceptions."""
    try:
        write()
    except PynamoDBException as error:
        if error.cause_response_code == "ConditionalCheckFailedException":
            return False
        raise
    return True
