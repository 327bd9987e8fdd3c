// What is worth a second look: each entry with its picture, and what can be done about it.
import { $, element, get, many, percent, post, say, tile } from "./api.js";
import { act, nearest } from "./page.js";

const kept = { labels: new Set(), copies: new Set(), odd: new Set(), two: new Set() };  // seen and left as they are
let asked = 0;

const NOTHING = {
  labels: "No label looks wrong, by what the others say of it.",
  copies: "No picture looks like a copy of another.",
  odd: "No picture is unlike all the others.",
  two: "The two agree wherever both have labelled.",
};

async function load() {
  const list = $("correct-list").value, mine = ++asked;
  $("correct-cards").replaceChildren();
  $("correct-many").textContent = "Looking …";
  let told;
  try {
    told = await get("correct", { list });
  } catch (error) {
    told = { entries: [], all: 0, why: error.message };
  }
  if (mine !== asked) return;  // another list was asked for meanwhile
  const entries = told.entries.filter((entry) => !kept[list].has(name(entry)));
  $("correct-cards").replaceChildren(...entries.map((entry) => card(list, entry)));
  $("correct-many").textContent = told.why ? `Nothing could be looked at: ${told.why}.`
    : entries.length ? `${many(told.all)} found${list === "two" ? "" : ", the surest first"}` : NOTHING[list];
  say($("correct-many").textContent);
}

const name = (entry) => entry.other ? `${entry.row}-${entry.other.row}` : String(entry.row);

function card(list, entry) {
  const pictures = [entry, entry.other].filter(Boolean).map((item) =>
    tile(item, item.label || item.mark, { onclick: () => nearest(item.row) }));
  const made = element("li", { className: "card" },
    element("div", { className: "pictures" }, ...pictures),
    element("p", { className: "what" }, ...WORDS[list](entry)),
    element("div", { className: "deeds" }));
  for (const [text, path, more] of DEEDS[list](entry)) {
    made.lastChild.append(element("button", { type: "button", className: path ? "" : "plain", textContent: text,
      onclick: () => done(made, list, entry, path, more) }));
  }
  return made;
}

const bold = (text) => element("b", { textContent: text });
const WORDS = {
  labels: (entry) => [bold(`${entry.label} → ${entry.fits}`), element("span", { textContent: `wrong with ${percent(entry.wrong)}` })],
  copies: (entry) => [bold(entry.differ ? "Copies with two labels" : entry.sure ? "Copies" : "Perhaps copies"), element("span", { textContent: `${entry.name} and ${entry.other.name}` })],
  odd: (entry) => [bold(entry.kind[0].toUpperCase() + entry.kind.slice(1)), element("span", { textContent: entry.name })],
  two: (entry) => [bold(`${entry.label} or ${entry.theirs}`), element("span", { textContent: entry.name })],
};

// Of each entry: what the button says, the request it makes (none keeps it as it is), and its body.
const DEEDS = {
  labels: (entry) => [
    [`It is ${entry.fits}`, "answer", { rows: [entry.row], label: entry.fits }],
    [`It is ${entry.label}`],
    ["Bad image", "answer", { rows: [entry.row], mark: "bad" }],
  ],
  copies: (entry) => [
    ...(entry.differ ? [entry.label, entry.other.label].map((label) =>
      [`Both are ${label}`, "answer", { rows: [entry.row, entry.other.row], label }]) : []),
    ["Leave the second out", "answer", { rows: [entry.other.row], mark: "bad" }],
    ["Keep both"],
  ],
  odd: (entry) => [["Bad image", "answer", { rows: [entry.row], mark: "bad" }], ["Keep it"]],
  two: (entry) => [
    [`It is ${entry.label}`],
    [`It is ${entry.theirs}`, "answer", { rows: [entry.row], label: entry.theirs }],
    ["Bad image", "answer", { rows: [entry.row], mark: "bad" }],
  ],
};

function done(made, list, entry, path, more) {
  const next = made.nextElementSibling ?? made.previousElementSibling;
  const gone = () => {
    made.remove();
    next?.querySelector(".deeds button")?.focus();
    if (!$("correct-cards").children.length) $("correct-many").textContent = "That was all of them. Look again for what follows from it.";
  };
  if (!path) {
    kept[list].add(name(entry));
    gone();
    return;
  }
  act(async () => {
    const told = await post(path, more);
    say(`${entry.name}: ${more.label ?? more.mark}.`);
    gone();
    return told;
  });
}

function move(step) {
  const cards = [...$("correct-cards").children], at = cards.findIndex((one) => one.contains(document.activeElement));
  const to = cards[Math.min(Math.max(at + step, 0), cards.length - 1)];
  to?.querySelector(".deeds button")?.focus();
}

$("correct-list").onchange = load;
$("correct-again").onclick = load;

export const correct = {
  show(state) { if (state) load(); },
  update(before, state) { if (before && state.undo < before.undo) load(); },  // what was undone is back
  key(event) {
    if (event.key === "ArrowDown" || event.key === "ArrowRight") move(1);
    else if (event.key === "ArrowUp" || event.key === "ArrowLeft") move(-1);
    else return false;
    return true;
  },
};
