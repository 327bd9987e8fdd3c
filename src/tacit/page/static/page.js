// One image at a time, the keys, the progress, and which view is shown.
import { $, alarm, colour, element, get, many, percent, post, say, tile, taken } from "./api.js";
import { correct } from "./correct.js";
import { grid } from "./grid.js";
import { map } from "./map.js";

// N, S, X, Z, H, Y, and L and + and 0 on the map, have meanings of their own.
const KEYS = [..."1234567890", ..."qwertuiopadfgjkcvbm"];
const views = { one: { show() {}, update() {}, key: oneKey }, grid, map, correct };
export const known = { state: null, shown: null, view: "one" };
let busy = Promise.resolve();

// Every answer waits for the one before it, so that they reach the table in their order.
export function act(work) {
  busy = busy.then(work).then((told) => { alarm(told?.error); if (told) take(told); })
    .catch((error) => alarm(error));
  return busy;
}

// The key of each class: its own name where that is one character with no other meaning.
function keys(names) {
  const own = names.map((name) => KEYS.includes(name.toLowerCase()) ? name.toLowerCase() : "");
  const unique = own.map((key, i) => own.indexOf(key) === i ? key : "");
  const free = KEYS.filter((key) => !unique.includes(key));
  return unique.map((key) => key || free.shift() || "");
}

function take(state) {
  const before = known.state;
  if (before && state.version < before.version) return;
  known.state = state;
  $("title").textContent = state.title;
  for (const [id, there] of [["correct-two", state.beside], ["map-likely", state.scored]]) {
    $(id).hidden = $(id).disabled = !there;
  }
  if (known.shown === null || !state.queue.some((one) => one.row === known.shown.row)) {
    next();
  } else {
    known.shown = state.queue.find((one) => one.row === known.shown.row);
    guess();
  }
  classes();
  progress();
  preload();
  if (known.view !== "one") views[known.view].update(before, state);
}

function next() {
  const item = known.state.queue[0] ?? null;
  known.shown = item;
  $("frame").classList.remove("zoomed");
  $("zoom").setAttribute("aria-pressed", "false");
  $("picture").hidden = item === null;
  for (const id of ["skip", "bad", "zoom"]) $(id).disabled = item === null;
  if (item === null) {
    $("name").textContent = "";
    $("guess").textContent = "Every image has an answer.";
    return;
  }
  const picture = $("picture");
  picture.src = `image/${item.row}`;
  picture.alt = `Image ${item.name}`;
  $("name").textContent = item.name;
  guess();
  say(`Image ${item.name}. ${suggestion(item)}`);
}

$("picture").addEventListener("load", ({ target }) =>
  target.classList.toggle("crisp", target.naturalWidth < 300));

const suggestion = (item) => item.prediction && !$("hide").checked
  ? `Probably ${item.prediction}, ${percent(item.confidence)} sure.` : "";

function guess() {
  const item = known.shown, box = $("guess");
  box.replaceChildren();
  if (!item) return;
  if (!known.state.classes.length) box.append("What is this? Name its class; it gets a key.");
  else if ($("hide").checked) box.append("Which class is it?");
  else if (!item.prediction) box.append("Which class is it? ", element("span", { className: "small", textContent: "There is a suggestion once two classes are known." }));
  else {
    box.append("Probably ", element("b", { textContent: item.prediction }), `, ${percent(item.confidence)}`,
      element("span", { className: "small", textContent: `${item.runner_up ? `else ${item.runner_up}, ${percent(item.runner_up_confidence)}` : ""}` },
        element("span", { className: "keys", textContent: `${item.runner_up ? " · " : ""}Enter accepts` })));
  }
  for (const button of $("classes").children) {
    button.classList.toggle("guessed", !$("hide").checked && button.value === item.prediction);
  }
}

function classes() {
  const box = $("classes"), names = known.state.classes.map((one) => one.name);
  if ([...box.children].map((one) => one.value).join("\n") === names.join("\n")) return guess();
  const key = keys(names);
  box.replaceChildren(...names.map((name, i) => {
    const dot = element("span", { className: "dot" });
    dot.style.setProperty("--c", colour(i));
    const button = element("button", { type: "button", value: name, title: name, onclick: () => answer({ label: name }) },
      dot, element("span", { className: "word", textContent: name }));
    if (key[i]) button.append(element("kbd", { textContent: key[i].toUpperCase() }));
    return button;
  }));
  guess();
}

function progress() {
  const s = known.state;
  $("n-labels").textContent = many(s.labels);
  $("n-of").textContent = `label${s.labels === 1 ? "" : "s"} of ${many(s.images)} images`;
  const more = [s.marks.skip && `${many(s.marks.skip)} skipped`, s.marks.bad && `${many(s.marks.bad)} bad`].filter(Boolean);
  $("bar").textContent = more.join(", ");
  put("accuracy", s.accuracy === null ? "–" : percent(s.accuracy),
    s.accuracy === null ? "two labels of a class are needed" : `${percent(s.interval[0])} to ${percent(s.interval[1])}, ${s.at_random ? `for the images without a label, measured on ${s.held_out} images chosen at random, each predicted from the other labels` : `on ${s.held_out} labels, each predicted from the others. The images you are asked for are no fair sample, so the rest may do better or worse; after 20 answers every fifth is chosen at random`}`);
  const sure = s.confidence !== null && s.calibrated;
  put("confidence", sure ? percent(s.confidence, s.at_random ? 1 : 0) : "–",
    sure ? `on average; ${many(s.unsure)} images below 75\u00a0%. ${s.at_random ? "Where it was measured it was 4 points off on average, 24 at most" : "A guess yet: where it was measured it was up to 48 points off after ten answers, 36 after twenty"}`
      : s.confidence === null ? "" : "can be said once two labels of a class are there");
  put("coming", s.changed === null ? "–" : `at most ${(100 * s.changed).toFixed(1)} points better`,
    s.changed === null ? "can be said after 30 answers" : "the last 20 changed the class of that share of the images, and the next 20 rarely change more");
  $("advice").textContent = s.enough ? "More labels will hardly help: the last 20 changed the class of fewer than 1 image in 200. Look through the least sure ones in the grid, or stop here." : "";
  $("counts").hidden = !s.classes.length;
  $("counts").tBodies[0].replaceChildren(...s.classes.map((one, i) => {
    const dot = element("span", { className: "dot" });
    dot.style.setProperty("--c", colour(i));
    const head = element("th", { scope: "row" }, dot, one.name);
    return element("tr", {}, head, element("td", { className: "right", textContent: many(one.labels) }), element("td", { className: "right", textContent: many(one.predicted) }));
  }));
  $("two").hidden = !s.beside;
  if (s.beside) $("two").firstElementChild.textContent = s.both ? `A second person labelled ${many(s.both)} of these too, ${many(s.differ)} differently.` : "No image has a label of a second person too.";
  $("two").lastElementChild.hidden = !s.differ;
  $("finish").hidden = !s.out;
  $("finish").lastElementChild.textContent = `ends the page; then tacit learn writes predictions, a classifier and a report into ${s.out}.`;
  $("where").textContent = `In ${s.table}, as ${s.by}. All images followed in ${s.seconds.toFixed(2)} s.`;
  $("undo").disabled = !s.undo;
  if (s.error) alarm(s.error);
}

function put(id, value, small) {
  $(id).replaceChildren(value, element("span", { className: "small", textContent: small }));
}

const loaded = new Map();  // the next pictures, held so that the browser keeps them decoded
function preload() {
  const rows = known.state.queue.slice(0, 6).map((one) => one.row);
  for (const row of loaded.keys()) if (!rows.includes(row)) loaded.delete(row);
  for (const row of rows) if (!loaded.has(row)) {
    const image = new Image();
    image.src = `image/${row}`;
    loaded.set(row, image);
  }
}

function answer(given) {
  const item = known.shown;
  if (!item) return;
  say(`${given.label ?? given.mark}.`);
  act(() => post("answer", { rows: [item.row], ...given }));
}

function undo() {
  act(async () => {
    const told = await post("undo");
    known.shown = told.undone.length ? null : known.shown;  // the image that is open again comes first
    say(told.undone.length ? "Undone." : "There is nothing to undo.");
    return told;
  });
}

function zoom() {
  const on = $("frame").classList.toggle("zoomed");
  $("zoom").setAttribute("aria-pressed", String(on));
}

function oneKey(event) {
  const key = event.key.toLowerCase(), s = known.state;
  const place = keys(s.classes.map((one) => one.name)).indexOf(key);
  if (place >= 0 && s.classes[place]) answer({ label: s.classes[place].name });
  else if (key === "enter" && known.shown?.prediction && !$("hide").checked) answer({ label: known.shown.prediction });
  else if (key === "s") answer({ mark: "skip" });
  else if (key === "x") answer({ mark: "bad" });
  else if (key === "n") $("new-name").focus();
  else if (key === "h") $("hide").click();
  else if (key === "+" || key === "=" || key === "-") zoom();
  else return false;
  return true;
}

export function show(name) {
  known.view = name;
  for (const view of Object.keys(views)) {
    $(view).hidden = view !== name;
    $(`tab-${view}`).setAttribute("aria-selected", String(view === name));
    $(`tab-${view}`).tabIndex = view === name ? 0 : -1;
  }
  views[name].show(known.state);
}

export async function nearest(row) {
  const items = await get("near", { row, n: 24 });
  $("near-tiles").replaceChildren(...items.map((item) => tile(item, taken(item), { onclick: () => nearest(item.row) })));
  if (!$("near").open) $("near").showModal();
}

for (const name of Object.keys(views)) $(`tab-${name}`).onclick = () => show(name);
document.querySelector("nav").addEventListener("keydown", (event) => {
  const names = Object.keys(views), step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  const to = names[(names.indexOf(known.view) + step + names.length) % names.length];
  show(to);
  $(`tab-${to}`).focus();
});
$("undo").onclick = undo;
$("skip").onclick = () => answer({ mark: "skip" });
$("bad").onclick = () => answer({ mark: "bad" });
$("zoom").onclick = zoom;
$("hide").onchange = guess;
$("two").lastElementChild.onclick = () => { $("correct-list").value = "two"; show("correct"); };
$("finish").firstElementChild.onclick = () => { busy = busy.then(async () => {
  await post("end");
  ended = true;
  document.body.classList.add("ended");
  alarm(`This page has ended, and every answer is in ${known.state.table}. What is learned from it goes into ${known.state.out}: see the terminal.`);
}).catch(alarm); };
$("near-close").onclick = () => $("near").close();
$("picture").ondblclick = () => known.shown && nearest(known.shown.row);
$("new-class").onsubmit = (event) => {
  event.preventDefault();
  const name = $("new-name").value.trim();
  if (!name) return;
  $("new-name").value = "";
  $("new-name").blur();
  answer({ label: name });
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || $("near").open || !known.state) return;
  const field = event.target.matches("input:not([type=checkbox]), select, textarea");
  if (field) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (event.key === "Enter" && event.target.matches("button:not(.tile)")) return;  // the button's own
  if (event.key.toLowerCase() === "z") { undo(); event.preventDefault(); return; }
  if (views[known.view].key(event)) event.preventDefault();
});

// News arrive when predictions have followed an answer.
let ended = false;
async function listen() {
  while (!ended) {
    try {
      const since = known.state ? known.state.follows : -1;
      const state = await get("state", since >= 0 ? { since } : {});
      busy = busy.then(() => take(state));
      await busy;
      if (state.follows < 0) await new Promise((done) => setTimeout(done, 300));
    } catch (error) {
      if (ended) return;
      alarm(`${error.message}: is the page still running? Every answer so far is in the table.`);
      await new Promise((done) => setTimeout(done, 2000));
    }
  }
}
listen();
