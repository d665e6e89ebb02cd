"""Every response of tests/receiver/responses, as the client parses it."""

import contextlib
import socket
import threading
import tomllib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from hooklog.delivery.client import WebhookClient
from hooklog.delivery.delivery import Delivery
from hooklog.delivery.egress import EgressAdapter
from hooklog.delivery.guard import Guard
from hooklog.delivery.networks import parse_networks
from hooklog.executions.details import build_details
from hooklog.executions.execution import Execution, Trigger
from hooklog.messages.call import Call
from hooklog.messages.message import Message
from tests.receiver import Receiver
from tests.receiver.behaviours import RESPONSES
from tests.receiver.certificates import make_certificates

Row = Mapping[str, Any]
ROWS: Mapping[str, Row] = tomllib.loads((RESPONSES / "table.toml").read_text())
FIELDS = {
    "incomplete": "response_incomplete",
    "headers_truncated": "response_headers_truncated",
    "note": "response_body_note",
    "encoding": "response_body_encoding",
    "charset": "response_body_charset",
}
LIMIT = 65_536
OVER_SECONDS, NEVER_SECONDS = 3, 30
"""Timeouts of deliveries that are expected to time out, and of the others."""

MESSAGE = Message("acme.orders", "msg_1", "", b'{"order":1742}', {}, None, 5)


class Outcome(NamedTuple):
    """The outcome of a delivery and of the next one to the same receiver."""

    delivery: Delivery
    details: dict[str, Any]
    is_reused: bool
    """Whether both used one connection."""
    next_result: int
    timed_out: bool
    """Whether the delivery used its whole timeout."""


OutcomeOf = Callable[[str, str], Outcome]


@pytest.fixture(scope="module")
def outcome_of(receiver: Receiver) -> Iterator[OutcomeOf]:
    """Read all responses concurrently: some wait for a timeout."""
    with ThreadPoolExecutor(24) as pool:
        started: dict[tuple[str, str], Future[Outcome]] = {
            (name, scheme): pool.submit(_read, receiver, name, scheme)
            for scheme in ("http", "https")
            for name in sorted(ROWS, key=lambda name: "waits" not in ROWS[name])
        }
        yield lambda name, scheme: started[name, scheme].result()


def _read(receiver: Receiver, name: str, scheme: str) -> Outcome:
    row = ROWS[name]
    adapter = EgressAdapter(Guard(parse_networks("127.0.0.0/8")), ca_bundle=str(receiver.ca_path))
    client = WebhookClient(adapter, allow_http=True, capture_limit=LIMIT)

    def deliver(path: str, timeout_seconds: float, **query: str) -> Delivery:
        url = receiver.url(path, https=scheme == "https", **query)
        return client.deliver(Call.from_message(MESSAGE._replace(url=url, timeout_seconds=timeout_seconds)), 1)

    timeout = OVER_SECONDS if "waits" in row else NEVER_SECONDS
    paths = f"/response/{name}/{scheme}", f"/status/299/{name}/{scheme}"
    delivery = deliver(paths[0], timeout, **{key: row[key] for key in ("ends", "late") if key in row})
    if row.get("next_waits"):
        receiver.wait_for_answer(paths[0])
    next_result = deliver(paths[1], NEVER_SECONDS).result
    adapter.close()
    (first,), (second,) = (receiver.received(path) for path in paths)
    details = build_details(Execution("", delivery, Trigger.EVENT, ""))
    is_reused = first.connection == second.connection
    return Outcome(delivery, details, is_reused, next_result, timed_out=delivery.duration_ms >= timeout * 1000)


def test_each_file_has_a_row() -> None:
    assert sorted(path.stem for path in RESPONSES.glob("*.http")) == sorted(ROWS)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("name", ROWS)
def test_each_response_gives_the_execution_of_its_row(outcome_of: OutcomeOf, name: str, scheme: str) -> None:
    row, outcome = ROWS[name], outcome_of(name, scheme)
    delivery = outcome.delivery
    result = int(name.partition("-")[0])
    assert (delivery.result, delivery.success) == (result, 200 <= result <= 299)
    assert (delivery.error.error_type if delivery.error else None) == row.get("error")
    assert outcome.timed_out == row.get("waits", False)
    if "error" not in row:
        assert _shown(outcome.details, row) == _expected(row)
    closes = "error" in row or row.get("connection") == "closed"
    assert (outcome.is_reused, outcome.next_result) == (not closes, 299)


def _expected(row: Row) -> dict[str, Any]:
    fields = ("headers", "includes", "headers_count", "body", "body_starts", "body_length", *FIELDS)
    expected = {name: row[name] for name in fields if name in row}
    length = row.get("bytes", len(row.get("body", "").encode()))
    return expected | {"truncated": row.get("truncated", False), "bytes": None if length == "unknown" else length}


def _shown(details: Mapping[str, Any], row: Row) -> dict[str, Any]:
    headers, body = details["response_headers"], details["response_body"]
    shown = {name: details[field] for name, field in FIELDS.items() if field in details}
    shown |= {"truncated": details["response_body_truncated"], "bytes": details["response_body_bytes"]}
    if "headers" in row:
        shown |= {"headers": headers}
    else:
        included = {name: value for name, value in headers.items() if name in row.get("includes", {})}
        shown |= {"includes": included, "headers_count": len(headers)}
    if "body" in row:
        return shown | {"body": body}
    return shown | {"body_starts": body[: len(row["body_starts"])], "body_length": len(body)}


@pytest.mark.parametrize("sends_close_notify", [True, False])
def test_tls_distinguishes_an_end_from_a_truncation(tmp_path: Path, sends_close_notify: bool) -> None:
    """The body ends when the connection closes: RFC 9112, section 9.8."""
    certificates = make_certificates(tmp_path)

    def respond() -> None:
        accepted, _ = listener.accept()
        with certificates.trusted.wrap_socket(accepted, server_side=True) as connection:
            request = b""
            while not request.endswith(MESSAGE.body) and (more := connection.recv(65_536)):
                request += more
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nuntil the end")
            if sends_close_notify:
                with contextlib.suppress(OSError):
                    connection.unwrap()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=respond, daemon=True).start()
        adapter = EgressAdapter(Guard(parse_networks("127.0.0.0/8")), ca_bundle=str(certificates.ca_path))
        client = WebhookClient(adapter, allow_http=False, capture_limit=LIMIT)
        url = f"https://127.0.0.1:{listener.getsockname()[1]}/"
        delivery = client.deliver(Call.from_message(MESSAGE._replace(url=url, timeout_seconds=NEVER_SECONDS)), 1)
        adapter.close()
    assert delivery.response
    assert (delivery.result, delivery.response.body) == (200, b"until the end")
    assert delivery.response.incomplete is not sends_close_notify
