"""Codes from views of one's own images, beside others learned in the same time.

    python -m benchmarks.contrastive SOURCE --views NAME [--seconds 300] [--draws 10] [--size 48]
        [--channels rgb] [--test 300] [--objective simclr] [--resnet 16] [--places kept]
        [--data-dir DIR] [--skip pixels vae] [--known-shares] [--json FILE] [--work DIR]

On these images an autoencoder, a VAE and a contrastive encoder learn without a label, each for so
many seconds of one core (its updates are timed first) and with the same encoder, but that
`--places` says what becomes of places in the contrastive one and `--others` in the others. On the
codes of the pool labels are spread by Poisson and by Poisson MBO (shares about equal, as `tacit`
has them, or `--known-shares`), and test images are named by their neighbours in the pool. Without a
split of their own `--test` images are held out, as many of each class. Printed are mean accuracies
on test images over the draws, those on the pool's own images without a label, and by how many
points the contrastive codes are ahead, paired, with intervals over draws and test images that hold
for all three together.

With `--work DIR` the same command goes on where it was interrupted.
"""

import argparse
import json
import signal
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tacit.images.dataset import Images, Split
from tacit.images.sources import open_images
from tacit.labels.draws import nested_draws
from tacit.labels.pairs import SLACK
from tacit.labels.propagation.graph import neighbour_graph
from tacit.labels.propagation.propagate import KINDS, extend, propagate
from tacit.labels.representations import learned
from tacit.measures.engine import Measured
from tacit.measures.number import Number
from tacit.models.config import build
from tacit.models.models import Model
from tacit.models.parts import part_of
from tacit.streams import numpy_stream, seeded_initialisation
from tacit.studies.description.settings import model_config, schedule_of
from tacit.studies.description.spec import Run
from tacit.training.checkpoint import FolderCheckpointer, read_tensors, write_tensors
from tacit.training.loop import fit
from tacit.training.objectives import objective_of

BUDGETS = (1, 4, 10)
TIMED = 12
"""Updates by which it is found how many fit into the time."""


def images_of(given: argparse.Namespace) -> Split:
    """Training and test images; held-out ones where the source keeps none apart for testing."""
    found = open_images(
        given.source, data_dir=given.data_dir, size=given.size, channels=given.channels
    )
    if given.test is None:
        return Split(found.train, found.test)
    both = Images(
        np.concatenate([found.train.pixels, found.test.pixels]),
        np.concatenate([found.train.labels, found.test.labels]),  # type: ignore[list-item]
        found.train.class_names,
    )
    assert both.labels is not None
    each, rng = given.test // both.n_classes, numpy_stream(0, "held out")
    test = np.concatenate(
        [rng.permutation(np.flatnonzero(both.labels == c))[:each] for c in range(both.n_classes)]
    )
    rest = np.setdiff1d(np.arange(len(both)), test)
    return Split(both.take(rest), both.take(np.sort(test)))


def runs_of(given: argparse.Namespace) -> dict[str, Run]:
    """What learns, as a study says it; what is not said is as `tacit` has it."""
    network = {"kind": "resnet", "width": given.resnet, "places": given.others}
    shared: dict[str, Any] = {"network": network, "latent_dim": given.code}
    said: dict[str, Any] = {
        "learn": "contrastive",
        "network": network | {"places": given.places},
        "objective": {"kind": given.objective, "views": given.views},
        "batch_size": given.batch,
    }
    plain = {"one_cycle": True, "rate": 0.003}
    tables = {
        "contrastive": shared | said,
        "autoencoder": shared | plain | {"learn": "autoencoder"},
        "vae": shared | plain | {"learn": "vae"},
    }
    return {n: Run.model_validate(t) for n, t in tables.items() if n not in given.skip}


def trained(
    run: Run, images: Split, seconds: float, folder: Path
) -> tuple[Model, dict[str, float]]:
    """A model after so many seconds of one core, its updates, and the seconds they took.

    folder: where it is kept meanwhile; one that was interrupted goes on.
    """
    config = model_config(run, images)
    objective = objective_of(config, run.objective)
    bare = Images(images.train.pixels)
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopped.append(number))

    def learn(updates: int, kept: FolderCheckpointer | None = None) -> tuple[Model, float]:
        asked = schedule_of(run, len(bare), (), keep=False)
        schedule = replace(asked, updates=updates, evaluate_at=(updates,))
        with seeded_initialisation(0):
            model = build(config)
        begun = time.process_time()
        fit(model, objective, bare, schedule, seed=0, checkpointer=kept)
        return model, time.process_time() - begun

    told = folder / "updates.json"
    if not told.exists():
        # Of two lengths the difference: what is done once does not count as an update.
        learn(TIMED)  # warms up
        few, many = (learn(n)[1] for n in (TIMED, 4 * TIMED))
        updates = int(3 * TIMED * (seconds - few) / max(many - few, 0.1)) + TIMED
        folder.mkdir(parents=True, exist_ok=True)
        told.write_text(json.dumps(updates), encoding="utf-8")
    updates, seen = json.loads(told.read_text(encoding="utf-8")), list[int]()
    done, whole = folder / "done.json", folder / "model.safetensors"
    if not done.exists():
        kept = FolderCheckpointer(
            folder, stop=lambda: bool(stopped), report=lambda update, _: seen.append(update)
        )
        model, taken = learn(updates, kept)
        write_tensors(whole, model.state_dict())
        # Of one that was interrupted what all of it takes at the pace of its last part.
        said = {"updates": updates, "seconds": taken * updates / max(1, len(seen))}
        done.write_text(json.dumps(said), encoding="utf-8")
    model = build(config).eval()
    model.load_state_dict(read_tensors(whole))
    return model, json.loads(done.read_text(encoding="utf-8"))


def answers(
    model: Model | None, images: Split, given: argparse.Namespace
) -> dict[tuple[str, int], tuple[NDArray[np.bool_], float]]:
    """By method and budget whether each test image is right, (D, N), and % right of the pool."""
    pool, new = (Images(side.pixels) for side in (images.train, images.test))
    if model is None:
        codes = [side.pixels.reshape(len(side), -1).astype(np.float32) for side in (pool, new)]
    else:
        seen = learned(model, pool, new, 0)
        codes = [seen.pool, seen.new]
    graph, y, truth = neighbour_graph(codes[0]), images.train.labels, images.test.labels
    assert y is not None
    drawn = nested_draws(y, BUDGETS, given.draws, images.train.class_names).labelled(y)
    found = {}
    for method in ("poisson", "poisson-mbo"):
        how: dict[str, Any] = {}
        if KINDS[method].takes_shares:
            how = {"shares": np.bincount(y) / len(y)} if given.known_shares else {"slack": SLACK}
        for budget, trials in zip(BUDGETS, drawn, strict=True):
            scores = propagate(graph, trials, images.train.n_classes, method=method, **how)
            own = [
                np.delete(one.argmax(axis=1) == y, trial.index).mean()
                for one, trial in zip(scores, trials, strict=True)
            ]
            right = extend(codes[0], scores, codes[1]).argmax(axis=2) == truth
            found[method, budget] = right, 100 * float(np.mean(own))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source")
    parser.add_argument("--views", required=True, help="a recipe (docs/views.md)")
    parser.add_argument("--seconds", type=float, default=300, help="of one core, for each")
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--test", type=int, help="held out, where the source has no test images")
    parser.add_argument("--known-shares", action="store_true", help="those of the pool's labels")
    parser.add_argument("--size", type=int)
    parser.add_argument("--channels", choices=["gray", "rgb"])
    parser.add_argument("--objective", choices=["simclr", "vicreg", "byol"], default="simclr")
    parser.add_argument("--resnet", type=int, default=16, help="channels of the first layer")
    parser.add_argument("--places", choices=["kept", "mean"], default="kept")
    parser.add_argument("--others", choices=["kept", "mean"], default="kept", help="of the others")
    parser.add_argument("--code", type=int, default=64, help="dimensions")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--skip", nargs="+", default=[], metavar="RUN")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--json", type=Path, help="write the numbers to this file")
    parser.add_argument("--work", type=Path, help="keep what learns here, and go on from there")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        compare(given, given.work or Path(folder))


def compare(given: argparse.Namespace, work: Path) -> None:
    """Learn, spread labels, and print."""
    torch.set_num_threads(1)
    images = images_of(given)
    print(f"{len(images.train):,} images of {images.train.shape}, {len(images.test):,} tested")
    found: dict[str, Any] = {}
    if "pixels" not in given.skip:
        found["pixels"] = answers(None, images, given)
    told: dict[str, Any] = {}
    for name, run in runs_of(given).items():
        model, told[name] = trained(run, images, given.seconds, work / name)
        weights = sum(p.numel() for p in part_of(model, "encoder").parameters())
        said = "{updates:,} updates in {seconds:.0f} s".format(**told[name])
        print(f"{name}: {said}, encoder of {weights:,} weights", flush=True)
        found[name] = answers(model, images, given)
    for method, budget in next(iter(found.values())):
        print(f"{method}, {budget} labels a class: % right of test images (of the pool)")
        each = {n: Measured(f[method, budget][0], ("draw", "image"), "accuracy")
                for n, f in found.items()}  # fmt: skip
        for name, accuracy in each.items():
            within, text = found[name][method, budget][1], ""
            told[f"{name}.{method}.{budget}"] = [100 * accuracy.value, within]
            if name != "contrastive" and "contrastive" in each:
                lead = (each["contrastive"] - accuracy).mean(together=len(each) - 1)
                text = f"   contrastive ahead by {_points(lead.scaled(100, 'points'))}"
                told[f"ahead.{name}.{method}.{budget}"] = [lead.value, lead.low, lead.high]
            print(f"  {name:12s} {100 * accuracy.value:5.1f} ({within:5.1f}){text}", flush=True)
    if given.json is not None:
        given.json.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def _points(number: Number) -> str:
    assert number.value is not None
    ends = "" if number.low is None else f" ({number.low:.1f} to {number.high:.1f})"
    return f"{number.value:.1f}{ends}"


if __name__ == "__main__":
    main()
