"""The commands' calls of the API, CloudWatch Logs and SQS, and their output."""

import io
import json
import time
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from rich.console import Console

from cli.failure import CliFailure, ExitCode
from cli.output import Output
from cli.redrive import start_sqs_redrive
from cli.sender_log import SenderLog
from cli.top import Window
from tests.commands import Terminal, printed, run
from tests.fake_api import FakeApi, fake_api
from tests.leaks import SIGNING_KEY


@pytest.fixture
def api() -> Iterator[FakeApi]:
    with fake_api() as server:
        yield server


class Logs:
    """The sender's log group: returns pages of events and records the requests."""

    def __init__(self, *lines: dict[str, Any], ages: tuple[int, ...] = ()) -> None:
        self.now = datetime.now(UTC)
        self.requests: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = [
            {
                "eventId": str(number),
                "timestamp": _milliseconds(self.now - timedelta(seconds=age)),
                "message": json.dumps(line),
            }
            for number, (line, age) in enumerate(zip(lines, ages or len(lines) * (0,), strict=True))
        ]

    def get_paginator(self, _: str) -> "Logs":
        return self

    def paginate(self, **asked: Any) -> Iterator[dict[str, Any]]:
        self.requests.append(asked)
        yield from ({"events": [event]} for event in self.events if event["timestamp"] >= asked["startTime"])


def _milliseconds(when: datetime) -> int:
    return int(when.timestamp() * 1000)


def execution(number: int) -> dict[str, Any]:
    return {"execution_id": f"20261124T0220{number:02}.387442Z-c406244c", "webhook_id": "acme.orders"}


def test_failures_of_one_webhook_come_from_the_api(api: FakeApi, capsys: pytest.CaptureFixture[str]) -> None:
    api.responses = [
        (200, {"executions": [execution(3)], "next_cursor": "next"}),
        (200, {"executions": [execution(2), execution(1)], "next_cursor": None}),
    ]
    run("failures acme.orders --since 2026-11-24T02:00Z --limit 2", api)
    assert printed(capsys) == (
        [execution(3), execution(2)],
        "There are more than 2: raise --limit or shorten --since\n",
    )
    (path, first, _), (_, second, _) = api.requests
    assert path == "/webhooks/acme.orders/executions"
    assert first == {"limit": "3", "status": "failure", "from": "2026-11-24T02:00:00.000000Z"}
    assert second == {**first, "cursor": "next"}


def test_failures_of_all_webhooks_come_from_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [{"event": "execution_failed", **execution(number)} for number in (2, 3, 1)]
    logs = Logs(*lines, {"event": "batch_processed"})
    run("failures --since 2h", logs=logs)
    found, noted = printed(capsys)
    assert [one["execution_id"] for one in found] == [execution(number)["execution_id"] for number in (3, 2, 1)]
    assert found[0]["executed_at"] == "2026-11-24T02:20:03.387442Z"
    assert noted == ""
    (asked,) = logs.requests
    assert abs(asked["startTime"] - _milliseconds(datetime.now(UTC) - timedelta(hours=2))) < 60_000
    assert asked["logGroupName"] == "sender"
    run("failures --limit 2", logs=logs)
    found, noted = printed(capsys)
    assert (len(found), noted) == (2, "There are more than 2: raise --limit or shorten --since\n")


def stats_of(*succeeded: int) -> dict[str, Any]:
    def counts(number: int) -> dict[str, Any]:
        numbers = {"succeeded": number, "failed": 0, "hard_errors": 0, "skipped": 0}
        return {**numbers, "duration_ms": {"p50": 87 if number else None, "p95": 410 if number else None}}

    intervals = [{"start": f"2026-11-{day:02}T00:00:00Z", **counts(number)} for day, number in enumerate(succeeded, 1)]
    return {"intervals": intervals, "total": counts(sum(succeeded))}


def test_stats_prints_a_line_of_json_per_interval(api: FakeApi, capsys: pytest.CaptureFixture[str]) -> None:
    api.responses = [(200, stats_of(5, 0, 7))]
    run("stats acme/orders --since 2026-11-01 --until 2026-11-04T00:00Z", api)
    assert printed(capsys) == (stats_of(5, 0, 7)["intervals"], "")
    ((path, asked, _),) = api.requests
    assert path == "/webhooks/acme%2Forders/stats"
    assert asked == {"from": "2026-11-01T00:00:00.000000Z", "to": "2026-11-04T00:00:00.000000Z", "interval": "day"}


def on_terminal() -> tuple[Output, io.StringIO]:
    file = io.StringIO()
    console = Console(file=file, width=80, highlight=False, force_terminal=True, color_system=None)
    return Output(as_json=False, console=console), file


def test_stats_prints_a_sparkline_a_table_and_its_lag(api: FakeApi, capsys: pytest.CaptureFixture[str]) -> None:
    api.responses = 2 * [(200, stats_of(5, 0, 7))]
    output, screen = on_terminal()
    run("stats acme.orders --since 2026-11-01 --until 2026-11-04", api, output=output)
    assert capsys.readouterr().err == "Counts lag behind executions by up to six minutes.\n"
    lines = [line.rstrip() for line in screen.getvalue().splitlines()]
    assert lines[0] == "acme.orders by day, 2026-11-01 to 2026-11-03 UTC"
    assert lines[1] == "executions  ▆ █  max 7"
    assert lines[-1].split() == ["Total", "12", "0", "0.0", "0", "0", "87", "ms", "410", "ms"]
    run("stats acme.orders --since 2026-11-01 --until 2026-11-04", api, as_json=False)
    first, second, _ = capsys.readouterr().out.splitlines()
    assert first.split("\t") == ["2026-11-01", "5", "0", "0.0", "0", "0", "87", "410"]
    assert second.split("\t") == ["2026-11-02", "0", "0", "-", "0", "0", "-", "-"]


def test_stats_without_executions_says_so(api: FakeApi) -> None:
    api.responses = [(200, stats_of(0, 0))]
    output, screen = on_terminal()
    run("stats acme.orders --since 2026-11-01 --until 2026-11-03", api, output=output)
    assert screen.getvalue() == "acme.orders by hour, 2026-11-01 00:00 to 2026-11-02 00:00 UTC: no executions\n"


@pytest.mark.parametrize(
    ("options", "interval", "hours"),
    [
        ("", "hour", 24),
        ("--since 71h", "hour", 71),
        ("--since 3d", "day", 72),
        ("--since 7d", "day", 168),
        ("--since 7d --interval hour", "hour", 168),
        ("--since 1h --interval day", "day", 1),
        ("--since 2026-11-01T00:00Z --until 2026-11-03T23:59Z", "hour", 71.983),
    ],
)
def test_stats_counts_by_day_from_three_days_on(api: FakeApi, options: str, interval: str, hours: float) -> None:
    api.responses = [(200, stats_of(1))]
    run(f"stats acme.orders {options}", api)
    ((_, asked, _),) = api.requests
    assert asked["interval"] == interval
    period = datetime.fromisoformat(asked["to"]) - datetime.fromisoformat(asked["from"])
    assert abs(period / timedelta(hours=1) - hours) < 0.1


@pytest.mark.parametrize(("since", "days"), [("366d", 366), ("31d --interval hour", 31)])
def test_the_longest_periods_of_stats_are_not_too_long(api: FakeApi, since: str, days: int) -> None:
    api.responses = [(200, stats_of(1))]
    run(f"stats acme.orders --since {since}", api)
    ((_, asked, _),) = api.requests
    assert datetime.fromisoformat(asked["to"]) - datetime.fromisoformat(asked["from"]) == timedelta(days=days)


def test_stats_of_a_period_that_the_api_refuses_is_wrong_usage(api: FakeApi) -> None:
    advice = "a period by hour can have at most 31 days; use interval=day for longer ones"
    api.responses = [(400, {"error": {"code": "invalid_request", "message": advice, "field": "from"}})]
    with pytest.raises(CliFailure, match="use interval=day") as failure:
        run("stats acme.orders --since 40d --interval hour", api)
    assert failure.value.code == ExitCode.USAGE


@pytest.mark.parametrize("filters", ["--result 200", "--result 2xx", "--result 500 --error-type dns_failure"])
@pytest.mark.parametrize("webhook", ["acme.orders", ""])
def test_filters_that_no_failure_can_match_are_wrong_usage(api: FakeApi, webhook: str, filters: str) -> None:
    with pytest.raises(CliFailure, match=f"no failure can match {filters}") as failure:
        run(f"failures {webhook} {filters}", api)
    assert (failure.value.code, api.requests) == (ExitCode.USAGE, [])


def test_failures_of_one_webhook_are_filtered_by_the_api(api: FakeApi, capsys: pytest.CaptureFixture[str]) -> None:
    api.responses = [
        (200, {"executions": [], "next_cursor": "next", "searched_to": "2026-11-24T03:00:00.000000Z"}),
        (200, {"executions": [execution(1)], "next_cursor": None, "searched_to": "2026-11-24T02:00:00.000000Z"}),
    ]
    run("failures acme.orders --since 2026-11-24T02:00Z --event-type order.* --result 0 --error-type tls_error", api)
    assert printed(capsys) == ([execution(1)], "")
    asked = {"limit": "101", "status": "failure", "from": "2026-11-24T02:00:00.000000Z"}
    asked |= {"event_type": "order.*", "result": "0", "error_type": "tls_error"}
    assert [parameters for _, parameters, _ in api.requests] == [asked, {**asked, "cursor": "next"}]


LOGGED: list[dict[str, Any]] = [
    {"event_type": "order.created", "result": 503},
    {"event_type": "order.paid", "result": 404},
    {"event_type": None, "result": 0, "error_type": "read_timeout"},
    {"event_type": "order", "result": 0, "error_type": "tls_error"},
    {"result": 0, "error_type": "read_timeout"},  # of an earlier release
]


@pytest.mark.parametrize(
    ("options", "selected"),
    [
        ("", [0, 1, 2, 3, 4]),
        ("--event-type order.*", [0, 1]),
        ("--event-type order", [3]),
        ("--result 5xx", [0]),
        ("--result 404", [1]),
        ("--result 0", [2, 3, 4]),
        ("--error-type read_timeout", [2, 4]),
        ("--error-type tls_error --event-type order --result 0", [3]),
        ("--error-type tls_error --event-type order.*", []),
    ],
)
def test_failures_of_all_webhooks_are_filtered(
    capsys: pytest.CaptureFixture[str], options: str, selected: list[int]
) -> None:
    lines = [{"event": "execution_failed", **execution(9 - n), **fields} for n, fields in enumerate(LOGGED)]
    run(f"failures {options}", logs=Logs(*lines))
    wanted = [execution(9 - number)["execution_id"] for number in selected]
    assert [one["execution_id"] for one in printed(capsys)[0]] == wanted


def test_top_reads_the_lines_of_its_window(capsys: pytest.CaptureFixture[str]) -> None:
    batch = {"event": "batch_processed", "delivered": 1, "failed": 0}
    run("top --once --window 5m", logs=Logs(batch, batch, ages=(600, 60)))
    (figures,), _ = printed(capsys)
    assert (figures["window_seconds"], figures["delivered"]) == (300, 1)


def test_top_counts_each_line_once_while_it_is_in_the_window() -> None:
    logs, window = Logs({"n": 1}, {"n": 2}, ages=(50, 1)), Window(timedelta(seconds=60))
    log = SenderLog(logs, "sender")
    assert [line["n"] for line in window.refresh(log, logs.now)] == [1, 2]
    assert [line["n"] for line in window.refresh(log, logs.now)] == [1, 2]
    assert [line["n"] for line in window.refresh(log, logs.now + timedelta(seconds=20))] == [2]
    assert [asked["startTime"] - logs.events[1]["timestamp"] for asked in logs.requests[1:]] == [-30_000, -30_000]


def progress(status: str = "done", **counts: int) -> tuple[int, dict[str, Any]]:
    filters = {"since": "2026-11-24T02:00:00.000000Z", "until": "2026-11-24T05:00:00.000000Z"}
    return 200, {"status": status, "found": 4, "queued": 4, "not_kept": 0, **counts, "filters": filters}


STARTED = (202, {"recovery_id": "rec_1"})


def test_recover_starts_a_recovery_and_waits_for_it(api: FakeApi, capsys: pytest.CaptureFixture[str]) -> None:
    api.responses = [STARTED, progress("running", queued=1), progress()]
    run("recover acme.orders --since 2026-11-24T02:00Z --until 2026-11-24T05:00Z --yes", api)
    assert printed(capsys)[0] == [{"recovery_id": "rec_1", **progress()[1]}]
    (path, _, body), *_ = api.requests
    assert path == "/webhooks/acme.orders/recover"
    assert body == {"since": "2026-11-24T02:00:00.000000Z", "until": "2026-11-24T05:00:00.000000Z"}


def test_recover_counts_and_asks_first(
    api: FakeApi, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = "recover acme.orders --since 2026-11-24T02:00Z --status success --event-type order.*"
    since = {"since": "2026-11-24T02:00:00.000000Z", "status": "success", "event_type": "order.*"}
    for answer in ("y", "n"):
        monkeypatch.setattr("sys.stdin", Terminal(f"{answer}\n"))
        api.responses = [STARTED, progress("running", found=2, queued=0), progress(found=14, queued=0, not_kept=2)]
        api.requests.clear()
        if answer == "n":
            with pytest.raises(CliFailure, match="Nothing was changed"):
                run(command, api, as_json=False)
        else:
            api.responses += [STARTED, progress(found=14, queued=12, not_kept=2)]
            run(command, api, as_json=False)
        written = capsys.readouterr()
        assert written.err.startswith("Resend 12 messages? Skipped: 2 without a stored request\n")
        started = [body for path, _, body in api.requests if path.endswith("/recover")]
        until = {"until": "2026-11-24T05:00:00.000000Z"}
        assert started == [{**since, "dry_run": True}, {**since, **until}][: 2 if answer == "y" else 1]
        assert written.out == ("rec_1: queued 12 of 14, 2 without a stored request\n" if answer == "y" else "")


@pytest.mark.parametrize(
    ("counts", "text", "code"),
    [
        ({"found": 14, "not_kept": 2}, "12 messages would be resent, 2 without a stored request", None),
        ({"found": 1}, "1 message would be resent", None),
        ({"found": 0}, "No message matches", None),
        ({"found": 3, "not_kept": 3}, "0 messages would be resent, 3 without a stored request", ExitCode.CONFLICT),
    ],
)
def test_a_dry_run_of_recover_only_counts(
    api: FakeApi, capsys: pytest.CaptureFixture[str], counts: dict[str, int], text: str, code: ExitCode | None
) -> None:
    """It needs no terminal to ask on."""
    api.responses = [STARTED, progress("done", queued=0, **counts)]
    with pytest.raises(CliFailure, match="No request is stored") if code else nullcontext() as failed:
        run("recover acme.orders --since 3h --dry-run", api, as_json=False)
    assert (failed.value.code if failed else None) == code
    assert capsys.readouterr().out == f"{text}\n"
    assert [body["dry_run"] for path, _, body in api.requests if path.endswith("/recover")] == [True]


def test_recover_asks_nothing_if_nothing_would_be_sent(
    api: FakeApi, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal())
    api.responses = [STARTED, progress(found=0, queued=0)]
    run("recover acme.orders --since 3h", api, as_json=False)
    assert capsys.readouterr() == ("No message matches\n", "")


def test_recover_refuses_to_start_without_an_answer(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    with pytest.raises(CliFailure, match="this needs --yes") as refused:
        run("recover acme.orders --since 3h", api)
    assert refused.value.code == ExitCode.USAGE
    assert api.requests == []


@pytest.mark.parametrize(
    ("option", "text"),
    [("--yes", r"^rec_1 made no progress .*: queued 1 of 4$"), ("--dry-run", "^Someone else counts messages")],
)
def test_a_stopped_recovery_is_a_failure(api: FakeApi, option: str, text: str) -> None:
    api.responses = [STARTED, progress("stopped", queued=1)]
    with pytest.raises(CliFailure, match=text) as failed:
        run(f"recover acme.orders --since 3h {option}", api)
    assert failed.value.code == ExitCode.FAILED


def test_a_recovery_whose_progress_cannot_be_read_goes_on(api: FakeApi) -> None:
    api.responses += [STARTED, (500, {"error": {"message": "Something failed on our side; try again."}})]
    with pytest.raises(
        CliFailure, match=r"^rec_1 was started and continues, .*: The API answered 500: Something failed"
    ):
        run("recover acme.orders --since 3h --yes", api)


def test_a_second_recovery_names_the_running_one(api: FakeApi) -> None:
    error = {"code": "conflict", "message": "a recovery of this webhook is running: rec_1", "recovery_id": "rec_1"}
    api.responses = [(409, {"error": error})]
    with pytest.raises(
        CliFailure, match=r"^The API answered 409: a recovery of this webhook is running: rec_1$"
    ) as failed:
        run("recover acme.orders --since 3h --yes", api)
    assert failed.value.code == ExitCode.CONFLICT


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, ExitCode.USAGE),
        (401, ExitCode.NOT_ALLOWED),
        (403, ExitCode.NOT_ALLOWED),
        (404, ExitCode.NOT_FOUND),
        (409, ExitCode.CONFLICT),
        (500, ExitCode.FAILED),
    ],
)
def test_an_error_of_the_api_is_printed_and_has_its_exit_code(api: FakeApi, status: int, code: ExitCode) -> None:
    api.responses = [(status, {"error": {"code": "x", "message": "there is a reason"}})]
    with pytest.raises(CliFailure, match=f"^The API answered {status}: there is a reason$") as failed:
        run("show acme.orders x", api)
    assert failed.value.code == code


def test_each_wrong_field_has_a_line(api: FakeApi) -> None:
    errors = [{"field": "limit", "message": "limit is 0"}, {"field": "from", "message": "from is no time"}]
    api.responses = [(400, {"error": {"code": "x", "message": "both", "field": "limit", "errors": errors}})]
    with pytest.raises(CliFailure, match=r"^The API answered 400:\n  limit: limit is 0\n  from: from is no time$"):
        run("show acme.orders x", api)


@pytest.mark.parametrize(
    "body",
    [
        {"error": "unavailable"}, {"error": None}, {"error": {"code": "x"}}, {"message": "Forbidden"}, {},
        {"error": {"message": "x", "errors": ["limit"]}}, {"error": {"message": "x", "errors": None}},
    ],
)  # fmt: skip
def test_an_error_of_another_form_is_named_by_its_status(api: FakeApi, body: dict[str, Any]) -> None:
    """Return an error as a proxy or API Gateway does."""
    api.responses = [(503, body)]
    with pytest.raises(CliFailure, match=r"^The API answered 503 Service Unavailable$"):
        run("show acme.orders x", api)


@pytest.mark.parametrize(
    ("words", "seen"),
    [
        ("tail no.such --within 1s", "no.such is not registered and has no executions: check the ID. Waiting for"),
        ("tail acme.new --within 1s", "acme.new has no executions yet. Waiting for the first one."),
        ("tail no.such --count 1 --within 1s", "no.such is not registered and has no executions: check the ID."),
    ],
)
def test_tail_says_that_there_is_nothing_to_follow(
    api: FakeApi, capsys: pytest.CaptureFixture[str], words: str, seen: str
) -> None:
    api.pages["/webhooks/acme.new"] = {"webhook_id": "acme.new"}
    for name in ("no.such", "acme.new"):
        api.pages[f"/webhooks/{name}/executions"] = {"executions": [], "next_cursor": None}
    if "--count" in words:
        with pytest.raises(CliFailure, match="Only 0 of 1 executions arrived in time") as failed:
            run(words, api)
        assert seen in str(failed.value)
        assert capsys.readouterr().err == ""
    else:
        run(words, api)
        assert seen in capsys.readouterr().err


def test_a_token_expires_when_requested(capsys: pytest.CaptureFixture[str]) -> None:
    run("token acme.* --scope executions:read webhooks:read --expires 2h")
    (minted,), _ = printed(capsys)
    claims = jwt.decode(minted["token"], SIGNING_KEY, algorithms=["HS256"])
    assert abs(claims.pop("exp") - time.time() - 7200) < 60
    assert claims == {"webhooks": ["acme.*"], "scope": "executions:read webhooks:read"}


def test_a_token_can_name_topics(capsys: pytest.CaptureFixture[str]) -> None:
    run("token acme.* --topics acme news.*")
    (minted,), _ = printed(capsys)
    claims = jwt.decode(minted["token"], SIGNING_KEY, algorithms=["HS256"])
    assert (claims["webhooks"], claims["topics"]) == (["acme.*"], ["acme", "news.*"])


@pytest.mark.parametrize("words", ["acm*", "acme.* --topics acm*"])
def test_a_token_that_the_api_would_reject_is_not_minted(words: str) -> None:
    with pytest.raises(CliFailure, match=r"such as \"acme\.\*\"") as failed:
        run(f"token {words}")
    assert failed.value.code == ExitCode.USAGE


def webhook(webhook_id: str, topic: str | None) -> dict[str, Any]:
    return {"webhook_id": webhook_id, "topic": topic, "enabled": True, "url": "https://shop.example/", "name": ""}


OWN = [("acme.w1", "acme.all"), ("acme.w2", "acme"), ("acme.w3", None), ("acme", "acme.all"), ("acme.eu.w1", "acme.us")]
FOREIGN = [("evil.w1", "acme.all"), ("evil.w2", "acme"), ("acmeX", "acme"), ("w1", "acme.all"), ("acme.w4", "all.acme")]


def test_webhooks_in_another_tenants_topic_are_listed(api: FakeApi, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = ([webhook(*each) for each in found] for found in (OWN, FOREIGN))
    api.responses = [(200, {"webhooks": first, "next_cursor": "n"}), (200, {"webhooks": second, "next_cursor": None})]
    with pytest.raises(CliFailure, match="5 of 10") as failed:
        run("topics", api)
    assert failed.value.code == ExitCode.FAILED
    found, _ = printed(capsys)
    assert [(one["webhook_id"], one["topic"]) for one in found] == FOREIGN
    assert found[0] == {"webhook_id": "evil.w1", "topic": "acme.all", "enabled": True, "url": "https://shop.example/"}
    assert [parameters for _, parameters, _ in api.requests] == [{"limit": "100"}, {"limit": "100", "cursor": "n"}]


def test_no_webhook_in_another_tenants_topic_is_a_success(api: FakeApi, capsys: pytest.CaptureFixture[str]) -> None:
    api.responses = [(200, {"webhooks": [webhook(*each) for each in OWN], "next_cursor": None})]
    run("topics", api)
    assert printed(capsys) == ([], "")


def test_a_tenant_can_be_several_parts_of_a_name(api: FakeApi, capsys: pytest.CaptureFixture[str]) -> None:
    named = [("eu.acme.w1", "eu.acme.all"), ("eu.acme.w2", "eu.globex.all"), ("eu.acme.w3", "eu")]
    api.responses = 2 * [(200, {"webhooks": [webhook(*each) for each in named], "next_cursor": None})]
    run("topics", api)
    with pytest.raises(CliFailure, match="2 of 3"):
        run("topics --depth 2", api)
    assert [one["webhook_id"] for one in printed(capsys)[0]] == ["eu.acme.w2", "eu.acme.w3"]


class DeadLetters:
    """A queue with two dead letters, and a task that moves them."""

    def __init__(self, *states: str) -> None:
        self.moved: dict[str, str] = {}
        self._states = list(states)

    def get_queue_attributes(self, **asked: Any) -> dict[str, Any]:
        return {"Attributes": {"QueueArn": f"arn:{asked['QueueUrl']}", "ApproximateNumberOfMessages": "2"}}

    def start_message_move_task(self, **asked: str) -> None:
        self.moved = asked

    def list_message_move_tasks(self, **_: Any) -> dict[str, Any]:
        return {"Results": [{"Status": self._states.pop(0), "FailureReason": "AccessDenied"}]}


def test_sqs_moves_the_dead_letters_of_the_other_queues() -> None:
    letters = DeadLetters("RUNNING", "COMPLETED")
    assert start_sqs_redrive(letters, "dead", "queue") == 2
    assert letters.moved == {"SourceArn": "arn:dead", "DestinationArn": "arn:queue"}
    with pytest.raises(CliFailure, match=r"^The redrive ended with status FAILED: AccessDenied$"):
        start_sqs_redrive(DeadLetters("FAILED"), "dead", "queue")
    with pytest.raises(CliFailure, match="older than this hooklog"):
        run("redrive recoveries", sqs=letters)
