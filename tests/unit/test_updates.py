"""A stack of the last release can be updated without replacing a resource."""

import copy
import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest

from hooklog.access.routes import ROUTES
from hooklog.version import __version__
from tests import template
from tests.samconfig import SECTIONS, SamTransform, overrides
from tests.stack_updates import Resources, Schemas, problems, refused_parameters


def version_numbers(version: str) -> list[int]:
    return [int(number) for number in version.split(".")]


RELEASES = sorted((template.ROOT / "tests/releases").iterdir(), key=lambda folder: version_numbers(folder.name))
LAST_RELEASE = RELEASES[-1] / "template.yaml"
"""template.yaml as it was released."""


@pytest.fixture(scope="module")
def updates(sam: SamTransform) -> dict[str, tuple[Resources, Resources]]:
    """The resources of the last release and of this version, by section."""
    parameters = [overrides(section) for section in SECTIONS]
    before = sam.transformed({"parameters": each, "template_file": str(LAST_RELEASE)} for each in parameters)
    after = sam.transformed({"parameters": each} for each in parameters)
    return dict(zip(SECTIONS, zip(before, after, strict=True), strict=True))


@pytest.fixture(scope="module")
def schemas(sam: SamTransform, updates: dict[str, tuple[Resources, Resources]]) -> Schemas:
    kinds = {resource["Type"] for update in updates.values() for resources in update for resource in resources.values()}
    return sam.schemas(kinds)


def test_the_last_release_is_not_ahead_of_this_version() -> None:
    assert version_numbers(RELEASES[-1].name) <= version_numbers(__version__)


@pytest.mark.parametrize("section", SECTIONS)
def test_a_stack_of_the_last_release_is_updated_without_data_loss(
    updates: dict[str, tuple[Resources, Resources]], schemas: Schemas, section: str
) -> None:
    assert problems(*updates[section], schemas) == []


@pytest.mark.parametrize("section", SECTIONS)
def test_each_api_method_invokes_an_existing_function_that_permits_it(
    updates: dict[str, tuple[Resources, Resources]], section: str
) -> None:
    """Functions of the last release may be missing after the update."""
    _, after = updates[section]
    permissions = {
        (each["Properties"]["FunctionName"].get("Ref"), each["Properties"]["SourceArn"]["Fn::Sub"][0])
        for each in after.values()
        if each["Type"] == "AWS::Lambda::Permission"
    }
    methods = list(invoked(after))
    assert len(methods) == len(ROUTES) + 4  # the page, its assets with and without a version, and preflights
    for function, call in methods:
        assert after[function]["Type"] == "AWS::Lambda::Function"
        assert any(name == function and source.endswith(call) for name, source in permissions), call


def invoked(resources: Resources) -> Iterator[tuple[str, str]]:
    """Yield each operation's function and its call as a permission writes it."""
    for path, item in resources["HistoryApi"]["Properties"]["Body"]["paths"].items():
        for method, operation in item.items():
            uri = operation["x-amazon-apigateway-integration"].get("uri")
            if uri:
                (function,) = re.findall(r"\$\{(\w+)\.Arn\}", uri["Fn::Sub"])
                yield function, "/" + method.upper() + re.sub(r"\{\w+\+?\}", "*", path)


def test_an_update_needs_no_new_parameter() -> None:
    before = template.load_template(LAST_RELEASE)["Parameters"]
    assert refused_parameters(before, template.TEMPLATE["Parameters"]) == []


TOGETHER = "BillingMode and TableClass cannot be changed by one update"


NETWORK = {"SubnetIds": "subnet-0a1b2c3d", "SecurityGroupIds": "sg-0a1b2c3d"}


def test_a_stack_moves_into_subnets_and_back_without_replacements(sam: SamTransform, schemas: Schemas) -> None:
    released = sam.transformed([{"parameters": {}, "template_file": str(LAST_RELEASE)}])[0]
    inside, outside = sam.transformed({"parameters": parameters} for parameters in (NETWORK, {}))
    known = {**schemas, "AWS::IAM::ManagedPolicy": {"create_only": ["ManagedPolicyName", "Path"], "identifier": []}}
    assert [problems(*step, known) for step in ((released, inside), (inside, outside))] == [[], []]


def test_what_needs_two_deployments_is_documented(
    updates: dict[str, tuple[Resources, Resources]], schemas: Schemas
) -> None:
    """Capacity and table class must change one after the other."""
    found = {
        (one, other): problems(updates[one][1], updates[other][1], schemas)
        for one in SECTIONS
        for other in SECTIONS
        if one != other
    }
    both = [f"ExecutionDetails: {TOGETHER}", f"Executions: {TOGETHER}"]
    assert all(each == (both if "lean" in pair else []) for pair, each in found.items()), found
    assert re.search(r"`WriteCapacityMin`[^.]*`TableClass`[^.]*two deployments", DOCUMENTED)


DOCUMENTED = (template.ROOT / "docs/operations.md").read_text().partition("### Changes that need two deployments")[2]


def test_capacity_and_table_class_change_separately(sam: SamTransform, schemas: Schemas) -> None:
    lean = overrides("lean")
    halfway = {name: value for name, value in lean.items() if name != "TableClass"}
    steps = sam.transformed({"parameters": parameters} for parameters in ({}, halfway, lean))
    assert [problems(*step, schemas) for step in pairwise(steps)] == [[], []]


def table(name: str, change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda resources: change(resources[name]["Properties"])


def an_index(name: str) -> dict[str, Any]:
    keys = [{"AttributeName": "message_id", "KeyType": "HASH"}]
    return {"IndexName": name, "KeySchema": keys, "Projection": {"ProjectionType": "KEYS_ONLY"}}


def renamed(old: str, new: str) -> Callable[[Any], None]:
    def change(resources: Any) -> None:
        resources[new] = resources.pop(old)

    return change


def included(attributes: list[str]) -> Callable[[Any], Any]:
    return table(
        "Executions", lambda own: own["GlobalSecondaryIndexes"][1]["Projection"].update(NonKeyAttributes=attributes)
    )


CHANGES: dict[str, tuple[Callable[[Any], Any], str]] = {
    "a table's key": (
        table("Executions", lambda own: own["KeySchema"].pop()),
        "Executions: would be replaced: KeySchema changed",
    ),
    "a table's name": (table("Webhooks", lambda own: own.update(TableName="webhooks")), "Webhooks: would be replaced"),
    "a table of another name in the template": (renamed("Recoveries", "Recovery"), "Recoveries: would be deleted"),
    "two indexes at once": (
        table("Executions", lambda own: own["GlobalSecondaryIndexes"].extend(map(an_index, "ab"))),
        "Executions: an update can create or delete only one index, not a, b",
    ),
    "an index in the place of another": (
        table("Executions", lambda own: own["GlobalSecondaryIndexes"].__setitem__(0, an_index("a"))),
        "Executions: an update can create or delete only one index, not a, failures",
    ),
    "an added attribute of an index": (
        included(["attempt", "result", "skipped", "queue_message_id", "trigger"]),
        "Executions: Projection of the index by_message cannot be changed",
    ),
    "another key of an index": (
        table("Executions", lambda own: own["GlobalSecondaryIndexes"][0]["KeySchema"].pop()),
        "Executions: KeySchema of the index failures cannot be changed",
    ),
    "capacity and class": (
        table("Executions", lambda own: own.update(BillingMode="PROVISIONED", TableClass="STANDARD_INFREQUENT_ACCESS")),
        f"Executions: {TOGETHER}",
    ),
    "another attribute by which items expire": (
        table("Executions", lambda own: own["TimeToLiveSpecification"].update(AttributeName="expires")),
        "Executions: AttributeName of TimeToLiveSpecification cannot be changed by one update",
    ),
    "a FIFO queue": (
        table("WebhookQueue", lambda own: own.update(FifoQueue=True)),
        "WebhookQueue: would be replaced: FifoQueue changed",
    ),
    "another kind under the same name": (
        lambda resources: resources["WebhookKey"].update(Type="AWS::KMS::ReplicaKey"),
        "WebhookKey: would be deleted",
    ),
    "a deleted key": (lambda resources: resources.pop("SigningKey"), "SigningKey: would be deleted"),
    "another way to generate a secret": (
        table("SigningKey", lambda own: own["GenerateSecretString"].update(PasswordLength=32)),
        "SigningKey: would get a new secret",
    ),
    "another stage": (
        table("HistoryApiv1Stage", lambda own: own.update(StageName="v2")),
        "HistoryApiv1Stage: would be replaced: StageName changed",
    ),
    "a log group with a name": (
        table("SendWebhooksLogs", lambda own: own.update(LogGroupName="sender")),
        "SendWebhooksLogs: would be replaced: LogGroupName changed",
    ),
    "an alarm of another name in the template": (
        renamed("DeadLetters", "Letters"),
        "Letters: would be created while DeadLetters still has the same name",
    ),
    "a queue's mapping of another name in the template": (
        renamed("SendWebhooksFunctionWebhooks", "SenderMapping"),
        "SenderMapping: would be created while SendWebhooksFunctionWebhooks still has the same name",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_replacement_or_refused_change_is_found(
    updates: dict[str, tuple[Resources, Resources]], schemas: Schemas, change: str
) -> None:
    _, before = updates["default"]
    after = copy.deepcopy(before)
    alter, problem = CHANGES[change]
    alter(after)
    (found,) = problems(before, after, {**schemas, "AWS::KMS::ReplicaKey": schemas["AWS::KMS::Key"]})
    assert found.startswith(problem)


def test_a_change_in_place_is_no_problem(updates: dict[str, tuple[Resources, Resources]], schemas: Schemas) -> None:
    """An index, a reordered INCLUDE list, a queue's retention, two alarms."""
    _, before = updates["default"]
    after = copy.deepcopy(before)
    table("Executions", lambda own: own["GlobalSecondaryIndexes"].append(an_index("a")))(after)
    included(["queue_message_id", "attempt", "skipped", "result"])(after)
    table("WebhookQueue", lambda own: own.update(MessageRetentionPeriod=1))(after)
    named = {"AlarmName": "another"}
    after["Another"] = {**after["DeadLetters"], "Properties": {**after["DeadLetters"]["Properties"], **named}}  # type: ignore[index]
    after.pop("ApiLatency")  # type: ignore[attr-defined]
    assert problems(before, after, schemas) == []


def test_a_parameter_without_a_default_is_found() -> None:
    before = {"A": {"Type": "Number", "Default": 1}}
    assert refused_parameters(before, {"A": {"Type": "String", "Default": "1"}, "B": {"Type": "String"}}) == ["A", "B"]
    assert refused_parameters(before, {**before, "B": {"Type": "String", "Default": ""}}) == []
