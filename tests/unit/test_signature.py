"""Signatures, checked with Standard Webhooks and the code of docs/verify.md."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook as Verifier

from hooklog.delivery.client import WebhookClient
from hooklog.delivery.egress import EgressAdapter
from hooklog.delivery.guard import Guard
from hooklog.delivery.networks import parse_networks
from hooklog.delivery.signature import format_secret, generate_key, parse_secret, sign
from hooklog.errors import InvalidRequest
from hooklog.messages.call import Call
from hooklog.messages.message import Message
from tests.openapi import DOCUMENT, check, validator
from tests.receiver import Receiver
from tests.template import ROOT

KEY = bytes(range(32))
BODY = '{"order":1742,"customer":"Zoë"}'.encode()


def test_the_signature_matches_a_known_example() -> None:
    """The value of `openssl dgst -sha256 -mac HMAC -macopt hexkey:00…1f -binary`."""
    signature = sign("msg_1", 1795485174, b'{"order":1742}', [KEY])
    assert signature == "v1,t6+HtMa0HF0ROB+dDk9iSYsj+c5pJV/grOw51uDekdo="


@pytest.mark.parametrize("length", [24, 25, 26, 32, 63, 64])
def test_a_secret_of_24_to_64_bytes_is_parsed_as_documented(length: int) -> None:
    secret = format_secret(bytes(range(190, 190 + length)))
    assert format_secret(parse_secret(secret)) == secret
    check(secret, DOCUMENT["components"]["schemas"]["WebhookSecret"])


INVALID_SECRETS: list[object] = [
    None, 7, [], "", "whsec_", "WHSEC_" + "A" * 32, "A" * 32, "whsk_" + "A" * 32,
    format_secret(bytes(23)), format_secret(bytes(65)), format_secret(bytes(32)).rstrip("="),
    format_secret(bytes(32)) + "=", format_secret(bytes(32)) + "\n", " " + format_secret(bytes(32)),
    "whsec_" + "-_" * 16, "whsec_" + "A" * 41 + "B=", "whsec_" + "A" * 31 + " ", "whsec_" + "A" * 31,
    "whsec_" + "é" * 32, "whsec_" + "A" * 30 + "==" + "A" * 8, "whsec_whsec_" + "A" * 26,
]  # fmt: skip


@pytest.mark.parametrize("value", INVALID_SECRETS)
def test_any_other_secret_is_refused_without_repeating_it(value: object) -> None:
    with pytest.raises(InvalidRequest, match=r"^secret must ") as refusal:
        parse_secret(value)
    assert not re.search("whsec_.|AAAA", str(refusal.value))
    text = value.rstrip("\n") + " " if isinstance(value, str) and value.endswith("\n") else value  # $ of Python
    assert not validator(DOCUMENT["components"]["schemas"]["WebhookSecret"]).is_valid(text)


def test_a_secret_is_its_key_in_base64() -> None:
    assert format_secret(KEY) == "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    assert len({generate_key() for _ in range(10)}) == 10
    assert {len(generate_key()) for _ in range(10)} == {32}


def test_without_a_key_there_is_no_signature() -> None:
    assert sign("msg_1", 0, b"", []) == ""


@given(st.from_regex(r"[A-Za-z0-9_.-]{1,128}", fullmatch=True), st.text().map(str.encode))
def test_the_standardwebhooks_package_makes_the_same_signature(message_id: str, body: bytes) -> None:
    at = datetime.now(UTC)
    keys = [generate_key(), generate_key()]
    signatures = sign(message_id, int(at.timestamp()), body, keys).split(" ")
    expected = [Verifier(format_secret(key)).sign(message_id, at, body.decode()) for key in keys]
    assert signatures == expected


@pytest.fixture(scope="module")
def sent(receiver: Receiver) -> dict[str, str]:
    """The headers of a signed request as the receiver got them."""
    receiver.reset()
    message = Message("acme.orders", "msg_1", receiver.url("/status/200"), BODY, {}, "order.created", 5)
    call = Call(message, message.url or "", {}, 5, keys=(generate_key(), KEY))
    adapter = EgressAdapter(Guard(parse_networks("127.0.0.0/8")))
    assert WebhookClient(adapter, allow_http=True, capture_limit=0).deliver(call, 1).success
    (request,) = receiver.requests
    assert request.body == BODY
    return {name.lower(): value for name, value in request.headers}


def snippet(language: str) -> str:
    (code,) = re.findall(
        rf"^```{language}\n(.*?)^```$", (ROOT / "docs/verify.md").read_text(), re.MULTILINE | re.DOTALL
    )
    return str(code)


def python(folder: Path) -> list[str]:
    driver = "import json, sys\ngiven = json.load(sys.stdin)\n"
    driver += 'print(verify(given["secret"], given["headers"], given["body"].encode()))\n'
    (folder / "verify.py").write_text(f"{snippet('python')}\n{driver}")
    return ["python3", "verify.py"]


def node(folder: Path) -> list[str]:
    driver = 'const given = JSON.parse((await import("node:fs")).readFileSync(0, "utf8"));\n'
    driver += "console.log(verify(given.secret, given.headers, Buffer.from(given.body)));\n"
    (folder / "verify.mjs").write_text(f"{snippet('js')}\n{driver}")
    return ["node", "verify.mjs"]


GO_DRIVER = """package main

import "os"

func main() {
	header := func(name string) string { return os.Getenv(name) }
	if Verify(os.Getenv("secret"), header, []byte(os.Getenv("body"))) {
		os.Stdout.WriteString("true")
	} else {
		os.Stdout.WriteString("false")
	}
}
"""
"""Reads its input from the environment, because encoding/json takes seconds to compile."""


def go(folder: Path) -> list[str]:
    (folder / "verify.go").write_text(snippet("go").replace("package webhooks", "package main"))
    (folder / "main.go").write_text(GO_DRIVER)
    subprocess.run(["go", "build", "-o", "verify", "verify.go", "main.go"], cwd=folder, check=True, timeout=240)
    return ["./verify"]


def php(folder: Path) -> list[str]:
    driver = '$given = json_decode(file_get_contents("php://stdin"), true);\n'
    driver += 'echo verify($given["secret"], $given["headers"], $given["body"]) ? "true" : "false";\n'
    (folder / "verify.php").write_text(f"{snippet('php')}\n{driver}")
    return ["php", "verify.php"]


@pytest.mark.parametrize(
    ("runtime", "prepare"),
    [("python3", python), ("node", node), ("go", go), ("php", php)],
    ids=["python", "node", "go", "php"],
)
def test_the_documented_snippets_verify_a_request(
    runtime: str, prepare: Callable[[Path], list[str]], sent: dict[str, str], tmp_path: Path
) -> None:
    if not shutil.which(runtime):
        pytest.skip(f"{runtime} is not installed")
    command = prepare(tmp_path)

    def verifies(secret: str = format_secret(KEY), body: bytes = BODY, **headers: str) -> bool:
        changed = {name.replace("_", "-"): value for name, value in headers.items()}
        headers, text = {**sent, **changed}, body.decode()
        given = json.dumps({"secret": secret, "headers": headers, "body": text})
        environment = {**os.environ, **headers, "secret": secret, "body": text}
        run = subprocess.run(
            command, cwd=tmp_path, input=given, env=environment, capture_output=True, text=True, check=True, timeout=60
        )
        return {"true": True, "false": False}[run.stdout.strip().lower()]

    assert verifies()
    assert not verifies(secret=format_secret(generate_key()))
    assert not verifies(body=BODY + b" ")
    assert not verifies(webhook_id="msg_2")
    assert not verifies(webhook_signature="")
    old = str(int(sent["webhook-timestamp"]) - 301)
    assert not verifies(webhook_timestamp=old, webhook_signature=sign("msg_1", int(old), BODY, [KEY]))
    ahead = str(int(sent["webhook-timestamp"]) + 3600)
    assert not verifies(webhook_timestamp=ahead, webhook_signature=sign("msg_1", int(ahead), BODY, [KEY]))
    assert not verifies(webhook_timestamp="soon")
