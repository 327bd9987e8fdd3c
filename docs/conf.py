"""How `make site` builds the documents (Sphinx); what is made from the project itself."""

import shutil
from pathlib import Path

from sphinx.application import Sphinx

from tacit import __version__
from tacit.cli import app as command

ROOT = Path(__file__).parent.parent
STUDIES = ("inference", "transfer")

project = "tacit"
author = "The tacit developers"
version = release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
html_theme = "furo"
html_title = "tacit"
html_show_sphinx = html_show_copyright = False
html_copy_source = False
html_theme_options = {
    "top_of_page_buttons": [],
    "light_css_variables": {"color-brand-primary": "#0f766e", "color-brand-content": "#0f766e"},
    "dark_css_variables": {"color-brand-primary": "#2dd4bf", "color-brand-content": "#2dd4bf"},
}
myst_heading_anchors = 4
autodoc_typehints = "none"  # docstrings give shapes and types as a reader needs them
autodoc_member_order = "bysource"


def _commands() -> str:
    return command.generate_docs(output_format="markdown", heading_level=2)


def _changes() -> str:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    return text.partition("\n")[2].replace("](docs/", "](../")


MADE = {"reference/commands": _commands, "reference/changes": _changes}
"""Pages that end with what is made here, so that nothing is written twice."""


def fill(app: Sphinx, page: str, source: list[str]) -> None:
    """Add to a page what is made from the project itself."""
    if page in MADE:
        source[0] += "\n" + MADE[page]()


def lay_reports(app: Sphinx, fault: Exception | None) -> None:
    """Lay the reports that the demo wrote beside the pages.

    Raises:
        FileNotFoundError: `make demo` has not been run.
    """
    for study in STUDIES:
        report = ROOT / "tacit-out" / study / "report.html"
        shutil.copy(report, Path(app.outdir) / "reference" / f"{study}.html")


def not_ours(
    app: Sphinx, kind: str, name: str, member: object, skip: bool, options: object
) -> bool | None:
    """Leave out what scikit-learn gives every estimator: its own documents tell it."""
    where = getattr(member, "__module__", None) or type(member).__module__
    return True if where.startswith("sklearn.") else None


def setup(app: Sphinx) -> None:
    """What Sphinx calls."""
    app.connect("source-read", fill)
    app.connect("autodoc-skip-member", not_ours)
    app.connect("build-finished", lay_reports)
