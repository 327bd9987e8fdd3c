"""Imported once by the process from which workers are forked, so that none of them has to.

`torch._dynamo` is what the first step of any optimizer imports; it takes longer than many a run.
"""

import os
from pathlib import Path

# That import makes a folder for compiled programs, by default in TMPDIR, and leaves it there. Jobs
# compile nothing: any folder that is there will do, and nothing is written into it.
os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(Path(__file__).parent))

import torch._dynamo

import tacit.studies.work

__all__ = ["tacit", "torch"]
