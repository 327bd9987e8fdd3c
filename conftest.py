"""One thread for each test process: several processes with several threads each get in each
other's way, and results depend on the number of threads. And a cache of the suite's own: nothing is
found that an earlier run left, and nothing is left in the home folder."""

import atexit
import os
import shutil
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).parent / "tests"))  # for the helpers beside the tests

if (
    find_spec("ray") is None
):  # doctests import every module, but those of an extra that is not there
    collect_ignore_glob = ["src/tacit/studies/execution/executors/cluster/*.py"]

for library in ("OMP", "MKL", "OPENBLAS"):
    os.environ[f"{library}_NUM_THREADS"] = "1"

if "PYTEST_XDIST_WORKER" not in os.environ:  # those have the cache of whoever started them
    os.environ["TACIT_CACHE"] = tempfile.mkdtemp(prefix="tacit-tests-")
    atexit.register(shutil.rmtree, os.environ["TACIT_CACHE"], ignore_errors=True)

import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402

# On a busy machine an example may take long; that is no fault of what it tests. Every run of the
# suite tries the same examples; `--hypothesis-profile=explore` looks for others (`make test-slow`).
settings.register_profile("tacit", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None)
settings.load_profile("tacit")


class Notebook:
    """What stands for IPython in a notebook's kernel, and keeps what its cell shows."""

    def __init__(self) -> None:
        self.outputs: list[str] = []

    def display(self, html: Any, *, display_id: bool = False) -> Any:
        place = len(self.outputs)
        self.outputs.append(html.data)

        def update(html: Any) -> None:
            self.outputs[place] = html.data

        return SimpleNamespace(update=update)


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> Notebook:
    """This process as a notebook's kernel."""
    shell = type("ZMQInteractiveShell", (), {})()
    found = Notebook()
    shown = SimpleNamespace(HTML=lambda html: SimpleNamespace(data=html), display=found.display)
    ipython = SimpleNamespace(get_ipython=lambda: shell, display=shown)
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", shown)
    return found
