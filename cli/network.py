"""The check of `hooklog doctor` on the subnets that webhooks are sent from."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from cli.findings import CheckedStack, Finding, Status
from hooklog.delivery.networks import is_allowed_address

_ANYWHERE: Final = "0.0.0.0/0"
_DOCUMENT: Final = "docs/network.md"


def check_network(stack: CheckedStack) -> Finding:
    """Find the public addresses that webhooks come from, and what makes them fail or change."""
    if not (ids := [each for each in stack.parameters.get("SubnetIds", "").split(",") if each]):
        return Finding(Status.OK, "Webhooks come from addresses of AWS, which change: SubnetIds is empty.")
    ec2 = stack.client("ec2")
    subnets = ec2.describe_subnets(SubnetIds=ids)["Subnets"]
    gateways = _find_gateways(ec2, subnets)
    if without := [subnet for subnet in ids if subnet not in gateways]:
        found = f"No route to a NAT gateway: {', '.join(without)}. Webhooks from there are not sent."
        return Finding(Status.FAILED, found, f"Route {_ANYWHERE} to a NAT gateway: {_DOCUMENT}#create-a-network")
    found = f"Webhooks come from {', '.join(_read_addresses(ec2, sorted(set(gateways.values()))))}."
    if public := [network for network in _read_networks(ec2, subnets) if is_allowed_address(network.split("/")[0], ())]:
        advice = f"Webhooks can reach hosts there. Use a VPC with private addresses only: {_DOCUMENT}#security"
        return Finding(Status.WARNING, f"{found} The VPC has public addresses: {', '.join(public)}.", advice)
    return _judge_zones(subnets, found)


def _judge_zones(subnets: Sequence[Mapping[str, Any]], found: str) -> Finding:
    zones = sorted({each["AvailabilityZone"] for each in subnets})
    if len(zones) == 1:
        advice = f"Add a subnet in another zone, with its own NAT gateway: {_DOCUMENT}#create-a-network"
        return Finding(Status.WARNING, f"{found} All from one availability zone, {zones[0]}.", advice)
    return Finding(Status.OK, f"{found} Availability zones: {', '.join(zones)}.")


def _find_gateways(ec2: Any, subnets: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Map each subnet that has one to the NAT gateway of its default route."""
    vpcs = sorted({each["VpcId"] for each in subnets})
    pages = ec2.get_paginator("describe_route_tables").paginate(Filters=[{"Name": "vpc-id", "Values": vpcs}])
    tables = [table for page in pages for table in page["RouteTables"]]
    found = {each["SubnetId"]: _find_gateway(_find_table(tables, each)) for each in subnets}
    return {subnet: gateway for subnet, gateway in found.items() if gateway}


def _find_table(tables: Sequence[Mapping[str, Any]], subnet: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the table that is associated with a subnet, or else its network's main table."""
    own = [each for each in tables if any(a.get("SubnetId") == subnet["SubnetId"] for a in each["Associations"])]
    main = [
        each for each in tables if each["VpcId"] == subnet["VpcId"] and any(a.get("Main") for a in each["Associations"])
    ]
    return next(iter([*own, *main]), {})


def _find_gateway(table: Mapping[str, Any]) -> str:
    routes = (each for each in table.get("Routes", []) if each.get("DestinationCidrBlock") == _ANYWHERE)
    return next((each["NatGatewayId"] for each in routes if each.get("NatGatewayId")), "")


def _read_networks(ec2: Any, subnets: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for vpc in ec2.describe_vpcs(VpcIds=sorted({each["VpcId"] for each in subnets}))["Vpcs"]:
        yield from (each["CidrBlock"] for each in vpc["CidrBlockAssociationSet"])


def _read_addresses(ec2: Any, gateways: Sequence[str]) -> Iterator[str]:
    for gateway in ec2.describe_nat_gateways(NatGatewayIds=gateways)["NatGateways"]:
        yield from (each["PublicIp"] for each in gateway["NatGatewayAddresses"] if each.get("PublicIp"))
