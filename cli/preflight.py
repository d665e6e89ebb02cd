"""What `make deploy` asks before it changes anything: python -m cli.preflight --config-env ENV [--no-bytecode]

Exits with 1, and with the commands that help, where the deployment would fail, or would deploy what nobody wants. What
the user's credentials may not ask is said and refuses nothing.
"""

import argparse
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

from cli.concurrency import OTHERS, UNRESERVED, Account, Demand, Shortfall, raise_command, reserved, shortfall
from cli.credentials import NO_CREDENTIALS, is_denied, is_not_signed_in

_CONFIG: Final = Path("samconfig.toml")
_TEMPLATE: Final = Path("template.yaml")
_AWS: Final = Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3})
_OVERRIDE: Final = re.compile(r'(?:ParameterKey=)?(\w+)(?:=|,ParameterValue=)("(?:\\.|[^"\\])*"|\S*)')
_VERSION: Final = "import compileall, sys; print(*sys.version_info[:2])"


class Refusal(NamedTuple):
    """Why nothing is deployed, and what helps."""

    why: str
    help: tuple[str, ...]


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
            why = f"samconfig.toml has no section [{section}.deploy.parameters]."
            return Refusal(why, (f"make deploy CONFIG_ENV=…   # one of: {sections}",))
        found = {**_parameters(config[section], "global"), **_parameters(config[section], "deploy")}
        overrides = _overrides(found.get("parameter_overrides", ""))
        return cls(section, found["stack_name"], found.get("region"), found.get("profile"), overrides)


def _parameters(section: Mapping[str, Any], command: str) -> Mapping[str, Any]:
    parameters: Mapping[str, Any] = section.get(command, {}).get("parameters", {})
    return parameters


def _overrides(value: Any) -> dict[str, str]:
    """Parameters in any of the forms that the SAM CLI takes, but for those in other files."""
    if isinstance(value, str):
        return {name: text.strip('"') for name, text in _OVERRIDE.findall(value)}
    if isinstance(value, Mapping):
        return {str(name): str(text) for name, text in value.items()}
    return {name: text for part in value for name, text in _overrides(part).items()}


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m cli.preflight", description="Checks before make deploy.")
    parser.add_argument("--config-env", default="default", help="a section of samconfig.toml")
    parser.add_argument("--no-bytecode", action="store_true", help="deploy without a Python 3.13 to compile with")
    arguments = parser.parse_args(words)
    found = list(_refusals(arguments.config_env, no_bytecode=arguments.no_bytecode))
    for refusal in found:
        _say(refusal.why, *(f"    {line}" for line in refusal.help), "")
    if found:
        _say("Nothing was built or deployed.")
    return 1 if found else 0


def _refusals(section: str, *, no_bytecode: bool) -> Iterator[Refusal]:
    if not no_bytecode:
        yield from _bytecode(os.environ.get("LAYER_PYTHON", "python3.13"))
    deployment = Deployment.read(section)
    if isinstance(deployment, Refusal):
        yield deployment
        return
    try:
        session: Any = boto3.Session(region_name=deployment.region, profile_name=deployment.profile)
        if not session.region_name:  # botocore would take an empty one for a name
            raise NoRegionError
        session.client("sts", config=_AWS).get_caller_identity()
        yield from _concurrency(session, deployment)
    except (BotoCoreError, ClientError) as error:
        yield _unreachable(error, deployment)


def _bytecode(python: str) -> Iterator[Refusal]:
    """A version manager's shim may be there and only print an error: what counts is what it answers."""
    if _version(python) != "3 13":
        yield Refusal(
            "There is no working Python 3.13 to compile the layer with. Without its bytecode, each cold start takes "
            "more than twice the CPU.",
            (
                ".venv/bin/uv python install 3.13",
                "make deploy LAYER_PYTHON=/path/to/python3.13   # one that make does not find",
                "make deploy NO_BYTECODE=1                      # without bytecode",
            ),
        )


def _version(python: str) -> str:
    try:
        asked = subprocess.run(  # noqa: S603 - the user's own Python
            [python, "-c", _VERSION], capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return asked.stdout.strip() if asked.returncode == 0 else ""


def _concurrency(session: Any, deployment: Deployment) -> Iterator[Refusal]:
    deployed = _deployed(session, deployment.stack)
    try:
        demand = Demand.of({**_defaults(), **deployed, **deployment.overrides})
    except ValueError as error:
        yield Refusal(f"A concurrency in [{deployment.section}.deploy.parameters] is wrong: {error}.", ())
        return
    try:
        account = Account.of(session.client("lambda", config=_AWS))
    except ClientError as error:
        if not is_denied(error):
            raise
        _say("Not checked: the account's concurrency. Your credentials do not allow lambda:GetAccountSettings.")
        return
    own = reserved(deployed)
    if lacking := shortfall(account, demand, own):
        yield _too_much(account, demand, own, lacking, deployment, session.region_name)


def _deployed(session: Any, stack: str) -> dict[str, str]:
    """The parameters of the stack as it is, which `sam deploy` keeps; none where there is none, or none to be seen."""
    try:
        (found,) = session.client("cloudformation", config=_AWS).describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError" or is_denied(error):
            return {}
        raise
    return {each["ParameterKey"]: each["ParameterValue"] for each in found.get("Parameters", [])}


def _defaults() -> dict[str, str]:
    section = re.search(r"^Parameters:\n(?:(?: .*)?\n)*", _TEMPLATE.read_text(), re.MULTILINE)
    parameters = yaml.safe_load(section[0])["Parameters"] if section else {}
    return {name: str(each["Default"]) for name, each in parameters.items() if "Default" in each}


def _too_much(
    account: Account, demand: Demand, own: int, lacking: Shortfall, deployment: Deployment, region: str
) -> Refusal:
    free = account.unreserved + own
    why = (
        f"The account's concurrency in {region} is too small for this stack. Its quota is {account.quota}, of which "
        f"other functions leave {free}. The stack asks for SenderConcurrency={demand.sender} and reserves "
        f"{demand.reserved} more; its other functions need {OTHERS}, and Lambda refuses reservations that leave less "
        f"than {UNRESERVED}. Ask AWS for more:"
    )
    commands = [raise_command(lacking.quota, region)]
    if lacking.overrides is not None:
        kept = {name: value for name, value in deployment.overrides.items() if name not in lacking.overrides}
        settings = " ".join(f"{name}={_quoted(str(value))}" for name, value in {**kept, **lacking.overrides}.items())
        commands += [
            f"# until then, in samconfig.toml, [{deployment.section}.deploy.parameters]:",
            f"parameter_overrides = '{settings}'",
        ]
    return Refusal(why, tuple(commands))


def _quoted(value: str) -> str:
    return value if re.fullmatch(r"[\w.:/-]+", value) else f'"{value}"'


def _unreachable(error: BotoCoreError | ClientError, deployment: Deployment) -> Refusal:
    profile = f" --profile {deployment.profile}" if deployment.profile else ""
    match error:
        case NoRegionError():
            return Refusal("There is no AWS region to deploy to.", (f"aws configure set region eu-central-1{profile}",))
        case ProfileNotFound():
            return Refusal(f"{error}.", ("aws configure list-profiles", f"aws configure sso{profile}"))
        case _ if isinstance(error, NO_CREDENTIALS) or is_not_signed_in(error):
            help_ = (f"aws sso login{profile}", f"aws configure{profile}   # the first time")
            return Refusal(f"There are no AWS credentials that work: {error}", help_)
        case _:
            return Refusal(f"AWS did not answer as it should: {error}", (f"aws sts get-caller-identity{profile}",))


def _say(*lines: str) -> None:
    sys.stderr.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
