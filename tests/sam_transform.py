"""Transforms template.yaml as AWS does: AWS::LanguageExtensions, then SAM.

Runs in .venv-stack, which has both.

Reads calls of the functions in FUNCTIONS, a line of JSON each: the name and the arguments. Answers each with a line.
"""

import json
import logging
import sys
from collections.abc import Callable
from functools import cache
from importlib.metadata import distribution
from pathlib import Path
from typing import Any, Final

from samcli.lib.cfn_language_extensions.sam_integration import (  # type: ignore[import-not-found]
    expand_language_extensions,
)
from samtranslator.translator.transform import transform  # type: ignore[import-not-found]

from local import places
from tests.template import TEMPLATE_FILE, holds, load_template

PSEUDO_PARAMETERS = {"AWS::Region": places.REGION, "AWS::AccountId": "123456789012", "AWS::Partition": "aws"}


class _ManagedPolicies:
    """No managed policies: the template uses none."""

    def load(self) -> dict[str, str]:
        return {}


def transformed(
    parameters: dict[str, str],
    code: str = "1",
    layer: str = "1",
    template_file: str = str(TEMPLATE_FILE),
    only: list[str] | None = None,
) -> Any:
    """Return the resources for these parameters and locations of artifacts, except those whose condition is false.

    `only` names the resources to transform, which is faster.
    """
    template = json.loads(_read_template(template_file))
    if only:
        template["Resources"] = {name: template["Resources"][name] for name in only}
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = f"s3://artifacts/{code}"
        if resource["Type"] == "AWS::Serverless::LayerVersion":
            resource["Properties"]["ContentUri"] = f"s3://artifacts/{layer}"
    # CloudFormation passes every parameter as a string, including numbers and defaults.
    values = {name: str(parameter["Default"]) for name, parameter in template["Parameters"].items()}
    values |= {name: value for name, value in parameters.items() if name in values}
    expanded = expand_language_extensions(template, {**values, **PSEUDO_PARAMETERS}, enabled=True)
    assert expanded.had_language_extensions
    conditions = expanded.expanded_template["Conditions"]
    resources = transform(expanded.expanded_template, values, _ManagedPolicies())["Resources"]
    return {
        name: resource
        for name, resource in resources.items()
        if "Condition" not in resource or holds(conditions[resource["Condition"]])
    }


@cache
def _read_template(file: str) -> str:
    """Return a template as JSON, which is parsed faster for each transform."""
    return json.dumps(load_template(file))


def schema(kind: str) -> dict[str, list[str]]:
    """Return the create-only and the identifying properties of a resource type."""
    found = json.loads((_schemas() / "resources" / f"{_schema_names()[kind]}.json").read_text())
    create_only = [*found.get("createOnlyProperties", []), *found.get("conditionalCreateOnlyProperties", [])]
    return {"create_only": _names(create_only), "identifier": _names(found.get("primaryIdentifier", []))}


@cache
def _schema_names() -> dict[str, str]:
    names: dict[str, str] = json.loads((_schemas() / "providers" / f"{places.REGION}.json").read_text())
    return names


def _schemas() -> Path:
    """Return the folder of CloudFormation's schemas in cfn-lint, whose import takes as long as ten transforms."""
    return Path(str(distribution("cfn-lint").locate_file("cfnlint/data/schemas")))


def _names(pointers: list[str]) -> list[str]:
    return [pointer.removeprefix("/properties/").partition("/")[0] for pointer in pointers]


FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {"transformed": transformed, "schema": schema}


def main() -> None:
    logging.disable()
    for line in sys.stdin:
        name, arguments = json.loads(line)
        sys.stdout.write(json.dumps(FUNCTIONS[name](**arguments)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
