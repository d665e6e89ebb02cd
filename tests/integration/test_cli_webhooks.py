"""The commands `hooklog webhooks …`: their calls of the API and their output."""

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.arguments import build_parser
from cli.failure import CliFailure, ExitCode
from cli.webhook_set import SET_FIELDS
from hooklog.webhooks.webhook import FIELDS
from tests.commands import Terminal, printed, run
from tests.fake_api import FakeApi, fake_api

STORED: dict[str, Any] = {
    "webhook_id": "acme.orders",
    "name": "Orders",
    "url": "https://shop.example/hooks",
    "headers": {"X-Shop": "berlin", "Authorization": "••••"},
    "event_types": ["order.paid"],
    "enabled": False,
    "timeout_seconds": 15,
    "retry_schedule": [5, 300],
    "transformation": "payload",
    "sensitive_headers": [],
    "topic": "acme.all",
    "max_per_second": 10,
    "version": 3,
}
PATH = "/webhooks/acme.orders"
NOT_FOUND = (404, {"error": {"code": "not_found", "message": "there is no such webhook"}})


@pytest.fixture
def api() -> Iterator[FakeApi]:
    with fake_api() as server:
        yield server


@pytest.mark.parametrize(
    ("options", "change"),
    [
        ("--url https://other.example/", {"url": "https://other.example/"}),
        ("--enabled", {"enabled": True}),
        ("--disabled --name ''", {"enabled": False, "name": ""}),
        ("--header 'x-shop: a' --header X:1", {"headers": {"Authorization": "••••", "x-shop": "a", "X": "1"}}),
        ("--remove-header X_Shop", {"headers": {"Authorization": "••••"}}),
        ("--event-types", {"event_types": []}),
        ("--event-types order.paid order.created", {"event_types": ["order.paid", "order.created"]}),
        ("--sensitive-headers X-Shop", {"sensitive_headers": ["X-Shop"]}),
        ("--timeout-seconds 2.5", {"timeout_seconds": 2.5}),
        ("--retry-schedule 5,300,1800", {"retry_schedule": [5, 300, 1800]}),
        ("--retry-schedule none", {"retry_schedule": []}),
        ("--retry-schedule default", {"retry_schedule": None}),
        ("--max-per-second 50", {"max_per_second": 50}),
        ("--max-per-second none", {"max_per_second": None}),
        ("--transformation '' --topic ''", {"transformation": None, "topic": None}),
        ("--topic acme.news", {"topic": "acme.news"}),
    ],
)  # fmt: skip
def test_set_changes_only_what_is_given(
    api: FakeApi, capsys: pytest.CaptureFixture[str], options: str, change: dict[str, Any]
) -> None:
    api.responses = [(200, STORED), (200, {**STORED, **change, "version": 4})]
    run(f"webhooks set acme.orders {options}", api)
    assert [(path, body) for path, _, body in api.requests] == [(PATH, {}), (PATH, {**STORED, **change})]
    assert printed(capsys) == ([{**STORED, **change, "version": 4}], "")


def test_set_reads_a_transformation_from_a_file(api: FakeApi, tmp_path: Path) -> None:
    (tmp_path / "to_text.jsonata").write_text('{"text": "Order " & payload.order}\n')
    api.responses = [(200, STORED), (200, STORED)]
    run(f"webhooks set acme.orders --transformation {tmp_path}/to_text.jsonata", api)
    assert api.requests[1][2]["transformation"] == '{"text": "Order " & payload.order}\n'


def test_every_field_of_a_webhook_has_an_option() -> None:
    arguments = vars(build_parser().parse_args(["webhooks", "set", "acme.orders"]))
    assert set(SET_FIELDS) | {"headers", "client_certificate", "version"} == FIELDS.keys()
    assert arguments.keys() >= {*SET_FIELDS, "header", "client_certificate", "client_key"}


def test_set_reads_a_client_certificate_and_its_key_from_files(api: FakeApi, tmp_path: Path) -> None:
    for name in ("client.pem", "client.key"):
        (tmp_path / name).write_text(f"text of {name}")
    api.responses = [(200, STORED), (200, STORED)] * 2
    run(f"webhooks set acme.orders --client-certificate {tmp_path}/client.pem --client-key {tmp_path}/client.key", api)
    uploaded = {"certificate": "text of client.pem", "key": "text of client.key"}
    assert api.requests[1][2]["client_certificate"] == uploaded
    run("webhooks set acme.orders --no-client-certificate", api)
    assert api.requests[3][2]["client_certificate"] is None


@pytest.mark.parametrize(
    "options",
    [
        "--client-certificate a.pem",
        "--client-key a.key",
        "--no-client-certificate --client-certificate a --client-key b",
    ],
)
def test_half_a_client_certificate_is_a_usage_error(api: FakeApi, options: str) -> None:
    with pytest.raises(CliFailure, match="client-certificate") as failed:
        run(f"webhooks set acme.orders {options}", api)
    assert (failed.value.code, api.requests) == (ExitCode.USAGE, [])


def test_a_list_shows_when_certificates_expire(api: FakeApi, capsys: pytest.CaptureFixture[str]) -> None:
    certificate = {"client_certificate": {"not_after": "2027-02-01T00:00:00Z"}}
    api.responses = [(200, {"webhooks": [STORED], "next_cursor": None})]
    run("webhooks list", api, as_json=False)
    assert "until" not in capsys.readouterr().out
    api.responses = [(200, {"webhooks": [STORED, {**STORED, **certificate}], "next_cursor": None})]
    run("webhooks list", api, as_json=False)
    assert "2027-02-01" in capsys.readouterr().out


def test_a_new_webhook_is_created_and_its_secret_is_printed(api: FakeApi, capsys: pytest.CaptureFixture[str]) -> None:
    created = {**STORED, "version": 1, "secret": "whsec_MzQ1"}
    api.responses = [NOT_FOUND, (201, created)]
    run("webhooks set acme.orders --url https://shop.example/hooks", api, as_json=False)
    assert api.requests[1][2] == {"url": "https://shop.example/hooks", "headers": {}}
    sentence = "Created acme.orders: it is disabled; enable it with --enabled. Its secret: whsec_MzQ1\n"
    assert capsys.readouterr().out == sentence


def test_each_wrong_option_has_a_line(api: FakeApi) -> None:
    wrong = {"url": "url is missing", "event_types": "event_types: each must be a type", "headers": "header X is wrong"}
    errors = [{"field": field, "message": message} for field, message in wrong.items()]
    api.responses = [NOT_FOUND, (400, {"error": {"code": "x", "message": "all", "errors": errors}})]
    with pytest.raises(CliFailure) as failed:
        run("webhooks set acme.orders --event-types order.*", api)
    assert str(failed.value).splitlines() == [
        "--url: url is missing",
        "--event-types: event_types: each must be a type",
        "--header: header X is wrong",
    ]
    assert failed.value.code == ExitCode.USAGE


CONFLICT = (409, {"error": {"code": "conflict", "message": "the webhook has version 4"}})


def test_a_change_by_somebody_else_is_kept(api: FakeApi) -> None:
    newer = {**STORED, "name": "Renamed", "version": 4}
    api.responses = [(200, STORED), CONFLICT, (200, newer), (200, newer), (200, newer)]
    run("webhooks set acme.orders --enabled", api)
    assert api.requests[-1][2] == {**newer, "enabled": True}


def test_a_conflict_that_is_not_about_the_version_is_reported(api: FakeApi) -> None:
    limit = (409, {"error": {"code": "conflict", "message": "the prefix acme.* already has 100 webhooks"}})
    api.responses = [NOT_FOUND, limit, NOT_FOUND]
    with pytest.raises(CliFailure, match="already has 100 webhooks") as failed:
        run("webhooks set acme.orders --url https://shop.example/", api)
    assert failed.value.code == ExitCode.CONFLICT


def test_set_without_an_option_changes_nothing(api: FakeApi) -> None:
    with pytest.raises(CliFailure, match="Nothing to change"):
        run("webhooks set acme.orders", api)
    assert api.requests == []


def test_webhooks_are_listed_by_prefix(api: FakeApi, capsys: pytest.CaptureFixture[str]) -> None:
    api.responses = [(200, {"webhooks": [STORED], "next_cursor": "n"}), (200, {"webhooks": [], "next_cursor": None})]
    run("webhooks list 'acme.*'", api, as_json=False)
    row = "acme.orders\tdisabled\torder.paid\tacme.all\thttps://shop.example/hooks\n"
    assert capsys.readouterr().out == row
    counts = {"succeeded": 1, "failed": 2, "hard_errors": 0, "skipped": 0}
    seen = {"webhook_id": "acme.x", "registered": False, "last_execution": None, "last_24_hours": counts}
    api.responses = [(200, {"webhooks": [seen], "next_cursor": None})]
    run("webhooks list --seen", api, as_json=False)
    assert capsys.readouterr().out == "acme.x\tnot registered\t1 succeeded, 2 failed\t-\t-\n"
    assert [parameters for _, parameters, _ in api.requests] == [
        {"limit": "100"}, {"limit": "100", "cursor": "n"}, {"limit": "100", "seen": "true"}
    ]  # fmt: skip


def test_get_shows_the_secret_only_if_asked(api: FakeApi, capsys: pytest.CaptureFixture[str]) -> None:
    secret = {"secret": "whsec_MzQ1", "previous_valid_until": None}
    api.pages = {PATH: STORED, f"{PATH}/secret": secret}
    run("webhooks get acme.orders", api)
    run("webhooks get acme.orders --secret", api)
    assert printed(capsys)[0] == [STORED, {**STORED, **secret}]
    assert [path for path, _, _ in api.requests] == [PATH, PATH, f"{PATH}/secret"]


@pytest.mark.parametrize(("answer", "calls"), [("y\n", 1), ("yes\n", 1), ("n\n", 0), ("\n", 0), ("", 0)])
def test_rotate_asks_first(
    api: FakeApi, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, answer: str, calls: int
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    ends = "2026-11-25T22:15:02.000000Z"
    api.responses = [(200, {"secret": "whsec_new", "previous_valid_until": ends})]
    if not calls:
        with pytest.raises(CliFailure, match="Nothing was changed"):
            run("webhooks rotate acme.orders", api)
    else:
        run("webhooks rotate acme.orders", api)
    written = capsys.readouterr()
    assert "The present one also signs for 24 hours.\n[y/N]" in written.err
    assert api.requests == calls * [(f"{PATH}/secret", {}, {"overlap_hours": 24})]
    assert ("whsec_new" in written.out) == bool(calls)


@pytest.mark.parametrize("source", ["-", "file"])
def test_rotate_sends_the_secret_of_a_file_and_does_not_print_it(
    api: FakeApi, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, source: str
) -> None:
    name = source if source == "-" else str(tmp_path / source)
    (tmp_path / "file").write_text(" whsec_own\n")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"whsec_own\n")))
    rotate = f"webhooks rotate acme.orders --secret {name} --overlap-hours 0"
    with pytest.raises(CliFailure, match="--yes"):
        run(rotate, api)
    for as_json in (True, False):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"whsec_own\n")))
        api.responses = [(200, {"secret": "whsec_own", "previous_valid_until": None})]
        run(f"{rotate} --yes", api, as_json=as_json)
    assert api.requests == 2 * [(f"{PATH}/secret", {}, {"secret": "whsec_own", "overlap_hours": 0})]
    written = capsys.readouterr()
    assert "whsec_" not in written.out + written.err
    assert written.out.endswith("acme.orders signs with the given secret. No other secret is valid\n")


@pytest.mark.parametrize("words", ["webhooks rotate acme.orders", "resend acme.orders --from 1h"])
def test_without_a_terminal_a_question_needs_yes(api: FakeApi, monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    with pytest.raises(CliFailure, match="needs --yes") as failed:
        run(words, api)
    assert (failed.value.code, api.requests) == (ExitCode.USAGE, [])


def test_a_test_shows_its_execution(
    api: FakeApi, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    execution = {"execution_id": "x", "trigger": "test", "result": 200, "success": True, "request_body": '{"a":1}'}
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"a": 1}')))
    api.responses = [(200, execution)]
    run("webhooks test acme.orders --payload - --event-type order.paid", api)
    assert printed(capsys)[0] == [execution]
    assert api.requests == [(f"{PATH}/test", {}, {"payload": {"a": 1}, "event_type": "order.paid"})]


FAILED_TESTS: list[tuple[dict[str, Any], str]] = [
    ({"result": 503, "success": False}, "the receiver answered 503"),
    ({"result": 0, "success": False, "error": {"type": "tls_error", "message": "No TLS."}}, "No TLS."),
    ({"error": {"type": "transformation_error", "message": "(T2002)"}}, r"\(T2002\)"),
]


@pytest.mark.parametrize(("execution", "reason"), FAILED_TESTS)
def test_a_failed_test_is_a_failure(
    api: FakeApi, capsys: pytest.CaptureFixture[str], execution: dict[str, Any], reason: str
) -> None:
    api.responses = [(200, execution)]
    with pytest.raises(CliFailure, match=f"^The test failed: {reason}$"):
        run("webhooks test acme.orders --dry-run", api)
    assert json.loads(capsys.readouterr().out) == execution


@pytest.mark.parametrize("payload", ["NaN", "[1e400]", "-Infinity"])
def test_a_number_that_json_lacks_is_wrong_usage(api: FakeApi, tmp_path: Path, payload: str) -> None:
    (tmp_path / "payload").write_text(payload)
    with pytest.raises(CliFailure, match=r"^JSON cannot represent a number such as NaN or 1e400") as failed:
        run(f"webhooks test acme.orders --payload {tmp_path}/payload", api)
    assert (failed.value.code, api.requests) == (ExitCode.USAGE, [])


@pytest.mark.parametrize("seconds", ["nan", "inf", "1e999", "x"])
@pytest.mark.parametrize("words", ["webhooks set acme.orders --timeout-seconds", "send --webhook a --timeout"])
def test_a_time_limit_is_a_finite_number(capsys: pytest.CaptureFixture[str], words: str, seconds: str) -> None:
    with pytest.raises(SystemExit):
        run(f"{words} {seconds}")
    assert f"{seconds!r} is not a number of seconds" in capsys.readouterr().err


def test_a_file_may_begin_with_a_byte_order_mark(api: FakeApi, tmp_path: Path) -> None:
    (tmp_path / "payload").write_text('{"a": 1}', encoding="utf-8-sig")
    api.responses = [(200, {"success": True})]
    run(f"webhooks test acme.orders --payload {tmp_path}/payload", api)
    assert api.requests[0][2] == {"payload": {"a": 1}}
