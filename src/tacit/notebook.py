"""What notebooks show of an object: a little HTML, every word of it escaped."""

import base64
from collections.abc import Iterable, Sequence
from html import escape

MOST = 10
"""Rows of a table that are shown; how many more there are stands below them."""


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
