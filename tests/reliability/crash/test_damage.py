"""Damage on the disk is noticed, named and mended; nothing damaged is used."""

import itertools
import json
import shutil
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small import Watching, content, run_small, some_digits

from tacit.files import Damaged, read_record, write_record
from tacit.studies.study import Ended
from tacit.training.run_folder import is_done, verify


def again(folder: Path) -> tuple[Ended, Watching]:
    return run_small("stages", folder, some_digits())


@pytest.fixture
def finished(undisturbed, tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """A copy of a finished study, and what is in it."""
    whole, expected = undisturbed("stages")
    return Path(shutil.copytree(whole, tmp_path / "stages")), expected


def flip(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place % len(data)] ^= 1 << (place % 8)
    path.write_bytes(data)


PARTS = {
    "weights": "jobs/*/model.safetensors",
    "snapshots": "jobs/*/snapshots/*.safetensors",
    "curves": "jobs/*/history.json",
    "settings": "jobs/*/job.json",
    "arrays": "measurements/*/arrays.safetensors",
    "values": "measurements/*/values.json",
    "seal of a run": "jobs/*/done.json",
    "seal of a measurement": "measurements/*/done.json",
    "pixels": "images/train-pixels.npy",
    "labels": "images/test-labels.npy",
    "record of the images": "images/train.json",
}
DAMAGES = {
    "flipped": lambda path: flip(path, 12345),
    "last byte flipped": lambda path: flip(path, -1 if path.suffix != ".json" else -3),
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-7]),
    "empty": lambda path: path.write_bytes(b""),
    "missing": lambda path: path.unlink(),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"{}"),
}


ALL = list(itertools.product(PARTS, DAMAGES))
FEW = [(part, list(DAMAGES)[number % len(DAMAGES)]) for number, part in enumerate(PARTS)]


@pytest.mark.parametrize(
    ("part", "damage"),
    [pytest.param(*both, marks=[] if both in FEW else pytest.mark.slow) for both in ALL],
)
def test_damage_of_a_finished_study_is_named_and_what_it_hit_is_done_again(
    part: str, damage: str, finished, here
) -> None:
    folder, expected = finished
    hit = sorted(folder.glob(PARTS[part]))[0]
    DAMAGES[damage](hit)
    ended, watching = again(folder)
    assert ended.whole
    assert content(folder) == expected
    if damage == "missing" and part.startswith(("seal", "record")):
        assert not watching.said  # then it was never finished
    else:
        (said,) = watching.said
        assert str(hit) in said
        assert said in (folder / "report.html").read_text().replace("&#39;", "'")
    if part != "pixels" and not part.startswith(("labels", "record")):
        job = hit.parents[1 if part == "snapshots" else 0].name
        redone = ended.outcome.done - ended.outcome.reused
        assert len(redone) == 1, job


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_byte_flipped_anywhere_changes_no_result(data, flipping, here) -> None:
    flipped_once(data, *flipping)


@pytest.mark.slow
@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_byte_flipped_anywhere_changes_no_result_often(data, flipping, here) -> None:
    flipped_once(data, *flipping)


@pytest.fixture(scope="module")
def flipping(undisturbed, tmp_path_factory) -> tuple[Path, dict[str, str]]:
    """A finished study that mends itself after each flip."""
    whole, expected = undisturbed("stages")
    folder = tmp_path_factory.mktemp("flipping") / "stages"
    return Path(shutil.copytree(whole, folder)), expected


def flipped_once(data: st.DataObject, folder: Path, expected: dict[str, str]) -> None:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.stat().st_size]
    # Sizes change a little when a job is done again, and what is drawn from may not.
    one, other = (data.draw(st.integers(0, 2**32 - 1), label=what) for what in ("file", "bit"))
    path = files[one % len(files)]
    place = other % (8 * path.stat().st_size)
    before = path.read_bytes()
    flip(path, place)
    assert path.read_bytes() != before
    ended, watching = again(folder)
    assert ended.whole
    assert content(folder) == expected
    # In a record, one blank may have become another: that changes nothing that it records.
    result = path.parts[len(folder.parts)] in ("jobs", "measurements")
    if result and path.name not in ("times.json", "done.json"):
        assert str(path) in watching.said[0]


def test_every_change_of_a_records_content_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    record = {"update": 12, "history": {"loss": [0.1, 2.5e-7]}, "names": ["a", "b"], "last": None}
    write_record(path, record)
    text = path.read_bytes()
    assert read_record(path) == record
    for place in range(len(text)):
        for bit in (0, 3, 5):
            changed = bytearray(text)
            changed[place] ^= 1 << bit
            path.write_bytes(changed)
            with suppress(Damaged):
                assert read_record(path) == record
    for torn in range(len(text) - 1):
        path.write_bytes(text[:torn])
        with pytest.raises(Damaged, match="is damaged"):
            read_record(path)


@pytest.mark.parametrize(
    "text", ["", "[]", "null", "{}", '{"record": 3, "sha256": ""}', "[" * 5000, "NaN", "\ufeff{}"]
)
def test_what_is_no_record_is_named(text: str, tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    path.write_text(text)
    with pytest.raises(Damaged, match=r"record\.json is damaged"):
        read_record(path)


def test_a_seal_of_the_first_form_is_read_and_checked(finished) -> None:
    folder, _ = finished
    job = sorted((folder / "jobs").iterdir())[0]
    (job / "done.json").write_text(json.dumps(read_record(job / "done.json")))
    assert verify(job)
    flip(job / "model.safetensors", 999)
    assert not is_done(job)
    with pytest.raises(Damaged, match=r"model\.safetensors is damaged: its checksum"):
        verify(job)
