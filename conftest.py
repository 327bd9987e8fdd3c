"""One thread for each test process: several processes with several threads each get in each
other's way, and results depend on the number of threads."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "tests"))  # for the helpers beside the tests

if (
    find_spec("ray") is None
):  # doctests import every module, but those of an extra that is not there
    collect_ignore_glob = ["src/tacit/studies/execution/executors/cluster/*.py"]

for library in ("OMP", "MKL", "OPENBLAS"):
    os.environ[f"{library}_NUM_THREADS"] = "1"

from hypothesis import settings  # noqa: E402

# On a busy machine an example may take long; that is no fault of what it tests. Every run of the
# suite tries the same examples; `--hypothesis-profile=explore` looks for others (`make test-slow`).
settings.register_profile("tacit", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None)
settings.load_profile("tacit")
