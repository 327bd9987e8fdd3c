"""The page as a browser shows it."""

import pytest
from browser import CHROMIUM, browser

from tacit.report.page import scripts

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is missing")

PICTURES = """
[...document.querySelectorAll('figure')].map(figure => {
  const shown = figure.querySelector('svg, img');
  const box = shown.getBoundingClientRect();
  return {name: figure.id, alt: shown.getAttribute('alt') || shown.getAttribute('aria-label'),
          drawn: box.width > 100 && box.height > 30, loaded: shown.naturalWidth !== 0,
          wide: box.width, inside: figure.querySelector('.scroll').clientWidth};
})
"""

CONTRAST = """
(() => {
  const rgba = text => [...text.match(/[\\d.]+/g).map(Number), 1].slice(0, 4);
  const over = (top, below) => below.map((c, i) => top[3] * top[i] + (1 - top[3]) * c);
  const channel = c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) =>
    0.05 + 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const ground = element => {
    const layers = [];
    for (let e = element; e; e = e.parentElement)
      layers.push(rgba(getComputedStyle(e).backgroundColor));
    return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255]);
  };
  const found = [];
  for (const element of document.querySelectorAll('body *')) {
    const words = [...element.childNodes].some(n => n.nodeType === 3 && n.data.trim());
    if (!words || element.closest('.skip')) continue;
    const style = getComputedStyle(element);
    const drawn = element.namespaceURI.endsWith('svg');
    const colour = rgba(drawn ? style.fill : style.color);
    colour[3] *= Number(style.opacity);
    const below = ground(element);
    const pair = [light(over(colour, below)), light(below)].sort((a, b) => b - a);
    if (pair[0] / pair[1] < 4.5) found.push([element.outerHTML.slice(0, 90), pair[0] / pair[1]]);
  }
  return found;
})()
"""


UNFOLD = "document.querySelectorAll('details').forEach(fold => { fold.open = true; })"

# Boxes that hold more than they show, and what stands above them.
SCROLLING = """
[...document.querySelectorAll('.scroll')].filter(box => box.scrollWidth > box.clientWidth + 1)
  .map(box => [box.querySelector('table') ? 'table' : 'other',
               getComputedStyle(box, '::before').content, box.tabIndex])
"""


# The height of the smallest letters in the figures on cards, in CSS pixels as they are shown.
LETTERS = """
Math.min(...[...document.querySelectorAll('.small-figure > svg')].flatMap(svg => {
  const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
  return [...svg.querySelectorAll('text')]
    .map(text => scale * parseFloat(getComputedStyle(text).fontSize));
}))
"""


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    with browser(tmp_path_factory.mktemp("profile")) as running:
        yield running


def complaints(events):
    loud = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")
    return [event for event in events if event["method"] in loud]


def requests(events):
    return {
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    }


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844)])
def test_the_page_is_shown_whole(chromium, study, width, height, scheme):
    page = study / "report.html"
    chromium.shape(width, height, scheme)
    chromium.open(page)
    assert complaints(chromium.events) == []
    asked = requests(chromium.events)
    assert {url for url in asked if not url.startswith("data:image/png;")} == {page.as_uri()}
    first = "[...document.querySelectorAll('.small-figure > *')].map(e => e.clientHeight)"
    assert len(chromium.run(first)) == 5
    assert chromium.run(LETTERS) >= 10
    assert min(chromium.run(first)) > 30
    assert chromium.run(CONTRAST) == []
    chromium.run(UNFOLD)
    figures = chromium.run(PICTURES)
    assert len(figures) == 10
    for figure in figures:
        assert figure["alt"], figure
        assert figure["drawn"], figure
        assert figure["loaded"], figure
    assert chromium.run("document.documentElement.scrollWidth") == width
    assert chromium.run(CONTRAST) == []
    dark = chromium.run("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 26)"
    assert dark == (scheme == "dark")


def test_no_script_could_run(chromium, study):
    chromium.open(study / "report.html")
    chromium.run(
        "document.body.append(Object.assign(document.createElement('script'),"
        " {textContent: 'window.evil = 1'}))"
    )
    assert chromium.run("window.evil === undefined")
    assert "Content Security Policy" in str(complaints(chromium.events))


def test_class_names_are_text_in_the_page(chromium, study):
    chromium.shape(1280, 900)
    chromium.open(study / "report.html")
    assert chromium.run("document.querySelectorAll('[onerror]').length") == 0
    assert chromium.run("document.querySelectorAll('script').length") == len(scripts())
    assert "onerror=alert" in chromium.run("document.body.textContent")
    drawn = "[...document.querySelectorAll('svg text')].some(t => t.textContent.includes('<img'))"
    assert chromium.run(drawn)


def test_wide_things_scroll_in_their_own_box(chromium, study):
    chromium.shape(390, 844)
    chromium.open(study / "report.html")
    chromium.run(UNFOLD)
    wide = [figure for figure in chromium.run(PICTURES) if figure["wide"] > figure["inside"] + 1]
    assert wide
    for figure in wide:
        box = f"document.querySelector('#{figure['name']} .scroll')"
        assert chromium.run(f"{box}.tabIndex") == 0
        assert chromium.run(f"({box}.scrollLeft = 9, {box}.scrollLeft)") == 9


def test_tables_are_whole_on_a_desk_and_say_that_they_scroll_on_a_phone(chromium, study):
    page = study / "report.html"
    chromium.shape(1280, 900)
    chromium.open(page)
    chromium.run(UNFOLD)
    assert [box for box in chromium.run(SCROLLING) if box[0] == "table"] == []
    chromium.shape(390, 844)
    chromium.open(page)
    chromium.run(UNFOLD)
    chromium.run("new Promise(done => setTimeout(done, 100))")
    boxes = chromium.run(SCROLLING)
    assert any(box[0] == "table" for box in boxes)
    for _, said, reached in boxes:
        assert "scroll or swipe" in said
        assert reached == 0


def test_contents_stand_at_the_side_or_fold(chromium, study):
    side = "document.querySelector('nav.side').getBoundingClientRect()"
    chromium.shape(1280, 900)
    chromium.open(study / "report.html")
    chromium.run("scrollTo(0, 300)")
    assert chromium.run(f"{side}.top") == 0, "it stays in sight"
    assert chromium.run(f"{side}.height") == 900
    assert chromium.run("document.querySelector('details.contents').clientHeight") == 0
    chromium.shape(390, 844)
    chromium.open(study / "report.html")
    assert chromium.run(f"{side}.height") == 0
    assert 0 < chromium.run("document.querySelector('details.contents').clientHeight") < 60


def test_a_link_unfolds_what_it_leads_to(chromium, study):
    chromium.shape(1280, 900)
    chromium.open(study / "report.html")
    fold = "document.querySelector('#q2-overfitting').closest('details')"
    assert not chromium.run(f"{fold}.open")
    chromium.run("document.querySelector('.card a[href=\"#q2-overfitting\"]').click()")
    chromium.run("new Promise(done => setTimeout(done, 100))")
    assert chromium.run(f"{fold}.open")
    folds = "document.querySelectorAll('details.question[open]').length"
    chromium.run("document.querySelector('button.all').click()")
    assert chromium.run(folds) == 6
    chromium.run("new Promise(done => setTimeout(done, 50))")
    chromium.run("document.querySelector('button.all').click()")
    assert chromium.run(folds) == 0


def test_a_figure_is_enlarged_by_keys_alone(chromium, study):
    chromium.shape(1280, 900)
    chromium.open(study / "report.html")
    chromium.run(UNFOLD)
    figure = "document.querySelector('#figure-classifier-curves')"
    small = chromium.run(f"{figure}.querySelector('svg').getBoundingClientRect().width")
    chromium.run(f"{figure}.querySelector('button').focus()")
    press(chromium, "Enter", 13, "\r")
    dialog = "document.querySelector('dialog.large')"
    assert chromium.run(f"{dialog}.open")
    assert (
        chromium.run(f"{dialog}.querySelector('svg').getBoundingClientRect().width") > 1.2 * small
    )
    assert chromium.run(f"{dialog}.getBoundingClientRect().right") <= 1280
    press(chromium, "Escape", 27)
    assert not chromium.run(f"{dialog}.open")
    assert chromium.run(f"document.activeElement === {figure}.querySelector('button')")
    chromium.run(f"{figure}.querySelector('svg').dispatchEvent(new Event('click'))")
    assert chromium.run(f"{dialog}.open")


def press(chromium, key, code, text=""):
    shared = {"key": key, "code": key, "windowsVirtualKeyCode": code}
    chromium("Input.dispatchKeyEvent", type="keyDown", text=text, **shared)
    chromium("Input.dispatchKeyEvent", type="keyUp", **shared)


def test_printed_it_is_dark_on_white_and_opens_what_is_folded(chromium, study):
    chromium.shape(1280, 900, "dark", media="print")
    chromium.open(study / "report.html")
    assert chromium.run("getComputedStyle(document.body).color") == "rgb(27, 30, 34)"
    folded = "document.querySelector('details table').getBoundingClientRect().height"
    assert chromium.run(folded) > 20
