"""Spellings of labels: what is surely one class becomes one, what may be is shown, nothing else."""

import pytest

from tacit.errors import ImagesError
from tacit.images.classes import class_order, classes_of, quoted, visible
from tacit.images.dataset import UNLABELLED


@pytest.mark.parametrize(
    ("counts", "names"),
    [
        ({"0": 3, "0.0": 2, "1": 4}, ("0", "1")),
        ({"0.0": 2, "1.0": 3}, ("0", "1")),
        ({"1.0": 2, "1.5": 3, "2.0": 9}, ("1.0", "1.5", "2.0")),
        ({"1": 2, "1.0": 3, "cat": 9}, ("1", "cat")),
        ({"cat": 1, "cat ": 1, " cat\N{NO-BREAK SPACE}": 1, "dog": 1}, ("cat", "dog")),
        ({"cat": 1, "c\N{SOFT HYPHEN}at\N{ZERO WIDTH SPACE}": 1, "\ufeffdog": 1}, ("cat", "dog")),
        ({"\u00e9t\u00e9": 1, "e\u0301te\u0301": 1, "hiver": 1}, ("hiver", "\u00e9t\u00e9")),
        ({"A": 5, "a": 5, "b": 1}, ("A", "a", "b")),
        ({"C": 5, "C++": 5, "C#": 1}, ("C", "C#", "C++")),
        ({"1": 1, "2": 1, "3": 1}, ("1", "2", "3")),
        ({str(n): 1 for n in range(10)}, tuple(map(str, range(10)))),
        ({str(n): 2 for n in range(0, 900, 30)}, tuple(map(str, range(0, 900, 30)))),
        ({"-2": 3, "-1": 3, "0": 3}, ("-1", "-2", "0")),
    ],
)
def test_what_is_a_class(counts, names) -> None:
    found = classes_of(counts, "labels.csv")
    assert sorted(found.names) == sorted(names)
    assert list(found.names) == sorted(found.names, key=class_order)
    assert set(found.numbers) == set(counts)
    merged = len(counts) > len(names) or any(name not in names for name in counts)
    assert bool(found.notes) == merged


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({"Cat": 3, "cat": 1}, r"'Cat' \(3\) and 'cat' \(1\)"),
        ({"t-shirt": 3, "T shirt": 1}, r"'T shirt' \(1\) and 't-shirt' \(3\)"),
        ({"hot_dog": 3, "hotdog": 1}, "one class in several spellings"),
        ({"stra\u00dfe": 3, "STRASSE": 1}, "one class in several spellings"),
        ({"\uff11": 3, "1": 1, "2": 3}, "one class in several spellings"),
        ({"01": 3, "1": 1, "2": 3}, r"'01' \(3\) and '1' \(1\)"),
        ({"0,5": 3, "0.5": 1, "2": 3}, "one class in several spellings"),
        ({f"{1.37 * n:.2f}": 1 for n in range(30)}, "30 of 30 occur once"),
        ({f"{1.37 * n:.2f}": 1 + (n == 3) for n in range(30)}, "29 of 30 occur once"),
        ({str(n * n): 1 for n in range(12)}, "measurements, or numbers of the images"),
        ({str(n): 1 for n in range(40)}, "measurements, or numbers of the images"),
        ({"c\u0430t": 3, "cat": 1}, "one class in several spellings"),
        ({"-1": 4, "1": 5}, "call the classes 0 and 1"),
        ({"x" * 201: 1, "y": 2}, "201 characters"),
    ],
)
def test_what_may_be_meant_in_two_ways_is_refused(counts, said) -> None:
    with pytest.raises(ImagesError, match=said):
        classes_of(counts, "labels.csv")


@pytest.mark.parametrize("text", ["nan", "NaN", "NA", "None", "null", "<NA>", "#N/A", "NaT", ""])
def test_what_pandas_reads_as_missing_is_no_label(text) -> None:
    found = classes_of({"a": 2, "b": 1, text: 5}, "labels.csv")
    assert found.names == ("a", "b")
    assert found.number_of(text) == UNLABELLED
    assert found.notes == ((f"Taken as no label: '{text}' (5).",) if text else ())
    if text:
        named = classes_of({"a": 2, "b": 1, text: 5}, "pets", folders=True)
        assert sorted(named.names) == sorted(["a", "b", text])


def test_minus_one_is_no_label_beside_whole_numbers() -> None:
    found = classes_of({"0": 2, "1": 1, "-1": 5, "-1.0": 1}, "labels.csv")
    assert found.names == ("0", "1")
    assert found.number_of("-1.0") == UNLABELLED


def test_pandas_list_is_pandas_own() -> None:
    parsers = pytest.importorskip("pandas._libs.parsers")
    from tacit.images.classes import MISSING

    assert MISSING - {"NaT"} == parsers.STR_NA_VALUES - {""}


def test_what_shows_nothing_is_shown() -> None:
    assert quoted("e\u0301\N{ZERO WIDTH SPACE}") == r"'e\u0301\u200b'"
    assert visible(" a \t b ") == "a b"
    joined = "\N{CAT FACE}\N{ZERO WIDTH JOINER}\N{BLACK LARGE SQUARE}"
    assert visible(joined) == joined


@pytest.mark.parametrize("text", ["none", "NAN", "na", "?", "-", "unknown", "Unlabeled", "TODO"])
def test_what_may_mean_no_label_is_named(text) -> None:
    found = classes_of({text: 3, "scratch": 4}, "labels.csv")
    assert set(found.names) == {text, "scratch"}
    assert f"Classes called as if they were none: '{text}' (3)." in found.notes[0]
    assert not classes_of({text: 3, "scratch": 4}, "a folder", folders=True).notes
