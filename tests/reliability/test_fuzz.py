"""Readers of files that tacit did not write: mutated files are read, or refused by their errors.

The same targets are fuzzed with atheris by `make fuzz` (fuzz/), for longer and guided by coverage.
"""

import functools

import pytest
from fuzz.targets import TARGETS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

WORTH_TRYING = [
    b"\0", b"\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff", b"\0\0\0\0", b"-1", b"9" * 30,
    b"1e999", b"NaN", b"\xed\xa0\x80", b"..", b"/", b"{}", b"[[", b"&a ", b"*a", b"!!python/none",
]  # fmt: skip
EXAMPLES = {"study": 30, "model": 60}
"""Of targets that take milliseconds each; others take 150."""


@functools.cache
def valid(name: str) -> tuple[bytes, ...]:
    return tuple(TARGETS[name].seeds())


@st.composite
def mutated(draw: st.DrawFn, name: str) -> bytes:
    """A valid file of a target with a few edits: cut, repeated, overwritten, flipped."""
    data = bytearray(draw(st.sampled_from(valid(name))))
    for _ in range(draw(st.integers(0, 4))):
        first = draw(st.integers(0, max(0, len(data) - 1)))
        length = draw(st.integers(0, 12))
        edit = draw(st.sampled_from(["flip", "cut", "put", "over", "repeat", "end"]))
        word = draw(st.sampled_from(WORTH_TRYING) | st.binary(max_size=8))
        if edit == "flip" and data:
            data[first] ^= 1 << draw(st.integers(0, 7))
        elif edit == "cut":
            del data[first : first + length]
        elif edit == "put":
            data[first:first] = word
        elif edit == "over":
            data[first : first + len(word)] = word
        elif edit == "repeat":
            data[first:first] = data[first : first + length] * draw(st.integers(1, 30))
        else:
            del data[first:]
    return bytes(data)


@pytest.mark.filterwarnings(
    "ignore"
)  # Pillow warns of oddities in files that it reads all the same
@pytest.mark.parametrize("name", TARGETS)
def test_a_mutated_file_is_read_or_refused(name) -> None:
    @settings(
        max_examples=EXAMPLES.get(name, 150),
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(mutated(name))
    def run(data: bytes) -> None:
        TARGETS[name](data)

    run()


@pytest.mark.parametrize("name", TARGETS)
def test_valid_files_are_read(name) -> None:
    """Without this, mutations might start from files that are refused at once."""
    taken = [TARGETS[name](data) for data in valid(name)]
    assert sum(taken) >= len(taken) - 1


def test_an_undocumented_error_is_a_finding() -> None:
    broken = type(TARGETS["idx"])(lambda data: data.index(b"x"), (KeyError,), lambda: [b""])
    with pytest.raises(ValueError, match="subsection not found"):
        broken(b"y")
