"""The page: findings and how they were made, as one HTML file that loads nothing from anywhere.

It is made from records and the figures that lie beside them; it never trains, and making it again
gives the same bytes.
"""

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from xml.etree import ElementTree

from jinja2 import BaseLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image

from tacit.figures.grids import DENSITY, png, thumbnail
from tacit.figures.sink import Figure
from tacit.figures.style import PANEL, identify
from tacit.files import write_atomically
from tacit.measures.formatting import AS_PERCENT, brief, rounded, significant
from tacit.measures.number import Number
from tacit.questions.finding import Finding, Table
from tacit.report.alerts import alerts_on_top
from tacit.report.explorer.making import Explorer
from tacit.report.explorer.record import embedded, read_explorer
from tacit.report.provenance import LayerUsed, Provenance
from tacit.report.results import read_records

REPORT, FIGURES = "report.html", "figures"

MOST_ALERTS = 4
"""That stand on top; others are folded below them."""

SCRIPTS = ("page.js",)
"""Beside this file; no other script runs in a page, since only these are allowed by their hash."""

DRAWN = {"svg", "g", "defs", "clipPath", "path", "rect", "use", "text", "tspan"}
"""The elements that a chart is made of; an SVG with others is not put into the page."""


@dataclass(frozen=True)
class Shown:
    """A figure as the page shows it: `svg` to put in as it is, or `source` of an image."""

    figure: Figure
    label: str
    width: int
    height: int
    svg: Markup | None = None
    source: str = ""


@dataclass(frozen=True)
class Section:
    """A finding with what the template needs to show it.

    Attributes:
        small: the figure on its card. key: the number on its card, with its name.
        caveats: those that do not stand on top of the page.
    """

    anchor: str
    finding: Finding
    pictures: tuple[Shown, ...]
    small: Shown | None
    key_name: str
    key: Number | None
    caveats: tuple[str, ...]


def templates(loader: BaseLoader) -> Environment:
    """Pages from templates: what is put into them is escaped, and what is missing is an error."""
    return Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def write_report(folder: Path) -> Path:
    """Write ``report.html`` into `folder` from its records and figures; returns its path.

    Raises:
        FileNotFoundError: a record or a figure is missing.
        ValueError: a record or a figure is damaged, or two findings share a name.
    """
    provenance, findings = read_records(folder)
    explorer = read_explorer(folder)
    html = render(provenance, findings, folder / FIGURES, explorer).encode("utf-8", "replace")
    write_atomically(folder / REPORT, lambda file: file.write_bytes(html))
    return folder / REPORT


def render(
    provenance: Provenance,
    findings: Sequence[Finding],
    figures: Path,
    explorer: Explorer | None = None,
) -> str:
    """The page as HTML; `figures` is the folder that the findings' figures lie in."""
    for what, names in (
        ("question", [finding.question for finding in findings]),
        ("figure", [figure.name for finding in findings for figure in finding.figures]),
    ):
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two findings have a {what} of the same name: {', '.join(twice)}")
    covers = {figure.name for finding in findings for figure in finding.figures}
    if provenance.cover and provenance.cover not in covers:
        raise ValueError(
            f"cover is '{provenance.cover}', which is none of the figures: "
            f"{', '.join(sorted(covers)) or 'there are none'}"
        )
    alerts = alerts_on_top(provenance, findings)
    sections, number = [], 0
    for place, finding in enumerate(findings, 1):
        pictures = []
        for figure in finding.figures:
            number += 1
            pictures.append(show(figure, figures, f"Figure {number}"))
        first = on_card(finding, provenance.cover)
        key = finding.shown
        anchor = f"q{place}-" + re.sub(r"[^a-z0-9]+", "-", finding.question.lower()).strip("-")
        sections.append(
            Section(
                anchor,
                finding,
                tuple(pictures),
                None if first is None else small(first, figures),
                finding.label or re.sub("[-_]", " ", key).replace(".", " · "),
                finding.numbers[key] if key else None,
                tuple(caveat for caveat in finding.caveats if caveat not in alerts),
            )
        )
    environment = templates(PackageLoader("tacit", "report"))
    environment.filters |= {
        "allowed": allowed,
        "bound": bound,
        "value": value,
        "range": interval,
        "plain": plain,
        "counts": counts,
        "decimals": decimals,
    }
    tried = None if explorer is None else embedded(explorer)
    return environment.get_template("page.html.jinja").render(
        study=provenance,
        sections=sections,
        alerts=alerts,
        how_read=provenance.images.how_read,
        most_alerts=MOST_ALERTS,
        explorer=tried,
        scripts=(*scripts(), *(tried.scripts if tried else ())),
        architectures=architectures(provenance),
        facts=facts(provenance),
        randomness=randomness(provenance),
        unfinished=[job for job in provenance.jobs if job.status in ("failed", "blocked")],
    )


def bound(text: str) -> str:
    """Text with numbers and their signs on one line.

    >>> bound("98.3 % of ± 2 points").count("\\N{NO-BREAK SPACE}")
    2
    """
    return re.sub(r"(?<=\d) (?=%)|(?<=±) (?=\d)", "\N{NO-BREAK SPACE}", text)


def scripts() -> tuple[Markup, ...]:
    """The page's scripts, as they stand in it."""
    folder = resources.files("tacit.report")
    return tuple(Markup(folder.joinpath(name).read_text(encoding="utf-8")) for name in SCRIPTS)


def allowed(script: str) -> str:
    """What a content security policy calls this script, and no other."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def show(figure: Figure, folder: Path, label: str) -> Shown:
    """`figure` read from `folder`."""
    path = found(figure, folder)
    if figure.kind == "grid":
        with opened(path) as image:
            width, height = (side // DENSITY for side in image.size)
        return Shown(figure, label, width, height, source=data_of(path.read_bytes()))
    root = checked(path)
    width, height = (
        round(float(root.get(side, "0pt")[:-2]) / 0.75) for side in ("width", "height")
    )
    svg = ElementTree.tostring(root, encoding="utf-8")  # without comments and the like
    return Shown(figure, label, width, height, svg=Markup(svg.decode()))


def on_card(finding: Finding, cover: str) -> Figure | None:
    """The figure that stands on a finding's card: the study's cover, or its first."""
    covers = [figure for figure in finding.figures if figure.name == cover]
    return next(iter([*covers, *finding.figures]), None)


def small(figure: Figure, folder: Path) -> Shown:
    """A small picture of a figure: some images of a grid, the first panel of a chart.

    A chart that was drawn for it has letters as large as elsewhere on the page.
    """
    path = found(figure, folder)
    if figure.kind == "grid":
        with opened(path) as image:
            some = thumbnail(image)
        width, height = (side // DENSITY for side in some.size)
        return Shown(figure, "", width, height, source=data_of(png(some)))
    drawn = folder / figure.small
    root = checked(drawn if drawn.is_file() else path)
    box = root.get(PANEL, root.get("viewBox", "0 0 1 1"))
    width, height = (round(float(side) / 0.75) for side in box.split()[2:])
    for name, what in (("viewBox", box), ("width", width), ("height", height)):
        root.set(name, str(what))
    # Ids of the figure itself stand in the page too.
    svg = identify(ElementTree.tostring(root, encoding="utf-8"), "small", figure.alt)
    return Shown(figure, "", width, height, svg=Markup(svg.decode()))


def found(figure: Figure, folder: Path) -> Path:
    """The file of a figure, which is there."""
    path = folder / figure.file
    if not path.is_file():
        raise FileNotFoundError(f"figure '{figure.name}' is in a record, but {path} is missing")
    return path


def opened(path: Path) -> Image.Image:
    """The PNG in `path`, with the places of its images, not decoded yet.

    Raises:
        ValueError: it is no PNG.
    """
    try:
        return Image.open(path, formats=["PNG"])
    except OSError as error:
        raise ValueError(f"{path} is no PNG: {error}") from error


def data_of(content: bytes) -> str:
    """A PNG as an address that holds it."""
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"


def checked(path: Path) -> ElementTree.Element:
    """The SVG in `path`, once it is known to hold nothing but a drawing.

    Raises:
        ValueError: it is no SVG, or has scripts, links, or anything else that charts do not have.
    """
    try:
        root = ElementTree.fromstring(path.read_bytes())
    except ElementTree.ParseError as error:
        raise ValueError(f"{path} is no SVG: {error}") from error
    for element in root.iter():
        tag = element.tag.rpartition("}")[2] if isinstance(element.tag, str) else "?"
        if tag not in DRAWN:
            raise ValueError(f"{path} holds <{tag}>; a chart holds {', '.join(sorted(DRAWN))} only")
        for name, content in element.attrib.items():
            links = re.findall(r"url\(\s*(.)", content) + ([content[:1]] if "href" in name else [])
            if name.startswith("on") or any(link != "#" for link in links):
                raise ValueError(f"{path} holds {name}={content!r}, which no chart has")
    return root


def value(number: Number) -> str:
    """A number with its unit on one line, rounded by its interval, without the interval."""
    if number.value is None:
        return number.interval
    return minus(brief(number).replace(" ", "\N{NO-BREAK SPACE}", 1))


def interval(number: Number) -> str:
    """The interval of a number, "" where it has none."""
    if number.value is None or number.low is None or number.high is None:
        return ""
    scale = 100.0 if number.unit in AS_PERCENT else 1.0
    half = scale * (number.high - number.low) / 2
    return " to ".join(minus(rounded(scale * end, half)) for end in (number.low, number.high))


def plain(content: float, decimals: int | None = None) -> str:
    """A plain number: whole ones in full, others to four digits, or with `decimals`."""
    if isinstance(content, int):
        return minus(f"{content:,}")
    return minus(significant(content) if decimals is None else f"{content:,.{decimals}f}")


def decimals(table: Table, column: int) -> int | None:
    """How many decimals the fractions of a column share; None where they differ too much."""
    cells = [row[column] for row in table.rows]
    texts = [significant(cell) for cell in cells if isinstance(cell, float)]
    most = max((len(text.partition(".")[2]) for text in texts), default=0)
    return None if most > 4 or any("e" in text for text in texts) else most


def minus(text: str) -> str:
    """With the sign that is as wide as a plus, but not in an exponent."""
    return re.sub(r"^-", "−", text)


def counts(table: Table, column: int) -> bool:
    """Whether a column of a table holds numbers, and so is set to the right."""
    return any(isinstance(row[column], (int, float, Number)) for row in table.rows)


def architectures(provenance: Provenance) -> dict[tuple[LayerUsed, ...], list[str]]:
    """The networks, each with the names of the runs that have it."""
    found: dict[tuple[LayerUsed, ...], list[str]] = {}
    for run in provenance.runs:
        if run.layers:
            found.setdefault(run.layers, []).append(run.name)
    return found


def facts(provenance: Provenance) -> str:
    """What it rests on, in one line."""
    images = provenance.images
    parts = [
        f"{images.train:,} training and {images.test:,} test images of {images.source}"
        if images.test
        else f"{images.train:,} images of {images.source}",
        f"{len(provenance.seeds)}\N{NO-BREAK SPACE}seed{'s' * (len(provenance.seeds) != 1)}",
    ]
    if provenance.draws:
        parts.append(
            f"{provenance.draws}\N{NO-BREAK SPACE}draw{'s' * (provenance.draws != 1)} of few labels"
        )
    return " · ".join(parts)


def randomness(provenance: Provenance) -> str:
    """What was drawn at random, and how often."""
    seeds = ", ".join(map(str, provenance.seeds))
    text = f"Weights, order and noise come from seed{'s' * (len(provenance.seeds) != 1)} {seeds}"
    if provenance.draws:
        text += (
            f"; few labels were drawn {provenance.draws} times, nested and stratified, and all "
            "methods saw the same draws"
        )
    return text + "."
