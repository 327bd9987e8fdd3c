"""``tacit`` with checkpoints as often as CRASH_TEST_SECONDS says, in workers too.

CRASH_TEST_SECONDS=0.1 python tests/reliability/crash/launch.py run STUDY …
"""

import os
import sys
from multiprocessing.context import ForkServerContext
from pathlib import Path


def main() -> int:
    # The process that workers are forked from finds the module there, and imports it.
    path = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, path))
    preload = ForkServerContext.set_forkserver_preload

    def preload_more(self: ForkServerContext, names: list[str]) -> None:
        preload(self, [*names, "often"])

    ForkServerContext.set_forkserver_preload = preload_more  # type: ignore[method-assign]
    from tacit.cli import run_command

    return run_command(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
