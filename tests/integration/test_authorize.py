"""Tests of the authorizer and of the signing key's rotation.

They show which tokens are accepted during a rotation.
"""

from dataclasses import dataclass, field
from types import ModuleType

import jwt
import pytest

from hooklog.access.keys import PAUSE_SECONDS, SIGNING_KEYS_SECONDS, KeyRing, read_signing_keys
from hooklog.errors import KeysUnavailable
from hooklog.secrets_manager import SecretsManager
from tests.authorizer import Clock, accepts, authorize, token
from tests.aws import MockAws
from tests.leaks import SIGNING_KEY
from tests.logs import logged_events

FIRST, SECOND, THIRD = SIGNING_KEY, 64 * "2", 64 * "3"


@pytest.fixture
def authorizer(aws: MockAws) -> ModuleType:
    return aws.start("AuthorizeFunction")


@dataclass
class Rotation:
    """The authorizer's key ring on the secret, with a clock that the test sets."""

    aws: MockAws
    authorizer: ModuleType
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        secrets = SecretsManager.from_environment()
        ring = KeyRing(lambda: read_signing_keys(secrets, self.secret_id), SIGNING_KEYS_SECONDS, self.clock)
        (trust,) = self.authorizer.trusted
        self.authorizer.trusted[:] = [type(trust)(ring)]
        self.ring = ring
        ring.keys()

    @property
    def secret_id(self) -> str:
        return self.aws.refs["SigningKey"]

    def put(self, key: str) -> str:
        return self.aws.secrets.put_secret_value(SecretId=self.secret_id, SecretString=key)["VersionId"]

    def version(self, stage: str) -> str:
        return self.aws.secrets.get_secret_value(SecretId=self.secret_id, VersionStage=stage)["VersionId"]

    def take_away_previous(self) -> None:
        self.aws.secrets.update_secret_version_stage(
            SecretId=self.secret_id, VersionStage="AWSPREVIOUS", RemoveFromVersionId=self.version("AWSPREVIOUS")
        )

    def accepts(self, key: str, kid: str | None = None) -> bool:
        return accepts(self.authorizer, token(key, kid))


@pytest.fixture
def rotation(aws: MockAws, authorizer: ModuleType) -> Rotation:
    return Rotation(aws, authorizer)


def test_a_token_gets_a_policy_and_a_context_for_the_functions(authorizer: ModuleType) -> None:
    response = authorize(authorizer, token(FIRST, webhooks=["acme.orders"]))
    stage = "arn:aws:execute-api:eu-west-1:123456789012:a1b2c3d4e5/v1"
    (statement,) = response["policyDocument"]["Statement"]
    assert statement == {
        "Effect": "Allow",
        "Action": "execute-api:Invoke",
        "Resource": [
            f"{stage}/GET/webhooks/acme.orders/executions",
            f"{stage}/GET/webhooks/acme.orders/executions/*",
            f"{stage}/GET/messages/*/executions",
            f"{stage}/GET/webhooks/acme.orders/recover/*",
            f"{stage}/GET/webhooks/acme.orders/stats",
        ],
    }
    assert response["context"] == {"webhooks": '["acme.orders"]', "scope": "executions:read"}


def test_topics_are_in_the_context_and_grant_no_access(authorizer: ModuleType) -> None:
    plain = authorize(authorizer, token(FIRST, webhooks=["acme.*"]))
    response = authorize(authorizer, token(FIRST, webhooks=["acme.*"], topics=["acme", "news.*"]))
    assert response["policyDocument"] == plain["policyDocument"]
    assert response["context"] == {**plain["context"], "topics": '["acme", "news.*"]'}


@pytest.mark.parametrize(
    "bearer",
    [
        "",
        "x.y.z",
        token(SECOND),
        token(FIRST, exp=1),
        token(FIRST, webhooks=["a/*"]),
        token(FIRST, webhooks=["acm*"]),
        token(FIRST, topics=["acm*"]),
    ],
)
def test_an_invalid_token_is_a_401(authorizer: ModuleType, bearer: str) -> None:
    assert not accepts(authorizer, bearer)


def test_both_keys_are_valid_during_a_rotation(rotation: Rotation) -> None:
    rotation.put(SECOND)
    rotation.clock.now += PAUSE_SECONDS
    assert rotation.accepts(SECOND)
    assert rotation.accepts(FIRST)
    assert rotation.accepts(SECOND, rotation.version("AWSCURRENT"))
    assert rotation.accepts(FIRST, rotation.version("AWSPREVIOUS"))
    assert not rotation.accepts(FIRST, rotation.version("AWSCURRENT"))
    assert not rotation.accepts(THIRD)


def test_a_removed_key_is_refused_a_minute_later(rotation: Rotation) -> None:
    rotation.put(SECOND)
    rotation.clock.now += 60
    assert rotation.accepts(FIRST)
    rotation.take_away_previous()
    rotation.clock.now += 60
    assert not rotation.accepts(FIRST)
    assert rotation.accepts(SECOND)


def test_a_second_rotation_drops_the_first_key(rotation: Rotation) -> None:
    rotation.put(SECOND)
    rotation.put(THIRD)
    rotation.clock.now += SIGNING_KEYS_SECONDS
    assert [rotation.accepts(key) for key in (FIRST, SECOND, THIRD)] == [False, True, True]


def test_unsigned_tokens_do_not_cause_repeated_reads_of_the_secret(rotation: Rotation) -> None:
    rotation.clock.now += PAUSE_SECONDS
    assert not rotation.accepts(THIRD)
    rotation.put(THIRD)
    rotation.clock.now += PAUSE_SECONDS - 1
    assert not rotation.accepts(THIRD)
    assert not rotation.accepts(FIRST, "no-such-version")
    rotation.clock.now += 1
    assert rotation.accepts(THIRD)


def test_a_key_that_is_too_short_is_refused_and_the_previous_one_stays_valid(rotation: Rotation) -> None:
    rotation.put("short")
    rotation.clock.now += SIGNING_KEYS_SECONDS
    with pytest.warns(jwt.InsecureKeyLengthWarning):
        forged = token("short")
    assert not accepts(rotation.authorizer, forged)
    assert rotation.accepts(FIRST)


def test_keys_stay_valid_while_the_secret_cannot_be_read(rotation: Rotation, caplog: pytest.LogCaptureFixture) -> None:
    rotation.aws.secrets.delete_secret(SecretId=rotation.secret_id)
    rotation.clock.now += SIGNING_KEYS_SECONDS
    assert rotation.accepts(FIRST)
    assert rotation.ring.failure == "Secrets Manager: InvalidRequestException"
    assert "keys_unreachable" in logged_events(caplog)
    caplog.clear()
    rotation.aws.secrets.restore_secret(SecretId=rotation.secret_id)
    rotation.clock.now += PAUSE_SECONDS
    assert rotation.accepts(FIRST)
    assert "keys_unreachable" not in logged_events(caplog)


def test_without_any_key_every_token_is_a_500(aws: MockAws) -> None:
    aws.secrets.delete_secret(SecretId=aws.refs["SigningKey"])
    authorizer = aws.start("AuthorizeFunction")
    with pytest.raises(KeysUnavailable):
        authorize(authorizer, token(FIRST))
