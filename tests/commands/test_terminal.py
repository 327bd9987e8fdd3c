"""What is printed where the terminal or the pipe is no UTF-8: all of it, in other words."""

import io
import subprocess
import sys

import pytest

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
