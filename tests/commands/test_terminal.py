"""What is printed where the terminal or the pipe is no UTF-8: all of it, in other words."""

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import tacit
from tacit import cli
from tacit.commands import terminal


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_every_character_is_printed_in_some_way(encoding, monkeypatch) -> None:
    raw = io.BytesIO()
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, io.TextIOWrapper(raw, encoding=encoding))
    terminal.speak_plainly()
    said = "σ ± 2 … vae · Poisson ★ caffè 日本 \udcff"
    print(said, flush=True)
    found = raw.getvalue().decode(encoding).rstrip("\n")
    if encoding == "ascii":
        expected = r"sigma +/- 2 ... vae - Poisson * caff\xe8 \u65e5\u672c \udcff"
        assert found == expected
    elif encoding == "utf-8":
        assert found == said.replace("\udcff", r"\udcff")
    else:
        assert "caffè" in found
        assert r"\u65e5\u672c" in found


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_commands_end_as_they_should_without_utf8(encoding, tmp_path) -> None:
    code = (
        "import sys; from tacit.cli import run_command;"
        "sys.exit(run_command(['describe', '--size', '8']) or run_command(['run', 'transfer', "
        "'--dry-run']) or run_command(['run', 'no-\\u65e5']) - 2)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        check=False,
        cwd=tmp_path,
        env={"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0", "PATH": "", "HOME": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    assert b"8x8" in done.stdout or "8×8".encode(encoding) in done.stdout
    assert rb"no-\u65e5" in done.stderr


@pytest.mark.parametrize("home", ["/dev/null", "/proc/no-home"])
def test_a_home_that_cannot_be_written_is_no_matter(home, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("HOME", home)
    for name in ("MPLCONFIGDIR", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(terminal.tempfile, "tempdir", str(tmp_path))
    terminal.quiet_without_a_home()
    assert Path(os.environ["MPLCONFIGDIR"]).parent == tmp_path
    monkeypatch.delenv("MPLCONFIGDIR")
    monkeypatch.setenv("HOME", str(tmp_path))
    terminal.quiet_without_a_home()
    assert "MPLCONFIGDIR" not in os.environ


def test_a_working_directory_that_is_gone_is_said(tmp_path, monkeypatch, capsys) -> None:
    def gone() -> Path:
        raise FileNotFoundError

    monkeypatch.setattr(cli, "Path", type("Gone", (), {"cwd": staticmethod(gone)}))
    assert cli.run_command(["describe", "--size", "8"]) == 2
    assert "the working directory is gone" in capsys.readouterr().err
    assert cli.run_command(["--version"]) == 0


def test_whatever_pytorchs_default_is_networks_are_float32() -> None:
    x = np.random.default_rng(0).random((20, 8, 8))
    expected = tacit.VAE(n_components=2, max_epochs=1, min_updates=2, importance_samples=2).fit(x)
    torch.set_default_dtype(torch.float64)
    try:
        found = tacit.VAE(n_components=2, max_epochs=1, min_updates=2, importance_samples=2).fit(x)
        assert np.array_equal(found.transform(x), expected.transform(x))
        assert np.array_equal(found.score_samples(x), expected.score_samples(x))
        assert cli.run_command(["describe", "--size", "8"]) == 0
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
