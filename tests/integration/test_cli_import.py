"""The command import, on the functions of the API.

`tests/exports` has the files, and says which documentation they follow.
"""

import base64
import io
import json
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from cli.endpoint import Endpoint
from cli.failure import CliFailure, ExitCode
from hooklog.access.routes import ROUTES
from hooklog.delivery.signature import format_secret
from hooklog.webhooks.webhook import FIELDS
from tests.commands import Terminal, printed, run
from tests.fake_api import FakeApi
from tests.template import ROOT
from tests.webhooks import Api

SVIX, CONVOY = ROOT / "tests/exports/svix.json", ROOT / "tests/exports/convoy.json"
SVIX_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
STOCK, BILLING = "01H3FRSZYKNYWGPVV46RN98PM5", "01H3FS0000000000000000000B"


class ApiServer(FakeApi):
    """The API's functions behind HTTP. Every call that changes something is in `writes`."""

    def __init__(self, api: Api) -> None:
        super().__init__()
        self.api = api
        self.writes: list[tuple[str, str, dict[str, Any]]] = []
        self.fail_after: int | None = None
        """Answer 500 to each write after this many."""
        self.RequestHandlerClass = _Handler


class _Handler(BaseHTTPRequestHandler):
    server: ApiServer

    def do_GET(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = json.loads(content) if content else None
        status, answer = self._call(body)
        encoded = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)

    def _call(self, body: Any) -> tuple[int, dict[str, Any]]:
        for route in ROUTES:
            found = re.fullmatch(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", route.resource), self.path)
            if found and route.method == self.command:
                if self.command != "GET":
                    if len(self.server.writes) == self.server.fail_after:
                        return 500, {"error": {"code": "internal_error", "message": "try again"}}
                    self.server.writes.append((self.command, self.path, body))
                return self.server.api.call(route.handler, found.groupdict(), body=body)
        raise AssertionError(f"{self.command} {self.path} is not a route")

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - the base class says so

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class says so
        """Do not log requests."""


@pytest.fixture
def server(api: Api) -> Iterator[ApiServer]:
    with ApiServer(api) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def stored(server: ApiServer, webhook_id: str) -> dict[str, Any]:
    """Return a webhook with its secret."""
    status, webhook = server.api.get(webhook_id)
    assert status == 200, webhook
    return webhook | server.api.call("get_webhook_secret", {"webhook_id": webhook_id})[1]


def run_import(words: str, server: ApiServer, capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, Any]]:
    """Run the command, and return its table by webhook, and its result by an empty text."""
    with suppress(CliFailure):  # raised after the result if an endpoint is skipped
        run(f"import {words}", server)
    out, _ = printed(capsys)
    return {line["webhook_id"]: line for line in out if "webhook_id" in line} | {"": out[-1]}


def test_endpoints_of_svix_are_imported_once(
    server: ApiServer, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    dry = run_import(f"{SVIX} --prefix acme. --topic acme.all --dry-run", server, capsys)
    actions = {name: line["action"] for name, line in dry.items() if name}
    archive = "acme.ep_2tq9AbTm0sB8kHn1d7VxF3zLqPe"
    assert actions == {"acme.warehouse": "create", archive: "create", "acme.bad": "skip"}
    assert "url" in dry["acme.bad"]["detail"]
    assert server.writes == []
    text = f"{SVIX} --prefix acme. --topic acme.all --yes"
    first = run_import(text, server, capsys)
    assert first[""] == {"created": 2, "changed": 0, "unchanged": 0, "skipped": 1}
    assert first["acme.warehouse"]["not_carried_over"] == [
        "header Host is not allowed: it is set by Hooklog or belongs to the connection",
        "header authorization, whose value Svix does not export: set it with hooklog webhooks set",
    ]
    lost = "; ".join(first[archive]["not_carried_over"])
    assert all(each in lost for each in ("rate limit of 5000", "secret", "channels", "metadata"))
    warehouse = stored(server, "acme.warehouse")
    expected = {
        "name": "Warehouse", "url": "https://warehouse.example/hooks", "headers": {"X-Shop": "berlin"},
        "event_types": ["invoice.paid", "order.created"], "enabled": True, "topic": "acme.all", "secret": SVIX_SECRET,
        "previous_valid_until": None, "max_per_second": 50,
    }  # fmt: skip
    assert {name: warehouse[name] for name in expected} == expected
    assert (stored(server, archive)["enabled"], stored(server, archive)["event_types"]) == (False, [])
    # A header that was added later stays, and so does the order of event types.
    added = server.api.get("acme.warehouse")[1] | {"event_types": ["order.created", "invoice.paid"]}
    added["headers"]["Authorization"] = "Bearer t"
    assert server.api.put("acme.warehouse", **added)[0] == 200
    writes = len(server.writes)
    again = run_import(text, server, capsys)
    assert again[""] == {"created": 0, "changed": 0, "unchanged": 2, "skipped": 1}
    assert len(server.writes) == writes
    changed = SVIX.read_text().replace("warehouse.example", "depot.example").replace(SVIX_SECRET, "A" * 32)
    (tmp_path / "svix.json").write_text(changed)
    third = run_import(f"{tmp_path}/svix.json --prefix acme. --topic acme.all --yes", server, capsys)
    assert (third["acme.warehouse"]["action"], third["acme.warehouse"]["detail"]) == ("change", "url, secret")
    depot = stored(server, "acme.warehouse")
    assert (depot["url"], depot["secret"]) == ("https://depot.example/hooks", "whsec_" + "A" * 32)
    assert depot["headers"] == {"X-Shop": "berlin", "Authorization": "Bearer t"}
    assert depot["previous_valid_until"] is not None, "receivers may still use the earlier secret"


def test_endpoints_of_convoy_are_imported_with_their_subscriptions(
    server: ApiServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = run_import(f"{CONVOY} --prefix acme. --yes", server, capsys)
    assert found[""] == {"created": 2, "changed": 0, "unchanged": 0, "skipped": 0}
    stock, billing = stored(server, f"acme.{STOCK}"), stored(server, f"acme.{BILLING}")
    key = format_secret(b"Vuk5LM0uujddIsqO5v_eSuz88")
    expected = {
        "name": "Stock", "url": "https://stock.example/hooks", "headers": {"X-Stock-Key": "k3y"}, "secret": key,
        "sensitive_headers": ["X-Stock-Key"], "timeout_seconds": 10, "enabled": True,
        "event_types": ["order.created", "stock.low", "order.returned"], "max_per_second": 83,
    }  # fmt: skip
    assert {name: stock[name] for name in expected} == expected
    lost = "; ".join(found[f"acme.{STOCK}"]["not_carried_over"])
    for each in (
        "rate limit of 5000 in 60 s",
        "owner_id",
        "support_email",
        "filter by body",
        "retry_config",
        "replaced",
    ):
        assert each in lost
    basic = base64.b64encode(b"hooks:pass").decode()
    expected = {
        "name": "Billing", "url": "https://billing.example/hooks", "headers": {"Authorization": f"Basic {basic}"},
        "event_types": [], "enabled": False, "timeout_seconds": 30,
    }  # fmt: skip
    assert {name: billing[name] for name in expected} == expected
    lost = "; ".join(found[f"acme.{BILLING}"]["not_carried_over"])
    assert "timeout of 150 s: 30 s instead" in lost
    assert "of 24 to 64 bytes, not of 5: a new one is generated" in lost
    assert not re.search("k3y|pass|Vuk5|short", json.dumps(found)), "no value is shown"
    assert run_import(f"{CONVOY} --prefix acme. --yes", server, capsys)[""]["unchanged"] == 2


WRITES = 4
"""Calls that change something in a whole import of either file."""


@pytest.mark.parametrize("file", [SVIX, CONVOY])
def test_an_import_that_stopped_continues(server: ApiServer, capsys: pytest.CaptureFixture[str], file: Path) -> None:
    """Break off after each number of writes, each time under another prefix."""
    results = []
    for writes in range(WRITES + 1):
        prefix = f"r{writes}."
        server.writes.clear()
        server.fail_after = writes if writes < WRITES else None
        if writes < WRITES:
            with pytest.raises(CliFailure, match=rf"^Stopped at {re.escape(prefix)}\S+: .*try again"):
                run(f"import {file} --prefix {prefix} --yes", server)
            assert "Run the command again to continue." in printed(capsys)[1]
            server.fail_after = None
        found = run_import(f"{file} --prefix {prefix} --yes", server, capsys)
        names = [name for name, line in found.items() if name and line["action"] != "skip"]
        webhooks = [stored(server, name) for name in sorted(names)]
        assert len(names) == 2
        results.append([{name: webhook[name] for name in FIELDS if name != "version"} for webhook in webhooks])
        assert len({webhook["secret"] for webhook in webhooks}) == 2
    assert len(server.writes) == WRITES
    assert all(result == results[-1] for result in results)


def test_an_endpoint_that_the_api_refuses_does_not_stop_the_others(
    server: ApiServer, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    endpoints = [
        {"id": "a", "url": "https://10.1.2.3/", "secret": {"key": SVIX_SECRET}},
        {"id": "b", "url": "https://shop.example/", "secret": SVIX_SECRET.removeprefix("whsec_"), "eventTypes": ["x"]},
        {"id": "c d", "url": "https://shop.example/"},
        {"id": "e", "uid": "b", "url": "https://shop.example/"},
    ]
    file = tmp_path / "some.json"
    file.write_text("\n".join(map(json.dumps, endpoints)))
    with pytest.raises(CliFailure, match=r"^3 of 4 endpoints were not imported$") as failed:
        run(f"import {file} --yes", server)
    out, notes = printed(capsys)
    assert out[-1] == {"created": 1, "changed": 0, "unchanged": 0, "skipped": 3}
    assert failed.value.code == ExitCode.FAILED
    assert "a was refused. The API answered 400: url: The URL leads to an address" in notes
    assert (stored(server, "b")["secret"], stored(server, "b")["event_types"]) == (SVIX_SECRET, ["x"])
    assert [line["detail"] for line in out[2:4]] == [
        "the webhook's ID must be 1-128 characters of A-Z a-z 0-9 _ . - and not . or ..",
        "another one has the same ID",
    ]


WRONG_FILES = [
    ("", "no endpoint"),
    ("{", "is not valid JSON"),
    ("[1]", "Item 1 of .* must be an object with the id of Svix or the uid of Convoy"),
    ('{"id": "a"} {"url": "https://shop.example/"}', "Item 2 of"),
    (
        '{"data": {"content": [{"uid": "a", "secrets": 7}], "pagination": 7}}',
        "The endpoint a has a field of another type",
    ),
    ('{"data": [{"id": "a", "headers": {"sensitive": [7]}}]}', "The endpoint a has a field of another type"),
    (
        '{"uid": "a", "authentication": {"type": "basic_auth", "basic_auth": {"password": "\\ud800"}}}',
        "The endpoint a has",
    ),
    ('{"uid": "s", "filter_config": {}}', "The subscription s has no endpoint_metadata"),
]


@pytest.mark.parametrize(("text", "reason"), WRONG_FILES)
def test_a_file_that_is_no_export_changes_nothing(server: ApiServer, tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "file").write_text(text)
    for words in (f"{tmp_path}/file --yes", f"{tmp_path}/file --dry-run"):
        with pytest.raises(CliFailure, match=reason) as failed:
            run(f"import {words}", server)
        assert failed.value.code == ExitCode.USAGE
    assert server.writes == []


def test_an_import_asks_and_names_a_missing_page(
    server: ApiServer, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text(SVIX.read_text().replace('"done": true', '"done": false'))
    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))
    with pytest.raises(CliFailure, match="Nothing was changed"):
        run(f"import {tmp_path}/file", server)
    _, notes = printed(capsys)
    assert "more pages follow" in notes
    assert "Import 2 of 3 endpoints?" in notes
    for words in ("-", f"{SVIX}"):
        monkeypatch.setattr(sys, "stdin", io.StringIO(SVIX.read_text()))
        with pytest.raises(CliFailure, match="needs --yes"):
            run(f"import {words}", server)
    assert server.writes == []


@pytest.mark.parametrize(
    ("count", "seconds", "rate", "lost"),
    [
        (50, 1, 50, []),
        (120, 60, 2, []),
        (5000, 60, 83, ["rate limit of 5000 in 60 s: 83 a second instead"]),
        (1, 60, 1, ["rate limit of 1 in 60 s: 1 a second instead"]),
        (5000, 1, 1000, ["rate limit of 5000 a second: 1000 a second instead"]),
        (0, 60, None, []),
    ],
)
def test_a_rate_limit_is_rounded_down_to_whole_requests_a_second(
    count: int, seconds: int, rate: int | None, lost: list[str]
) -> None:
    endpoint = Endpoint("a")
    endpoint.set_rate(count, seconds)
    assert (endpoint.fields.get("max_per_second"), endpoint.lost) == (rate, lost)
