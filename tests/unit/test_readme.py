"""The README and the references match the code."""

import json
import re
import subprocess

import pytest

from hooklog.access.routes import ROUTES
from hooklog.delivery.tls import MESSAGES
from hooklog.errors import ErrorType
from hooklog.messages.fields import REFUSED_HEADERS, parse_object
from hooklog.messages.message import Message
from tests.template import ROOT

README = (ROOT / "README.md").read_text()
PRODUCERS = (ROOT / "docs/producers.md").read_text()
RECEIVERS = (ROOT / "docs/receivers.md").read_text()
API = (ROOT / "docs/api.md").read_text()


def examples(language: str, document: str = README) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", document, re.MULTILINE | re.DOTALL)


def test_every_make_target_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:`|^|\$ )(?:HOOKLOG_PORT=\d+ )?make ([a-z]+)", README, re.MULTILINE))
    assert {"run", "test", "deploy"} <= named <= targets


def test_make_help_lists_every_documented_target_in_a_group_on_80_columns() -> None:
    shown = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    groups = re.findall(r"^([A-Z].+)\n((?:  make .+\n)+)", shown, re.MULTILINE)
    assert [name for name, _ in groups] == ["Use", "Develop", "Deploy and operate", "Maintain"]
    grouped = {target for _, lines in groups for target in re.findall(r"^  make (\S+)", lines, re.MULTILINE)}
    documented = set(re.findall(r"^([a-z-]+):.* ## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert grouped == documented - {"help"}
    assert max(map(len, shown.splitlines())) <= 80


@pytest.mark.parametrize("document", [PRODUCERS, API], ids=["producers", "api"])
def test_the_python_example_compiles(document: str) -> None:
    (example,) = examples("python", document)
    compile(example, "example.py", "exec")


def test_the_readmes_message_can_be_sent() -> None:
    message = Message.parse(parse_object(examples("json")[0]), "queue-message-id")
    (request,) = examples("http")
    headers, _, body = request.rstrip().partition("\n\n")
    assert message.body.decode() == body
    assert f"Content-Length: {len(message.body)}" in headers
    assert f"webhook-id: {message.message_id}" in headers


def test_the_message_of_the_cli_example_can_be_sent() -> None:
    (body,) = re.findall(r"--message-body '(.*?)'$", README, re.MULTILINE | re.DOTALL)
    assert Message.parse(parse_object(body), "queue-message-id").webhook_id == "acme.orders"


def test_every_call_of_the_api_is_listed_with_its_scope() -> None:
    listed = re.findall(r"^\| `([A-Z]+) (/\S+)` \| .+ \| `([\w:]+)` \|$", README, re.MULTILINE)
    assert sorted(listed) == sorted((route.method, route.resource, route.scope) for route in ROUTES)


def test_every_refused_header_is_named() -> None:
    _, _, section = PRODUCERS.partition("\n## Rejected messages\n")
    assert {name.lower() for name in re.findall(r"`([\w-]+)`", section.partition("\n## ")[0])} >= REFUSED_HEADERS


def test_the_batch_of_the_cli_example_can_be_sent() -> None:
    (batch,) = re.findall(r"<<'END'\n(.*?)^END$", PRODUCERS, re.MULTILINE | re.DOTALL)
    for entry in json.loads(batch):
        message = Message.parse(parse_object(entry["MessageBody"]), "queue-message-id")
        assert message.webhook_id == entry["MessageGroupId"]


def test_every_error_type_is_explained() -> None:
    table = RECEIVERS.partition("| `error.type` |")[2].partition("\n\n")[0]
    explained = re.findall(r"^\| `(\w+)` \| .+ \| (yes|no) \|$", table, re.MULTILINE)
    assert sorted(explained) == sorted((each, "yes" if each.is_retried else "no") for each in ErrorType)


def test_every_message_of_a_tls_error_is_explained() -> None:
    table = RECEIVERS.partition("| message | what to do |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| (.+?) \| .+ \|$", table, re.MULTILINE)) == MESSAGES | {"---"}
