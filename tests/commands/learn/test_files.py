"""Tables of ``tacit learn``: what a person changed is not written over, whenever it ends."""

from pathlib import Path

import pytest

from tacit.commands.learn.files import Files
from tacit.commands.options import CommandError
from tacit.files import write_record
from tacit.studies.execution.holding import held, prepare_folder


@pytest.fixture
def files(tmp_path) -> Files:
    write_record(tmp_path / "study.json", {"study": "few-labels", "runs": {}})
    found = Files(tmp_path)
    found.write(found.next, ("index", "label"), [("3", "")])
    found.check()
    return found


def test_a_changed_table_is_not_written_over_even_if_it_changed_since_the_start(files) -> None:
    files.next.write_text("index,label\n3,cat\n")
    with pytest.raises(CommandError, match=r"label-next\.csv was changed"):
        files.check()
    with pytest.raises(CommandError, match=r"label-next\.csv was changed"):
        files.write(files.next, ("index", "label"), [("4", "")])
    assert files.next.read_text() == "index,label\n3,cat\n"


def test_without_the_record_of_what_was_written_any_table_may_be_someones(files) -> None:
    (files.folder / "written.json").write_text("{")
    with pytest.raises(CommandError, match=r"label-next\.csv was changed"):
        files.check()
    files.next.rename(files.folder / "mine.csv")
    files.write(files.next, ("index", "label"), [("4", "")])
    files.check()


@pytest.mark.parametrize("step", range(3))
def test_the_command_knows_its_own_tables_when_it_was_killed_between(
    step: int, files, monkeypatch
) -> None:
    """The record, the table, the record: each may be the last that is put in place."""
    replace, count = Path.replace, 0

    def killed(path: Path, target: Path) -> Path:
        nonlocal count
        if count == step:
            raise KeyboardInterrupt
        count += 1
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        files.write(files.next, ("index", "label"), [("4", "")])
    monkeypatch.undo()
    files.check()
    assert files.next.read_text() == f"index,label\n{'4' if step == 2 else '3'},\n"
    files.write(files.next, ("index", "label"), [("5", "")])
    files.check()


def test_a_folder_in_which_a_start_was_killed_at_once_is_still_its_own(tmp_path) -> None:
    prepare_folder(tmp_path)
    with held(tmp_path):
        (tmp_path / ".study.json.x1.unfinished").touch()
    (tmp_path / ".writable").touch()
    Files(tmp_path).check()
    (tmp_path / "holiday.png").touch()
    with pytest.raises(CommandError, match="holds other things"):
        Files(tmp_path).check()


def test_a_classifier_that_was_half_saved_is_no_one_elses(files) -> None:
    files.model.mkdir()
    (files.model / ".config.json.x1.unfinished").touch()
    files.check()
    (files.model / "model.safetensors").touch()
    with pytest.raises(CommandError, match="holds other things"):
        files.check()
