"""What people see while images are read."""

import io

import pytest
from rich.console import Console

from tacit.studies.progress import reading


def test_plain_lines_come_every_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("tacit.studies.progress.time.monotonic", lambda: now[0])
    out = io.StringIO()
    with reading(Console(file=out)) as progress:
        for done in range(1, 31):
            now[0] += 1
            progress(1000 * done, 30_000)
    assert out.getvalue().splitlines() == [
        "reading images: 11,000 of 30,000",
        "reading images: 22,000 of 30,000",
    ]


def test_a_terminal_shows_a_bar() -> None:
    out = io.StringIO()
    with reading(Console(file=out, force_terminal=True, width=80)) as progress:
        progress(1, 2)
    assert "reading images" in out.getvalue()
