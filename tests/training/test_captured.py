"""A captured update is the update: with a stand-in for the graph, and on a GPU with CUDA's."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from bits import same_tensors
from tacit.images.dataset import Images
from tacit.labels.augmentation import Affine, augmented
from tacit.models.config import ModelConfig, build
from tacit.models.parts import freeze
from tacit.models.precision import products_in
from tacit.streams import numpy_stream, seeded_initialisation
from tacit.training.captured import FEWEST_UPDATES, WARM_UPDATES, CapturedStep, can_capture
from tacit.training.checkpoint import FolderCheckpointer, Stopped
from tacit.training.loop import fit
from tacit.training.objectives import (
    Batch,
    cross_entropy,
    dreg,
    elbo,
    generalised_cross_entropy,
    iwae,
    squared_error,
    stays_on_device,
)
from tacit.training.optimizers import RowAdam
from tacit.training.schedule import Schedule

SHAPE = (1, 8, 8)
BERNOULLI = {"likelihood": {"kind": "bernoulli"}}
LEARNED = {"likelihood": {"kind": "gaussian", "learned": True}}
KINDS = {
    "autoencoder": ("autoencoder", {}, squared_error),
    "classifier": ("classifier", {}, cross_entropy),
    "elbo": ("vae", {}, elbo(beta=2.0)),
    "learned-sigma": ("vae", LEARNED, elbo()),
    "iwae": ("vae", BERNOULLI, iwae(3)),
    "dreg": ("vae", {}, dreg(3)),
}
kinds = pytest.mark.parametrize(("learn", "settings", "objective"), KINDS.values(), ids=KINDS)


def some_images(n: int = 10, shape: tuple[int, int, int] = SHAPE) -> Images:
    pixels = numpy_stream(0, "pixels").integers(0, 256, (n, *shape), dtype=np.uint8)
    return Images(pixels, np.arange(n) % 2, ("even", "odd"))


def new(learn: str, settings: dict, seed: int = 0, shape: tuple[int, int, int] = SHAPE):
    config = ModelConfig.model_validate(
        {"learn": learn, "shape": shape, "latent_dim": 3, "n_classes": 2, **settings}
    )
    with seeded_initialisation(seed):
        return build(config)


class Float32Rates(Schedule):
    """A captured rate is a float32 tensor; this is what it holds."""

    def rate_at(self, update: int) -> float:
        return float(np.float32(super().rate_at(update)))


def schedule(**settings) -> Schedule:
    """Twelve updates in four epochs, each of which ends with a batch of two in place of four."""
    return Float32Rates(10, 4, 12, rate=3e-3, one_cycle=True, **settings)


class StandIn:
    """A graph that repeats its work by calling it. As with CUDA's, capturing does nothing."""

    made: "list[StandIn]"

    def __init__(self, generator: torch.Generator) -> None:
        self.made.append(self)
        self.warmed = self.replayed = 0
        self.loss = torch.full((), float("nan"))

    def warm(self, work) -> Tensor:
        self.warmed += 1
        return work()

    def capture(self, work) -> Tensor:
        self.work = work
        return self.loss

    def replay(self) -> None:
        self.replayed += 1
        self.loss.copy_(self.work())


@pytest.fixture
def graphs(monkeypatch) -> list[StandIn]:
    """Updates are captured on the CPU; the graphs that were made."""
    StandIn.made = []
    monkeypatch.setattr("tacit.training.loop.can_capture", lambda *_: True)
    monkeypatch.setattr("tacit.training.loop.CudaGraph", StandIn)
    return StandIn.made


@kinds
def test_a_captured_run_is_the_run_to_the_bit(learn, settings, objective, graphs) -> None:
    ends = []
    for capture in (True, False):
        model = new(learn, settings)
        plan = schedule(evaluate_at=(5, 12), snapshot_at=(6,))
        history = fit(model, objective, some_images(), plan, seed=0, capture=capture)
        ends.append((history.to_json(), model.state_dict()))
    assert ends[0][0] == ends[1][0]
    assert same_tensors(ends[0][1], ends[1][1])
    (graph,) = graphs
    assert (graph.warmed, graph.replayed) == (WARM_UPDATES, 8 - WARM_UPDATES)


@kinds
@pytest.mark.parametrize("stop_at", [1, 3, 7])
def test_an_interrupted_captured_run_goes_on_to_the_same_bits(
    learn, settings, objective, stop_at, graphs, tmp_path
) -> None:
    whole = new(learn, settings)
    history = fit(whole, objective, some_images(), schedule(), seed=0, capture=True)
    asked = iter(range(1, 100))
    checkpointer = FolderCheckpointer(tmp_path, stop=lambda: next(asked) == stop_at)
    first = new(learn, settings)
    with pytest.raises(Stopped):
        fit(
            first,
            objective,
            some_images(),
            schedule(),
            seed=0,
            checkpointer=checkpointer,
            capture=True,
        )
    second = new(learn, settings, seed=99)
    checkpointer = FolderCheckpointer(tmp_path)
    again = fit(
        second,
        objective,
        some_images(),
        schedule(),
        seed=0,
        checkpointer=checkpointer,
        capture=True,
    )
    assert same_tensors(whole.state_dict(), second.state_dict())
    assert again.to_json() == history.to_json()
    assert len(graphs) == 3


def test_codes_of_a_frozen_encoder_are_an_input_as_well(graphs) -> None:
    ends = []
    for capture in (True, False):
        model = new("classifier", {})
        freeze(model.encoder)
        fit(model, cross_entropy, some_images(), schedule(), seed=0, capture=capture)
        ends.append(model.state_dict())
    assert same_tensors(*ends)
    assert graphs[0].replayed == 5


def test_a_graph_reads_the_same_memory_and_its_losses_stay() -> None:
    class Watched:
        """A step whose loss is the sum of its images, times its rate."""

        def __init__(self) -> None:
            self.rate, self.places = 0.0, set()

        def __call__(self, batch: Batch, rate: float) -> Tensor:
            self.set_rate(rate)
            return self.learn(batch)

        def set_rate(self, rate: float) -> None:
            self.rate = rate

        def learn(self, batch: Batch) -> Tensor:
            self.places.add(batch.x.data_ptr())
            return batch.x.sum() * self.rate

    StandIn.made = []
    watched = Watched()
    step = CapturedStep(watched, 2, StandIn(torch.Generator()))  # type: ignore[arg-type]
    kept, losses = [], []
    for number in range(10):
        n = 1 if number == 6 else 2
        x = torch.full((n, *SHAPE), float(number))
        kept.append(x)  # so that no batch lies where another lay
        if number == WARM_UPDATES:
            watched.places.clear()
        losses.append(step(Batch(x, None, torch.arange(n)), rate=number + 1.0))
    assert len(watched.places) == 2  # the graph's own, and that of the short batch
    assert {x.data_ptr() for x in kept} & watched.places == {kept[6].data_ptr()}
    expected = [64.0 * number * (number + 1) * (1 if number == 6 else 2) for number in range(10)]
    assert [float(loss) for loss in losses] == expected


@pytest.mark.parametrize(
    ("changed", "captured"),
    [
        ({}, True),
        ({"device": "cpu"}, False),
        ({"objective": lambda model, batch, generator: {}}, False),
        ({"rows": RowAdam([], rate=0.1)}, False),
        ({"updates": FEWEST_UPDATES}, False),
        ({"batch_size": 5}, True),
        ({"batch_size": 500}, True),  # all of them make one batch
    ],
)
def test_what_is_captured_follows_the_rule(changed, captured) -> None:
    given = {
        "device": "cuda", "objective": elbo(), "rows": None,
        "updates": FEWEST_UPDATES + 1, "batch_size": 4,
    } | changed  # fmt: skip
    plan = Schedule(10, given["batch_size"], given["updates"])
    device = torch.device(given["device"])
    found = can_capture(given["objective"], given["rows"], plan, device, some_images())
    assert found is captured


def test_a_batch_that_is_learned_from_in_parts_is_not_captured(monkeypatch) -> None:
    plan = Schedule(10, 4, FEWEST_UPDATES + 1)
    rule = (elbo(), None, plan, torch.device("cuda"), some_images())
    monkeypatch.setattr("tacit.training.batches.PIXELS_AT_ONCE", 4 * 64)
    assert can_capture(*rule)
    monkeypatch.setattr("tacit.training.batches.PIXELS_AT_ONCE", 4 * 64 - 1)
    assert not can_capture(*rule)


def test_only_objectives_that_say_so_are_captured() -> None:
    assert all(stays_on_device(objective) for _, _, objective in KINDS.values())
    assert not stays_on_device(generalised_cross_entropy(0.7, torch.ones(10, 2)))
    assert not stays_on_device(augmented(cross_entropy, Affine()))


class Reading(TorchDispatchMode):
    """Collects operations that would make a host wait for its device, or send it something."""

    NAMES = ("_local_scalar_dense", "lift_fresh", "nonzero", "masked_select", "equal", "_unique2")

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        given = [a.device for a in args if isinstance(a, Tensor)]
        sent = (kwargs or {}).get("device") not in (None, *given) and len(given) > 0
        if sent or func.overloadpacket.__name__ in self.NAMES:
            self.found.append(str(func))
        return func(*args, **(kwargs or {}))


@kinds
@pytest.mark.parametrize("network", ["conv", "dense"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_nothing_goes_between_host_and_device_in_an_objective(
    learn, settings, objective, network, dtype
) -> None:
    """On PyTorch's "meta" device tensors have no numbers: to read one, or to mix one with tensors
    of the host, is an error there."""
    model = new(learn, settings | {"network": {"kind": network}}, shape=(1, 28, 28))
    assert read_by(model, objective, dtype) == []


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_nothing_does_in_a_network_that_pools(dtype) -> None:
    model = new("classifier", {"network": {"kind": "pool"}}, shape=(1, 28, 28))
    assert read_by(model, cross_entropy, dtype) == []


def test_what_does_is_noticed() -> None:
    def making(loss):
        return loss * torch.tensor(2.0, device=loss.device)

    def sending(loss):
        return loss * torch.full((64,), 2.0).to(loss.device)

    def reading(loss):
        return loss / loss.max().item()

    def found(change) -> list[str]:
        def changed(model, batch, generator):
            return {"loss": change(squared_error(model, batch, generator)["loss"])}

        return read_by(new("autoencoder", {}, shape=(1, 28, 28)), changed)

    assert found(making) == ["aten.lift_fresh.default"]
    assert found(sending) == ["aten._to_copy.default"]
    with pytest.raises(RuntimeError, match="meta"):
        found(reading)


def read_by(model, objective, dtype: torch.dtype = torch.float32) -> list[str]:
    """What goes between host and device when `objective` is learned from.

    A tensor that is made of numbers is seen on the CPU alone.
    """
    found = []
    for device in ("cpu", "meta"):
        model = model.to(device)
        x = torch.zeros((64, 1, 28, 28), device=device)
        y, index = (torch.zeros(64, dtype=torch.int64, device=device) for _ in range(2))
        generator = torch.Generator() if device == "cpu" else None
        with Reading() as reading, products_in(dtype):
            objective(model, Batch(x, y, index), generator)["loss"].mean().backward()
        assert all(p.grad.device.type == device for p in model.parameters())
        found += reading.found
    return found


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
@kinds
@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 2e-3), ("bfloat16", 1e-2)])
def test_on_a_gpu_captured_updates_are_the_eager_ones(
    learn, settings, objective, precision, tolerance
) -> None:
    images, shape = some_images(200, (1, 28, 28)), (1, 28, 28)
    plan = Schedule(
        200, 32, 140, one_cycle=True, evaluate_at=(70,), precision=precision, snapshot_at=(80,)
    )
    ends = []
    for capture in (True, False):
        model = new(learn, settings, shape=shape).cuda()
        history = fit(model, objective, images, plan, seed=0, capture=capture)
        ends.append(np.array(history.loss))
    # A GPU sums in an order of the moment, which Adam's first updates make more of.
    np.testing.assert_allclose(ends[0], ends[1], rtol=tolerance, atol=1e-3)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_on_a_gpu_an_interrupted_run_goes_on(tmp_path) -> None:
    images, plan = some_images(200), Schedule(200, 32, 140)
    whole = new("vae", {}).cuda()
    history = fit(whole, elbo(), images, plan, seed=0, capture=True)
    seen = []
    checkpointer = FolderCheckpointer(
        tmp_path, stop=lambda: max(seen) > 30, report=lambda update, loss: seen.append(update)
    )
    first, second = (new("vae", {}, seed=seed).cuda() for seed in (0, 9))
    with pytest.raises(Stopped):
        fit(first, elbo(), images, plan, seed=0, checkpointer=checkpointer, capture=True)
    checkpointer = FolderCheckpointer(tmp_path)
    again = fit(second, elbo(), images, plan, seed=0, checkpointer=checkpointer, capture=True)
    np.testing.assert_allclose(again.loss, history.loss, rtol=2e-3)
