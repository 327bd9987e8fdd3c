"""Commands with odd and contradictory options end as they should (`make fuzz` tries for longer)."""

import pytest
from fuzz.command_line import fault_of, fresh, hunt, prepare

from tacit.cli import run_command


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    place = tmp_path_factory.mktemp("template")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("TACIT_CACHE", str(tmp_path_factory.mktemp("cache")))
        prepare(place)
        yield place


@pytest.fixture
def place(template):
    with fresh(template):
        yield


def test_no_command_ends_in_a_traceback(template) -> None:
    tried, found = hunt(template, examples=40, number=0, known=set(), work=False)
    assert found == ""
    assert tried >= 40


@pytest.mark.parametrize("name", ["x" * 300, "\udcff", ""])
def test_names_that_no_file_can_have_are_refused(name, place) -> None:
    assert fault_of(["run", name, "--dry-run"]) == ""
    assert fault_of(["learn", "p", "--labels", "t.csv", "--out", name, "--dry-run"]) == ""


def test_numbers_past_every_bound_are_refused_in_tacits_words(place, capsys) -> None:
    assert run_command(["run", "s.yaml", "--train-size", "9" * 20, "--dry-run"]) == 2
    assert "--train-size: 99999999999999999999" in capsys.readouterr().err
