"""Fixtures of the page's tests that run in parallel with its other tests.

None of these tests depends on whether the stack retries failures.
"""

from collections.abc import Iterator

import pytest

from local import stack as local_stack
from tests.browser.conftest import Stack
from tests.stack_changes import stack_lock


@pytest.fixture(scope="package")
def stack() -> Iterator[Stack]:
    """The unchanged stack, which no other test changes at the same time."""
    outputs = local_stack.up()
    with stack_lock(exclusive=False):
        yield Stack(outputs)
