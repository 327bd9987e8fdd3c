"""Small studies, as crash tests have them; two nodes, and a token that the clusters ask for."""

import os
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "reliability" / "crash"))
sys.path.insert(0, str(Path(__file__).parent))

# Ray reads them when it is imported.
os.environ.setdefault("RAY_AUTH_MODE", "token")
os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(16))

from two_nodes import Two  # as long as the others are not set


@pytest.fixture(scope="session")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    """Its head takes about ten seconds."""
    found = Two(tmp_path_factory.mktemp("path"))
    yield found
    found.cluster.shutdown()
