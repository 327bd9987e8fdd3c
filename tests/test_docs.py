"""The documents say what is: their studies run, every key has a word, links lead somewhere."""

import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from tacit.images.catalog import EMBEDDED, IDX_SETS, NAMES
from tacit.models.config import (
    AmortizedTable,
    BernoulliTable,
    ConvNetwork,
    DenseNetwork,
    GaussianTable,
    PerImageTable,
    PoolNetwork,
    ResNetwork,
)
from tacit.questions.base import Question
from tacit.questions.registry import QUESTIONS
from tacit.questions.shared.outputs import IMAGES_COMPARED
from tacit.studies.description.errors import StudyError
from tacit.studies.description.reading import parse
from tacit.studies.description.spec import FewLabels, ImagesTable, Phase, Run, Study, TakenPart
from tacit.training.evaluation import EVALUATED_IMAGES
from tacit.training.objectives import ObjectiveTable
from tacit.training.objectives.tables import BYOLTable, SimCLRTable, VICRegTable
from tacit.training.views import Affine, Blur, Colour, Crop, Recipe, Views

CONTRASTIVE = (SimCLRTable, VICRegTable, BYOLTable)

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")])
STUDIES = (ROOT / "docs" / "studies.md").read_text(encoding="utf-8")


SIZES = (ROOT / "docs" / "choosing-a-size.md").read_text(encoding="utf-8")


def blocks(kind: str, text: str = STUDIES) -> list[str]:
    """The code blocks of a document whose fence says `kind`."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", text, re.M | re.S)


def section(heading: str) -> str:
    """What stands under a heading of docs/studies.md, up to the next heading."""
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", STUDIES, re.M | re.S)
    assert found, f"docs/studies.md has no section '{heading}'"
    return found[1]


def first_cells(table: str) -> set[str]:
    """The names in code font in the first column of all rows."""
    rows = re.findall(r"^\|([^|]*)\|", table, re.M)
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


def keys(table: type[BaseModel]) -> set[str]:
    """The keys of a table as a file has them."""
    return {field.alias or name for name, field in table.model_fields.items()}


def test_how_many_images_are_looked_at_is_said_as_it_is() -> None:
    said = " ".join((ROOT / "docs" / "method.md").read_text(encoding="utf-8").split())
    assert f"at most {EVALUATED_IMAGES:,} of each split" in said
    assert f"final numbers look at up to {IMAGES_COMPARED:,}" in said


@pytest.mark.parametrize(
    "text", blocks("yaml") + blocks("yaml", SIZES), ids=lambda text: text.splitlines()[0]
)
def test_a_study_in_the_documents_is_one(text: str) -> None:
    study, questions = parse(text, "documents")
    assert study.runs
    assert questions


def test_there_are_studies_in_the_documents() -> None:
    assert len(blocks("yaml")) >= 3


def test_faults_are_told_as_documented() -> None:
    with pytest.raises(StudyError) as caught:
        parse(*blocks("yaml faulty"), "mine.yaml")
    (told,) = blocks("text")
    shown = re.sub(r"Choices: .*", "Choices: …", str(caught.value))
    assert told.strip() == shown


@pytest.mark.parametrize(
    ("heading", "documented"),
    [
        ("The study", keys(Study) | {"defaults"}),
        ("Images", keys(ImagesTable)),
        ("A run", keys(Run)),
        ("Few labels", keys(FewLabels)),
        ("Parts from other runs", keys(TakenPart)),
    ],
)
def test_every_key_is_documented_and_no_other(heading: str, documented: set[str]) -> None:
    cells = first_cells(section(heading))
    assert cells - {"images", "train", "encoder", "decoder"} <= documented
    assert documented <= cells


@pytest.mark.parametrize(
    "table",
    [
        ConvNetwork,
        DenseNetwork,
        PoolNetwork,
        ResNetwork,
        BYOLTable,
        SimCLRTable,
        VICRegTable,
        GaussianTable,
        BernoulliTable,
        AmortizedTable,
        PerImageTable,
    ],
    ids=lambda table: table.__name__,
)
def test_every_key_of_a_part_is_documented(table: type[BaseModel]) -> None:
    kind = table.model_fields["kind"].default
    (row,) = re.findall(rf"^\| `{kind}` \|.*$", STUDIES, re.M)
    _, _, further, _ = row.split("|", 3)
    for key in keys(table) - {"kind"}:
        assert f"`{key}`" in further, f"'{key}' of '{kind}' is not documented"


def test_every_objective_is_documented() -> None:
    text = section("Objectives")
    kinds = [table.model_fields["kind"].annotation for table in (ObjectiveTable, *CONTRASTIVE)]
    assert first_cells(text) - {"kind"} == {name for kind in kinds for name in get_args(kind)}
    for key in keys(ObjectiveTable):
        assert f"`{key}`" in text
    assert all(f"`{key}`" in section("A run") for key in keys(Phase))


def test_every_view_and_every_recipe_is_documented() -> None:
    text = (ROOT / "docs" / "views.md").read_text(encoding="utf-8")
    assert {*keys(Views), *get_args(Recipe)} <= first_cells(text)
    for key in {*keys(Crop), *keys(Affine), *keys(Colour), *keys(Blur)}:
        assert f"`{key}`" in text
    for study in blocks("yaml", text):
        parse(study, "docs/views.md")


@pytest.mark.parametrize("name", sorted(QUESTIONS))
def test_every_question_is_documented(name: str) -> None:
    (row,) = re.findall(rf"^\| `{name}` \|.*$", section("Questions"), re.M)
    *_, arguments, _ = row.split("|")
    fields = QUESTIONS[name].model_fields
    required, *_ = arguments.split(";")
    assert set(re.findall(r"`([a-z_]+)`", required)) == {
        key for key, field in fields.items() if field.is_required()
    }
    for key, field in fields.items():
        if key in Question.model_fields:
            assert f"`{key}`" in section("Questions")
            continue
        assert f"`{key}`" in arguments, f"'{key}' of '{name}' is not documented"
        if isinstance(field.default, int):
            assert f"`{key}` ({field.default})" in arguments


def test_documented_questions_exist() -> None:
    assert first_cells(section("Questions")) == set(QUESTIONS)


def test_documented_defaults_are_the_defaults() -> None:
    cells = dict(re.findall(r"^\| `(\w+)` \| `?([^|`]*?)`? \|", section("A run"), re.M))
    for key in ("latent_dim", "epochs", "updates", "batch_size", "rate", "eps", "threads"):
        assert float(cells[key]) == Run.model_fields[key].default, key


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    for target in links(path.read_text(encoding="utf-8")):
        if target.startswith(("http://", "https://")):
            continue
        file, _, anchor = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        assert there.exists(), f"{path.name} links to {target}"
        if anchor:
            assert anchor in anchors(there.read_text(encoding="utf-8")), f"{path.name}: {target}"


def links(text: str) -> Iterator[str]:
    for found in re.finditer(r"\[[^\]]*\]\(([^)\s]+)\)", text):
        yield found[1]


def anchors(text: str) -> set[str]:
    """Headings as links name them: lower case, hyphens for spaces, no other punctuation."""
    headings = re.findall(r"^#+ (.*)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_set_of_images_has_its_licence_and_citation() -> None:
    sources = (ROOT / "docs" / "sources.md").read_text(encoding="utf-8")
    for name in NAMES:
        entry = EMBEDDED.get(name) or IDX_SETS[name]
        (row,) = re.findall(rf"^\| `{name}` \|.*$", sources, re.M)
        assert entry.licence in row
        assert entry.citation in row


def test_rooms_are_listed_in_their_order() -> None:
    rooms = runpy.run_path(str(ROOT / "tests" / "test_house.py"))["ROOMS"]
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    listed = text.split("<!-- rooms -->")[1].split("<!-- end of rooms -->")[0]
    assert re.findall(r"^\| `(\w+)` \|", listed, re.M) == rooms


def test_every_make_target_in_the_documents_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (targets,) = re.findall(r"^\.PHONY: (.*)$", makefile, re.M)
    for path in DOCUMENTS:
        code = re.findall(r"^```.*?^```$|`[^`\n]+`", path.read_text("utf-8"), re.M | re.S)
        for found in re.findall(r"^`?make ([a-z][a-z-]*)", "\n".join(code), re.M):
            assert found in targets.split(), f"{path.name}: make {found}"


def test_versions_agree() -> None:
    import tacit

    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {tacit.__version__}\n" in citation
    assert tacit.__version__ in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
