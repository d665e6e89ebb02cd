"""A reader of template.yaml.

It keeps what tests build from drifting away from what is deployed.
"""

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
TEMPLATE_FILE = ROOT / "template.yaml"

Resource = dict[str, Any]


class _Loader(yaml.CSafeLoader):
    """YAML with CloudFormation's short intrinsics: `!Ref X` becomes {"Ref": "X"}."""


def _intrinsic(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
        return {name: value.split(".", 1) if suffix == "GetAtt" else value}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    assert isinstance(node, yaml.MappingNode)
    return {name: loader.construct_mapping(node, deep=True)}


_Loader.add_multi_constructor("!", _intrinsic)


def load_template(file: str | Path = TEMPLATE_FILE) -> dict[str, Any]:
    template: dict[str, Any] = yaml.load(Path(file).read_text(), Loader=_Loader)
    return template


TEMPLATE = load_template()


def resources(kind: str) -> dict[str, Resource]:
    """Return the properties of every resource of a type, by logical ID."""
    return {
        name: resource.get("Properties", {})
        for name, resource in TEMPLATE["Resources"].items()
        if resource["Type"] == kind
    }


def deployed(kind: str, **parameters: Any) -> dict[str, Resource]:
    """Return those resources of a type that a stack with these parameters has."""
    conditions = {name: each.get("Condition") for name, each in TEMPLATE["Resources"].items()}
    return {
        name: properties
        for name, properties in resources(kind).items()
        if not (condition := conditions[name]) or holds(TEMPLATE["Conditions"][condition], **parameters)
    }


def functions() -> dict[str, Resource]:
    return resources("AWS::Serverless::Function")


def function_in(folder: str) -> str:
    """Return the logical ID of the function in a folder of `functions`."""
    (name,) = (name for name, properties in functions().items() if properties["CodeUri"] == f"functions/{folder}")
    return name


def environment(function: str) -> dict[str, Any]:
    """Return a function's environment variables."""
    variables: dict[str, Any] = functions()[function].get("Environment", {}).get("Variables", {})
    return variables


def default(value: Any, **parameters: Any) -> Any:
    """Resolve a value of the template with these parameters.

    The others have their defaults. References to resources are not resolved.
    """
    match value:
        case {"Ref": name} if name in TEMPLATE["Parameters"]:
            return parameters.get(name, TEMPLATE["Parameters"][name]["Default"])
        case {"Fn::If": [condition, then, otherwise]}:
            chosen = then if holds(TEMPLATE["Conditions"][condition], **parameters) else otherwise
            return default(chosen, **parameters)
        case dict():
            members = {name: default(member, **parameters) for name, member in value.items()}
            return {name: member for name, member in members.items() if member != _NO_VALUE}
        case list():
            return [default(member, **parameters) for member in value]
    return value


_NO_VALUE = {"Ref": "AWS::NoValue"}


def holds(condition: Any, **parameters: Any) -> bool:
    """Return whether a condition holds with these parameters.

    The others have their defaults.
    """
    match condition:
        case {"Fn::Equals": [one, other]}:
            return str(default(one, **parameters)) == str(default(other, **parameters))
        case {"Fn::Not": [negated]}:
            return not holds(negated, **parameters)
    raise ValueError(f"no rule for the condition {condition}")
