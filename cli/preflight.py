"""Checks that run before `make deploy` changes anything.

Usage: python -m cli.preflight --config-env ENV [--no-bytecode]

Exits with 1, and prints the commands that help, if the deployment would fail or be needlessly slow. A check that the
user's credentials do not allow is skipped with a note.
"""

import argparse
import difflib
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import boto3
import yaml
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoRegionError, ProfileNotFound

from cli.concurrency import (
    OTHERS,
    UNRESERVED,
    Account,
    Demand,
    Shortfall,
    count_reserved,
    find_shortfall,
    quota_command,
)
from cli.credentials import NO_CREDENTIALS, is_denied, is_not_signed_in

_CONFIG: Final = Path("samconfig.toml")
_TEMPLATE: Final = Path("template.yaml")
_AWS: Final = Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3})
_OVERRIDE: Final = re.compile(r'(?:ParameterKey=)?(\w+)(?:=|,ParameterValue=)("(?:\\.|[^"\\])*"|\S*)')
_VERSION: Final = "import compileall, sys; print(*sys.version_info[:2])"


class Refusal(NamedTuple):
    """Why nothing is deployed, and the commands that help."""

    reason: str
    commands: tuple[str, ...]


class Deployment(NamedTuple):
    """A section of samconfig.toml, as `sam deploy` reads it."""

    section: str
    stack: str
    region: str | None
    profile: str | None
    overrides: Mapping[str, str]

    @classmethod
    def read(cls, section: str) -> "Deployment | Refusal":
        config = tomllib.loads(_CONFIG.read_text())
        if section not in config or "deploy" not in config[section]:
            sections = " ".join(name for name, each in config.items() if isinstance(each, dict) and "deploy" in each)
            reason = f"samconfig.toml has no section [{section}.deploy.parameters]."
            return Refusal(reason, (f"make deploy CONFIG_ENV=…   # one of: {sections}",))
        found = {**_read_parameters(config[section], "global"), **_read_parameters(config[section], "deploy")}
        overrides = _parse_overrides(found.get("parameter_overrides", ""))
        return cls(section, found["stack_name"], found.get("region"), found.get("profile"), overrides)


def _read_parameters(section: Mapping[str, Any], command: str) -> Mapping[str, Any]:
    parameters: Mapping[str, Any] = section.get(command, {}).get("parameters", {})
    return parameters


def _parse_overrides(value: Any) -> dict[str, str]:
    """Parse parameter overrides in any form that the SAM CLI accepts.

    References to other files are not supported.
    """
    if isinstance(value, str):
        return {name: text.strip('"') for name, text in _OVERRIDE.findall(value)}
    if isinstance(value, Mapping):
        return {str(name): str(text) for name, text in value.items()}
    return {name: text for part in value for name, text in _parse_overrides(part).items()}


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m cli.preflight", description="Check whether make deploy can succeed."
    )
    parser.add_argument("--config-env", default="default", help="a section of samconfig.toml")
    parser.add_argument("--no-bytecode", action="store_true", help="deploy the layer without bytecode")
    arguments = parser.parse_args(words)
    refusals = list(_run_checks(arguments.config_env, no_bytecode=arguments.no_bytecode))
    for refusal in refusals:
        _print_lines(refusal.reason, *(f"    {command}" for command in refusal.commands), "")
    if refusals:
        _print_lines("Nothing was built or deployed.")
    return 1 if refusals else 0


def _run_checks(section: str, *, no_bytecode: bool) -> Iterator[Refusal]:
    if not no_bytecode:
        yield from _check_python(os.environ.get("LAYER_PYTHON", "python3.13"))
    deployment = Deployment.read(section)
    if isinstance(deployment, Refusal):
        yield deployment
        return
    yield from _check_names(deployment)
    try:
        session: Any = boto3.Session(region_name=deployment.region, profile_name=deployment.profile)
        if not session.region_name:  # botocore accepts an empty name
            raise NoRegionError
        session.client("sts", config=_AWS).get_caller_identity()
        yield from _check_concurrency(session, deployment)
    except (BotoCoreError, ClientError) as error:
        yield _refuse_aws_error(error, deployment)


def _check_python(python: str) -> Iterator[Refusal]:
    """Run it: a version manager's shim may exist and only print an error."""
    if _read_version(python) != "3 13":
        yield Refusal(
            "No working Python 3.13 was found to compile the layer. Without bytecode, each cold start takes more than "
            "twice the CPU.",
            (
                ".venv/bin/uv python install 3.13",
                "make deploy LAYER_PYTHON=/path/to/python3.13   # if make does not find yours",
                "make deploy NO_BYTECODE=1                      # without bytecode",
            ),
        )


def _read_version(python: str) -> str:
    try:
        result = subprocess.run(  # noqa: S603 - the user's own Python
            [python, "-c", _VERSION], capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return result.stdout.strip() if result.returncode == 0 else ""


def _check_names(deployment: Deployment) -> Iterator[Refusal]:
    """Check that the template has each parameter.

    `sam deploy` would ignore a misspelled one, and use its default.
    """
    known = _read_template_parameters().keys()
    for name in deployment.overrides.keys() - known:
        similar = difflib.get_close_matches(name, known, 1)
        hint = f" Did you mean {similar[0]}?" if similar else " docs/parameters.md lists all."
        yield Refusal(f"samconfig.toml, [{deployment.section}.deploy.parameters]: no parameter {name}.{hint}", ())


def _check_concurrency(session: Any, deployment: Deployment) -> Iterator[Refusal]:
    deployed = _read_deployed_parameters(session, deployment.stack)
    try:
        demand = Demand.from_parameters({**_read_defaults(), **deployed, **deployment.overrides})
    except ValueError as error:
        yield Refusal(f"samconfig.toml, [{deployment.section}.deploy.parameters]: {error}.", ())
        return
    try:
        account = Account.read(session.client("lambda", config=_AWS))
    except ClientError as error:
        if not is_denied(error):
            raise
        _print_lines("Skipped the concurrency check: your credentials do not allow lambda:GetAccountSettings.")
        return
    own = count_reserved(deployed)
    if shortfall := find_shortfall(account, demand, own):
        yield _refuse_concurrency(account, demand, own, shortfall, deployment, session.region_name)


def _read_deployed_parameters(session: Any, stack: str) -> dict[str, str]:
    """Return the stack's current parameters, which `sam deploy` keeps.

    Returns none if the stack does not exist or may not be read.
    """
    try:
        (found,) = session.client("cloudformation", config=_AWS).describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError" or is_denied(error):
            return {}
        raise
    return {each["ParameterKey"]: each["ParameterValue"] for each in found.get("Parameters", [])}


def _read_template_parameters() -> dict[str, dict[str, Any]]:
    section = re.search(r"^Parameters:\n(?:(?: .*)?\n)*", _TEMPLATE.read_text(), re.MULTILINE)
    parameters: dict[str, dict[str, Any]] = yaml.safe_load(section[0])["Parameters"] if section else {}
    return parameters


def _read_defaults() -> dict[str, str]:
    return {name: str(each["Default"]) for name, each in _read_template_parameters().items() if "Default" in each}


def _refuse_concurrency(
    account: Account, demand: Demand, own: int, shortfall: Shortfall, deployment: Deployment, region: str
) -> Refusal:
    free = account.unreserved + own
    each = " for each of the sender's two queues" if demand.queues > 1 else ""
    reason = (
        f"The account's concurrency quota in {region} is too small for this stack. The quota is {account.quota}, and "
        f"other functions leave {free}. The stack needs SenderConcurrency={demand.sender}{each}, {demand.reserved} "
        f"reserved for the API and {OTHERS} for its other functions. Lambda also refuses reservations that leave fewer "
        f"than {UNRESERVED} unreserved. Ask AWS for a larger quota:"
    )
    commands = [quota_command(shortfall.quota, region)]
    if shortfall.overrides is not None:
        kept = {name: value for name, value in deployment.overrides.items() if name not in shortfall.overrides}
        settings = " ".join(f"{name}={_quote(str(value))}" for name, value in {**kept, **shortfall.overrides}.items())
        commands += [
            f"# until then, in samconfig.toml, [{deployment.section}.deploy.parameters]:",
            f"parameter_overrides = '{settings}'",
        ]
    return Refusal(reason, tuple(commands))


def _quote(value: str) -> str:
    return value if re.fullmatch(r"[\w.:/-]+", value) else f'"{value}"'


def _refuse_aws_error(error: BotoCoreError | ClientError, deployment: Deployment) -> Refusal:
    profile = f" --profile {deployment.profile}" if deployment.profile else ""
    match error:
        case NoRegionError():
            return Refusal("No AWS region is configured.", (f"aws configure set region eu-central-1{profile}",))
        case ProfileNotFound():
            return Refusal(f"{error}.", ("aws configure list-profiles", f"aws configure sso{profile}"))
        case _ if isinstance(error, NO_CREDENTIALS) or is_not_signed_in(error):
            commands = (f"aws sso login{profile}", f"aws configure{profile}   # the first time")
            return Refusal(f"AWS does not accept your credentials: {error}", commands)
        case _:
            return Refusal(f"AWS could not check your account: {error}", (f"aws sts get-caller-identity{profile}",))


def _print_lines(*lines: str) -> None:
    sys.stderr.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
