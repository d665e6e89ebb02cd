"""Records of the log's stream, in the shape that Lambda delivers them."""

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from hooklog.executions.execution import compact_time
from tests.template import ROOT

_EVENT = json.loads((ROOT / "events/stream_batch.json").read_text())

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
HOUR = "2026-11-28T12"
ID = "acme.orders"

Image = dict[str, Any]
Record = dict[str, Any]

_numbers = count(1)


def image(webhook_id: str = ID, at: datetime = NOON, **attributes: Any) -> Image:
    """Make the item of an execution, by default a success in 87 ms; None removes an attribute."""
    made: Image = copy.deepcopy(_EVENT["Records"][0]["dynamodb"]["NewImage"])
    made |= {"webhook_id": webhook_id, "executed_at": f"{compact_time(at)}-{next(_numbers):08x}", **attributes}
    return {
        name: value if isinstance(value, dict) else _typed(value) for name, value in made.items() if value is not None
    }


def failure(webhook_id: str = ID, at: datetime = NOON, **attributes: Any) -> Image:
    """Make the item of an execution that was answered 500."""
    made = image(webhook_id, at, result=500, **attributes)
    return {**made, "failed_at": made["executed_at"]}


def hard_error(error_type: str | None = "read_timeout", **attributes: Any) -> Image:
    return {**failure(**attributes), **image_of(result=0, hard_error=True, error_type=error_type)}


def image_of(**attributes: Any) -> Image:
    return {name: _typed(value) for name, value in attributes.items() if value is not None}


def _typed(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"BOOL": value}
    return {"N": str(value)} if isinstance(value, int) else {"S": value}


@dataclass
class Shard:
    """A shard of the stream. The sequence numbers of different shards are unrelated."""

    shard_id: str = _EVENT["shardId"]
    number: int = 4421584500000000017450439091

    def records(self, *images: Image, name: str = "INSERT") -> list[Record]:
        return [self._record(each, name) for each in images]

    def _record(self, new: Image, name: str) -> Record:
        self.number += 7
        record: Record = copy.deepcopy(_EVENT["Records"][0])
        record |= {"eventName": name, "eventID": f"{self.number:032x}"}
        record["dynamodb"] |= {
            "Keys": {key: new.get(key) for key in ("webhook_id", "executed_at")},
            "NewImage": new,
            "SequenceNumber": str(self.number),
        }
        if name == "REMOVE":
            del record["dynamodb"]["NewImage"]
        return record

    def event(self, records: Sequence[Record]) -> dict[str, Any]:
        return {**_EVENT, "Records": list(records), "shardId": self.shard_id}


def local_event(records: Sequence[Record]) -> dict[str, Any]:
    """Make an event of the local AWS, which has no tumbling windows and names no shard."""
    return {"Records": list(records)}


def hours_later(hours: float) -> datetime:
    return NOON + timedelta(hours=hours)


def sequence_numbers(records: Sequence[Mapping[str, Any]]) -> list[str]:
    return [record["dynamodb"]["SequenceNumber"] for record in records]
