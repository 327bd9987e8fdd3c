"""Measurements as dataclasses: what is stored, and that it comes back as it was."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from tacit.files import read_json, write_json
from tacit.questions.base import Measurement
from tacit.questions.shared.seeds import Seeds
from tacit.questions.typed import InTable
from tacit.studies.tables import write_tables


@dataclass(frozen=True)
class Sides:
    with_: NDArray[np.float64]
    without: NDArray[np.float64]


@dataclass(frozen=True)
class OfRun:
    kind: str
    flagged: bool
    loss: float
    n: int
    right: NDArray[np.bool_] | None
    names: tuple[str, ...]
    nested: dict[str, float]


@dataclass(frozen=True)
class Column:
    elbo: NDArray[np.float64]
    kl: NDArray[np.float64] | None


@dataclass(frozen=True)
class Images:
    index: NDArray[np.int64]
    label: NDArray[np.int64] | None
    squared_error: Sides
    by_run: dict[str, Column]


@dataclass(frozen=True)
class Numbers:
    run: dict[str, OfRun]
    test_images: InTable[Images]
    extra: Sides | None = None


def numbers(seed: int = 0) -> Numbers:
    values = np.arange(3.0) + seed
    one = OfRun("vae", True, 1.5, 7, values > 1, ("a", "b"), {"x": 0.5})
    other = OfRun("classifier", False, 2.0, 8, None, (), {})
    images = Images(
        np.arange(3),
        None,
        Sides(values, -values),
        {"b.2": Column(values, values), "a": Column(values, None)},
    )
    return Numbers({"b-1": one, "a.0": other}, images)


def through_files(measurement: Measurement, folder: Path) -> Measurement:
    write_json(folder / "values.json", measurement.values)
    save_file(measurement.arrays, folder / "arrays.safetensors")
    return Measurement(read_json(folder / "values.json"), load_file(folder / "arrays.safetensors"))


def test_names_are_those_of_files() -> None:
    found = Measurement.of(numbers())
    assert found.values["run/b-1/flagged"] is True
    assert found.values["run/a.0/kind"] == "classifier"
    assert sorted(found.arrays) == [
        "run/b-1/right",
        "table/test-images/a.elbo",
        "table/test-images/b.2.elbo",
        "table/test-images/b.2.kl",
        "table/test-images/index",
        "table/test-images/squared-error.with",
        "table/test-images/squared-error.without",
    ]


def test_what_is_stored_comes_back(tmp_path: Path) -> None:
    before = numbers()
    after = through_files(Measurement.of(before), tmp_path).typed(Numbers)
    assert after.extra is None
    one = after.run["b-1"]
    assert (one.kind, one.flagged, one.loss, one.n) == ("vae", True, 1.5, 7)
    assert (one.names, one.nested) == (("a", "b"), {"x": 0.5})
    assert one.right is not None
    assert one.right.dtype == bool
    assert one.right.tolist() == [False, False, True]
    assert after.run["a.0"].right is None
    images = after.test_images
    assert images.label is None
    assert set(images.by_run) == {"a", "b.2"}
    assert images.by_run["a"].kl is None
    assert images.squared_error.without.tolist() == [0.0, -1.0, -2.0]


def test_what_is_missing_is_an_error() -> None:
    stored = Measurement.of(numbers())
    del stored.values["run/b-1/loss"]
    with pytest.raises(KeyError, match="run/b-1/loss"):
        stored.typed(Numbers)


def test_tables_are_written_as_csv(tmp_path: Path) -> None:
    write_tables(tmp_path, "asked", {3: Measurement.of(numbers())})
    lines = (tmp_path / "asked-test-images.csv").read_text().splitlines()
    assert lines[0] == "seed,a.elbo,b.2.elbo,b.2.kl,index,squared-error.with,squared-error.without"
    assert lines[2] == "3,1.0,1.0,1.0,1,1.0,-1.0"


def test_values_of_every_seed_have_named_axes() -> None:
    seeds = Seeds.of(Numbers, {s: Measurement.of(numbers(s)) for s in (4, 5)})
    assert (len(seeds), seeds.seed) == (2, 4)
    found = seeds.measured(lambda one: one.test_images.squared_error.with_, "nats")
    assert (found.factors, found.values.shape) == (("seed", "image"), (2, 3))
    assert found.mean().interval == "95 % over 2 seeds × 3 test images"
    assert seeds.average(lambda one: one.run["b-1"].loss) == 1.5
