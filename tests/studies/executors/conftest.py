"""Small studies, as crash tests have them."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "reliability" / "crash"))
