"""Records: exactly what the contract says, the same bytes again, and back to the same findings."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacit.figures.sink import Figure
from tacit.measures.number import Number
from tacit.questions.finding import Finding, Table
from tacit.report.provenance import ImagesUsed, Provenance
from tacit.report.results import read_records, results_json, write_records

IMAGES = ImagesUsed("digits", "ab" * 32, 1437, 360, (1, 8, 8), 10)
PROVENANCE = Provenance("inference", "A title", "A sentence.", IMAGES, "tacit run", (0,))

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
finite = st.floats(allow_nan=False, allow_infinity=False)
numbers = st.builds(
    Number,
    value=st.none() | finite,
    low=st.none() | finite,
    high=st.none() | finite,
    n=st.integers(0, 10**6),
    unit=words,
    interval=words,
)
cells = st.one_of(words, finite, st.integers(-(2**53), 2**53), numbers, st.none())
findings = st.builds(
    Finding,
    question=words,
    title=words,
    asks=words,
    answer=words,
    numbers=st.dictionaries(words, numbers, max_size=3),
    runs=st.lists(words, max_size=3).map(tuple),
    decided_by=words,
    figures=st.lists(
        st.builds(
            Figure,
            name=st.from_regex(r"[a-z0-9]{1,6}", fullmatch=True),
            kind=st.sampled_from(["chart", "grid"]),
            caption=words,
            alt=st.just("alt"),
        ),
        max_size=2,
    ).map(tuple),
    tables=st.lists(
        st.builds(Table, words, st.just(("a", "b")), st.tuples(st.tuples(cells, cells)))
    ).map(tuple),
    caveats=st.lists(words, max_size=2).map(tuple),
    sources=st.lists(words, max_size=2).map(tuple),
)


@settings(max_examples=25)
@given(st.lists(findings, max_size=2).map(tuple))
def test_findings_come_back_as_they_were(tmp_path_factory, found):
    folder = tmp_path_factory.mktemp("records")
    write_records(folder, PROVENANCE, found)
    provenance, again = read_records(folder)
    assert provenance == PROVENANCE
    assert again == found
    assert [list(f.numbers) for f in again] == [list(f.numbers) for f in found]
    kept = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert set(kept) == {"results.json", "findings.json", "environment.json"}
    write_records(folder, provenance, again)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == kept


FINDING = Finding(
    "q",
    "Title",
    "What?",
    "That.",
    {"b": Number(3, 2, np.float64(4), 3, "nats", "95 % t over 3 seeds"), "a": Number(None)},
    ("vae",),
    figures=(Figure("f", "chart", "c", "alt"),),
    caveats=("careful",),
)


def test_results_hold_exactly_what_the_contract_says():
    content = results_json("inference", IMAGES, [FINDING])
    assert content.endswith(b"}\n")
    assert json.loads(content) == {
        "study": "inference",
        "images": {"source": "digits", "sha256": "ab" * 32, "train": 1437, "test": 360},
        "findings": [
            {
                "question": "q",
                "asks": "What?",
                "answer": "That.",
                "verdict": "cannot tell",
                "headline": "",
                "key": "",
                "label": "",
                "alerts": [],
                "numbers": {
                    "a": {
                        "value": None,
                        "low": None,
                        "high": None,
                        "n": 0,
                        "unit": "",
                        "interval": "no interval",
                    },
                    "b": {
                        "value": 3.0,
                        "low": 2.0,
                        "high": 4.0,
                        "n": 3,
                        "unit": "nats",
                        "interval": "95 % t over 3 seeds",
                    },
                },
                "runs": ["vae"],
            }
        ],
    }


def test_results_are_the_same_whatever_the_order_of_numbers():
    turned = dict(reversed(FINDING.numbers.items()))
    other = Finding("q", "Other title", "What?", "That.", turned, ("vae",))
    assert results_json("s", IMAGES, [FINDING]) == results_json("s", IMAGES, [other])


def test_results_hold_no_time_and_no_machine(tmp_path):
    quick, slow = (
        Provenance("s", "t", "e", IMAGES, "tacit run", (0,), machine=machine)
        for machine in ("2 cores", "64 cores")
    )
    contents = []
    for provenance in (quick, slow):
        write_records(tmp_path, provenance, [FINDING])
        contents.append([(tmp_path / f"{n}.json").read_bytes() for n in ("results", "findings")])
    assert contents[0] == contents[1]


def test_infinity_and_wrong_tables_are_refused():
    with pytest.raises(ValueError, match="'T' holds nan"):
        Table("T", ("a",), ((float("nan"),),))
    with pytest.raises(ValueError, match="'T' has a row of 2 cells"):
        Table("T", ("a",), ((1, 2),))
    with pytest.raises(ValueError, match="key is 'z', which is none of the numbers: a, b"):
        Finding("q", "", "", "", {"a": Number(1), "b": Number(2)}, (), key="z")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("findings.json", b""),
        ("findings.json", b"[{"),
        ("findings.json", b"{}"),
        ("findings.json", b'[{"question": "q"}]'),
        ("environment.json", b"\xff\xfe"),
        ("environment.json", b"[" * 100_000),
    ],
)
def test_a_damaged_record_is_named(tmp_path, name, content):
    write_records(tmp_path, PROVENANCE, [FINDING])
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"{name} is damaged or no such record"):
        read_records(tmp_path)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [('"name": "f"', '"name": "../../etc/passwd"'), ('"value": 3', '"value": NaN')],
)
def test_a_record_that_was_tampered_with_is_refused(tmp_path, right, wrong):
    write_records(tmp_path, PROVENANCE, [FINDING])
    path = tmp_path / "findings.json"
    assert right in path.read_text()
    path.write_text(path.read_text().replace(right, wrong))
    with pytest.raises(ValueError, match=r"findings\.json is damaged"):
        read_records(tmp_path)


def test_a_missing_record_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"environment\.json"):
        read_records(tmp_path)
