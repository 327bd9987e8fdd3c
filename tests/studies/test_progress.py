"""What people see while images are read."""

import io

import pytest
from rich.console import Console

from tacit.progress import part_by_part, tell, watched, within
from tacit.studies.execution.plan import Job
from tacit.studies.execution.progress import Lines, Remaining, reading, shown


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


def job(name: str, kind: str, weight: float) -> Job:
    return Job(name, kind, name, 0, 0, f"jobs/{name}", (), {}, weight)


def test_a_quick_training_promises_nothing_of_the_questions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [0.0]
    monkeypatch.setattr("tacit.studies.execution.progress.time.monotonic", lambda: now[0])
    runs = [job(f"run-{k}", "train", 10.0) for k in range(4)]
    questions = [job(f"question-{k}", "measure", 10.0) for k in range(3)]
    remaining = Remaining((*runs, *questions), ())
    for one in runs[:2]:
        remaining.started(one)
        now[0] += 4
        remaining.ended(one, 4.0)
    assert remaining.text() == "2 of 7 jobs, about 8 s of training to go, then measuring"
    for one in runs[2:]:
        remaining.ended(one, 4.0)
    remaining.started(questions[0])
    now[0] += 100
    assert remaining.text() == "4 of 7 jobs", "4 s a job was said for minutes"
    assert remaining.measuring(questions[1]) == "measuring"
    remaining.ended(questions[0], 100.0)
    assert remaining.text() == "5 of 7 jobs, about 3 min 20 s to go"
    assert remaining.measuring(questions[1]) == "measuring, about 1 min 40 s"
    remaining.started(questions[1])
    now[0] += 60
    assert remaining.text() == "5 of 7 jobs, about 2 min 20 s to go"
    now[0] += 240
    said = remaining.text()
    assert said == "5 of 7 jobs, about 4 min 10 s to go", "overdue: half as long again, and another"


def test_a_job_that_goes_on_counts_what_is_done_now(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("tacit.studies.execution.progress.time.monotonic", lambda: now[0])
    one = job("run", "train", 100.0)
    remaining = Remaining((one,), ())
    remaining.started(one)
    remaining.progressed(one, 0.80)
    now[0] += 10
    remaining.progressed(one, 0.85)
    assert remaining.text() == "0 of 1 jobs, about 30 s to go"


def test_a_measurement_that_says_how_far_it_is_goes_by_its_own_rate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [0.0]
    monkeypatch.setattr("tacit.studies.execution.progress.time.monotonic", lambda: now[0])
    out = io.StringIO()
    lines = Lines(Console(file=out, width=500))
    one, other = job("one", "measure", 1.0), job("other", "measure", 3.0)
    lines.planned((one, other), ())
    lines.started(one)
    lines.progressed(one, 0, 1000, float("nan"))
    assert lines.remaining.measuring(one) == "measuring, 0%"
    now[0] += 30
    lines.progressed(one, 250, 1000, float("nan"))
    assert out.getvalue().splitlines() == [
        "one (seed 0): measuring, 25%, about 1 min 30 s to go; 0 of 2 jobs, about 7 min 30 s to go"
    ]


def test_parts_of_parts_are_told_as_shares_of_the_whole() -> None:
    told: list[float] = []
    assert list(part_by_part("ab")) == ["a", "b"], "nobody watches"
    with watched(told.append):
        for _ in part_by_part("ab"):
            with within(0, 0.5):
                for _ in part_by_part((1, 2)):
                    tell(0.5)
        for _ in part_by_part("ab"):
            break
        tell(0.75)
    tell(0.9)
    assert told == [
        0.0625,
        0.125,
        0.1875,
        0.25,
        0.25,
        0.5,
        0.5625,
        0.625,
        0.6875,
        0.75,
        0.75,
        1.0,
        0.75,
    ]


def test_a_notebook_shows_bars_in_one_output(notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("tacit.studies.execution.progress.time.monotonic", lambda: now[0])
    console = Console(file=io.StringIO(), force_jupyter=True)
    with shown(Console(file=io.StringIO(), force_jupyter=True, quiet=True)) as silent:
        silent.planned((), ())
    assert not notebook.outputs
    one, other = job("a <b>", "measure", 1.0), job("other", "measure", 1.0)
    with shown(console) as watcher:
        watcher.planned((one, other), ())
        watcher.started(one)
        watcher.progressed(one, 0, 1000, float("nan"))
        now[0] += 5
        watcher.progressed(one, 500, 1000, float("nan"))
    (html,) = notebook.outputs
    assert html == (
        '<div><progress value="0.000" max="1"></progress> '
        "0 of 2 jobs, about 15 s to go</div>"
        '<div><progress value="0.500" max="1"></progress> '
        "a &lt;b&gt; (seed 0) measuring, 50%, about 5 s to go</div>"
    )
    with shown(console) as watcher:
        watcher.planned((one,), ())
        watcher.ended(one, 5.0, None)
    assert notebook.outputs[1].endswith("> 1 of 1 jobs</div>")


def test_what_takes_hours_is_said_to_once(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("tacit.studies.execution.progress.time.monotonic", lambda: now[0])
    out = io.StringIO()
    lines = Lines(Console(file=out, width=500))
    lines.noticed("Before anything is planned.")
    runs = tuple(job(f"run-{k}", "train", 10.0) for k in range(400))
    lines.planned(runs, ())
    for one in runs[:3]:
        lines.started(one)
        now[0] += 20
        lines.ended(one, 20.0, None)
    said = out.getvalue().splitlines()
    assert said[1] == "run-0 (seed 0): done in 20 s; 1 of 400 jobs, about 2 h 13 min to go"
    assert [line.startswith("This takes long: --quick") for line in said].index(True) == 2
    assert sum("--dry-run" in line for line in said) == 1
