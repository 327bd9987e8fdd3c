"""How every chart looks, and how a drawing becomes an SVG that follows the page around it.

Text and axes are drawn in one sentinel colour, which becomes ``currentColor`` in the SVG: set
into a page, a chart takes the page's text colour and font, in light and in dark. Data are drawn
in colours of middling luminance, at least 3:1 against both a white and a near-black page.
"""

import io
import re
import unicodedata
import warnings
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from functools import wraps
from typing import Any, ParamSpec
from xml.etree import ElementTree

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.lines import Line2D

P = ParamSpec("P")

INK = "#010203"
"""The sentinel for text, axes and lines that are no data; `currentColor` in the SVG."""

PALETTE = ("#2b7bc4", "#e0690a", "#12a07c", "#bb5098", "#858a91", "#7353c8")
"""Colours of series: blue, orange, green, magenta, grey, violet; told apart with any eyes.

At least 3:1 against a white and a near-black page; at least 10 in CIELAB from each other, also as
the three kinds of colour-blind readers see them. Series differ in marker or label besides.
"""

MARKERS = ("o", "s", "D", "^", "v", "P")

SPLITS = {"train": (0, False), "test": (1, True)}
"""Training and test images, in every figure: the number of their colour, where colours tell nothing
else, and whether their line is dashed."""

DASHES = (0, (3.5, 1.8))
"""Of a dashed line."""

FONT_SIZE = 10.0
"""Points; 13.3 px where a chart is shown at its own size."""

SMALL = 9.0
"""Points, for ticks and remarks."""

WIDTH = 500.0
"""CSS pixels of a chart with one panel: on a phone it is shown at two thirds, and still read."""

WHOLE = (1.0, 1.0)
ON_A_CARD = ((0.6, 0.72), (0.75, 0.85))
"""By what a drawing is narrower and lower at the foot of a card, its letters as large: the first in
which there is room beside them for what is drawn."""

ROOM = (90.0, 24.0)
"""CSS pixels that a panel has at least, without its names and ticks."""

NO_LAYOUT = "constrained_layout not applied"
"""What matplotlib warns of where letters take all the room."""

LONGEST_ON_A_CARD = 34
"""Letters of a line that a card holds beside the ticks."""

_size = ContextVar("_size", default=WHOLE)

SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "tacit",
    "text.parse_math": False,  # a class may be called "$5"
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "hatch.color": INK,
    "font.size": FONT_SIZE,
    "axes.titlesize": FONT_SIZE,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": FONT_SIZE,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": FONT_SIZE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "xtick.minor.width": 0.5,
    "ytick.minor.width": 0.5,
    "axes.axisbelow": True,
    "axes.formatter.useoffset": False,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
    "figure.constrained_layout.use": True,
}

PANEL = "data-panel"
"""The attribute of an SVG that holds the view box of its first panel."""

SVG = "http://www.w3.org/2000/svg"
HREF = "{http://www.w3.org/1999/xlink}href"
FONTS = "-apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Liberation Sans', system-ui, sans-serif"
ElementTree.register_namespace("", SVG)


def colour(index: int) -> str:
    """The colour of the series number `index`, counted from 0."""
    return PALETTE[index % len(PALETTE)]


def marker(index: int) -> str:
    """The marker of the series number `index`, counted from 0."""
    return MARKERS[index % len(MARKERS)]


def place(name: str, number: int) -> int:
    """The number of a series' colour and marker: a split's own, else its place in the figure.

    >>> place("test", 0), place("vae", 0)
    (1, 0)
    """
    return SPLITS[name][0] if name in SPLITS else number


def plain(text: str, longest: int = 48) -> str:
    """`text` as it can be drawn on one line: no control characters, cut at `longest`, on a card
    sooner.

    >>> plain("two\\nlines")
    'two lines'
    """
    if on_card():
        longest = min(LONGEST_ON_A_CARD, round(longest * _size.get()[0]))
    text = text.encode("utf-8", "replace").decode()
    text = "".join(
        " " if char.isspace() else "\N{REPLACEMENT CHARACTER}" if drawn_as_nothing(char) else char
        for char in text
    )
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def drawn_as_nothing(char: str) -> bool:
    """Whether `char` is a control character, or one that XML has no way to hold."""
    return unicodedata.category(char) in ("Cc", "Cs", "Cn") or char in "\ufffe\uffff"


def new_drawing(width: float, height: float) -> Drawing:
    """An empty drawing of `width` × `height` CSS pixels; on a card of less."""
    wide, high = _size.get()
    return Drawing(figsize=(wide * width / 96, high * height / 96))


def on_card() -> bool:
    """Whether it is drawn for the foot of a card."""
    return _size.get() != WHOLE


def light_grid(axes: Axes, axis: str) -> None:
    """Faint lines along `axis` ("x", "y" or "both"), and the other axis without ticks."""
    axes.grid(axis=axis, color=INK, alpha=0.13, linewidth=0.6)  # type: ignore[arg-type]
    axes.tick_params(length=0)


def headings(axes: Axes, title: str, y_label: str) -> None:
    """The panel's title, and below it what the vertical axis measures, read without turning."""
    if y_label:
        axes.annotate(
            plain(y_label, 80),
            (0, 1),
            (0, 7),
            xycoords="axes fraction",
            textcoords="offset points",
            alpha=0.8,
            va="baseline",
        )
    if title:
        axes.set_title(plain(title, 80), pad=22 if y_label else 8)


def legend(drawing: Drawing, handles: Sequence[Line2D]) -> None:
    """The names of series above a drawing, in as many columns as its width holds."""
    room = 96 * drawing.get_size_inches()[0]
    # A browser's font may be wider than the one that is measured here.
    widths = [40 + 7.5 * len(str(handle.get_label())) for handle in handles]

    def fits(columns: int) -> bool:
        return sum(max(widths[k::columns]) for k in range(columns)) <= room

    columns = next((n for n in range(min(4, len(handles)), 1, -1) if fits(n)), 1)
    drawing.legend(handles=list(handles), loc="outside upper left", ncols=columns)


def note_at_line(axes: Axes, text: str, place: float) -> None:
    """A small note at the upper end of the vertical line at `place`, to its right."""
    axes.annotate(
        plain(text),
        (place, 1),
        (3, -2),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        va="top",
        alpha=0.75,
        fontsize=SMALL,
    )


def note_from_edge(axes: Axes, text: str, edge: int, height: float, longest: int = 48) -> None:
    """A small note at `height`, from the axes' left (0) or right (1) edge on."""
    axes.annotate(
        plain(text, longest),
        (edge, height),
        (4, 0),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        va="center",
        alpha=0.75,
        fontsize=SMALL,
    )


class NoRoom(Exception):
    """Beside names and ticks there is no room for what is drawn."""


def _has_room(drawing: Drawing) -> bool:
    wide, high = (np.array(drawing.get_size_inches()) * 96).tolist()
    boxes = [axes.get_position() for axes in drawing.axes[:1]]
    return all(wide * box.width >= ROOM[0] and high * box.height >= ROOM[1] for box in boxes)


class Chart(bytes):
    """An SVG, and how the same is drawn for the foot of a card, should it be wanted there; `None`
    is given where it would not fit."""

    smaller: Callable[[], bytes | None]


def chart(draw: Callable[P, Drawing]) -> Callable[P, Chart]:
    """Make of a function that draws one that returns the bytes of an SVG.

    Settings hold for the time of drawing only, whatever the user's own matplotlib settings are;
    the same arguments give the same bytes.
    """

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Chart:
        def smaller() -> bytes | None:
            for size in ON_A_CARD:
                before = _size.set(size)
                try:
                    return svg(*args, **kwargs)
                except NoRoom:
                    continue
                except UserWarning as warned:
                    if NO_LAYOUT not in str(warned):
                        raise
                finally:
                    _size.reset(before)
            return None

        made = Chart(svg(*args, **kwargs))
        made.smaller = smaller
        return made

    def svg(*args: P.args, **kwargs: P.kwargs) -> bytes:
        with matplotlib.rc_context(), warnings.catch_warnings():
            matplotlib.rcdefaults()
            matplotlib.rcParams.update(SETTINGS)
            # The browser draws the text, with fonts of its own; this one is for measuring.
            warnings.filterwarnings("ignore", message="Glyph .* missing from font")
            if on_card():
                warnings.filterwarnings("error", message=NO_LAYOUT)
            buffer = io.BytesIO()
            metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
            drawing = draw(*args, **kwargs)
            drawing.savefig(buffer, format="svg", transparent=True, metadata=metadata)
            if on_card() and not _has_room(drawing):
                raise NoRoom
            first = first_panel(drawing)
        return adapt(buffer.getvalue(), first)

    return drawn


def first_panel(drawing: Drawing) -> str:
    """Where the first panel lies in the SVG of a drawing, as a view box; "" of a single panel."""
    if len(drawing.axes) < 2:
        return ""
    box = drawing.axes[0].get_tightbbox()
    if box is None:
        return ""
    points, (width, height) = 72 / drawing.dpi, 72 * drawing.get_size_inches()
    left, right = max(points * box.x0 - 3, 0), min(points * box.x1 + 3, width)
    low, high = max(points * box.y0 - 3, 0), min(points * box.y1 + 3, height)
    return f"{left:.1f} {height - high:.1f} {right - left:.1f} {high - low:.1f}"


def adapt(svg: bytes, first: str = "") -> bytes:
    """matplotlib's SVG without its fonts, its style sheet (which would reach the whole page around
    an inlined SVG) and its metadata, and with `INK` as ``currentColor``.

    first: the view box of the first panel, kept as an attribute, for a small picture.
    """
    root = ElementTree.fromstring(svg)
    if first:
        root.set(PANEL, first)
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in (f"{{{SVG}}}style", f"{{{SVG}}}metadata"):
                parent.remove(child)
        looks = {(child.tag, child.get("style", "")) for child in parent}
        if len(looks) == 1 and (look := looks.pop())[0] == f"{{{SVG}}}use":
            parent.set("style", look[1])  # once for all dots of a cloud
            for child in parent:
                del child.attrib["style"]
    for element in root.iter():
        if HREF in element.attrib:
            element.set("href", element.attrib.pop(HREF))
        if style := element.get("style"):
            style = re.sub(r"font-family:[^;]*;? ?", "", style)
            element.set("style", style.replace(INK, "currentColor"))
        if (element.get("transform") or "").startswith("rotate(-0 "):
            del element.attrib["transform"]
        for attribute in {"d", "x", "y"} & element.attrib.keys():
            element.set(
                attribute, re.sub(r"\d+\.\d+(e-\d+)?", hundredths, element.attrib[attribute])
            )
    root.set("style", f"stroke-linejoin: round; stroke-linecap: butt; font-family: {FONTS}")
    root.set("fill", "currentColor")
    return bytes(ElementTree.tostring(root, encoding="utf-8"))


def hundredths(number: re.Match[str]) -> str:
    """A coordinate to a hundredth of a point: finer than can be seen, in a third of the bytes."""
    return f"{float(number[0]):.2f}".rstrip("0").rstrip(".")


def identify(svg: bytes, name: str, alt: str) -> bytes:
    """The SVG with a text alternative, and with ids that no other figure of the page has.

    Ids that nothing refers to are dropped; the others begin with `name`.
    """
    root = ElementTree.fromstring(svg)
    referred = {
        found
        for element in root.iter()
        for value in element.attrib.values()
        for found in re.findall(r"(?:^|url\()#([^)\"']+)", value)
    }
    for element in root.iter():
        for attribute, value in list(element.attrib.items()):
            if attribute == "id" and value not in referred:
                del element.attrib["id"]
            elif attribute == "id":
                element.set("id", f"{name}-{value}")
            else:
                element.set(attribute, re.sub(r"(^|url\()#(?=[\w-])", rf"\1#{name}-", value))
    root.set("role", "img")
    root.set("aria-label", plain(alt, 10_000))
    return bytes(ElementTree.tostring(root, encoding="utf-8"))
