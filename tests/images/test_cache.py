import warnings
from pathlib import Path

import pytest
from image_files import write_images

from tacit.cli import run_command
from tacit.images import cache
from tacit.images.cache import CacheWarning, cache_folder, is_passing
from tacit.images.dataset import Split
from tacit.images.folders import read_folder
from tacit.images.shared import read_images
from tacit.images.shared import write_images as lay_images

NAMES = [f"{kind}/{number}.png" for kind in ("cat", "dog") for number in range(20)]


@pytest.fixture
def at_exit(monkeypatch):
    """A home folder that nobody can write, whoever runs this; what a process does at its end."""
    monkeypatch.setenv("TACIT_CACHE", "")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", "/dev/null/home")
    monkeypatch.setenv("MPLCONFIGDIR", "/dev/null/matplotlib")
    found = []
    monkeypatch.setattr(cache.atexit, "register", found.append)
    return found


def test_without_a_home_that_can_be_written_the_cache_passes_and_is_said_once(at_exit, tmp_path):
    write_images(tmp_path / "pets", NAMES)
    with pytest.warns(CacheWarning, match="TACIT_CACHE"):
        opened = read_folder(tmp_path / "pets")
    again = read_folder(tmp_path / "pets")  # warnings are errors here
    assert opened.train.sha256 == again.train.sha256
    folder = Path(opened.train.pixels.filename)
    assert is_passing(folder)
    # What a study keeps does not vanish with that cache.
    lay_images(tmp_path / "images", Split(opened.train, opened.test))
    at_exit[0]()
    assert not folder.exists()
    kept = read_images(tmp_path / "images")
    assert kept.train.sha256 == opened.train.sha256


def test_a_command_says_so_in_one_line(at_exit, tmp_path, capsys):
    write_images(tmp_path / "pets", NAMES)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        command = ["run", "transfer", "--images", str(tmp_path / "pets"), "--dry-run"]
        assert run_command(command) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("note: the home folder's cache cannot be written")
    at_exit[0]()


def test_a_cache_that_was_named_is_not_replaced(monkeypatch, tmp_path, capsys):
    (tmp_path / "file").touch()
    monkeypatch.setenv("TACIT_CACHE", str(tmp_path / "file"))
    write_images(tmp_path / "pets", NAMES)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert run_command(["run", "transfer", "--images", str(tmp_path / "pets")]) == 2
    assert "the cache cannot be written" in capsys.readouterr().err
    with pytest.raises(Exception, match="TACIT_CACHE"):
        cache_folder("folders")
