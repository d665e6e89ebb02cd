"""template.yaml as SAM transforms it on AWS; a program of .venv-stack, where SAM is.

Reads a JSON list of changes, of parameters and of where what was built lies, and writes the resources for each.
"""

import json
import logging
import sys
from typing import Any

from samtranslator.translator.transform import transform  # type: ignore[import-not-found]

from tests.template import load_template


class _ManagedPolicies:
    """Of which the template has none."""

    def load(self) -> dict[str, str]:
        return {}


def transformed(parameters: dict[str, str], code: str = "1", layer: str = "1") -> Any:
    template = load_template()
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = f"s3://artifacts/{code}"
        if resource["Type"] == "AWS::Serverless::LayerVersion":
            resource["Properties"]["ContentUri"] = f"s3://artifacts/{layer}"
    return transform(template, parameters, _ManagedPolicies())["Resources"]


if __name__ == "__main__":
    logging.disable()
    json.dump([transformed(**change) for change in json.load(sys.stdin)], sys.stdout)
