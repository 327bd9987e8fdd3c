"""One thread for each test process: several processes with several threads each get in each
other's way, and results depend on the number of threads."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "tests"))  # for the helpers beside the tests

for library in ("OMP", "MKL", "OPENBLAS"):
    os.environ[f"{library}_NUM_THREADS"] = "1"
