"""Imported once by the process from which workers are forked, so that none of them has to.

`torch._dynamo` is what the first step of any optimizer imports; it takes longer than many a run.
"""

import os
from pathlib import Path

# That import makes a folder for compiled programs, by default in TMPDIR, and leaves it there. Jobs
# compile nothing: any folder that is there will do, and nothing is written into it.
os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(Path(__file__).parent))

# OpenBLAS starts threads of its own in every process that is forked, and they spin while they wait:
# a sixth of a short job's time on two cores, though a job's threads are set as soon as it begins
# (`work.perform`, which may also set more). Read when NumPy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import torch._dynamo

import tacit.studies.execution.work
from tacit.questions.registry import QUESTIONS

tacit.studies.execution.work.linear_algebra()
for question in QUESTIONS.values():
    question.room("numbers")  # what measuring imports, scikit-learn among it

__all__ = ["tacit", "torch"]
