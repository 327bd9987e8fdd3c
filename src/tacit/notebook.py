"""What notebooks show of an object: a little HTML, every word of it escaped."""

import base64
import sys
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

MOST = 10
"""Rows of a table that are shown; how many more there are stands below them."""


def in_notebook() -> bool:
    """Whether this process is a notebook's kernel, so that what is displayed is seen."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return type(shell).__name__ in ("ZMQInteractiveShell", "Shell")  # the latter is Colab's


class Live:
    """A part of a cell's output that is replaced as things go on; of IPython's own, no widget."""

    def __init__(self) -> None:
        self._handle: Any = None

    def show(self, html: str) -> None:
        """Put `html` in the place of what was shown before."""
        from IPython.display import HTML, display  # not a dependency: there in notebooks alone

        if self._handle is None:
            self._handle = display(HTML(html), display_id=True)
        else:
            self._handle.update(HTML(html))


def bar(text: str, share: float | None) -> str:
    """A bar, as full as `share` says from 0 to 1, or on its way where None, and a text beside it.

    >>> bar("epoch 3 of 10", 0.3)
    '<div><progress value="0.300" max="1"></progress> epoch 3 of 10</div>'
    """
    value = "" if share is None else f' value="{share:.3f}"'
    return f'<div><progress{value} max="1"></progress> {escape(text)}</div>'


def paragraph(text: str, tag: str = "p") -> str:
    """An element that holds a text.

    >>> paragraph("p < 0.05", "strong")
    '<strong>p &lt; 0.05</strong>'
    """
    return f"<{tag}>{escape(text)}</{tag}>"


def table(
    columns: Sequence[str],
    rows: Sequence[Iterable[object]],
    caption: str = "",
    *,
    n_rows: int | None = None,
) -> str:
    """A table of the first `MOST` rows, of `n_rows` where the others are not given.

    >>> table(["image", "nats"], [(0, "-3.1")])
    '<table><thead><tr><th>image</th><th>nats</th></tr></thead><tbody><tr><td>0</td>...'
    """
    head = "".join(paragraph(name, "th") for name in columns)
    body = "".join(
        f"<tr>{''.join(paragraph(str(cell), 'td') for cell in row)}</tr>" for row in rows[:MOST]
    )
    told = paragraph(caption, "caption") if caption else ""
    left_out = (len(rows) if n_rows is None else n_rows) - MOST
    more = paragraph(f"and {left_out:,} more rows") if left_out > 0 else ""
    return f"<table>{told}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def facts(title: str, known: Sequence[tuple[str, object]]) -> str:
    """Names and what they are, a row each."""
    rows = "".join(
        f"<tr>{paragraph(name, 'th')}{paragraph(str(value), 'td')}</tr>" for name, value in known
    )
    return f"{paragraph(title, 'strong')}<table><tbody>{rows}</tbody></table>"


def picture(content: bytes, kind: str, alt: str, caption: str) -> str:
    """An image within the page, `kind` "png" or "svg+xml", with its caption.

    An SVG is shown as an image too: scripts in it, were there any, would not run.
    """
    source = f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
    image = f'<img src="{source}" alt="{escape(alt)}" style="max-width: 100%">'
    return f"<figure>{image}{paragraph(caption, 'figcaption')}</figure>"
