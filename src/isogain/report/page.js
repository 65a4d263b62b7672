(() => {
  const payload = JSON.parse(document.getElementById("payload").textContent);
  const { root, all, status, asked, listen } = pageTools;

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

  const words = new Map(sections.map((section) => [section.id, section.textContent.toLowerCase()]));
  const filter = () => {
    const wanted = asked();
    for (const section of sections) section.hidden = !wanted.every((word) => words.get(section.id).includes(word));
    for (const item of all("[data-for]")) item.hidden = document.getElementById(item.dataset.for).hidden;
    document.getElementById("nothing").hidden = !wanted.length || shown().length > 0;
    if (wanted.length) status(`${shown().length} of ${sections.length} sections`);
  };
  listen({ j: () => step(1), k: () => step(-1) }, filter);

  // ---- small helpers on the page ---------------------------------------------------------------
  document.addEventListener("click", (event) => {
    const kind = event.target.dataset?.save;
    if (kind) savers[kind](event.target.closest("figure").id);
  });
  const closed = () => all("details.settings:not([open])");
  let opened = [];
  addEventListener("beforeprint", () => { opened = closed(); for (const d of opened) d.open = true; });
  addEventListener("afterprint", () => { for (const d of opened) d.open = false; });

  markPlace();
  drawAll();
})();
