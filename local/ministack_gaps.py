"""Puts back what MiniStack 1.5 leaves out of a deployed template, so that the local AWS answers as AWS does.

Everything is read from the deployed stack: what template.yaml says stays the only truth.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from local import aws, places


def close_gaps() -> None:
    template = aws.cloudformation().get_template(StackName=places.STACK_NAME, TemplateStage="Processed")
    resources: Mapping[str, Any] = template["TemplateBody"]["Resources"]
    _poll_the_queues()
    for table, properties in _of_type(resources, "AWS::DynamoDB::Table"):
        _expire_items(table, properties)
    for api, properties in _of_type(resources, "AWS::ApiGateway::RestApi"):
        _complete_api(api, _resolved(properties["Body"], _parameters()))


def _poll_the_queues() -> None:
    """A number that comes from a template's parameter is taken for a string, and then no queue is polled."""
    lambdas = aws.lambdas()
    for source in lambdas.list_event_source_mappings()["EventSourceMappings"]:
        scaling = source.get("ScalingConfig", {})
        lambdas.update_event_source_mapping(
            UUID=source["UUID"],
            BatchSize=int(source["BatchSize"]),
            ScalingConfig={"MaximumConcurrency": int(most)} if (most := scaling.get("MaximumConcurrency")) else {},
        )


def _expire_items(table: str, properties: Mapping[str, Any]) -> None:
    """TimeToLiveSpecification is left out."""
    if wanted := properties.get("TimeToLiveSpecification"):
        specification = {"AttributeName": wanted["AttributeName"], "Enabled": True}
        aws.client("dynamodb").update_time_to_live(TableName=table, TimeToLiveSpecification=specification)


def _complete_api(api_id: str, body: Mapping[str, Any]) -> None:
    """Gateway responses and what a mock integration answers are left out of an OpenAPI body."""
    gateway = aws.client("apigateway")
    for response_type, response in body.get("x-amazon-apigateway-gateway-responses", {}).items():
        gateway.put_gateway_response(restApiId=api_id, responseType=response_type, **_texts(response))
    resource_ids = {item["path"]: item["id"] for item in gateway.get_resources(restApiId=api_id, limit=500)["items"]}
    for path, response in _preflight_responses(body):
        gateway.put_integration_response(
            restApiId=api_id, resourceId=resource_ids[path], httpMethod="OPTIONS", **_texts(response)
        )
    for stage in gateway.get_stages(restApiId=api_id)["item"]:
        gateway.create_deployment(restApiId=api_id, stageName=stage["stageName"])


def _preflight_responses(body: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for path, methods in body["paths"].items():
        if "options" in methods:
            yield path, methods["options"]["x-amazon-apigateway-integration"]["responses"]["default"]


def _texts(response: Mapping[str, Any]) -> dict[str, Any]:
    """A response of the OpenAPI body as API Gateway's own API takes it: a status code is a string there."""
    return {name: str(value) if name == "statusCode" else value for name, value in response.items()}


def _of_type(resources: Mapping[str, Any], resource_type: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The physical id and the properties of each resource of this type."""
    for item in aws.cloudformation().describe_stack_resources(StackName=places.STACK_NAME)["StackResources"]:
        if item["ResourceType"] == resource_type:
            yield item["PhysicalResourceId"], resources[item["LogicalResourceId"]]["Properties"]


def _parameters() -> dict[str, str]:
    stack = aws.cloudformation().describe_stacks(StackName=places.STACK_NAME)["Stacks"][0]
    return {parameter["ParameterKey"]: parameter["ParameterValue"] for parameter in stack["Parameters"]}


def _resolved(value: Any, parameters: Mapping[str, str]) -> Any:
    """`value` with each Fn::Sub of parameters carried out."""
    if isinstance(value, dict):
        if isinstance(text := value.get("Fn::Sub"), str):
            return re.sub(r"\$\{(\w+)}", lambda match: parameters.get(match[1], match[0]), text)
        return {name: _resolved(inner, parameters) for name, inner in value.items()}
    return [_resolved(inner, parameters) for inner in value] if isinstance(value, list) else value
