"""Every command with odd and contradictory options, on tiny images: none ends in a traceback.

    python -m fuzz.command_line [--seconds 600] [--seed 0]

Hypothesis takes commands and options from the command line itself, so that a new one is tried by
being there. Commands do their work, most studies being listed only (``--dry-run``); each begins in
a fresh folder, and the second of two goes on where the first one ended. A fault is said once, by
the smallest command that shows it. A short form is in the tests.
"""

import argparse
import contextlib
import io
import os
import re
import shlex
import shutil
import tempfile
import time
import traceback
import types
import webbrowser
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin
from unittest import mock

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tacit.cli import app, run_command

NUMBERS = ("1", "2", "3", "7", "0", "-1", "1e3", "nan", "inf", "", "x", "9" * 20, "0.5", "1,2",
           "1,,", "0x1", "١", "1_0", " 1 ")  # fmt: skip
IMAGES = ("x.npz", "p", "classes", "tables", "flat.npy", "p/00.png", "digits", "colour", "one",
          "odd", "all", "bits")  # fmt: skip
MODELS = ("vae", "classifier", "autoencoder", "rows", "study", "damaged")
TABLES = ("t.csv", "all.csv", "other.csv", "index.csv", "one.csv", "empty.csv")
STUDIES = (
    "s.yaml",
    "sub/s.yaml",
    "few.yaml",
    "bad.yaml",
    "transfer",
    "label-efficiency",
    "encoders",
    "burda",
)
FILES = ("no", "", ".", "..", "/dev/null", "out.csv", "o", "a.png", "n.npz", "n.npy", "empty", "-",
         "\udcff", "日", "x" * 300, "t.csv/x", "no/where.csv", "/", "~")  # fmt: skip
WORDS = ("v", "c", "a,v", "v,,", ",", "vae.poisson", "pca.logistic", "pixels.nearest", "scratch",
         "pixels.logistic,pca.laplace", "pca.nothing", "auto", "cpu", "cuda", "gray", "rgb", "onnx",
         "folder", "refined", "annealed", "importance", "timm:resnet18", "timm:no",
         "onnx:out.csv", "onnx:p", "features:codes.npy", "features:x.npz", "features:no",
         "features:", ":", "nobody")  # fmt: skip
ALL = tuple(
    dict.fromkeys((*NUMBERS, *IMAGES, *MODELS, *TABLES, *STUDIES, *FILES, *WORDS))
)  # fmt: skip
LIKELY: dict[str, Sequence[str]] = {
    "SOURCE": IMAGES,
    "MODEL": MODELS,
    "MODEL|SOURCE": (*MODELS, *IMAGES),
    "STUDY": STUDIES,
    "--images": IMAGES,
    "--labels": TABLES,
    "--run": ("v", "c"),
    "--runs": ("v", "c", "v,c"),
    "--pairs": WORDS[5:11],
    "--encoder": WORDS[22:29],
    "--out": (*FILES[5:10], "o.csv"),
}
"""What fits, by the name of a parameter; others are known by their type."""

LONG = {"--epochs": ("1",), "--ask": ("1", "9"), "--distributions": ("3",), "--samples": ("5",),
        "--n": ("3",), "--precision": ("5",), "--jobs": ("1",), "--size": ("8", "5", "9"),
        "--port": ("0",)}  # fmt: skip
"""Numbers that make work; what is right or refused with them is with larger ones too."""

SKIPPED = ("--help", "-h", "--version")


def prepare(place: Path) -> None:
    """Tiny images in every layout, tables of labels, studies, and trained models, in a folder."""
    from PIL import Image

    import tacit

    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (24, 8, 8), dtype=np.uint8), np.arange(24) % 3
    np.savez(place / "x.npz", images=x, labels=y)
    np.save(place / "flat.npy", x[:5])
    np.save(place / "codes.npy", rng.normal(size=(24, 3)).astype(np.float32))
    for folder in ("p", "empty", "classes/a", "classes/b", "tables", "colour", "one", "odd", "all",
                   "bits", "sub"):  # fmt: skip
        (place / folder).mkdir(parents=True)
    for i, image in enumerate(x):
        Image.fromarray(image).save(place / "p" / f"{i:02}.png")
        Image.fromarray(image).save(place / "classes" / "ab"[i % 2] / f"{i:02}.png")
        Image.fromarray(image).save(place / "tables" / f"{i:02}.png")
        Image.fromarray(image).save(place / "all" / f"{i:02}.png")
        Image.fromarray(np.stack([image] * 3, -1)).resize((9 + i % 2, 7)).save(
            place / "colour" / f"{i:02}.jpg"
        )
        Image.fromarray(image.astype(np.uint16) * 16).save(place / "bits" / f"{i:02}.png")
    Image.fromarray(x[0]).save(place / "one" / "0.png")
    Image.fromarray(x[0]).save(place / "odd" / "0.png")
    (place / "odd" / "1.png").write_bytes(b"no picture")
    rows = [f"{i:02}.png,{label}" for i, label in enumerate(y)]
    _table(place / "t.csv", "path,label", rows[:9])
    _table(place / "all.csv", "path,label", rows)
    _table(place / "all" / "labels.csv", "path,label", rows)
    _table(place / "tables" / "labels.csv", "path,label", rows[:9])
    _table(place / "other.csv", "path,label", ["no.png,1", "00.png,2", "01.png"])
    _table(place / "index.csv", "index,label", [f"{i},{y[i]}" for i in range(9)])
    _table(place / "one.csv", "path,label", rows[:1])
    _table(place / "empty.csv", "", [])
    text = (
        "title: tiny\nimages: {source: SOURCE}\nruns:\n  v: {learn: vae, epochs: 1}\n"
        "  c: {learn: classifier, epochs: 1}\nquestions:\n  - overfitting: {runs: [v, c]}\n"
    )
    few = "  - label-efficiency: {pairs: [{codes: pca, method: logistic}], budgets: [1]}\n"
    (place / "s.yaml").write_text(text.replace("SOURCE", "x.npz"))
    (place / "sub" / "s.yaml").write_text(text.replace("SOURCE", "../classes"))
    (place / "few.yaml").write_text(text.replace("SOURCE", "classes") + few)
    (place / "bad.yaml").write_text("title: [\n")
    tiny: dict[str, Any] = {"n_components": 2, "max_epochs": 1, "min_updates": 1}
    tacit.VAE(**tiny).fit(x).save(place / "vae")
    tacit.Classifier(**tiny).fit(x, y).save(place / "classifier")
    tacit.Autoencoder(**tiny).fit(x).save(place / "autoencoder")
    tacit.VAE(**tiny).fit(rng.normal(size=(24, 5))).save(place / "rows")
    shutil.copytree(place / "vae", place / "damaged")
    (place / "damaged" / "model.safetensors").write_bytes(b"\0" * 99)
    tacit.run(place / "s.yaml", images=(x, y), out=place / "o", jobs=1)
    (place / "o" / "s").rename(place / "study")
    (place / "o").rmdir()


def _table(path: Path, header: str, rows: Sequence[str]) -> None:
    path.write_text("\n".join([header, *rows]) + "\n")


def values(name: str, hint: Any) -> st.SearchStrategy[list[str]]:
    """The words behind an option or in the place of an argument: mostly of its kind, or none."""
    kinds = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    kind = next(kind for kind in kinds if kind is not type(None))
    if kind is bool:
        return st.sampled_from([[]] * 9 + [["x"]])
    number = kind in (int, float)
    fitting: Sequence[str] = LONG.get(name) or LIKELY.get(name) or (NUMBERS[:4] if number else ())
    if get_origin(kind) is Literal:
        fitting = get_args(kind)
    word = st.sampled_from(NUMBERS if number else ALL)
    if number and name in LONG:  # nothing is made that takes hours
        odd = [text for text in NUMBERS if not text.strip("_ ").isdecimal() or len(text) > 15]
        word = st.sampled_from([*odd, "0"])
    if fitting:
        word = st.one_of(st.sampled_from(fitting), st.sampled_from(fitting), word)
    several = get_origin(kind) is list
    return st.lists(word, min_size=1, max_size=2) if several else word.map(lambda text: [text])


def _parameters(command: str) -> Iterator[tuple[str, Any, bool]]:
    """Name, type and whether it is an argument, of what a command takes."""
    for argument in app[command].assemble_argument_collection():
        if argument.parse and argument.names[0] not in SKIPPED:
            yield argument.names[0], argument.hint, argument.index is not None


@st.composite
def commands(draw: st.DrawFn, work: bool) -> tuple[str, ...]:
    """The words of a command: mostly options that it has, mostly with values that fit.

    work: whether one study of some is run.
    """
    command = draw(st.sampled_from([name for name in app if not name.startswith("-")]))
    words = [command]
    options = []
    for name, hint, positional in _parameters(command):
        if not positional:
            options.append((name, hint))
        elif draw(st.integers(0, 19)):
            words += draw(values(name, hint))
    needed = [one for one in options if one[0] in ("--labels", "--out", "--images")]
    chosen = []
    if options:
        chosen = draw(st.lists(st.sampled_from(options), max_size=4, unique_by=lambda one: one[0]))
    chosen += [one for one in needed if one not in chosen and draw(st.booleans())]
    for name, hint in chosen:
        words += [name, *draw(values(name, hint))]
    if command in ("run", "learn", "labels"):
        if not work or draw(st.integers(0, 24)):
            words.append("--dry-run")
        else:
            words += ["--epochs", "1", "--jobs", "1"]
            if command != "run" and "--pairs" not in words:  # networks take minutes
                words += ["--pairs", "pixels.nearest,vae.logistic"]
    if not draw(st.integers(0, 99)):
        words.append(draw(st.sampled_from(["--help", "--nothing", *ALL])))
    return tuple(words)


def fault_of(words: Sequence[str]) -> str:
    """The traceback, or what else should not be, that a command ended in; "" where it is well."""
    stand_in = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    try:
        with (
            contextlib.redirect_stdout(stand_in),
            contextlib.redirect_stderr(stand_in),
            mock.patch("uvicorn.Server.run"),  # a page would be served until Ctrl-C
            mock.patch.object(webbrowser, "open"),
        ):
            code = run_command(words)
    except BaseException:
        return traceback.format_exc()
    stand_in.flush()
    said = stand_in.buffer.getvalue().decode("ascii")  # type: ignore[attr-defined]
    foreign = re.search(r"Traceback|pydantic|Warning:|[\w.]+Error\b", said)
    if foreign or code not in (0, 1, 2):
        return f"exit code {code}: {said}"
    if code == 1 and words[0] == "check":
        return ""  # something is wrong with the images
    if code != 0 and "error" not in said.lower() and "could not" not in said:
        return f"exit code {code}, and no word of why: {said}"
    if code == 1 and "--dry-run" in words:
        return f"exit code 1 without a job: {said}"
    return ""


@contextlib.contextmanager
def fresh(template: Path) -> Iterator[None]:
    """In a copy of a prepared folder, which vanishes."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "w"
        shutil.copytree(template, place)
        os.chdir(place)
        try:
            yield
        finally:
            os.chdir(before)


def kind_of(fault: str) -> str:
    """What faults of one kind have in common: the last line, without numbers and names."""
    lines = [line.strip() for line in fault.splitlines() if line.strip()]
    return re.sub(r"'[^']*'|\d+|/\S+", "", lines[-1])[:120]


def hunt(
    template: Path, examples: int, number: int, known: set[str], *, work: bool = True
) -> tuple[int, str]:
    """Try commands, one or two at a time; how many were tried, and the least that end in a fault.

    known: kinds of fault that are passed over; the one found is added. work: as of `commands`.
    """
    tried = 0
    last = ""

    @seed(number)
    @settings(
        max_examples=examples, deadline=None, database=None, print_blob=False,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(st.lists(commands(work), min_size=1, max_size=2))
    def try_out(lines: list[tuple[str, ...]]) -> None:
        nonlocal tried, last
        with fresh(template):
            for words in lines:
                tried += 1
                fault = fault_of(words)
                if fault and kind_of(fault) not in known:
                    last = "\n".join([*("tacit " + shlex.join(line) for line in lines), fault])
                    raise AssertionError(kind_of(fault))

    try:
        try_out()
    except Exception as error:  # AssertionError, or Hypothesis saying that it is not the same twice
        if not last:
            raise  # no command's fault
        known.add(str(error).splitlines()[0])
        return tried, last
    return tried, ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=0)
    given_here = parser.parse_args()
    until, tried, number = time.monotonic() + given_here.seconds, 0, given_here.seed
    known: set[str] = set()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TACIT_CACHE"] = str(Path(folder) / "cache")
        template = Path(folder) / "template"
        template.mkdir()
        prepare(template)
        while time.monotonic() < until:
            n, found = hunt(template, 100, number, known)
            tried, number = tried + n, number + 1
            if found:
                print(found, end="\n\n", flush=True)
            print(f"{tried:,} commands, {len(known)} kinds of fault", flush=True)
    raise SystemExit(len(known) > 0)


if __name__ == "__main__":
    main()
