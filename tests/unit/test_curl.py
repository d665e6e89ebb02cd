"""The responses of tests/receiver/responses as curl reads them, with differences."""

import base64
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import pycurl
import pytest

from hooklog.delivery.client import WebhookClient
from hooklog.delivery.egress import EgressAdapter
from hooklog.delivery.guard import Guard
from hooklog.delivery.networks import parse_networks
from hooklog.executions.details import build_details
from hooklog.executions.execution import Execution, Trigger
from hooklog.messages.call import Call
from tests.receiver import Receiver
from tests.unit.test_raw_responses import LIMIT, MESSAGE, NEVER_SECONDS, OVER_SECONDS, ROWS


class Reading(NamedTuple):
    """What a client read of a response."""

    status: int
    """0 if it read none."""
    headers: dict[str, str]
    body: bytes
    is_complete: bool
    is_cut: bool = False
    """Whether the stored body is shorter than the body that was read."""


Read = Callable[[str], tuple[Reading, Reading]]


@pytest.fixture(scope="module")
def readings(receiver: Receiver) -> Iterator[Read]:
    """Read every response concurrently, because some wait for a timeout."""
    with ThreadPoolExecutor(24) as pool:
        started: dict[str, tuple[Future[Reading], Future[Reading]]] = {}
        for name in sorted(ROWS, key=lambda name: "waits" not in ROWS[name]):
            url = receiver.url(
                f"/response/{name}", **{key: ROWS[name][key] for key in ("ends", "late") if key in ROWS[name]}
            )
            seconds = OVER_SECONDS if "waits" in ROWS[name] else NEVER_SECONDS
            started[name] = (
                pool.submit(_read_with_client, url, seconds),
                pool.submit(
                    _read_with_curl, url, OVER_SECONDS if {"curl", "incomplete"} & ROWS[name].keys() else seconds
                ),
            )
        yield lambda name: (started[name][0].result(), started[name][1].result())


def _read_with_client(url: str, seconds: float) -> Reading:
    adapter = EgressAdapter(Guard(parse_networks("127.0.0.0/8")))
    client = WebhookClient(adapter, allow_http=True, capture_limit=LIMIT)
    delivery = client.deliver(Call.from_message(MESSAGE._replace(url=url, timeout_seconds=seconds)), 1)
    adapter.close()
    if delivery.error:
        return Reading(0, {}, b"", is_complete=False)
    shown = build_details(Execution("", delivery, Trigger.EVENT, ""))
    headers = {name.lower(): value for name, value in shown["response_headers"].items()}
    is_complete = "response_incomplete" not in shown
    is_cut = shown["response_body_truncated"] and is_complete
    return Reading(delivery.result, headers, _body(shown), is_complete, is_cut)


def _body(shown: dict[str, Any]) -> bytes:
    text: str = shown["response_body"]
    if shown.get("response_body_encoding") == "base64":
        return base64.b64decode(text)
    return text.encode(shown.get("response_body_charset", "utf-8"))


def _read_with_curl(url: str, seconds: float) -> Reading:
    curl, lines, body, is_complete = pycurl.Curl(), list[bytes](), bytearray(), True
    options = {
        pycurl.URL: url,
        pycurl.POSTFIELDS: MESSAGE.body,
        pycurl.HTTP_VERSION: pycurl.CURL_HTTP_VERSION_1_1,
        pycurl.ACCEPT_ENCODING: "",
        pycurl.TIMEOUT_MS: int(seconds * 1000),
        pycurl.HEADERFUNCTION: lines.append,
        pycurl.WRITEFUNCTION: body.extend,
    }
    for option, value in options.items():
        curl.setopt(option, value)
    try:
        curl.perform()
    except pycurl.error:
        is_complete = False
    status = curl.getinfo(pycurl.RESPONSE_CODE)
    curl.close()
    return Reading(status, _headers(lines), bytes(body), is_complete)


def _headers(lines: list[bytes]) -> dict[str, str]:
    """Return the last response's headers; curl prints interim ones before."""
    headers: dict[str, str] = {}
    for line in lines:
        if line.upper().startswith(b"HTTP/"):
            headers = {}
        try:
            name, colon, value = line.decode().partition(":")
        except UnicodeDecodeError:
            name, colon, value = line.decode("latin-1").partition(":")
        if colon and name.strip():
            key = name.strip().lower()
            headers[key] = f"{headers[key]}, {value.strip()}" if key in headers else value.strip()
    return headers


def differences(hooklog: Reading, other: Reading) -> set[str]:
    if hooklog.status != other.status:
        return {"status"}
    found = {"headers"} if hooklog.headers != other.headers else set()
    if not other.body.startswith(hooklog.body) if hooklog.is_cut else hooklog.body != other.body:
        found.add("body")
    return found if hooklog.is_complete == other.is_complete else found | {"complete"}


@pytest.mark.parametrize("name", ROWS)
def test_curl_reads_the_same_response_or_the_table_says_why(readings: Read, name: str) -> None:
    hooklog, curl = readings(name)
    assert bool(differences(hooklog, curl)) == ("curl" in ROWS[name]), (hooklog, curl)
