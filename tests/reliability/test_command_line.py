"""Commands with odd and contradictory options end as they should (`make fuzz` tries for longer)."""

import random
import tempfile
from pathlib import Path

import pytest
from fuzz.command_line import asked, fault_of, prepare

from tacit.cli import run_command


@pytest.fixture(scope="module")
def place():
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        patched.setenv("TACIT_CACHE", f"{folder}/cache")
        prepare(Path(folder))
        yield


@pytest.mark.parametrize("seed", range(4))
def test_no_command_ends_in_a_traceback(seed, place) -> None:
    rng = random.Random(seed)
    for _ in range(30):
        words = asked(rng)
        assert fault_of(words) == "", words


@pytest.mark.parametrize("name", ["x" * 300, "\udcff", ""])
def test_names_that_no_file_can_have_are_refused(name, place) -> None:
    assert fault_of(["run", name, "--dry-run"]) == ""
    assert fault_of(["learn", "p", "--labels", "t.csv", "--out", name, "--dry-run"]) == ""


def test_numbers_past_every_bound_are_refused_in_tacits_words(place, capsys) -> None:
    assert run_command(["run", "s.yaml", "--train-size", "9" * 20, "--dry-run"]) == 2
    assert "--train-size: 99999999999999999999" in capsys.readouterr().err
