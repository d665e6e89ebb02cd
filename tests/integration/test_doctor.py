"""Tests of what `hooklog doctor` finds and advises.

In each account one thing is wrong.
"""

import io
import json
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from cli.checks import RECURSIVE
from cli.failure import CliFailure, ExitCode
from cli.output import Output
from tests import template
from tests.aws_account import NAME, NOW, Account, Refused, alarm, backups, settings, subscription
from tests.commands import PARSER
from tests.fake_api import FakeApi, fake_api

Rows = dict[str, dict[str, Any]]


class Layer(BaseHTTPRequestHandler):
    """Serves the layer as S3 does, including requests for its last bytes."""

    content = b""
    parts: list[str] = []  # noqa: RUF012 - one server per module

    def do_GET(self) -> None:
        part = self.headers["Range"].removeprefix("bytes=")
        self.parts.append(part)
        end = self.content[int(part) :]
        self.send_response(206 if self.content else 403)
        self.send_header("Content-Length", str(len(end)))
        self.end_headers()
        self.wfile.write(end)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class says so
        """Log nothing."""


@pytest.fixture(scope="module")
def layer_url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Layer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/layer.zip"
        server.shutdown()
        thread.join()


def archive(*suffixes: str) -> bytes:
    """Build a layer of three megabytes, with one file per module and suffix."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as layer:
        layer.writestr("python/model.json", bytes(3_000_000))
        for number in range(30):
            for suffix in suffixes:
                layer.writestr(f"python/hooklog/m{number}{suffix}", "x")
    return content.getvalue()


@pytest.fixture(scope="module")
def api() -> Iterator[FakeApi]:
    with fake_api() as server:
        yield server


@pytest.fixture
def account(api: FakeApi, layer_url: str) -> Account:
    Layer.content, Layer.parts = archive(".py", ".cpython-313.pyc"), []
    api.responses, api.requests = [executions(result=404)], []
    api.responses += [details("http_status"), (204, {})]
    return Account(f"http://127.0.0.1:{api.server_port}", layer_url)


def executions(*, result: int) -> tuple[int, dict[str, Any]]:
    one = {"execution_id": "e1", "message_id": "m1", "result": result, "success": result == 200, "duration_ms": 34}
    return 200, {"executions": [one]}


def details(kind: str) -> tuple[int, dict[str, Any]]:
    return 200, {"error": {"type": kind, "message": "The receiver refused the connection."}}


def run_doctor(account: Account, capsys: pytest.CaptureFixture[str], words: str = "", *, fails: bool = False) -> Rows:
    arguments = PARSER.parse_args(["doctor", *words.split()])
    run: Callable[[], None] = partial(arguments.run, account.stack(), arguments, Output(as_json=True))
    if fails:
        with pytest.raises(CliFailure, match="checks failed") as failed:
            run()
        assert failed.value.code == ExitCode.FAILED
    else:
        run()
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert all(set(row) == {"check", "status", "found", "advice"} for row in rows)
    assert (len(rows), fails) == (15, any(row["status"] == "failed" for row in rows))
    return {row["check"]: row for row in rows}


def test_a_healthy_stack_passes_every_check(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    rows = run_doctor(account, capsys)
    assert {row["status"] for row in rows.values()} == {"ok"}
    assert not any(row["advice"] for row in rows.values())
    assert rows["concurrency"]["found"].startswith("Quota 1000, 940 unreserved.")
    assert rows["layer bytecode"]["found"] == "30 of 30 modules are compiled."
    assert rows["signing key"]["found"] == "Changed 12 days ago."
    assert rows["network"]["found"] == "Webhooks come from addresses of AWS, which change: SubnetIds is empty."


def answer(name: str, content: Any) -> Callable[[Account], None]:
    return lambda account: account.responses.update({name: content})


def set_to(**values: Any) -> Callable[[Account], None]:
    return lambda account: vars(account).update(values)


def parameters(**values: str) -> Callable[[Account], None]:
    return lambda account: account.stack_parameters.update(values)


def alarms(*found: dict[str, Any]) -> Callable[[Account], None]:
    return answer("cloudwatch.DescribeAlarms", {"MetricAlarms": list(found)})


def subscriptions(*found: dict[str, str]) -> Callable[[Account], None]:
    return answer("sns.ListSubscriptionsByTopic", {"Subscriptions": list(found)})


def certificates(**days: float) -> Callable[[Account], None]:
    """Let webhooks have certificates that expire in so many days."""
    ends = {webhook_id: f"{NOW + timedelta(days=left):%Y-%m-%dT%H:%M:%SZ}" for webhook_id, left in days.items()}
    items = [
        {"webhook_id": {"S": webhook_id}, "client_certificate": {"S": json.dumps({"not_after": end})}}
        for webhook_id, end in ends.items()
    ]
    return answer("dynamodb.Query", {"Items": items})


def for_resource(logical: str, argument: str, then: Mapping[str, Any], otherwise: Mapping[str, Any]) -> Any:
    """Return a different response for one resource."""
    return lambda asked: then if asked[argument] == f"{NAME}-{logical}" else otherwise


def in_subnets(**changes: Any) -> Callable[[Account], None]:
    """Put the sender into two subnets, each with a NAT gateway. Changes replace responses of EC2 by operation."""

    def change(account: Account) -> None:
        account.stack_parameters.update(SubnetIds="subnet-a,subnet-b", SecurityGroupIds="sg-a")
        account.responses.update({**NETWORK, **{f"ec2.{name}": content for name, content in changes.items()}})

    return change


def subnets(**zones: str) -> dict[str, Any]:
    return {
        "Subnets": [
            {"SubnetId": f"subnet-{name}", "VpcId": "vpc-a", "AvailabilityZone": zone} for name, zone in zones.items()
        ]
    }


def route_table(gateway: str | None, **association: Any) -> dict[str, Any]:
    routes = [{"DestinationCidrBlock": "10.0.0.0/24", "GatewayId": "local"}]
    routes += [{"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": gateway}] if gateway else []
    return {"VpcId": "vpc-a", "Associations": [association], "Routes": routes}


def vpc(*networks: str) -> dict[str, Any]:
    return {"Vpcs": [{"CidrBlockAssociationSet": [{"CidrBlock": network} for network in networks]}]}


TABLE_A = route_table("nat-a", SubnetId="subnet-a")
MAIN_TABLE = route_table("nat-b", Main=True)
NETWORK: dict[str, Any] = {
    "ec2.DescribeSubnets": subnets(a="eu-west-1a", b="eu-west-1b"),
    "ec2.DescribeRouteTables": {"RouteTables": [MAIN_TABLE, TABLE_A]},
    "ec2.DescribeVpcs": vpc("10.0.0.0/24", "100.64.0.0/16"),
    "ec2.DescribeNatGateways": lambda asked: {
        "NatGateways": [
            {"NatGatewayAddresses": [{"PublicIp": f"192.0.2.{number}"}]}
            for number, _ in enumerate(asked["NatGatewayIds"])
        ]
    },
}
CLOSED_TABLES = {"RouteTables": [TABLE_A, route_table(None, SubnetId="subnet-b"), MAIN_TABLE]}

RAISE = "aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384"
ENDED, ALLOWED = {"RecursiveLoop": "Terminate"}, {"RecursiveLoop": "Allow"}
DISABLED, ENABLED = {"State": "Disabled"}, {"State": "Enabled"}
ON, OFF = ({"Table": {"DeletionProtectionEnabled": on}} for on in (True, False))
NO_DATA = alarm("DeadLetters", "INSUFFICIENT_DATA", 31)
CONFIRMED, PENDING = (subscription(arn) for arn in ("arn:aws:sns:eu-west-1:1:x:1", "PendingConfirmation"))
MESSAGES = {"Attributes": {"ApproximateNumberOfMessages": "2", "ApproximateNumberOfMessagesNotVisible": "1"}}

WRONG: list[tuple[str, Callable[[Account], Any], str, str, str]] = [
    ("stack", set_to(status="UPDATE_ROLLBACK_COMPLETE"), "warning", "rolled back", "describe-stack-events"),
    ("stack", set_to(status="UPDATE_IN_PROGRESS"), "warning", "UPDATE_IN_PROGRESS", "again"),
    ("stack", set_to(status="UPDATE_ROLLBACK_FAILED"), "failed", "ROLLBACK_FAILED", "describe-stack-events"),
    (
        "concurrency",
        answer("lambda.GetAccountSettings", settings(160, 100)),
        "failed",
        "needs 105 unreserved",
        f"{RAISE} --desired",
    ),
    ("concurrency", parameters(SenderConcurrency="936"), "failed", "up to 936", "--desired-value 1100"),
    (
        "recursion",
        answer(
            "lambda.GetFunctionRecursionConfig", for_resource("RunRecoveryFunction", "FunctionName", ENDED, ALLOWED)
        ),
        "failed",
        "RunRecoveryFunction",
        f"put-function-recursion-config --function-name {NAME}-RunRecoveryFunction --recursive-loop Allow",
    ),
    (
        "event sources",
        answer("lambda.GetEventSourceMapping", for_resource("LogUnloggedFunctionUnlogged", "UUID", DISABLED, ENABLED)),
        "failed",
        "LogUnloggedFunctionUnlogged",
        f"update-event-source-mapping --uuid {NAME}-LogUnloggedFunctionUnlogged --enabled",
    ),
    ("event sources", answer("lambda.GetEventSourceMapping", {"State": "Creating"}), "warning", "(Creating)", "again"),
    (
        "network",
        in_subnets(DescribeRouteTables=CLOSED_TABLES),
        "failed",
        "No route to a NAT gateway: subnet-b.",
        "Route 0.0.0.0/0 to a NAT gateway",
    ),
    (
        "network",
        in_subnets(DescribeSubnets=subnets(a="eu-west-1a", b="eu-west-1a")),
        "warning",
        "192.0.2.0, 192.0.2.1. All from one availability zone, eu-west-1a.",
        "another zone",
    ),
    (
        "network",
        in_subnets(DescribeVpcs=vpc("10.0.0.0/24", "9.1.0.0/16")),
        "warning",
        "The VPC has public addresses: 9.1.0.0/16.",
        "private addresses",
    ),
    ("alarms", alarms(alarm("DeadLetters")), "failed", f"{NAME}-SenderErrors", "detect-stack-drift"),
    (
        "alarms",
        alarms(alarm("DeadLetters"), alarm("SenderErrors", "ALARM")),
        "warning",
        "SenderErrors",
        "#sendererrors",
    ),
    (
        "alarms",
        alarms(alarm("DeadLetters", enabled=False), alarm("SenderErrors")),
        "warning",
        "DeadLetters",
        "enable-alarm-actions",
    ),
    ("alarms", alarms(NO_DATA, alarm("SenderErrors")), "warning", "DeadLetters", "CloudWatch"),
    ("alarm subscribers", subscriptions(), "warning", "no subscribers", f"--topic-arn {NAME}-Alarms --protocol email"),
    ("alarm subscribers", subscriptions(PENDING), "warning", "oncall@shop.example", "email"),
    ("alarm subscribers", subscriptions(CONFIRMED, PENDING), "warning", "Not confirmed", "email"),
    (
        "point-in-time recovery",
        answer(
            "dynamodb.DescribeContinuousBackups",
            for_resource("Executions", "TableName", backups("DISABLED"), backups("ENABLED")),
        ),
        "failed",
        "Off for Executions.",
        f"update-continuous-backups --table-name {NAME}-Executions ",
    ),
    (
        "deletion protection",
        answer("dynamodb.DescribeTable", for_resource("Webhooks", "TableName", OFF, ON)),
        "failed",
        "Off for Webhooks.",
        f"update-table --table-name {NAME}-Webhooks --deletion-protection-enabled",
    ),
    (
        "dead letters",
        answer(
            "sqs.GetQueueAttributes",
            lambda asked: MESSAGES if "Unlogged" in asked["QueueUrl"] else {"Attributes": {}},
        ),
        "warning",
        "log: 3.",
        f"hooklog redrive log --stack {NAME}",
    ),
    (
        "client certificates",
        certificates(acme=45, globex=12.5),
        "warning",
        "1 of 2",
        f"globex: expires on {NOW + timedelta(days=12.5):%Y-%m-%d}, in 12 days",
    ),
    ("client certificates", certificates(acme=-1), "warning", "1 of 1 have expired", "acme: expired on "),
    (
        "signing key",
        answer("secretsmanager.DescribeSecret", {"CreatedDate": NOW - timedelta(days=400)}),
        "warning",
        "400 days",
        "rotate",
    ),
    (
        "drift",
        set_to(drift={"StackDriftStatus": "DRIFTED", "LastCheckTimestamp": NOW}),
        "warning",
        f"{NOW:%Y-%m-%d}",
        "resource-drifts",
    ),
    (
        "drift",
        set_to(drift={"StackDriftStatus": "NOT_CHECKED"}),
        "unknown",
        "Not checked",
        f"detect-stack-drift --stack-name {NAME}",
    ),
]


@pytest.mark.parametrize(("check", "change", "status", "found", "advice"), WRONG, ids=lambda value: str(value)[:24])
def test_a_fault_is_found_with_advice(
    account: Account,
    capsys: pytest.CaptureFixture[str],
    check: str,
    change: Callable[[Account], Any],
    status: str,
    found: str,
    advice: str,
) -> None:
    change(account)
    rows = run_doctor(account, capsys, fails=status == "failed")
    assert rows[check]["status"] == status
    assert found in rows[check]["found"]
    assert advice in rows[check]["advice"]
    assert {row["status"] for name, row in rows.items() if name != check} == {"ok"}


@pytest.mark.parametrize(
    ("check", "change", "found"),
    [
        (
            "alarms",
            alarms(alarm("DeadLetters", "INSUFFICIENT_DATA", 5), alarm("SenderErrors")),
            "not evaluated yet: 1.",
        ),
        ("deletion protection", parameters(Stage="development"), "Stage=development"),
        ("point-in-time recovery", parameters(PointInTimeRecovery="false"), "PointInTimeRecovery=false"),
        ("concurrency", answer("lambda.GetAccountSettings", settings(165, 105)), "165"),
        ("network", in_subnets(), "from 192.0.2.0, 192.0.2.1. Availability zones: eu-west-1a, eu-west-1b."),
        ("drift", set_to(drift={"StackDriftStatus": "IN_SYNC", "LastCheckTimestamp": NOW}), f"{NOW:%Y-%m-%d}"),
        ("client certificates", certificates(acme=45.5, globex=90), "2. The first, of acme, expires on"),
    ],
)
def test_a_difference_that_parameters_ask_for_is_not_a_fault(
    account: Account, capsys: pytest.CaptureFixture[str], check: str, change: Callable[[Account], Any], found: str
) -> None:
    if check == "deletion protection":
        answer("dynamodb.DescribeTable", OFF)(account)
    if check == "point-in-time recovery":
        off = lambda asked: backups("DISABLED" if "Execution" in asked["TableName"] else "ENABLED")  # noqa: E731
        answer("dynamodb.DescribeContinuousBackups", off)(account)
    change(account)
    rows = run_doctor(account, capsys)
    assert (rows[check]["status"], found in rows[check]["found"]) == ("ok", True)


@pytest.mark.parametrize("suffixes", [(".py",), (".py", ".cpython-311.pyc")], ids=["none", "of another Python"])
def test_a_layer_without_bytecode_for_its_python_is_found(
    account: Account, capsys: pytest.CaptureFixture[str], suffixes: tuple[str, ...]
) -> None:
    Layer.content = archive(*suffixes)
    row = run_doctor(account, capsys)["layer bytecode"]
    assert (row["status"], "0 of 30" in row["found"], "make deploy" in row["advice"]) == ("warning", True, True)


def test_only_the_directory_of_the_layer_is_downloaded(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    run_doctor(account, capsys)
    assert len(Layer.content) > 2 * abs(int(Layer.parts[0]))


def test_a_layer_that_cannot_be_read_is_unknown(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    Layer.content = b""
    assert run_doctor(account, capsys)["layer bytecode"]["status"] == "unknown"


DENIED = {
    "cloudformation.ListStackResources": ("AccessDenied", "cloudformation:ListStackResources", 8),
    "cloudwatch.DescribeAlarms": ("AccessDenied", "cloudwatch:DescribeAlarms", 1),
    "dynamodb.DescribeContinuousBackups": ("AccessDeniedException", "dynamodb:DescribeContinuousBackups", 1),
    "dynamodb.DescribeTable": ("AccessDeniedException", "dynamodb:DescribeTable", 1),
    "dynamodb.Query": ("AccessDeniedException", "dynamodb:Query", 1),
    "lambda.GetAccountSettings": ("AccessDeniedException", "lambda:GetAccountSettings", 1),
    "lambda.GetLayerVersionByArn": ("AccessDeniedException", "lambda:GetLayerVersion", 1),
    "secretsmanager.DescribeSecret": ("AccessDeniedException", "secretsmanager:DescribeSecret", 1),
    "secretsmanager.GetSecretValue": ("AccessDeniedException", "secretsmanager:GetSecretValue", 1),
    "sns.ListSubscriptionsByTopic": ("AuthorizationError", "SNS:ListSubscriptionsByTopic", 1),
    "sqs.GetQueueAttributes": ("AccessDenied", "sqs:getqueueattributes", 1),
    "sqs.SendMessageBatch": ("AccessDenied", "sqs:sendmessage", 1),
}


@pytest.mark.parametrize("operation", DENIED)
def test_a_denied_action_is_named_and_is_not_a_failure(
    account: Account, capsys: pytest.CaptureFixture[str], operation: str
) -> None:
    code, action, checks = DENIED[operation]
    text = f"User: arn:aws:iam::1:user/x is not authorized to perform: {action} on resource: y"
    account.responses[operation] = Refused(code, text)
    unknown = [row["found"] for row in run_doctor(account, capsys).values() if row["status"] == "unknown"]
    assert unknown == checks * [f"Your credentials do not allow {action}."]


def test_denied_calls_of_ec2_leave_the_network_unknown(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    in_subnets(DescribeRouteTables=Refused("UnauthorizedOperation", "You are not authorized."))(account)
    row = run_doctor(account, capsys)["network"]
    assert (row["status"], row["found"]) == ("unknown", "Your credentials do not allow DescribeRouteTables.")


def test_a_denial_without_an_action_names_the_call(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    account.responses["lambda.GetAccountSettings"] = Refused("AccessDeniedException")
    assert "GetAccountSettings" in run_doctor(account, capsys)["concurrency"]["found"]


def test_an_error_of_aws_fails_only_its_check(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    account.responses["lambda.GetEventSourceMapping"] = Refused("ResourceNotFoundException", "no such mapping")
    rows = run_doctor(account, capsys, fails=True)
    assert (rows["event sources"]["status"], "no such mapping" in rows["event sources"]["found"]) == ("failed", True)
    assert rows["webhook"]["status"] == "ok"


def test_a_stack_that_is_not_hooklogs_is_recognised(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    account.responses["cloudformation.ListStackResources"] = {"StackResourceSummaries": []}
    rows = run_doctor(account, capsys, fails=True)
    assert "no SendWebhooksFunction" in rows["recursion"]["found"]
    assert "no Alarms" in rows["alarm subscribers"]["found"]


def test_the_functions_that_may_invoke_themselves_are_the_templates() -> None:
    allowed = {name for name, function in template.functions().items() if function.get("RecursiveLoop") == "Allow"}
    assert allowed == set(RECURSIVE)


def sent(account: Account) -> dict[str, Any]:
    (asked,) = (asked for name, asked in account.requests if name == "sqs.SendMessageBatch")
    (entry,) = asked["Entries"]
    assert entry["MessageGroupId"] == "hooklog.doctor"
    message: dict[str, Any] = json.loads(entry["MessageBody"])
    return message


def test_on_aws_the_webhook_goes_to_the_stacks_own_api_and_is_not_retried(
    account: Account, api: FakeApi, capsys: pytest.CaptureFixture[str]
) -> None:
    row = run_doctor(account, capsys)["webhook"]
    assert row["found"].startswith("404 from the stack's own API (4xx is expected), in 34 ms; logged after ")
    message = sent(account)
    assert (message["webhook_id"], message["url"]) == ("hooklog.doctor", f"{account.outputs['ApiUrl']}/doctor")
    assert [path for path, _, _ in api.requests] == [
        f"/messages/{message['message_id']}/executions",
        "/webhooks/hooklog.doctor/executions/e1",
        "/messages/m1/details",
    ]


def test_the_webhook_goes_to_the_given_url_and_is_awaited(
    account: Account, api: FakeApi, capsys: pytest.CaptureFixture[str]
) -> None:
    api.responses = [(200, {"executions": []}), (200, {"executions": []}), executions(result=200)]
    row = run_doctor(account, capsys, "--to https://shop.example/hooks")["webhook"]
    assert (row["status"], row["found"].startswith("200 from https://shop.example/hooks")) == ("ok", True)
    assert sent(account)["url"] == "https://shop.example/hooks"


@pytest.mark.parametrize(
    ("words", "result", "found"),
    [
        ("--to https://shop.example/hooks", 500, "500 from https://shop.example/hooks, in 34 ms."),
        ("--to https://shop.example/hooks", 404, "404 from https://shop.example/hooks, in 34 ms."),
        ("--to https://shop.example/hooks", 0, "connection_refused: The receiver refused the connection."),
        ("", 0, "connection_refused: The receiver refused the connection."),
        ("", 502, "502 from the stack's own API (4xx is expected), in 34 ms."),
    ],
)
def test_a_webhook_that_does_not_arrive_is_a_failure_and_not_retried(
    account: Account, api: FakeApi, capsys: pytest.CaptureFixture[str], words: str, result: int, found: str
) -> None:
    api.responses = [executions(result=result), details("connection_refused"), (204, {})]
    row = run_doctor(account, capsys, words, fails=True)["webhook"]
    assert (row["status"], row["found"]) == ("failed", found)
    assert api.requests[-1][0] == "/messages/m1/details"


def test_an_error_of_the_api_is_a_failure(account: Account, api: FakeApi, capsys: pytest.CaptureFixture[str]) -> None:
    api.responses = [(500, {"error": {"code": "internal_error", "message": "it is broken"}})]
    assert "it is broken" in run_doctor(account, capsys, fails=True)["webhook"]["found"]


def test_an_invalid_url_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        PARSER.parse_args(["doctor", "--to", ""])
    assert ended.value.code == ExitCode.USAGE
