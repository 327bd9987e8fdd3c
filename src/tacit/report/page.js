// What the page does beyond being read; without it nothing is missing but convenience.
(() => {
  // A link to what is folded unfolds it.
  const unfold = () => {
    const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    if (!target) return;
    for (let e = target; e; e = e.parentElement) if (e.tagName === "DETAILS") e.open = true;
    target.scrollIntoView();
  };
  addEventListener("hashchange", unfold);
  addEventListener("click", event => {
    // Also where the address is that already and does not change.
    const link = event.target.closest("a[href^='#']");
    if (link && link.hash === location.hash) unfold();
  });
  unfold();

  // Everything at once, to read from top to bottom or to search.
  const folds = [...document.querySelectorAll("details.question")];
  const all = document.createElement("button");
  all.type = "button";
  all.className = "all";
  const name = () => (all.textContent = folds.some(f => !f.open) ? "Unfold all" : "Fold all");
  all.addEventListener("click", () => {
    const open = folds.some(fold => !fold.open);
    for (const fold of folds) fold.open = open;
  });
  for (const fold of folds) fold.addEventListener("toggle", name);
  name();
  document.querySelector("#answers-title").after(all);

  // What is wider than its place says that it goes on.
  const measure = box => box.toggleAttribute("data-wide", box.scrollWidth > box.clientWidth + 1);
  const watch = new ResizeObserver(entries => entries.forEach(entry => measure(entry.target)));
  for (const box of document.querySelectorAll(".scroll")) watch.observe(box);

  // A figure at the size of the window: Esc, a click or the button closes it.
  const dialog = document.createElement("dialog");
  dialog.className = "large";
  const close = document.createElement("button");
  close.type = "button";
  close.textContent = "Close";
  const place = document.createElement("div");
  dialog.append(close, place);
  dialog.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => place.replaceChildren());
  document.body.append(dialog);
  for (const figure of document.querySelectorAll("figure")) {
    const shown = figure.querySelector("svg, img");
    const show = () => {
      const [width, height] = ["width", "height"].map(side => parseFloat(shown.getAttribute(side)));
      const room = Math.min(innerWidth * 0.95 / width, innerHeight * 0.86 / height);
      const copy = shown.cloneNode(true);
      // As large as fits, but not smaller than it was made: then it scrolls.
      const scale = shown.tagName === "IMG" ? 1 : 4 / 3;  // an SVG's size is in points
      copy.style.width = `${Math.max(room * width, scale * width)}px`;
      copy.style.height = "auto";
      dialog.setAttribute("aria-label", figure.querySelector("figcaption b").textContent);
      place.replaceChildren(copy);
      dialog.showModal();
    };
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Enlarge";
    button.setAttribute("aria-label", `Enlarge: ${figure.querySelector("b").textContent}`);
    button.addEventListener("click", show);
    shown.addEventListener("click", show);
    figure.querySelector("figcaption").append(" ", button);
  }
})();
