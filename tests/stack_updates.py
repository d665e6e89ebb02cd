"""A comparison of two transformed templates.

It finds what CloudFormation would refuse or delete in an update. Which properties make it replace a resource is in
CloudFormation's own schemas. The rules here hold what only its documentation, and DynamoDB's, say.
"""

from collections.abc import Iterator, Mapping
from typing import Any

Resources = Mapping[str, Mapping[str, Any]]
Schemas = Mapping[str, Mapping[str, list[str]]]

STATEFUL = frozenset(
    {
        "AWS::DynamoDB::Table",
        "AWS::KMS::Key",
        "AWS::SQS::Queue",
        "AWS::SNS::Topic",
        "AWS::S3::Bucket",
        "AWS::SecretsManager::Secret",
        "AWS::Scheduler::ScheduleGroup",
        "AWS::ApiGateway::RestApi",
        "AWS::ApiGateway::Stage",
    }
)
"""Resources that hold data or whose address is known outside the stack."""

NOT_REPLACEABLE = STATEFUL | {"AWS::Logs::LogGroup"}
"""Log groups may be deleted with their function, but not replaced."""


def problems(before: Resources, after: Resources, schemas: Schemas) -> list[str]:
    """Return each problem as a sentence that starts with the logical ID."""
    found = [*_lost(before, after)]
    for name in before.keys() & after.keys():
        if before[name]["Type"] == after[name]["Type"]:
            kind, old, new = after[name]["Type"], _properties(before[name]), _properties(after[name])
            found += (f"{name}: {problem}" for problem in _replaced(kind, old, new, schemas[kind]))
            if kind == "AWS::SecretsManager::Secret" and old.get("GenerateSecretString") != new.get(
                "GenerateSecretString"
            ):
                found.append(f"{name}: would get a new secret")
            if kind == "AWS::DynamoDB::Table":
                found += (f"{name}: {problem}" for problem in _refused_by_dynamodb(old, new))
    return sorted([*found, *_taken(before, after, schemas)])


def _properties(resource: Mapping[str, Any]) -> Mapping[str, Any]:
    properties: Mapping[str, Any] = resource.get("Properties", {})
    return properties


def _lost(before: Resources, after: Resources) -> Iterator[str]:
    for name, resource in before.items():
        if resource["Type"] in STATEFUL and after.get(name, {}).get("Type") != resource["Type"]:
            yield f"{name}: would be deleted"


def _replaced(
    kind: str, old: Mapping[str, Any], new: Mapping[str, Any], schema: Mapping[str, list[str]]
) -> Iterator[str]:
    """Yield a replacement that loses data or that CloudFormation refuses.

    It creates the new resource first, whose name must differ if the template sets one.
    """
    changed = sorted(name for name in schema["create_only"] if old.get(name) != new.get(name))
    if changed and kind in NOT_REPLACEABLE:
        yield f"would be replaced: {', '.join(changed)} changed"
    elif changed and (own := _own_name(old, schema)) and own == _own_name(new, schema):
        yield f"would be replaced: {', '.join(changed)} changed; refused because the name stays the same"


def _own_name(properties: Mapping[str, Any], schema: Mapping[str, list[str]]) -> tuple[str, ...]:
    """Return the resource's name; empty if CloudFormation generates it."""
    given = [properties[name] for name in schema["identifier"] if name in properties and name in schema["create_only"]]
    return tuple(map(str, given)) if len(given) == len(schema["identifier"]) else ()


def _taken(before: Resources, after: Resources, schemas: Schemas) -> Iterator[str]:
    """Yield the resources that an update would create too early.

    The resource with the same name, or the same place, still exists.
    """
    places = {place: name for name, resource in before.items() if (place := _place(resource, schemas))}
    for name, resource in after.items():
        other = places.get(_place(resource, schemas), name)
        if name not in before and other != name:
            yield f"{name}: would be created while {other} still has the same name"


def _place(resource: Mapping[str, Any], schemas: Schemas) -> tuple[str, ...]:
    kind, properties = resource["Type"], _properties(resource)
    if kind == "AWS::Lambda::EventSourceMapping":
        return kind, str(properties["FunctionName"]), str(properties["EventSourceArn"])
    name = _own_name(properties, schemas[kind])
    return (kind, *name) if name else ()


def _refused_by_dynamodb(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    yield from _refused_indexes(_indexes(old), _indexes(new))
    if old.get("LocalSecondaryIndexes") != new.get("LocalSecondaryIndexes"):
        yield "would be replaced: LocalSecondaryIndexes changed"
    if _differ(old, new, "BillingMode") and _differ(old, new, "TableClass"):
        yield "BillingMode and TableClass cannot be changed by one update"
    for name, attribute in (("TimeToLiveSpecification", "AttributeName"), ("StreamSpecification", "StreamViewType")):
        before, after = old.get(name, {}).get(attribute), new.get(name, {}).get(attribute)
        if before and after and before != after:
            yield f"{attribute} of {name} cannot be changed by one update"


def _refused_indexes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    changed = sorted(old.keys() ^ new.keys())
    if len(changed) > 1:
        yield f"an update can create or delete only one index, not {', '.join(changed)}"
    for name in sorted(old.keys() & new.keys()):
        for part in ("KeySchema", "Projection"):
            if _unordered(old[name][part]) != _unordered(new[name][part]):
                yield f"{part} of the index {name} cannot be changed"


def _indexes(properties: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    return {index["IndexName"]: index for index in properties.get("GlobalSecondaryIndexes", [])}


def _unordered(part: Any) -> Any:
    """Sort an INCLUDE list, whose order does not matter; that of keys does."""
    attributes = {"NonKeyAttributes": sorted(part["NonKeyAttributes"])} if "NonKeyAttributes" in part else {}
    return {**part, **attributes} if isinstance(part, dict) else part


def _differ(old: Mapping[str, Any], new: Mapping[str, Any], name: str) -> bool:
    defaults = {"BillingMode": "PROVISIONED", "TableClass": "STANDARD"}
    return bool(old.get(name, defaults[name]) != new.get(name, defaults[name]))


def refused_parameters(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return the parameters whose current values an update would refuse."""
    missing = [name for name, parameter in after.items() if name not in before and "Default" not in parameter]
    retyped = [name for name in before.keys() & after.keys() if before[name]["Type"] != after[name]["Type"]]
    return sorted(missing + retyped)
