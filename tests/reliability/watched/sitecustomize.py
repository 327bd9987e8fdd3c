"""Python imports this first of all where it lies on the path: whatever is changed on disk is noted.

Each process of a command writes one line per change, the path, into the file that the environment
variable WATCHED_LOG names.
"""

import os
import sys
from pathlib import Path

LOG = os.environ.get("WATCHED_LOG")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
CHANGES = {
    "os.chmod": [(0, 2)],
    "os.link": [(1, 3)],
    "os.mkdir": [(0, 2)],
    "os.remove": [(0, 1)],
    "os.rename": [(0, 2), (1, 3)],
    "os.rmdir": [(0, 1)],
    "os.symlink": [(1, 2)],
    "os.truncate": [(0, None)],
    "os.utime": [(0, 3)],
    "socket.bind": [(1, None)],
}
"""Of audit events, which arguments are paths, and which the open folders that they are below."""


def changed(event: str, arguments: tuple[object, ...]) -> list[str]:
    """The paths of what an audit event says is changed."""
    places = CHANGES.get(event, [])
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING:
        places = [(0, None)]
    found = []
    for place, below in places:
        path = arguments[place]
        if not isinstance(path, str | bytes | os.PathLike):
            continue  # a file that is open already
        folder = -1 if below is None else arguments[below]
        start = Path.cwd() if folder == -1 else Path(f"/proc/self/fd/{folder}").readlink()
        whole = os.path.normpath(start / os.fsdecode(path))
        if not (event == "os.mkdir" and Path(whole).exists()):  # which changes nothing
            found.append(whole)
    return found


if LOG is not None:
    log = os.open(LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def note(event: str, arguments: tuple[object, ...]) -> None:
        for path in changed(event, arguments):
            os.write(log, f"{path!a}\n".encode())

    sys.addaudithook(note)
