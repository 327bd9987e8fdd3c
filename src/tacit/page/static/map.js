// Images on a plane: points, and the pictures themselves where few are in sight. Of very many it is a
// sample with all that are labelled or listed; `all` holds their rows, and what is known of each.
import { $, colour, element, get, many, post, say, tile, taken } from "./api.js";
import { act, known, nearest } from "./page.js";

const canvas = $("plane"), pen = canvas.getContext("2d");
const PICTURES = 250;  // so many in sight are drawn as pictures
let all = null, view = { x: 0.5, y: 0.5, zoom: 0.92 };
let lasso = true, path = null, drag = null, chosen = [], waiting = false;
const pictures = new Map();

const scale = () => Math.min(canvas.clientWidth, canvas.clientHeight) * view.zoom;
const spot = (i) => [(all.places[2 * i] / 65535 - view.x) * scale() + canvas.clientWidth / 2,
  (all.places[2 * i + 1] / 65535 - view.y) * scale() + canvas.clientHeight / 2];

async function load() {
  try { all = await get("map"); } catch (error) { $("map-wait").textContent = error.message; return; }
  $("map-wait").hidden = all !== null;
  if (all === null) { setTimeout(() => known.view === "map" && load(), 1500); return; }
  const { images } = known.state;
  $("map-part").hidden = all.rows.length === images;
  $("map-part").textContent = `${many(all.rows.length)} of ${many(images)} shown: those labelled or listed, and others by chance. The lasso takes what is shown.`;
  ranked();
  draw();
}

// Colours follow the rank of log p(x) from 0 to 100: its values have a long tail.
let rank = [], quantiles = [];
function ranked() {
  if (!all.likely) { rank = []; return; }
  const order = all.likely.map((_, i) => i).sort((i, j) => all.likely[i] - all.likely[j]);
  rank = new Array(order.length);
  order.forEach((i, place) => { rank[i] = 100 * place / Math.max(1, order.length - 1); });
  quantiles = [0, 0.5, 1].map((share) => all.likely[order[Math.round(share * (order.length - 1))]]);
}

function paint(i, kind) {
  if (kind === "likely") return all.likely ? `hsl(${Math.round(2.1 * rank[i])} 60% 48%)` : null;
  if (kind === "sure") return all.best[i] < 0 ? null : `hsl(${Math.round(2.1 * all.sure[i])} 60% 48%)`;
  const found = kind === "label" ? all.labels[i] : all.best[i];
  return found < 0 ? null : colour(found);
}

function draw() {
  if (waiting || !all) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; drawn(); });
}

function drawn() {
  const ratio = devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  const style = getComputedStyle(document.documentElement);
  const [quiet, ink, link] = ["--quiet", "--ink", "--link"].map((name) => style.getPropertyValue(name));
  const kind = $("map-colour").value, inSight = [];
  for (let i = 0; i < all.rows.length; i++) {
    const [x, y] = spot(i);
    if (x > -30 && y > -30 && x < width + 30 && y < height + 30) inSight.push([i, x, y]);
  }
  const close = inSight.length <= PICTURES, marked = new Set(chosen);
  const size = close ? Math.max(22, Math.min(56, Math.sqrt(width * height / Math.max(1, inSight.length)) * 0.6)) : all.rows.length > 5000 ? 3 : 5;
  for (const [i, x, y] of inSight) {
    const hue = paint(i, kind);
    pen.globalAlpha = close || hue ? 0.85 : 0.3;
    const image = close && picture(all.rows[i]);
    if (image) {
      pen.imageSmoothingEnabled = image.naturalWidth > 96;
      pen.drawImage(image, x - size / 2, y - size / 2, size, size);
      pen.globalAlpha = 1;
      pen.lineWidth = 3;
      pen.strokeStyle = hue ?? quiet;
      pen.strokeRect(x - size / 2, y - size / 2, size, size);
    } else {
      pen.fillStyle = hue ?? quiet;
      pen.fillRect(x - size / 2, y - size / 2, close ? 6 : size, close ? 6 : size);
    }
    const isMarked = marked.has(all.rows[i]);
    if (all.labels[i] >= 0 || isMarked) {
      pen.globalAlpha = 1;
      pen.lineWidth = isMarked ? 4 : 1.5;
      pen.strokeStyle = isMarked ? link : ink;
      pen.beginPath();
      pen.arc(x, y, size / 2 + (isMarked ? 5 : 3), 0, 2 * Math.PI);
      pen.stroke();
    }
  }
  pen.globalAlpha = 1;
  if (path) {
    pen.beginPath();
    path.forEach(([x, y], j) => j ? pen.lineTo(x, y) : pen.moveTo(x, y));
    pen.strokeStyle = ink;
    pen.lineWidth = 1.5;
    pen.stroke();
  }
  const nats = (value) => `${value.toFixed(0)} nats`;
  const key = kind === "likely" ? (all.likely ? [[nats(quantiles[0]), "hsl(0 60% 48%)"], [`${nats(quantiles[1])} (median)`, "hsl(105 60% 48%)"], [nats(quantiles[2]), "hsl(210 60% 48%)"]] : [["being worked out …", "transparent"]])
    : kind === "sure" ? [["0 %", "hsl(0 60% 48%)"], ["50 %", "hsl(105 60% 48%)"], ["100 %", "hsl(210 60% 48%)"]]
    : known.state.classes.map((one, i) => [one.name, colour(i)]).slice(0, 20);
  $("map-key").replaceChildren(...key.map(([text, hue]) => {
    const dot = element("i", { className: "dot" });
    dot.style.setProperty("--c", hue);
    return element("span", {}, dot, text);
  }));
}

// The picture of a row, where it has been loaded already.
function picture(row) {
  if (!pictures.has(row)) {
    const image = new Image();
    image.onload = draw;
    image.src = `small/${row}`;
    pictures.set(row, image);
  }
  const image = pictures.get(row);
  return image.complete && image.naturalWidth > 0 ? image : null;
}

function inside([x, y], line) {
  let odd = false;
  for (let i = 0, j = line.length - 1; i < line.length; j = i++) {
    const [a, b] = line[i], [c, d] = line[j];
    if (b > y !== d > y && x < ((c - a) * (y - b)) / (d - b) + a) odd = !odd;
  }
  return odd;
}

async function choose(rows) {
  chosen = rows;
  $("chosen").hidden = !rows.length;
  draw();
  if (!rows.length) return;
  const names = known.state.classes.map((one) => one.name);
  $("chosen-title").textContent = `${many(rows.length)} image${rows.length === 1 ? "" : "s"}`;
  const items = await post("items", { rows: rows.slice(0, 200) });
  const counts = {};
  for (const item of items) if (item.prediction) counts[item.prediction] = (counts[item.prediction] ?? 0) + 1;
  const most = Object.keys(counts).sort((a, b) => counts[b] - counts[a])[0];
  $("chosen-class").replaceChildren(...names.map((name) => element("option", { value: name, textContent: name, selected: name === most })));
  $("chosen-label").disabled = !names.length;
  $("chosen-tiles").replaceChildren(...items.map((item) => tile(item, taken(item), { onclick: () => nearest(item.row) })));
  say(`${rows.length} images chosen.`);
}

function mouse(event) {
  const box = canvas.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}

canvas.onpointerdown = (event) => {
  canvas.setPointerCapture(event.pointerId);
  if (lasso) path = [mouse(event)];
  else drag = mouse(event);
};
canvas.onpointermove = (event) => {
  if (path) path.push(mouse(event));
  else if (drag) move(drag, drag = mouse(event));
  else return;
  draw();
};
canvas.onpointerup = (event) => {
  if (path && all) {
    const line = path, rows = [];
    path = null;
    if (line.length > 3) all.rows.forEach((row, i) => { if (inside(spot(i), line)) rows.push(row); });
    else rows.push(...under(mouse(event)));
    choose(rows);
  }
  drag = null;
};
canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  zoom(Math.exp(-event.deltaY / 400), mouse(event));
}, { passive: false });

function under([x, y]) {
  let best = -1, least = 400;
  for (let i = 0; i < all.rows.length; i++) {
    const [a, b] = spot(i), far = (a - x) ** 2 + (b - y) ** 2;
    if (far < least) [best, least] = [i, far];
  }
  return best < 0 ? [] : [all.rows[best]];
}

function move([a, b], [c, d]) {
  view.x -= (c - a) / scale();
  view.y -= (d - b) / scale();
}

function zoom(by, [x, y] = [canvas.clientWidth / 2, canvas.clientHeight / 2]) {
  const before = scale();
  view.zoom = Math.min(Math.max(view.zoom * by, 0.5), 400);
  const dx = x - canvas.clientWidth / 2, dy = y - canvas.clientHeight / 2;
  view.x += dx / before - dx / scale();
  view.y += dy / before - dy / scale();
  draw();
}

function whole() { view = { x: 0.5, y: 0.5, zoom: 0.92 }; draw(); }

function switchLasso() {
  lasso = !lasso;
  $("map-lasso").setAttribute("aria-pressed", String(lasso));
  canvas.classList.toggle("moving", !lasso);
}

function put(path, more) {
  const rows = chosen;
  act(() => post(path, { rows, ...more })).then(() => choose([]));
}

$("map-lasso").onclick = switchLasso;
$("map-out").onclick = whole;
$("map-colour").onchange = draw;
$("chosen-label").onclick = () => put("answer", { label: $("chosen-class").value });
$("chosen-bad").onclick = () => put("answer", { mark: "bad" });
$("chosen-clear").onclick = () => put("clear", {});
$("chosen-close").onclick = () => choose([]);
new ResizeObserver(draw).observe(canvas);

export const map = {
  show() { load(); },
  update(before, state) { if (!before || before.follows !== state.follows) load(); },
  key(event) {
    const arrow = { ArrowLeft: [30, 0], ArrowRight: [-30, 0], ArrowUp: [0, 30], ArrowDown: [0, -30] }[event.key];
    if (arrow) { move([0, 0], arrow); draw(); }
    else if (event.key === "+" || event.key === "=") zoom(1.4);
    else if (event.key === "-") zoom(1 / 1.4);
    else if (event.key === "0") whole();
    else if (event.key.toLowerCase() === "l") switchLasso();
    else if (event.key === "Escape") choose([]);
    else return false;
    return true;
  },
};
