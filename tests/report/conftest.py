"""One fabricated study, with class names that mean harm, for all tests of the report."""

import sys
from pathlib import Path

import pytest

from tacit.report.page import write_report

sys.path.insert(0, str(Path(__file__).parent))  # for the helpers beside the tests

from fabricated import HOSTILE, fabricate

NAMES = ("zero", HOSTILE, "a very long class name that goes on and on", *"3456789")


@pytest.fixture(scope="session")
def study(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("report") / "inference"
    folder.mkdir()
    fabricate(folder, NAMES)
    write_report(folder)
    return folder
