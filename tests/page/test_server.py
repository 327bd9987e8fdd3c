"""This machine alone, whoever has the address alone, and no request that breaks it."""

import json
import threading
from collections.abc import Callable
from string import printable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tacit.errors import ImagesError
from tacit.page import plane
from tacit.page.correcting import Corrections
from tacit.page.table import Said

from .conftest import TOKEN, N, client_of, settled, shown_of


def url(path: str) -> str:
    return f"/{TOKEN}/{path}"


def test_the_page_and_its_parts_are_served_with_their_policy(client) -> None:
    page = client.get(url(""))
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"
    for name in ("page.js", "api.js", "grid.js", "map.js", "correct.js", "page.css", "icon.svg"):
        assert client.get(url(f"static/{name}")).status_code == 200
        assert "http://" not in client.get(url(f"static/{name}")).text.replace(
            "http://www.w3.org/2000/svg", ""
        )


@pytest.mark.parametrize(
    "path", ["/", "/static/page.js", "/api/state", "/other/api/state", "/a-toke/"]
)
def test_without_the_token_nothing_is_found(client, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1:81", "127.0.0.1", "evil@127.0.0.1:80", ""]
)
def test_another_host_is_refused(client, host: str) -> None:
    assert client.get(url(""), headers={"host": host}).status_code == 421


def test_a_change_from_another_page_or_as_a_form_is_refused(client, table) -> None:
    body = json.dumps({"rows": [1], "label": "a"})
    kind = {"content-type": "application/json"}
    other = client.post(url("api/answer"), content=body, headers=kind | {"origin": "http://evil"})
    assert other.status_code == 403
    form = client.post(url("api/answer"), content=body, headers={"content-type": "text/plain"})
    assert form.status_code == 415
    assert client.request("PUT", url("api/answer")).status_code == 405
    large = client.post(url("api/answer"), content=b" " * (5 << 20), headers=kind)
    assert large.status_code == 413
    assert not table.exists()


TRAVERSALS = [
    "static/../server.py",
    "static/%2e%2e%2fserver.py",
    "static/..%5cserver.py",
    "static//etc/passwd",
    "static/%2fetc%2fpasswd",
    "static/__init__.py",
    "image/../../x",
]


@pytest.mark.parametrize("path", TRAVERSALS)
def test_no_path_leads_out(client, path: str) -> None:
    assert client.get(url(path)).status_code == 404


def test_pictures_are_served_by_number_alone(client) -> None:
    for kind in ("image", "small"):
        assert client.get(url(f"{kind}/0")).headers["content-type"] == "image/png"
        assert client.get(url(f"{kind}/{N}")).status_code == 404
        assert client.get(url(f"{kind}/-1")).status_code == 404


def test_an_answer_through_the_api_and_back(client, table) -> None:
    told = client.post(url("api/answer"), json={"rows": [1, 4], "label": "<b>one</b>"}).json()
    assert told["classes"] == [{"name": "<b>one</b>", "labels": 2, "predicted": 0}]
    assert "<b>one</b>" in table.read_text()
    assert client.post(url("api/clear"), json={"rows": [1]}).json()["labels"] == 1
    assert client.post(url("api/undo"), json={}).json()["labels"] == 2
    assert client.post(url("api/undo"), json={}).json()["labels"] == 0


def test_grid_neighbours_and_the_map_show_what_is_taken_for_a_class(client, session) -> None:
    for row in range(6, 18):
        client.post(url("api/answer"), json={"rows": [row], "label": str(row % 3)})
    settled(session)
    for sort in ("sure", "unsure", "like"):
        found = client.get(url("api/grid"), params={"class": "1", "n": 12, "sort": sort}).json()
        assert len(found) == 12
        assert {item["row"] % 3 for item in found} == {1}
    surest = [
        item["confidence"] for item in client.get(url("api/grid"), params={"class": "1"}).json()
    ]
    assert surest == sorted(surest, reverse=True)
    near = client.get(url("api/near"), params={"row": 0, "n": 5}).json()
    assert near[0]["row"] == 3  # its copy


def test_the_map_shows_all_images_once_they_have_their_places(session) -> None:
    shown = shown_of(session)
    client = client_of(shown)
    assert client.get(url("api/map")).json() is None
    shown.places = np.random.default_rng(0).random((N, 2)).astype(np.float32)
    for row in range(6, 18):
        client.post(url("api/answer"), json={"rows": [row], "label": str(row % 3)})
    told = client.get(url("api/map")).json()
    assert told["rows"] == list(range(N))
    assert told["labels"].count(-1) == N - 12
    assert np.allclose(np.reshape(told["places"], (N, 2)) / 65535, shown.places, atol=1e-5)


def test_of_very_many_images_the_map_shows_a_sample_and_all_that_are_labelled_or_listed(
    session, monkeypatch
) -> None:
    monkeypatch.setattr(plane, "MAPPED", 20)
    shown = shown_of(session, scored=True)
    client = client_of(shown)
    shown.places = np.random.default_rng(0).random((N, 2)).astype(np.float32)
    shown.likely = np.arange(N) / 10
    sample = client.get(url("api/map")).json()["rows"]
    assert len(sample) == 20
    assert client.get(url("api/map")).json()["rows"] == sample
    answered, listed = [row for row in range(N) if row not in sample][:5], {50, 51, 52}
    client.post(url("api/answer"), json={"rows": answered[:4], "label": "a"})
    client.post(url("api/answer"), json={"rows": answered[4:], "mark": "bad"})
    for name in ("copies", "odd"):
        client.get(url("api/correct"), params={"list": name})
    told = client.get(url("api/map")).json()
    assert set(told["rows"]) == {*sample, *answered, *listed}
    of_row = dict(zip(told["rows"], told["labels"], strict=True))
    assert [of_row[row] for row in answered] == [0, 0, 0, 0, -2]
    assert told["likely"] == [row / 10 for row in told["rows"]]
    assert np.allclose(
        np.array(told["places"][:2]) / 65535, shown.places[told["rows"][0]], atol=1e-5
    )


class Late(dict):
    """A table whose entries, when they are read first, somebody else would like to change."""

    def __init__(self, entries: dict[str, Said], change: Callable[[], object]) -> None:
        super().__init__(entries)
        self.change: Callable[[], object] | None = change
        self.thread: threading.Thread | None = None

    def items(self):
        if self.change is not None:
            self.thread, self.change = threading.Thread(target=self.change), None
            self.thread.start()
            self.thread.join(0.3)
        return super().items()


def test_a_class_that_comes_while_the_map_is_made_is_on_it_or_not(session) -> None:
    """It was said that it is not in the list of classes."""
    shown = shown_of(session, places=np.zeros((N, 2), np.float32))
    session.answer([6], label="0")
    settled(session)
    late = Late(session.table.said, lambda: session.answer([7], label="new"))
    session.table.said = late
    told = client_of(shown).get(url("api/map"))
    assert told.status_code == 200
    labels = told.json()["labels"]
    assert (labels[6], labels[7] in (-1, 1)) == (0, True)
    late.thread.join()


def test_doubted_labels_are_listed_with_what_images_are_taken_for_now(session, monkeypatch) -> None:
    """Predictions follow later than labels do."""
    for row in range(6, 40):
        session.answer([row], label=str((row + (row == 20)) % 3))
    settled(session)
    follow, go_on = session._follow, threading.Event()
    monkeypatch.setattr(session, "_follow", lambda: (go_on.wait(300), follow()))
    session.answer(list(range(42, 60, 3)), label="0")
    corrections = Corrections(session, shown_of(session).images, {})
    try:
        (before,) = corrections.listed("labels")["entries"]
    finally:
        go_on.set()
    settled(session)
    (after,) = corrections.listed("labels")["entries"]
    assert before["row"] == after["row"] == 20
    assert after.items() >= session.item(20).items()
    assert after["confidence"] != before["confidence"]


PATHS = ["api/answer", "api/clear", "api/undo", "api/items", "api/grid", "api/near", "api/state",
         "api/correct", "api/map", "image/1", "small/1", "static/page.js"]  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["rows", "label", "mark"]) | st.text(max_size=5), inner)
    ),
    max_leaves=8,
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    path=st.sampled_from(PATHS) | st.text(printable, max_size=20),
    body=VALUES.map(json.dumps) | st.text(max_size=20),
    query=st.dictionaries(
        st.sampled_from(["class", "n", "row", "sort", "like", "list"]), st.text(max_size=8)
    ),
    post=st.booleans(),
)
def test_no_request_breaks_the_server(client, path, body, query, post) -> None:
    safe = path.replace("?", "").replace("#", "").replace("\\", "").strip()
    safe = "".join(c for c in safe if c.isprintable())
    if post:
        answer = client.post(
            url(safe), content=body.encode("utf-8", "replace"),
            headers={"content-type": "application/json"},
        )  # fmt: skip
    else:
        answer = client.get(url(safe), params=query)
    assert answer.status_code < 500


def test_a_wrong_label_a_copy_and_another_persons_labels_are_listed(session) -> None:
    shown = shown_of(session, beside={6: "0", 7: "2", 60: "1"})
    client = client_of(shown)
    for row in range(6, 40):
        client.post(url("api/answer"), json={"rows": [row], "label": str((row + (row == 20)) % 3)})
    (wrong,) = client.get(url("api/correct"), params={"list": "labels"}).json()["entries"]
    assert (wrong["row"], wrong["label"], wrong["fits"]) == (20, "0", "2")
    (differ,) = client.get(url("api/correct"), params={"list": "two"}).json()["entries"]
    assert (differ["row"], differ["label"], differ["theirs"]) == (7, "1", "2")
    copies = client.get(url("api/correct"), params={"list": "copies"}).json()["entries"]
    assert [(entry["row"], entry["other"]["row"]) for entry in copies] == [(50, 51)]
    (odd,) = client.get(url("api/correct"), params={"list": "odd"}).json()["entries"]
    assert (odd["row"], odd["kind"], odd["sure"]) == (52, "empty", True)
    client.post(url("api/answer"), json={"rows": [51, 52], "mark": "bad"})
    for name in ("copies", "odd"):
        assert client.get(url("api/correct"), params={"list": name}).json()["entries"] == []
    assert client.get(url("api/correct"), params={"list": "other"}).status_code == 422


def test_how_far_another_person_agrees_is_on_the_page(session) -> None:
    client = client_of(shown_of(session, beside={6: "0", 7: "2", 60: "1"}))
    assert client.get(url("api/state")).json()["both"] == 0
    for row in (6, 7):
        told = client.post(url("api/answer"), json={"rows": [row], "label": str(row % 3)}).json()
    assert (told["both"], told["differ"]) == (2, 1)


def test_the_page_can_end_itself_where_results_go_on(session) -> None:
    ended = []
    client = client_of(shown_of(session, out="few"), finish=lambda: ended.append(True))
    assert client.get(url("api/state")).json()["out"] == "few"
    assert client.post(url("api/end"), json={}).status_code == 200
    assert ended == [True]


def test_labels_that_cannot_be_judged_yet_are_said(client) -> None:
    client.post(url("api/answer"), json={"rows": [1], "label": "a"})
    told = client.get(url("api/correct"), params={"list": "labels"}).json()
    assert told["entries"] == []
    assert "two labels each" in told["why"]
    assert "--beside" in client.get(url("api/correct"), params={"list": "two"}).json()["why"]


def test_the_map_shows_log_p_of_x_once_it_is_there(session) -> None:
    shown = shown_of(session, scored=True)
    client = client_of(shown)
    assert client.get(url("api/state")).json()["scored"]
    shown.places = np.zeros((N, 2), np.float32)
    assert client.get(url("api/map")).json()["likely"] is None
    shown.likely = np.linspace(-90, -1, N)
    assert client.get(url("api/map")).json()["likely"][0] == -90


def test_a_map_that_cannot_be_made_is_said_and_labelling_goes_on(session, monkeypatch) -> None:
    """The page waited for it for ever."""
    shown = shown_of(session, scored=True)
    client = client_of(shown)

    def full(codes: np.ndarray) -> np.ndarray:
        raise ImagesError("no space is left")

    monkeypatch.setattr("tacit.page.server.on_a_plane", full)
    shown.draw(lambda: np.zeros(N))
    refused = client.get(url("api/map"))
    assert (refused.status_code, refused.json()["error"]) == (
        409, "there is no map: no space is left",
    )  # fmt: skip
    told = client.post(url("api/answer"), json={"rows": [1], "label": "a"}).json()
    assert (told["labels"], told["error"]) == (1, refused.json()["error"])
    monkeypatch.setattr("tacit.page.server.on_a_plane", lambda codes: np.zeros((N, 2)))
    shown.draw(lambda: 1 / 0)
    assert client.get(url("api/map")).json()["likely"] is None
    assert "there is no log p(x): division by zero" in client.get(url("api/state")).text
