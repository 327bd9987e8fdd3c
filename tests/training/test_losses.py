"""Losses that are read several at a time are the losses, and name the update that lost them."""

import numpy as np
import pytest
import torch
from torch import nn

from bits import same_tensors
from tacit.images.dataset import Images
from tacit.models.config import ModelConfig, build
from tacit.streams import numpy_stream, seeded_initialisation
from tacit.training import losses
from tacit.training.checkpoint import FolderCheckpointer, Stopped
from tacit.training.history import History
from tacit.training.loop import Diverged, fit
from tacit.training.losses import MOST_UNREAD, Unread
from tacit.training.objectives import elbo, squared_error
from tacit.training.schedule import Schedule
from tacit.training.state import State

GPU = torch.device("cuda")


@pytest.fixture
def late(monkeypatch) -> None:
    """Losses are read on the CPU as a GPU's are, three at a time."""
    monkeypatch.setattr(losses, "MOST_UNREAD", 3)
    monkeypatch.setattr(losses, "SECONDS_UNREAD", 3600.0)
    monkeypatch.setattr("tacit.training.loop.Unread", lambda *_, **__: Unread(GPU))


def some_images() -> Images:
    return Images(numpy_stream(0, "pixels").integers(0, 256, (10, 1, 8, 8), dtype=np.uint8))


def new(learn: str = "vae", **settings) -> nn.Module:
    with seeded_initialisation(0):
        return build(ModelConfig(learn=learn, shape=(1, 8, 8), latent_dim=3, **settings))


class Told:
    """A checkpointer that keeps what it is told."""

    def __init__(self) -> None:
        self.updates: list[int] = []

    def resume(self, state: State) -> tuple[int, History]:
        return 0, History()

    def after_update(self, update: int, loss: float, state: State, history: History) -> None:
        assert len(history.loss) == update
        assert history.loss[-1] == loss
        self.updates.append(update)

    def snapshot(self, update: int, state: State) -> None:
        """Nothing."""


PLAN = Schedule(10, 4, 14, evaluate_at=(5, 14), snapshot_at=(6,))


def test_the_history_is_the_same_and_reaches_up_to_what_is_looked_at(request) -> None:
    first, checkpointer = new(), Told()
    history = fit(first, elbo(), some_images(), PLAN, seed=0, checkpointer=checkpointer)
    assert checkpointer.updates == list(range(1, 15))
    request.getfixturevalue("late")
    second, checkpointer = new(), Told()
    assert fit(second, elbo(), some_images(), PLAN, seed=0, checkpointer=checkpointer) == history
    assert same_tensors(first.state_dict(), second.state_dict())
    # The first alone, as its pace is not known; then three, or up to what looks at the model.
    assert checkpointer.updates == [1, 4, 5, 6, 9, 12, 14]


def test_an_interrupted_run_goes_on_to_the_same_bits(late, tmp_path) -> None:
    whole, resumed = new(), new()
    history = fit(whole, elbo(), some_images(), PLAN, seed=0)
    asked = iter(range(1, 100))
    checkpointer = FolderCheckpointer(tmp_path, stop=lambda: next(asked) == 5)
    with pytest.raises(Stopped, match="stopped after update 9"):
        fit(new(), elbo(), some_images(), PLAN, seed=0, checkpointer=checkpointer)
    again = fit(
        resumed, elbo(), some_images(), PLAN, seed=0, checkpointer=FolderCheckpointer(tmp_path)
    )
    assert again == history
    assert same_tensors(whole.state_dict(), resumed.state_dict())


@pytest.mark.parametrize("lost_at", [1, 7, 8, 14])
def test_the_very_update_that_lost_its_loss_is_named(late, lost_at) -> None:
    updates = iter(range(1, 100))

    def breaking(model, batch, generator):
        loss = squared_error(model, batch, generator)["loss"]
        return {"loss": loss * float("inf") if next(updates) == lost_at else loss}

    plan, checkpointer = Schedule(10, 4, 14), Told()
    epoch, batch = divmod(lost_at - 1, 3)
    where = rf"loss is inf at update {lost_at} \(epoch {epoch + 1}, batch {batch + 1} of 3\) .* 5"
    with pytest.raises(Diverged, match=where):
        fit(new("autoencoder"), breaking, some_images(), plan, seed=5, checkpointer=checkpointer)
    assert all(update < lost_at for update in checkpointer.updates)


def test_parts_of_a_batch_add_up_to_its_loss_in_float64(late, monkeypatch) -> None:
    monkeypatch.setattr("tacit.training.batches.PIXELS_AT_ONCE", 3 * 64)
    model, seen = new("autoencoder"), []

    def watching(model, batch, generator):
        terms = squared_error(model, batch, generator)
        seen.append((len(batch.x), terms["loss"].mean().detach()))
        return terms

    history = fit(model, watching, some_images(), Schedule(10, 10, 2), seed=0)
    shares = [float(loss * (n / 10)) for n, loss in seen]
    assert history.loss == [sum(shares[:4]), sum(shares[4:])]


@pytest.mark.parametrize(("pace", "most"), [(1e-9, MOST_UNREAD), (0.1, 2), (1.0, 1)])
def test_as_many_are_unread_as_a_request_to_stop_can_wait_for(pace, most, monkeypatch) -> None:
    now = 0.0
    monkeypatch.setattr(losses.time, "monotonic", lambda: now)
    unread, waiting = Unread(GPU), []
    for update in range(1, 200):
        unread.add(update, torch.tensor(float(update)))
        now += pace
        if unread.due:
            waiting.append([number for number, loss in unread.read() if number == loss])
    assert waiting[0] == [1]
    assert {len(numbers) for numbers in waiting[1:]} == {most}
    read = [number for numbers in waiting for number in numbers]
    assert read == list(range(1, read[-1] + 1))


def test_on_a_cpu_every_loss_is_read_at_once() -> None:
    unread = Unread(torch.device("cpu"))
    for update in range(1, 5):
        unread.add(update, torch.tensor(0.5))
        assert unread.due
        assert unread.read() == [(update, 0.5)]
