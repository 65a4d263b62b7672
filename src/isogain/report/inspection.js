(() => {
  "use strict";
  const root = document.documentElement;
  const all = (selector) => [...document.querySelectorAll(selector)];
  const status = (text) => { document.getElementById("status").textContent = text; };

  // ---- theme ------------------------------------------------------------------------------
  const darkByDefault = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ?? (darkByDefault.matches ? "dark" : "light")) === "dark";
  const remembered = (value) => {
    try { // Some browsers deny storage to files.
      if (value) localStorage.setItem("isogain-theme", value);
      return localStorage.getItem("isogain-theme");
    } catch { return null; }
  };
  const themeButton = document.getElementById("theme");
  const showTheme = () => themeButton.setAttribute("aria-pressed", String(isDark()));
  const toggleTheme = () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    remembered(root.dataset.theme);
    showTheme();
    status(`${root.dataset.theme} colours`);
  };
  const before = remembered();
  if (before === "light" || before === "dark") root.dataset.theme = before;
  themeButton.addEventListener("click", toggleTheme);
  showTheme();

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
  const input = document.getElementById("filter");
  const matches = (element, words) => words.every((word) => element.dataset.words.includes(word));
  const filter = () => {
    const words = input.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    for (const item of all(".finding")) item.hidden = !matches(item, words);
    for (const row of all("#layers tr[data-words]")) row.hidden = !matches(row, words);
    const shown = visible().length;
    document.getElementById("nothing").hidden = shown > 0 || !words.length;
    if (words.length) status(`${shown} rows`);
  };
  input.addEventListener("input", filter);

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

  const help = document.getElementById("help");
  const keys = document.getElementById("keys");
  const toggleHelp = () => {
    help.hidden = !help.hidden;
    keys.setAttribute("aria-expanded", String(!help.hidden));
  };
  keys.addEventListener("click", toggleHelp);
  const actions = {
    j: () => step(1), k: () => step(-1), t: toggleTheme, "?": toggleHelp, "/": () => input.focus(), Enter: open,
  };
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") { input.value = ""; filter(); input.blur(); return; }
    if (event.target.closest("input, textarea, select, button, a, summary") || !actions[event.key]) return;
    event.preventDefault();
    actions[event.key]();
  });

  // ---- copying ---------------------------------------------------------------------------------
  for (const element of all(".tools, .copy")) element.hidden = false;
  for (const button of all(".copy")) {
    button.addEventListener("click", async () => {
      const code = button.previousElementSibling;
      try {
        await navigator.clipboard.writeText(code.textContent);
        button.textContent = "Copied";
        status("copied");
        setTimeout(() => { button.textContent = "Copy"; }, 1500);
      } catch { getSelection().selectAllChildren(code); }
    });
  }
  root.dataset.ready = "true";
})();
