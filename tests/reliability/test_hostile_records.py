"""A study's folder from a stranger: records that lie are refused; names are only text."""

import json
import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pytest
from degenerate import noise, run_here

from peak import peak
from tacit.files import Damaged, file_sha256, read_json, read_record, write_json, write_record
from tacit.report.page import checked, scripts
from tacit.saved.runs import read_run, runs_of
from tacit.studies.description.reading import parse
from tacit.studies.execution.work import read_images
from tacit.training.run_folder import verify

SCRIPT = "<script>alert(1)</script>"
NAMES = (
    SCRIPT,
    '"><img src=x onerror=alert(1)>',
    "{{ 7919 * 7907 }}{% raw %}",
    "=1+1|' /C calc'!A0",
)
STUDY = f"""
title: "{SCRIPT}{{{{ 7919 * 7907 }}}}"
expect: "</style>{SCRIPT}"
runs:
  one: {{learn: classifier, network: pool, epochs: 1}}
questions:
  - classifier: {{run: one, heading: "[/x]{SCRIPT}"}}
origins: {{epochs: "assumed: {SCRIPT}"}}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder of a study of images whose classes have hostile names."""
    place = tmp_path_factory.mktemp("hostile")
    y = np.array([NAMES[i % 4] for i in range(12)])
    arrays = {"x": noise(12, "train"), "y": y, "x_test": noise(8, "test"), "y_test": y[:8]}
    study, questions = parse(STUDY, "study")
    with pytest.MonkeyPatch.context() as patch:
        ended = run_here("study", study, questions, arrays, place, patch)
    assert ended.whole
    return place / "study"


@pytest.fixture
def folder(made, tmp_path):
    return shutil.copytree(made, tmp_path / "study")


class Page(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.handlers: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data):
        self.text += data


def test_names_and_titles_are_only_text_in_the_page(made) -> None:
    html = (made / "report.html").read_text(encoding="utf-8")
    for own in scripts():
        assert html.count(f"<script>{own}</script>") == 1
        html = html.replace(f"<script>{own}</script>", "")
    page = Page(html)
    assert not {"script", "iframe", "object", "form"} & page.tags
    assert page.handlers == []
    assert SCRIPT in page.text
    assert "onerror=alert(1)" in page.text
    assert "{{ 7919 * 7907 }}" in page.text
    assert "62615533" not in html
    (finding,) = json.loads((made / "results.json").read_text())["findings"]
    assert f"test-accuracy.{SCRIPT}" in finding["numbers"]  # data holds names as they are


def test_names_are_only_text_in_drawings(made) -> None:
    drawings = sorted((made / "figures").glob("*.svg"))
    assert drawings
    for path in drawings:
        checked(path)  # refuses scripts, handlers and links
        assert "<script" not in path.read_text()


def changed(path, change) -> None:
    record = read_record(path)
    change(record)
    write_record(path, record)


def index_of(folder, place: str) -> None:
    changed(folder / "study.json", lambda r: r["runs"]["one"][0].update(folder=place))


@pytest.mark.parametrize(
    "place",
    ["../secret", "/etc", "jobs/../../secret", "jobs/", "jobs/a/../../..", ".", "", "jobs/x\n", 7],
)
def test_an_index_that_points_elsewhere_is_refused(place, folder) -> None:
    index_of(folder, place)
    with pytest.raises(Damaged, match=r"study\.json names runs that no study has"):
        read_run(folder, "one")


@pytest.mark.parametrize("runs", [[], {"one": []}, {"../x": [{}]}, None, {"one": [{"seed": 1.5}]}])
def test_an_index_of_another_form_is_refused(runs, folder) -> None:
    changed(folder / "study.json", lambda r: r.update(runs=runs))
    with pytest.raises(Damaged, match=r"study\.json"):
        runs_of(folder)


def test_a_run_that_is_a_link_out_of_the_folder_is_refused(folder, tmp_path) -> None:
    (job,) = (folder / "jobs").iterdir()
    job.rename(tmp_path / "elsewhere")
    job.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Damaged, match="leads out of the study's folder"):
        read_run(folder, "one")


@pytest.mark.parametrize("name", ["../../../secret", "/etc/hostname", "a/../../x"])
def test_checksums_of_files_elsewhere_are_refused(name, folder) -> None:
    (job,) = (folder / "jobs").iterdir()
    changed(job / "done.json", lambda r: r.update({name: "0" * 64}))
    with pytest.raises(Damaged, match="leads out of the job's folder"):
        verify(job)


def forged(folder, change) -> None:
    """Change what a job was asked, and its checksum with it."""
    (job,) = (folder / "jobs").iterdir()
    record = read_json(job / "job.json")
    change(record)
    write_json(job / "job.json", record)
    changed(job / "done.json", lambda r: r.update({"job.json": file_sha256(job / "job.json")}))


@pytest.mark.parametrize(
    "change",
    [
        lambda r: r["config"].update(latent_dim=65536),
        lambda r: r["config"].update(network={"kind": "dense", "hidden": [65536] * 3}),
        lambda r: r["config"].update(learn="vae", posterior="per-image", n_images=10**15),
        lambda r: r["config"].update(shape=[3, 2**24, 2**24]),
        lambda r: r.pop("config"),
        lambda r: r.update(schedule={"updates": 1}),
        lambda r: r.update(config=[]),
    ],
)
def test_a_forged_job_takes_no_memory(change, folder) -> None:
    forged(folder, change)
    with peak() as taken, pytest.raises(Damaged):
        read_run(folder, "one")
    assert taken.megabytes < 50


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"file": "/dev/zero", "offset": 0}, "holds no"),
        ({"file": "/dev/zero", "offset": 2**60, "shape": [1, 1, 1, 1]}, "holds no"),
        ({"file": __file__, "offset": 0, "shape": [10**6, 3, 64, 64]}, "holds no"),
        ({"class_names": []}, "names other classes"),
        ({"class_names": 3}, "train.json"),
        ({"labelled": "yes", "file": 3}, "train.json"),
    ],
)
def test_a_record_of_images_is_held_to_its_files(change, reason, folder) -> None:
    changed(folder / "images" / "train.json", lambda r: r.update(change))
    with pytest.raises(Damaged, match=re.escape(reason)):
        read_images(folder / "images")


def test_pixels_that_need_pickle_are_refused(folder) -> None:
    np.save(folder / "images" / "train-labels.npy", np.array([print], dtype=object))
    with pytest.raises(Damaged, match="needs pickle"):
        read_images(folder / "images")


def test_a_drawing_with_entities_that_explode_is_refused(tmp_path) -> None:
    path = tmp_path / "laughs.svg"
    entities = "".join(
        f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    path.write_text(
        f'<!DOCTYPE svg [<!ENTITY a "{"ha" * 20}">{entities}]><svg><text>&i;</text></svg>'
    )
    with peak() as taken, pytest.raises(ValueError, match="is no SVG"):
        checked(path)
    assert taken.megabytes < 50
