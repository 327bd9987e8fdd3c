"""The explorer: the same numbers as PyTorch's, in a browser and small enough for a page."""

import base64
import hashlib
import json
import re
import shutil
import subprocess
import time
import zlib
from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
import pytest
import torch

from tacit.images.dataset import Images
from tacit.images.sources import open_images
from tacit.models.config import (
    ConvNetwork,
    DenseNetwork,
    ModelConfig,
    PoolNetwork,
    ResNetwork,
    build,
)
from tacit.models.networks import ClassProbabilities, ConvEncoder, Head
from tacit.report.explorer import making
from tacit.report.explorer.layers import layers_of
from tacit.report.explorer.making import chosen, evenly, make, principal
from tacit.report.explorer.packing import HALF, Packer, as_packed, rounded
from tacit.report.explorer.pens import pen_of
from tacit.report.explorer.record import embedded, read_explorer, write_explorer
from tacit.report.page import scripts, write_report
from tacit.streams import numpy_stream, seeded_initialisation, torch_stream
from tacit.training.history import History
from tacit.training.objectives import ObjectiveTable
from tacit.training.run_folder import SavedRun, write_job, write_trained
from tacit.training.schedule import Schedule

HERE = Path(making.__file__).parent
SHAPES = [(1, 8, 8), (1, 28, 28), (3, 17, 12)]


def networks(shapes):
    """Encoders and decoders of every kind, for images of these shapes."""
    kinds = {
        "conv": ConvNetwork(hidden=32),
        "conv without a middle layer": ConvNetwork(hidden=None),
        "dense with tanh": DenseNetwork(hidden=(32, 24), activation="tanh"),
        "dense with gelu": DenseNetwork(hidden=(32,), activation="gelu"),
        "pool": PoolNetwork(channels=(4, 6)),
        "resnet": ResNetwork(width=8),
    }
    for name, kind in kinds.items():
        for shape in shapes:
            with seeded_initialisation(3):
                yield f"{name} encoder of {shape}", shape, kind.encoder(shape, 7)
                if kind.kind != "pool":
                    yield f"{name} decoder of {shape}", (7,), kind.decoder(shape, 7)
    with seeded_initialisation(3):
        probabilities = ClassProbabilities(ConvEncoder((1, 8, 8), 7), Head(7, 10))
        yield "class probabilities", (1, 8, 8), probabilities


@torch.no_grad()
def told(precision, shapes=SHAPES):
    """Networks as the page gets them, an input of each, and what PyTorch makes of it."""
    cases = []
    for name, shape, network in networks(shapes):
        generator = torch_stream(0, name)
        for parameter in network.parameters():  # normalised layers start at ones and noughts
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
        packer = Packer(precision)
        layers = layers_of(network, packer.weight)
        as_packed(network, precision)
        x = torch.rand((1, *shape), generator=generator)
        cases.append(
            {
                "name": name,
                "layers": json.loads(json.dumps(layers)),
                "data": packer.text(),
                "input": {"data": x.flatten().tolist(), "shape": list(shape)},
                "output": network(x).flatten().tolist(),
            }
        )
    return cases


COMPARE = """
(async cases => {
  const wrong = [];
  for (const {name, layers, data, input, output} of cases) {
    const loaded = Network.load(await Network.unpack(data), layers);
    const made = Network.run(loaded, input).data;
    const most = output.reduce((m, y) => Math.max(m, Math.abs(y)), 1);
    const far = output.reduce((m, y, i) => Math.max(m, Math.abs(y - made[i]) / most), 0);
    if (made.length !== output.length || !(far < 1e-4)) wrong.push([name, far]);
  }
  return JSON.stringify(wrong);
})
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no node")
def test_every_network_gives_pytorchs_numbers(tmp_path):
    (tmp_path / "cases.json").write_text(json.dumps(told(40) + told(HALF, SHAPES[:1])))
    script = (HERE / "network.js").read_text() + (
        f"\n({COMPARE.strip()})(JSON.parse(require('fs').readFileSync(process.argv[1])))"
        ".then(console.log)"
    )
    (tmp_path / "run.js").write_text(script.replace("process.argv[1]", "process.argv[2]"))
    done = subprocess.run(
        ["node", tmp_path / "run.js", tmp_path / "cases.json"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []


CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
DIGITS = {"shape": (1, 8, 8), "latent_dim": 5}


def trained(folder: Path, index: np.ndarray | None = None, **config: object) -> SavedRun:
    """A run as if it had been trained: its weights are those it starts from."""
    folder.mkdir(parents=True)
    config = ModelConfig.model_validate(DIGITS | config)
    write_job(
        folder,
        run=folder.name,
        seed=0,
        draw=0,
        config=config,
        objective=ObjectiveTable(),
        schedule=Schedule(100, 10, 1),
        train_index=index,
    )
    with seeded_initialisation(len(folder.name)):
        model = build(config)
    if config.learn == "vae" and config.posterior.kind == "amortized":
        model.posterior.encoder.code.weight.data *= 30  # so that codes differ as trained ones do
    write_trained(folder, model, History())
    return SavedRun(folder)


@pytest.fixture(scope="module")
def digits():
    return open_images("digits")


@pytest.fixture(scope="module")
def runs(tmp_path_factory, digits) -> list[SavedRun]:
    folder = tmp_path_factory.mktemp("explorer") / "jobs"
    n = len(digits.train)
    return [
        trained(folder / "few", index=np.arange(20), learn="classifier", n_classes=10),
        trained(folder / "classifier", learn="classifier", n_classes=10),
        trained(folder / "per-image", learn="vae", n_images=n, posterior={"kind": "per-image"}),
        trained(folder / "vae", learn="vae"),
        trained(folder / "few-autoencoder", index=np.arange(20), learn="autoencoder"),
        trained(folder / "autoencoder", learn="autoencoder"),
        trained(folder / "second", learn="autoencoder"),
    ]


@pytest.fixture(scope="module")
def explorer(runs, digits):
    return make(runs, digits.train, digits.test)


def array(explorer, ref, dtype="<f4") -> np.ndarray:
    """Float32 numbers as the page finds them."""
    packed = zlib.decompress(base64.b64decode(explorer.data))
    n = int(np.prod(ref["shape"]))
    return np.frombuffer(packed, dtype, n, ref["at"]).reshape(ref["shape"])


def test_the_main_models_are_shown(explorer, digits):
    vae, autoencoder = explorer.content["models"]
    assert (vae["run"], autoencoder["run"]) == ("vae", "autoencoder")
    assert (vae["prior"], autoencoder["prior"]) == (True, False)
    assert explorer.content["classifier"]["run"] == "classifier"
    directions = array(explorer, vae["directions"])
    assert directions @ directions.T == pytest.approx(np.eye(5), abs=1e-5)
    assert vae["images"] == autoencoder["images"]  # laid down once
    assert [vae["labels"].count(c) for c in range(10)] == [2] * 10
    shown = array(explorer, vae["images"], np.uint8)
    first = np.flatnonzero(digits.test.labels == 0)[0]
    assert (shown[0] == digits.test.pixels[first]).all()


def test_models_of_all_images_and_with_an_encoder_come_first(runs):
    assert [run.run for run in chosen(runs[:5])] == ["vae", "few-autoencoder"]
    assert [run.run for run in chosen(runs[:3])] == ["per-image"]


def test_codes_per_image_are_those_of_training_images(runs, digits):
    per_image = make(runs[2:3], digits.train, digits.test)
    (table,) = per_image.content["models"]
    assert table["encoder"] is None
    codes = array(per_image, table["codes"])
    rows = making.picked(digits.train)
    assert codes == pytest.approx(runs[2].model().posterior.mean[rows].numpy())
    assert "classifier" not in per_image.content


def test_there_is_none_without_a_decoder_or_where_none_is_wanted(runs, digits):
    assert make(runs[:2], digits.train, digits.test) is None
    assert make(runs, digits.train, digits.test, "none") is None


def test_it_is_as_fine_as_its_size_allows(runs, digits, explorer, monkeypatch):
    assert "255 evenly spaced values" in explorer.note
    monkeypatch.setattr(making, "BYTES", len(explorer.data) * 0.8)
    coarser = make(runs, digits.train, digits.test)
    assert len(coarser.data) <= making.BYTES
    values = int(re.search(r"rounded to (\d+)", coarser.note)[1])
    assert values < 255
    assert len(coarser.content["models"]) == 2
    monkeypatch.setattr(making, "BYTES", len(explorer.data) * 0.42)
    smaller = make(runs, digits.train, digits.test)
    assert [model["run"] for model in smaller.content["models"]] == ["vae"]
    assert "autoencoder would make the page too large" in smaller.note
    monkeypatch.setattr(making, "BYTES", 100)
    with pytest.raises(making.TooLarge, match=r"vae, classifier, autoencoder .* --explorer full"):
        make(runs, digits.train, digits.test)
    full = make(runs, digits.train, digits.test, "full")
    assert len(full.content["models"]) == 2
    assert "float16" in full.note


def test_what_rounding_does_is_told_as_it_is(runs, digits):
    (shown,) = (making._Shown(run, digits.train, digits.test) for run in runs[3:4])
    rows = evenly(len(digits.test), 64)
    mean, most = making.rounding(shown, digits.test, rows, 9)
    model, theirs = runs[3].model(), runs[3].model()
    as_packed(theirs.posterior.encoder, 9)
    as_packed(theirs.decoder, 9)
    x = torch.from_numpy(digits.test.scaled(rows))
    far = (theirs.decode(theirs.encode(x)) - model.decode(model.encode(x))).abs()
    assert (mean, most) == pytest.approx((float(far.mean()), float(far.max())))
    assert 0 < mean < most


def test_weights_are_rounded_to_the_nearest_step():
    weight = numpy_stream(0, "weights").normal(size=(6, 3, 4)).astype(np.float32)
    weight[2] = 0
    sizes, steps = rounded(weight, 20)
    assert np.abs(steps).max(axis=(1, 2)).tolist() == [20, 20, 0, 20, 20, 20]
    far = np.abs(weight - sizes[:, None, None] * steps)
    assert (far <= 0.5001 * sizes[:, None, None]).all()


def test_principal_directions_are_those_of_a_known_spread():
    noise = numpy_stream(0, "codes").normal(size=(20_000, 3))
    mixing = np.linalg.qr(numpy_stream(1, "codes").normal(size=(3, 3)))[0]
    mean, directions, spread = principal(5 + noise * (3, 1, 0.2) @ mixing)
    assert mean == pytest.approx([5, 5, 5], abs=0.1)
    assert spread == pytest.approx([3, 1, 0.2], rel=0.03)
    assert np.abs((directions * mixing).sum(axis=1)) == pytest.approx([1, 1, 1], abs=1e-3)
    assert len(principal(np.tile([1.0, 2.0], (50, 1)))[1]) == 0


@pytest.mark.parametrize(("ground", "ink"), [(0, 255), (255, 0)])
def test_a_pen_is_as_wide_as_the_strokes(ground, ink):
    ys, xs = np.indices((28, 28)) - 13.5
    inside = np.clip(2 - np.abs(np.hypot(ys - 1, xs) - 7), 0, 1)  # a ring of width 3
    image = (ground + (ink - ground) * inside).round().astype(np.uint8)
    pen = pen_of(Images(np.tile(image, (5, 1, 1, 1))))
    assert pen["ground"] == [ground / 255]
    assert pen["width"] * 28 == pytest.approx(3, rel=0.1)
    assert pen["frame"]["extent"] == pytest.approx(17 / 28, abs=0.04)
    assert pen["frame"]["centre"] == pytest.approx([15 / 28, 0.5], abs=0.01)


def test_photographs_have_no_frame():
    pixels = numpy_stream(0, "photographs").integers(0, 256, (8, 3, 16, 16), dtype=np.uint8)
    assert pen_of(Images(pixels))["frame"] is None


def test_a_pen_for_faint_images_has_the_frame_of_bright_ones() -> None:
    image = np.zeros((1, 1, 28, 28), np.uint8)
    image[..., 8:20, 10:18] = 240
    bright, faint = pen_of(Images(image)), pen_of(Images(image // 16))
    assert faint["frame"] == bright["frame"] == {"extent": 0.4286, "centre": [0.5, 0.5]}


def test_what_was_written_is_read_again(tmp_path, explorer):
    write_explorer(tmp_path, explorer)
    assert read_explorer(tmp_path) == explorer
    write_explorer(tmp_path, None)
    assert read_explorer(tmp_path) is None


@pytest.mark.parametrize("data", ["</script>", "AA=A", "é"])
def test_a_damaged_record_is_refused(tmp_path, explorer, data):
    write_explorer(tmp_path, making.Explorer(explorer.content, data, ""))
    with pytest.raises(ValueError, match=r"explorer\.json is damaged"):
        read_explorer(tmp_path)


def test_the_page_runs_these_scripts_and_no_others(tmp_path, study, explorer):
    folder = shutil.copytree(study, tmp_path / "study")
    names = ("</script><script>alert(1)", "<!--", "&amp;")
    write_explorer(
        folder, making.Explorer(explorer.content | {"classes": names}, explorer.data, "<b>")
    )
    html = write_report(folder).read_text(encoding="utf-8")
    policy = unescape(re.search(r"script-src ([^\"]*)\"", html)[1])
    ran = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in ran]
    assert policy.split() == [f"'sha256-{one}'" for one in hashes]
    assert ran == [*scripts(), *embedded(explorer).scripts]
    content = re.search(r'class="ex-content">(.*?)</script>', html, re.DOTALL)[1]
    assert tuple(json.loads(content)["classes"]) == names
    assert html.count("<script") == len(ran) + 2
    assert "&lt;b&gt;" in html
    assert write_report(folder).read_text(encoding="utf-8") == html


# The rest needs a browser.

TAKEN_FOR = """
async ([content, data, image]) => {
  const buffer = await Network.unpack(data), [model] = content.models;
  const [encoder, decoder] = [model.encoder, model.decoder].map(l => Network.load(buffer, l));
  const classifier = Network.load(buffer, content.classifier.layers);
  const code = Network.run(encoder, {data: image, shape: content.shape});
  const decoded = Network.run(decoder, code);
  const times = Array.from({length: 40}, () => {
    const begun = performance.now();
    Network.run(decoder, code);
    return performance.now() - begun;
  }).sort((a, b) => a - b);
  const classes = Network.run(classifier, {data: image, shape: content.shape});
  return [code, decoded, classes].map(x => Array.from(x.data)).concat(times[20]);
}
"""


@pytest.fixture(scope="module")
def large(tmp_path_factory) -> tuple[making.Explorer, list[SavedRun], Images]:
    """Networks as large as the reports', on noise."""
    folder = tmp_path_factory.mktemp("large") / "jobs"
    size = {"shape": (1, 28, 28), "latent_dim": 200}
    runs = [
        trained(folder / "vae", learn="vae", **size),
        trained(folder / "classifier", learn="classifier", network="pool", n_classes=10, **size),
    ]
    pixels = numpy_stream(0, "noise").integers(0, 256, (60, 1, 28, 28), dtype=np.uint8)
    images = Images(pixels, np.arange(60) % 10, tuple("0123456789"))
    return make(runs, images, images), runs, images


def until(holds) -> None:
    """Wait for it; Playwright's own way evaluates strings, which the page's policy forbids."""
    ends = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")
def test_in_a_browser_it_gives_pytorchs_numbers_and_follows_a_hand(tmp_path, study, large):
    playwright = pytest.importorskip("playwright.sync_api", reason="the browser is driven by it")
    explorer, (vae, classifier), images = large
    assert len(explorer.data) < 1_500_000
    folder = shutil.copytree(study, tmp_path / "study")
    write_explorer(folder, explorer)
    address = write_report(folder).as_uri()
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = chromium.new_page(viewport={"width": 390, "height": 844})
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(address)
        for precision in (HALF, 40):
            assert page.evaluate(f"cases => ({COMPARE})(cases)", told(precision)) == "[]"

        values = int(re.search(r"rounded to (\d+)", explorer.note)[1])
        model, named = vae.model(), classifier.model()
        for network in (model.posterior.encoder, model.decoder, named):
            as_packed(network, (values - 1) // 2)
        x = torch.from_numpy(images.scaled(np.arange(1)))
        with torch.no_grad():
            codes = model.encode(x)
            wanted = [codes, model.decode(codes), named(x).softmax(dim=1)]
        given = [explorer.content, explorer.data, x.flatten().tolist()]
        *found, milliseconds = page.evaluate(TAKEN_FOR, given)
        for mine, theirs in zip(found, wanted, strict=True):
            assert mine == pytest.approx(theirs.flatten().tolist(), abs=1e-4)
        assert milliseconds < 16

        page.locator("#explorer").scroll_into_view_if_needed()
        page.wait_for_selector("#explorer .ex-body:not([hidden])")
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        assert page.locator(".ex-rows input").count() == 10
        picture = "document.querySelector('.ex-move .ex-picture').toDataURL()"

        def changes(act) -> None:
            before = page.evaluate(picture)
            act()
            until(lambda: page.evaluate(picture) != before)

        assert page.locator(".ex-key li").count() == 0  # the digits stand on the plane themselves
        changes(lambda: page.click(".ex-mean"))
        page.focus(".ex-pad")
        changes(lambda: page.keyboard.press("Shift+ArrowRight"))
        assert page.inner_text(".ex-rows label:first-child output") == "+0.50"
        page.focus(".ex-rows label:nth-child(3) input")
        changes(lambda: page.keyboard.press("End"))
        assert page.inner_text(".ex-rows label:nth-child(3) output") == "+3.00"
        changes(lambda: page.click(".ex-mean"))
        changes(lambda: page.click(".ex-prior"))
        changes(lambda: page.click(".ex-start button:nth-child(5)"))

        page.focus("#ex-tab-move")
        page.keyboard.press("ArrowRight")
        assert page.is_visible(".ex-film")
        assert not page.is_visible(".ex-pad")
        page.click(".ex-play")
        until(lambda: page.input_value(".ex-run input") == "100")
        assert page.inner_text(".ex-play") == "Play"
        page.keyboard.press("Shift+Tab")
        page.focus("#ex-tab-walk")
        page.keyboard.press("ArrowRight")
        page.focus(".ex-sheet")
        for key in (" ", *["ArrowDown"] * 8, *["Shift+ArrowRight"] * 3, " "):
            page.keyboard.press(key)
        page.wait_for_selector(".ex-classes li")
        told_of = page.inner_text(".ex-classes li:first-child .ex-share")
        assert told_of.endswith("%")
        page.click(".ex-undo")
        page.wait_for_selector(".ex-classes li", state="detached")
        longer = tuple(f"class {name}" for name in images.class_names)
        write_explorer(folder, replace(explorer, content=explorer.content | {"classes": longer}))
        page.goto(write_report(folder).as_uri())
        page.locator("#explorer").scroll_into_view_if_needed()
        page.wait_for_selector("#explorer .ex-body:not([hidden])")
        assert page.locator(".ex-key li").all_inner_texts() == list(longer)
        seen = "[...document.querySelectorAll('{}')].map(s => getComputedStyle(s).{})"
        hues = page.evaluate(seen.format(".ex-swatch", "backgroundColor"))
        assert len(set(hues)) == 10
        assert set(page.evaluate(seen.format(".ex-dot", "fill"))) <= set(hues)
        assert errors == []
        assert set(asked) <= {address} | {url for url in asked if url.startswith("data:")}
        chromium.close()
