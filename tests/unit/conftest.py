"""Fixtures shared by unit tests."""

from collections.abc import Iterator

import pytest

from tests.samconfig import SamTransform, sam_transform


@pytest.fixture(scope="session")
def sam() -> Iterator[SamTransform]:
    with sam_transform() as sam:
        yield sam
