"""Where keys belong, in errors and in the schema that editors read."""

import json
import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from tacit.studies.description import named
from tacit.studies.description.errors import StudyError
from tacit.studies.description.places import schema
from tacit.studies.description.reading import parse

DOCUMENTS = Path(__file__).parents[2] / "docs"
BUILT_IN = Path(named.__file__).parents[1] / "builtin"
TEXTS = [
    *(path.read_text("utf-8") for path in sorted(BUILT_IN.glob("*.yaml"))),
    *re.findall(
        r"^```yaml\n(.*?)^```$", (DOCUMENTS / "studies.md").read_text("utf-8"), re.M | re.S
    ),
]


def errors(text: str) -> list[str]:
    data = json.loads(json.dumps(YAML(typ="safe").load(text)))
    return [error.message for error in Draft202012Validator(schema()).iter_errors(data)]


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: text.splitlines()[0])
def test_the_schema_takes_what_tacit_takes(text: str) -> None:
    assert errors(text) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("runs: {a: {learn: vae, beta: 4}}", "beta"),
        ("runs: {a: {learn: vea}}", "vea"),
        ("runs: {a: {network: pol}}", "pol"),
        ("runs: {a: {latent_dim: -1}}", "-1"),
        ("runs: {}\nquestions: [{priors: {run: a}}]", "priors"),
        ("runs: {}\nquestions: [{overfitting: {rnus: [a]}}]", "rnus"),
        ("defaults: {epoch: 3}\nruns: {}", "epoch"),
    ],
)
def test_the_schema_refuses_what_tacit_refuses(text: str, said: str) -> None:
    text = f"title: Mine\n{text}"
    assert any(said in error for error in errors(text))
    with pytest.raises(StudyError, match=said):
        parse(text, "mine")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("runs: {a: {learn: vae, beta: 4}}", "a run's objective: objective: {beta: …}"),
        ("defaults: {sigma: 0.1}\nruns: {a: {learn: vae}}", "likelihood: {sigma: …}"),
        ("runs: {a: {learn: vae, seeds: [1]}}", "to the study itself, beside runs"),
        ("epochs: 3\nruns: {a: {learn: vae}}", "to a run, or to defaults for all of them"),
        ("train_size: 100\nruns: {a: {learn: vae}}", "images: {train_size: …}"),
        ("beta: 4\nruns: {a: {learn: vae}}", "objective of a run: objective: {beta: …}"),
    ],
)
def test_a_key_in_the_wrong_place_is_told_its_own(text: str, place: str) -> None:
    with pytest.raises(StudyError) as refused:
        parse(f"title: Mine\n{text}", "mine")
    assert place.removeprefix("a run's objective: ") in str(refused.value)


def test_pairs_may_be_written_as_on_the_command_line() -> None:
    text = (
        "title: Mine\nruns: {a: {learn: vae}}\n"
        "questions: [{label-efficiency: {pairs: [a.poisson, scratch]}}]"
    )
    _, (question,) = parse(text, "mine")
    assert errors(text) == []
    assert [pair.name for pair in question.pairs] == ["a.poisson", "scratch"]
    with pytest.raises(StudyError, match="'posson' is no method"):
        parse(text.replace("poisson", "posson"), "mine")
