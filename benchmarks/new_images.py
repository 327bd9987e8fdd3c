"""Error on MNIST's 10,000 test images, from ten labels and from a hundred: every draw, every step.

    python -m benchmarks.new_images FOLDER --out OUT [--draws 10] [--budgets 10 1] [--part 1/1]

FOLDER holds MNIST's four files. From the training images, without a label: a plain VAE (784-400-20,
60 epochs), an encoder that finds its codes' clusters again in moved images, and the graph of
nearest neighbours; these are shared. For each draw: labels propagated with class shares taken as
equal, the shares estimated, and networks that learn what came of it
(`tacit.labels.methods.agree_then_train`).
Test images and their labels are read when all draws asked for are done, and once. What is finished
stays in OUT, so that the benchmark can be interrupted; `--part 1/2` and `--part 2/2` share the
draws between two processes, and `--test` then reads the test set.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from scipy import sparse

from tacit.files import read_json, write_json
from tacit.images.dataset import Images
from tacit.images.idx import (
    TEST_IMAGES,
    TEST_LABELS,
    TRAIN_IMAGES,
    TRAIN_LABELS,
    find_idx,
    read_idx_pair,
)
from tacit.images.splits import few_label_draw
from tacit.labels.clusters import learn_clusters, side_by_side
from tacit.labels.draws import Labelled
from tacit.labels.methods.agree_then_train import NO_CLASS, learn_from_few, one_hot
from tacit.labels.networks import ON_PROPAGATED, class_probabilities, codes_of
from tacit.labels.propagation.graph import neighbour_graph
from tacit.labels.propagation.propagate import extend
from tacit.models.config import ModelConfig, build
from tacit.streams import seeded_initialisation
from tacit.training.checkpoint import FolderCheckpointer, read_tensors, write_tensors
from tacit.training.loop import fit
from tacit.training.objectives import elbo
from tacit.training.schedule import Schedule

CLASSES = tuple("0123456789")
VAE = ModelConfig.model_validate(
    {
        "learn": "vae",
        "shape": (1, 28, 28),
        "latent_dim": 20,
        "network": {"kind": "dense", "hidden": [400]},
        "likelihood": {"kind": "bernoulli", "binarize": "none"},
    }
)
VAE_EPOCHS, VAE_BATCH = 60, 128
CLASSIFIER = ModelConfig(
    learn="classifier",
    shape=(1, 28, 28),
    latent_dim=ON_PROPAGATED.latent_dim,
    n_classes=len(CLASSES),
    network=ON_PROPAGATED.network,
)
CLUSTERS = (300, 1000)
ON_VAE_CODES = ("equal shares 1", "estimated shares 1")


def read(folder: Path, images: str, labels: str) -> Images:
    """One side of MNIST."""
    found = find_idx(folder, images)
    if found is None:
        raise SystemExit(f"{folder} lacks {images} (or the same with .gz)")
    x, y = read_idx_pair(found, find_idx(folder, labels))
    if y is None:
        raise SystemExit(f"{folder} lacks {labels} (or the same with .gz)")
    return Images(np.ascontiguousarray(x[:, None]), y.astype(np.int64), CLASSES)


def without_labels(images: Images) -> Images:
    return Images(images.pixels, None, (), images.source)


def vae_codes(images: Images, out: Path, side: str = "train") -> np.ndarray:
    """The VAE's means of the training images; of other images when the VAE is there."""
    path = out / ("codes.safetensors" if side == "train" else f"codes-{side}.safetensors")
    if path.exists():
        return read_tensors(path)[side].numpy()
    with seeded_initialisation(0):
        model = build(VAE)
    weights = out / "vae.safetensors"
    if weights.exists():
        model.load_state_dict(read_tensors(weights))
    else:
        if side != "train":
            raise SystemExit(f"{out} has no VAE yet; it learns from the training images alone")
        updates = VAE_EPOCHS * -(-len(images) // VAE_BATCH)
        schedule = Schedule(len(images), VAE_BATCH, updates)
        fit(model, elbo(), images, schedule, seed=0, checkpointer=FolderCheckpointer(out))
        write_tensors(weights, model.state_dict())
    model.eval()
    with torch.no_grad():
        parts = [
            model.posterior(torch.from_numpy(images.scaled(slice(first, first + 1000)))).mean
            for first in range(0, len(images), 1000)
        ]
    write_tensors(path, {side: torch.cat(parts)})
    return torch.cat(parts).numpy()


def cluster_codes(images: Images, n_clusters: int, out: Path) -> np.ndarray:
    """Codes of an encoder that finds the clusters of the VAE's codes again in moved images."""
    path = out / f"clusters-{n_clusters}.safetensors"
    if not path.exists():
        codes = vae_codes(images, out)
        encoder = learn_clusters(images, codes, n_clusters=n_clusters, seed=0)
        write_tensors(path, {"train": torch.from_numpy(codes_of(encoder, images))})
    return read_tensors(path)["train"].numpy()


def shared_graphs(images: Images, out: Path) -> list[sparse.csr_array]:
    """The graphs of all training images, by the VAE's codes and by the clusters'; made once."""
    graphs = []
    for name in ("vae", "clusters"):
        path = out / f"graph-{name}.npz"
        if not path.exists():
            if name == "vae":
                codes = vae_codes(images, out)
            else:
                each = [cluster_codes(images, min(n, len(images) // 20), out) for n in CLUSTERS]
                codes = side_by_side(each)
            sparse.save_npz(out / f"unfinished-{name}.npz", neighbour_graph(codes))
            (out / f"unfinished-{name}.npz").rename(path)
        graphs.append(sparse.csr_array(sparse.load_npz(path)))
    return graphs


def draw_folder(out: Path, budget: int, draw: int) -> Path:
    return out / f"{budget * len(CLASSES)}-labels" / f"draw-{draw}"


def learn(images: Images, graphs: list[sparse.csr_array], labelled: Labelled, folder: Path) -> None:
    """All steps of one draw; `done.json`, written last, says which and what they took."""
    folder.mkdir(parents=True, exist_ok=True)
    seconds: dict[str, float] = {}
    begun = time.process_time()
    for step in learn_from_few(images, graphs, labelled, len(CLASSES), seed=0):
        seconds[step.name] = round(time.process_time() - begun, 1)
        tensors = {"classes": torch.from_numpy(step.classes)}
        if step.model is not None:
            tensors |= {f"model.{k}": v for k, v in step.model.state_dict().items()}
        write_tensors(step_file(folder, step.name), tensors)
        begun = time.process_time()
    write_json(folder / "done.json", {"steps": list(seconds), "seconds": seconds})
    print(f"{folder.parent.name} {folder.name}: {seconds}", flush=True)


def carried_on(
    folders: list[Path], train: Images, test: Images, out: Path
) -> dict[tuple[Path, str], float]:
    """Test error of what was propagated on the VAE's codes: by each image's neighbours."""
    steps = [(folder, name) for folder in folders for name in ON_VAE_CODES]
    scores = [
        one_hot(read_tensors(step_file(*step))["classes"].numpy(), len(CLASSES)) for step in steps
    ]
    votes = extend(vae_codes(train, out), np.stack(scores), vae_codes(test, out, "test"))
    return {step: error(vote, test) for step, vote in zip(steps, votes, strict=True)}


def step_file(folder: Path, name: str) -> Path:
    return folder / f"{name.replace(' ', '-')}.safetensors"


def measure(folder: Path, train: Images, test: Images) -> dict[str, dict[str, float]]:
    """Error in per cent after each step: on the training images, and networks' on the test."""
    found: dict[str, dict[str, float]] = {}
    for name in read_json(folder / "done.json")["steps"]:
        tensors = read_tensors(step_file(folder, name))
        classes = tensors.pop("classes").numpy()
        known = classes != NO_CLASS
        wrong = classes[known] != train.labels[known]
        found[name] = {"training images": 100 * float(wrong.mean())}
        if not known.all():
            found[name]["without a class"] = 100 * float(np.mean(~known))
        weights = {k.removeprefix("model."): v for k, v in tensors.items()}
        if weights:
            with seeded_initialisation(0):
                model = build(CLASSIFIER)
            model.load_state_dict(weights)
            found[name]["test images"] = error(class_probabilities(model, test), test)
    return found


def error(scores: np.ndarray, images: Images) -> float:
    """Wrong answers, per cent."""
    return 100 * float(np.mean(scores.argmax(axis=1) != images.labels))


def table(found: dict[str, dict[str, dict[str, dict[str, float]]]]) -> str:
    """Every draw and every step, and their means."""
    lines = []
    for budget, draws in found.items():
        lines += [f"{budget}, error %, {len(draws)} draws:"]
        for step in next(iter(draws.values())):
            for images in next(iter(draws.values()))[step]:
                values = [draw[step][images] for draw in draws.values()]
                listed = " ".join(f"{value:.2f}" for value in values)
                spread = f" (sd {np.std(values, ddof=1):.2f})" if len(values) > 1 else ""
                lines.append(f"  {step}, {images}: mean {np.mean(values):.3f}{spread}: {listed}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--budgets", type=int, nargs="+", default=[10, 1], help="labels per class")
    parser.add_argument("--part", default="1/1", help="which part of the draws, of how many")
    parser.add_argument("--test", action="store_true", help="only test, the draws that are done")
    arguments = parser.parse_args()
    part, parts = map(int, arguments.part.split("/"))
    torch.set_num_threads(1)
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    train = read(arguments.folder, TRAIN_IMAGES, TRAIN_LABELS)
    trials = [(b, d) for d in range(arguments.draws) for b in arguments.budgets]
    if not arguments.test:
        pool = without_labels(train)
        graphs = shared_graphs(pool, out)
        for budget, draw in trials[part - 1 :: parts]:
            folder = draw_folder(out, budget, draw)
            if not (folder / "done.json").exists():
                index = few_label_draw(train.labels, budget, draw, CLASSES)
                learn(pool, graphs, Labelled(index, train.labels[index]), folder)
        if parts > 1:
            return
    test = read(arguments.folder, TEST_IMAGES, TEST_LABELS)
    found: dict[str, dict[str, dict[str, dict[str, float]]]] = {}
    done = {trial: draw_folder(out, *trial) for trial in trials}
    done = {trial: folder for trial, folder in done.items() if (folder / "done.json").exists()}
    if not done:
        raise SystemExit(f"{out} has no finished draw; leave out --test to make them")
    by_neighbours = carried_on(list(done.values()), train, test, out)
    for (budget, draw), folder in done.items():
        steps = measure(folder, train, test)
        for name in ON_VAE_CODES:
            steps[name]["test images"] = by_neighbours[folder, name]
        found.setdefault(f"{budget * len(CLASSES)} labels", {})[f"draw {draw}"] = steps
    print(table(found))
    (out / "results.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
