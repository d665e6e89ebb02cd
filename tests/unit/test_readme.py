"""The README's promises that a test can hold; test_template.py holds its table of parameters."""

import json
import re

import pytest

from hooklog.errors import ErrorType
from hooklog.fields import parse_object
from hooklog.message import Message
from tests.template import ROOT

README = (ROOT / "README.md").read_text()


def examples(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def test_every_make_target_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:`|^|\$ )(?:HOOKLOG_PORT=\d+ )?make ([a-z]+)", README, re.MULTILINE))
    assert {"run", "test", "deploy"} <= named <= targets


@pytest.mark.parametrize("example", examples("python"))
def test_a_python_example_compiles(example: str) -> None:
    compile(example, "README.md", "exec")


def test_the_message_is_one_that_is_sent() -> None:
    message = Message.parse(parse_object(examples("json")[0]), "queue-message-id")
    (request,) = examples("http")
    headers, _, body = request.rstrip().partition("\n\n")
    assert message.body.decode() == body
    assert f"Content-Length: {len(message.body)}" in headers
    assert f"webhook-id: {message.message_id}" in headers


def test_the_batch_of_the_cli_example_can_be_sent() -> None:
    (batch,) = re.findall(r"<<'END'\n(.*?)^END$", README, re.MULTILINE | re.DOTALL)
    for entry in json.loads(batch):
        message = Message.parse(parse_object(entry["MessageBody"]), "queue-message-id")
        assert message.webhook_id == entry["MessageGroupId"]


def test_every_error_type_is_explained() -> None:
    explained = re.findall(
        r"^\| `(\w+)` \| ", README.partition("| `error.type` |")[2].partition("\n\n")[0], re.MULTILINE
    )
    assert sorted(explained) == sorted(ErrorType)
