"""The command line's options, exit codes and output."""

import argparse
import io
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from cli.__main__ import main
from cli.arguments import build_parser
from cli.command_group import STACK_VARIABLE, LateFunction
from cli.failure import ExitCode
from cli.history import FAILURE_COLUMNS, LABELS, TAIL_COLUMNS
from cli.json_text import indent_json
from cli.output import Output
from cli.sender_log import EXECUTION_FAILED
from cli.stats import build_table, draw_sparklines
from cli.times import executed_at, format_time, parse_duration, parse_time
from cli.top import render, summarise
from hooklog.errors import ErrorType
from hooklog.version import __version__
from tests.template import ROOT


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("15m", 900), ("1h", 3600), ("7d", 604_800), ("9999d", 9999 * 86_400)]
)
def test_a_duration_is_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "1", "h", "0h", "-1h", "1.5h", "1 h", "1w", "٣h", "10000s", "1h30m"])
def test_anything_else_is_not_a_duration(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="not a duration: write 90s, 15m, 1h or 7d"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-11-24T02:00:00Z", "2026-11-24T02:00:00.000000Z"),
        ("2026-11-24T02:00", "2026-11-24T02:00:00.000000Z"),
        ("2026-11-24T02:00+02:00", "2026-11-24T00:00:00.000000Z"),
        ("2026-11-24", "2026-11-24T00:00:00.000000Z"),
    ],
)
def test_a_time_without_a_zone_is_in_utc(text: str, utc: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        assert format_time(parse_time(text)) == utc
    time.tzset()


def test_a_duration_is_a_time_in_the_past() -> None:
    before = datetime.now(UTC)
    assert before - timedelta(hours=1) <= parse_time("1h") <= datetime.now(UTC) - timedelta(hours=1)


@pytest.mark.parametrize("text", ["yesterday", "", "10000d", "0001-01-01T00:00+14:00", "9999-12-31T23:59-14:00"])
def test_anything_else_is_not_a_time(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=r"is not a (time|duration): write"):
        parse_time(text)


def test_an_execution_id_contains_its_time() -> None:
    assert executed_at("20261124T022030.387442Z-c406244c") == "2026-11-24T02:20:30.387442Z"


@pytest.mark.parametrize("words", ["--stack prod top --json", "top --stack prod --json", "--json --stack prod top"])
def test_common_options_are_valid_before_and_after_the_command(words: str) -> None:
    arguments = build_parser().parse_args(words.split())
    assert (arguments.stack, arguments.json) == ("prod", True)


@pytest.mark.parametrize(
    "words",
    [
        "nothing",
        "show acme.orders",
        "recover acme.orders",
        "recover acme.orders --since yesterday",
        "token",
        "tail acme.orders --last 0",
        "stats",
        "stats acme.orders --interval week",
        "send --header X-Shop",
        "send --timeout soon",
        "token acme.* --scope executions:write",
        "failures --result 5XX",
        "failures acme.orders --event-type order.*.x",
        "failures --error-type timeout",
        "tail",
        "tail acme.orders acm*",
        "tail acme.* --status failed",
        "listen acme.orders",
        "listen acme.* --forward-to localhost:3000",
        "listen acme.orders --forward-to ftp://localhost",
        "listen acme.orders --forward-to localhost:99999",
        "resend acme.orders --status skipped",
        "recover acme.orders --since 1h --status succeeded",
        "recover acme.orders --since 1h --event-type ord*",
        "webhooks set acme.orders --enabled --disabled",
        "webhooks set acme.orders --retry-schedule 5s",
    ],
)
def test_wrong_usage_prints_the_usage_and_has_its_exit_code(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words.split())
    assert ended.value.code == ExitCode.USAGE
    assert "usage: hooklog" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("3000", "http://localhost:3000"),
        ("localhost:3000/hooks", "http://localhost:3000/hooks"),
        ("https://[::1]:3000/?a=b", "https://[::1]:3000/?a=b"),
    ],
)
def test_a_local_server_can_be_a_port(text: str, url: str) -> None:
    assert build_parser().parse_args(["listen", "acme.orders", "--forward-to", text]).forward_to == url


HELP = [[], ["--help"], ["--version"], ["show", "--help"], ["--json"], ["doctor", "-h"]]


@pytest.mark.parametrize("words", HELP, ids=" ".join)
def test_help_imports_no_library(words: list[str]) -> None:
    """Each library takes longer to import than all of this may take: 0.3 s of CPU."""
    loaded = "print(*sorted(sys.modules), file=sys.stderr)"
    command = f"import sys, atexit; atexit.register(lambda: {loaded}); from cli.__main__ import main; main()"
    ended = subprocess.run(
        [sys.executable, "-c", command, *words],
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'layers/shared'}"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert ended.stdout.startswith(("usage: hooklog ", f"hooklog {__version__}\n"))
    packages = {name.partition(".")[0] for name in ended.stderr.split()}
    assert packages.isdisjoint(
        {"boto3", "botocore", "requests", "urllib3", "rich", "jwt", "pynamodb", "local", "asyncio"}
    )
    ours = {name for name in ended.stderr.split() if name.startswith(("cli.", "hooklog.executions", "hooklog.sending"))}
    parsing = {"__main__", "arguments", "command_group", "failure", "option_types", "queues", "times"}
    parsing |= {"history_options", "webhook_options"}
    assert ours <= {f"cli.{name}" for name in parsing}


def test_every_command_can_be_loaded() -> None:
    """Commands are named by strings, which no type checker reads."""
    for command, parser in commands_of(build_parser()):
        function = parser.get_default("run") or parser.get_default("text")
        assert callable(function.load() if isinstance(function, LateFunction) else function), command


def commands_of(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Yield each command and subcommand with its parser."""
    for action in parser._actions:  # noqa: SLF001 - argparse has no other list
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for name, command in action.choices.items():
                yield name, command
                yield from ((f"{name} {below}", each) for below, each in commands_of(command))


def test_every_option_says_what_it_does_and_what_it_takes() -> None:
    for command, parser in [("hooklog", build_parser()), *commands_of(build_parser())]:
        assert parser.description, command
        for action in parser._actions:  # noqa: SLF001
            assert action.help or isinstance(action, argparse._SubParsersAction), (command, action)  # noqa: SLF001
            assert action.nargs == 0 or action.metavar or action.choices, (command, action)


@pytest.mark.parametrize(
    ("variable", "words", "stack"),
    [
        ("prod", "top", "prod"),
        ("prod", "--stack staging top", "staging"),
        ("prod", "top --stack staging", "staging"),
        ("prod", "--stack= top", ""),
        ("", "top", ""),
        ("", "top --stack staging", "staging"),
    ],
)
def test_the_stack_can_be_set_in_the_environment(
    monkeypatch: pytest.MonkeyPatch, variable: str, words: str, stack: str
) -> None:
    monkeypatch.setenv(STACK_VARIABLE, variable)
    assert build_parser().parse_args(words.split()).stack == stack


class CloudFormation(BaseHTTPRequestHandler):
    """Answers every request with `status` and `body`."""

    status, body = 0, ""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body.encode())

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class says so
        """Do not log requests."""


@pytest.fixture
def cloudformation(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[CloudFormation]]:
    """A fake CloudFormation, set as the AWS endpoint."""
    with ThreadingHTTPServer(("127.0.0.1", 0), CloudFormation) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        endpoint = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}", "AWS_MAX_ATTEMPTS": "1"}
        credentials = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
        for name, value in {**NO_CREDENTIALS, **endpoint, **credentials}.items():
            monkeypatch.setenv(name, value)
        yield CloudFormation
        server.shutdown()
        thread.join()


NO_CREDENTIALS = {
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_REGION": "eu-west-1",
}
ON_AWS = ["--stack", "prod", "--region", "eu-west-1", "redrive"]


@pytest.mark.parametrize(
    ("code", "exit_code"),
    [
        ("ExpiredToken", ExitCode.NOT_ALLOWED),
        ("RequestExpired", ExitCode.NOT_ALLOWED),
        ("AccessDenied", ExitCode.NOT_ALLOWED),
        ("InvalidClientTokenId", ExitCode.NOT_ALLOWED),
        ("SignatureDoesNotMatch", ExitCode.NOT_ALLOWED),
        ("ValidationError", ExitCode.NOT_FOUND),
        ("Whatever", ExitCode.FAILED),
    ],
)
def test_an_error_of_aws_has_its_exit_code(
    cloudformation: type[CloudFormation], code: str, exit_code: ExitCode, capsys: pytest.CaptureFixture[str]
) -> None:
    error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>why</Message></Error>"
    cloudformation.status, cloudformation.body = 403, f"<ErrorResponse>{error}</ErrorResponse>"
    assert main(ON_AWS) == exit_code
    assert capsys.readouterr().err.count("\n") == 1


def test_a_stack_without_our_outputs_is_not_a_hooklog_stack(
    cloudformation: type[CloudFormation], capsys: pytest.CaptureFixture[str]
) -> None:
    stack = "<StackName>prod</StackName><CreationTime>2026-11-24T02:00:00Z</CreationTime>"
    result = f"<DescribeStacksResult><Stacks><member>{stack}</member></Stacks></DescribeStacksResult>"
    cloudformation.status, cloudformation.body = 200, f"<DescribeStacksResponse>{result}</DescribeStacksResponse>"
    assert main(ON_AWS) == ExitCode.FAILED
    assert "has no output ApiUrl" in capsys.readouterr().err


@pytest.mark.parametrize(
    "profile",
    [
        "",
        "aws_access_key_id = a",
        "credential_process = false",
        "sso_start_url = https://sso.example/start\nsso_region = eu-west-1\nsso_account_id = 1\nsso_role_name = oncall",
    ],
)
def test_missing_and_expired_credentials_have_their_exit_code(
    profile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config").write_text(f"[default]\n{profile}\n")
    for name, value in {**NO_CREDENTIALS, "AWS_CONFIG_FILE": str(tmp_path / "config"), "HOME": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    assert main(ON_AWS) == ExitCode.NOT_ALLOWED
    assert capsys.readouterr().err.count("\n") == 1


def test_every_command_is_documented() -> None:
    document = (ROOT / "docs/cli.md").read_text()
    assert [name for name, _ in commands_of(build_parser()) if f"hooklog {name}" not in document] == []


def test_every_exit_code_is_in_the_help_and_documented() -> None:
    epilog = " ".join((build_parser().epilog or "").split())
    document = (ROOT / "docs/cli.md").read_text()
    for code in ExitCode:
        assert f" {code} " in epilog
        assert f"| {code} |" in document


LINES: list[dict[str, Any]] = [
    {"event": "batch_processed", "delivered": 8, "failed": 2},
    {"event": "batch_processed", "delivered": 0, "failed": 1},
    {"event": "execution_failed", "webhook_id": "a", "result": 500, "error_type": None},
    {"event": "execution_failed", "webhook_id": "b", "result": 0, "error_type": "dns_failure"},
    {"event": "execution_failed", "webhook_id": "b", "result": 500, "error_type": None},
    {"event": "log_writes_pending", "items": 3},
    {"_aws": {}, "DeliveryLatency": [10.0, 20.0], "QueueLatency": [1.0, 1.0]},
    {"_aws": {}, "DeliveryLatency": 30.0, "QueueLatency": 4.0},
    {"_aws": {}, "BatchUtilisation": [100.0]},
]


def test_top_adds_up_the_senders_log_lines() -> None:
    assert summarise(LINES) == {
        "delivered": 8,
        "failed": 3,
        "success_rate": 0.7273,
        "delivery_ms": {"p50": 20, "p99": 30},
        "queue_ms": {"p50": 1, "p99": 4},
        "webhooks": [
            {"webhook_id": "b", "failures": 2, "reasons": {"dns_failure": 1, "500": 1}},
            {"webhook_id": "a", "failures": 1, "reasons": {"500": 1}},
        ],
    }


def test_top_has_no_rates_if_nothing_was_sent() -> None:
    figures = summarise([{"event": "batch_processed", "delivered": 0, "failed": 0}])
    assert (figures["success_rate"], figures["delivery_ms"], figures["webhooks"]) == (None, None, [])


FAILURE: Mapping[str, Any] = {
    "executed_at": "2026-11-24T02:20:30.387442Z",
    "webhook_id": "acme.[red]orders",
    "execution_id": "20261124T022030.387442Z-c406244c",
    "trigger": "retry",
    "attempt": 5,
    "result": 0,
    "error_type": "dns_failure",
    "duration_ms": 87,
    "success": False,
    "hard_error": True,
}


def test_a_table_contains_every_value(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=False).print_table(FAILURE_COLUMNS, [FAILURE])
    printed = capsys.readouterr().out
    for shown in ("acme.[red]orders", FAILURE["execution_id"], "retry 5", "DNS failed", "87 ms"):
        assert shown in printed


def terminal(width: int) -> Output:
    console = Console(file=io.StringIO(), width=width, highlight=False, force_terminal=True, color_system=None)
    return Output(as_json=False, console=console)


def printed(output: Output) -> str:
    assert isinstance(output.console.file, io.StringIO)
    return output.console.file.getvalue()


@pytest.mark.parametrize("width", [40, 80, 120, 200])
def test_ids_are_never_cut_however_narrow_the_terminal(width: int) -> None:
    """An ID that is cut or wrapped cannot be pasted into `hooklog show`."""
    output = terminal(width)
    output.print_table(FAILURE_COLUMNS, [FAILURE])
    for shown in (FAILURE["webhook_id"], FAILURE["execution_id"], "DNS failed"):
        assert shown in printed(output)
    assert ("┃" in printed(output)) == (width >= 120)


def test_a_line_is_wrapped_between_words_on_a_terminal_and_not_in_a_pipe() -> None:
    long_id = 100 * "x"
    sentence = f"Queued {long_id} " + 20 * "again "
    shown = io.StringIO()
    Output(as_json=False, console=Console(file=shown, width=40, force_terminal=True)).print_result(sentence, {})
    lines = shown.getvalue().splitlines()
    assert long_id in lines
    assert {word for line in lines if line != long_id for word in line.split()} == {"Queued", "again"}
    assert all(len(line) <= 40 for line in lines if line != long_id)
    piped = Output(as_json=False, console=Console(file=io.StringIO(), width=40))
    piped.print_result(sentence, {})
    assert printed(piped).count("\n") == 1


def test_a_long_value_is_wrapped_and_not_cut() -> None:
    output = terminal(60)
    output.print_fields({"url": "https://shop.example/" + 40 * "0123456789"})
    assert re.sub(r"[^0-9]", "", printed(output)) == 40 * "0123456789"
    assert "…" not in printed(output)


def test_top_shows_a_webhook_with_many_reasons() -> None:
    lines = [{"event": EXECUTION_FAILED, "webhook_id": "acme.orders", "result": 500 + number} for number in range(60)]
    output = terminal(60)
    output.console.print(render("hooklog", {"window_seconds": 60, **summarise(lines)}, 15))
    assert "│ acme.orders │ 60 " in printed(output)
    assert "56 more" in printed(output)


def test_top_names_the_kinds_of_hard_errors() -> None:
    timeouts = ["read_timeout", "deadline_exceeded", "connect_timeout", "dns_failure", "of_a_later_release"]
    failed = {"event": EXECUTION_FAILED, "webhook_id": "acme.orders", "result": 0}
    output = terminal(120)
    lines = [{**failed, "error_type": each} for each in timeouts]
    output.console.print(render("hooklog", {"window_seconds": 60, **summarise(lines)}, 15))
    assert "Timed out (3), DNS failed (1), of_a_later_release (1)" in printed(output)


def test_top_shows_the_requested_number_of_rows() -> None:
    lines = [{"event": EXECUTION_FAILED, "webhook_id": f"acme.{number:02}", "result": 500} for number in range(20)]
    output = terminal(80)
    output.console.print(render("hooklog", {"window_seconds": 60, **summarise(lines)}, 15))
    assert re.findall(r"acme\.\d\d", printed(output)) == [f"acme.{number:02}" for number in range(15)]
    assert "Failing webhooks: 20" in printed(output)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({}, "DNS failed"),
        ({"error_type": "read_timeout"}, "Timed out"),
        ({"error_type": "unknown_webhook"}, "Not sent: unknown webhook"),
        ({"error_type": "of_a_later_release"}, "of_a_later_release"),
        ({"error_type": None}, "hard error"),
        ({"error_type": None, "result": 503}, "503"),
    ],
)
def test_a_failure_has_a_reason(change: dict[str, Any], why: str) -> None:
    output = terminal(200)
    output.print_table(FAILURE_COLUMNS, [{**FAILURE, **change}])
    assert f"│ {why} " in printed(output)


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        ({}, "  0  DNS failed  87 ms"),
        ({"error_type": "deadline_exceeded"}, "  0  Timed out  87 ms"),
        ({"error_type": "disabled_webhook"}, "  0  Not sent: webhook is off  87 ms"),
        ({"error_type": None}, "  0  hard error  87 ms"),
        ({"result": 503, "hard_error": False, "error_type": None}, "503  failure  87 ms"),
        ({"result": 204, "hard_error": False, "error_type": None, "success": True}, "204  success  87 ms"),
        ({"hard_error": False, "error_type": None, "success": True, "skipped": True}, "  0  skipped  87 ms"),
    ],
)
def test_a_followed_execution_has_its_outcome(change: dict[str, Any], outcome: str) -> None:
    output = terminal(200)
    output.print_row(TAIL_COLUMNS, {**FAILURE, **change})
    assert printed(output).rstrip().endswith(f"retry 5    {outcome}")


def test_the_history_page_has_the_same_labels() -> None:
    texts = dict(re.findall(r'"result\.(\w+)": "(.+)",', (ROOT / "functions/history_page/texts.js").read_text()))
    assert {error_type: texts[error_type] for error_type in LABELS} == LABELS
    assert LABELS.keys() == set(ErrorType)


@pytest.mark.parametrize(
    ("received", "shown"),
    [
        ('{"a":[1.10,1E400,{}],"a":[]}', '{\n  "a": [\n    1.10,\n    1E400,\n    {}\n  ],\n  "a": []\n}'),
        (' [ "a,{\\"b" , null ] ', '[\n  "a,{\\"b",\n  null\n]'),
        ('"\\ud800"', '"\\ud800"'),
        (5_000 * "9", 5_000 * "9"),
        (3_000 * "[" + 3_000 * "]", 3_000 * "[" + 3_000 * "]"),
        (101 * "[" + 101 * "]", 101 * "[" + 101 * "]"),
        ("[1,2", "[1,2"),
        ('["' + 100_000 * "x" + '"]', '["' + 100_000 * "x" + '"]'),
        ("out of stock", "out of stock"),
        ("", ""),
    ],
)
def test_json_is_indented_and_keeps_its_tokens(received: str, shown: str) -> None:
    assert indent_json(received) == shown


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_long_value_of_a_stream_is_folded_in_its_column(width: int) -> None:
    output = terminal(width)
    output.print_row(TAIL_COLUMNS, {**FAILURE, "event_type": 128 * "q"})
    lines = printed(output).splitlines()
    assert max(map(cell_len, lines)) <= width
    assert sum(line.count("q") for line in lines) == 128
    assert len({line.index("q") for line in lines if "q" in line}) == 1
    assert FAILURE["execution_id"] in printed(output)


@pytest.mark.parametrize("width", [40, 80, 100])
def test_a_table_that_is_too_wide_has_each_column_in_one_place(width: int) -> None:
    output = terminal(width)
    records = [FAILURE, {**FAILURE, "webhook_id": "a", "error_type": "日本語" * 20}, {**FAILURE, "trigger": "event"}]
    output.print_table(FAILURE_COLUMNS, records)
    lines = printed(output).splitlines()
    assert max(map(cell_len, lines)) <= width
    places = [
        {line.index(name) for line in lines if name in line}
        for name in ("87 ms", "Execution ", FAILURE["execution_id"])
    ]
    assert [len(place) for place in places] == [1, 1, 1]
    assert places[1] == places[2]


def test_json_is_one_record_per_line(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=True).print_table(FAILURE_COLUMNS, [FAILURE, FAILURE])
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [FAILURE, FAILURE]


def test_control_characters_of_a_response_are_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=False).print_fields({"response_body": "[red]a\x1b[2Jb\rc\x9bd\u202ee\n\tf"})
    assert "[red]a\\x1b[2Jb\\x0dc\\x9bd\\u202ee" in capsys.readouterr().out


def counted(number: int, succeeded: int, failed: int = 0) -> dict[str, Any]:
    percentiles = {"p50": 999, "p95": 29_949} if succeeded + failed else {"p50": None, "p95": None}
    counts = {"succeeded": succeeded, "failed": failed, "hard_errors": failed, "skipped": 0}
    return {"start": f"2026-11-{1 + number // 24:02}T{number % 24:02}:00:00Z", **counts, "duration_ms": percentiles}


def test_statistics_fit_into_80_columns() -> None:
    output = terminal(80)
    large = [counted(number, 12_345_678, 123_456) for number in range(25)]
    output.console.print(build_table("hour", {"intervals": large, "total": counted(0, 308_641_950, 3_086_400)}))
    for sparkline in draw_sparklines(large, 80):
        output.console.print(sparkline)
    lines = printed(output).splitlines()
    assert max(map(len, lines)) <= 80
    assert "…" not in printed(output)
    assert re.search(r"^2026-11-01 03:00 +12\.35M +123,456 +1\.0 +123,456 +0 +999 ms +29\.9 s$", lines[6])
    assert re.search(r"^Total +308\.6M +3\.086M +1\.0 +3\.086M +0 +999 ms +29\.9 s$", lines[29])
    assert len(lines) == 32


def test_statistics_without_executions_have_no_rate_and_no_durations() -> None:
    output = terminal(80)
    output.console.print(build_table("day", {"intervals": [counted(0, 0)], "total": counted(0, 0)}))
    assert re.search(r"^2026-11-01 +0 +0 +- +0 +0 +- +-$", printed(output), re.MULTILINE)


@pytest.mark.parametrize(
    ("executions", "width", "bars"),
    [
        ([0, 1, 4, 5, 8], 80, " ▁▄▅█"),
        ([1, 1000], 80, "▁█"),
        ([0, 0], 80, "  "),
        ([8, 0, 0, 0, 1, 7, 3], 24 + 4, "█ █▃"),
        ([1] * 745, 80, "█" * 53 + "▂"),
        ([1] * 3, 20, "█"),
    ],
)
def test_a_sparkline_is_in_proportion_to_its_maximum(executions: list[int], width: int, bars: str) -> None:
    succeeding = [counted(number, count) for number, count in enumerate(executions)]
    failing = [counted(number, 0, count) for number, count in enumerate(executions)]
    first, _ = draw_sparklines(succeeding, width)
    _, second = draw_sparklines(failing, width)
    assert first.plain.startswith(f"executions  {bars}  max ")
    assert second.plain.startswith(f"failures    {bars}  max ")
