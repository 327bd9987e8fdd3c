"""Study files: what is read, and every error at once with its line."""

import pytest

from tacit.studies.description.errors import StudyError
from tacit.studies.description.named import builtin_names, study_text
from tacit.studies.description.reading import parse


def faults_in(text: str) -> str:
    with pytest.raises(StudyError) as error:
        parse(text, "study")
    return str(error.value)


GOOD = """
title: Good
defaults: {latent_dim: 8}
runs:
  vae: {learn: vae}
  narrow: {learn: autoencoder, latent_dim: 4}
"""


@pytest.mark.parametrize("name", builtin_names())
def test_built_in_studies_are_whole_and_name_their_origins(name) -> None:
    study, questions = parse(study_text(name)[1], name)
    assert study.runs
    assert questions
    assert study.origins
    assert study.expect


def test_there_are_the_two_studies_of_the_reports() -> None:
    assert {"inference", "transfer"} <= set(builtin_names())


def test_defaults_hold_unless_a_run_says_otherwise() -> None:
    study, _ = parse(GOOD, "good")
    assert study.runs["vae"].latent_dim == 8
    assert study.runs["narrow"].latent_dim == 4


def test_all_faults_come_at_once_with_their_lines() -> None:
    text = faults_in("""
title: Bad
seeds: [0, 0]
snapshotz: [1]
defaults: {laten_dim: 8}
runs:
  vae: {learn: vea, rate: .nan}
  b: {learn: autoencoder, likelihood: {kind: gausian}, epochs: .inf}
questions:
  - clasifier: {run: c}
""")
    for expected in (
        "line 3, seeds: seeds [0, 0] hold one twice",
        "line 4, snapshotz: unknown key; did you mean 'snapshots'?",
        "line 5, defaults.laten_dim: unknown key; did you mean 'latent_dim'?",
        "line 7, runs.vae.learn: 'vea' is none of 'autoencoder', 'vae', 'classifier' or "
        "'contrastive'; did you mean 'vae'?",
        "line 7, runs.vae.rate: nan",
        "line 8, runs.b.likelihood: kind 'gausian' is none of",
        "line 8, runs.b.epochs: inf",
        "line 10, questions.0.clasifier: unknown question; did you mean 'classifier'?",
    ):
        assert expected in text


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ("a: {learn: autoencoder, encoder: {from: b}}", "takes a part from 'b', which is no run"),
        (
            "a: {learn: autoencoder, encoder: {from: b}}\n"
            "  b: {learn: autoencoder, encoder: {from: a}}",
            "a takes from b takes from a: a circle",
        ),
        ("a: {learn: autoencoder, encoder: {from: a}}", "a takes from a: a circle"),
        (
            "d: {learn: autoencoder, encoder: {from: c}}\n"
            "  c: {learn: autoencoder, encoder: {from: b}}\n"
            "  a: {learn: autoencoder, encoder: {from: c}}\n"
            "  b: {learn: autoencoder, encoder: {from: a}}",
            "c takes from b takes from a takes from c: a circle",
        ),
        (
            "a: {learn: autoencoder, latent_dim: 4}\n  b: {learn: classifier, encoder: {from: a}}",
            "the part does not fit: latent_dim is 16 here and 4 where it comes from",
        ),
        (
            "a: {learn: autoencoder, network: {kind: conv, hidden: 9}}\n"
            "  b: {learn: classifier, encoder: {from: a}}",
            "network is kind conv, hidden 256 here and kind conv, hidden 9",
        ),
        (
            "a: {learn: vae, posterior: per-image}\n  b: {learn: classifier, encoder: {from: a}}",
            "a VAE with per-image codes has no encoder to take",
        ),
        (
            "a: {learn: vae}\n  b: {learn: autoencoder, encoder: {from: a, part: probabilities}}",
            "class probabilities come from a classifier",
        ),
        ("a: {learn: classifier, posterior: per-image}", "per-image posteriors belong to 'vae'"),
        ("a: {learn: classifier, cycle_share: 0.5}", "there is no one_cycle"),
        ("a: {learn: autoencoder, network: pool}", "network 'pool' has no decoder"),
        ("a: {learn: vae, epochs: 0}", "epochs: 0; it is at least 1"),
        ("a: {learn: vae, likelihood: {kind: gaussian, sigma: -1}}", "sigma: -1"),
        ("A b: {learn: vae}", "is no name"),
    ],
)
def test_what_does_not_fit_is_named(runs, expected) -> None:
    assert expected in faults_in(f"title: t\nruns:\n  {runs}\n")


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("classifier: {run: a}", "run 'a' learns 'amortized vae'; needed: 'classifier'"),
        ("classifier: {run: q}", "looks at 'q', which is no run"),
        ("classifier: {rnu: a}", "unknown key; did you mean 'run'?"),
        (
            "inference-method: {amortized: b, per_image: [c]}",
            "run 'b' learns 'per-image vae'; needed: 'amortized vae'",
        ),
        ("prior: {amortized: a, per_image: [a]}", "needed: 'per-image vae'"),
    ],
)
def test_questions_are_held_to_their_runs(question, expected) -> None:
    runs = "a: {learn: vae}"
    runs += "".join(f"\n  {name}: {{learn: vae, posterior: per-image}}" for name in "bc")
    assert expected in faults_in(f"title: t\nruns:\n  {runs}\nquestions:\n  - {question}\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("title: a\ntitle: b\nruns: {}\n", 'line 2, column 1: found duplicate key "title"'),
        ("title: [", "line 1"),
        ("- a\n- b\n", "a study is a table"),
        ("", "a study is a table"),
        ("runs: {}\n", "title: is missing"),
        ("title: t\n", "runs: is missing"),
        ("a: &a [1]\nb: *a\n", "line 2: aliases"),
        ("title: t\nruns: {}\nx: " + "[" * 40 + "]" * 40, "nest deeper"),
        ("title: t\nseeds: [" + "9" * 400 + "]\nruns: {}\n", "seeds.0"),
        ("title: t\nruns: {}\nquestions: [{a: {}, b: {}}]\n", "one key, its name"),
    ],
)
def test_files_that_are_no_studies(text, expected) -> None:
    assert expected in faults_in(text)


def test_what_a_quick_look_leaves_out_is_there() -> None:
    assert "'wide'; the study's runs are vae, narrow" in faults_in(GOOD + "quick_without: [wide]\n")


def test_an_unknown_study_gets_the_nearest_name(tmp_path) -> None:
    with pytest.raises(StudyError, match="did you mean 'inference'"):
        study_text("infrence")
    large = tmp_path / "large.yaml"
    large.write_bytes(b"#" * 1_000_001)
    with pytest.raises(StudyError, match="a study has at most"):
        study_text(str(large))
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(StudyError, match="not UTF-8"):
        study_text(str(binary))


def test_former_names_are_read_as_what_they_are_called_now() -> None:
    former = """
title: t
cover: x
defaults: {latent_dim: 8}
runs:
  a: {learn: vae, latent_dim: 4}
questions:
  - label-efficiency: {pairs: [{codes: a, method: poisson}]}
"""
    now = former
    for name, old in (
        ("latent_dim", "code"), ("cover", "hero"), ("method", "way"),
        ("label-efficiency", "labels"),
    ):  # fmt: skip
        former = former.replace(f"{name}:", f"{old}:")
    assert parse(former, "study") == parse(now, "study")
    with pytest.raises(StudyError, match=r"line 6, runs\.a\.latent_dim: 0; it is at least 1"):
        parse(former.replace("code: 4", "code: 0"), "study")
