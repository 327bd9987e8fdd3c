"""The page as a text: whole, escaped, accessible, and made from records alone."""

import re
import shutil
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest
from fabricated import HOSTILE
from markupsafe import escape
from PIL import Image

from tacit.images.sources import open_images
from tacit.measures.number import Number
from tacit.measures.unfinished import StillFalling
from tacit.questions.finding import Finding, Table
from tacit.questions.shared.words import ONE_SEED
from tacit.questions.verdicts import Verdict, alert, enough
from tacit.report.alerts import alerts_on_top, together
from tacit.report.page import (
    FIGURES,
    allowed,
    decimals,
    interval,
    plain,
    render,
    scripts,
    value,
    write_report,
)
from tacit.report.provenance import (
    ImagesUsed,
    JobDone,
    LayerUsed,
    Provenance,
    RunUsed,
    StillTraining,
)
from tacit.report.results import read_records

EMPTY = Provenance(
    "s", "Title", "Sentence.", ImagesUsed("digits", "0" * 64, 2, 1, (1, 8, 8)), "tacit run s", (0,)
)
# SVG's own elements close themselves in XML; HTML knows that inside of svg.
VOID = {"meta", "link", "img", "br", "path", "rect", "use"}


class Page(HTMLParser):
    """The elements of a page, with a check that they are properly nested."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.stack: list[str] = []
        self.feed(html)
        assert self.stack == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag

    def handle_data(self, data):
        if "style" not in self.stack:
            self.text.append(data)

    def all(self, *tags: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.elements if tag in tags]


@pytest.fixture(scope="module")
def html(study) -> str:
    return (study / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(html) -> Page:
    return Page(html)


def test_made_again_it_is_the_same(study, html):
    write_report(study)
    assert (study / "report.html").read_text(encoding="utf-8") == html


def test_nothing_is_loaded_and_nothing_can_run(html, page):
    for attributes in (attributes for _, attributes in page.elements):
        for name in ("src", "href", "srcset", "action", "data", "poster"):
            assert (attributes.get(name) or "#").startswith(("#", "data:"))
        assert not any(name.startswith("on") for name in attributes)
    assert not page.all("iframe", "object", "embed", "base", "form")
    assert not re.search(r"@import|url\((?!#)", html)
    (policy,) = (a["content"] for a in page.all("meta") if a.get("http-equiv"))
    own = " ".join(allowed(script) for script in scripts())
    assert policy == (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {own}"
    )
    assert re.findall(r"<script[^>]*>", html) == ["<script>"] * len(scripts())
    assert all(f"<script>{script}</script>" in html for script in scripts())


def test_hostile_names_are_only_text(html, page):
    shown = HOSTILE.replace("\x00", "")
    assert "onerror=alert" in shown
    assert "<img src=x" not in html
    assert f"Class '{shown[:9]}" in "".join(page.text).replace("\ufffd", "")


def test_every_figure_is_there_with_its_alternative(study, html):
    _, findings = read_records(study)
    figures = [figure for finding in findings for figure in finding.figures]
    cards = re.compile('<div class="small-figure".*?</div>', re.DOTALL)
    below = Page(cards.sub("", html))
    pictures = [a["alt"] for a in below.all("img")]
    drawings = [a["aria-label"] for a in below.all("svg") if a.get("role") == "img"]
    assert Counter(pictures + drawings) == Counter(figure.alt for figure in figures)
    assert len(below.all("figure")) == len(below.all("figcaption")) == len(figures)
    for figure in figures:
        assert f"figures/{figure.file}</code></figcaption>" in html


def test_every_card_has_a_small_figure_of_its_question(study, html):
    """Some whole images of a grid, the first panel of a chart; what is read stands below."""
    _, findings = read_records(study)
    first = html[html.index('<ol class="cards') : html.index('class="contents"')]
    cards = re.findall(r'<li class="card">.*?</li>', first, re.DOTALL)
    assert len(cards) == len(findings)
    for card, finding in zip(cards, findings, strict=True):
        _, shown, drawn = card.partition('<div class="small-figure" aria-hidden="true">')
        assert bool(shown) == bool(finding.figures)
        if finding.figures and finding.figures[0].kind == "chart":
            svg = (study / FIGURES / finding.figures[0].small).read_text()
            panel = re.search(r'data-panel="([^"]*)"', svg) or re.search(r'viewBox="([^"]*)"', svg)
            assert f'viewBox="{panel[1]}"' in drawn


def still_training(run, falling):
    return StillTraining(run, falling.share, enough(falling), alert(run, falling))


def test_unfinished_runs_are_one_alert():
    falling = {
        "x": StillFalling(1.0),
        "vae": StillFalling(0.023),
        "per-image": StillFalling(0.04),
        "autoencoder": StillFalling(0.022),
    }
    known = [still_training(*each) for each in falling.items()]
    first, *others = (alert(*each) for each in falling.items())
    one = ["Flagged.", others[0]]
    assert together(one, known) == tuple(one)
    every = [first, *one, *others[1:], "Other."]
    assert together(every, ()) == tuple(every), "what runs are meant is not read out of the words"
    assert together(every, known) == (
        alert("x", StillFalling(1.0)),
        "Flagged.",
        "Training of vae (2.3 %), per-image (4.0 %) and autoencoder (2.2 %) had not finished: in "
        "brackets, how much of its whole fall the loss still fell by over the last tenth of the "
        "updates.",
        "Other.",
    )
    short = [still_training(run, StillFalling(1.0)) for run in ("a", "b", "c")]
    assert together([still.alert for still in short], short) == (
        "a, b and c were trained for too few updates to tell whether they had finished.",
    )
    more = [
        still_training(run, StillFalling(0.03, k)) for run, k in (("a", 1.5), ("b", 4), ("c", 2.1))
    ]
    (said,) = together([still.alert for still in more], more)
    assert said.endswith("updates; about 4 times as many updates should do.")


def test_how_images_were_read_is_no_alert(tmp_path):
    """In the words of the readers themselves; what is copied or converted is one."""
    random = np.random.default_rng(0)
    for place in range(24):
        file = tmp_path / "AB"[place % 2] / f"{place}.png"
        file.parent.mkdir(exist_ok=True)
        Image.fromarray(random.integers(0, 256, (8, 8 + 2 * (place == 5)), np.uint8)).save(file)
    shutil.copy(tmp_path / "A" / "0.png", tmp_path / "A" / "copy.png")
    folder = open_images(tmp_path, size=8, train_size=12)
    arrays = open_images(random.integers(0, 256, (30, 8, 8), np.uint8))
    plain = (*folder.how_read, *arrays.how_read)
    used = replace(EMPTY.images, test=0, notes=(*folder.notes, *arrays.notes), how_read=plain)
    said = alerts_on_top(replace(EMPTY, images=used), ())[1:]
    assert [text[:12] for text in plain] == [
        "Sub-folders ",
        "5 of 25 imag",
        "12 of the 20",
        "The test ima",
    ]
    assert [text[:18] for text in said] == [
        "Copies of another ",
        "1 image: cut to th",
        "1 image: resized t",
    ]
    page = render(replace(EMPTY, images=used), (), tmp_path)
    assert all(page.count(text) == 1 for text in used.notes)


def test_structure_for_those_who_listen(page):
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    ids = [a["id"] for _, a in page.elements if a.get("id")]
    assert len(ids) == len(set(ids))
    for attributes in (attributes for _, attributes in page.elements):
        for name in ("href", "aria-labelledby"):
            target = (attributes.get(name) or "").lstrip("#")
            assert target.startswith("data:") or not target or target in ids
    assert all(a.get("scope") in ("row", "col") for a in page.all("th"))
    assert len(page.all("caption")) == len(page.all("table"))
    assert page.all("html")[0]["lang"] == "en"
    assert page.all("a")[0] == {"class": "skip", "href": "#answers"}
    links = [a["href"] for a in page.all("a")]
    for anchor in ("#answers", "#q1-classifier", "#how"):
        assert links.count(anchor) >= 2, "contents at the side, and folded"
    assert {"name": "color-scheme", "content": "light dark"} in page.all("meta")


def test_answers_come_first(study, html):
    _, findings = read_records(study)
    places = [html.index('id="answers"')]
    places += [html.index(f'id="q{i}-{f.question}"') for i, f in enumerate(findings, 1)]
    places.append(html.index('id="how"'))
    assert places == sorted(places)
    cards = html[places[0] : places[1]]
    for finding in findings:
        assert escape(finding.title) in cards
    assert "98.30\N{NO-BREAK SPACE}%" in cards
    assert "97.90 to 98.70" in cards


def test_a_card_has_the_verdict_and_an_answer_without_one_is_whole(study):
    """A card has the headline; the answer stands in the section below."""
    provenance, findings = read_records(study)
    long = replace(
        findings[0],
        answer=" ".join(f"Sentence {i} says it." for i in range(60)),
        verdict=Verdict.NOT_FINISHED,
        headline="It is <so>.",
        alerts=("Two seeds.",),
    )
    page = render(provenance, [long, *findings[1:]], study / FIGURES)
    assert "</svg>Not finished</span> It is &lt;so&gt;." in page
    assert page.index("Two seeds.") < page.index("It is &lt;so&gt;.")
    assert page.count("Sentence 59 says it.") == 1
    without = replace(long, headline="")
    page = render(provenance, [without, *findings[1:]], study / FIGURES)
    assert page.count("Sentence 59 says it.") == 1
    assert page.index(without.answer) < page.index('class="question"')
    said = re.findall('<p class="answer">.*?</p>', page, re.DOTALL)
    assert len(said) == len(findings)
    assert "…" not in "".join(said)


@pytest.mark.parametrize(
    ("verdict", "stands_out", "is_there"),
    [
        (Verdict.YES, True, True),
        (Verdict.NO, True, True),
        (Verdict.CANNOT_TELL, False, True),
        (Verdict.NOT_FINISHED, False, False),
    ],
)
def test_the_key_number_stands_out_under_a_verdict_alone(study, verdict, stands_out, is_there):
    provenance, findings = read_records(study)
    told = replace(findings[0], verdict=verdict, headline="So.", label="right of all")
    card = render(provenance, [told], study / FIGURES).partition('small-figure"')[0]
    assert ('class="key firm"' in card) == stands_out
    assert ("right of all" in card) == is_there
    assert f"</svg>{verdict.capitalize()}</span>" in card
    notebook = told._repr_html_()
    assert ("<strong>right of all" in notebook) == stands_out
    assert ("right of all" in notebook) == is_there


def test_what_is_known_of_all_answers_stands_on_top_once(study):
    provenance, findings = read_records(study)
    told = [
        replace(f, headline="So.", caveats=(ONE_SEED, "Of this one."), alerts=("Flagged.",))
        for f in findings
    ]
    images = replace(provenance.images, test=40, notes=tuple(f"Note {i}." for i in range(5)))
    one = replace(provenance, seeds=(0,), images=images)
    page = render(one, told, study / FIGURES)
    top = page[: page.index('id="answers"')]
    for text in ("Flagged.", ONE_SEED, "Only 40 test images", "Note 4."):
        assert top.count(text) == page.count(text) == 1, text
    assert page.count("Of this one.") == len(findings)
    assert top.index("Flagged.") < top.index(ONE_SEED) < top.index("Note 0.")
    assert "4 more</summary>" in top, "the first four are not folded"
    assert alerts_on_top(replace(one, seeds=(0, 1)), ())[0].startswith("Only 2 seeds")
    assert alerts_on_top(replace(provenance, seeds=(0, 1, 2)), ()) == provenance.images.notes


def test_undefined_numbers_say_why(page):
    text = "".join(page.text)
    assert "undefined: the test loss never turned" in text
    assert "undefined: the density is continuous and was not dequantised" in text
    assert "None" not in text


def test_how_it_was_done_says_everything(study, page):
    provenance, _ = read_records(study)
    text = "".join(page.text)
    for expected in (
        provenance.command,
        provenance.images.sha256,
        provenance.images.citation,
        provenance.images.licence,
        provenance.machine,
        *provenance.images.notes,
        *provenance.warnings,
        *(setting.origin for setting in provenance.settings),
        *(left.why for left in provenance.left_out),
        *(job.cause for job in provenance.jobs),
        "torch 2.13.0",
        "1,204,113",
    ):
        assert expected in text


def test_a_missing_figure_is_named(study, tmp_path):
    copy = shutil.copytree(study, tmp_path / "copy")
    (copy / "figures" / "reconstructions.png").unlink()
    before = (copy / "report.html").read_bytes()
    with pytest.raises(FileNotFoundError, match=r"'reconstructions' is in a record, but .*missing"):
        write_report(copy)
    assert (copy / "report.html").read_bytes() == before


@pytest.mark.parametrize(
    ("name", "content", "rule"),
    [
        ("inference-pairs.svg", b"<svg><script>alert(1)</script></svg>", "holds <script>"),
        ("inference-pairs.svg", b"<svg onload='alert(1)'/>", "holds onload="),
        ("inference-pairs.svg", b"<svg><use href='http://a/b'/></svg>", "holds href="),
        ("inference-pairs.svg", b"<svg><g style='fill: url(http://a)'/></svg>", "holds style="),
        ("inference-pairs.svg", b"<svg><foreignObject/></svg>", "holds <foreignObject>"),
        ("inference-pairs.svg", b"", "is no SVG"),
        ("reconstructions.png", b"<svg/>", "is no PNG"),
    ],
)
def test_a_figure_that_was_tampered_with_is_refused(study, tmp_path, name, content, rule):
    copy = shutil.copytree(study, tmp_path / "copy")
    (copy / "figures" / name).write_bytes(content)
    with pytest.raises(ValueError, match=rule):
        write_report(copy)


def test_a_study_without_findings_has_a_page(tmp_path):
    text = "".join(Page(render(EMPTY, [], tmp_path)).text)
    assert "No question was answered." in text
    assert "tacit run s" in text
    assert "Not everything finished" not in text


def test_a_finding_of_nothing_but_words(tmp_path):
    bare = Finding("q", "Title", "Asks?", "Not known.", {}, ())
    assert "Not known." in render(EMPTY, [bare], tmp_path)


def test_failed_jobs_stand_above_the_answers(tmp_path):
    jobs = (JobDone("vae · seed 0", "failed", cause="NaN in <batch> 3"), JobDone("a", "done"))
    html = render(replace(EMPTY, jobs=jobs), [], tmp_path)
    assert html.index("NaN in &lt;batch&gt; 3") < html.index('id="answers"')


def test_what_two_findings_may_not_share(study):
    provenance, findings = read_records(study)
    with pytest.raises(ValueError, match="question of the same name: transfer"):
        render(provenance, [*findings, findings[-1]], study / "figures")
    with pytest.raises(ValueError, match="figure of the same name: transfer-draws"):
        render(provenance, [*findings, replace(findings[-1], question="x")], study / "figures")
    with pytest.raises(
        ValueError, match="cover is 'no', which is none of the figures: classifier-"
    ):
        render(replace(provenance, cover="no"), findings, study / "figures")


def test_a_study_may_name_the_figure_of_a_card(study):
    provenance, findings = read_records(study)
    named = findings[0].figures[1]
    assert named.name == "classifier-confusion"
    page = Page(render(replace(provenance, cover=named.name), findings, study / "figures"))
    ids = [a["id"] for _, a in page.elements if a.get("id")]
    assert len(ids) == len(set(ids))
    alts = [a.get("aria-label") for a in page.all("svg")]
    assert alts.count(named.alt) == 2
    assert alts.count(findings[0].figures[0].alt) == 1


def test_numbers_are_written_as_people_read_them():
    accuracy = Number(0.98312, 0.981, 0.9852, 10000, "accuracy", "95 % Wilson over 10000 images")
    assert value(accuracy) == "98.31\N{NO-BREAK SPACE}%"
    assert interval(accuracy) == "98.10 to 98.52"
    assert value(Number(-3.25, -4, -2.5, 3, "nats")) == "−3.25\N{NO-BREAK SPACE}nats"
    assert interval(Number(-3.25, -4, -2.5, 3, "nats")) == "−4.00 to −2.50"
    assert value(Number(2.0)) == "2"
    assert interval(Number(2.0)) == ""
    assert plain(-1200) == "−1,200"
    table = Table("", ("a",), ((0.1,), (2.25,), (3.0,), (7,)))
    assert [plain(row[0], decimals(table, 0)) for row in table.rows] == [
        "0.10",
        "2.25",
        "3.00",
        "7",
    ]
    assert decimals(Table("", ("a",), ((1e-9,), (1.5,))), 0) is None


def test_networks_are_shown_layer_by_layer_each_once(tmp_path):
    layers = (
        LayerUsed("encoder", "convolution 3×3, stride 2, ReLU", (32, 4, 4), 320),
        LayerUsed("encoder", "linear", (16,), 8_208),
    )
    runs = (RunUsed("a", "x", layers=layers), RunUsed("b", "x", layers=layers), RunUsed("c", "x"))
    html = render(replace(EMPTY, runs=runs), [], tmp_path)
    page = Page(html)
    text = " ".join(" ".join(page.text).split())
    assert text.count("convolution 3×3, stride 2, ReLU 32×4×4 320") == 1
    assert "a , b : images of 1×8×8, channels first; 8,528 weights" in text
    assert "layer by layer" not in render(replace(EMPTY, runs=runs[2:]), [], tmp_path)
