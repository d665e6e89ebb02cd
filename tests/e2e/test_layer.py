"""The layer as the local stack was built with it."""

import sys

from local import places
from tests.deployment import Deployment

LAYER = places.BUILD / "SharedLayer" / "python"


def test_the_layer_contains_one_bytecode_file_per_source(deployment: Deployment) -> None:
    """Expect bytecode of the Python version that the stack runs on.

    Bytecode of another version would be compiled again at each cold start.
    """
    sources = set(LAYER.rglob("*.py"))
    compiled = {path.parent / "__pycache__" / f"{path.stem}.{sys.implementation.cache_tag}.pyc" for path in sources}
    assert set(LAYER.rglob("*.pyc")) == compiled
