"""What all charts share: colours that everyone can tell apart, and an SVG that adapts."""

import itertools
import re
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest

from tacit.figures import style
from tacit.figures.charts import Panel, Series, curves

LIGHT, DARK = "#fdfcfa", "#14171a"
# Machado, Oliveira and Fernandes 2009, severity 1: how dichromats see linear RGB.
EYES = {
    "normal": np.eye(3),
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def linear(colour: str) -> np.ndarray:
    channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def luminance(colour: str) -> float:
    return float(linear(colour) @ [0.2126, 0.7152, 0.0722])


def lab(rgb: np.ndarray) -> np.ndarray:
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = np.array(to_xyz) @ np.clip(rgb, 0, 1) / [0.9505, 1, 1.089]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("page", [LIGHT, DARK])
@pytest.mark.parametrize("colour", style.PALETTE)
def test_colours_stand_out_from_both_pages(colour, page):
    brighter, darker = sorted((luminance(colour) + 0.05, luminance(page) + 0.05), reverse=True)
    assert brighter / darker >= 3


@pytest.mark.parametrize("eye", EYES)
def test_colours_differ_for_all_eyes(eye):
    seen = [lab(np.array(EYES[eye]) @ linear(colour)) for colour in style.PALETTE]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) >= 10


def example(label: str = "train") -> bytes:
    return curves(Panel([Series(label, [1, 2, 3], [3, 1, 2], [2, 0, 1], [4, 2, 3])], "x", "y"))


def test_text_follows_the_page():
    svg = example().decode()
    assert style.INK not in svg
    assert "currentColor" in svg
    assert ">train</text>" in svg
    assert "DejaVu" not in svg


def test_nothing_reaches_outside_the_drawing():
    svg = example().decode()
    assert not re.search(r"<style|<metadata|<!DOCTYPE|<\?xml|xlink", svg)
    assert re.findall(r"https?://[^\"]*", svg) == [style.SVG]


def test_settings_of_the_user_neither_matter_nor_change():
    before = example()
    with matplotlib.rc_context({"lines.linewidth": 9, "font.size": 30, "text.usetex": True}):
        assert example() == before
        assert matplotlib.rcParams["lines.linewidth"] == 9
        assert matplotlib.rcParams["text.usetex"]


def test_ids_of_two_figures_never_meet():
    def ids(svg: bytes) -> set[str]:
        return set(re.findall(r'\bid="([^"]+)"', svg.decode()))

    one, other = (style.identify(example(), name, "a curve") for name in ("one", "other"))
    assert ids(one)
    assert not ids(one) & ids(other)
    for svg in (one, other):
        referred = set(re.findall(r"(?:href=\"|url\()#([^)\"]+)", svg.decode()))
        assert referred == ids(svg)


def test_alternative_text_is_in_the_file():
    root = ElementTree.fromstring(style.identify(example(), "a", 'falls < 2 "nats"\x00'))
    assert root.get("role") == "img"
    assert root.get("aria-label") == 'falls < 2 "nats"�'


@pytest.mark.parametrize(
    "label", ["$\\alpha$", "a\nb", "\x00\x1b", "</text><script>", "\udcff", "猫 🐈", "x" * 500, "￾"]
)
def test_hostile_labels_are_only_text(label):
    root = ElementTree.fromstring(example(label))
    texts = [element.text for element in root.iter(f"{{{style.SVG}}}text")]
    assert style.plain(label, 32) in texts
    assert not list(root.iter(f"{{{style.SVG}}}script"))
