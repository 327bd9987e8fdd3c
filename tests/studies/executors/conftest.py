"""Small studies, as crash tests have them; a token that the test's clusters ask for."""

import os
import secrets
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "reliability" / "crash"))

# Ray reads them when it is imported.
os.environ.setdefault("RAY_AUTH_MODE", "token")
os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(16))
