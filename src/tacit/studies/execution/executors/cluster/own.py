"""A Ray of one's own on this machine, as a process beside this one: ``--cluster local``.

It is in a session of its own, so that what a terminal or Slurm sends to every process of a group
does not end it before running jobs have kept their state; it ends when whoever started it does.
"""

import logging
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

ADDRESS = "address: "
SECONDS_TO_END = 20.0
OBJECTS, LEAST_OBJECTS = 2**31, 80 * 2**20
"""Bytes that Ray's store may take, and the least that it works with."""


@contextmanager
def own_ray(cores: int) -> Iterator[str]:
    """Start it; gives its address.

    Whoever joins it shows a token that it has from this process alone (`RAY_AUTH_TOKEN`), as long
    as Ray was not imported before.

    Raises:
        StudyError: it did not start; the last that it said.
    """
    from tacit.studies.description.errors import StudyError  # the process beside needs it not

    os.environ.setdefault("RAY_AUTH_MODE", "token")
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(16))
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(cores)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            start_new_session=True,
            env=dict(os.environ),
        )
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            for line in process.stdout:
                text = line.decode(errors="replace").strip()
                if text.startswith(ADDRESS):
                    yield text.removeprefix(ADDRESS)
                    return
            said.seek(0)
            last = said.read().decode(errors="replace").strip().splitlines() or ["nothing"]
            raise StudyError("--cluster local", [f"Ray did not start; its last words: {last[-1]}"])
        finally:
            with suppress(BrokenPipeError):
                process.stdin.close()
            try:
                process.wait(SECONDS_TO_END)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()


def bytes_for_objects(shared_memory: Path = Path("/dev/shm")) -> int:
    """How much Ray's store may take: of shared memory, at most nine tenths of what is free.

    Where that is too little, as in many containers, Ray keeps the store in files of its own.
    """
    if not shared_memory.is_dir():
        return LEAST_OBJECTS
    status = os.statvfs(shared_memory)
    return max(LEAST_OBJECTS, min(OBJECTS, int(0.9 * status.f_bavail * status.f_frsize)))


def main(cores: int) -> None:
    """Start Ray, say where it is, and end with whoever reads that."""
    import ray

    context: Any = ray.init(
        "local",  # another that runs on this machine is not joined
        num_cpus=cores,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        object_store_memory=bytes_for_objects(),
    )
    print(ADDRESS + context.address_info["gcs_address"], flush=True)
    sys.stdin.read()
    ray.shutdown()


if __name__ == "__main__":
    main(int(sys.argv[1]))
