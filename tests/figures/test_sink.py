"""Figures in their folder: whole, named once, with a text alternative."""

import pytest

from tacit.figures import charts
from tacit.figures.charts import Panel, Series
from tacit.figures.sink import Figure, Figures

SVG = charts.curves(Panel([Series("a", [1, 2], [1, 2])], "x", "y"))


def test_charts_and_grids_are_kept(tmp_path):
    figures = Figures(tmp_path / "study" / "figures")
    chart = figures.chart("loss", SVG, "Loss.", "Loss falls.")
    grid = figures.grid("samples", b"png", "Samples.", "Ten digits.")
    assert chart == Figure("loss", "chart", "Loss.", "Loss falls.")
    assert grid == Figure("samples", "grid", "Samples.", "Ten digits.")
    files = {path.name: path.read_bytes() for path in figures.folder.iterdir()}
    assert set(files) == {"loss.svg", "samples.png"}
    assert b'aria-label="Loss falls."' in files["loss.svg"]
    assert files["samples.png"] == b"png"


def test_a_name_is_used_once_and_may_be_drawn_again_by_another_start(tmp_path):
    figures = Figures(tmp_path)
    figures.grid("samples", b"1", "", "a")
    with pytest.raises(ValueError, match="already is a figure 'samples'"):
        figures.grid("samples", b"2", "", "a")
    Figures(tmp_path).grid("samples", b"3", "", "a")
    assert (tmp_path / "samples.png").read_bytes() == b"3"


@pytest.mark.parametrize("name", ["", "../evil", "a/b", ".hidden", "Ä", "a b", "a..b", "a\n", "A"])
def test_a_name_cannot_leave_the_folder(tmp_path, name):
    with pytest.raises(ValueError, match="no file stem"):
        Figures(tmp_path).grid(name, b"", "", "a")
    assert not list(tmp_path.iterdir())


def test_a_figure_has_a_kind_and_a_text_alternative():
    with pytest.raises(ValueError, match="'movie'; it is a 'chart' or a 'grid'"):
        Figure("a", "movie", "", "alt")
    with pytest.raises(ValueError, match="'a' has no text alternative"):
        Figure("a", "grid", "caption", "  ")
