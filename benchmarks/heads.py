"""Heads of 300 few-label trials, as rows; `benchmarks.few_label_heads` measures them."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.pairing import Row
from benchmarks.settings import Settings

OTHERS = {
    "scikit-learn": "scikit-learn's LogisticRegression at its tolerance, one fit after another",
    "scikit-learn, tol 1e-6": "the same at a tolerance of 1e-6",
    "tacit, fit by fit": "tacit's own solver, one fit after another",
}


def rows(settings: Settings) -> list[Row]:
    """All trials together, beside each of their fits by itself."""
    draws = 1 if settings.quick else 10
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "found.json"
        command = [sys.executable, "-m", "benchmarks.few_label_heads", "--draws", str(draws)]
        command += ["--json", str(file)]
        if settings.data_dir is not None:
            command += ["--data-dir", settings.data_dir]
        # Threads that wait for one another would be counted as work of the other side.
        one = os.environ | {"OMP_NUM_THREADS": "1"}
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=one)
        found = json.loads(file.read_text())
    seconds = found["seconds"].values()
    totals = {kind: sum(of[kind] for of in seconds) for kind in ("together", *OTHERS)}
    return [
        Row(
            work=f"logistic heads of {30 * draws} few-label trials, Cs by cross-validation",
            against=against,
            values=[totals["together"] / totals[kind]],
            aim=0.25,
            details=found,
        )
        for kind, against in OTHERS.items()
    ]
