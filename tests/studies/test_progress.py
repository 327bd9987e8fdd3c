"""What people see while images are read."""

import io

import pytest
from rich.console import Console

from tacit.studies.execution.plan import Job
from tacit.studies.execution.progress import Remaining, reading


def test_plain_lines_come_every_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("tacit.studies.execution.progress.time.monotonic", lambda: now[0])
    out = io.StringIO()
    with reading(Console(file=out)) as progress:
        for done in range(1, 31):
            now[0] += 1
            progress(1000 * done, 30_000)
    assert out.getvalue().splitlines() == [
        "reading images: 11,000 of 30,000, about 19 s to go",
        "reading images: 22,000 of 30,000, about 8 s to go",
    ]


def test_a_terminal_shows_a_bar() -> None:
    out = io.StringIO()
    with reading(Console(file=out, force_terminal=True, width=80)) as progress:
        progress(1, 2)
    assert "reading images" in out.getvalue()


def test_what_was_done_before_is_neither_ahead_nor_to_go(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("tacit.studies.execution.progress.time.monotonic", lambda: now[0])
    jobs = tuple(
        Job(str(k), "train", f"run-{k}", 0, 0, f"jobs/{k}", (), {}, weight)
        for k, weight in enumerate((1000.0, 10.0, 30.0))
    )
    remaining = Remaining(jobs, {"0"})
    assert remaining.text() == "1 of 3 jobs"
    now[0] += 20
    remaining.ended(jobs[1], 20.0)
    assert remaining.text() == "2 of 3 jobs, about 1 min 0 s to go"
    now[0] += 60
    remaining.ended(jobs[2], 60.0)
    assert remaining.text() == "3 of 3 jobs"
