"""What looks at the page beside its other tests: nothing here depends on whether the stack sends again what failed."""

from collections.abc import Iterator

import pytest

from local import stack as local_stack
from tests.browser.conftest import Stack
from tests.changing import turn


@pytest.fixture(scope="package")
def stack() -> Iterator[Stack]:
    """As it is, while nobody changes it."""
    outputs = local_stack.up()
    with turn(alone=False):
        yield Stack(outputs)
