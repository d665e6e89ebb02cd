"""The checks of `make deploy` before it changes anything, against a mock AWS."""

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3
import pytest
import yaml

from cli.preflight import main
from tests.moto_server import CREDENTIALS
from tests.proxy import JSON, AwsRequest, AwsResponse, Proxy
from tests.template import ROOT

SETTINGS = "/2016-08-19/account-settings"

parse_once = cache(yaml.safe_load)
"""Parses the same template once, which takes longer than all else of a check."""


class Account(Proxy):
    """Returns an account's concurrency or an error, because moto supports neither."""

    def has(self, quota: int, unreserved: int | None = None) -> None:
        self.limit = {"ConcurrentExecutions": quota, "UnreservedConcurrentExecutions": unreserved or quota}
        self.refused: dict[str, str] = {}

    def respond(self, asked: AwsRequest) -> AwsResponse:
        service = asked.headers["Authorization"].split("/")[3]
        if code := self.refused.get(service):
            return refusal(service, code)
        if asked.path.startswith(SETTINGS):
            return AwsResponse(200, json.dumps({"AccountLimit": self.limit}).encode(), JSON)
        return self.forward(asked)


def refusal(service: str, code: str) -> AwsResponse:
    if service == "lambda":
        return AwsResponse(403, json.dumps({"Message": "no"}).encode(), {**JSON, "x-amzn-errortype": code})
    error = f"<ErrorResponse><Error><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>"
    return AwsResponse(403, error.encode(), {"Content-Type": "text/xml"})


@pytest.fixture(scope="module")
def an_account(aws_endpoint: str) -> Iterator[Account]:
    with Account(aws_endpoint) as account:
        yield account


@pytest.fixture
def account(an_account: Account) -> Account:
    an_account.has(1000)
    return an_account


def toml(value: Any) -> str:
    return json.dumps(value).replace('": ', '" = ') if isinstance(value, dict) else json.dumps(value)


@dataclass
class Checkout:
    """A folder with a samconfig.toml, in which the checks run."""

    folder: Path
    account: Account
    capsys: pytest.CaptureFixture[str]
    environment: dict[str, str] = field(default_factory=dict)

    def configure(self, **parameters: Any) -> None:
        lines = [f"{name} = {toml(value)}" for name, value in {"stack_name": "hooklog-x", **parameters}.items()]
        section = "\n".join(["version = 0.1", "[prod.deploy.parameters]", *lines])
        (self.folder / "samconfig.toml").write_text(section)

    def check(self, *words: str, endpoint: str | None = None, **environment: str) -> tuple[int, str]:
        """Return the exit code and the messages."""
        with patch.dict(
            os.environ, {**self.environment, "AWS_ENDPOINT_URL": endpoint or self.account.url, **environment}
        ):
            code = main(["--config-env", "prod", *words])
        written = self.capsys.readouterr()
        assert written.out == ""
        return code, written.err


@pytest.fixture
def python(tmp_path: Path) -> str:
    """A stand-in for Python 3.13, for machines without one."""
    return script(tmp_path / "python3.13", "echo 3 13")


def script(path: Path, line: str) -> str:
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def checkout(
    tmp_path: Path,
    python: str,
    account: Account,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Checkout:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(yaml, "safe_load", parse_once)
    (tmp_path / "template.yaml").symlink_to(ROOT / "template.yaml")
    no_files = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    environment = {**CREDENTIALS, **no_files, "LAYER_PYTHON": python}
    checkout = Checkout(tmp_path, account, capsys, environment)
    checkout.configure()
    return checkout


@pytest.fixture
def deployed(aws_endpoint: str) -> Iterator[None]:
    """A deployed stack with parameters that differ from the defaults."""
    cloudformation: Any = boto3.client("cloudformation", region_name=CREDENTIALS["AWS_DEFAULT_REGION"])
    body = {
        "Parameters": {name: {"Type": "Number"} for name in ("SenderConcurrency", "TestConcurrency")},
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
    }
    values = {"SenderConcurrency": "400", "TestConcurrency": "20"}
    parameters = [{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()]
    cloudformation.create_stack(StackName="hooklog-x", TemplateBody=json.dumps(body), Parameters=parameters)
    yield
    cloudformation.delete_stack(StackName="hooklog-x")


@pytest.mark.parametrize(
    ("overrides", "name", "hint"),
    [
        ("Stage=production AllowedOrigns=https://a.example", "AllowedOrigns", "Did you mean AllowedOrigins?"),
        ({"frameAncestors": "self"}, "frameAncestors", "Did you mean FrameAncestors?"),
        (["Stage=production", "Zzz=1"], "Zzz", "docs/parameters.md lists all."),
    ],
)
def test_a_parameter_that_sam_would_ignore_is_refused(
    checkout: Checkout, overrides: object, name: str, hint: str
) -> None:
    checkout.configure(parameter_overrides=overrides)
    code, said = checkout.check()
    assert code == 1
    assert f"no parameter {name}. {hint}" in " ".join(said.split())


def test_both_names_of_the_allowed_origins_are_parameters(checkout: Checkout) -> None:
    origins = "https://a.example,https://b.example"
    checkout.configure(parameter_overrides=f'AllowedOrigin=https://a.example AllowedOrigins="{origins}"')
    assert checkout.check()[0] == 0


RAISE = "aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384"
NOTHING_RESERVED = "TestConcurrency=0 AuthorizerConcurrency=0"


@pytest.mark.parametrize(
    ("overrides", "quota", "unreserved", "asked", "advised"),
    [
        ("", 10, None, 1000, f"{NOTHING_RESERVED} SenderConcurrency=5"),
        ("Stage=production", 10, None, 1000, f"Stage=production {NOTHING_RESERVED} SenderConcurrency=5"),
        ("", 50, None, 1000, f"{NOTHING_RESERVED} SenderConcurrency=45"),
        ("", 159, None, 1000, NOTHING_RESERVED),
        ("", 164, None, 1000, "SenderConcurrency=99"),
        ("SenderConcurrency=900", 400, None, 1000, "SenderConcurrency=335"),
        ("SenderConcurrency=1000", 1000, None, 1100, "SenderConcurrency=935"),
        (NOTHING_RESERVED, 104, None, 1000, f"{NOTHING_RESERVED} SenderConcurrency=99"),
        ("TestConcurrency=900", 1000, None, 1100, NOTHING_RESERVED),
        ("", 1000, 120, 1100, NOTHING_RESERVED),
        ("", 2000, 104, 2100, f"{NOTHING_RESERVED} SenderConcurrency=99"),
        ("", 1000, 6, 1200, None),
    ],
)
def test_an_account_without_enough_concurrency_is_refused(
    checkout: Checkout, overrides: str, quota: int, unreserved: int | None, asked: int, advised: str | None
) -> None:
    checkout.configure(parameter_overrides=overrides)
    checkout.account.has(quota, unreserved)
    code, printed = checkout.check()
    assert code == 1
    assert f"{RAISE} --desired-value {asked} --region eu-west-1\n" in printed
    assert printed.endswith("Nothing was built or deployed.\n")
    if advised is None:
        assert "parameter_overrides" not in printed
        return
    assert f"    parameter_overrides = '{advised}'\n" in printed
    checkout.configure(parameter_overrides=advised)  # following the advice helps
    assert checkout.check() == (0, "")


@pytest.mark.parametrize(
    ("overrides", "quota", "unreserved"),
    [
        ("", 1000, None),
        ("", 400, None),
        ("", 165, None),
        (NOTHING_RESERVED, 105, None),
        (f"{NOTHING_RESERVED} SenderConcurrency=5", 10, None),
        ("SenderConcurrency=935", 1000, None),
        ("", 1000, 165),
    ],
)
def test_an_account_with_enough_concurrency_is_accepted(
    checkout: Checkout, overrides: str, quota: int, unreserved: int | None
) -> None:
    checkout.configure(parameter_overrides=overrides)
    checkout.account.has(quota, unreserved)
    assert checkout.check() == (0, "")


@pytest.mark.parametrize(
    "overrides",
    [
        'AllowedNetworks="10.0.0.0/8,::1/128" SenderConcurrency="5" TestConcurrency=0 AuthorizerConcurrency=0',
        "ParameterKey=SenderConcurrency,ParameterValue=5 ParameterKey=TestConcurrency,ParameterValue=0 "
        "ParameterKey=AuthorizerConcurrency,ParameterValue=0",
        ["SenderConcurrency=5", "TestConcurrency=0", "AuthorizerConcurrency=0"],
        {"SenderConcurrency": 5, "TestConcurrency": 0, "AuthorizerConcurrency": "0"},
    ],
)
def test_parameters_are_parsed_as_sam_parses_them(checkout: Checkout, overrides: Any) -> None:
    if isinstance(overrides, dict):
        checkout.configure()
        with (checkout.folder / "samconfig.toml").open("a") as config:
            config.write("\n[prod.deploy.parameters.parameter_overrides]\n")
            config.writelines(f"{name} = {json.dumps(value)}\n" for name, value in overrides.items())
    else:
        checkout.configure(parameter_overrides=overrides)
    checkout.account.has(10)
    assert checkout.check() == (0, "")


@pytest.mark.usefixtures("deployed")
def test_a_parameter_that_the_section_omits_stays_as_deployed(checkout: Checkout) -> None:
    """What the stack itself reserves, 20 of 530, counts as available."""
    checkout.configure(parameter_overrides="AuthorizerConcurrency=100")
    checkout.account.has(530, 504)
    code, printed = checkout.check()
    assert "SenderConcurrency=400, 120 reserved" in printed
    assert "leave 524" in printed
    assert "parameter_overrides = 'AuthorizerConcurrency=100 SenderConcurrency=399'\n" in printed
    assert code == 1
    checkout.account.limit["UnreservedConcurrentExecutions"] = 505
    assert checkout.check() == (0, "")


@pytest.mark.parametrize("service", ["lambda", "cloudformation"])
def test_a_denied_check_refuses_nothing(checkout: Checkout, service: str) -> None:
    checkout.account.refused[service] = "AccessDenied" if service == "cloudformation" else "AccessDeniedException"
    code, printed = checkout.check()
    assert code == 0
    assert ("lambda:GetAccountSettings" in printed) == (service == "lambda")


@pytest.mark.parametrize("code", ["ExpiredToken", "InvalidClientTokenId", "SignatureDoesNotMatch"])
def test_credentials_that_do_not_work_are_refused(checkout: Checkout, code: str) -> None:
    checkout.account.refused["sts"] = code
    exit_code, printed = checkout.check()
    assert exit_code == 1
    assert code in printed
    assert "\n    aws sso login\n" in printed


def test_no_credentials_no_region_and_no_profile_are_refused(checkout: Checkout) -> None:
    none = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    code, printed = checkout.check(**none)
    assert (code, "\n    aws sso login\n    aws configure " in printed) == (1, True)
    code, printed = checkout.check(AWS_DEFAULT_REGION="")
    assert (code, "\n    aws configure set region " in printed) == (1, True)
    checkout.configure(profile="acme")
    code, printed = checkout.check()
    assert (code, "acme" in printed, "\n    aws configure sso --profile acme\n" in printed) == (1, True, True)


def test_the_sections_region_is_checked(checkout: Checkout) -> None:
    checkout.configure(region="ap-south-1")
    checkout.account.has(10)
    assert "--region ap-south-1" in checkout.check(AWS_DEFAULT_REGION="")[1]


def test_an_unreachable_aws_is_refused(checkout: Checkout) -> None:
    code, printed = checkout.check(endpoint="http://127.0.0.1:9")
    assert code == 1
    assert "\n    aws sts get-caller-identity\n" in printed


def test_an_unknown_section_is_refused(checkout: Checkout) -> None:
    code, printed = checkout.check("--config-env", "staging")
    assert code == 1
    assert "[staging.deploy.parameters]" in printed
    assert "one of: prod\n" in printed


def test_a_concurrency_that_is_not_a_number_is_refused(checkout: Checkout) -> None:
    checkout.configure(parameter_overrides="SenderConcurrency=many")
    code, printed = checkout.check()
    assert (code, "SenderConcurrency must be a whole number, not 'many'." in printed) == (1, True)


NO_PYTHON = {
    "a shim that only prints an error": "echo 'pyenv: python3.13: command not found' >&2; exit 127",
    "a shim that prints it to standard output": "echo 'pyenv: python3.13: command not found'",
    "another Python": "echo 3 12",
    "one that fails": "echo 3 13; exit 1",
}


@pytest.mark.parametrize("line", NO_PYTHON.values(), ids=NO_PYTHON)
def test_a_python_that_does_not_work_is_refused(checkout: Checkout, tmp_path: Path, line: str) -> None:
    shim = script(tmp_path / "shim", line)
    code, printed = checkout.check(LAYER_PYTHON=shim)
    assert code == 1
    assert "\n    .venv/bin/uv python install 3.13\n" in printed
    assert "make deploy NO_BYTECODE=1" in printed
    assert checkout.check("--no-bytecode", LAYER_PYTHON=shim) == (0, "")


def test_all_faults_are_reported_at_once(checkout: Checkout) -> None:
    checkout.account.has(10)
    code, printed = checkout.check(LAYER_PYTHON="/no/such/python")
    assert code == 1
    assert "Python 3.13" in printed
    assert RAISE in printed


def make(tmp_path: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `make deploy` with a stand-in for the SAM CLI.

    It prints its arguments and the Python for the layer.
    """
    tools = tmp_path / "bin"
    tools.mkdir(exist_ok=True)
    script(tools / "sam", 'echo "sam $*: $LAYER_PYTHON"')
    installed = ["--old-file=.venv/ready", "--old-file=.venv-stack/ready"]  # do not reinstall after an edit
    return subprocess.run(
        ["make", "-s", "deploy", *installed, f"STACK_PATH={tools}:{os.environ['PATH']}", *words],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), **CREDENTIALS, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_make_deploy_builds_nothing_after_a_refusal(tmp_path: Path) -> None:
    process = make(tmp_path, "PYTHON_3_13=", AWS_ENDPOINT_URL="http://127.0.0.1:9")
    assert process.returncode != 0
    assert "sam " not in process.stdout
    assert "Python 3.13" in process.stderr


def test_make_deploy_compiles_with_a_working_python(tmp_path: Path, python: str, account: Account) -> None:
    asked = {"AWS_ENDPOINT_URL": account.url}
    process = make(tmp_path, "CONFIG_ENV=staging", f"PYTHON_3_13={python}", **asked)
    printed = [f"sam {command} --config-env staging: {python}" for command in ("build", "deploy")]
    assert (process.stdout.splitlines(), process.returncode) == (printed, 0), process.stderr
    own = script(tmp_path / "own", "echo 3 13")
    assert f": {own}" in make(tmp_path, f"PYTHON_3_13={python}", LAYER_PYTHON=own, **asked).stdout
    without = make(tmp_path, "PYTHON_3_13=", "NO_BYTECODE=1", **asked)
    assert (without.returncode, "sam deploy" in without.stdout) == (0, True), without.stderr
