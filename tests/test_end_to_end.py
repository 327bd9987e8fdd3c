"""Both built-in studies, from the command to the page in a browser."""

import json
import re
import sys
from pathlib import Path

import pytest

from tacit.cli import run_command
from tacit.questions.verdicts import words_in
from tacit.report.alerts import alerts_on_top
from tacit.report.results import read_records
from tacit.report.summary import MOST_WORDS, summary
from tacit.studies.description.named import study_text

sys.path.insert(0, str(Path(__file__).parent / "report"))

from browser import CHROMIUM, browser


@pytest.fixture(scope="module", params=["inference", "transfer"])
def study(request, tmp_path_factory) -> Path:
    """A built-in study's folder: every run and question, on a few digits for two epochs."""
    folder = tmp_path_factory.mktemp("end-to-end")
    text = study_text(request.param)[1]
    text = re.sub(r"updates: 1000", "updates: 30", text).replace("draws: 10", "draws: 2")
    text = text.replace("per_class: 10,", "per_class: 3,").replace("samples: 1000", "samples: 100")
    text = text.replace("code: 200", "code: 8")
    path = folder / f"{request.param}.yaml"
    path.write_text(text)
    arguments = ["run", str(path), "--train-size", "200", "--epochs", "2", "--out", str(folder)]
    assert run_command(arguments) == 0
    return folder / request.param


def test_every_question_is_answered_with_numbers_and_figures(study) -> None:
    asked = len(re.findall(r"^  - [a-z-]+: \{", study_text(study.name)[1], re.M))
    findings = json.loads((study / "results.json").read_text())["findings"]
    assert len(findings) == asked
    for finding in findings:
        assert finding["answer"]
        assert finding["numbers"]
        assert "nan" not in finding["answer"].lower().split()
    figures = json.loads((study / "findings.json").read_text())
    assert all(finding["figures"] for finding in figures)
    assert list((study / "tables").glob("*.csv"))


# Tables that are wider than their place, with what is said above them; everything unfolded.
CUT = """
new Promise(done => {
  for (const fold of document.querySelectorAll('details')) fold.open = true;
  setTimeout(() => done([...document.querySelectorAll('.scroll:has(> table)')]
    .filter(box => box.scrollWidth > box.clientWidth + 1)
    .map(box => [box.getAttribute('aria-label'), getComputedStyle(box, '::before').content])), 150);
})
"""

PICTURES = """
[...document.querySelectorAll('figure')].map(figure => {
  const picture = figure.querySelector('svg, img');
  return picture !== null
    && picture.getBoundingClientRect().width > 40
    && (picture.tagName !== 'IMG' || picture.naturalWidth > 0);
})
"""


@pytest.mark.skipif(not CHROMIUM.exists(), reason="Chromium is not installed")
def test_the_page_opens_by_itself(study, tmp_path) -> None:
    # A chart that is drawn once more for a card stands on the page once.
    kept = len([f for f in (study / "figures").iterdir() if ".small." not in f.name])
    with browser(tmp_path) as page:
        for width in (1280, 390):
            page.shape(width, 900)
            page.open(study / "report.html")
            methods = {event["method"] for event in page.events}
            assert not methods & {
                "Runtime.exceptionThrown",
                "Runtime.consoleAPICalled",
                "Log.entryAdded",
            }
            urls = [
                event["params"]["request"]["url"]
                for event in page.events
                if event["method"] == "Network.requestWillBeSent"
            ]
            assert all(url.startswith(("file://", "data:")) for url in urls)
            drawn = page.run(PICTURES)
            assert all(drawn)
            assert len(drawn) == kept
            assert page.run("document.documentElement.scrollWidth") == width
            cut = page.run(CUT)
            assert cut == [] if width == 1280 else cut, "on a desk every table is seen whole"
            assert all(cue.startswith('"More') for _, cue in cut)


def test_a_study_is_told_in_three_hundred_words(study) -> None:
    provenance, findings = read_records(study)
    alerts = alerts_on_top(provenance, findings)
    lines = [line for line, _ in summary(alerts, findings)]
    assert sum(words_in(line) for line in lines) <= MOST_WORDS == 300
    for finding in findings:
        assert finding.title in lines
        assert f"{finding.verdict.capitalize()}. {finding.headline}" in lines
