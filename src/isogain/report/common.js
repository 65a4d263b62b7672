"use strict";
// What every page of isogain has: colours, help, keys, a filter box, copying.
const pageTools = (() => {
  const root = document.documentElement;
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
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
  darkByDefault.addEventListener("change", showTheme);
  themeButton.addEventListener("click", toggleTheme);
  showTheme();

  // ---- help, keys and the filter ----------------------------------------------------------------
  const help = document.getElementById("help");
  const keys = document.getElementById("keys");
  const toggleHelp = () => {
    help.hidden = !help.hidden;
    keys.setAttribute("aria-expanded", String(!help.hidden));
  };
  keys.addEventListener("click", toggleHelp);

  const input = document.getElementById("filter");
  const asked = () => (input?.value ?? "").trim().toLowerCase().split(/\s+/).filter(Boolean);
  const pressesItself = (target, key) => key === "Enter" && target.closest("button, a, summary");
  /* Keys of the page's own beside those that every page has; where there is a box, `filter` runs when it changes. */
  const listen = (own, filter) => {
    const actions = { t: toggleTheme, "?": toggleHelp, ...(input ? { "/": () => input.focus() } : {}), ...own };
    input?.addEventListener("input", filter);
    addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (input && event.key === "Escape") { input.value = ""; filter(); input.blur(); return; }
      if (event.target.closest("input, textarea, select") || !actions[event.key]) return;
      if (pressesItself(event.target, event.key)) return;
      event.preventDefault();
      actions[event.key]();
    });
  };

  // ---- tables wider than the page say that they scroll -------------------------------------------
  const hint = () => {
    for (const box of all(".scroll")) {
      const wide = box.scrollWidth > box.clientWidth + 1;
      if (wide) box.dataset.wide = `⟷ ${root.dataset.scrolls ?? "scroll sideways for more"}`;
      else delete box.dataset.wide;
    }
  };
  addEventListener("resize", hint);
  document.addEventListener("toggle", hint, true);
  addEventListener("load", hint);

  // ---- copying ---------------------------------------------------------------------------------
  const copy = async (button) => {
    const code = button.previousElementSibling;
    try {
      await navigator.clipboard.writeText(code.textContent);
      const name = button.textContent;
      button.textContent = button.dataset.done ?? "Copied";
      status(button.textContent);
      setTimeout(() => { button.textContent = name; }, 1500);
    } catch { getSelection().selectAllChildren(code); }
  };
  document.addEventListener("click", (event) => {
    if (event.target.matches?.(".copy")) copy(event.target);
  });
  for (const element of all(".tools, .files, .copy")) element.hidden = false;

  return { root, all, status, asked, listen };
})();
