"""Reads docs/openapi.yaml and validates responses against it."""

from collections.abc import Mapping
from http import HTTPMethod
from typing import Any

import yaml
from openapi_schema_validator import OAS31Validator, oas31_format_checker

from tests import template

DOCUMENT: dict[str, Any] = yaml.load((template.ROOT / "docs/openapi.yaml").read_text(), Loader=yaml.CSafeLoader)


def operations() -> dict[tuple[str, str], dict[str, Any]]:
    methods = {method.lower() for method in HTTPMethod}
    return {
        (method.upper(), path): operation
        for path, item in DOCUMENT["paths"].items()
        for method, operation in item.items()
        if method in methods
    }


def operation_id(handler: str) -> str:
    """Return a handler's operationId: `listWebhooks` for `list_webhooks`."""
    first, *others = handler.split("_")
    return first + "".join(map(str.title, others))


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    """Return a part of the document, with its references resolved."""
    while reference := node.get("$ref"):
        node = DOCUMENT
        for name in reference.removeprefix("#/").split("/"):
            node = node[name]
    return node


def check(instance: object, schema: Mapping[str, Any]) -> None:
    """Validate against a schema of the document, whose references are rooted in it."""
    validator(schema).validate(instance)


def validator(schema: Mapping[str, Any]) -> OAS31Validator:
    rooted = {**schema, "components": DOCUMENT["components"]}
    return OAS31Validator(rooted, format_checker=oas31_format_checker)
