"""DynamoDB tables whose names are settings and which share a connection."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from pynamodb.connection import Connection
from pynamodb.exceptions import PynamoDBException, TableError
from pynamodb.models import Model

from hooklog.errors import ItemsNotRead

Item = Mapping[str, Mapping[str, Any]]
"""A row in DynamoDB's format. Creating a model's row from it takes longer than reading and parsing it."""

MAX_KEYS: Final = 100
"""Of a BatchGetItem request."""

_PAUSES: Final = (0.05, 0.1, 0.2, 0.4)
"""Seconds before each further request for keys that DynamoDB has not processed."""


class Key(NamedTuple):
    """The key of an item, and what to read of it."""

    table_name: str
    values: Item
    attributes: str = ""
    """A projection expression; empty for all attributes. The same for all keys of a table."""


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
    def get_key(cls, *values: str, attributes: str = "") -> Key:
        """Return the key of an item, whose parts are all texts."""
        table = cls._get_connection().get_meta_table()
        names = filter(None, (table.hash_keyname, table.range_keyname))
        parts = {name: {"S": value} for name, value in zip(names, values, strict=True)}
        return Key(cls.Meta.table_name, parts, attributes)

    @classmethod
    def call(cls, operation: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Call an operation of DynamoDB on the table, in its own format.

        For items whose attributes a model cannot declare. Raises botocore's exceptions.
        """
        arguments = {"TableName": cls.Meta.table_name, **arguments}
        response: dict[str, Any] = cls._get_connection().connection.dispatch(operation, arguments)
        return response


def get_items(connection: Connection, keys: Sequence[Key]) -> dict[str, list[Item]]:
    """Read items of one or several tables.

    Returns those that exist by table, in any order. Raises ItemsNotRead, and botocore's exceptions.
    """
    found: dict[str, list[Item]] = {key.table_name: [] for key in keys}
    for start in range(0, len(keys), MAX_KEYS):
        for table_name, items in _get_batch(connection, keys[start : start + MAX_KEYS]):
            found[table_name] += items
    return found


def _get_batch(connection: Connection, keys: Sequence[Key]) -> Iterator[tuple[str, list[Item]]]:
    unread = _build_request(keys)
    for pause in (*_PAUSES, None):
        response = connection.dispatch("BatchGetItem", {"RequestItems": unread})
        yield from response["Responses"].items()
        unread = response.get("UnprocessedKeys", {})
        if not unread:
            return
        if pause:
            time.sleep(pause)
    raise ItemsNotRead


def _build_request(keys: Sequence[Key]) -> dict[str, Any]:
    """Group the keys by table."""
    tables: dict[str, Any] = {}
    for key in keys:
        table = tables.setdefault(key.table_name, {"Keys": []})
        table["Keys"].append(key.values)
        if key.attributes:
            table["ProjectionExpression"] = key.attributes
    return tables


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
