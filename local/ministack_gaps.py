"""Settings of a deployed template that MiniStack 1.5 ignores.

Applies them, so that the local AWS behaves as AWS does. Reads every value from the deployed stack, so that
template.yaml stays the only source.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from local import aws, places


def close_gaps() -> None:
    template = aws.cloudformation().get_template(StackName=places.STACK_NAME, TemplateStage="Processed")
    resources: Mapping[str, Any] = template["TemplateBody"]["Resources"]
    _poll_the_queues()
    for table, properties in _find_by_type(resources, "AWS::DynamoDB::Table"):
        _expire_items(table, properties)
    for topic, _ in _find_by_type(resources, "AWS::SNS::Topic"):
        _restrict_publishing(topic)
    for api, properties in _find_by_type(resources, "AWS::ApiGateway::RestApi"):
        _complete_api(api, _resolve(properties["Body"], _read_parameters()))


def _poll_the_queues() -> None:
    """MiniStack takes a number from a parameter as a string, and then polls no queue."""
    lambdas = aws.lambdas()
    for source in lambdas.list_event_source_mappings()["EventSourceMappings"]:
        scaling = source.get("ScalingConfig", {})
        lambdas.update_event_source_mapping(
            UUID=source["UUID"],
            BatchSize=int(source["BatchSize"]),
            ScalingConfig={"MaximumConcurrency": int(maximum)}
            if (maximum := scaling.get("MaximumConcurrency"))
            else {},
        )


def _expire_items(table: str, properties: Mapping[str, Any]) -> None:
    """MiniStack ignores TimeToLiveSpecification."""
    if wanted := properties.get("TimeToLiveSpecification"):
        specification = {"AttributeName": wanted["AttributeName"], "Enabled": True}
        aws.client("dynamodb").update_time_to_live(TableName=table, TimeToLiveSpecification=specification)


def _restrict_publishing(topic: str) -> None:
    """Restrict publishing to a topic to the roles whose own policy allows it.

    MiniStack's default policy of a topic lets every role publish.
    """
    sns = aws.client("sns")
    attributes = sns.get_topic_attributes(TopicArn=topic)["Attributes"]
    policy = json.loads(attributes["Policy"])
    policy["Statement"][0]["Condition"] = {"StringEquals": {"AWS:SourceOwner": attributes["Owner"]}}
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=json.dumps(policy))


def _complete_api(api_id: str, body: Mapping[str, Any]) -> None:
    """Add gateway responses, which MiniStack ignores in an OpenAPI body."""
    gateway = aws.client("apigateway")
    for response_type, response in body.get("x-amazon-apigateway-gateway-responses", {}).items():
        gateway.put_gateway_response(restApiId=api_id, responseType=response_type, **_stringify_status(response))
    for stage in gateway.get_stages(restApiId=api_id)["item"]:
        gateway.create_deployment(restApiId=api_id, stageName=stage["stageName"])


def _stringify_status(response: Mapping[str, Any]) -> dict[str, Any]:
    """Convert a response of the OpenAPI body for API Gateway's API.

    Its status codes are strings.
    """
    return {name: str(value) if name == "statusCode" else value for name, value in response.items()}


def _find_by_type(resources: Mapping[str, Any], resource_type: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the physical ID and the properties of each resource of a type."""
    for item in aws.cloudformation().describe_stack_resources(StackName=places.STACK_NAME)["StackResources"]:
        if item["ResourceType"] == resource_type:
            yield item["PhysicalResourceId"], resources[item["LogicalResourceId"]]["Properties"]


def _read_parameters() -> dict[str, str]:
    stack = aws.cloudformation().describe_stacks(StackName=places.STACK_NAME)["Stacks"][0]
    return {parameter["ParameterKey"]: parameter["ParameterValue"] for parameter in stack["Parameters"]}


def _resolve(value: Any, parameters: Mapping[str, str]) -> Any:
    """Replace each Fn::Sub in `value` by its result for these parameters."""
    if isinstance(value, dict):
        if isinstance(text := value.get("Fn::Sub"), str):
            return re.sub(r"\$\{(\w+)}", lambda match: parameters.get(match[1], match[0]), text)
        return {name: _resolve(inner, parameters) for name, inner in value.items()}
    return [_resolve(inner, parameters) for inner in value] if isinstance(value, list) else value
