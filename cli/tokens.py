"""The command token."""

import argparse
from datetime import UTC, datetime

from cli.failure import CliFailure, ExitCode
from cli.output import Output
from cli.stack import Stack
from cli.times import format_time
from hooklog.access.grants import Grant
from hooklog.errors import Unauthorized


def token(stack: Stack, arguments: argparse.Namespace, output: Output) -> None:
    """Print a token for these webhooks, topics and scopes.

    It is signed with the stack's key.
    """
    claims = {"webhooks": arguments.webhooks, "scope": " ".join(arguments.scope)}
    if arguments.topics:
        claims["topics"] = arguments.topics
    try:
        Grant.from_claims(claims)
    except Unauthorized as error:
        raise CliFailure(str(error), ExitCode.USAGE) from None
    seconds = int(arguments.expires.total_seconds())
    minted = stack.mint_token(claims, seconds)
    output.print_result(
        minted, {"token": minted, "expires_at": format_time(datetime.now(UTC) + arguments.expires), **claims}
    )
