"""How a new sender takes over: what SAM makes of template.yaml, and what samconfig.toml deploys."""

import json
import re
import subprocess
import tomllib
from typing import Any

import pytest

from local import places
from tests import template

Resources = dict[str, dict[str, Any]]

SAMCONFIG = tomllib.loads((template.ROOT / "samconfig.toml").read_text())
CANARY = {"SenderDeployment": "Canary10Percent5Minutes"}


@pytest.fixture(scope="module")
def deployments() -> list[Resources]:
    """At once, gradually, and gradually with another code or another layer."""
    changes: list[dict[str, Any]] = [{"parameters": {}}, {"parameters": CANARY}]
    changes += [{"parameters": CANARY, "code": "2"}, {"parameters": CANARY, "layer": "2"}]
    ended = subprocess.run(
        [places.STACK_BIN / "python", "-m", "tests.transformed"],
        input=json.dumps(changes),
        capture_output=True,
        text=True,
        check=True,
        cwd=template.ROOT,
        env={"AWS_DEFAULT_REGION": places.REGION},
    )
    found: list[Resources] = json.loads(ended.stdout)
    return found


def version(resources: Resources) -> str:
    (name,) = (name for name, resource in resources.items() if resource["Type"] == "AWS::Lambda::Version")
    return name


def kinds(resources: Resources) -> set[str]:
    return {resource["Type"] for resource in resources.values()}


def test_another_code_or_layer_is_another_version(deployments: list[Resources]) -> None:
    _, before, code, layer = map(version, deployments)
    assert len({before, code, layer}) == 3


def test_a_gradual_deployment_is_undone_by_the_senders_alarms(deployments: list[Resources]) -> None:
    _, gradual, *_ = deployments
    group = gradual["SendWebhooksFunctionDeploymentGroup"]["Properties"]
    assert group["AlarmConfiguration"] == {
        "Enabled": True,
        "Alarms": [{"Name": {"Ref": "SenderErrors"}}, {"Name": {"Ref": "SenderFaults"}}],
    }
    assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]
    update = gradual["SendWebhooksFunctionAliaslive"]["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
    assert update["DeploymentGroupName"] == {"Ref": "SendWebhooksFunctionDeploymentGroup"}


def test_at_once_needs_no_codedeploy(deployments: list[Resources]) -> None:
    at_once, gradual, *_ = deployments
    assert "AWS::CodeDeploy::DeploymentGroup" in kinds(gradual)
    assert not any(kind.startswith("AWS::CodeDeploy") for kind in kinds(at_once))
    assert "CodeDeployServiceRole" not in at_once


def test_the_queue_goes_to_the_alias_where_versions_take_turns(deployments: list[Resources]) -> None:
    """At once, it goes to the function itself: there, a changed parameter alone is in force at once."""
    alias, function = {"Ref": "SendWebhooksFunctionAliaslive"}, {"Ref": "SendWebhooksFunction"}
    for resources in deployments:
        target = resources["SendWebhooksFunctionWebhooks"]["Properties"]["FunctionName"]
        assert target == {"Fn::If": ["SendsGradually", alias, function]}
    assert template.TEMPLATE["Conditions"]["SendsGradually"] == {
        "Fn::Not": [{"Fn::Equals": [{"Ref": "SenderDeployment"}, "AllAtOnce"]}]
    }


def test_only_at_once_is_not_gradual() -> None:
    gradual = template.TEMPLATE["Mappings"]["SenderDeployments"]
    assert list(gradual) == template.TEMPLATE["Parameters"]["SenderDeployment"]["AllowedValues"]
    assert {name for name, row in gradual.items() if row != {"Gradual": "true"}} == {"AllAtOnce"}


@pytest.mark.parametrize("section", ["default", "local", "staging", "prod"])
def test_a_section_sets_parameters_that_there_are(section: str) -> None:
    overrides = SAMCONFIG[section]["deploy"]["parameters"].get("parameter_overrides", "")
    for name, value in re.findall(r'(\w+)="?([^\s"]*)"?', overrides):
        parameter = template.TEMPLATE["Parameters"][name]
        assert value in parameter.get("AllowedValues", [value])
        assert re.search(parameter.get("AllowedPattern", ""), value)


def test_nothing_that_is_deployed_comes_from_a_cache() -> None:
    """SAM's knows the sources and not the Python that compiles them."""
    cached = {
        name
        for name, section in SAMCONFIG.items()
        if name != "version" and section["build"]["parameters"].get("cached")
    }
    assert cached == {"local"}


def test_production_is_production() -> None:
    sections = {name: SAMCONFIG[name]["deploy"]["parameters"] for name in ("default", "local", "staging", "prod")}
    assert len({parameters["stack_name"] for parameters in sections.values()}) == len(sections)
    assert "Stage=production SenderDeployment=Canary" in sections["prod"]["parameter_overrides"]
    assert "Stage=development SenderDeployment=Canary" in sections["staging"]["parameter_overrides"]
    assert "SenderDeployment" not in sections["local"]["parameter_overrides"]
