"""The process that workers are forked from, and what a command imports before it has work."""

import os
import subprocess
import sys

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def said(code: str) -> str:
    """What a new interpreter prints that was told nothing of threads."""
    environment = {name: value for name, value in os.environ.items() if name not in THREADS}
    ended = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def test_openblas_has_no_threads_that_would_be_started_in_every_job() -> None:
    code = """
import sys, tacit.studies.execution.warm
from threadpoolctl import threadpool_info
print({one["num_threads"] for one in threadpool_info() if one["internal_api"] == "openblas"})
print("torch._dynamo" in sys.modules)
from tacit.questions.registry import QUESTIONS
rooms = {f"{one.__module__.rpartition('.')[0]}.numbers" for one in QUESTIONS.values()}
print(rooms <= sys.modules.keys())
"""
    assert said(code).split("\n") == ["{1}", "True", "True"]


def test_models_on_the_meta_device_import_no_compiler() -> None:
    code = """
import sys, torch
from tacit.models.config import (
    ConvNetwork, DenseNetwork, ModelConfig, PerImageTable, PoolNetwork, build
)
with torch.device("meta"):
    for network in (ConvNetwork(), DenseNetwork(), PoolNetwork()):
        build(ModelConfig(
            learn="classifier", shape=(1, 28, 28), latent_dim=4, n_classes=3, network=network
        ))
    build(ModelConfig(
        learn="vae", shape=(1, 28, 28), latent_dim=4, posterior=PerImageTable(), n_images=9
    ))
print("torch._dynamo" in sys.modules)
"""
    assert said(code) == "False"


def test_a_study_that_is_not_there_is_said_before_anything_large_is_imported() -> None:
    code = """
import sys
from tacit.cli import run_command
print(run_command(["run", "infrence"]), "torch" in sys.modules)
"""
    assert said(code) == "2 False"
