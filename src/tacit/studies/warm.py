"""Imported once by the process from which workers are forked, so that none of them has to.

`torch._dynamo` is what the first step of any optimizer imports; it takes longer than many a run.
"""

import torch._dynamo

import tacit.studies.work

__all__ = ["tacit", "torch"]
