"""template.yaml and the code agree."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from pynamodb.models import Model

from hooklog import aws, settings
from hooklog.errors import InvalidSetting
from hooklog.executions.details import DetailsRow
from hooklog.executions.rows import ExecutionRow
from hooklog.messages.fields import MAX_TIMEOUT_SECONDS
from hooklog.sending.failure_monitor import MONITOR_SECONDS
from hooklog.sending.processor import LOG_SECONDS
from hooklog.sending.recovery import RecoveryRow
from hooklog.statistics.counts import CountsRow
from hooklog.statistics.seen import SeenRow
from hooklog.webhooks.rows import WebhookRow
from tests import template

SETTINGS: dict[str, Callable[[Mapping[str, str]], Any]] = {
    "SendWebhooksFunction": settings.SenderSettings.from_environment,
    "ReadApiFunction": settings.ReadSettings.from_environment,
    "ResendApiFunction": settings.ResendSettings.from_environment,
    "ManageApiFunction": settings.ManageSettings.from_environment,
    "AuthorizeFunction": settings.AuthorizerSettings.from_environment,
    "RunRecoveryFunction": settings.RunRecoverySettings.from_environment,
    "LogUnloggedFunction": settings.LogUnloggedSettings.from_environment,
    "CountExecutionsFunction": settings.CountExecutionsSettings.from_environment,
    "PublishEventsFunction": settings.PublishEventsSettings.from_environment,
    "TestWebhookFunction": settings.WebhookTestSettings.from_environment,
    "HistoryPageFunction": settings.HistoryPageSettings.from_environment,
}


WRONG_ORIGINS = ["https://", "app.example.com", "https://a.example/", "https://a.example/b", "https://*.a.example"]
WRONG_ORIGINS += ["https://a@b.example", "https://a.example:port", "null", "https://a.example;", "data:", "http://[::1"]


class _RecordingEnvironment(dict[str, str]):
    """An environment that records which variables were read."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.read: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        self.read.add(key)
        return super().get(key, default)


def defaults(function: str) -> dict[str, str]:
    values = {name: template.default(value) for name, value in template.environment(function).items()}
    return {name: "reference" if isinstance(value, dict) else str(value) for name, value in values.items()}


def test_an_update_replaces_what_runs_recoveries_before_what_starts_them() -> None:
    """The last release's function ignores filters and `dry_run`: it would send what should only be counted."""
    assert template.load_template()["Resources"]["ResendApiFunction"]["DependsOn"] == "RunRecoveryFunction"


@pytest.mark.parametrize("function", template.functions())
def test_a_functions_environment_is_its_settings(function: str) -> None:
    environment = _RecordingEnvironment(defaults(function))
    SETTINGS[function](environment)
    assert environment.read == environment.keys()


@pytest.mark.parametrize(
    ("function", "name", "values"),
    [
        ("SendWebhooksFunction", "EXECUTION_RETENTION_DAYS", ["", "0", "3651", "-1", "x", "1.5", "\u0663"]),
        ("SendWebhooksFunction", "CAPTURE_LIMIT_BYTES", ["-1", "262145"]),
        ("SendWebhooksFunction", "ALLOW_HTTP", ["", "yes", "True"]),
        ("SendWebhooksFunction", "DEBUG_SAMPLE_RATE", ["", "-0.1", "1.1", "2", "x", "1e-3"]),
        ("SendWebhooksFunction", "BATCH_SIZE", ["0", "26"]),
        ("SendWebhooksFunction", "DETAILS_OF", ["some"]),
        ("ReadApiFunction", "SENSITIVE_HEADERS", ["X Shop", "X-Shop;"]),
        ("SendWebhooksFunction", "ALLOWED_NETWORKS", ["10.0.0.0", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/8,", "all"]),
        ("ManageApiFunction", "MAX_WEBHOOKS_PER_PREFIX", ["", "0", "5001", "1,000"]),
        ("AuthorizeFunction", "SIGNING_KEY_SECRET", [""]),
        ("ReadApiFunction", "ALLOWED_ORIGINS", ["", *WRONG_ORIGINS, "*,https://a.example", "https://a.example,*"]),
        (
            "HistoryPageFunction",
            "FRAME_ANCESTORS",
            [*WRONG_ORIGINS, "*", "'none'; script-src *", "'unsafe-inline'"],
        ),
    ],
)
def test_a_setting_out_of_range_is_named(function: str, name: str, values: list[str]) -> None:
    for value in values:
        with pytest.raises(InvalidSetting, match=name):
            SETTINGS[function]({**defaults(function), name: value})


@pytest.mark.parametrize(
    ("parameter", "name"),
    [
        ("ExecutionRetentionDays", "EXECUTION_RETENTION_DAYS"),
        ("DetailsRetentionDays", "DETAILS_RETENTION_DAYS"),
        ("CaptureLimitBytes", "CAPTURE_LIMIT_BYTES"),
        ("AllowHttp", "ALLOW_HTTP"),
        ("DetailsOf", "DETAILS_OF"),
        ("MessageIndex", "MESSAGE_INDEX"),
        ("BatchSize", "BATCH_SIZE"),
        ("DebugSampleRate", "DEBUG_SAMPLE_RATE"),
        ("MaxWebhooksPerPrefix", "MAX_WEBHOOKS_PER_PREFIX"),
    ],
)
def test_a_setting_accepts_what_its_parameter_accepts(parameter: str, name: str) -> None:
    bounds = template.TEMPLATE["Parameters"][parameter]
    functions = [function for function in SETTINGS if name in template.environment(function)]
    assert functions
    for value in bounds.get("AllowedValues") or [bounds["MinValue"], bounds["MaxValue"]]:
        for function in functions:
            SETTINGS[function]({**defaults(function), name: str(value)})


@pytest.mark.parametrize(
    ("function", "queue"),
    [
        ("SendWebhooksFunction", "WebhookQueue"),
        ("SendWebhooksFunction", "OrderedQueue"),
        ("LogUnloggedFunction", "UnloggedExecutions"),
        ("RunRecoveryFunction", "RecoveryQueue"),
    ],
)
def test_a_message_stays_hidden_for_six_times_its_functions_timeout(function: str, queue: str) -> None:
    """Compare visibility and function timeouts.

    The batching window is added: Lambda receives a message before the batch is full.
    """
    timeout = template.functions()[function]["Timeout"]
    assert template.resources("AWS::SQS::Queue")[queue]["VisibilityTimeout"] >= 6 * maximum(timeout) + max_window(queue)
    assert {"Fn::GetAtt": [queue, "Arn"]} in queues_of(function)


def maximum(value: Any) -> int:
    """Return a number of the template, or the maximum of its parameter."""
    return int(template.TEMPLATE["Parameters"][value["Ref"]]["MaxValue"] if isinstance(value, dict) else value)


def max_window(queue: str) -> int:
    """Return the maximum batching window of a queue in seconds."""
    arn = {"Fn::GetAtt": [queue, "Arn"]}
    mappings = [*template.resources("AWS::Lambda::EventSourceMapping").values()]
    events = [
        event["Properties"] for each in template.functions().values() for event in each.get("Events", {}).values()
    ]
    (found,) = (each for each in mappings + events if arn in (each.get("EventSourceArn"), each.get("Queue")))
    return maximum(found.get("MaximumBatchingWindowInSeconds", 0))


def queues_of(function: str) -> list[Any]:
    """Return the queues that invoke a function, by event or mapping."""
    events = template.functions()[function].get("Events", {}).values()
    mappings = template.resources("AWS::Lambda::EventSourceMapping").items()
    own = [mapping["EventSourceArn"] for name, mapping in mappings if name.startswith(function)]
    return [event["Properties"]["Queue"] for event in events] + own


def test_more_than_ten_messages_need_a_window() -> None:
    """Lambda refuses larger batches without a batching window."""
    (assertion,) = template.TEMPLATE["Rules"]["MoreThanTenAreGathered"]["Assertions"]
    few, gathered = assertion["Assert"]["Fn::Or"]
    assert few == {"Fn::Contains": [[str(number) for number in range(1, 11)], {"Ref": "BatchSize"}]}
    assert gathered == {"Fn::Not": [{"Fn::Equals": [{"Ref": "BatchWindowSeconds"}, "0"]}]}


def test_the_longest_exchange_fits_into_the_senders_timeout() -> None:
    timeout = template.functions()["SendWebhooksFunction"]["Timeout"]
    assert template.TEMPLATE["Parameters"][timeout["Ref"]]["MinValue"] >= MAX_TIMEOUT_SECONDS + LOG_SECONDS + 5


def test_the_log_has_enough_time_if_aws_does_not_respond() -> None:
    """Each attempt may take a read time-out; the SDK pauses less than a second."""
    assert aws.DYNAMODB.attempts * aws.DYNAMODB.read_seconds < aws.DYNAMODB_TIMEOUT_SECONDS
    assert aws.SERVICES.attempts * aws.SERVICES.read_seconds < aws.SERVICE_TIMEOUT_SECONDS
    assert aws.DYNAMODB_TIMEOUT_SECONDS + aws.SERVICE_TIMEOUT_SECONDS < LOG_SECONDS
    assert MONITOR_SECONDS < LOG_SECONDS


OIDC = {"OIDC_ISSUER": "https://i.example", "OIDC_JWKS_URL": "https://i.example/jwks", "OIDC_AUDIENCE": "hooklog"}


@pytest.mark.parametrize("name", OIDC)
def test_an_issuer_needs_all_of_its_settings(name: str) -> None:
    environment = {**defaults("AuthorizeFunction"), **OIDC}
    assert SETTINGS["AuthorizeFunction"](environment).oidc
    with pytest.raises(InvalidSetting, match=name):
        SETTINGS["AuthorizeFunction"]({**environment, name: ""})


@pytest.mark.parametrize(
    "url",
    [
        "http://i.example/jwks",
        "http://127.0.0.1.i.example/jwks",
        "http://127.0.0.1:80@i.example/jwks",
        "http://localhost:80/jwks",
        "file:///etc/passwd",
        "https://i.example@j.example/jwks",
        "https://i.example/jw ks",
        "i.example/jwks",
    ],
)
def test_an_issuers_keys_are_fetched_over_tls(url: str) -> None:
    """The template's pattern also refuses them, and localhost as well."""
    with pytest.raises(InvalidSetting, match="OIDC_JWKS_URL"):
        SETTINGS["AuthorizeFunction"]({**defaults("AuthorizeFunction"), **OIDC, "OIDC_JWKS_URL": url})
    assert not re.search(template.TEMPLATE["Parameters"]["OidcJwksUrl"]["AllowedPattern"], url)


def _model_indexes(model: type[Model]) -> list[tuple[Any, ...]]:
    indexes = model._get_schema()["global_secondary_indexes"]  # noqa: SLF001 - pynamodb has no public form
    return sorted(
        (
            index["index_name"],
            sorted((key["KeyType"], key["AttributeName"]) for key in index["key_schema"]),
            index["projection"]["ProjectionType"],
            index["projection"].get("NonKeyAttributes", []),
        )
        for index in indexes
    )


def _table_indexes(properties: template.Resource) -> list[tuple[Any, ...]]:
    return sorted(
        (
            index["IndexName"],
            sorted((key["KeyType"], key["AttributeName"]) for key in index["KeySchema"]),
            index["Projection"]["ProjectionType"],
            index["Projection"].get("NonKeyAttributes", []),
        )
        for index in properties.get("GlobalSecondaryIndexes", [])
    )


MODELS: dict[str, type[Model]] = {
    "Executions": ExecutionRow,
    "ExecutionDetails": DetailsRow,
    "Recoveries": RecoveryRow,
    "Webhooks": WebhookRow,
    "ExecutionCounts": CountsRow,
    "SeenWebhooks": SeenRow,
}


@pytest.mark.parametrize(("table", "model"), MODELS.items())
def test_a_tables_keys_and_indexes_match_its_model(table: str, model: type[Model]) -> None:
    properties = template.resources("AWS::DynamoDB::Table")[table]
    schema = model._get_schema()  # noqa: SLF001 - pynamodb has no public form
    keys = [(key["KeyType"], key["AttributeName"]) for key in properties["KeySchema"]]
    assert sorted(keys) == sorted((key["KeyType"], key["AttributeName"]) for key in schema["key_schema"])
    types = {a["AttributeName"]: a["AttributeType"] for a in properties["AttributeDefinitions"]}
    assert types == {a["AttributeName"]: a["AttributeType"] for a in schema["attribute_definitions"]}
    assert _table_indexes(properties) == _model_indexes(model)


@pytest.mark.parametrize("table", sorted(MODELS.keys() - {"Webhooks"}))
def test_log_items_expire(table: str) -> None:
    properties = template.resources("AWS::DynamoDB::Table")[table]
    assert properties["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert "expires_at" in MODELS[table].get_attributes()


@pytest.mark.parametrize("table", template.resources("AWS::DynamoDB::Table"))
def test_a_table_is_encrypted_recoverable_and_kept_in_production(table: str) -> None:
    resource = template.TEMPLATE["Resources"][table]
    assert resource["DeletionPolicy"] == {"Fn::If": ["IsProduction", "RetainExceptOnCreate", "Delete"]}
    assert resource["UpdateReplacePolicy"] == "Retain"
    properties = resource["Properties"]
    assert properties["DeletionProtectionEnabled"] == {"Fn::If": ["IsProduction", True, False]}
    recovery = template.default(properties["PointInTimeRecoverySpecification"])
    assert str(recovery["PointInTimeRecoveryEnabled"]).lower() == "true"
    assert properties["SSESpecification"] == {"SSEEnabled": True}
    assert template.TEMPLATE["Conditions"]["IsProduction"] == {"Fn::Equals": [{"Ref": "Stage"}, "production"]}


def test_the_key_of_signing_secrets_is_kept_in_production() -> None:
    """Without it, the secrets in a retained table could not be decrypted."""
    key = template.TEMPLATE["Resources"]["WebhookKey"]
    assert key["DeletionPolicy"] == {"Fn::If": ["IsProduction", "RetainExceptOnCreate", "Delete"]}
    assert key["UpdateReplacePolicy"] == "Retain"


LOG_TABLES = ("Executions", "ExecutionDetails")
STATISTICS = ("ExecutionCounts", "SeenWebhooks")


@pytest.mark.parametrize("table", MODELS)
def test_only_the_log_and_its_statistics_can_go_without_recovery(table: str) -> None:
    recovery = template.resources("AWS::DynamoDB::Table")[table]["PointInTimeRecoverySpecification"]
    enabled = template.default(recovery, PointInTimeRecovery="false")["PointInTimeRecoveryEnabled"]
    assert enabled == ("false" if table in LOG_TABLES + STATISTICS else True)


def _places(table: str, **parameters: Any) -> Iterator[tuple[str, template.Resource]]:
    """Yield the table and its indexes with their Auto Scaling resource IDs."""
    properties = template.default(template.resources("AWS::DynamoDB::Table")[table], **parameters)
    yield f"table/${{{table}}}", properties
    for index in properties.get("GlobalSecondaryIndexes", []):
        yield f"table/${{{table}}}/index/{index['IndexName']}", index


@pytest.mark.parametrize("table", MODELS)
def test_a_table_is_billed_per_request(table: str) -> None:
    assert template.default(template.resources("AWS::DynamoDB::Table")[table]["BillingMode"]) == "PAY_PER_REQUEST"
    assert all("ProvisionedThroughput" not in properties for _, properties in _places(table))


def test_the_log_can_have_provisioned_capacity() -> None:
    for table in LOG_TABLES:
        (_, properties), *_ = _places(table, WriteCapacityMin=7)
        assert properties["BillingMode"] == "PROVISIONED"
        for _, place in _places(table, WriteCapacityMin=7, ReadCapacityMin=3):
            assert place["ProvisionedThroughput"] == {"ReadCapacityUnits": 3, "WriteCapacityUnits": 7}


def test_every_table_and_index_of_the_log_is_scaled() -> None:
    """An unscaled index would throttle its table at its initial capacity."""
    targets = template.resources("AWS::ApplicationAutoScaling::ScalableTarget")
    scaled = {
        (target["ResourceId"]["Fn::Sub"], target["ScalableDimension"]): (target["MinCapacity"], target["MaxCapacity"])
        for target in targets.values()
    }
    assert scaled == {
        (place, f"dynamodb:{'index' if '/index/' in place else 'table'}:{kind}CapacityUnits"): (
            {"Ref": f"{kind}CapacityMin"},
            {"Ref": f"{kind}CapacityMax"},
        )
        for table in LOG_TABLES
        for place, _ in _places(table)
        for kind in ("Read", "Write")
    }
    policies = template.resources("AWS::ApplicationAutoScaling::ScalingPolicy").values()
    for policy in policies:
        tracked = policy["TargetTrackingScalingPolicyConfiguration"]
        metric = tracked["PredefinedMetricSpecification"]["PredefinedMetricType"]
        dimension = targets[policy["ScalingTargetId"]["Ref"]]["ScalableDimension"]
        assert dimension.split(":")[2] == metric.removeprefix("DynamoDB").replace("Utilization", "Units")
        assert tracked["TargetValue"] == 70
    assert sorted(policy["ScalingTargetId"]["Ref"] for policy in policies) == sorted(targets)


def _comparisons(value: Any) -> Iterator[Any]:
    """Yield both sides of every comparison in the template."""
    if isinstance(value, dict):
        yield from value.get("Fn::Equals", [])
    if isinstance(value, dict | list):
        for member in value.values() if isinstance(value, dict) else value:
            yield from _comparisons(member)


def test_strings_are_compared_with_strings() -> None:
    """CloudFormation treats parameters as strings, even those of Type Number."""
    sides = list(_comparisons(template.TEMPLATE))
    assert len(sides) > 20
    assert all(isinstance(side, str | dict) for side in sides)


def test_tables_billed_per_request_are_not_scaled() -> None:
    for resource in template.TEMPLATE["Resources"].values():
        if resource["Type"].startswith("AWS::ApplicationAutoScaling::"):
            assert resource["Condition"] == "IsProvisioned"
    assert template.default({"Fn::If": ["IsProvisioned", "capacity", "requests"]}) == "requests"
    assert template.default({"Fn::If": ["IsProvisioned", "capacity", "requests"]}, WriteCapacityMin="1") == "capacity"


def test_every_queue_is_encrypted_and_refuses_plain_http() -> None:
    queues = template.resources("AWS::SQS::Queue")
    assert all(properties["SqsManagedSseEnabled"] for properties in queues.values())
    (policy,) = template.resources("AWS::SQS::QueuePolicy").values()
    assert sorted(queue["Ref"] for queue in policy["Queues"]) == sorted(queues)
    assert policy["PolicyDocument"]["Statement"] == [
        {
            "Sid": "refuse-plain-http",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sqs:*",
            "Resource": "*",
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    ]


@pytest.mark.parametrize("group", template.resources("AWS::Logs::LogGroup"))
def test_every_log_group_has_a_retention(group: str) -> None:
    assert template.resources("AWS::Logs::LogGroup")[group] == {"RetentionInDays": {"Ref": "LogRetentionDays"}}


def test_every_method_of_the_api_is_throttled() -> None:
    all_methods, *_ = template.resources("AWS::Serverless::Api")["HistoryApi"]["MethodSettings"]
    assert (all_methods["ResourcePath"], all_methods["HttpMethod"]) == ("/*", "*")
    assert all_methods["ThrottlingRateLimit"] == {"Ref": "ApiRateLimit"}
    assert all_methods["ThrottlingBurstLimit"] == {"Ref": "ApiBurstLimit"}


ORIGINS = ["https://app.example.com", "http://localhost:3000", "http://127.0.0.1", "http://[::1]:8080"]


@pytest.mark.parametrize(
    ("parameter", "function", "name", "right", "wrong"),
    [
        ("AllowedOrigins", "ReadApiFunction", "ALLOWED_ORIGINS", ["*", *ORIGINS, ", ".join(ORIGINS)], ["*,http://a"]),
        (
            "FrameAncestors",
            "HistoryPageFunction",
            "FRAME_ANCESTORS",
            ["'self'", "self", *ORIGINS, f"'self' {ORIGINS[1]} self"],
            ["*"],
        ),
    ],
)
def test_origins_are_what_their_parameter_accepts(
    parameter: str, function: str, name: str, right: list[str], wrong: list[str]
) -> None:
    pattern = template.TEMPLATE["Parameters"][parameter]["AllowedPattern"]
    for value in [*right, ""]:
        assert re.fullmatch(pattern, value), value
    for value in right:
        SETTINGS[function]({**defaults(function), name: value})
    assert [value for value in [*wrong, *WRONG_ORIGINS, f"{ORIGINS[0]}\nx: y"] if re.fullmatch(pattern, value)] == []


def test_a_deployment_with_the_earlier_parameter_keeps_its_origin() -> None:
    """`sam deploy` ignores parameters that a template does not have, and would then open the API to every origin."""
    for function in template.functions():
        if "ALLOWED_ORIGINS" in template.environment(function):
            value = template.environment(function)["ALLOWED_ORIGINS"]
            origins = {"AllowedOrigin": "https://one.example"}
            assert template.default(value) == "*"
            assert template.default(value, **origins) == "https://one.example"
            assert template.default(value, **origins, AllowedOrigins="https://two.example") == "https://two.example"


SUBNETS, GROUPS = "subnet-0a1b2c3d,subnet-0123456789abcdef0", "sg-0a1b2c3d"
WRONG_SUBNETS = ["sg-0a1b2c3d", "subnet-0a1b2c3d,", "subnet-0a1b2c3d, subnet-0a1b2c3e", "subnet-1", "subnet-0A1B2C3D"]
WRONG_GROUPS = ["subnet-0a1b2c3d", "default", "sg-0a1b2c3d;", ",".join(6 * ["sg-0a1b2c3d"])]


@pytest.mark.parametrize(
    ("parameter", "right", "wrong"),
    [
        ("SubnetIds", ["", SUBNETS], [*WRONG_SUBNETS, ",".join(17 * ["subnet-0a1b2c3d"])]),
        ("SecurityGroupIds", ["", GROUPS, ",".join(5 * [GROUPS])], WRONG_GROUPS),
    ],
)
def test_a_network_is_a_list_of_ids(parameter: str, right: list[str], wrong: list[str]) -> None:
    pattern = template.TEMPLATE["Parameters"][parameter]["AllowedPattern"]
    assert all(re.fullmatch(pattern, value) for value in right)
    assert [value for value in wrong if re.fullmatch(pattern, value)] == []


def test_a_network_needs_both_of_its_parameters() -> None:
    (assertion,) = template.TEMPLATE["Rules"]["ANetworkIsWhole"]["Assertions"]
    neither, both = assertion["Assert"]["Fn::Or"]
    empty = [{"Fn::Equals": [{"Ref": name}, ""]} for name in ("SubnetIds", "SecurityGroupIds")]
    assert neither == {"Fn::And": empty}
    assert both == {"Fn::Not": [{"Fn::Or": empty}]}


def sending_functions() -> list[str]:
    """Return the functions that connect to receivers."""
    return [name for name in template.functions() if "CAPTURE_LIMIT_BYTES" in template.environment(name)]


def actions_of(function: str) -> set[str]:
    """Return the actions that a function's own policy allows."""
    role = template.resources("AWS::IAM::Role")[template.functions()[function]["Role"]["Fn::GetAtt"][0]]
    (policy,) = role["Policies"]
    actions = [each["Action"] for each in policy["PolicyDocument"]["Statement"]]
    return {action for each in actions for action in ([each] if isinstance(each, str) else each)}


def called_services() -> set[str]:
    """Return the AWS services that the code of the sending functions calls.

    Lambda itself polls their queue and writes their logs, and IAM only checks what they pass to Scheduler.
    """
    services = {action.partition(":")[0] for name in sending_functions() for action in actions_of(name)}
    return services - {"logs", "iam"}


def test_exactly_the_functions_that_send_webhooks_use_the_subnets() -> None:
    chosen = {"SubnetIds": SUBNETS, "SecurityGroupIds": GROUPS}
    inside = {name for name, each in template.functions().items() if "VpcConfig" in template.default(each, **chosen)}
    assert inside == set(sending_functions()) == {"SendWebhooksFunction", "TestWebhookFunction"}
    assert not any("VpcConfig" in template.default(each) for each in template.functions().values())


def test_the_endpoints_are_of_the_services_that_the_sending_functions_call() -> None:
    network = template.load_template(template.ROOT / "docs/network.yaml")["Resources"].values()
    endpoints = [each["Properties"] for each in network if each["Type"] == "AWS::EC2::VPCEndpoint"]
    kinds = {each["ServiceName"]["Fn::Sub"].rpartition(".")[2]: each["VpcEndpointType"] for each in endpoints}
    assert kinds == {service: "Gateway" if service == "dynamodb" else "Interface" for service in called_services()}
    text = (template.ROOT / "docs/network.md").read_text()
    assert dict(re.findall(r"^\| `com\.amazonaws\.<region>\.(\w+)` \| (\w+) \|", text, re.MULTILINE)) == kinds


def test_every_parameter_is_documented() -> None:
    table = (template.ROOT / "docs/parameters.md").read_text()
    documented = re.findall(r"^\| `(\w+)` \| ", table, re.MULTILINE)
    assert sorted(documented) == sorted(template.TEMPLATE["Parameters"])


def test_every_description_is_a_complete_sentence() -> None:
    """An unquoted `#` would begin a comment and cut it off."""
    described = [*template.TEMPLATE["Parameters"].values(), *template.TEMPLATE["Outputs"].values()]
    described += [each.get("Properties", {}) for each in template.TEMPLATE["Resources"].values()]
    descriptions = [each["Description"] for each in described if "Description" in each]
    assert len(descriptions) > 60
    assert [text for text in descriptions if not text.endswith(".")] == []


def test_every_parameter_is_used_and_grouped() -> None:
    text = (template.ROOT / "template.yaml").read_text()
    groups = template.TEMPLATE["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    grouped = [name for group in groups for name in group["Parameters"]]
    assert sorted(grouped) == sorted(template.TEMPLATE["Parameters"])
    unused = [name for name in grouped if not re.search(rf"!Ref {name}\b|\${{{name}}}", text)]
    assert unused == []


@pytest.mark.parametrize("function", template.functions())
def test_every_function_has_its_own_role_and_log_group(function: str) -> None:
    properties = template.functions()[function]
    name = function.removesuffix("Function")
    assert properties["Role"] == {"Fn::GetAtt": [f"{name}Role", "Arn"]}
    assert properties["LoggingConfig"]["LogGroup"] == {"Ref": f"{name}Logs"}
    statements = template.resources("AWS::IAM::Role")[f"{name}Role"]["Policies"][0]["PolicyDocument"]["Statement"]
    for statement in statements:
        assert "*" not in str(statement["Action"])
        assert statement["Resource"] != "*"


def stream_of_the_log() -> template.Resource:
    """Return the properties of the mapping from the log's stream to the function that counts."""
    (event,) = template.functions()["CountExecutionsFunction"]["Events"].values()
    properties: template.Resource = event["Properties"]
    return properties


def test_counting_knows_the_shard_of_its_records() -> None:
    """An event names its shard only with a tumbling window; in parallel, a shard would not be in order."""
    mapping = template.default(stream_of_the_log())
    assert 0 < mapping["TumblingWindowInSeconds"] <= 900
    assert mapping["MaximumBatchingWindowInSeconds"] < mapping["TumblingWindowInSeconds"]
    assert mapping.get("ParallelizationFactor", 1) == 1


def test_a_batch_of_the_stream_is_retried_until_it_expires() -> None:
    mapping = stream_of_the_log()
    limits = {"MaximumRetryAttempts", "MaximumRecordAgeInSeconds", "BisectBatchOnFunctionError", "DestinationConfig"}
    assert not limits & mapping.keys()
    assert mapping["StartingPosition"] == "TRIM_HORIZON"


def test_counting_sees_each_new_execution() -> None:
    mapping, table = stream_of_the_log(), template.resources("AWS::DynamoDB::Table")["Executions"]
    assert mapping["Stream"] == {"Fn::GetAtt": ["Executions", "StreamArn"]}
    assert table["StreamSpecification"] == {"StreamViewType": "NEW_IMAGE"}
    assert mapping["FilterCriteria"] == {"Filters": [{"Pattern": '{"eventName": ["INSERT"]}'}]}


def test_without_counting_only_its_tables_are_deployed() -> None:
    names = [
        name for name, each in template.TEMPLATE["Resources"].items() if each.get("Condition") == "CountsExecutions"
    ]
    kinds = ("Function", "Logs", "Role")
    assert names == [*(f"CountExecutions{kind}" for kind in kinds), "CountErrors", "CountIteratorAge"]
    assert template.holds(template.TEMPLATE["Conditions"]["CountsExecutions"])
    assert not template.holds(template.TEMPLATE["Conditions"]["CountsExecutions"], CountExecutions="false")
