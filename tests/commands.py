"""Running commands of `hooklog` in this process on a fake stack."""

import io
import json
import shlex
from types import SimpleNamespace
from typing import Any

import pytest

from cli.arguments import build_parser
from cli.output import Output
from cli.stack import Stack
from tests.fake_api import FakeApi
from tests.leaks import SIGNING_KEY

PARSER = build_parser()
"""A parser for all tests that run commands: to build one takes longer than most of them."""


class Terminal(io.StringIO):
    """Standard input of somebody who types."""

    def isatty(self) -> bool:
        return True


def run(
    words: str, api: FakeApi | None = None, *, as_json: bool = True, output: Output | None = None, **clients: Any
) -> None:
    secret = SimpleNamespace(get_secret_value=lambda **_: {"SecretString": SIGNING_KEY, "VersionId": "1"})
    outputs = {
        "ApiUrl": f"http://127.0.0.1:{api.server_port}" if api else "",
        "SenderLogGroup": "sender",
        "SigningKeySecret": "key",
        "QueueUrl": "queue",
        "DeadLetterQueueUrl": "dead",
    }
    arguments = PARSER.parse_args([*(["--json"] if as_json else []), *shlex.split(words)])
    stack = Stack("hooklog", outputs, {"secretsmanager": secret, **clients}.__getitem__, is_local=True)
    arguments.run(stack, arguments, output or Output(as_json=as_json))


def printed(capsys: pytest.CaptureFixture[str]) -> tuple[list[dict[str, Any]], str]:
    written = capsys.readouterr()
    return [json.loads(line) for line in written.out.splitlines()], written.err
