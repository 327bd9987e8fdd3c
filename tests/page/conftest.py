"""A small set of images with three classes, its session, and a browser's place in front of it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("starlette", reason="the page's tests need the extra [page]")

from starlette.testclient import TestClient

from tacit.images.dataset import Images
from tacit.images.originals import of_arrays
from tacit.images.tables import Names
from tacit.page.server import Shown, application
from tacit.page.session import Session
from tacit.page.table import LabelTable

N, TOKEN = 90, "a-token"
TRUTH = [str(row % 3) for row in range(N)]


def codes() -> np.ndarray:
    """Three groups on a plane; images 0 and 3 are copies."""
    rng = np.random.default_rng(0)
    centres = np.array([[0, 0], [8, 0], [0, 8]])
    found = centres[np.arange(N) % 3] + rng.normal(0, 0.7, (N, 2))
    found[3] = found[0]
    return found.astype(np.float32)


def copies() -> np.ndarray:
    found = np.arange(N)
    found[3] = 0
    return found


def new_session(table: Path, by: str = "ada") -> Session:
    names = Names(map(str, range(N)), "index", "three groups")
    return Session(codes(), LabelTable(table, names, by=by), copies())


def settled(session: Session) -> Session:
    """The session once its predictions follow from all labels; another thread makes them."""
    session.wait(session.version - 1, 300)
    assert session.predictions.version == session.version
    return session


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return tmp_path / "labels.csv"


@pytest.fixture
def session(table: Path) -> Iterator[Session]:
    made = new_session(table)
    yield made
    made.close()


def shown_of(session: Session, **more: Any) -> Shown:
    """Pictures of noise: 50 and 51 are one picture in two lights, 52 is empty."""
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 256, (N, 1, 8, 8), dtype=np.uint8)
    pixels[51] = np.rint(0.8 * pixels[50] + 20)
    pixels[52] = 77
    images = Images(pixels, source="three groups")
    return Shown(session, images, of_arrays(images.pixels)[0], **more)


def client_of(shown: Shown, **more: Any) -> TestClient:
    app = application(shown, token=TOKEN, port=lambda: 80, **more)
    return TestClient(app, base_url="http://127.0.0.1:80", headers={"host": "127.0.0.1:80"})


@pytest.fixture
def client(session: Session) -> TestClient:
    return client_of(shown_of(session))
