"""Imported where checkpoints are to be written as often as the environment says."""

import os

import tacit.evidence.checkpoint
import tacit.training.checkpoint


def checkpoints(seconds: float) -> None:
    """Write checkpoints so often, however long it takes."""
    tacit.training.checkpoint.SECONDS_BETWEEN_CHECKPOINTS = seconds
    tacit.training.checkpoint.SHARE_OF_TIME = float("inf")
    tacit.evidence.checkpoint.SECONDS_BETWEEN = seconds


if "CRASH_TEST_SECONDS" in os.environ:
    checkpoints(float(os.environ["CRASH_TEST_SECONDS"]))
