"""Benchmarks measure what they say: turns, ratios, aims, and the table that becomes of them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def _benchmarks_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))


def test_a_ratio_is_of_rounds_that_lie_next_to_each_other() -> None:
    from benchmarks.pairing import Side, in_turns, ratio_row, sleeping

    rounds = in_turns({"short": Side(sleeping, 0.1), "long": Side(sleeping, 0.4)}, 2)
    assert [len(side) for side in rounds.values()] == [2, 2]
    row = ratio_row(rounds, "short", "long", clock="wall", work="sleep", against="more", aim=0.6)
    assert 0.2 < row.value < 0.6
    assert row.reached
    assert row.details["numbers"]["long"] == [{"slept": 0.4}] * 2


def test_a_side_that_fails_says_why() -> None:
    from benchmarks.pairing import Side, in_turns, sleeping

    with pytest.raises(RuntimeError, match="TypeError"):
        in_turns({"wrong": Side(sleeping, "no number")}, 1)


@pytest.mark.parametrize(
    ("values", "aim", "at_least", "reached"),
    [
        ([0.4, 0.6, 0.5], 0.5, False, True),
        ([0.51], 0.5, False, False),
        ([2.6], 2.5, True, True),
        ([2.4], 2.5, True, False),
        ([1.0], None, False, None),
    ],
)
def test_the_median_is_held_to_the_aim(values, aim, at_least, reached) -> None:
    from benchmarks.pairing import Row

    row = Row("work", "other", values, aim=aim, at_least=at_least)
    assert row.reached is reached
    assert row.to_json()["reached"] is reached


def test_a_table_stands_between_its_marks_and_nothing_else_is_touched(tmp_path) -> None:
    from benchmarks.pairing import Row
    from benchmarks.table import BEGIN, END, table, write_into

    document = tmp_path / "page.md"
    document.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    text = table([Row("an epoch", "a script", [0.5, 0.7, 0.6], aim=0.55)])
    write_into(document, text)
    found = document.read_text()
    assert "| an epoch | a script | 0.60 × (0.50 to 0.70) | at most 0.55 × | no |" in found
    assert found.startswith("before\n")
    assert found.endswith("\nafter\n")
    assert "old" not in found
    document.write_text("no marks")
    with pytest.raises(ValueError, match="marks"):
        write_into(document, text)


def test_performance_has_a_place_for_the_table() -> None:
    from benchmarks.table import BEGIN, END

    text = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    assert text.index(BEGIN) < text.index(END)


def test_rows_that_are_none_are_refused(monkeypatch, capsys) -> None:
    from benchmarks.__main__ import main

    monkeypatch.setattr(sys, "argv", ["benchmarks", "nothing", "--pythae", "none"])
    with pytest.raises(SystemExit, match="2"):
        main()
    assert "'nothing' is no row; choices: mlp, conv" in capsys.readouterr().err


def test_rows_measured_one_after_another_make_one_table(monkeypatch, tmp_path) -> None:
    from benchmarks import __main__ as bench
    from benchmarks.pairing import Row
    from benchmarks.table import BEGIN, END

    rows = {
        "first": lambda settings: [Row("one", "", [2.0, 1.0, 3.0], aim=1.0, note="a note")],
        "second": lambda settings: [Row("two", "its rival", [0.5], unit="s")],
    }
    monkeypatch.setattr(bench, "ROWS", rows)
    monkeypatch.chdir(tmp_path)
    page = tmp_path / "docs" / "performance.md"
    page.parent.mkdir()
    page.write_text(f"{BEGIN}\n{END}\n")

    def measure(*options: str) -> str:
        command = ["benchmarks", *options, "--pythae", "none"]
        monkeypatch.setattr(sys, "argv", command)
        bench.main()
        return page.read_text()

    assert "one" not in measure("first"), "the page waits for all rows"
    text = measure("second")
    assert "| one; a note | - | 2.00 × (1.00 to 3.00) | at most 1.00 × | no |" in text
    assert "| two | its rival | 0.50 s |" in text
    assert "noise of MNIST's shape, 60,000 an epoch" in text
    # Other images make other numbers: nothing is kept beside them.
    assert "two" in measure("second", "--images", "1000")
    assert list(json.loads(Path("benchmarks.json").read_text())["rows"]) == ["second"]


@pytest.mark.slow
def test_every_row_runs(tmp_path) -> None:
    done = subprocess.run(
        [
            sys.executable, "-m", "benchmarks", "conv", "objective", "per-image", "start",
            "--quick", "--pythae", "none", "--json", str(tmp_path / "found.json"),
        ],
        check=False, cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "update of a per-image VAE" in done.stdout
    assert (tmp_path / "found.json").exists()


def test_the_benchmark_of_safety_takes_it_all_away_and_times_what_it_takes(monkeypatch) -> None:
    from benchmarks.safety import Clocks, side_by_side, timed, unsafe

    from tacit.images.dataset import Split
    from tacit.images.sources import open_images
    from tacit.studies.description.reading import parse
    from tacit.studies.execution.plan import plan

    text = "title: t\nruns: {a: {learn: autoencoder, latent_dim: 2, epochs: 1}}\nquestions: []\n"
    study, _ = parse(text.replace("questions: []", "questions: [overfitting: {runs: [a]}]"), "t")
    opened = open_images("digits", train_size=20)
    images = Split(opened.train, opened.test)
    jobs = list(plan(study, (), images).jobs)
    synced: list[str] = []
    name = [""]
    clocks = Clocks()

    @contextmanager
    def named(way: str, entered: AbstractContextManager[None]) -> Iterator[None]:
        with entered:
            name[0] = way
            yield

    ways = {
        "safe": lambda: named("safe", nullcontext()),
        "timed": lambda: named("timed", timed(clocks)),
        "unsafe": lambda: named("unsafe", unsafe()),
    }
    monkeypatch.setattr("tacit.studies.execution.work.SECONDS_WORTH_SYNCING", -1.0)
    fsync = os.fsync
    monkeypatch.setattr("os.fsync", lambda handle: (synced.append(name[0]), fsync(handle)))
    found = side_by_side(jobs, images, ways, 0)
    assert [len(found[way]) for way in ways] == [2, 2, 2]  # the images, and a run
    assert set(synced) == {"safe", "timed"}
    assert 0 < clocks.spent[1] < sum(found["timed"])[1]


@pytest.mark.parametrize("step", ["folder", "encoding", "graph", "poisson", "heads", "answer"])
def test_steps_whose_growth_is_measured_run(step: str, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("TACIT_CACHE", str(tmp_path))
    from benchmarks.growth import STEPS, Timed

    timed = Timed()
    STEPS[step](500, tmp_path, timed)
    assert timed.seconds > 0


def test_values_without_a_flag_are_counted_where_they_err(monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks import flags

    monkeypatch.setattr(flags, "DISTRIBUTIONS", (3, 24))
    monkeypatch.setattr(flags, "WRONG", ((0.0, 1.0), (0.0, 0.5)))
    found = flags.counted(3)
    assert sum(row["values"] for row in found.values()) == 2 * 3 * 2 * 2 * 3
    linear = [found[f"20 dimensions, linear, {kind}"] for kind in ("clear", "flagged")]
    assert linear[0]["above 1"] < 0.1 < linear[1]["above 0.5"]
    for spread, shares in flags.drawn(4000).items():
        # Whatever the spread, a value that errs by a nat and has no flag is rare.
        assert shares["clear and above 1"] < 0.03, spread
        assert (shares["clear"] > 0.9) == (float(spread) <= 0.7)
