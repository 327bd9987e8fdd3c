"""What is answered is on the disk, follows, can be undone, and is never asked for twice."""

import csv
import os
import shlex
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom

from peak import peak
from tacit.commands.label import LabelOptions, to_learn
from tacit.errors import ImagesError
from tacit.images.tables import Names, read_tables
from tacit.page.chance import AFTER, EVERY, ByChance
from tacit.page.first import FIRST, Clusters
from tacit.page.judging import LITTLE, Answers, exact_interval, judge
from tacit.page.session import Session
from tacit.page.table import LabelTable, Said

from .conftest import TRUTH, N, new_session, settled

NAMES = Names(map(str, range(N)), "index", "three groups")


def rows_of(table: Path) -> list[dict[str, str]]:
    with table.open(newline="") as file:
        return list(csv.DictReader(file))


def label_next(session: Session, n: int) -> list[int]:
    asked = []
    for _ in range(n):
        row = settled(session).state()["queue"][0]["row"]
        session.answer([row], label=TRUTH[row])
        asked.append(row)
    settled(session)  # what follows runs in another thread: a test that looks inside waits for it
    return asked


def test_an_answer_is_in_the_table_with_who_and_when_before_it_returns(session, table) -> None:
    session.answer([5], label="2")
    session.answer([7], mark="skip")
    first, second = rows_of(table)
    assert (first["index"], first["label"], first["by"]) == ("5", "2", "ada")
    assert (second["label"], second["mark"]) == ("", "skip")
    assert first["time"] < second["time"]
    assert read_tables([table], NAMES).labels == {"5": "2"}  # as `tacit learn` reads it


def test_from_nothing_every_class_is_met_and_all_others_follow(session) -> None:
    asked = label_next(session, 12)
    assert {TRUTH[row] for row in asked[:10]} == {"0", "1", "2"}
    found = settled(session).predictions
    right = [found.classes[best] == TRUTH[row] for row, best in enumerate(found.best.tolist())]
    assert np.mean(np.delete(right, 3)) == 1.0  # 3 is 0's copy
    assert session.state()["accuracy"] > 0.7


def test_no_image_comes_twice_and_no_copy(session) -> None:
    asked = label_next(session, 40)
    assert len(set(asked)) == 40
    assert not {0, 3} <= set(asked)
    assert not {0, 3} <= {item["row"] for item in session.state()["queue"]}


def test_every_image_gets_its_turn(session) -> None:
    while queue := settled(session).state()["queue"]:
        session.answer([queue[0]["row"]], mark="skip")
    assert session.state()["marks"]["skip"] == N - 1  # the copy counts as answered


def test_where_all_are_answered_nothing_is_asked_for(session, table) -> None:
    session.answer([row for row in range(N) if TRUTH[row] == "0"], label="0")
    session.answer([row for row in range(N) if TRUTH[row] == "1"], label="1")
    session.answer([row for row in range(N) if TRUTH[row] == "2"], label="2")
    said = settled(session).state()
    assert (said["queue"], said["labels"], said["confidence"]) == ([], N, None)
    assert session.grid("0", 5, sort="sure") == []
    again = settled(new_session(table))  # as when the page is opened once more
    assert again.state()["queue"] == []
    assert again.near(0, 2)
    again.close()


def test_undo_brings_the_table_and_the_predictions_back(session, table) -> None:
    label_next(session, 12)
    before, sure = table.read_bytes(), settled(session).predictions.sure.copy()
    session.answer([40, 41], label="1")
    session.answer([40], label="0")
    settled(session)
    session.undo()
    session.undo()
    assert table.read_bytes() == before
    assert settled(session).predictions.sure == pytest.approx(sure, abs=1e-4)
    while session.undo():
        pass
    assert rows_of(table) == []


def test_what_follows_is_what_a_new_start_makes_of_the_table(session, table) -> None:
    asked = label_next(session, 14)
    again = new_session(table)
    again.close()
    assert again.predictions.sure == pytest.approx(settled(session).predictions.sure, abs=1e-3)
    assert again.undo() == asked[-1:]
    assert again.state()["labels"] == 13


def test_classes_keep_their_order_and_so_their_keys_when_the_page_is_started_again(
    session, table
) -> None:
    for row, name in enumerate(["yes", "no", "yes", "maybe"], 4):
        session.answer([row], label=name)
    session.answer([8], label="no")
    session.undo()
    again = new_session(table)
    again.close()
    assert again.met == session.met == ["yes", "no", "maybe"]


def test_a_copy_with_another_label_is_left_out_and_said(session) -> None:
    session.answer([0], label="0")
    assert session.answer([3, 4], label="1") == {"written": 1, "left_out": 1}
    with pytest.raises(ImagesError, match="has a copy, the same picture, with another label"):
        session.answer([3], label="1")


@pytest.mark.parametrize("name", ["", "  ", "nan", "Cat"])
def test_a_class_that_nobody_could_read_back_is_refused(session, name: str) -> None:
    session.answer([1], label="cat")
    with pytest.raises((ImagesError, ValueError)):
        session.answer([2], label=name)
    assert session.state()["labels"] == 1


def test_ten_classes_called_by_numbers_are_classes(session) -> None:
    for row in range(4, 24):
        session.answer([row], label=str(row))
    assert len(session.met) == 20


def test_a_table_of_ones_own_keeps_its_columns_rows_and_separator(table) -> None:
    table.write_text("index;note;label\n5;mine;cat\n6;keep;\n")
    made = LabelTable(table, NAMES, by="ada")
    made.write({"6": Said("dog"), "7": Said(mark="bad")})
    assert table.read_text().splitlines()[0] == "index;note;label;mark;time;by"
    made.write({"6": Said(), "7": Said()})
    kept = [line.split(";")[:3] for line in table.read_text().splitlines()[1:]]
    assert kept == [["5", "mine", "cat"], ["6", "keep", ""]]


def test_a_table_that_someone_else_changed_is_not_written_over(session, table) -> None:
    session.answer([5], label="2")
    table.write_text("index,label\n5,1\n")
    with pytest.raises(ImagesError, match="was changed by someone else"):
        session.answer([6], label="0")
    assert table.read_text() == "index,label\n5,1\n"


def test_a_table_that_was_removed_is_written_again_whole(session, table) -> None:
    session.answer([5], label="2")
    session.answer([6], label="0")
    before = table.read_text()
    table.unlink()
    session.table.keep()
    assert table.read_text() == before
    table.unlink()
    session.answer([7], label="1")
    assert table.read_text().startswith(before)
    assert [row["label"] for row in rows_of(table)] == ["2", "0", "1"]


def test_a_table_with_faults_is_refused_with_all_of_them(table) -> None:
    table.write_text("index,label\n5,1\n5,2\n900,1\n")
    with pytest.raises(ImagesError, match="2 errors in the labels"):
        LabelTable(table, NAMES, by="ada")


ANSWERING = """
import sys; from pathlib import Path; sys.path.insert(0, sys.argv[2])
from tacit.images.tables import Names
from tacit.page.table import LabelTable, Said
names = Names(map(str, range(90)), "index", "x")
table = LabelTable(Path(sys.argv[1]), names, by="ada")
for row in range(90):
    table.write({str(row): Said(str(row % 3))})
    print(row, flush=True)
"""


def test_a_killed_page_loses_nothing_that_was_answered(table, tmp_path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", ANSWERING, str(table), str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    said = 0
    for line in process.stdout:
        said = int(line)
        if said == 20:
            os.kill(process.pid, signal.SIGKILL)
            break
    process.wait()
    process.stdout.close()
    held = LabelTable(table, NAMES, by="ada").said
    assert set(map(str, range(21))) <= set(held)
    assert Counter(one.label for one in held.values())["0"] >= 7


def test_after_twenty_answers_every_fifth_image_is_one_by_chance(session) -> None:
    asked = label_next(session, 50)
    chance = ByChance(session.copies, session.seed)
    drawn, lot = chance.answered(set(session.copies[asked].tolist())), chance._order
    assert len(drawn) >= (50 - AFTER) // EVERY
    assert drawn == set(session.copies[lot[: len(drawn)]].tolist())


def test_a_sample_by_chance_is_whatever_is_answered_of_the_beginning_of_the_lot() -> None:
    copies = np.array([0, 1, 2, 2, 4, 5, 6, 7])
    chance = ByChance(copies, seed=3)
    lot = [int(copies[row]) for row in chance._order]
    assert sorted(lot) == [0, 1, 2, 4, 5, 6, 7]
    gone = {lot[0], lot[1], lot[3]}
    assert chance.answered(gone) == {lot[0], lot[1]}
    assert copies[chance.due(gone, AFTER + 3 * EVERY)] == lot[2]
    assert chance.due(gone, AFTER + 3 * EVERY - 1) is None
    assert chance.due(set(lot), 1000) is None


def test_accuracy_is_that_of_images_by_chance_once_there_are_enough(session) -> None:
    label_next(session, AFTER)
    told = settled(session).state()
    assert not told["at_random"]
    label_next(session, 5 * EVERY + 2)
    told = settled(session).state()
    assert told["at_random"]
    assert 5 <= told["held_out"] < 12
    assert told["accuracy"] == 1.0
    assert told["interval"][0] < 0.8


def test_what_the_last_twenty_answers_changed_bounds_what_the_next_may_bring(session) -> None:
    label_next(session, 29)
    assert session.predictions.judged.changed is None
    label_next(session, 6)
    judged = settled(session).predictions.judged
    assert judged.changed is not None
    assert judged.changed <= 0.1  # three groups that lie apart
    assert judged.enough == (judged.changed < LITTLE)
    again = new_session(session.table.path)  # whoever starts the page again is told the same
    again.close()
    assert again.predictions.judged.changed == judged.changed
    session.answer(list(range(60, 80, 3)), label="0")  # seven at once are no seven answers
    assert settled(session).predictions.judged.changed is not None


def test_labels_that_change_everything_are_not_called_enough(session) -> None:
    """Two groups are called one class for thirty answers; then the truth comes out."""
    rows = [row for row in range(N) if row not in (0, 3)]
    for row in rows[:12]:
        session.answer([row], label="a" if row % 3 == 0 else "b")
    for row in rows[12:32]:
        session.answer([row], label=TRUTH[row])
    judged = settled(session).predictions.judged
    assert judged.changed is not None
    assert judged.changed > 0.3
    assert not judged.enough


def test_confidence_follows_from_labels_that_were_not_asked_for(session) -> None:
    label_next(session, 18)
    spread = session._spread
    nothing = np.arange(0)
    every = judge(spread, 3, Answers(None, nothing, np.arange(18))).confidence
    usual = judge(spread, 3, Answers(None, nothing, np.arange(12))).confidence
    assert every is not None
    assert usual is not None
    assert usual != every
    assert judge(spread, 3, Answers(None, nothing, nothing)).confidence is None


def test_accuracy_by_chance_is_of_the_images_without_a_label(session) -> None:
    """Of 66 labels 60 are told right, and of 22 by chance 20: the other 24 images are alike."""
    for row in range(4, 70):
        session.answer([row], label=str((row + (row < 10)) % 3))
    settled(session)
    nothing = np.arange(0)
    judged = judge(session._spread, 3, Answers(None, np.arange(0, 66, 3), nothing))
    assert judged.at_random
    assert judged.accuracy == pytest.approx(20 / 22, abs=0.02)
    # The interval is of 90 images, 66 of which are known.
    assert judged.low == pytest.approx((90 * exact_interval(20, 22)[0] - 60) / 24, abs=0.05)
    assert judged.high == 1.0


def test_what_is_undone_and_given_again_is_judged_as_before(session) -> None:
    rows = label_next(session, 16)
    before = settled(session).predictions.judged
    session.clear(rows[3:6])
    settled(session)
    session.undo()
    after = settled(session).predictions.judged
    assert (after.accuracy, after.low, after.high) == (before.accuracy, before.low, before.high)


@pytest.mark.parametrize(("right", "n"), [(0, 7), (6, 7), (7, 7), (3, 10)])
def test_an_interval_is_as_wide_as_the_binomial_says(right: int, n: int) -> None:
    low, high = exact_interval(right, n)
    if right > 0:
        assert binom.sf(right - 1, n, low) == pytest.approx(0.025)
    if right < n:
        assert binom.cdf(right, n, high) == pytest.approx(0.025)
    assert low <= right / n <= high
    assert exact_interval(right - 0.3, n)[1] < high or right < 1


def test_neither_time_nor_memory_grows_with_answers(tmp_path) -> None:
    """A short hour; `python -m benchmarks.labelling.hour` is a whole one, over HTTP.

    After thirty answers and after ninety the same is done in turn, so that a machine that is busy
    for a while makes both slow; of each the quickest counts.
    """
    rng, n = np.random.default_rng(0), 1200
    y = np.arange(n) % 5
    known = (3 * rng.normal(size=(5, 8))[y] + rng.normal(size=(n, 8))).astype(np.float32)
    names = Names(map(str, range(n)), "index", "five groups")
    few, many = (
        Session(known, LabelTable(tmp_path / name, names, by="ada"), np.arange(n))
        for name in ("few.csv", "many.csv")
    )

    def answered(session: Session) -> float:
        row = session.state()["queue"][0]["row"]
        began = time.process_time()
        session.answer([row], label=str(y[row]))
        settled(session)
        return time.process_time() - began

    for _ in range(30):
        answered(few)
    with peak() as taken:
        for _ in range(90):
            answered(many)
    seconds = [(answered(few), answered(many)) for _ in range(8)]
    after_few, after_many = np.min(seconds, axis=0)
    few.close()
    many.close()
    assert after_many < 2 * after_few + 0.005
    assert taken.megabytes < 20
    assert 1 < len(many.state()["queue"]) <= 13  # however many were asked for before


def test_the_command_that_learns_from_the_labels_is_told() -> None:
    options = LabelOptions(labels=Path("a b.csv"), encoder="onnx:net.onnx", size=64)
    assert shlex.join(to_learn("pictures", options)) == (
        "tacit learn pictures --labels 'a b.csv' --encoder onnx:net.onnx --size 64"
    )


def test_a_clock_that_was_put_back_changes_no_order(table) -> None:
    now = datetime(2030, 1, 1, tzinfo=UTC)
    LabelTable(table, NAMES, by="ada", now=lambda: now).write({"5": Said("a")})
    later = LabelTable(table, NAMES, by="ada", now=lambda: now - timedelta(days=1))
    later.write({"2": Said("b")})
    assert later.actions() == LabelTable(table, NAMES, by="ada").actions() == [["5"], ["2"]]
    table.write_text("index,label,time\n5,a,9999-12-31T23:59:59.999999Z\n6,a,yesterday\n")
    LabelTable(table, NAMES, by="ada").write({"2": Said("b")})


def test_a_cluster_in_some_doubt_comes_before_one_image_in_much() -> None:
    rng = np.random.default_rng(0)
    codes = np.concatenate([rng.normal(at, 0.3, (40, 2)) for at in (0, 10, 20)]).astype(np.float32)
    clusters = Clusters(codes, 3, seed=0)
    assert sorted(clusters.medoids // 40) == [0, 1, 2]
    assert (clusters.of == clusters.of[np.arange(120) // 40 * 40]).all()
    worth, free = np.zeros(120), np.ones(120, bool)
    worth[7], worth[40:80] = 1.0, 0.3
    found = clusters.most(worth, free, [])
    assert found in clusters.medoids
    assert 40 <= found < 80
    free[found] = False
    second = clusters.most(worth, free, [])
    distance = np.square(codes[40:80] - codes[40:80].mean(axis=0)).sum(axis=1)
    assert second == 40 + np.argsort(distance)[1]
    assert clusters.most(worth, free, [55]) // 40 == 0  # the other is known by then
    assert clusters.most(worth, np.zeros(120, bool), []) is None


def test_every_second_image_after_the_first_stands_for_a_cluster(session, table) -> None:
    asked: list[int] = []
    most = session._clusters.most
    session._clusters.most = lambda *given: asked.append(most(*given)) or asked[-1]
    label_next(session, 2 * FIRST + 6)
    assert len(asked) == FIRST // 2
    again = new_session(table)
    again.close()
    assert again._clusters is None
