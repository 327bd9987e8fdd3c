"""Several ranks learn what one learns."""

import socket
import sys
from functools import cache

import numpy as np
import pytest
import torch

from ranked import together
from tacit.training.loop import fit
from tacit.training.objectives import squared_error
from tacit.training.objectives.base import compares_images
from tacit.training.ranks import ALONE, RankLost, Ranks, RanksError
from tacit.training.ranks.joining import Meeting, Pulse, kept_store, store_at
from tacit.training.schedule import Schedule
from training.ranks.learners import (
    KINDS,
    all_learned,
    breaking,
    epoch_losses,
    new,
    some_images,
)

ONE, MORE = 1, 9
"""Updates: one, and three epochs with a last batch of two images each."""

THREE = pytest.param(3, marks=pytest.mark.slow)


@cache
def alone(updates: int):
    return all_learned(ALONE, updates)


@cache
def by_ranks(size: int, updates: int):
    found = together(all_learned, size, updates)
    for each in found:
        if isinstance(each, Exception):
            raise each
    return found


def off(found, expected) -> float:
    assert found.keys() == expected.keys()
    return max(float((found[n].double() - expected[n].double()).abs().max()) for n in expected)


@pytest.mark.parametrize("size", [2, THREE])
@pytest.mark.parametrize("name", KINDS)
def test_ranks_learn_in_an_update_what_one_does(name, size) -> None:
    one, first = alone(ONE)[name], by_ranks(size, ONE)[0][name]
    assert off(first["state"], one["state"]) < 1e-6
    assert off(one["state"], new(name).state_dict()) > 1e-4


@pytest.mark.parametrize("size", [2, THREE])
@pytest.mark.parametrize("name", KINDS)
def test_ranks_learn_in_epochs_what_one_does(name, size) -> None:
    """With 3 ranks, one has no image of the last batch of 2."""
    one, first = alone(MORE)[name], by_ranks(size, MORE)[0][name]
    assert off(first["state"], one["state"]) < 1e-6
    np.testing.assert_allclose(first["history"]["loss"], one["history"]["loss"], rtol=1e-6)
    seen, expected = first["history"]["evaluations"], one["history"]["evaluations"]
    for split in ("train", "test"):
        assert seen[0][split].keys() == expected[0][split].keys()
        for term, summary in expected[0][split].items():
            assert seen[0][split][term]["n"] == summary["n"]
            assert seen[0][split][term]["mean"] == pytest.approx(summary["mean"], rel=1e-5)


@pytest.mark.slow
def test_in_float32_ranks_differ_after_an_epoch_by_less_than_seeds_do() -> None:
    one, two = epoch_losses(ALONE, (0, 1, 2)), together(epoch_losses, 2, (0,))[0]
    for name, losses in one.items():
        between = abs(two[name][0] - losses[0])
        print(f"{name}: {between:.2g} of {np.std(losses, ddof=1):.2g} between seeds")
        assert between < 0.1 * np.std(losses, ddof=1), name


@pytest.mark.parametrize("name", KINDS)
def test_all_ranks_have_the_same_weights_and_rows_of_their_own(name) -> None:
    first, second = (each[name] for each in by_ranks(2, MORE))
    assert second["history"] == first["history"]
    for key, value in second["state"].items():
        mine = key.startswith("posterior.") and name.startswith("per-image")
        whole = first["state"][key]
        assert torch.equal(value, whole[1::2] if mine else whole), key


@pytest.mark.slow
def test_the_same_number_of_ranks_gives_the_same_bits() -> None:
    again = together(all_learned, 2, MORE)[0]
    for name, found in by_ranks(2, MORE)[0].items():
        assert found["history"] == again[name]["history"]
        assert all(torch.equal(v, again[name]["state"][k]) for k, v in found["state"].items())


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (2, 1),
        pytest.param(2, 3, marks=pytest.mark.slow),
        pytest.param(1, 2, marks=pytest.mark.slow),
    ],
)
def test_a_checkpoint_is_gone_on_from_by_any_number_of_ranks(before, after, tmp_path) -> None:
    def run(size: int, *arguments):
        if size == 1:
            return all_learned(ALONE, *arguments)
        return together(all_learned, size, *arguments)[0]

    assert not any(run(before, MORE, tmp_path, 5).values())  # all were stopped
    kept = {path.name for path in (tmp_path / "vae" / "checkpoints").iterdir()}
    assert kept == {"update-5.json", "update-5.safetensors"}
    for name, found in run(after, MORE, tmp_path).items():
        assert off(found["state"], alone(MORE)[name]["state"]) < 1e-6, name
        assert found["history"]["snapshots"] == [1]


def test_a_fault_of_one_rank_is_told_to_all() -> None:
    lost, error = together(breaking, 2, 1)
    assert isinstance(error, ValueError)
    assert isinstance(lost, RankLost)
    assert str(lost) == "rank 1 of 2: ValueError: these pixels are bad"


def test_why_another_rank_ended_is_known_however_late_the_thread_that_listens() -> None:
    """Here it was never started."""
    meeting = Meeting()
    first, second = (Pulse(seat, print) for seat in meeting.seats("job", 2))
    second.fail(ValueError("these pixels are bad"))
    said = first.why(RuntimeError("connection closed"))
    assert said == "rank 1 of 2: ValueError: these pixels are bad"


def test_more_ranks_than_images_of_a_batch_are_refused() -> None:
    with pytest.raises(RanksError, match="ranks is 5, but a batch has 4 images"):
        fit(
            new("vae"), KINDS["vae"][1], some_images(), Schedule(10, 4, 1), seed=0,
            ranks=Ranks(0, 5),
        )  # fmt: skip


def test_an_objective_that_compares_images_elsewhere_is_refused() -> None:
    @compares_images
    def comparing(model, batch, generator):
        return squared_error(model, batch, generator)

    with pytest.raises(RanksError, match="only those of contrastive models"):
        fit(
            new("autoencoder"), comparing, some_images(), Schedule(10, 4, 1), seed=0,
            ranks=Ranks(0, 2),
        )  # fmt: skip


on_linux = pytest.mark.skipif(
    sys.platform != "linux", reason="127.0.0.2 is this machine on Linux alone"
)


def answers(host: str, port: int) -> bool:
    with socket.socket() as caller:
        caller.settimeout(60)
        return caller.connect_ex((host, port)) == 0


@on_linux
def test_ranks_of_one_machine_meet_where_no_other_reaches_them() -> None:
    meeting = Meeting()
    (seat,) = meeting.seats("job", 1)
    assert answers("127.0.0.1", seat.port)
    assert not answers("127.0.0.2", seat.port)
    store = seat.store(60)
    store.set("heard", "yes")
    assert store.get("heard") == b"yes"


@on_linux
def test_ranks_of_several_machines_meet_at_the_address_that_is_named() -> None:
    named = kept_store("127.0.0.2", 0, local=True, seconds=60)
    assert answers("127.0.0.2", named.port)
    assert not answers("127.0.0.1", named.port)
    # A name that means this machine itself, here, is another address elsewhere; so is a service's.
    for host in ("localhost", "192.0.2.1"):
        every = kept_store(host, 0, local=False, seconds=60)
        assert answers("127.0.0.1", every.port)
        assert answers("127.0.0.2", every.port)
    store_at("127.0.0.2", every.port, 60).set("heard", "yes")
    assert every.get("heard") == b"yes"
