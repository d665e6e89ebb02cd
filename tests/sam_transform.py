"""Transforms template.yaml as AWS does: AWS::LanguageExtensions, then SAM.

Runs in .venv-stack, which has both.

Reads a JSON list of changes (to parameters and to the locations of artifacts), and writes the resources for each,
except those whose condition is false. With `schemas`, it reads a JSON list of resource types instead, and writes which
of their properties cannot be changed.
"""

import json
import logging
import sys
from typing import Any

from cfnlint.schema import PROVIDER_SCHEMA_MANAGER  # type: ignore[import-untyped]
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
    parameters: dict[str, str], code: str = "1", layer: str = "1", template_file: str = str(TEMPLATE_FILE)
) -> Any:
    template = load_template(template_file)
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


def schema(kind: str) -> dict[str, list[str]]:
    """Return the create-only and the identifying properties of a resource type."""
    found = PROVIDER_SCHEMA_MANAGER.get_resource_schema(places.REGION, kind).schema
    create_only = [*found.get("createOnlyProperties", []), *found.get("conditionalCreateOnlyProperties", [])]
    return {"create_only": _names(create_only), "identifier": _names(found.get("primaryIdentifier", []))}


def _names(pointers: list[str]) -> list[str]:
    return [pointer.removeprefix("/properties/").partition("/")[0] for pointer in pointers]


if __name__ == "__main__":
    logging.disable()
    items = json.load(sys.stdin)
    if sys.argv[1:] == ["schemas"]:
        json.dump({kind: schema(kind) for kind in items}, sys.stdout)
    else:
        json.dump([transformed(**change) for change in items], sys.stdout)
