"""The outputs of the local stack, in .local/outputs.json."""

import json
import time
from typing import Final, TypedDict, cast
from urllib.parse import urlsplit

import jwt

from hooklog.access.grants import Scope
from local import aws, deployment, places
from local.failure import LocalFailure

_TOKEN_SECONDS: Final = 30 * 24 * 3600
_SCOPE: Final = " ".join(Scope)
DEMO_WEBHOOK: Final = "demo.orders"


class Outputs(TypedDict):
    """The keys of .local/outputs.json."""

    StackName: str
    Region: str
    EndpointUrl: str
    QueueUrl: str
    OrderedQueueUrl: str
    DeadLetterQueueUrl: str
    OrderedDeadLetterQueueUrl: str
    UnloggedQueueUrl: str
    UnloggedDeadLetterQueueUrl: str
    RecoveryQueueUrl: str
    RecoveryDeadLetterQueueUrl: str
    ApiUrl: str
    HistoryPageUrl: str
    Token: str
    SigningKey: str
    SigningKeySecret: str
    SenderLogGroup: str
    ExecutionsTable: str
    ExecutionDetailsTable: str


def write_outputs() -> Outputs:
    """Write the stack's outputs and a token to .local/outputs.json.

    The token has all scopes.
    """
    stack = deployment.read_stack_outputs()
    secret = aws.secrets_manager().get_secret_value(SecretId=stack["SigningKeySecret"])["SecretString"]
    token = mint_token(secret)
    outputs = Outputs(
        StackName=places.STACK_NAME,
        Region=places.REGION,
        EndpointUrl=places.endpoint(),
        QueueUrl=stack["QueueUrl"],
        OrderedQueueUrl=stack["OrderedQueueUrl"],
        DeadLetterQueueUrl=stack["DeadLetterQueueUrl"],
        OrderedDeadLetterQueueUrl=stack["OrderedDeadLetterQueueUrl"],
        UnloggedQueueUrl=stack["UnloggedQueueUrl"],
        UnloggedDeadLetterQueueUrl=stack["UnloggedDeadLetterQueueUrl"],
        RecoveryQueueUrl=stack["RecoveryQueueUrl"],
        RecoveryDeadLetterQueueUrl=stack["RecoveryDeadLetterQueueUrl"],
        ApiUrl=_local_url(stack, "ApiUrl"),
        HistoryPageUrl=f"{_local_url(stack, 'HistoryPageUrl')}#token={token}&webhook={DEMO_WEBHOOK}",
        Token=token,
        SigningKey=secret,
        SigningKeySecret=stack["SigningKeySecret"],
        SenderLogGroup=stack["SenderLogGroup"],
        ExecutionsTable=stack["ExecutionsTable"],
        ExecutionDetailsTable=stack["ExecutionDetailsTable"],
    )
    places.OUTPUTS.write_text(json.dumps(outputs, indent=2) + "\n")
    return outputs


def read_outputs() -> Outputs:
    """Raises LocalFailure if the local stack is not running."""
    if not places.OUTPUTS.exists():
        raise LocalFailure("The local stack is not running. Run make up.")
    return cast("Outputs", json.loads(places.OUTPUTS.read_text()))


def mint_token(signing_key: str) -> str:
    """Return a token for all webhooks and scopes that expires in 30 days."""
    claims = {"exp": int(time.time()) + _TOKEN_SECONDS, "webhooks": "*", "scope": _SCOPE}
    return jwt.encode(claims, signing_key, algorithm="HS256")


def _local_url(stack: dict[str, str], output: str) -> str:
    """Return the local AWS's URL for an output that is a URL of API Gateway."""
    return f"{places.endpoint()}/_aws/execute-api/{stack['ApiId']}{urlsplit(stack[output]).path}"
