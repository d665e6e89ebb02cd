"""Tests of each built function, started by Lambda's own runtime client.

Only the built layer is present. The local AWS runs functions in a Python environment that has more packages, which
would hide what the layer lacks.
"""

import json
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import cache
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest

from hooklog.access.routes import ROUTES, Route
from hooklog.executions.execution import generate_execution_id
from hooklog.executions.log import Put
from hooklog.queues.pending import to_body
from local import aws, places
from tests import template
from tests.deployment import Deployment
from tests.events import api_event, sqs_event
from tests.lambda_runtime import PYTHON, Function, Outcome, RuntimeApi, can_isolate, invoke, invoke_started, started
from tests.openapi import operations
from tests.stack_changes import physical_id
from tests.stream import Shard, image
from tests.template import ROOT, load_template
from tests.webhooks import check_documented

pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="Lambda's runtime client is not made for this machine")

MACHINE_AARCH64 = 183
WEBHOOK = "built.orders"
PATH = {
    "webhook_id": WEBHOOK,
    "execution_id": "20261123T173600.123456Z-9f3a2c1d",
    "message_id": "msg_built",
    "recovery_id": "rec_0123456789abcdef01234567",
}
SCOPES = "executions:read executions:resend webhooks:read webhooks:manage"


@pytest.fixture(scope="module")
def layer(deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the built layer with bytecode for the runtime client's Python, as when it is deployed.

    The local stack may run on another version. Without bytecode, each start takes more than twice the CPU.
    """
    copy = tmp_path_factory.mktemp("layer") / "SharedLayer"
    shutil.copytree(places.BUILD / "SharedLayer", copy)
    command = [str(PYTHON), "-m", "compileall", "-q", "-j", "0", "--invalidation-mode", "unchecked-hash"]
    subprocess.run([*command, str(copy / "python")], check=True)
    return copy / "python"


def function(logical_id: str, layer: Path) -> Function:
    """Return a function as the template deploys it.

    It has the environment variables of the local stack.
    """
    properties = template.default(template.functions()[logical_id])
    configuration = aws.lambdas().get_function_configuration(FunctionName=physical_id(logical_id))
    here = {
        "AWS_ENDPOINT_URL": places.endpoint(),
        "AWS_REGION": places.REGION,
        "AWS_DEFAULT_REGION": places.REGION,
        "AWS_ACCESS_KEY_ID": places.DUMMY_KEY,
        "AWS_SECRET_ACCESS_KEY": places.DUMMY_KEY,
    }
    limits = int(properties["MemorySize"]), int(properties["Timeout"])
    environment = {**configuration["Environment"]["Variables"], **here}
    return Function(code(logical_id), layer, environment, *limits)


@cache
def code(logical_id: str) -> Path:
    """Return the folder that SAM has built, or takes unchanged from the sources."""
    folder = load_template(places.BUILD / "template.yaml")["Resources"][logical_id]["Properties"]["CodeUri"]
    return Path(places.BUILD, folder).resolve()


def response_of(outcome: Outcome) -> Any:
    assert outcome.kind == "response", outcome
    return outcome.body


Call = Callable[[str, dict[str, str], object], Any]


@pytest.fixture(scope="module")
def call(layer: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Call]:
    """Call a route by its handler's name. Each function is started once."""
    with ExitStack() as processes:

        @cache
        def start(logical_id: str) -> tuple[RuntimeApi, Path]:
            folder = tmp_path_factory.mktemp(logical_id)
            return processes.enter_context(started(function(logical_id, layer), folder)), folder

        def call(handler: str, path: dict[str, str], body: object) -> Any:
            (route,) = (each for each in ROUTES if each.handler == handler)
            event = api_event(path, scope=SCOPES, body=body)
            event |= {"httpMethod": route.method, "resource": route.resource}
            return response_of(invoke_started(*start(template.function_in(route.function)), event))

        yield call


@pytest.mark.parametrize("route", ROUTES, ids=attrgetter("handler"))
def test_a_route_needs_only_the_layer(call: Call, route: Route) -> None:
    """Call a route with the example body of docs/openapi.yaml.

    The resource does not exist, or is still empty.
    """
    path = {**PATH, "webhook_id": f"built.{uuid.uuid4().hex[:12]}"}
    request = operations()[route.method, route.resource].get("requestBody", {}).get("content", {})
    outcome = call(route.handler, path, request.get("application/json", {}).get("example"))
    assert outcome["statusCode"] in (200, 201, 202, 204, 404), outcome
    check_documented(route.handler, outcome["statusCode"], json.loads(outcome["body"] or "{}"))


def test_the_page_needs_only_the_layer(layer: Path, tmp_path: Path) -> None:
    event = {**api_event({}), "resource": "/history", "path": "/history", "pathParameters": None}
    assert response_of(invoke(function("HistoryPageFunction", layer), event, tmp_path))["statusCode"] == 200


def test_the_sender_needs_only_the_layer(deployment: Deployment, layer: Path, tmp_path: Path) -> None:
    poison = "not json, for the built sender"
    message = {"webhook_id": WEBHOOK, "url": "http://127.0.0.1:1/", "payload": 1}
    event = sqs_event(message, poison)
    assert response_of(invoke(function("SendWebhooksFunction", layer), event, tmp_path)) == {"batchItemFailures": []}
    assert deployment.history(WEBHOOK)[0]["result"] == 0
    assert "not JSON" in deployment.dead_letter(poison)["MessageAttributes"]["Reason"]["StringValue"]


def test_the_writer_of_pending_items_needs_only_the_layer(deployment: Deployment, layer: Path, tmp_path: Path) -> None:
    executed_at = generate_execution_id(datetime.now(UTC))
    row = {
        "webhook_id": {"S": WEBHOOK}, "executed_at": {"S": executed_at}, "message_id": {"S": "msg_built"},
        "attempt": {"N": "1"}, "duration_ms": {"N": "1"}, "result": {"N": "200"}, "expires_at": {"N": "4102444800"},
    }  # fmt: skip
    event = sqs_event(to_body(Put(deployment.outputs["ExecutionsTable"], row, 300)))
    assert response_of(invoke(function("LogUnloggedFunction", layer), event, tmp_path)) == {"batchItemFailures": []}
    assert deployment.execution({"webhook_id": WEBHOOK, "execution_id": executed_at})["result"] == 200


def test_the_publisher_of_events_needs_only_the_layer(layer: Path, tmp_path: Path) -> None:
    assert response_of(invoke(function("PublishEventsFunction", layer), {}, tmp_path)) is None


def test_a_recovery_needs_only_the_layer(layer: Path, tmp_path: Path) -> None:
    event = sqs_event({"webhook_id": WEBHOOK, "recovery_id": PATH["recovery_id"]})
    assert response_of(invoke(function("RunRecoveryFunction", layer), event, tmp_path)) is None
    assert '"ended":true' in (tmp_path / "printed").read_text()


def test_counting_needs_only_the_layer(layer: Path, tmp_path: Path) -> None:
    shard = Shard()
    event = shard.event(shard.records(image(WEBHOOK)))
    assert response_of(invoke(function("CountExecutionsFunction", layer), event, tmp_path)) == {"state": {}}
    assert '"not_counted":0' in (tmp_path / "printed").read_text()


def test_a_transformation_needs_only_the_layer(call: Call) -> None:
    """Transform in a separate process, which finds only the layer as well."""
    path = {"webhook_id": f"built.{uuid.uuid4().hex[:12]}"}
    body = {"url": "https://shop.example/hooks", "transformation": "payload.order"}
    created = call("put_webhook", path, body)
    assert created["statusCode"] == 201, created["body"]
    tested = call("test_webhook", path, {"payload": {"order": 1742}, "dry_run": True})
    assert json.loads(tested["body"])["request_body"] == "1742", tested["body"]


def test_the_authorizer_needs_only_the_layer(deployment: Deployment, layer: Path, tmp_path: Path) -> None:
    event = json.loads((ROOT / "events" / "authorize.json").read_text())
    event["authorizationToken"] = f"Bearer {deployment.outputs['Token']}"
    statement = response_of(invoke(function("AuthorizeFunction", layer), event, tmp_path))["policyDocument"][
        "Statement"
    ][0]
    assert statement["Effect"] == "Allow"
    stage = event["methodArn"].partition("/v1/")[0]
    assert f"{stage}/v1/GET/webhooks/*/executions" in statement["Resource"]


def test_every_function_has_a_test_here(deployment: Deployment) -> None:
    from_queues = {"SendWebhooksFunction", "LogUnloggedFunction", "RunRecoveryFunction"}
    workers = {*from_queues, "CountExecutionsFunction", "PublishEventsFunction", "AuthorizeFunction"}
    behind_the_api = {template.function_in(route.function) for route in ROUTES}
    assert template.functions().keys() == {*behind_the_api, *workers, "HistoryPageFunction"}


@pytest.mark.parametrize("logical_id", sorted(template.functions().keys() - {"AuthorizeFunction"}))
def test_an_unbuilt_folder_contains_only_code(deployment: Deployment, logical_id: str) -> None:
    """Find no bytecode or notes in a function's folder.

    They would be deployed with it and would create another version of the sender.
    """
    assert code(logical_id) == ROOT / "functions" / code(logical_id).name
    kinds = {path.suffix for path in code(logical_id).rglob("*")}
    page_files = {".html", ".css", ".js", ".ts", ".json"} if logical_id == "HistoryPageFunction" else set[str]()
    assert kinds == {".py"} | page_files


@pytest.mark.parametrize(
    ("logical_id", "dependency"),
    [
        ("SendWebhooksFunction", "requests"),
        ("ReadApiFunction", "pynamodb"),
        ("AuthorizeFunction", "jwt"),
        ("ResendApiFunction", "aws_lambda_powertools"),
    ],
)
def test_a_dependency_missing_from_the_layer_is_noticed(
    layer: Path, tmp_path: Path, logical_id: str, dependency: str
) -> None:
    incomplete = tmp_path / "layer"
    shutil.copytree(layer, incomplete)
    shutil.rmtree(incomplete / dependency)
    outcome = invoke(function(logical_id, incomplete), api_event(PATH), tmp_path)
    assert outcome.kind == "init/error", outcome
    assert f"No module named '{dependency}" in outcome.body["errorMessage"]


PROBE = """
import os
def tried(write):
    try:
        write()
    except Exception as error:
        return type(error).__name__
    return "written"
def lambda_handler(event, context):
    return {
        "home": os.environ.get("HOME"),
        "tmp": tried(lambda: open("/tmp/probe-of-a-built-function", "w").close()),
        "task": tried(lambda: open(os.environ["LAMBDA_TASK_ROOT"] + "/probe", "w").close()),
        "root": tried(lambda: open(event["elsewhere"] + "/probe", "w").close()),
        "shm": tried(lambda: open("/dev/shm/probe", "w").write("x" * 10_000)),
        "memory": tried(lambda: bytearray(400 * 1024 * 1024)),
    }
"""


def test_lambdas_restrictions_apply_here(layer: Path, tmp_path: Path) -> None:
    if not can_isolate():
        pytest.skip("this machine gives no process file systems of its own (unshare)")
    code = tmp_path / "code"
    code.mkdir()
    (code / "app.py").write_text(PROBE)
    outcome = invoke(Function(code, layer, {}, 256, 3), {"elsewhere": "/var/tmp"}, tmp_path)
    Path("/tmp/probe-of-a-built-function").unlink()
    refused = {"task": "OSError", "root": "OSError", "shm": "OSError", "memory": "MemoryError"}
    assert response_of(outcome) == {"home": None, "tmp": "written", **refused}


def test_the_cryptography_package_is_built_for_the_deployed_architecture(deployment: Deployment) -> None:
    """Expect a package for ARM in a folder of its own.

    There the authorizer does not import it for the backend's tokens.
    """
    (library,) = places.BUILD.glob("*/**/cryptography/hazmat/bindings/_rust*.so")
    assert library.relative_to(places.BUILD).parts[:2] == ("AuthorizeFunction", "oidc")
    with library.open("rb") as file:
        header = file.read(20)
    assert (header[:4], int.from_bytes(header[18:20], "little")) == (b"\x7fELF", MACHINE_AARCH64)
