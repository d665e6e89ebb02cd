"""The history API's handlers, attached to the mock AWS's tables."""

from types import ModuleType

import pytest

from tests.aws import MockAws


@pytest.fixture
def listing(aws: MockAws) -> ModuleType:
    return aws.start("ListExecutionsFunction")


@pytest.fixture
def getting(aws: MockAws) -> ModuleType:
    return aws.start("GetExecutionFunction")
