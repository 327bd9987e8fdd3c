"""A headline is short, and no firm verdict is given of a training that had not finished."""

from sentences import numbers_in
from tacit.measures.number import Number
from tacit.measures.unfinished import StillFalling
from tacit.questions.verdicts import (
    Said,
    Verdict,
    alert,
    not_finished,
    ruled,
    words_in,
)


def test_the_interval_decides_and_touching_zero_does_not() -> None:
    assert ruled(Number(2.0, 1.0, 3.0)) == Verdict.YES
    assert ruled(Number(2.0, 1.0, 3.0), yes="lower") == Verdict.NO
    assert ruled(Number(2.0, 0.0, 4.0)) == Verdict.CANNOT_TELL
    assert ruled(Number(None)) == Verdict.CANNOT_TELL


def test_words_and_numbers_are_counted_and_digits_in_names_are_none() -> None:
    assert words_in("Most is lost to the encoder: 3 % more.") == 9
    assert numbers_in("vae-2 gains 1,234.5 nats, 3 % more") == 2


def test_what_had_not_finished_has_no_firm_verdict() -> None:
    said = Said(Verdict.NO, "It does not earn its place.", "share", "what it adds")
    after = not_finished(said, {"a": StillFalling(0.1), "b": StillFalling(0.2)})
    assert after.verdict == Verdict.NOT_FINISHED
    assert after.headline.startswith("Training of b and of another run had not finished")
    assert "earn" not in after.headline


def test_an_alert_says_how_many_more_updates_where_that_is_known() -> None:
    assert alert("a", StillFalling(0.022, 1.11)).endswith(
        "2.2 % of its whole fall; about 1.2 times as many updates should do."
    )
    assert alert("a", StillFalling(0.022)).endswith("of its whole fall.")
    assert alert("a", StillFalling(0.4, 50.0)).endswith("of its whole fall.")
    assert "too few updates to tell" in alert("a", StillFalling(1.0))
