(() => {
  const { root, all, status, asked, listen } = pageTools;

  // ---- folded rows ----------------------------------------------------------------------------
  const groupOf = (button) => document.getElementById(button.getAttribute("aria-controls"));
  const setOpen = (button, open) => {
    button.setAttribute("aria-expanded", String(open));
    groupOf(button).hidden = !open;
  };
  for (const button of all(".fold")) {
    button.addEventListener("click", () => setOpen(button, button.getAttribute("aria-expanded") !== "true"));
  }

  // ---- filter ---------------------------------------------------------------------------------
  const matches = (element, words) => words.every((word) => element.dataset.words.includes(word));
  const filter = () => {
    const words = asked();
    for (const item of all(".finding")) item.hidden = !matches(item, words);
    for (const row of all("#layers tr[data-words]")) row.hidden = !matches(row, words);
    const shown = visible().length;
    document.getElementById("nothing").hidden = shown > 0 || !words.length;
    if (words.length) status(`${shown} rows`);
  };

  // ---- walking ---------------------------------------------------------------------------------
  const visible = () => all("#layers tr[data-words]").filter((row) => !row.hidden && !row.parentElement.hidden);
  let current = null;
  const step = (by) => {
    const rows = visible();
    if (!rows.length) return;
    const at = rows.indexOf(current);
    current?.removeAttribute("aria-current");
    current = rows[at < 0 ? 0 : Math.min(Math.max(at + by, 0), rows.length - 1)];
    current.setAttribute("aria-current", "true");
    current.focus({ preventScroll: true });
    current.scrollIntoView({ block: "center" });
  };
  const open = () => {
    const button = current?.querySelector(".fold");
    if (button) setOpen(button, button.getAttribute("aria-expanded") !== "true");
  };

  listen({ j: () => step(1), k: () => step(-1), Enter: open }, filter);
  root.dataset.ready = "true";
})();
