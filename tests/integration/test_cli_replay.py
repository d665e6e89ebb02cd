"""The commands tail, listen and resend: their calls of the API, what they send, and their output."""

import json
import os
import re
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from cli.failure import CliFailure, ExitCode
from cli.output import Output
from cli.times import format_time
from hooklog.delivery.signature import format_secret, sign
from tests.commands import printed, run
from tests.fake_api import FakeApi, fake_api
from tests.receiver import Receiver

PATH = "/webhooks/acme.orders"
LIST = f"{PATH}/executions"
KEY = bytes(range(32))
NOW = datetime.now(UTC)
DENIED = (403, {"error": {"code": "forbidden", "message": "the token does not allow this"}})
EXPIRED = (404, {"error": {"code": "not_found", "message": "it has expired"}})
THROTTLED = (429, {"message": "Too Many Requests"})


@pytest.fixture
def api() -> Iterator[FakeApi]:
    with fake_api() as server:
        yield server


def execution(name: str, seconds_ago: float = 0, **fields: Any) -> dict[str, Any]:
    when = NOW - timedelta(seconds=seconds_ago)
    return {
        "execution_id": f"{when:%Y%m%dT%H%M%S.%fZ}-{name}",
        "webhook_id": "acme.orders",
        "message_id": f"msg_{name}",
        "event_type": "order.paid",
        "attempt": 1,
        "trigger": "event",
        "executed_at": format_time(when),
        "duration_ms": 3,
        "result": 503,
        "success": False,
        "hard_error": False,
        **fields,
    }


def page(*executions: dict[str, Any], cursor: str | None = None) -> dict[str, Any]:
    return {"executions": list(executions), "next_cursor": cursor}


def ids(found: list[dict[str, Any]]) -> list[str]:
    return [one["execution_id"].partition("-")[2] for one in found]


# tail


def test_tail_merges_several_webhooks_and_adds_new_ones(api: FakeApi, capsys: pytest.CaptureFixture[str]) -> None:
    """Executions that are logged late are printed, and each one once."""
    first = [execution("a", 50, webhook_id="acme.x"), execution("b", 30)]
    late, new = execution("late", 40, webhook_id="acme.x"), execution("new", -1)
    api.pages = {"/webhooks": {"webhooks": [{"webhook_id": "acme.x"}], "next_cursor": None}}
    api.responses = [
        (200, {"webhooks": [{"webhook_id": "acme.x"}], "next_cursor": None}),
        (200, page(first[1])),
        (200, page(first[0])),
        (200, page(new, first[1])),
        (200, page(late, first[0])),
    ]
    run("tail acme.orders 'acme.*' --last 2 --count 4", api)
    found, noted = printed(capsys)
    assert (ids(found), noted) == (["a", "b", "new", "late"], "")
    (_, listed, _), *others = api.requests
    assert listed == {"limit": "100", "seen": "true"}
    assert {path for path, _, _ in others} == {LIST, "/webhooks/acme.x/executions"}


def test_tail_filters_and_looks_back_a_day(api: FakeApi, capsys: pytest.CaptureFixture[str]) -> None:
    api.responses = [(200, page(execution("a")))]
    run("tail acme.orders --status failure --event-type 'order.*' --result 5xx --count 1", api)
    assert ids(printed(capsys)[0]) == ["a"]
    ((_, asked, _),) = api.requests
    since = datetime.fromisoformat(asked.pop("from"))
    assert timedelta(hours=23) < NOW - since < timedelta(hours=25)
    assert asked == {"limit": "200", "status": "failure", "event_type": "order.*", "result": "5xx"}


def test_filters_that_exclude_each_other_are_wrong_usage(api: FakeApi) -> None:
    with pytest.raises(CliFailure, match="no execution can match --status success --error-type tls_error") as failed:
        run("tail acme.orders --status success --error-type tls_error", api)
    assert (failed.value.code, api.requests) == (ExitCode.USAGE, [])


def test_tail_of_many_webhooks_says_how_often_each_is_read(api: FakeApi, capsys: pytest.CaptureFixture[str]) -> None:
    names = [f"acme.{number}" for number in range(12)]
    api.pages = {f"/webhooks/{name}/executions": page(execution("a", webhook_id=name)) for name in names}
    start = time.monotonic()
    run(f"tail {' '.join(names)} --last 1 --within 1s", api)
    assert printed(capsys)[1] == "Following 12 webhooks, each every 1 s: at most 10 API calls a second.\n"
    assert len(api.requests) <= 1 + 10 * (time.monotonic() - start)


def test_tail_survives_an_error_of_the_api(api: FakeApi, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = execution("a", 1), execution("b")
    api.responses = [(200, page(first)), (503, {}), (200, page(second, first))]
    run("tail acme.orders --count 2", api)
    assert ids(printed(capsys)[0]) == ["a", "b"]
    api.headers = {"Retry-After": "0"}
    for error in (DENIED, THROTTLED):
        api.requests.clear()
        api.responses = [(200, page(first)), *6 * [error]]
        with pytest.raises(CliFailure, match=str(error[0])):
            run("tail acme.orders --count 2", api)
        assert len(api.requests) == (2 if error is DENIED else 7)


def test_tail_waits_after_a_429(api: FakeApi, capsys: pytest.CaptureFixture[str]) -> None:
    api.headers = {"Retry-After": "0"}
    api.responses = [THROTTLED, THROTTLED, (200, page(execution("a")))]
    run("tail acme.orders --count 1", api)
    assert ids(printed(capsys)[0]) == ["a"]


# listen

HEADERS = {
    "User-Agent": "Hooklog/0.1.0",
    "Content-Type": "application/json",
    "Authorization": "••••",
    "X-Shop": "berlin",
    "Host": "shop.example",
    "Content-Length": "11",
    "webhook-id": "msg_a",
    "webhook-timestamp": "1",
    "webhook-signature": "v1,old",
    "x-hooklog-event": "order.paid",
}
BODY = '{"n":"Zürich"}'
DETAILS: dict[str, Any] = {"request_headers": HEADERS, "request_body": BODY}


def serve(api: FakeApi, *executions: dict[str, Any], **details: Any) -> None:
    """Serve executions, newest first, with their details."""
    api.pages[LIST] = page(*executions)
    for one in executions:
        api.pages[f"{LIST}/{one['execution_id']}"] = {**one, **details}


def test_listen_replays_requests_with_a_new_signature(
    api: FakeApi, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    receiver.reset()
    serve(api, execution("c", 1), execution("b", 2, attempt=2), execution("a", 3), **DETAILS)
    api.pages[f"{PATH}/secret"] = {"secret": format_secret(KEY), "previous_valid_until": None}
    run(f"listen acme.orders --forward-to {receiver.url('/status/202')} --last 2 --count 2", api)
    rows, noted = printed(capsys)
    assert [(one["message_id"], one["status"], one["signature"]) for one in rows] == [
        ("msg_a", 202, "renewed"),
        ("msg_c", 202, "renewed"),
    ]
    assert noted.count("Left out, because their values are masked: Authorization.\n") == 1
    assert [path for path, _, _ in api.requests].count(f"{PATH}/secret") == 1
    assert noted.endswith("Replayed 2 executions: 2 answered 2xx\n")
    sent, _ = receiver.received("/status/202")
    assert (sent.method, sent.body) == ("POST", BODY.encode())
    assert sent.header("webhook-id") == "msg_a"
    assert (sent.header("X-Shop"), sent.header("x-hooklog-event")) == ("berlin", "order.paid")
    assert sent.header("Authorization") is None
    assert sent.header("Content-Length") == str(len(BODY.encode()))
    assert "shop.example" not in (sent.header("Host") or "")
    stamp = int(sent.header("webhook-timestamp") or 0)
    assert abs(stamp - time.time()) < 60
    assert sent.header("webhook-signature") == sign("msg_a", stamp, BODY.encode(), [KEY])


@pytest.mark.parametrize(
    ("options", "order"),
    [("", "ac"), ("--newest-first", "ca"), ("--all-attempts", "bc"), ("--all-attempts --newest-first", "cb")],
)
def test_listen_replays_first_attempts_in_the_order_asked_for(
    api: FakeApi, receiver: Receiver, capsys: pytest.CaptureFixture[str], options: str, order: str
) -> None:
    receiver.reset()
    executions = [execution("c", 1), execution("b", 2, attempt=2, trigger="retry"), execution("a", 3)]
    serve(api, *executions, **{**DETAILS, "request_headers": {"X": "1"}})
    run(f"listen acme.orders --forward-to {receiver.url('/status/200')} --last 2 --count 2 {options}", api)
    assert "".join(ids(printed(capsys)[0])) == order
    assert len(receiver.requests) == 2


def test_without_the_secret_the_signature_is_marked_stale(
    api: FakeApi, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    receiver.reset()
    one = execution("a")
    api.responses = [(200, page(one)), (200, page(one)), (200, {**one, **DETAILS}), DENIED]
    run(f"listen acme.orders --forward-to {receiver.url('/status/500')} --last 1 --count 1", api, as_json=False)
    written = capsys.readouterr()
    assert "\t500, stale signature\t" in written.out
    assert "original signature (stale)" in written.err
    (sent,) = receiver.requests
    assert (sent.header("webhook-signature"), sent.header("webhook-timestamp")) == ("v1,old", "1")


def test_a_server_that_is_down_is_a_line(api: FakeApi, capsys: pytest.CaptureFixture[str]) -> None:
    serve(api, execution("b"), execution("a", 1), **{**DETAILS, "request_headers": {"X": "1"}})
    run("listen acme.orders --forward-to localhost:1 --last 2 --count 2", api)
    rows, noted = printed(capsys)
    assert [(one["status"], one["error"]) for one in rows] == 2 * [(None, "localhost:1: could not connect")]
    assert noted.endswith("Replayed 2 executions: 2 not answered\n")


OTHER_ANSWERS = [
    ("/redirect-loop", 302, None, "answered another status"),
    ("/status/500", 500, None, "answered another status"),
    ("/reset-midbody", 200, None, "answered 2xx"),
    ("/garbage", None, "invalid response", "not answered"),
    ("/close", None, "connection closed before a response", "not answered"),
    ("/reset", None, "connection closed before a response", "not answered"),
]


@pytest.mark.parametrize(("path", "status", "error", "counted"), OTHER_ANSWERS)
def test_what_the_local_server_answers_is_named(
    api: FakeApi,
    receiver: Receiver,
    capsys: pytest.CaptureFixture[str],
    path: str,
    status: int | None,
    error: str | None,
    counted: str,
) -> None:
    """A redirect is not followed, and no success. A body that breaks off changes nothing."""
    receiver.reset()
    serve(api, execution("a"), **{**DETAILS, "request_headers": {"X": "1"}})
    run(f"listen acme.orders --forward-to {receiver.url(path)} --last 1 --count 1", api)
    (row,), noted = printed(capsys)
    assert (row["status"], (row["error"] or "").partition(": ")[2]) == (status, error or "")
    assert noted.endswith(f"Replayed 1 execution: 1 {counted}\n")
    assert len(receiver.requests) == 1


def test_the_local_server_can_send_its_whole_answer(api: FakeApi, capsys: pytest.CaptureFixture[str]) -> None:
    """Otherwise it would log errors. Its connections are not kept, because it may restart."""
    serve(api, execution("a"), **{**DETAILS, "request_headers": {"X": "1"}})
    ends: list[bytes] = []

    def answer() -> None:
        connection, _ = server.accept()
        with connection, connection.makefile("rb") as request:
            list(iter(request.readline, b"\r\n"))
            request.read(len(BODY.encode()))
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 8000000\r\n\r\n" + bytes(8_000_000))
            ends.append(request.read(1))

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=answer)
        thread.start()
        run(f"listen acme.orders --forward-to {server.getsockname()[1]} --last 1 --count 1", api)
        thread.join(60)
    assert printed(capsys)[0][0]["status"] == 200
    assert ends == [b""]


def test_listen_sends_a_binary_body_and_no_headers_of_its_own(
    api: FakeApi, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    receiver.reset()
    binary = {"request_headers": {"X": "1"}, "request_body": "/wA=", "request_body_encoding": "base64"}
    serve(api, execution("a"), **binary)
    run(f"listen acme.orders --forward-to {receiver.url('/status/200')} --last 1 --count 1", api)
    assert printed(capsys)[0][0]["status"] == 200
    (sent,) = receiver.requests
    assert sent.body == b"\xff\x00"
    assert [sent.header(name) for name in ("X", "Accept", "Connection")] == ["1", None, None]


def test_listen_survives_errors_of_the_api(
    api: FakeApi, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    """It tries again after a 5xx, and says that details have expired after a 404."""
    found = page(execution("b"), execution("a", 1))
    details = {**execution("b"), **DETAILS}
    api.responses = [(200, found), (200, found), EXPIRED, (502, {}), (200, details), (503, {}), EXPIRED]
    run(f"listen acme.orders --forward-to {receiver.url('/status/200')} --last 2 --count 2", api)
    rows, _ = printed(capsys)
    assert [(one["message_id"], one["status"], one["error"]) for one in rows] == [
        ("msg_a", None, "not forwarded: it has expired"),
        ("msg_b", 200, None),
    ]


@pytest.mark.parametrize("words", ["tail acme.orders", "listen acme.orders --forward-to 3000"])
def test_following_ends_when_the_reader_has_closed_the_pipe(
    api: FakeApi, capsys: pytest.CaptureFixture[str], words: str
) -> None:
    """`hooklog tail acme.orders | head -1` ends without another execution."""
    api.pages = {LIST: page()}
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as pipe, pytest.raises(BrokenPipeError):  # noqa: PTH123 - a descriptor
        run(words, api, output=Output(as_json=False, console=Console(file=pipe)))
    assert "has no executions" in capsys.readouterr().err


NOT_FORWARDED: list[tuple[dict[str, Any], str]] = [
    ({"success": True, "result": 200}, "deploy with DetailsOf=all"),
    ({}, "DetailsOf and DetailsRetentionDays"),
    ({"erased": True}, "were erased"),
    ({"success": True, "result": 0, "skipped": True}, "its transformation returned nothing"),
    (
        {"result": 0, "hard_error": True, "error_type": "disabled_webhook", "request_headers": {}, "request_body": "1"},
        r"nothing was sent \(Not sent: webhook is off\)",
    ),
]


@pytest.mark.parametrize(("fields", "reason"), NOT_FORWARDED)
def test_an_execution_without_a_request_is_not_forwarded(
    api: FakeApi, receiver: Receiver, capsys: pytest.CaptureFixture[str], fields: dict[str, Any], reason: str
) -> None:
    receiver.reset()
    serve(api, execution("a"), **fields)
    run(f"listen acme.orders --forward-to {receiver.url('/status/200')} --last 1 --count 1", api)
    (row,), noted = printed(capsys)
    assert re.search(f"^not forwarded: .*{reason}", row["error"])
    assert noted.endswith("Replayed 1 execution: 1 not forwarded\n")
    assert receiver.requests == []


# resend


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path


def serve_failures(api: FakeApi, *executions: dict[str, Any], **later: list[dict[str, Any]]) -> None:
    """Serve selected failures, newest first, and by message what was logged later."""
    api.pages[LIST] = page(*executions)
    for one in executions:
        name = one["message_id"].removeprefix("msg_")
        api.pages[f"/messages/{one['message_id']}/executions"] = page(one, *later.get(name, []))
        api.pages[f"{LIST}/{one['execution_id']}/resend"] = {"message_id": one["message_id"]}


def resent(api: FakeApi) -> list[str]:
    return ids([{"execution_id": path.split("/")[4]} for path, _, _ in api.requests if path.endswith("/resend")])


def test_resend_sends_each_failed_message_once(api: FakeApi, capsys: pytest.CaptureFixture[str]) -> None:
    newest = execution("a2", 10, message_id="msg_a", attempt=2, result=0, hard_error=True, error_type="read_timeout")
    failures = [newest, execution("b", 20), execution("t", 25, trigger="test"), execution("a", 30), execution("c", 40)]
    elsewhere = execution("e", 1, webhook_id="globex.orders", success=True)
    serve_failures(
        api,
        *failures,
        b=[execution("b2", 5, success=True, result=200)],
        c=[execution("c2", 5, trigger="resend"), elsewhere],
    )
    api.pages["/messages/msg_a/executions"] = page(failures[3], newest, elsewhere)
    options = "--from 2026-11-24T02:00Z --to 2026-11-24T05:00Z --event-type 'order.*'"
    run(f"resend acme.orders {options} --yes", api, as_json=False)
    written = capsys.readouterr()
    assert written.out == "Queued 1 of 3 messages, 1 delivered meanwhile, 1 resent before\n"
    assert written.err == "      2  503, such as msg_b\n      1  Timed out, such as msg_a\n"
    assert resent(api) == ["a2"]
    assert api.requests[0][1] == {
        "limit": "200",
        "status": "failure",
        "event_type": "order.*",
        "from": "2026-11-24T02:00:00.000000Z",
        "to": "2026-11-24T05:00:00.000000Z",
    }


def test_resend_selects_successes(api: FakeApi, capsys: pytest.CaptureFixture[str]) -> None:
    """Skips one that was resent, but not one whose message succeeded again."""
    fine = {"success": True, "result": 200}
    skipped = execution("s", 50, **{**fine, "result": 0}, skipped=True)
    executions = [execution("a", 20, **fine), execution("b", 30, **fine), skipped, execution("f", 60)]
    again = {"a": [execution("a2", 10, trigger="retry", **fine)], "b": [execution("b2", 5, trigger="resend", **fine)]}
    for status, results, outcome in (
        ("success", ["200", "skipped"], "Queued 2 of 3 messages, 1 resent before\n"),
        ("all", ["200", "503", "skipped"], "Queued 1 of 4 messages, 3 resent before\n"),
    ):
        serve_failures(api, *executions[: 2 + len(results) - 1], **again)
        api.requests.clear()
        run(f"resend acme.orders --from 2026-11-24T02:00Z --status {status} --yes", api, as_json=False)
        written = capsys.readouterr()
        assert [line.split("  ")[-1].split(",")[0] for line in written.err.splitlines()] == results
        assert api.requests[0][1].get("status") == (None if status == "all" else status)
        assert written.out == outcome
        assert resent(api) == (["s", "a"] if status == "success" else ["f"]), "it records what it has resent"


def test_resending_again_sends_nothing_twice(api: FakeApi, capsys: pytest.CaptureFixture[str]) -> None:
    """Even before the log has the resent executions. What another webhook has resent does not count."""
    theirs = "/webhooks/acme.stock/executions"
    serve_failures(api, execution("a", 1), execution("b", 2))
    other = {**execution("a", 1), "webhook_id": "acme.stock"}
    api.pages[theirs] = page(other)
    api.pages[f"{theirs}/{other['execution_id']}/resend"] = {"message_id": "msg_a"}
    run("resend acme.stock --status failure --yes", api)
    (queued,), _ = printed(capsys)
    assert queued["queued"] == 1
    api.requests.clear()
    run("resend acme.orders --status failure --yes", api)
    run("resend acme.orders --status failure --yes", api)
    nothing = {"delivered": 0, "not_stored": 0}
    assert printed(capsys) == (
        [{"found": 2, "queued": 2, "resent": 0, **nothing}, {"found": 2, "queued": 0, "resent": 2, **nothing}],
        "",
    )
    assert sorted(resent(api)) == ["a", "b"]


@pytest.mark.parametrize(
    ("stop", "code"),
    [([DENIED], ExitCode.NOT_ALLOWED), (6 * [THROTTLED], ExitCode.FAILED), ([(500, {})], ExitCode.FAILED)],
)
def test_a_stopped_resend_can_be_continued(
    api: FakeApi, capsys: pytest.CaptureFixture[str], stop: list[tuple[int, dict[str, Any]]], code: ExitCode
) -> None:
    api.headers = {"Retry-After": "0"}
    failures = [execution("a", 1), execution("b", 2)]
    serve_failures(api, *failures)
    api.responses = [(200, page(*failures)), (200, page(failures[1])), (202, {}), (200, page(failures[0])), *stop]
    with pytest.raises(CliFailure, match=f"^Stopped: The API answered {stop[0][0]}") as failed:
        run("resend acme.orders --from 1h --yes", api)
    assert failed.value.code == code
    note = capsys.readouterr().err
    (ends,) = re.findall(
        r"\nQueued 1 of 2 messages\. Run the command again with --to (\S+) to continue\.\n$", "\n" + note
    )
    run(f"resend acme.orders --from 1h --to {ends} --yes", api)
    assert {asked["to"] for path, asked, _ in api.requests if path == LIST} == {ends}
    (result,), _ = printed(capsys)
    assert (result["queued"], result["resent"]) == (1, 1)


def test_messages_without_a_stored_request_are_counted(api: FakeApi, capsys: pytest.CaptureFixture[str]) -> None:
    one = execution("a")
    conflict = (409, {"error": {"code": "conflict", "message": "its request body is not stored"}})
    api.responses = [(200, page(one)), (200, page(one)), conflict]
    with pytest.raises(CliFailure, match="No request is stored: see DetailsOf and DetailsRetentionDays") as failed:
        run("resend acme.orders --result 503 --yes", api)
    assert failed.value.code == ExitCode.CONFLICT
    assert json.loads(capsys.readouterr().out)["not_stored"] == 1


@pytest.mark.parametrize("words", ["", "x --from 1h", "x --result 503"])
def test_resend_takes_an_execution_or_filters(api: FakeApi, words: str) -> None:
    with pytest.raises(CliFailure, match=r"^Give an EXECUTION to resend") as failed:
        run(f"resend acme.orders {words} --yes", api)
    assert (failed.value.code, api.requests) == (ExitCode.USAGE, [])


def test_the_default_end_is_the_start_of_the_count(api: FakeApi) -> None:
    """Failures that are logged while the pages are read do not move the selection."""
    api.pages[LIST] = page()
    run("resend acme.orders --from 1h --yes", api)
    ((_, asked, _),) = api.requests
    assert abs(datetime.now(UTC) - datetime.fromisoformat(asked["to"])) < timedelta(minutes=2)
