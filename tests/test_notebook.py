"""What notebooks show: short, whole elements, and no word that is taken for HTML."""

from html.parser import HTMLParser

import numpy as np
import pytest

import tacit
from tacit.figures.sink import Figure
from tacit.measures.number import Number, undefined
from tacit.notebook import MOST
from tacit.questions.finding import Finding, Table

EVIL = "<script>alert('&')</script>"


class Seen(HTMLParser):
    """Elements opened and not closed, and the text between them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.open.append(tag)
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


NUMBER = Number(0.912, 0.85, 0.95, 90, "accuracy", f"95 % over {EVIL}")
TABLE = Table(EVIL, ("class", EVIL), ((EVIL, NUMBER), ("b", None), ("c", 1.23456)))
FIGURE = Figure("curves", "chart", EVIL, EVIL)


def finding() -> Finding:
    return Finding("q", EVIL, EVIL, EVIL, {"gap": NUMBER}, ("vae",), EVIL, (FIGURE,), (TABLE,))


def estimate(n: int) -> tacit.LogProbEstimate:
    values = np.arange(n, dtype=float)
    health = {"ess": np.full(n, 5.0), "pareto_k": np.full(n, 0.2), "n_samples": 200}
    return tacit.LogProbEstimate(values, values / 10, "lower", "density", EVIL, **health)


@pytest.mark.parametrize(
    "made",
    [NUMBER, undefined(EVIL), TABLE, FIGURE, finding(), estimate(3)],
    ids=lambda made: type(made).__name__,
)
def test_every_word_is_escaped_and_every_element_closed(made: object) -> None:
    seen = Seen(made._repr_html_())  # type: ignore[attr-defined]
    assert not seen.open
    assert "script" not in seen.tags
    assert EVIL in seen.text


def test_numbers_are_shown_as_everywhere_else() -> None:
    assert Seen(TABLE._repr_html_()).text.count("91.2 % (85.0 to 95.0)") == 1
    assert "gap: 91.2 % (85.0 to 95.0)" in Seen(finding()._repr_html_()).text


def test_an_estimate_of_many_images_shows_some_and_counts_the_others() -> None:
    seen = Seen(estimate(MOST + 7)._repr_html_())
    assert seen.tags.count("tr") == 1 + MOST
    assert "and 7 more rows" in seen.text
    assert f"flagged: {MOST + 7} of {MOST + 7}" in seen.text
    assert seen.text.count("effective sample size under 10") == 1 + MOST


def test_a_saved_model_says_what_it_is(tmp_path) -> None:
    x = np.random.default_rng(0).random((12, 8, 8))
    classifier = tacit.Classifier(n_components=3, max_epochs=1, min_updates=2)
    classifier.fit(x, np.array(["<b>", "dog"] * 6)).save(tmp_path / "m")
    seen = Seen(tacit.load(tmp_path / "m")._repr_html_())
    assert "b" not in seen.tags
    for words in ("TrainedModel: Classifier", "8×8, 1 channel", "<b>, dog", "12 images"):
        assert words in seen.text
