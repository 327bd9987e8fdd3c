"""Labels as people and programs spell them, and the classes that they mean."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tacit.errors import ImagesError
from tacit.images.bounded import printable
from tacit.images.dataset import UNLABELLED, check_classes

MISSING = frozenset(
    ("#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>",
     "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null", "NaT")
)  # fmt: skip
"""What pandas reads as missing (its documented list), and writes where a time is missing."""

_PERHAPS_MISSING = frozenset(
    ("-", "--", "?", "??", "???", ".", "empty", "missing", "n.a.", "no label", "not labeled", "tbd",
     "todo", "undefined", "unknown", "unlabeled", "unlabelled", *map(str.casefold, MISSING))
)  # fmt: skip
"""What may be said of an image without a label, in small letters, and may be a class as well."""

_FEW = 20
"""So many numbers that each occur once may be one label of each class; more are surely none."""

_NUMBER = re.compile(r"[+-]?\d{1,300}(?:\.(\d{0,300}))?(?:[eE][+-]?\d{1,3})?", re.ASCII)
_PLAIN = re.compile(r"-?(?:0|[1-9]\d{0,17})", re.ASCII)
_WHOLE_AS_FLOAT = re.compile(r"(-?(?:0|[1-9]\d{0,17}))\.0*", re.ASCII)
_BETWEEN_LETTERS = re.compile(r"(?<=[^\W\d_])[\s_\-]+(?=[^\W\d_])")
_NEVER_SEEN = re.compile("[\u00ad\u200b\u2060\ufeff]")
_SEEN_AS_LATIN = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u0410\u0412\u0415\u041a\u041c\u041d"
    "\u041e\u0420\u0421\u0422\u0423\u0425\u0406\u0408\u0405\u03bf\u0391\u0392\u0395\u0396\u0397\u0399"
    "\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7",
    "aeopcyxijsABEKMHOPCTYXIJSoABEZHIKMNOPTYX",
)
"""Cyrillic and Greek letters that nobody tells from Latin ones."""

_JOINERS = "\u200c\u200d\u200e\u200f"
_LISTED = 10


@dataclass(frozen=True)
class Classes:
    """What spellings of labels mean.

    Attributes:
        names: of the classes, printable, in the order of their numbers.
        numbers: of each spelling the number of its class; `UNLABELLED` where it means no label.
        notes: sentences for people.
    """

    names: tuple[str, ...]
    numbers: Mapping[str, int]
    notes: tuple[str, ...] = ()

    def number_of(self, spelling: str) -> int:
        """The number of a spelling's class."""
        return self.numbers[spelling]


def class_order(name: str) -> tuple[int, int, bytes]:
    """The order of classes everywhere: whole numbers by their size, before other names.

    >>> sorted(["10", "9", "-1", "b", "a"], key=class_order)
    ['-1', '9', '10', 'a', 'b']
    """
    number = int(name) if re.fullmatch(r"-?\d{1,18}", name, re.ASCII) else None
    spelt = name.encode("utf-8", "surrogateescape")
    return (1, 0, spelt) if number is None else (0, number, spelt)


def plain(text: str) -> str:
    """Text as it is seen, a whole number without the ".0" that programs write behind it."""
    return _plain(visible(text))


def visible(text: str) -> str:
    """Text as it is seen: composed, without characters that show nothing, white space once.

    >>> visible(" caf\N{LATIN SMALL LETTER E}\N{COMBINING ACUTE ACCENT}\N{ZERO WIDTH SPACE} ")
    'café'
    """
    seen = _NEVER_SEEN.sub("", unicodedata.normalize("NFC", text))
    return " ".join(seen.split()).strip(_JOINERS)


def classes_of(counts: Mapping[str, int], source: str, *, folders: bool = False) -> Classes:
    """The classes that are meant by labels in these spellings.

    Taken as one class, and said: spellings that look the same (`visible`), and a whole number with
    and without ".0", as programs write it. Taken as no label, and said: `MISSING`, and -1 where all
    others are whole numbers from 0.

    Args:
        counts: how many images have each spelling; "" is no label.
        source: where the labels stand, for messages.
        folders: the labels are names of folders; no name of one means "no label".

    Raises:
        ImagesError: spellings differ in a way that may or may not be meant (case, spaces, full and
            half width, leading zeros), there are too many classes, or the labels are measurements.

    >>> classes_of({"0": 3, "0.0": 2, "1": 4, "nan": 1}, "labels.csv").names
    ('0', '1')
    """
    means = {text: visible(text) for text in counts}
    absent = set() if folders else {text for text, seen in means.items() if seen in MISSING}
    absent |= {text for text, seen in means.items() if not seen}
    if not folders:
        absent |= _minus_one({text: means[text] for text in counts if text not in absent}, source)
    present = {text: seen for text, seen in means.items() if text not in absent}
    present = _whole_numbers(present)
    together: dict[str, list[str]] = defaultdict(list)
    for text, seen in present.items():
        together[seen].append(text)
    names = sorted(together, key=class_order)
    check_classes(len(names), max(map(len, names), default=0), source)
    sizes = {name: sum(counts[text] for text in together[name]) for name in names}
    _check_alike(sizes, source)
    if not folders:
        _check_repeat(sizes, source)
    numbers = {text: number for number, name in enumerate(names) for text in together[name]}
    return Classes(
        tuple(printable(name) for name in names),
        numbers | dict.fromkeys(absent, UNLABELLED),
        tuple(_notes(counts, together, absent, folders)),
    )


def missing_in(labels: NDArray[Any]) -> NDArray[np.bool_]:
    """Which labels of an array are missing: None, NaN, and what pandas has in their place, (n,)."""
    if labels.dtype.kind == "f":
        return np.isnan(labels)
    if labels.dtype.kind in "mM":
        return np.isnat(labels)
    if labels.dtype.kind != "O":
        return np.zeros(len(labels), bool)
    return np.array([_is_missing(label) for label in labels], bool)


def _is_missing(label: Any) -> bool:
    """Whether a label is None or equal to nothing, not even to itself."""
    kind = type(label).__name__
    if label is None or kind == "NAType":  # pandas's NA will not say what it is equal to
        return True
    return (isinstance(label, float | np.generic) or kind == "NaTType") and bool(label != label)


def quoted(text: str) -> str:
    """A spelling in quotation marks, with what shows nothing as escapes.

    >>> print(quoted("cat\N{ZERO WIDTH SPACE}"))
    'cat\\u200b'
    """
    hidden = {c: c.encode("unicode_escape").decode() for c in text if _hidden(c)}
    return "'" + printable("".join(hidden.get(c, c) for c in text))[:200] + "'"


def _hidden(c: str) -> bool:
    return unicodedata.category(c) == "Cf" or unicodedata.combining(c) > 0 or c in "\u00a0\u3000"


def _minus_one(means: Mapping[str, str], source: str) -> set[str]:
    """The spellings of -1 where it means "no label"."""
    found = {text for text, seen in means.items() if _plain(seen) == "-1"}
    others = {_plain(seen) for text, seen in means.items() if text not in found}
    if not found or not all(_PLAIN.fullmatch(seen) and seen[0] != "-" for seen in others):
        return set()
    if others == {"1"}:
        raise ImagesError(
            f"{source}: the labels are -1 and 1, and -1 means that "
            "an image has no label; call the classes 0 and 1, or by names"
        )
    return found


def _plain(seen: str) -> str:
    """A whole number without the ".0" that programs write behind it; other text as it is."""
    whole = _WHOLE_AS_FLOAT.fullmatch(seen)
    return whole[1] if whole else seen


def _whole_numbers(present: Mapping[str, str]) -> dict[str, str]:
    """Spellings with what they mean, "0.0" as "0" where "0" occurs or all labels are like this."""
    plain = {text: _plain(seen) for text, seen in present.items()}
    if all(_PLAIN.fullmatch(seen) for seen in plain.values()):
        return plain
    said = set(present.values())
    return {text: plain[text] if plain[text] in said else seen for text, seen in present.items()}


def _confused(name: str) -> str:
    """What names have in common that people take for one; a number's value."""
    if _NUMBER.fullmatch(name):
        return f"{float(name):g}" if len(name) < 16 else name
    if re.fullmatch(r"[+-]?\d{1,15},\d{1,15}", name):
        return _confused(name.replace(",", "."))
    folded = unicodedata.normalize("NFKC", name).translate(_SEEN_AS_LATIN)
    if len(folded) == 1:
        return folded  # letters are classes of their own: A and a
    folded = "".join(c for c in folded.casefold() if unicodedata.category(c) != "Cf")
    return _BETWEEN_LETTERS.sub("", folded)


def look_alike(names: Iterable[str]) -> list[list[str]]:
    """Groups of two or more names that people take for one.

    >>> look_alike(["Cat", "cat ", "dog", "0", "0.0"])
    [['Cat', 'cat '], ['0', '0.0']]
    """
    groups: dict[str, list[str]] = defaultdict(list)
    for name in names:
        groups[_confused(plain(name))].append(name)
    return [group for group in groups.values() if len(group) > 1]


def _check_alike(sizes: Mapping[str, int], source: str) -> None:
    doubtful = look_alike(sizes)
    if doubtful:
        listed = "; ".join(
            " and ".join(f"{quoted(name)} ({sizes[name]:,})" for name in names)
            for names in doubtful[:_LISTED]
        )
        raise ImagesError(
            f"{source}: labels that look like one class in several spellings, with how many images "
            f"have each: {listed}{'; …' if len(doubtful) > _LISTED else ''}. Spell each class in "
            "one way, or call different classes by different words"
        )


def _check_repeat(sizes: Mapping[str, int], source: str) -> None:
    """See that labels which are all numbers are no measurements, and no numbers of the images."""
    if len(sizes) < 3 or not all(_NUMBER.fullmatch(name) for name in sizes):
        return
    values = [float(name) for name in sizes]
    single = sum(size == 1 for size in sizes.values())
    whole = all(value == round(value) for value in values if abs(value) < 1e15)
    without_gaps = max(values) - min(values) + 1 == len(values)
    few = _FEW if without_gaps else _FEW // 2
    if (not whole and 2 * single > len(sizes)) or (whole and single == len(sizes) > few):
        some = ", ".join(list(map(printable, sizes))[:3])
        raise ImagesError(
            f"{source}: the labels are numbers ({some}, …) and {single:,} of {len(sizes):,} occur "
            "once: measurements, or numbers of the images, and no classes. Give ranges names of "
            "their own (small, large), or name the column that holds classes `label`"
        )


def _notes(
    counts: Mapping[str, int],
    together: Mapping[str, list[str]],
    absent: set[str],
    folders: bool,
) -> list[str]:
    notes = []
    what = "folders" if folders else "labels"
    changed = [
        f"{quoted(text)} ({counts[text]:,}) is {quoted(name)}"
        for name, spellings in together.items()
        for text in spellings
        if text != name
    ]
    if changed:
        more = f" and {len(changed) - _LISTED:,} more" if len(changed) > _LISTED else ""
        listed = ", ".join(changed[:_LISTED])
        notes.append(f"Spellings of {what} taken for what they surely mean: {listed}{more}.")
    if said := sorted(text for text in absent if visible(text)):
        listed = ", ".join(f"{quoted(text)} ({counts[text]:,})" for text in said)
        notes.append(f"Taken as no label: {listed}.")
    doubtful = [] if folders else [n for n in together if n.casefold() in _PERHAPS_MISSING]
    if doubtful:
        listed = ", ".join(
            f"{quoted(name)} ({sum(counts[text] for text in together[name]):,})"
            for name in doubtful[:_LISTED]
        )
        notes.append(
            f"Classes called as if they were none: {listed}. Where they mean that an image has no "
            "label, leave it empty."
        )
    return notes
