// The explorer of a page: what is shown, and what follows a hand. Networks are run by network.js.
"use strict";

(async () => {
  const root = document.getElementById("explorer");
  const find = (selector, within = root) => within.querySelector(selector);
  const all = (selector, within = root) => [...within.querySelectorAll(selector)];
  const content = JSON.parse(find(".ex-content").textContent);
  const [channels, height, width] = content.shape;
  const SPAN = 3; // how far sliders and the plane go, in standard deviations
  const STEPS = 9; // pictures along the way

  function made(tag, attributes = {}, ...children) {
    const svg = ["svg", "line", "text", "circle", "rect"].includes(tag);
    const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag)
      : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  const signed = (x) => (x < -0.005 ? "−" : x > 0.005 ? "+" : "") + Math.abs(x).toFixed(2);
  const percent = (p) => `${(100 * p).toFixed(p > 0.9995 || p < 0.0005 ? 0 : 1)}\u00a0%`;

  /** The newest of the calls asked for since the last frame; earlier ones would not be seen. */
  function eachFrame(function_) {
    let asked = false;
    return () => {
      if (asked) return;
      asked = true;
      requestAnimationFrame(() => { asked = false; function_(); });
    };
  }

  /** Numbers in [0, 1], (C, H, W), as a picture. */
  function paint(canvas, data) {
    canvas.width = width;
    canvas.height = height;
    const picture = new ImageData(width, height), places = width * height;
    for (let i = 0; i < places; i++) {
      for (let c = 0; c < 3; c++) {
        picture.data[4 * i + c] = Math.round(255 * data[(channels === 1 ? 0 : c) * places + i]);
      }
      picture.data[4 * i + 3] = 255;
    }
    canvas.getContext("2d").putImageData(picture, 0, 0);
  }

  // ---- the models ------------------------------------------------------------------------------

  let buffer, models, classifier, model;

  function modelOf(table) {
    const floats = (name) => Network.tensor(buffer, table[name]);
    const images = floats("images"), pixels = channels * height * width;
    const one = {
      ...table,
      encoder: table.encoder && Network.load(buffer, table.encoder),
      decoder: Network.load(buffer, table.decoder),
      mean: floats("mean").data,
      spread: floats("spread").data,
      points: floats("points"),
      n: images.shape[0],
      image: (i) => Float64Array.from(
        images.data.subarray(i * pixels, (i + 1) * pixels), (x) => x / 255,
      ),
    };
    const directions = floats("directions").data, codes = table.codes && floats("codes").data;
    one.directions = Array.from(one.spread, (_, k) => directions.subarray(
      k * one.latent_dim, (k + 1) * one.latent_dim,
    ));
    one.encode = (data) => Network.run(one.encoder, {data, shape: content.shape}).data;
    one.decode = (code) => Network.run(one.decoder, {data: code, shape: [code.length]}).data;
    one.codeOf = (i) => one.encoder ? one.encode(one.image(i))
      : codes.slice(i * one.latent_dim, (i + 1) * one.latent_dim);
    one.nameOf = (i) => {
      const name = content.classes[one.labels[i]];
      return name === undefined ? `image ${i + 1}` : `image ${i + 1}, ${name}`;
    };
    return one;
  }

  /** The two images that are chosen at first. */
  const start = () => model.n > 14 ? [4, 14] : [0, model.n - 1];

  /** Class probabilities of an image, likeliest first: [[name, share], …]. */
  function classesOf(data) {
    const shares = Network.run(classifier, {data, shape: content.shape}).data;
    return Array.from(shares, (share, c) => [content.classes[c], share])
      .sort((a, b) => b[1] - a[1]);
  }

  /** Say in a line what the classifier takes a picture for, and describe the picture by it. */
  function tellClass(line, canvas, data, what) {
    let told = "";
    if (classifier) {
      const [[name, share]] = classesOf(data);
      told = `The classifier takes it for ${name} (${percent(share)}).`;
    }
    line.textContent = told;
    canvas.setAttribute("aria-label", `${what}. ${told}`);
  }

  /** Pictures to choose one of; `chosen` is called with its number. */
  function strip(place, chosen, first = -1) {
    const buttons = Array.from({length: model.n}, (_, i) => {
      const canvas = made("canvas", {"aria-hidden": "true"});
      paint(canvas, model.image(i));
      const name = model.nameOf(i);
      const button = made(
        "button", {type: "button", "aria-label": name, title: name, "aria-pressed": i === first},
        canvas,
      );
      button.addEventListener("click", () => { press(i); chosen(i); });
      return button;
    });
    function press(i) {
      buttons.forEach((button, j) => button.setAttribute("aria-pressed", i === j));
    }
    place.replaceChildren(...buttons);
    return press;
  }

  // ---- move ------------------------------------------------------------------------------------
  // A code is mean + Σ amounts · spread · directions + rest, so that an image's own code is whole.

  const pad = find(".ex-pad");
  let amounts, rest, sliders, here, pressStart;

  function code() {
    const z = Float64Array.from(model.mean, (m, d) => m + rest[d]);
    model.directions.forEach((direction, k) => {
      const amount = amounts[k] * model.spread[k];
      for (let d = 0; d < z.length; d++) z[d] += amount * direction[d];
    });
    return z;
  }

  function setCode(z) {
    rest = Float64Array.from(model.mean, (m, d) => z[d] - m);
    amounts = model.directions.map((direction, k) => {
      let amount = 0;
      for (let d = 0; d < rest.length; d++) amount += direction[d] * rest[d];
      return amount / model.spread[k];
    });
    model.directions.forEach((direction, k) => {
      for (let d = 0; d < rest.length; d++) rest[d] -= amounts[k] * model.spread[k] * direction[d];
    });
    showMove();
  }

  const showMove = eachFrame(() => {
    const canvas = find(".ex-move .ex-picture"), data = model.decode(code());
    paint(canvas, data);
    tellClass(find(".ex-move .ex-class"), canvas, data, "The decoded picture");
    sliders.forEach(([slider, output], k) => {
      slider.value = amounts[k];
      output.textContent = signed(amounts[k]);
    });
    const [x, y] = [amounts[0], amounts[1] ?? 0].map((a) => Math.max(-SPAN, Math.min(SPAN, a)));
    for (const ring of here) {
      ring.setAttribute("cx", 50 + x / SPAN * 50);
      ring.setAttribute("cy", 50 - y / SPAN * 50);
    }
    find(".ex-place").textContent = amounts.length > 1
      ? `${signed(amounts[0])} and ${signed(amounts[1])} standard deviations along the first two`
      : `${signed(amounts[0])} standard deviations along the only direction`;
  });

  function buildMove() {
    const marks = [made("line", {x1: 50, x2: 50, y1: 0, y2: 100}),
      made("line", {x1: 0, x2: 100, y1: 50, y2: 50})];
    const {data, shape: [n, axes]} = model.points;
    const named = content.classes.length <= 10, short = (name) => name && name.length <= 2;
    const hue = (label) => `oklch(0.62 0.14 ${360 * label / content.classes.length}deg)`;
    const coloured = (element, label) => { element.style.setProperty("--hue", hue(label)); return element; };
    for (let i = 0; i < n; i++) {
      const [x, y] = [data[i * axes], axes > 1 ? data[i * axes + 1] : 0];
      if (Math.max(Math.abs(x), Math.abs(y)) > SPAN * 0.97) continue;
      const name = content.classes[model.point_labels[i]];
      const cx = 50 + x / SPAN * 50, cy = 50 - y / SPAN * 50;
      const mark = short(name) ? made("text", {x: cx, y: cy}, name)
        : made("circle", {cx, cy, r: 1, class: "ex-dot"});
      marks.push(name && named ? coloured(mark, model.point_labels[i]) : mark);
    }
    // Names that are written on the plane itself need no key.
    find(".ex-key").replaceChildren(...content.classes.flatMap((name, label) => named && !short(name)
      ? [made("li", {}, coloured(made("span", {class: "ex-swatch"}), label), name)] : []));
    here = [3.2, 3.2].map((r) => made("circle", {r, class: "ex-here"}));
    pad.replaceChildren(made("svg", {viewBox: "0 0 100 100", "aria-hidden": "true"}, ...marks, ...here));
    sliders = model.directions.map((_, k) => {
      const slider = made("input", {
        type: "range", min: -SPAN, max: SPAN, step: 0.05, "aria-label": `Direction ${k + 1}`,
      });
      slider.addEventListener("input", () => { amounts[k] = Number(slider.value); showMove(); });
      return [slider, made("output")];
    });
    find(".ex-rows").replaceChildren(...sliders.map(([slider, output], k) => made(
      "label", {}, made("span", {class: "quiet"}, String(k + 1)), slider, output,
    )));
    pressStart = strip(find(".ex-start .ex-strip"), (i) => setCode(model.codeOf(i)), start()[0]);
    find(".ex-prior").hidden = !model.prior;
    setCode(model.codeOf(start()[0]));
  }

  function moveTo(x, y) {
    amounts[0] = Math.max(-SPAN, Math.min(SPAN, x));
    if (amounts.length > 1) amounts[1] = Math.max(-SPAN, Math.min(SPAN, y));
    showMove();
  }

  function follow(event) {
    const box = pad.getBoundingClientRect();
    moveTo(
      ((event.clientX - box.left) / box.width * 2 - 1) * SPAN,
      (1 - (event.clientY - box.top) / box.height * 2) * SPAN,
    );
  }

  const ARROWS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1]};

  function listenMove() {
    pad.addEventListener("pointerdown", (event) => {
      pad.setPointerCapture(event.pointerId);
      follow(event);
    });
    pad.addEventListener("pointermove", (event) => event.buttons && follow(event));
    pad.addEventListener("keydown", (event) => {
      const step = ARROWS[event.key];
      if (!step) return;
      event.preventDefault();
      const far = event.shiftKey ? 0.5 : 0.1;
      moveTo(amounts[0] + far * step[0], (amounts[1] ?? 0) + far * step[1]);
    });
    find(".ex-mean").addEventListener("click", () => { pressStart(-1); setCode(model.mean); });
    find(".ex-prior").addEventListener("click", () => {
      pressStart(-1);
      setCode(Float64Array.from(model.mean, normal));
    });
  }

  /** A draw from N(0, 1) (Box and Muller 1958). */
  function normal() {
    return Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
  }

  // ---- from one to another ---------------------------------------------------------------------

  const share = find(".ex-run input"), play = find(".ex-play");
  let ends, playing = false;

  const between = (t) => ends[0].map((from, d) => from + t * (ends[1][d] - from));

  const showWay = eachFrame(() => {
    const t = Number(share.value) / 100, canvas = find(".ex-way .ex-picture");
    const data = model.decode(between(t));
    paint(canvas, data);
    tellClass(find(".ex-way .ex-class"), canvas, data, "The picture at this share of the way");
    find(".ex-run output").textContent = `${share.value} %`;
  });

  const showFilm = eachFrame(() => {
    if (find("#ex-walk").hidden) return; // ten pictures that nobody would see
    all(".ex-film canvas").forEach((canvas, k) => paint(canvas, model.decode(between(k / (STEPS - 1)))));
    showWay();
  });

  function buildWalk() {
    ends = start().map(model.codeOf);
    all(".ex-ends .ex-strip").forEach((place, side) => strip(place, (i) => {
      ends[side] = model.codeOf(i);
      showFilm();
    }, start()[side]));
    find(".ex-film").replaceChildren(...Array.from({length: STEPS}, () => made("canvas")));
    showFilm();
  }

  function setPlaying(value) {
    playing = value;
    play.textContent = playing ? "Pause" : "Play";
    play.setAttribute("aria-pressed", playing);
    if (!playing) return;
    const from = Number(share.value) >= 100 ? 0 : Number(share.value), begun = performance.now();
    requestAnimationFrame(function step(now) {
      if (!playing) return;
      share.value = Math.min(100, from + Math.max(0, now - begun) / 30);
      showWay();
      if (Number(share.value) < 100) requestAnimationFrame(step);
      else setPlaying(false);
    });
  }

  // ---- draw ------------------------------------------------------------------------------------

  const sheet = find(".ex-sheet"), SIDE = 280, pen = content.pen;
  const paper = sheet.getContext("2d", {willReadFrequently: true});
  let strokes = [], cursor = [SIDE / 2, SIDE / 2], down = false;

  const css = (values) => `rgb(${[0, 1, 2].map((c) => Math.round(255 * (values[c] ?? values[0]))).join(" ")})`;
  const ground = css(pen.ground);
  const grey = channels === 1;
  const ink = () => grey ? css([pen.ground[0] > 0.5 ? 0 : 1]) : find(".ex-ink input").value;

  function showSheet() {
    paper.fillStyle = ground;
    paper.fillRect(0, 0, SIDE, SIDE);
    stroke(paper, pen.width * SIDE);
  }

  function stroke(onto, line) {
    onto.lineCap = onto.lineJoin = "round";
    onto.lineWidth = line;
    for (const {colour, points} of strokes) {
      onto.strokeStyle = colour;
      onto.beginPath();
      points.forEach(([x, y], i) => (i ? onto.lineTo(x, y) : onto.moveTo(x, y)));
      if (points.length === 1) onto.lineTo(points[0][0], points[0][1] + 0.1);
      onto.stroke();
    }
  }

  /** Where the drawing has to be taken from, so that it lies as the training images do. */
  function frame() {
    const whole = {x: 0, y: 0, side: SIDE};
    if (!pen.frame || !strokes.length) return whole;
    const {data} = paper.getImageData(0, 0, SIDE, SIDE);
    let left = SIDE, right = 0, top = SIDE, bottom = 0, mass = 0, mass_x = 0, mass_y = 0;
    for (let y = 0, at = 0; y < SIDE; y++) {
      for (let x = 0; x < SIDE; x++, at += 4) {
        let far = 0;
        for (let c = 0; c < 3; c++) {
          far = Math.max(far, Math.abs(data[at + c] / 255 - (pen.ground[c] ?? pen.ground[0])));
        }
        if (far < 0.1) continue;
        left = Math.min(left, x); right = Math.max(right, x + 1);
        top = Math.min(top, y); bottom = Math.max(bottom, y + 1);
        mass += far; mass_x += far * (x + 0.5); mass_y += far * (y + 0.5);
      }
    }
    if (!mass) return whole;
    const side = Math.max(right - left, bottom - top) / pen.frame.extent;
    const [y, x] = pen.frame.centre;
    return {x: mass_x / mass - x * side, y: mass_y / mass - y * side, side};
  }

  /** The drawing as an image of the model's size: each pixel is the mean of what lies below it. */
  function drawn() {
    const {x, y, side} = frame(), fine = 8;
    const scratch = new OffscreenCanvas(width * fine, height * fine);
    const copy = scratch.getContext("2d", {willReadFrequently: true});
    copy.fillStyle = ground;
    copy.fillRect(0, 0, scratch.width, scratch.height);
    const scale_x = scratch.width / side, scale_y = scratch.height / side;
    // Drawn anew, so that strokes are as wide as the images' own however large the drawing is.
    copy.setTransform(scale_x, 0, 0, scale_y, -x * scale_x, -y * scale_y);
    stroke(copy, pen.width * side);
    const {data} = copy.getImageData(0, 0, scratch.width, scratch.height);
    const out = new Float64Array(channels * height * width);
    for (let row = 0; row < scratch.height; row++) {
      for (let column = 0; column < scratch.width; column++) {
        const place = Math.floor(row / fine) * width + Math.floor(column / fine);
        for (let c = 0; c < channels; c++) {
          out[c * height * width + place] +=
            data[4 * (row * scratch.width + column) + c] / 255 / fine ** 2;
        }
      }
    }
    return out;
  }

  const showDrawn = eachFrame(() => {
    if (find("#ex-draw").hidden) return;
    showSheet();
    const [seen, made_] = all(".ex-results .ex-picture");
    const image = drawn(), z = model.encode(image);
    paint(seen, image);
    paint(made_, model.decode(z));
    seen.setAttribute("aria-label", `The drawing at ${width}×${height} pixels`);
    made_.setAttribute("aria-label", "The reconstruction of the drawing");
    showCode(z);
    if (classifier) showClasses(image);
    if (document.activeElement === sheet && sheet.matches(":focus-visible")) {
      paper.strokeStyle = down ? "#d04a2b" : "#858a91";
      paper.lineWidth = 2;
      paper.beginPath();
      paper.arc(...cursor, 9, 0, 2 * Math.PI);
      paper.stroke();
    }
  });

  function showCode(z) {
    const most = z.reduce((a, b) => Math.max(a, Math.abs(b)), 1e-9), wide = 100 / z.length;
    const bars = Array.from(z, (value, d) => {
      const tall = Math.abs(value) / most * 50;
      return made("rect", {
        x: d * wide, width: wide * 0.8, y: value > 0 ? 50 - tall : 50, height: tall,
      });
    });
    const place = find(".ex-bars");
    place.replaceChildren(made(
      "svg", {viewBox: "0 0 100 100", preserveAspectRatio: "none"},
      made("line", {x1: 0, x2: 100, y1: 50, y2: 50}), ...bars,
    ));
    find(".ex-code h3 span").textContent =
      `${z.length} numbers, the largest ${most.toFixed(2)} from 0`;
    place.setAttribute("aria-label", `The code as bars: ${z.length} numbers`);
  }

  function showClasses(image) {
    const told = strokes.length ? classesOf(image).slice(0, 5) : [];
    find(".ex-classes ol").replaceChildren(...told.map(([name, share_]) => made(
      "li", {}, made("span", {class: "ex-name", title: name}, name),
      made("meter", {value: share_, "aria-hidden": "true"}),
      made("span", {class: "ex-share"}, percent(share_)),
    )));
  }

  function listenDraw() {
    const at = (event) => {
      const box = sheet.getBoundingClientRect();
      return [(event.clientX - box.left) / box.width * SIDE,
        (event.clientY - box.top) / box.height * SIDE];
    };
    const begin = (point) => strokes.push({colour: ink(), points: [point]});
    const go = (point) => strokes.at(-1).points.push(point);
    let drawing = false;
    sheet.addEventListener("pointerdown", (event) => {
      sheet.setPointerCapture(event.pointerId);
      drawing = true;
      down = false;
      begin(at(event));
      showDrawn();
    });
    sheet.addEventListener("pointermove", (event) => {
      if (!drawing) return;
      const events = event.getCoalescedEvents?.() ?? [];
      for (const one of events.length ? events : [event]) go(at(one));
      showDrawn();
    });
    for (const name of ["pointerup", "pointercancel"]) {
      sheet.addEventListener(name, () => { drawing = false; });
    }
    sheet.addEventListener("keydown", (event) => {
      const step = ARROWS[event.key], far = event.shiftKey ? 20 : 5;
      if (event.key === " ") {
        down = !down;
        if (down) begin([...cursor]);
      } else if (step) {
        cursor = [cursor[0] + far * step[0], cursor[1] - far * step[1]]
          .map((x) => Math.max(0, Math.min(SIDE, x)));
        if (down) go([...cursor]);
      } else {
        return;
      }
      event.preventDefault();
      showDrawn();
    });
    for (const name of ["focus", "blur"]) sheet.addEventListener(name, showDrawn);
    find(".ex-clear").addEventListener("click", () => { strokes = []; down = false; showDrawn(); });
    find(".ex-undo").addEventListener("click", () => { strokes.pop(); down = false; showDrawn(); });
  }

  function buildDraw() {
    const tab = find("#ex-tab-draw");
    tab.hidden = !model.encoder;
    if (tab.hidden && tab.getAttribute("aria-selected") === "true") open_(find("#ex-tab-move"));
    showDrawn();
  }

  // ---- all together ----------------------------------------------------------------------------

  function open_(tab) {
    for (const other of all("[role=tab]")) {
      const chosen = other === tab;
      other.setAttribute("aria-selected", chosen);
      other.tabIndex = chosen ? 0 : -1;
      document.getElementById(other.getAttribute("aria-controls")).hidden = !chosen;
    }
    setPlaying(false);
    showFilm();
    showDrawn();
  }

  function listen() {
    const tabs = all("[role=tab]");
    for (const tab of tabs) {
      tab.addEventListener("click", () => open_(tab));
      tab.addEventListener("keydown", (event) => {
        const step = ARROWS[event.key]?.[0];
        if (!step) return;
        const shown = tabs.filter((one) => !one.hidden);
        const next = shown.at((shown.indexOf(tab) + step) % shown.length);
        open_(next);
        next.focus();
      });
    }
    share.addEventListener("input", () => { setPlaying(false); showWay(); });
    play.addEventListener("click", () => setPlaying(!playing));
    listenMove();
    listenDraw();
  }

  function choose(index) {
    model = models[index];
    setPlaying(false);
    buildMove();
    buildWalk();
    buildDraw();
  }

  const WORDS = {vae: "VAE", autoencoder: "autoencoder"};

  async function begin() {
    find(".ex-wait").hidden = false;
    if (typeof DecompressionStream === "undefined") {
      find(".ex-wait").textContent = "This browser is too old to unpack the explorer's networks.";
      return;
    }
    buffer = await Network.unpack(find(".ex-data").textContent.trim());
    models = content.models.map(modelOf);
    classifier = content.classifier && Network.load(buffer, content.classifier.layers);
    find(".ex-classes").hidden = !classifier;
    if (classifier) find(".ex-classes h3 span").textContent = `by ${content.classifier.run}`;
    find(".ex-ink").hidden = grey;
    find(".ex-models").append(...models.map((one, i) => {
      const words = `${WORDS[one.learns]}, code of ${one.latent_dim}`;
      const label = made("label", {}, made("code", {}, one.run), made("span", {class: "quiet"}, words));
      if (models.length === 1) return label;
      const radio = made("input", {type: "radio", name: "ex-model", value: i});
      radio.checked = i === 0;
      radio.addEventListener("change", () => choose(i));
      label.prepend(radio);
      return label;
    }));
    listen();
    choose(0);
    find(".ex-wait").hidden = true;
    find(".ex-body").hidden = false;
  }

  // Nothing is unpacked for readers who do not come so far.
  new IntersectionObserver((seen, observer) => {
    if (!seen.some((one) => one.isIntersecting)) return;
    observer.disconnect();
    begin();
  }, {rootMargin: "400px"}).observe(root);
})();
