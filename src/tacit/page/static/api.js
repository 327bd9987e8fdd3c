// Talking to the server, and small things that all views share.

export const $ = (id) => document.getElementById(id);

export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

export async function get(path, parameters = {}) {
  return read(await fetch(`api/${path}?${new URLSearchParams(parameters)}`));
}

export async function post(path, body = {}) {
  return read(await fetch(`api/${path}`, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  }));
}

async function read(response) {
  const told = await response.json();
  if (!response.ok) throw new Error(told?.error ?? response.statusText);
  return told;
}

export const percent = (share, digits = 0) => `${(100 * share).toFixed(digits)} %`;
export const many = (n) => n.toLocaleString("en");

// Ten colours of middling luminance, told apart with most eyes; then around the wheel.
const COLOURS = ["#2b7bc4", "#e0690a", "#12a07c", "#bb5098", "#858a91", "#7353c8", "#c9971c", "#d1495b", "#4fa3a5", "#7a9a2f"];
export const colour = (i) => COLOURS[i] ?? `hsl(${(i * 137.5) % 360} 55% 52%)`;

export function say(text) { $("live").textContent = text; }

export function alarm(error) {
  $("alarm").textContent = error ? String(error.message ?? error) : "";
  $("alarm").hidden = !error;
}

// A tile of a grid: the small picture, its name for readers, and a note.
export function tile(item, note, properties = {}) {
  const image = element("img", { src: `small/${item.row}`, alt: "", loading: "lazy" });
  image.onload = () => image.classList.toggle("crisp", image.naturalWidth <= 96);
  const made = element("button", { className: "tile", type: "button", ...properties }, image);
  made.setAttribute("aria-label", `${item.name}, ${note || "no class"}`);
  if (note) made.append(element("span", { className: "note", textContent: note }));
  return made;
}

export const taken = (item) => item.label ? `${item.label} ✓` : item.mark ? item.mark
  : item.prediction ? `${item.prediction} ${percent(item.confidence)}` : "";
