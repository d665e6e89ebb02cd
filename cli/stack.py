"""The stack that a command works on: the local one, or one on AWS."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import jwt
from botocore.exceptions import ClientError

from cli.failure import CliFailure, ExitCode
from local import aws
from local.outputs import read_outputs

_NEEDED: Final = frozenset({"ApiUrl", "QueueUrl", "DeadLetterQueueUrl", "SigningKeySecret", "SenderLogGroup"})


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack's outputs, and AWS clients for it."""

    name: str
    outputs: Mapping[str, str]
    client: Callable[[str], Any]
    is_local: bool

    def mint_token(self, claims: Mapping[str, Any], seconds: int) -> str:
        """Return a token with these claims, signed with the current key.

        It expires in `seconds`.
        """
        secret = self.client("secretsmanager").get_secret_value(SecretId=self.outputs["SigningKeySecret"])
        claims = {"exp": int(time.time()) + seconds, **claims}
        return jwt.encode(claims, secret["SecretString"], algorithm="HS256", headers={"kid": secret["VersionId"]})


def find_local_stack() -> Stack:
    """Return the stack that `make up` started. Raises LocalFailure if there is none."""
    outputs: Mapping[str, Any] = read_outputs()
    endpoint = outputs["EndpointUrl"]
    return Stack(outputs["StackName"], outputs, lambda service: aws.client(service, endpoint), is_local=True)


def find_deployed_stack(name: str, region: str | None, profile: str | None) -> Stack:
    """Return a stack on AWS, using the user's configuration.

    Raises CliFailure if there is no such Hooklog stack.
    """
    import boto3  # late: the local stack does without

    session: Any = boto3.Session(region_name=region, profile_name=profile)
    try:
        (described,) = session.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        raise CliFailure(
            f"There is no stack {name!r} in {session.region_name}. Check --stack and --region.", ExitCode.NOT_FOUND
        ) from None
    outputs = {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}
    if missing := sorted(_NEEDED - outputs.keys()):
        raise CliFailure(
            f"The stack {name!r} has no output {missing[0]}. It is not a Hooklog stack, or older than this hooklog."
        )
    return Stack(name, outputs, session.client, is_local=False)
