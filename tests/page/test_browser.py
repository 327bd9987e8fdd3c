"""As a person would: keys, undo, grid, lasso, a killed server, and on; where a Chromium is."""

import csv
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from tacit.images.sources import open_images

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium to label in"),
]


@contextmanager
def served(table: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    words = ["-m", "tacit", "label", "digits", "--labels", str(table), "--no-browser"]
    with subprocess.Popen(
        [sys.executable, *words], stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        assert process.stdout is not None
        try:
            told = next(line for line in process.stdout if line.startswith("Label here: "))
            yield process, told.split()[-1]
        finally:
            process.kill()


def rows_of(table: Path) -> list[dict[str, str]]:
    with table.open(newline="") as file:
        return list(csv.DictReader(file))


def test_labelling_as_a_person_does(tmp_path: Path) -> None:
    playwright = pytest.importorskip("playwright.sync_api", reason="the browser is driven by it")
    digits, table = open_images("digits"), tmp_path / "labels.csv"
    assert digits.train.labels is not None
    assert digits.test.labels is not None
    truth = [str(y) for y in np.concatenate([digits.train.labels, digits.test.labels])]

    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 860})
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
        elsewhere: list[str] = []
        page.on("request", lambda asked: elsewhere.append(asked.url))

        def label_by_keys(n: int) -> None:
            for _ in range(n):
                source = page.get_attribute("#picture[src]", "src")
                right = truth[int(source.split("/")[1])]
                if page.locator(f"#classes button[value='{right}']").count():
                    page.keyboard.press(right)
                else:
                    page.keyboard.press("n")
                    page.fill("#new-name", right)
                    page.keyboard.press("Enter")
                page.wait_for_selector(f"#picture:not([src='{source}'])")

        with served(table) as (process, address):
            page.goto(address)
            label_by_keys(20)
            assert [row["label"] for row in rows_of(table)] == [
                truth[int(row["index"])] for row in rows_of(table)
            ]
            assert len(rows_of(table)) == 20
            for left in (19, 18, 17):
                page.keyboard.press("z")
                page.locator("#n-labels", has_text=re.compile(f"^{left}$")).wait_for()
            assert len(rows_of(table)) == 17
            os.kill(process.pid, signal.SIGKILL)
            process.wait()

        with served(table) as (_, address):
            page.goto(address)
            page.locator("#n-labels", has_text=re.compile("^17$")).wait_for()
            errors.clear()  # of the page whose server was gone
            label_by_keys(8)
            page.click("#tab-grid")
            page.select_option("#grid-n", "12")
            page.locator("#grid-accept", has_text="Label 12 as").wait_for()
            page.locator(".tile").nth(2).click()
            page.locator(".tile").nth(4).click(modifiers=["Shift"])
            assert page.locator(".tile[aria-selected=true]").count() == 3
            assert "Label 9 as" in page.inner_text("#grid-accept")
            page.click("#grid-accept")
            page.locator("#n-labels", has_text=re.compile("^34$")).wait_for()
            page.click("#tab-map")
            page.locator("#map-wait").wait_for(state="hidden", timeout=120_000)
            box = page.locator("#plane").bounding_box()
            corners = [(0.02, 0.02), (0.98, 0.02), (0.98, 0.98), (0.02, 0.98)]
            for number, (x, y) in enumerate(corners):
                spot = box["x"] + x * box["width"], box["y"] + y * box["height"]
                page.mouse.move(*spot, steps=4)
                if not number:
                    page.mouse.down()
            page.mouse.up()
            page.locator("#chosen-title", has_text="1,797 images").wait_for()
            page.click("#chosen-clear")
            page.locator("#n-labels", has_text=re.compile("^0$")).wait_for()
            page.keyboard.press("z")
            page.locator("#n-labels", has_text=re.compile("^34$")).wait_for()
            assert errors == []
            host = address.split("/")[2]
            assert {url.split("/")[2] for url in elsewhere if host in url} == {host}
            assert all(url.startswith("http://127.0.0.1:") for url in elsewhere)
        browser.close()
    assert len(rows_of(table)) == 34
