"""Long measurements keep what they have finished, and go on from there to the same bits."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from tacit.evidence.checkpoint import Store, check_kept
from tacit.files import Damaged
from tacit.questions.base import Runs
from tacit.questions.bound_by_stage.question import BoundByStage
from tacit.questions.inference_gap.question import InferenceGapQuestion
from tacit.questions.log_probability.question import LogProbability
from tacit.studies.execution.work import read_images
from tacit.training.run_folder import SavedRun


class Ended(BaseException):
    """The process ends."""


QUESTIONS = {
    "likelihoods": (
        LogProbability(
            run="vae", samples=10, per_class=2, shown_per_class=1, annealed_images=2,
            methods=("importance", "annealed"), distributions=(3,), long_images=2,
            resampled_images=2, simulated_images=2,
        ),
        InferenceGapQuestion(run="vae", images=2, samples=100),
    ),
    "stages": (BoundByStage(runs=("iwae", "dreg"), samples=10, images=20),),
}  # fmt: skip
CASES = [(study, question) for study, asked in QUESTIONS.items() for question in asked]


def runs_of(folder: Path, keep: Path | None) -> Runs:
    split = read_images(folder / "images")
    saved = {
        name: [SavedRun(next((folder / "jobs").glob(f"{name}-s0-*")))]
        for name in {path.name.partition("-s0")[0] for path in (folder / "jobs").iterdir()}
    }
    return Runs(0, split.train, split.test, saved, keep)


@pytest.mark.parametrize(("study", "question"), CASES, ids=lambda value: getattr(value, "name", ""))
def test_a_measurement_that_is_ended_at_any_write_goes_on_to_the_same_bits(
    study: str, question, trained_only, tmp_path: Path, monkeypatch
) -> None:
    """Ended before and after every file that it keeps, again and again until it is whole."""
    folder = trained_only(study)
    whole = question.measure(runs_of(folder, None))
    monkeypatch.setattr("tacit.evidence.checkpoint.SECONDS_BETWEEN", -1.0)
    keep, save, written = tmp_path / "unfinished", Store.save, []

    def save_and_end(self: Store, *, last: bool, **tensors: torch.Tensor) -> None:
        save(self, last=last, **tensors)
        written.append(self.path)
        if len(written) % 3 == 0 or last:
            raise Ended

    monkeypatch.setattr(Store, "save", save_and_end)
    starts = 0
    while True:
        starts += 1
        try:
            found = question.measure(runs_of(folder, keep))
            break
        except Ended:
            for path in keep.rglob("*.safetensors"):
                check_kept(path)
    assert starts > 2
    assert found.values == whole.values
    assert found.arrays.keys() == whole.arrays.keys()
    for name, array in whole.arrays.items():
        assert array.dtype == found.arrays[name].dtype
        np.testing.assert_array_equal(found.arrays[name], array)
    # Nothing is computed again that was kept.
    before = len(written)
    question.measure(runs_of(folder, keep))
    assert len(written) == before


def test_what_was_kept_and_is_damaged_is_named(tmp_path: Path) -> None:
    path = tmp_path / "kept.safetensors"
    store = Store(path, "of this run")
    store.save(last=True, a=torch.arange(5), b=torch.ones(2, 3))
    whole = path.read_bytes()
    kept = store.load()
    assert kept is not None
    assert kept["a"].tolist() == [0, 1, 2, 3, 4]
    noticed = 0
    for place in range(len(whole)):
        data = bytearray(whole)
        data[place] ^= 16
        path.write_bytes(data)
        try:
            found = store.load()
        except (Damaged, ValueError):
            noticed += 1
            continue
        # A header may say the same in another way; the tensors are what was written.
        assert found is not None
        assert all(torch.equal(found[name], kept[name]) for name in kept)
    assert noticed > 0.9 * len(whole)
    for size in (0, 7, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(Damaged, match=r"kept\.safetensors is damaged"):
            check_kept(path)


def test_a_name_is_of_one_thing(tmp_path: Path) -> None:
    runs = Runs(0, None, None, {}, tmp_path)  # type: ignore[arg-type]
    calls = []

    def compute(value: float):
        calls.append(value)
        return {"a": np.array([value]), "b/c": np.arange(3), "flag": np.array([True])}

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first = runs.kept("first", lambda: compute(1.0))
        again = runs.kept("first", lambda: compute(2.0))
        second = runs.kept("second", lambda: compute(3.0))
    assert calls == [1.0, 3.0]
    assert again["a"].tolist() == [1.0]
    assert second["a"].tolist() == [3.0]
    assert {name: a.dtype for name, a in again.items()} == {n: a.dtype for n, a in first.items()}
    assert Runs(0, None, None, {}).kept("first", lambda: compute(4.0))["a"] == [4.0]  # type: ignore[arg-type]
