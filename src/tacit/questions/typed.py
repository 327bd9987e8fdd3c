"""A measurement as a dataclass, and as the named values and arrays that are stored.

A question says what it measures as a frozen dataclass; `Measurement.of` takes it apart and `typed`
puts it together again, by the annotations of its fields:

    float, int, bool, str, tuple[str, ...]   a value
    NDArray                                  an array
    a dataclass, or dict[str, …] of any      all that it holds, its name before theirs
    … | None                                 nothing is stored where it is None

A dataclass may be generic, as `OfImages` is.

Names are joined by "/", with "-" for "_": ``Numbers(run={"vae": OfRun(beta=1.0)})`` is stored as
the value ``run/vae/beta``. What a field `InTable` holds is written to a CSV file as well, and so is
each item of a dict called ``table``: ``table/NAME/COLUMN`` is a column of ``QUESTION-NAME.csv``,
where the columns of a dataclass within the table are called ``FIELD.COLUMN``, and those of a dict
of dataclasses ``KEY.COLUMN`` (``COLUMN`` for the key "").
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache
from types import UnionType
from typing import Annotated, Any, Generic, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")
Path = tuple[str, ...]
InTable = Annotated[T, "table"]
"""A table of per-image or per-class numbers, of a dataclass that is stored by itself."""


@dataclass(frozen=True)
class OfImages(Generic[T]):
    """A table of images: which they are, their classes, (n,) each, and columns by name.

    Attributes:
        of: by the name of a run, a method or a measure.
    """

    index: NDArray[np.int64]
    label: NDArray[np.int64] | None
    of: dict[str, T]


@dataclass
class Measurement:
    """What a question measured on the models of one seed, as it is stored.

    Attributes:
        values: one number, truth value, word or list of words each.
        arrays: per-image or per-class numbers, codes, pictures: whatever the answer and its figures
            need. Arrays whose name starts with ``table/NAME/COLUMN`` are written as columns of
            a CSV file, ``tables/QUESTION-NAME.csv``, with the seed beside them.
    """

    values: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, NDArray[np.generic]] = field(default_factory=dict)

    @classmethod
    def of(cls, numbers: Any) -> "Measurement":
        """All values and all arrays of a dataclass, by name."""
        found = cls()
        for path, leaf in _leaves(numbers, ()):
            if isinstance(leaf, np.ndarray):
                found.arrays[_name(path)] = leaf
            else:
                found.values[_name(path)] = list(leaf) if isinstance(leaf, tuple) else leaf
        return found

    def typed(self, kind: type[T]) -> T:
        """The dataclass that this was made of.

        Raises:
            KeyError: if something that is not optional is missing.
        """
        found: T = _built(kind, (), {**self.values, **self.arrays})
        return found

    def joined(self, other: "Measurement") -> "Measurement":
        """This measurement and another part of it."""
        return Measurement(self.values | other.values, self.arrays | other.arrays)


@dataclass(frozen=True)
class _Field:
    """One field: its own name and what it is stored under, what it holds, whether that may miss."""

    own: str
    name: Path
    kind: Any
    optional: bool

    @property
    def of_dataclasses(self) -> bool:
        """Whether it is a dict of dataclasses."""
        if get_origin(self.kind) is not dict:
            return False
        item = get_args(self.kind)[1]
        return _is_dataclass(item) or isinstance(item, TypeVar)

    def under(self, path: Path) -> Path:
        """Where it lies; within a table the keys of a dict of dataclasses stand by themselves."""
        if len(path) > 1 and path[0] == "table" and self.of_dataclasses:
            return path
        return (*path, *self.name)


def _is_dataclass(kind: Any) -> bool:
    return is_dataclass(get_origin(kind) or kind)


@cache
def _fields(kind: Any) -> tuple[_Field, ...]:
    plain = get_origin(kind) or kind
    hints = get_type_hints(plain, include_extras=True)
    found = []
    for one in fields(plain):
        said, optional = hints[one.name], False
        if get_args(kind) and getattr(said, "__parameters__", ()):
            said = said[get_args(kind)]
        name: Path = (one.name.strip("_").replace("_", "-"),)
        if get_origin(said) is Annotated:
            said, above = get_args(said)
            name = (above, *name)
        if get_origin(said) in (Union, UnionType):
            (said,) = (kind for kind in get_args(said) if kind is not type(None))
            optional = True
        found.append(_Field(one.name, name, said, optional))
    return tuple(found)


def _leaves(node: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    kind: Any = type(node)
    for one in _fields(kind):
        yield from _within(getattr(node, one.own), one.under(path))


def _within(node: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if isinstance(node, dict):
        for key, item in node.items():
            yield from _within(item, (*path, key))
    elif is_dataclass(node):
        yield from _leaves(node, path)
    elif node is not None:
        yield path, node


def _built(kind: Any, path: Path, known: Mapping[str, Any]) -> Any:
    if _is_dataclass(kind):
        held: dict[str, Any] = {}
        for one in _fields(kind):
            at = one.under(path)
            missing = one.optional and not _there(one.kind, at, known)
            held[one.own] = None if missing else _built(one.kind, at, known)
        return kind(**held)
    if get_origin(kind) is dict:
        item = get_args(kind)[1]
        return {key: _built(item, (*path, key), known) for key in _keys(item, path, known)}
    leaf = known[_name(path)]
    return tuple(leaf) if get_origin(kind) is tuple else leaf


def _there(kind: Any, path: Path, known: Mapping[str, Any]) -> bool:
    name = _name(path)
    if _is_dataclass(kind) or get_origin(kind) is dict:
        return any(one.startswith((f"{name}/", f"{name}.")) for one in known)
    return name in known


def _keys(item: Any, path: Path, known: Mapping[str, Any]) -> list[str]:
    """The keys of a dict that lies at `path`."""
    start = f"{_name(path)}/"
    rest = [name.removeprefix(start) for name in known if name.startswith(start)]
    if path[0] != "table" or len(path) == 1:
        return list(dict.fromkeys(name.split("/")[0] for name in rest))
    # Keys may hold dots; names of columns do not.
    columns = {one.name[-1] for one in _fields(item)}
    split = [name.rpartition(".") for name in rest]
    return list(dict.fromkeys(key for key, _, column in split if column in columns))


def _name(path: Path) -> str:
    if path[0] == "table" and len(path) > 2:
        return f"{path[0]}/{path[1]}/{'.'.join(filter(None, path[2:]))}"
    return "/".join(path)
