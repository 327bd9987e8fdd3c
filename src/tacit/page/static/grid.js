// Many images that are taken for one class: all are, but those that are chosen.
import { $, element, get, many, percent, post, say, tile } from "./api.js";
import { act, known, nearest } from "./page.js";

let items = [], out = new Set(), last = 0, at = 0, asked = 0;

async function load() {
  const name = $("grid-class").value;
  const mine = ++asked;
  const found = name ? await get("grid", { class: name, sort: $("grid-sort").value, n: $("grid-n").value }) : [];
  if (mine !== asked) return;  // another order was asked for meanwhile
  items = found;
  out = new Set();
  at = last = 0;
  draw();
}

function draw() {
  const name = $("grid-class").value;
  $("tiles").replaceChildren(...items.map((item, i) => {
    const made = tile(item, percent(item.confidence), { tabIndex: i === at ? 0 : -1 });
    made.setAttribute("role", "option");
    made.setAttribute("aria-selected", String(out.has(item.row)));
    made.setAttribute("aria-label", `${item.name}, ${percent(item.confidence)}`);
    made.onclick = (event) => toggle(i, event.shiftKey);
    made.ondblclick = () => nearest(item.row);
    return made;
  }));
  label();
  $("grid-help").hidden = !items.length;
  if (!items.length) {
    $("tiles").append(element("p", { className: "quiet", textContent: name ? "No image is left that is taken for this class." : "Label a few images one by one first: with two classes there are predictions to look through." }));
  }
}

function label() {
  const name = $("grid-class").value, n = items.length - out.size;
  $("grid-accept").textContent = `Label ${many(n)} as ${name || "…"}`;
  $("grid-accept").disabled = !n;
}

function toggle(i, range) {
  const on = !out.has(items[i].row);
  const [from, to] = range ? [Math.min(last, i), Math.max(last, i)] : [i, i];
  for (let j = from; j <= to; j++) {
    if (on) out.add(items[j].row); else out.delete(items[j].row);
    $("tiles").children[j].setAttribute("aria-selected", String(on));
  }
  last = i;
  focus(i);
  label();
}

function focus(i) {
  const tiles = $("tiles").children;
  if (!tiles[i]) return;
  tiles[at].tabIndex = -1;
  at = i;
  tiles[i].tabIndex = 0;
  tiles[i].focus();
}

function accept() {
  const rows = items.map((item) => item.row).filter((row) => !out.has(row));
  if (!rows.length) return;
  const name = $("grid-class").value;
  act(async () => {
    const told = await post("answer", { rows, label: name });
    say(`${told.written} images are ${name}.`);
    if (told.left_out) say(`${many(told.left_out)} left out: a copy has another label.`);
    return told;
  });
}

function options(state) {
  const chosen = $("grid-class").value;
  const names = state.classes.filter((one) => one.predicted > 0 || one.name === chosen);
  $("grid-class").replaceChildren(...(state.classes.length > 1 ? names : []).map((one) =>
    element("option", { value: one.name, textContent: `${one.name} (${many(one.predicted)})` })));
  if (names.some((one) => one.name === chosen)) $("grid-class").value = chosen;
}

export const grid = {
  show(state) { if (state) { options(state); load(); } },
  update(before, state) {
    options(state);
    if (!before || before.follows !== state.follows) load();
  },
  key(event) {
    const columns = Math.max(1, getComputedStyle($("tiles")).gridTemplateColumns.split(" ").length);
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key];
    if (step) focus(Math.min(Math.max(at + step, 0), items.length - 1));
    else if (event.key === " " && items[at]) toggle(at, event.shiftKey);
    else if (event.key === "Enter") accept();
    else return false;
    return true;
  },
};

$("grid-accept").onclick = accept;
$("grid-more").onclick = () => { $("grid-sort").selectedIndex = ($("grid-sort").selectedIndex + 1) % 3; load(); };
for (const id of ["grid-class", "grid-sort", "grid-n"]) $(id).onchange = load;
