"""Each function as it was built, with nothing but the built layer and the standard library on its path.

The local AWS runs functions in a Python environment that has more: what the layer lacks would go unseen there.
"""

import json
import os
import shutil
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

from local import aws, places
from tests import template
from tests.deployment import Deployment
from tests.events import api_event, sqs_event

LAYER = places.BUILD / "SharedLayer" / "python"

RUN = """
import json, sys, types
sys.path[:0] = sys.argv[1:3]
import app
files = [getattr(module, "__file__", None) or "" for module in sys.modules.values()]
assert not any("site-packages" in file for file in files), files
assert "cryptography" not in sys.modules
context = types.SimpleNamespace(aws_request_id="built", get_remaining_time_in_millis=lambda: 60_000)
print(json.dumps(app.lambda_handler(json.loads(sys.stdin.read()), context)))
"""


MACHINE_AARCH64 = 183


def run(deployment: Deployment, function: str, event: dict[str, Any], layer: Path = LAYER) -> dict[str, Any]:
    """Import the built function in a Python of its own, as deployed, and hand it one event."""
    result = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", RUN, str(places.BUILD / function), str(layer)],
        input=json.dumps(event),
        env=_environment(function),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if result.returncode:
        raise ImportError(result.stderr)
    answer: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return answer


def _environment(function: str) -> dict[str, str]:
    """What the deployed function has, and where the local AWS is."""
    stack = places.STACK_NAME
    physical = aws.cloudformation().describe_stack_resource(StackName=stack, LogicalResourceId=function)
    name = physical["StackResourceDetail"]["PhysicalResourceId"]
    deployed = aws.lambdas().get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    return {
        **deployed,
        "PATH": os.environ["PATH"],
        "AWS_ENDPOINT_URL": places.endpoint(),
        "AWS_REGION": places.REGION,
        "AWS_DEFAULT_REGION": places.REGION,
        "AWS_ACCESS_KEY_ID": places.DUMMY_KEY,
        "AWS_SECRET_ACCESS_KEY": places.DUMMY_KEY,
    }


PATH = {"webhook_id": "built.orders", "execution_id": "20261123T173600.123456Z-9f3a2c1d"}


def test_the_sender_runs_on_the_layer_alone(deployment: Deployment) -> None:
    poison = "not json, for the built sender"
    message = {"webhook_id": "built.orders", "url": "http://127.0.0.1:1/", "payload": 1}
    assert run(deployment, "SendWebhooksFunction", sqs_event(message, poison)) == {"batchItemFailures": []}
    assert deployment.history("built.orders")[0]["result"] == 0
    assert "not JSON" in deployment.dead_letter(poison)["MessageAttributes"]["Reason"]["StringValue"]


@pytest.mark.parametrize(("function", "status"), [("ListExecutionsFunction", 200), ("GetExecutionFunction", 404)])
def test_a_reader_runs_on_the_layer_alone(deployment: Deployment, function: str, status: int) -> None:
    assert run(deployment, function, api_event(PATH))["statusCode"] == status


def test_a_webhook_is_set_up_on_the_layer_alone(deployment: Deployment) -> None:
    path = {"webhook_id": f"built.{uuid.uuid4().hex[:12]}"}
    scope = "webhooks:manage"
    body = {"url": "https://shop.example/hooks", "transformation": "payload.order"}
    created = run(deployment, "PutWebhookFunction", api_event(path, scope=scope, body=body))
    assert created["statusCode"] == 201, created["body"]
    shown = run(deployment, "GetWebhookSecretFunction", api_event(path, scope=scope))
    assert json.loads(shown["body"])["secret"] == json.loads(created["body"])["secret"]
    dry = {"payload": {"order": 1742}, "dry_run": True}
    tested = run(deployment, "TestWebhookFunction", api_event(path, scope=scope, body=dry))
    assert json.loads(tested["body"])["request_body"] == "1742", tested["body"]


def test_the_authorizer_runs_on_the_layer_alone(deployment: Deployment) -> None:
    arn = "arn:aws:execute-api:us-east-1:000000000000:a1b2c3/v1/GET/webhooks/wh_1/executions"
    event = {"type": "TOKEN", "methodArn": arn, "authorizationToken": f"Bearer {deployment.outputs['Token']}"}
    statement = run(deployment, "AuthorizeFunction", event)["policyDocument"]["Statement"][0]
    assert statement["Effect"] == "Allow"
    assert f"{arn.partition('/v1/')[0]}/v1/GET/webhooks/*/executions" in statement["Resource"]


def test_an_issuers_cryptography_is_the_deployed_machines(deployment: Deployment) -> None:
    """Beside the authorizer alone, out of the way of what it imports for the backend's tokens."""
    (library,) = places.BUILD.glob("*/**/cryptography/hazmat/bindings/_rust*.so")
    assert library.relative_to(places.BUILD).parts[:2] == ("AuthorizeFunction", "oidc")
    with library.open("rb") as file:
        header = file.read(20)
    assert (header[:4], int.from_bytes(header[18:20], "little")) == (b"\x7fELF", MACHINE_AARCH64)


def test_no_function_is_left_out(deployment: Deployment) -> None:
    built = {path.name for path in places.BUILD.iterdir() if path.is_dir()} - {"SharedLayer"}
    assert built == template.functions().keys()


@pytest.mark.parametrize(
    ("function", "dependency"),
    [
        ("SendWebhooksFunction", "requests"),
        ("ListExecutionsFunction", "pynamodb"),
        ("AuthorizeFunction", "jwt"),
        ("GetExecutionFunction", "aws_lambda_powertools"),
    ],
)
def test_a_dependency_missing_from_the_layer_is_noticed(
    deployment: Deployment, tmp_path: Path, function: str, dependency: str
) -> None:
    layer = tmp_path / "python"
    shutil.copytree(LAYER, layer)
    shutil.rmtree(layer / dependency)
    with pytest.raises(ImportError, match=f"No module named '{dependency}"):
        run(deployment, function, api_event(PATH), layer)
