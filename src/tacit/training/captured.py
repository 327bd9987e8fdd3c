"""An update captured in a CUDA graph: all its kernels are launched at once.

Networks as small as these keep a GPU waiting: each of an update's hundred kernels takes less time
than Python takes to ask for it. A graph is asked for once; what it holds is the very work of the
step that it was captured from, on the same tensors.

From PyTorch's notes on CUDA graphs (https://docs.pytorch.org/docs/stable/notes/cuda.html): a graph
reads and writes the same memory at every replay, so batches are copied into tensors that stay; it
is captured on a stream of its own, after a few runs of the same work there; the rate is a tensor,
as a number would be captured as it was; and a replay draws its noise from where the generator
stands, so that the named stream of an update gives the noise that it gives elsewhere.
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from tacit.training.batches import images_at_once
from tacit.training.examples import Examples
from tacit.training.objectives import Batch, Objective, stays_on_device
from tacit.training.optimizers import RowAdam
from tacit.training.schedule import Schedule
from tacit.training.step import Step

WARM_UPDATES = 3
"""Updates before a graph is captured: libraries are loaded, and Adam makes its moments."""

FEWEST_UPDATES = 100
"""To capture a graph is taken to last as long as some tens of updates; that is not measured yet."""


def can_capture(
    objective: Objective,
    rows: RowAdam | None,
    schedule: Schedule,
    device: torch.device,
    images: Examples,
) -> bool:
    """Whether updates on full batches can be captured in a graph, and are enough to pay for it.

    On a GPU; with an objective in which nothing goes between device and host; without parameters
    that belong to images, whose rows are counted on the host; and where a batch goes through the
    network at once. It depends on nothing that an interruption changes.
    """
    size = full_size(schedule)
    return (
        device.type == "cuda"
        and stays_on_device(objective)
        and rows is None
        and schedule.updates > FEWEST_UPDATES
        and images_at_once(images.scaled(np.arange(1)).size, size) == size
    )


def full_size(schedule: Schedule) -> int:
    """Images of every batch but the last, short one of an epoch."""
    return min(schedule.batch_size, schedule.n_images)


class Graph(Protocol):
    """Work that is recorded once and then repeated: `CudaGraph`, or what a test puts there."""

    def warm(self, work: Callable[[], Tensor]) -> Tensor:
        """Do the work once where it will be captured, and return what it returns."""
        ...

    def capture(self, work: Callable[[], Tensor]) -> Tensor:
        """Record the work without doing it; returns the tensor that `replay` fills."""
        ...

    def replay(self) -> None:
        """Do the work once more, on the same tensors."""
        ...


class CapturedStep:
    """A `Step` on full batches as a graph; short ones are taken by the step itself.

    Args:
        step: its optimizer is capturable, with the rate as a tensor.
        size: images of a full batch.
        graph: not used before.
    """

    def __init__(self, step: Step, size: int, graph: Graph) -> None:
        self.step, self.size, self.graph = step, size, graph
        self.warmed = 0
        self.inputs: Batch | None = None
        self.loss: Tensor

    def __call__(self, batch: Batch, rate: float) -> Tensor:
        """As `Step.__call__`."""
        if len(batch.x) != self.size:
            return self.step(batch, rate)
        if self.warmed < WARM_UPDATES:  # by updates that count as any other
            self.warmed += 1
            return self.graph.warm(lambda: self.step(batch, rate))
        self.step.set_rate(rate)
        if self.inputs is None:
            inputs = Batch(*(None if field is None else field.clone() for field in batch))  # type: ignore[arg-type]
            self.loss = self.graph.capture(lambda: self.step.learn(inputs))
            self.inputs = inputs
        for there, here in zip(self.inputs, batch, strict=True):
            if there is not None and here is not None:
                there.copy_(here)
        self.graph.replay()
        return self.loss.clone()  # the next replay writes over it


class CudaGraph:
    """A `torch.cuda.CUDAGraph` on the device of a generator that its work draws from.

    No other thread of the process may use a GPU while it is captured.
    """

    def __init__(self, generator: torch.Generator) -> None:
        self.generator, self.device = generator, generator.device
        self.stream = torch.cuda.Stream(self.device)
        self.graph = torch.cuda.CUDAGraph()

    def warm(self, work: Callable[[], Tensor]) -> Tensor:
        around = torch.cuda.current_stream(self.device)
        self.stream.wait_stream(around)
        with torch.cuda.stream(self.stream):
            result = work()
        around.wait_stream(self.stream)
        return result

    def capture(self, work: Callable[[], Tensor]) -> Tensor:
        with torch.cuda.device(self.device):
            # From 2.14 on a graph finds by itself what its work draws from, and warns of this.
            if torch.__version__ < "2.14":
                self.graph.register_generator_state(self.generator)
            with torch.cuda.graph(self.graph, stream=self.stream):
                return work()

    def replay(self) -> None:
        self.graph.replay()
