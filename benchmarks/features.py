"""Features of a folder of pictures: tacit beside the loop that anybody would write around timm.

    python -m benchmarks.features FOLDER --encoder timm:NAME@FILE [--pictures N] [--rounds N]
    python -m benchmarks.features FOLDER --encoder timm:NAME@FILE --memory 1000 4000 16000

Each side is a process of its own and has all cores: tacit from nothing in its store, the other a
`DataLoader` with a worker for each core, timm's own transform, and the model in inference mode.
Rounds alternate. It says pictures for each second of processor time and on the wall, without
imports and without opening the weights, the largest memory of each side's main process, and that of
tacit for an eighth of the pictures. Other programs count in less in processor time.

With `--memory` only tacit is measured, on so many pictures: the folder's JPEGs over and over, each
with a number behind its last byte, so that no two files are equal and all have to be encoded.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ENDINGS = (".jpg", ".jpeg", ".png")
BATCH = 32
SIDES = ("tacit", "loop")


Seconds = tuple[float, float]


def clocks() -> Seconds:
    """Processor time of this process and of those that it waited for, and the wall's."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used), time.perf_counter()


def since(began: Seconds) -> Seconds:
    processor, wall = clocks()
    return processor - began[0], wall - began[1]


def own(folder: Path, encoder: str, n: int) -> Seconds:
    """Seconds that tacit takes for the first n pictures, its store empty."""
    import os

    from tacit.commands.originals import originals_of
    from tacit.encoders.opening import open_encoder

    with tempfile.TemporaryDirectory() as cache:
        os.environ["TACIT_CACHE"] = cache
        opened = open_encoder(encoder)
        began = clocks()
        found = originals_of(str(folder), None, False, n, lambda done, total: None)
        opened.features(found.originals)
        return since(began)


def loop(folder: Path, encoder: str, n: int) -> Seconds:
    """Seconds that a plain loop takes for the first n pictures."""
    import torch
    from PIL import Image
    from timm.data import create_transform, resolve_model_data_config

    from tacit.encoders.opening import open_encoder
    from tacit.encoders.timm import TimmEncoder
    from tacit.studies.options import cores

    opened = open_encoder(encoder)
    assert isinstance(opened, TimmEncoder)
    module, recipe = opened.module, opened.about.recipe
    assert recipe is not None
    how = resolve_model_data_config(module) | {"input_size": (recipe.channels, *recipe.size)}
    transform = create_transform(**how, is_training=False)
    files = sorted(f for f in folder.rglob("*") if f.suffix.lower() in ENDINGS)[:n]

    class Pictures(torch.utils.data.Dataset[torch.Tensor]):
        def __len__(self) -> int:
            return len(files)

        def __getitem__(self, index: int) -> torch.Tensor:
            return transform(Image.open(files[index]).convert("RGB"))

    began = clocks()
    loader = torch.utils.data.DataLoader(Pictures(), batch_size=BATCH, num_workers=cores())
    with torch.inference_mode():
        features = torch.cat([module(batch) for batch in loader])
    assert len(features) == len(files)
    return since(began)


def repeated(folder: Path, n: int, target: Path) -> None:
    """n files of which no two are equal: a decoder reads no further than a JPEG's end."""
    files = sorted(f for f in folder.rglob("*") if f.suffix.lower() in (".jpg", ".jpeg"))
    if not files:
        sys.exit(f"{folder} holds no JPEG")
    for number in range(n):
        data = files[number % len(files)].read_bytes()
        (target / f"{number:06d}.jpg").write_bytes(data + number.to_bytes(4, "little"))


def tell_memory(arguments: argparse.Namespace) -> None:
    """Print the largest memory for each number of pictures."""
    first: tuple[int, float] | None = None
    for n in arguments.memory:
        with tempfile.TemporaryDirectory() as scratch:
            repeated(arguments.folder, n, Path(scratch))
            found = measured("tacit", arguments, n, Path(scratch))["megabytes"]
        more = ""
        if first is not None and n > first[0]:
            each = 1e3 * (found - first[1]) / (n - first[0])
            more = f", {each:.1f} KB for each picture more"
        first = first or (n, found)
        print(f"{n:,} pictures: {found:.0f} MB{more}", flush=True)


def measured(
    side: str, arguments: argparse.Namespace, n: int, folder: Path | None = None
) -> dict[str, float]:
    """Pictures a second and megabytes of one side, in a process of its own."""
    words = [sys.executable, "-m", "benchmarks.features", str(folder or arguments.folder)]
    words += ["--encoder", arguments.encoder, "--pictures", str(n), "--side", side]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--encoder", required=True)
    parser.add_argument("--pictures", type=int, default=800)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", type=int, nargs="+", help="numbers of pictures")
    parser.add_argument("--side", choices=SIDES)
    arguments = parser.parse_args()
    n = arguments.pictures
    if arguments.memory:
        tell_memory(arguments)
        return
    if arguments.side:
        function = {"tacit": own, "loop": loop}[arguments.side]
        seconds = function(arguments.folder, arguments.encoder, n)
        megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        rates = {"processor": n / seconds[0], "wall": n / seconds[1]}
        print(json.dumps(rates | {"megabytes": megabytes}))
        return
    rounds = [
        {side: measured(side, arguments, n) for side in SIDES} for _ in range(arguments.rounds)
    ]
    for clock in ("processor", "wall"):
        for side in SIDES:
            speed = [one[side][clock] for one in rounds]
            print(f"{side}: {statistics.median(speed):.1f} pictures a second ({clock})")
        ratios = [one["tacit"][clock] / one["loop"][clock] for one in rounds]
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        print(f"tacit / loop: {statistics.median(ratios):.2f} ({spread}; {clock})")
    for side in SIDES:
        print(f"{side}, {n} pictures: {max(one[side]['megabytes'] for one in rounds):.0f} MB")
    few = measured("tacit", arguments, max(n // 8, 1))["megabytes"]
    print(f"tacit, {max(n // 8, 1)} pictures: {few:.0f} MB")


if __name__ == "__main__":
    main()
