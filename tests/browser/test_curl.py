"""The cURL command of an execution, run by real shells against a real receiver."""

import base64
import json
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.test_outcome import details, execution, show
from tests.receiver import Receiver

SHELLS = ["sh", "bash", "zsh"]
INTERACTIVE_SHELLS = [["bash", "--norc", "-i"], ["zsh", "-f", "-i"]]
"""These also expand history and, in zsh, know no comments. They read slowly."""
MAX_TYPED_LENGTH = 10_000

MASKED = "••••"
HEADERS = {
    "Content-Type": "application/json",
    "X-Quoted": 'it\'s "quoted" $HOME $(id) `id` \\back\\\\ !x *',
    "X-At": "@/etc/hosts",
    "X-Unicode": "Grüße",
    "X-Empty": "",
    "x-'odd": "name",
    "webhook-id": "msg_1",
    "webhook-timestamp": "1795485174",
    "webhook-signature": "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
    "Host": "elsewhere.example",
    "Content-Length": "7",
    "Authorization": MASKED,
    "x-o'k": MASKED,
}
LINES = "\n".join(f"'{number}' \"$HOME\" `id` \\ {{}} é !x" for number in range(40_000))
BODIES: dict[str, str | bytes] = {
    "quotes": json.dumps({"it's": '$HOME `id` \\ "!" %s'}),
    "a file name": "@/etc/hosts",
    "empty": "",
    "lines": "\none\n\ntwo\n\n",
    "control characters": "tab\t, return\r\n, \x01, \x1b[31m, \x7f, \x85, \u2028, \0 and é\n",
    "1 MB of JSON": json.dumps({"rows": [{"id": number, "name": "it's é"} for number in range(24_000)]}),
    "1 MB in lines": f"{LINES}\nEND_OF_BODY\nEND_OF_BODY_\n{LINES[:1000]}\n\n",
    "1 MB with control characters": f"{LINES}\r\n\0",
    "binary": bytes(range(256)) * 2,
    "1 MB of binary": random.Random(1).randbytes(1_000_000),
    # in base64 it ends with "BODY"
    "binary that ends like a delimiter": bytes(57) + base64.b64decode("BODY"),
}


def run(command: str, file: Path) -> Iterator[str]:
    """Run a command in every shell that is installed; yield what each printed."""
    file.write_text(command, newline="")
    typed = [shell for shell in INTERACTIVE_SHELLS if len(command) <= MAX_TYPED_LENGTH]
    for shell in [*([name, str(file)] for name in SHELLS), *typed]:
        if shutil.which(shell[0]):
            given = f"{command}\n".encode() if shell in typed else b""
            done = subprocess.run(shell, input=given, capture_output=True, timeout=60, check=False)
            yield f"{shell}: {done.stdout.decode()}{done.stderr.decode()}"


def copy_command(page: Page, opened: Open, url: str, body: str | bytes) -> str:
    fields: dict[str, Any] = {"url": url, "request_headers": HEADERS, "request_body": body}
    if isinstance(body, bytes):
        fields |= {"request_body": base64.b64encode(body).decode(), "request_body_encoding": "base64"}
    dialog = show(page, opened, execution(**details("no", **fields)))
    dialog.get_by_role("button", name="Copy as cURL").click()
    expect(dialog.get_by_role("status")).to_have_text("Copied as cURL")
    return str(page.evaluate("navigator.clipboard.readText()"))


@pytest.mark.parametrize("kind", BODIES)
def test_the_command_sends_the_same_bytes(
    page: Page, opened: Open, receiver: Receiver, kind: str, tmp_path: Path
) -> None:
    body = BODIES[kind]
    command = copy_command(page, opened, receiver.url("/status/200", q="it's [1-2] {a,b}"), body)
    receiver.reset()
    for printed in run(command, tmp_path / "command"):
        (received,) = receiver.wait_for(1)
        assert received.body == (body if isinstance(body, bytes) else body.encode()), printed[-500:]
        assert received.method == "POST"
        sent = {name: value for name, value in received.headers if name.lower() not in {"user-agent", "accept"}}
        assert sent.pop("Host") in receiver.http_url
        assert int(sent.pop("Content-Length")) == len(received.body)
        kept = {name: value for name, value in HEADERS.items() if value != MASKED}
        kept |= {"X-Unicode": "Grüße".encode().decode("latin-1")}
        assert sent == {name: value for name, value in kept.items() if name not in {"Host", "Content-Length"}}
        receiver.reset()


def test_comments_name_what_is_masked_and_stale(page: Page, opened: Open, receiver: Receiver) -> None:
    command = copy_command(page, opened, receiver.url("/status/200"), "{}")
    assert command.splitlines()[:4] == [
        "# stale: webhook-timestamp, webhook-signature are those of the original attempt. Receivers may refuse them.",
        "# masked: insert the value here and move it into the command: -H 'Authorization: ...'",
        "# masked: insert the value here and move it into the command: -H 'x-o'\\''k: ...'",
        f"curl --globoff -X POST '{receiver.url('/status/200')}' \\",
    ]
