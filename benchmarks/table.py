"""The rows as a table, between the marks of a document."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.pairing import Row

BEGIN, END = "<!-- bench -->", "<!-- end of bench -->"


def shown(value: float, unit: str) -> str:
    """A number with its unit.

    >>> shown(0.5234, "×"), shown(1234.5, "s"), shown(0.0014, "×"), shown(0.0004, "%")
    ('0.52 ×', '1,234 s', '0.0014 ×', '0.04 %')
    """
    if unit == "":
        return f"{value:.1e}"
    if unit == "%":
        return f"{100 * value:.2g} %"
    if 0 < value < 0.01:
        return f"{value:.2g} {unit}"
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:,.{digits}f} {unit}"


def table(rows: Sequence[Row]) -> str:
    """A Markdown table; the aim stands beside each number, and whether it is reached."""
    lines = [
        "| work | against | measured (range of rounds) | aim | reached |",
        "| --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        measured = shown(row.value, row.unit)
        if len(row.values) > 1:
            low, high = shown(min(row.values), row.unit), shown(max(row.values), row.unit)
            measured += f" ({low.split()[0]} to {high.split()[0]})"
        aim = ""
        if row.aim is not None:
            aim = f"at {'least' if row.at_least else 'most'} {shown(row.aim, row.unit)}"
        reached = {None: "", True: "yes", False: "no"}[row.reached]
        work = row.work + (f"; {row.note}" if row.note else "")
        lines.append(f"| {work} | {row.against or '-'} | {measured} | {aim} | {reached} |")
    return "\n".join(lines) + "\n"


def write_into(document: Path, text: str, begin: str = BEGIN, end: str = END) -> None:
    """Replace what stands between the marks.

    Raises:
        ValueError: where the document has not exactly one pair of them.
    """
    whole = document.read_text(encoding="utf-8")
    if whole.count(begin) != 1 or whole.count(end) != 1 or whole.index(begin) > whole.index(end):
        raise ValueError(f"{document} has not one pair of marks, '{begin}' and '{end}'")
    before, rest = whole.split(begin)
    after = rest.split(end)[1]
    document.write_text(f"{before}{begin}\n\n{text}\n{end}{after}", encoding="utf-8")
