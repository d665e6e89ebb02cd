"""Deployments of the sender, as SAM transforms template.yaml and samconfig.toml."""

import re
from typing import Any

import pytest

from tests import template
from tests.samconfig import SAMCONFIG, SECTIONS, Resources, SamTransform, overrides

CANARY = {"SenderDeployment": "Canary10Percent5Minutes"}


@pytest.fixture(scope="module")
def deployments(sam: SamTransform) -> list[Resources]:
    """All at once, gradual, and gradual with changed code or a changed layer."""
    changes: list[dict[str, Any]] = [{"parameters": {}}, {"parameters": CANARY}]
    changes += [{"parameters": CANARY, "code": "2"}, {"parameters": CANARY, "layer": "2"}]
    return sam.transformed(changes)


@pytest.fixture(scope="module")
def sections(sam: SamTransform) -> dict[str, Resources]:
    """Return the resources that each section of samconfig.toml deploys."""
    return dict(zip(SECTIONS, sam.transformed({"parameters": overrides(section)} for section in SECTIONS), strict=True))


def version(resources: Resources) -> str:
    (name,) = (name for name, resource in resources.items() if resource["Type"] == "AWS::Lambda::Version")
    return name


def kinds(resources: Resources) -> set[str]:
    return {resource["Type"] for resource in resources.values()}


def test_a_change_of_code_or_layer_makes_a_new_version(deployments: list[Resources]) -> None:
    _, before, code, layer = map(version, deployments)
    assert len({before, code, layer}) == 3


SENDERS_PARAMETERS = {
    value["Ref"]: name
    for name, value in [
        *template.environment("SendWebhooksFunction").items(),
        *template.functions()["SendWebhooksFunction"].items(),
    ]
    if isinstance(value, dict) and value.get("Ref") in template.TEMPLATE["Parameters"]
}


def test_a_change_of_a_parameter_makes_a_new_version(sam: SamTransform) -> None:
    """CloudFormation resolves parameters before SAM looks for changes."""
    assert len(SENDERS_PARAMETERS) > 10
    sender = ["SendWebhooksFunction", *template.resources("AWS::Serverless::LayerVersion")]
    changes = [CANARY, *({**CANARY, name: "2"} for name in SENDERS_PARAMETERS)]
    versions = map(version, sam.transformed({"parameters": change, "only": sender} for change in changes))
    assert len(set(versions)) == 1 + len(SENDERS_PARAMETERS)


def test_a_gradual_deployment_is_rolled_back_by_the_senders_alarms(deployments: list[Resources]) -> None:
    _, gradual, *_ = deployments
    group = gradual["SendWebhooksFunctionDeploymentGroup"]["Properties"]
    assert group["AlarmConfiguration"] == {
        "Enabled": True,
        "Alarms": [{"Name": {"Ref": "SenderErrors"}}, {"Name": {"Ref": "SenderFaults"}}],
    }
    assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]
    update = gradual["SendWebhooksFunctionAliaslive"]["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
    assert update["DeploymentGroupName"] == {"Ref": "SendWebhooksFunctionDeploymentGroup"}


ENI_ACTIONS = [f"{action}NetworkInterface{s}" for action, s in (("Create", ""), ("Describe", "s"), ("Delete", ""))]
ENI_ACTIONS += ["DescribeSubnets", "AssignPrivateIpAddresses", "UnassignPrivateIpAddresses"]


def test_only_a_deployment_with_subnets_may_manage_network_interfaces(sam: SamTransform) -> None:
    """The actions are those that AWS's managed policy AWSLambdaVPCAccessExecutionRole adds to writing logs."""
    network = {"SubnetIds": "subnet-0a1b2c3d,subnet-4e5f6a7b", "SecurityGroupIds": "sg-0a1b2c3d,sg-4e5f6a7b"}
    outside, inside = sam.transformed({"parameters": {**CANARY, **each}} for each in ({}, network))
    assert "NetworkInterfaces" not in outside
    allowed, denied = inside["NetworkInterfaces"]["Properties"]["PolicyDocument"]["Statement"]
    assert sorted(allowed["Action"]) == sorted(f"ec2:{action}" for action in ENI_ACTIONS)
    assert denied["Action"] == allowed["Action"]
    assert denied["Condition"] == {"Null": {"lambda:SourceFunctionArn": "false"}}
    assert version(outside) != version(inside)


def test_an_all_at_once_deployment_needs_no_codedeploy(deployments: list[Resources]) -> None:
    at_once, gradual, *_ = deployments
    assert "AWS::CodeDeploy::DeploymentGroup" in kinds(gradual)
    assert not any(kind.startswith("AWS::CodeDeploy") for kind in kinds(at_once))
    assert "CodeDeployServiceRole" not in at_once


def test_the_queue_invokes_the_alias_in_a_gradual_deployment(deployments: list[Resources]) -> None:
    """Otherwise it invokes the function, so that parameters change immediately."""
    targets = [resources["SendWebhooksFunctionWebhooks"]["Properties"]["FunctionName"] for resources in deployments]
    assert targets[0] == {"Ref": "SendWebhooksFunction"}
    assert targets[1:] == [{"Ref": "SendWebhooksFunctionAliaslive"}] * 3


def test_every_other_deployment_is_gradual() -> None:
    gradual = template.TEMPLATE["Mappings"]["SenderDeployments"]
    assert list(gradual) == template.TEMPLATE["Parameters"]["SenderDeployment"]["AllowedValues"]
    assert {name for name, row in gradual.items() if row != {"Gradual": "true"}} == {"AllAtOnce"}


@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_sets_existing_parameters(section: str) -> None:
    for name, value in overrides(section).items():
        parameter = template.TEMPLATE["Parameters"][name]
        assert value in parameter.get("AllowedValues", [value])
        assert re.search(parameter.get("AllowedPattern", ""), value)
        if parameter["Type"] == "Number":
            assert parameter["MinValue"] <= int(value) <= parameter["MaxValue"]


def test_deployments_do_not_use_a_build_cache() -> None:
    """SAM's cache key contains the sources but not the Python that compiles them."""
    assert {name for name in SECTIONS if SAMCONFIG[name]["build"]["parameters"].get("cached")} == {"local"}


def test_only_production_sections_use_the_production_stage() -> None:
    names = {SAMCONFIG[section]["deploy"]["parameters"]["stack_name"] for section in SECTIONS}
    assert len(names) == len(SECTIONS)
    assert {section for section in SECTIONS if overrides(section).get("Stage") == "production"} == {"prod", "lean"}
    canaries = {section for section in SECTIONS if "Canary" in overrides(section).get("SenderDeployment", "")}
    assert canaries == {"prod", "staging"}


def test_each_section_deploys_its_parameters(sections: dict[str, Resources]) -> None:
    for section, resources in sections.items():
        production = overrides(section).get("Stage") == "production"
        for table in ("Executions", "ExecutionDetails", "Recoveries", "Webhooks"):
            assert resources[table]["DeletionPolicy"] == ("RetainExceptOnCreate" if production else "Delete")
            assert resources[table]["Properties"]["DeletionProtectionEnabled"] is production
        gradual = "AWS::CodeDeploy::DeploymentGroup" in kinds(resources)
        assert gradual == ("SenderDeployment" in overrides(section))
        sender = resources["SendWebhooksFunction"]["Properties"]
        assert sender["MemorySize"] == overrides(section).get("SenderMemoryMb", "512")
        mapping = resources["SendWebhooksFunctionWebhooks"]["Properties"]
        assert mapping["ScalingConfig"]["MaximumConcurrency"] == overrides(section).get("SenderConcurrency", "100")
        assert ("AWS::Logs::QueryDefinition" in kinds(resources)) == (section != "local")


def test_only_lean_uses_provisioned_capacity(sections: dict[str, Resources]) -> None:
    for section, resources in sections.items():
        log = [resources[table]["Properties"] for table in ("Executions", "ExecutionDetails")]
        lean = section == "lean"
        assert {table["BillingMode"] for table in log} == {"PROVISIONED" if lean else "PAY_PER_REQUEST"}
        assert {table["TableClass"] for table in log} == {"STANDARD_INFREQUENT_ACCESS" if lean else "STANDARD"}
        assert ("AWS::ApplicationAutoScaling::ScalingPolicy" in kinds(resources)) == lean
        recovery = {table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] for table in log}
        assert recovery == {"false" if lean else "true"}


def test_every_update_deploys_the_api(sections: dict[str, Resources]) -> None:
    """API Gateway serves a snapshot, which SAM renews only if the body changed."""
    assert template.resources("AWS::Serverless::Api")["HistoryApi"]["AlwaysDeploy"] is True
    for resources in sections.values():
        (name,) = (name for name, each in resources.items() if each["Type"] == "AWS::ApiGateway::Deployment")
        assert resources["HistoryApiv1Stage"]["Properties"]["DeploymentId"] == {"Ref": name}
