"""One thread for each test process: several processes with several threads each get in each
other's way, and results depend on the number of threads."""

import os

for library in ("OMP", "MKL", "OPENBLAS"):
    os.environ[f"{library}_NUM_THREADS"] = "1"
