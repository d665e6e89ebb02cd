"""What the command line prints of hostile data, on a terminal, in a pipe and with --json.

Each test runs `main` on a stack whose AWS and API are a local HTTP server.
"""

import io
import json
import os
import re
import subprocess
import sys
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from cli.__main__ import main
from cli.failure import CliFailure, ExitCode
from cli.output import Output
from cli.sender_log import EXECUTION_FAILED
from cli.stack import Stack
from tests.commands import PARSER
from tests.leaks import SIGNING_KEY
from tests.template import ROOT

Record = dict[str, Any]

HOSTILE = {
    "a lone surrogate": "a\ud800b\udfffc",
    "control characters": "\x00\x07\x1b[2J\x1b]0;title\x07\r\x7f",
    "C1 codes": "\x80\x85\x90\x9b31m\x9d\x9f",
    "bidi marks": "".join(map(chr, (0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)))),
    "line separators": "one\u2028two\u2029three",
    "zero width": "a\u200bb\u200cc\u200dd\u2060e\ufefff\u00adg",
    "fillers and selectors": "\u034f\u115f\u3164\ufe0f\uffa0\u2800\U000e0100\U000e0041\ue000\ufdd0",
    "fields and lines": "\ta\t\tb\nc\r\nd\n",
    "wide and combining": "日本語、한국어 👩 e\u0301\u0308\u0323 " + 40 * "全",
    "a long word": 300 * "x",
    "markup": "[red]a[/red] [link=https://x.example/]b[/link] :smile: {0} %s \\",
    "nested deeply": 3_000 * "[" + 3_000 * "]",
    "nested and open": 3_000 * '{"a":',
    "numbers": '{"n": 1.10, "n": 1E400, "i": ' + 5_000 * "9" + "}",
    "empty": "",
}
LINES = {"\n", "\t"}
STYLE = re.compile(r"\x1b\[[0-9;]*m")


class Backend(BaseHTTPRequestHandler):
    """AWS and the API: answers with `response`, or with the stack that it is."""

    response: Any = None

    def do_GET(self) -> None:
        self._respond(json.dumps(self.response).encode())

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if "X-Amz-Target" in self.headers:
            self._respond(json.dumps({"SecretString": SIGNING_KEY, "VersionId": "1"}).encode())
        else:
            self._respond(self._describe_stack().encode())

    def _describe_stack(self) -> str:
        url = f"http://{self.headers['Host']}"
        names = ("QueueUrl", "DeadLetterQueueUrl", "SigningKeySecret", "SenderLogGroup")
        outputs = "".join(
            f"<member><OutputKey>{name}</OutputKey><OutputValue>{value}</OutputValue></member>"
            for name, value in {"ApiUrl": url, **dict.fromkeys(names, "x")}.items()
        )
        stack = (
            f"<StackName>prod</StackName><CreationTime>2026-11-24T02:00:00Z</CreationTime><Outputs>{outputs}</Outputs>"
        )
        result = f"<DescribeStacksResult><Stacks><member>{stack}</member></Stacks></DescribeStacksResult>"
        return f"<DescribeStacksResponse>{result}</DescribeStacksResponse>"

    def _respond(self, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class says so
        """Do not log requests."""


@pytest.fixture(scope="module")
def backend() -> Iterator[type[Backend]]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Backend) as server, pytest.MonkeyPatch.context() as environment:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        for name, value in environment_of(server.server_port).items():
            environment.setenv(name, value)
        for name in ("NO_COLOR", "FORCE_COLOR", "PYTHONIOENCODING"):
            environment.delenv(name, raising=False)
        yield Backend
        server.shutdown()
        thread.join()


def environment_of(port: int) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "HOOKLOG_STACK": "prod",
        "COLUMNS": "80",
        "TERM": "xterm-256color",
        "no_proxy": "*",
    }


class Screen(io.StringIO):
    """A terminal, as far as a program can tell."""

    def isatty(self) -> bool:
        return True


def run(backend: type[Backend], words: str, on: type[io.StringIO] = io.StringIO) -> str:
    """Return what a command prints on a pipe, or on a Screen, without its styles."""
    lines = [
        {"event": EXECUTION_FAILED, **one}
        for one in (backend.response["executions"] if words.startswith("top") else ())
    ]
    events = [{"eventId": str(n), "timestamp": 0, "message": json.dumps(line)} for n, line in enumerate(lines)]
    client = SimpleNamespace(
        get_secret_value=lambda **_: {"SecretString": SIGNING_KEY, "VersionId": "1"},
        get_paginator=lambda _: SimpleNamespace(paginate=lambda **_: [{"events": events}]),
    )
    outputs = {"ApiUrl": os.environ["AWS_ENDPOINT_URL"], "SigningKeySecret": "key", "SenderLogGroup": "sender"}
    arguments = PARSER.parse_args(words.split())
    with redirect_stdout(on()) as stdout, redirect_stderr(io.StringIO()) as stderr:
        arguments.run(Stack("prod", outputs, lambda _: client, True), arguments, Output(bool(arguments.json)))
    assert stderr.getvalue() == ""
    return STYLE.sub("", stdout.getvalue()) if on is Screen else stdout.getvalue()


def hidden_in(text: str) -> set[str]:
    """Return what a terminal obeys or does not show, and lines and fields are not made of."""
    found = {one for one in text if unicodedata.category(one) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}}
    return (found | (set(HOSTILE["fillers and selectors"]) & set(text))) - LINES


def width_of(line: str) -> int:
    shown = [one for one in line if not unicodedata.category(one).startswith("M")]
    return sum(2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in shown)


def failure(texts: list[str]) -> Record:
    name = "".join(one for one in texts[0] if one.isprintable())[:40]
    return {
        "executed_at": "2026-11-24T02:20:30.387442Z", "execution_id": "20261124T022030.387442Z-c406244c",
        "webhook_id": "acme.orders", "event_type": name, "attempt": 1, "trigger": "event", "duration_ms": 87,
        "result": 0, "success": False, "hard_error": True, "error_type": texts[-1],
    }  # fmt: skip


text = st.text(st.characters() | st.sampled_from("".join(HOSTILE.values())), max_size=60) | st.sampled_from(
    [*HOSTILE.values()]
)


@settings(
    max_examples=12,
    phases=[Phase.explicit, Phase.generate],
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(texts=st.lists(text, min_size=1, max_size=12))
@example(texts=[*HOSTILE.values()])
@example(texts=["\u0b48" * 9])  # a combining character of class 0
def test_any_text_is_printed_without_control_of_the_terminal(backend: type[Backend], texts: list[str]) -> None:
    details = {
        **failure(texts),
        **{f"text_{number}": one for number, one in enumerate(texts)},
        "response_headers": {one: one for one in texts},
        "response_body": texts[0],
        "error": {"type": "protocol_error", "message": texts[-1]},
    }
    backend.response = details
    as_json = run(backend, "show acme.orders x --json")
    assert [json.loads(line) for line in as_json.splitlines()] == [details]
    plain = run(backend, "show acme.orders x")
    assert [line.split("\t")[0] for line in plain.removesuffix("\n").split("\n")] == [*details]
    assert {line.count("\t") for line in plain.splitlines()} == {1}
    screen = run(backend, "show acme.orders x", Screen)
    assert max(map(width_of, screen.split("\n"))) <= 80
    backend.response = {"executions": [failure(texts[number:]) for number in range(len(texts))], "next_cursor": None}
    rows = run(backend, "failures acme.orders")
    assert [line.count("\t") for line in rows.splitlines()] == [5] * len(texts)
    table = run(backend, "failures acme.orders", Screen)
    assert max(map(width_of, table.split("\n"))) <= 80
    tail = f"tail acme.orders --last {len(texts)} --count {len(texts)}"
    followed, stream = run(backend, tail), run(backend, tail, Screen)
    assert [line.count("\t") for line in followed.splitlines()] == [6] * len(texts)
    assert max(map(width_of, stream.split("\n"))) <= 80
    figures, top = run(backend, "top --once --rows 99"), run(backend, "top --once --rows 99", Screen)
    assert max(map(width_of, top.split("\n"))) <= 80
    for output in (as_json, plain, rows, screen, table, followed, stream, figures, top):
        assert hidden_in(output) == set()


ENCODED = "é 日 \U0001f469" + 40 * "ü"


class Encoded(io.TextIOWrapper):
    """A stream that has not every character."""

    is_terminal = False

    def isatty(self) -> bool:
        return self.is_terminal


@pytest.mark.parametrize(
    ("words", "is_terminal"),
    [
        ("show acme.orders x", False),
        ("show acme.orders x", True),
        ("show acme.orders x --json", False),
        ("stats acme.orders", True),
        ("stats --help", True),
    ],
)
def test_a_character_that_the_encoding_lacks_is_an_escape(
    backend: type[Backend], words: str, is_terminal: bool
) -> None:
    counts = {"succeeded": 5, "failed": 2, "hard_errors": 0, "skipped": 0, "duration_ms": {"p50": 1, "p95": 1200}}
    counted = {"intervals": 3 * [{"start": "2026-11-24T02:00:00Z", **counts}], "total": counts}
    backend.response = {**failure(["é"]), "response_body": ENCODED, **counted}
    with redirect_stdout(Encoded(io.BytesIO(), encoding="ascii")) as stdout, redirect_stderr(io.StringIO()):
        stdout.is_terminal = is_terminal
        if "--help" in words:
            with pytest.raises(SystemExit) as ended:
                main(words.split())
            assert ended.value.code == ExitCode.OK
        else:
            assert main(words.split()) == ExitCode.OK
    printed = stdout.buffer.getvalue().decode("ascii")  # type: ignore[attr-defined]
    if "--json" in words:
        assert json.loads(printed)["response_body"] == ENCODED
    if is_terminal:
        assert max(map(width_of, STYLE.sub("", printed).split("\n"))) <= 80
    assert ("\\u65e5" in printed) == (words.startswith("show"))
    assert "\\u25" not in printed  # bars and borders have a form in ASCII


def test_a_terminal_without_colours_gets_none(backend: type[Backend], monkeypatch: pytest.MonkeyPatch) -> None:
    backend.response = {"executions": [failure(["a", "b"])], "next_cursor": None}

    def list_failures() -> str:
        with redirect_stdout(Screen()) as screen:
            assert main(["failures", "acme.orders"]) == ExitCode.OK
        return screen.getvalue()

    coloured = list_failures()
    assert STYLE.search(coloured)
    for variable, value in (("NO_COLOR", "1"), ("TERM", "dumb")):
        with monkeypatch.context() as environment:
            environment.setenv(variable, value)
            assert list_failures() == STYLE.sub("", coloured)


def test_a_pipe_gets_no_colours_and_boxes_even_if_forced(
    backend: type[Backend], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("CLICOLOR_FORCE", "1")
    backend.response = failure(["a", "b"])
    assert run(backend, "show acme.orders x").splitlines()[2] == "webhook_id\tacme.orders"


def start(words: str, **streams: Any) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'layers/shared'}"}
    environment.pop("PYTHONUNBUFFERED", None)
    command = [sys.executable, "-m", "cli", *words.split()]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment, **streams)


@pytest.mark.parametrize("words", ["show acme.orders x", "--help", "completion bash"])
def test_a_reader_may_close_the_pipe(backend: type[Backend], words: str) -> None:
    backend.response = {**failure(["a"]), "response_body": 1_000_000 * "x"}
    with start(words, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(60) == ExitCode.OK


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("words", ["show acme.orders x", "--version"])
def test_a_full_disk_is_a_failure(backend: type[Backend], words: str) -> None:
    backend.response = failure(["a"])
    with Path("/dev/full").open("w") as full, start(words, stdout=full) as process:
        assert process.stderr
        assert process.stderr.read() == "Cannot write to standard output: No space left on device\n"
        assert process.wait(60) == ExitCode.FAILED


def test_a_closed_input_has_no_messages(backend: type[Backend]) -> None:
    with start("send -", preexec_fn=lambda: os.close(0)) as process:
        assert process.stderr
        assert process.stderr.read() == "The input contains no messages\n"


@pytest.mark.parametrize("response", [[], "x", None])
def test_an_answer_that_is_not_the_apis_is_a_failure(backend: type[Backend], response: Any) -> None:
    backend.response = response
    with pytest.raises(CliFailure, match=r"^The API answered 200 without a JSON object$"):
        run(backend, "show acme.orders x")


def test_an_argument_that_is_not_utf8_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["show", "acme.\udcff", "x"])
    assert ended.value.code == ExitCode.USAGE
    assert "an argument is not valid UTF-8" in capsys.readouterr().err
