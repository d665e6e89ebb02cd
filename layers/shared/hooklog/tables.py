"""DynamoDB tables whose names are settings and which share a connection."""

from collections.abc import Callable, Mapping
from typing import Any

from pynamodb.connection import Connection
from pynamodb.exceptions import PynamoDBException, TableError
from pynamodb.models import Model


class AttachedTable(Model):
    """A table whose name is a setting, on a shared connection."""

    @classmethod
    def attach(cls, connection: Connection, table_name: str) -> None:
        """Set the table's name and connection. Several models may share one table."""
        cls.Meta.table_name = table_name
        cls._connection = None
        table = cls._get_connection()
        try:
            connection.get_meta_table(table_name)
        except TableError:
            connection.add_meta_table(table.get_meta_table())
        table.connection = connection

    @classmethod
    def call(cls, operation: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Call an operation of DynamoDB on the table, in its own format.

        For items whose attributes a model cannot declare. Raises botocore's exceptions.
        """
        arguments = {"TableName": cls.Meta.table_name, **arguments}
        response: dict[str, Any] = cls._get_connection().connection.dispatch(operation, arguments)
        return response


def try_write(write: Callable[[], object]) -> bool:
    """Run a conditional write; return False if its condition is not met.

    Raises pynamodb's other exceptions.
    """
    try:
        write()
    except PynamoDBException as error:
        if error.cause_response_code == "ConditionalCheckFailedException":
            return False
        raise
    return True
