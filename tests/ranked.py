"""Several ranks for a test, each a process of its own."""

import pickle
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import torch

from tacit.studies.execution import forking
from tacit.training.ranks.joining import Meeting, Seat, joined


def together(work: Callable[..., Any], size: int, *arguments: Any) -> list[Any]:
    """What `work(ranks, *arguments)` returns on each rank, or the exception that it raises.

    `work` is a function of a module, and what it takes and returns are plain data or tensors.
    """
    context = forking.begin()
    pipes, processes = [], []
    meeting = Meeting()
    for seat in meeting.seats("test", size):
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_sit, args=(seat, theirs, work, arguments))
        with forking.without_main():
            process.start()
        theirs.close()
        pipes.append(ours)
        processes.append(process)
    said = []
    for pipe in pipes:
        try:
            said.append(pickle.loads(pipe.recv_bytes()))
        except EOFError:
            said.append(None)
        pipe.close()
    for process in processes:
        process.join(30)
    return said


def _sit(
    seat: Seat, pipe: Connection, work: Callable[..., Any], arguments: tuple[Any, ...]
) -> None:
    torch.set_num_threads(1)
    try:
        with joined(seat, "cpu") as ranks:
            result: Any = work(ranks, *arguments)
    except Exception as error:
        error.add_note(traceback.format_exc())
        result = error
    # Tensors go as bytes, not as memory that ends with its process.
    pipe.send_bytes(pickle.dumps(result))
