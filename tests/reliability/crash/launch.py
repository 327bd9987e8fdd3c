"""``tacit`` with checkpoints as often as CRASH_TEST_SECONDS says, in workers too.

CRASH_TEST_SECONDS=0.1 python tests/reliability/crash/launch.py run STUDY …

Where CRASH_TEST_INTERRUPTED_IMPORT names a module, the process group is sent SIGINT when this
process begins to import it.
"""

import os
import signal
import sys
from multiprocessing.context import ForkServerContext
from pathlib import Path


def interrupt_import(name: str) -> None:
    """Send SIGINT to the process group when this process first imports the module."""
    waiting = [os.getpid()]

    def imported(event: str, arguments: tuple[object, ...]) -> None:
        if event == "import" and arguments[0] == name and waiting == [os.getpid()]:
            waiting.clear()
            os.killpg(0, signal.SIGINT)

    sys.addaudithook(imported)


def main() -> int:
    if name := os.environ.get("CRASH_TEST_INTERRUPTED_IMPORT"):
        interrupt_import(name)
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
