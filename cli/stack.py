"""The stack that a command is for: the local one, or one on AWS by its name."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import boto3
import jwt
from botocore.exceptions import ClientError

from cli.failure import CliFailure, ExitCode
from local import aws
from local.outputs import read_outputs

_NEEDED: Final = frozenset({"ApiUrl", "QueueUrl", "DeadLetterQueueUrl", "SigningKeySecret", "SenderLogGroup"})


@dataclass(frozen=True, slots=True)
class Stack:
    """Where it is, and clients that reach it."""

    name: str
    outputs: Mapping[str, str]
    client: Callable[[str], Any]
    is_local: bool

    def mint(self, claims: Mapping[str, Any], seconds: int) -> str:
        """A token of these claims, signed with the key that is in use now and good for so long."""
        secret = self.client("secretsmanager").get_secret_value(SecretId=self.outputs["SigningKeySecret"])
        claims = {"exp": int(time.time()) + seconds, **claims}
        return jwt.encode(claims, secret["SecretString"], algorithm="HS256", headers={"kid": secret["VersionId"]})


def local_stack() -> Stack:
    """What `make up` has started. Raises LocalFailure when it has not."""
    outputs: Mapping[str, Any] = read_outputs()
    endpoint = outputs["EndpointUrl"]
    return Stack(outputs["StackName"], outputs, lambda service: aws.client(service, endpoint), is_local=True)


def deployed_stack(name: str, region: str | None, profile: str | None) -> Stack:
    """A stack on AWS, with the user's own configuration. Raises CliFailure where there is none of this name."""
    session: Any = boto3.Session(region_name=region, profile_name=profile)
    try:
        (described,) = session.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        raise CliFailure(f"There is no stack {name!r} in {session.region_name}", ExitCode.NOT_FOUND) from None
    outputs = {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}
    if missing := sorted(_NEEDED - outputs.keys()):
        raise CliFailure(f"The stack {name!r} has no output {missing[0]}: it is another's, or older than this hooklog")
    return Stack(name, outputs, session.client, is_local=False)
