"""A headline is short, and no firm verdict is given of a training that had not finished."""

import numpy as np
import pytest

from tacit.measures.number import Number
from tacit.measures.unfinished import still_falling, unfinished
from tacit.questions.verdicts import Said, Verdict, not_finished, numbers_in, ruled, words_in


def test_the_interval_decides_and_touching_zero_does_not() -> None:
    assert ruled(Number(2.0, 1.0, 3.0)) == Verdict.YES
    assert ruled(Number(2.0, 1.0, 3.0), yes="lower") == Verdict.NO
    assert ruled(Number(2.0, 0.0, 4.0)) == Verdict.CANNOT_TELL
    assert ruled(Number(None)) == Verdict.CANNOT_TELL


def test_words_and_numbers_are_counted_and_digits_in_names_are_none() -> None:
    assert words_in("Most is lost to the encoder: 3 % more.") == 9
    assert numbers_in("vae-2 gains 1,234.5 nats, 3 % more") == 2


def test_a_loss_that_has_come_to_rest_is_rarely_called_unfinished() -> None:
    random = np.random.default_rng(0)
    fall = np.exp(-np.arange(300) / 20)
    called = [still_falling(fall + 0.2 * random.normal(size=300))[1] for _ in range(2000)]
    assert np.mean(called) < 0.015


@pytest.mark.parametrize(("scale", "falls"), [(200, True), (30, False)])
def test_a_loss_that_still_falls_is_called_so(scale: float, falls: bool) -> None:
    random = np.random.default_rng(0)
    loss = np.exp(-np.arange(300) / scale) + 0.01 * random.normal(size=300)
    assert still_falling(loss)[1] == falls


def test_most_seeds_decide_and_few_updates_tell_nothing() -> None:
    done, falling = np.exp(-np.arange(300) / 20), np.exp(-np.arange(300) / 300)
    assert unfinished([done, falling]) is None
    assert unfinished([done, falling, falling]) == pytest.approx(still_falling(falling)[0])
    assert unfinished([[3.0, 2.0]]) == 1.0


def test_what_had_not_finished_has_no_firm_verdict() -> None:
    said = Said(Verdict.NO, "It does not earn its place.", "share", "what it adds")
    assert not_finished(said, {}) is said
    after = not_finished(said, {"a": 0.1, "b": 0.2})
    assert after.verdict == Verdict.NOT_FINISHED
    assert after.headline.startswith("Training of b (and 1 more) had not finished")
    assert "earn" not in after.headline
