"use strict";
(() => {
  const payload = JSON.parse(document.getElementById("payload").textContent);
  const root = document.documentElement;
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const status = (text) => { document.getElementById("status").textContent = text; };

  // ---- pictures ---------------------------------------------------------------------------
  /* The rows travel as columns; a column of names is a list of names and a list of positions in it. */
  const rowsOf = (sets) => Object.entries(sets).flatMap(([k, columns]) => {
    const fields = Object.entries(columns);
    const count = (([, c]) => (c.codes ?? c).length)(fields[0]);
    return Array.from({ length: count }, (_, i) => {
      const row = { k };
      for (const [field, c] of fields) {
        const value = c.codes ? c.names[c.codes[i]] : c[i];
        if (value !== null && value !== undefined) row[field] = value;
      }
      return row;
    });
  });

  /* The widest specification that fits; it is then scaled to fill its column. */
  const fitting = (specs, room) => {
    const widths = Object.keys(specs).map(Number).sort((a, b) => a - b);
    return widths.filter((w) => w <= room + 16).pop() ?? widths[0];
  };

  const drawn = new Map();
  const draw = async (id) => {
    const picture = document.querySelector(`#${id} .picture`);
    const { data, specs } = payload.figures[id];
    const width = fitting(specs, picture.clientWidth);
    if (drawn.get(id)?.width === width) return;
    const host = document.createElement("div");
    const spec = { ...specs[width] };
    if (spec.data?.name) spec.datasets = { [spec.data.name]: rowsOf(data) };
    // `ast` interprets Vega's expressions, so that the page can forbid eval.
    const result = await vegaEmbed(host, spec, {
      mode: "vega-lite", renderer: "svg", actions: false, ast: true, config: payload.config,
      tooltip: { theme: "page", disableDefaultStyle: true },
    });
    const svg = host.querySelector("svg");
    svg.style.maxWidth = `${svg.viewBox.baseVal.width * 1.45}px`;
    svg.setAttribute("aria-hidden", "true");
    drawn.get(id)?.result.finalize();
    picture.replaceChildren(host);
    drawn.set(id, { width, result });
  };

  const drawAll = async () => {
    for (const id of Object.keys(payload.figures)) {
      try { await draw(id); } catch (error) { console.error(`${id} could not be drawn:`, error); }
      await new Promise((resume) => setTimeout(resume));
    }
    root.dataset.drawn = String(drawn.size);
  };

  let pending;
  addEventListener("resize", () => { clearTimeout(pending); pending = setTimeout(drawAll, 200); });

  // ---- saving -----------------------------------------------------------------------------
  const save = (name, type, text) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };
  const csv = (rows) => {
    const fields = [...new Set(rows.flatMap(Object.keys))].filter((f) => !["k", "id", "row_label"].includes(f));
    // A leading apostrophe keeps a spreadsheet from taking a name such as "=1+1" for a formula.
    const cell = (v) => typeof v === "string"
      ? `"${(/^[=+\-@\t\r]/.test(v) ? "'" + v : v).replaceAll('"', '""')}"` : v ?? "";
    return [fields.join(","), ...rows.map((row) => fields.map((f) => cell(row[f])).join(","))].join("\n");
  };
  const plain = (text) => {
    const style = getComputedStyle(root);
    return text.replace(/var\((--[\w-]+)\)/g, (_, name) => style.getPropertyValue(name).trim());
  };
  const savers = {
    csv: async (id) => {
      const { line, bar, dot, cell } = payload.figures[id].data;
      save(`${id}.csv`, "text/csv", csv(rowsOf({ k: line ?? bar ?? dot ?? cell ?? {} })));
    },
    svg: async (id) => save(`${id}.svg`, "image/svg+xml", plain(await drawn.get(id).result.view.toSVG())),
  };

  // ---- theme ------------------------------------------------------------------------------
  const darkByDefault = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ?? (darkByDefault.matches ? "dark" : "light")) === "dark";
  const remembered = (value) => {
    try { // Some browsers deny storage to files.
      if (value) localStorage.setItem("isogain-theme", value);
      return localStorage.getItem("isogain-theme");
    } catch { return null; }
  };
  const button = document.getElementById("theme");
  const showTheme = () => button.setAttribute("aria-pressed", String(isDark()));
  const toggleTheme = () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    remembered(root.dataset.theme);
    showTheme();
    status(`${root.dataset.theme} colours`);
  };
  const before = remembered();
  if (before === "light" || before === "dark") root.dataset.theme = before;
  darkByDefault.addEventListener("change", showTheme);
  button.addEventListener("click", toggleTheme);
  showTheme();

  // ---- sections: keys, filter, where we are --------------------------------------------------
  const sections = all("main > section");
  const shown = () => sections.filter((section) => !section.hidden);
  const current = () => {
    const passed = shown().filter((section) => section.getBoundingClientRect().top < 90);
    return shown().indexOf(passed.pop());
  };
  const step = (by) => {
    const target = shown()[Math.min(Math.max(current() + by, 0), shown().length - 1)];
    if (!target) return;
    target.focus({ preventScroll: true });
    target.scrollIntoView();
    markPlace();
  };
  const markPlace = () => {
    const here = shown()[current()]?.id;
    for (const link of all("nav a")) {
      if (link.hash === `#${here}`) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  };
  addEventListener("scroll", () => requestAnimationFrame(markPlace), { passive: true });

  const input = document.getElementById("filter");
  const words = new Map(sections.map((section) => [section.id, section.textContent.toLowerCase()]));
  const filter = () => {
    const asked = input.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    for (const section of sections) section.hidden = !asked.every((word) => words.get(section.id).includes(word));
    for (const item of all("[data-for]")) item.hidden = document.getElementById(item.dataset.for).hidden;
    document.getElementById("nothing").hidden = !asked.length || shown().length > 0;
    if (asked.length) status(`${shown().length} of ${sections.length} sections`);
  };
  input.addEventListener("input", filter);

  const help = document.getElementById("help");
  const keys = document.getElementById("keys");
  const toggleHelp = () => {
    help.hidden = !help.hidden;
    keys.setAttribute("aria-expanded", String(!help.hidden));
  };
  keys.addEventListener("click", toggleHelp);

  const actions = { j: () => step(1), k: () => step(-1), t: toggleTheme, "?": toggleHelp, "/": () => input.focus() };
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") { input.value = ""; filter(); input.blur(); return; }
    if (event.target.closest("input, textarea, select") || !actions[event.key]) return;
    event.preventDefault();
    actions[event.key]();
  });

  // ---- small helpers on the page ---------------------------------------------------------------
  for (const element of all(".tools, .files, .copy")) element.hidden = false;
  document.addEventListener("click", (event) => {
    const kind = event.target.dataset?.save;
    if (kind) savers[kind](event.target.closest("figure").id);
    if (event.target.matches?.(".copy")) copy(event.target);
  });
  const copy = async (copyButton) => {
    const code = copyButton.previousElementSibling;
    try {
      await navigator.clipboard.writeText(code.textContent);
      status("copied");
      copyButton.textContent = "Copied";
      setTimeout(() => { copyButton.textContent = "Copy"; }, 1500);
    } catch { getSelection().selectAllChildren(code); }
  };
  const closed = () => all("details.settings:not([open])");
  let opened = [];
  addEventListener("beforeprint", () => { opened = closed(); for (const d of opened) d.open = true; });
  addEventListener("afterprint", () => { for (const d of opened) d.open = false; });

  markPlace();
  drawAll();
})();
