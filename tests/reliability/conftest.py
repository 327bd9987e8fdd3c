"""Helpers that lie beside these tests, and the fuzz targets, which lie beside the tests' folder."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
for folder in (HERE, HERE.parents[1]):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
