"""The house: rooms import from the rooms above them alone, and heavy things load late."""

import ast
import subprocess
import sys
from collections import Counter
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import tacit
from tacit.evidence.methods import METHODS as SCORING
from tacit.labels.methods import METHODS
from tacit.labels.propagation.propagate import KINDS
from tacit.questions.registry import QUESTIONS

SOURCE = Path(tacit.__file__).parent
ROOMS = [
    "_version",
    "streams",
    "files",
    "errors",
    "notebook",
    "progress",
    "images",
    "models",
    "encoders",
    "training",
    "evidence",
    "measures",
    "labels",
    "checks",
    "figures",
    "questions",
    "report",
    "studies",
    "saved",
    "finished",
    "estimators",
    "onnx",
    "page",
    "commands",
    "cli",
]
# Intervals are needed wherever numbers are made, so measures may be read by evidence as well; the
# page reads records, which studies write.
MODULES = sorted(SOURCE.rglob("*.py"))


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def imports_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("tacit."):
            names.add(node.module)
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names if alias.name.startswith("tacit.")}
    return names


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_a_room_imports_only_from_rooms_above_it(path: Path) -> None:
    here = path.relative_to(SOURCE).parts[0].removesuffix(".py")
    if here in ("__init__", "__main__"):
        return
    assert here in ROOMS, f"{here} has no place in the house"
    for module in imports_of(path):
        there = room_of(module)
        assert ROOMS.index(there) <= ROOMS.index(here), f"{path.name} imports {module}"


def test_no_prefix_of_file_names_stands_for_a_folder() -> None:
    for folder in {path.parent for path in MODULES}:
        names = {path.stem for path in folder.glob("*.py")}
        names |= {path.parent.name for path in folder.glob("*/__init__.py")}
        grouped = {name for name in names if any(n.startswith(f"{name}_") for n in names)}
        assert not grouped, f"{folder.relative_to(SOURCE)}: {grouped} should be folders"


def test_every_question_has_the_same_four_rooms() -> None:
    questions = SOURCE / "questions"
    for folder in {path.parent for path in questions.glob("*/question.py")}:
        rooms = {path.stem for path in folder.glob("*.py")} - {"__init__"}
        assert rooms == {"question", "numbers", "words", "figures"}, folder.name


ASKED_FOR = {"headline", "sentences", "caveats", "alerts", "decided_by", "table", "tables", "draw"}


def public_functions(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    return {name for name in names if not name.startswith("_")}


def test_rooms_are_asked_for_all_that_they_say() -> None:
    """What `Question.answer` looks for by name cannot be missed for being misspelt."""
    used = Counter(
        node.attr if isinstance(node, ast.Attribute) else node.id
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute | ast.Name)
    )
    for question in {*QUESTIONS.values()}:
        words, figures = (Path(str(question.room(r).__file__)) for r in ("words", "figures"))
        assert "headline" in public_functions(words)
        assert "draw" in public_functions(figures)
        for path in (words, figures):
            unused = {name for name in public_functions(path) - ASKED_FOR if not used[name]}
            assert not unused, f"{path.parent.name}/{path.name}: nothing asks for {unused}"


def modules_after(statement: str) -> set[str]:
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("statement", ["import tacit", "import tacit.cli"])
def test_pytorch_loads_late(statement: str) -> None:
    loaded = modules_after(statement)
    assert "tacit" in loaded
    assert not loaded & {"torch", "numpy", "matplotlib", "sklearn", "pydantic"}


PUBLIC = [tacit, *(import_module(f"tacit.{path.parent.name}") for path in SOURCE.glob("*/*.pyi"))]


@pytest.mark.parametrize("package", PUBLIC, ids=lambda package: package.__name__)
def test_packages_show_their_public_names(package: ModuleType) -> None:
    assert package.__doc__
    assert package.__all__ == sorted(package.__all__)
    for name in package.__all__:
        # A module of the same name must not hide what is meant, whatever was imported before.
        assert not isinstance(getattr(package, name), ModuleType), name
        assert getattr(package, name).__doc__ or name.isupper(), name
    assert set(package.__all__) <= set(dir(package))


def test_help_names_everything_at_the_top() -> None:
    names = [name for name in tacit.__all__ if not name.startswith("__")]
    assert all(name in str(tacit.__doc__) for name in names)


def test_nothing_reads_the_global_generators() -> None:
    forbidden = ("np.random.seed", "np.random.rand", "random.random(", "torch.manual_seed(")
    for path in MODULES:
        text = path.read_text(encoding="utf-8")
        found = [name for name in forbidden if name in text]
        assert not found, f"{path.name} uses {found}"


METHOD_NAMES = {*METHODS, *KINDS, *SCORING}


def names_decided_by(source: str) -> list[str]:
    """Names of methods that code compares something with, or looks for among others."""
    found: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
        elif isinstance(node, ast.MatchValue):
            sides = [node.value]
        else:
            continue
        for side in sides:
            held = side.elts if isinstance(side, ast.Tuple | ast.List | ast.Set) else [side]
            found += [one.value for one in held if isinstance(one, ast.Constant)]
    return [name for name in found if name in METHOD_NAMES]


def test_nothing_is_decided_by_the_name_of_a_method() -> None:
    branches = "if m == 'poisson': ...\nif m in ('laplace', x): ...\nmatch m:\n case 'refined': ..."
    assert names_decided_by(branches) == ["poisson", "laplace", "refined"]
    for path in MODULES:
        found = names_decided_by(path.read_text(encoding="utf-8"))
        assert not found, f"{path.relative_to(SOURCE)} asks for {found}: what differs is a field"


WEIGHTS_ALONE = 'torch.load(path, map_location="cpu", weights_only=True)'


def test_nothing_unpickles() -> None:
    for path in MODULES:
        # PyTorch's reader of weights alone builds tensors and nothing else.
        text = path.read_text(encoding="utf-8").replace(WEIGHTS_ALONE, "")
        assert "torch.load(" not in text, path.name
        assert "import pickle" not in text, path.name
        assert "allow_pickle=True" not in text, path.name
