"""Encoders that cannot be used: every command that takes one names why before it makes anything."""

import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tacit.cli import run_command

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
from onnx_graphs import saved

N = 1797
"""The digits."""

STUDY = """
title: few
runs: {learned: {learn: classifier, encoder: {pretrained: "SOURCE"}}}
questions: [{classifier: {run: learned}}]
"""


def graph(**how) -> Callable[[Path], str]:
    return lambda folder: saved(folder / "own.onnx", **how) + ",mean=0,sd=1"


def rows(change: Callable[[list[list[float]]], object]) -> Callable[[Path], str]:
    """A table of features, one row a picture, and what is wrong with it."""

    def made(folder: Path) -> str:
        table = [[float(i), 0.5, i % 3] for i in range(N)]
        change(table)
        lines = "\n".join(f"{int(row[0])},{row[1]},{row[2]}" for row in table)
        (folder / "own.csv").write_text(f"index,a,b\n{lines}\n")
        return f"features:{folder / 'own.csv'}"

    return made


def file(name: str, write: Callable[[Path], object], before: str) -> Callable[[Path], str]:
    def made(folder: Path) -> str:
        write(folder / name)
        return f"{before}{folder / name}"

    return made


def pickled(path: Path) -> None:
    path.write_bytes(pickle.dumps({"w": Path("x")}))


def archive(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("a", "b")


def object_array(path: Path) -> None:
    np.save(path, np.array([{}] * N, dtype=object), allow_pickle=True)


FAULTS = {
    "no graph": (file("e.onnx", lambda p: p.write_bytes(b"\0" * 99), "onnx:"), "no ONNX model"),
    "no such graph": (lambda f: f"onnx:{f / 'none.onnx'}", "there is no such ONNX file"),
    "another size": (
        lambda f: saved(f / "own.onnx") + ",mean=0,sd=1,size=16",
        "size is 16×16, but its input is 8×8",
    ),
    "several outputs": (graph(outputs=("a", "b")), "gives 2 outputs, a, b"),
    "own operators": (graph(domain="com.example"), "operators of its own, com.example.MatMul"),
    "weights elsewhere": (graph(external="../w.bin"), "outside its folder"),
    "weights missing": (graph(external="w.bin"), "which is not there"),
    "missing rows": (rows(lambda t: t.pop()), "has no row of 1 of 1,797 pictures: 1796"),
    "a row twice": (rows(lambda t: t.append(t[0])), "more than one row of 0"),
    "extra rows": (rows(lambda t: t.append([9999.0, 1, 1])), "no picture of the source: 9999"),
    "NaN": (rows(lambda t: t[7].__setitem__(1, float("nan"))), "hold NaN or"),
    "pickled features": (file("f.npy", object_array, "features:"), "f.npy"),
    "no table": (file("f.csv", lambda p: p.write_text("a,b\n1,2\n"), "features:"), "its columns"),
}

WEIGHTS = {
    "pickle": (file("w.pth", pickled, "timm:test_resnet@"), "no file of weights alone"),
    "archive": (file("w.pth", archive, "timm:test_resnet@"), "cannot be read as weights"),
    "no weights": (
        file("w.safetensors", lambda p: p.write_bytes(b"none"), "timm:test_resnet@"),
        "no safetensors file",
    ),
    "another architecture": (
        file(
            "w.safetensors",
            lambda p: save_file({"conv1.weight": torch.zeros(2, 3)}, p),
            "timm:test_resnet@",
        ),
        "holds no weights of 'test_resnet': ",
    ),
}


def commands(source: str, folder: Path) -> dict[str, list[str]]:
    study = folder / "study.yaml"
    study.write_text(STUDY.replace("SOURCE", source))
    (folder / "labels.csv").write_text("index,label\n0,a\n1,b\n")
    return {
        "run": ["run", str(study)],
        "label-efficiency": ["run", "label-efficiency", "--encoder", source],
        "transfer": ["run", "transfer", "--encoder", source],
        "learn": ["learn", "digits", "--labels", str(folder / "labels.csv"), "--encoder", source],
    }


COMMANDS = ("run", "label-efficiency", "transfer", "learn")


def cases(errors: dict[str, tuple[Callable[[Path], str], str]]) -> list:
    """Every error by one of the commands, all of them in turn."""
    return [
        pytest.param(COMMANDS[place % len(COMMANDS)], make, said, id=name)
        for place, (name, (make, said)) in enumerate(errors.items())
    ]


def refused(name: str, source: str, said: str, folder: Path, capsys) -> None:
    out = folder / "out"
    assert run_command([*commands(source, folder)[name], "--out", str(out)]) == 2
    assert said in " ".join(capsys.readouterr().err.split())
    assert not out.exists()


@pytest.mark.parametrize(("name", "make", "said"), cases(FAULTS))
def test_graphs_and_features_are_refused_before_anything_is_made(
    name, make, said, tmp_path, capsys
):
    refused(name, make(tmp_path), said, tmp_path, capsys)


@pytest.mark.parametrize(("name", "make", "said"), cases(WEIGHTS))
def test_weights_are_refused_before_anything_is_made(timm, name, make, said, tmp_path, capsys):
    refused(name, make(tmp_path), said, tmp_path, capsys)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_refuses(name, tmp_path, capsys):
    refused(name, f"features:{tmp_path / 'none.npy'}", "no such file of features", tmp_path, capsys)
