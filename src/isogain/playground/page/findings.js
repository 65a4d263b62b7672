// What the engine found, shown: one sentence, histograms, curves with theory, and every number in a table.
const findings = (() => {
  const find = (id) => document.getElementById(id);
  const { word, figure, percent } = words;

  const change = (what, first, last) => {
    const ratio = last / first;
    if (!Number.isFinite(ratio) || !Number.isFinite(first)) return word(`${what}_lost`);
    if (ratio === 0) return word(`${what}_zero`);
    if (ratio > 0.5 && ratio < 2) return word(`${what}_keep`);
    return word(`${what}_${ratio > 1 ? "grow" : "shrink"}`, { times: figure(ratio > 1 ? ratio : 1 / ratio) });
  };
  const verdict = ({ layers }) => {
    const [first, last] = [layers[0], layers.at(-1)];
    const said = [
      change("signals", first.signal, last.signal),
      change("gradients", last.gradient.rms, first.gradient.rms),
    ];
    const worst = Math.max(...layers.map(({ dead }) => dead));
    return (
      word("verdict", { signals: said[0], gradients: said[1] }) +
      (worst > 0.05 ? ` ${word("verdict_dead", { share: percent(worst) })}` : "")
    );
  };

  const withTheory = (result, name, measured, colour, more) => {
    const { theory } = result,
      dashed = theory.why ? [] : [{ values: theory[name], colour: "muted", name: word("theory"), dashed: true }];
    return {
      across: word("across_layers"),
      band: theory[`${name}Band`],
      lines: [...dashed, { values: measured, colour, name: word("measured"), dots: true }],
      title: word(`${name}_title`),
      label: word(`${name}_label`, { first: figure(measured[0]), last: figure(measured.at(-1)) }),
      ...more,
    };
  };
  const charts = (result) => {
    const { layers } = result,
      of = (read) => layers.map(read);
    const flat = of(({ flat }) => flat),
      dead = of(({ dead }) => dead);
    return [
      withTheory(
        result,
        "signal",
        of(({ signal }) => signal),
        "c0",
        { log: true },
      ),
      withTheory(
        result,
        "gradient",
        of(({ gradient }) => gradient.rms),
        "c2",
        { log: true },
      ),
      withTheory(
        result,
        "cosine",
        of(({ cosine }) => cosine),
        "c6",
        { limits: [Math.min(-0.1, ...of(({ cosine }) => cosine || 0)), 1] },
      ),
      {
        across: word("across_layers"),
        limits: [0, 1],
        title: word("flat_title"),
        label: word("flat_label", { flat: percent(Math.max(...flat)), dead: percent(Math.max(...dead)) }),
        lines: [
          { values: flat, colour: "c3", name: word("flat"), dots: true },
          { values: dead, colour: "c4", name: word("dead"), dots: true },
        ],
      },
    ];
  };

  const COLUMNS = ["layer", "mean", "std", "signal", "gradient", "cosine", "flat", "dead"];
  const table = ({ layers }) => {
    const head = svg.html(
      "tr",
      {},
      ...COLUMNS.map((name) => svg.html("th", { scope: "col", class: "n" }, word(`column_${name}`))),
    );
    const rows = layers.map(({ activation, gradient, signal, cosine, flat, dead }, i) => {
      const cells = [
        figure(activation.mean),
        figure(activation.std),
        figure(signal),
        figure(gradient.rms),
        figure(cosine),
        percent(flat),
        percent(dead),
      ];
      return svg.html(
        "tr",
        {},
        svg.html("th", { scope: "row", class: "n" }, String(i + 1)),
        ...cells.map((cell) => svg.html("td", { class: "n" }, cell)),
      );
    });
    find("numbers").replaceChildren(svg.html("thead", {}, head), svg.html("tbody", {}, ...rows));
  };

  const show = (result, state) => {
    find("verdict").textContent = verdict(result);
    const some = histograms.show(
      find("activation-histograms"),
      result.layers.map(({ activation }) => activation),
      result.axis,
      "c0",
    );
    histograms.show(
      find("gradient-histograms"),
      result.layers.map(({ gradient }) => gradient),
      result.gradientAxis,
      "c2",
    );
    const beyond = Math.max(...result.layers.map(({ activation }) => activation.beyond));
    find("activation-note").textContent =
      word("activation_note") +
      (some ? ` ${word("some_layers")}` : "") +
      (beyond > 1e-4 ? ` ${word("beyond", { share: percent(beyond) })}` : "");
    drawCharts(result);
    find("theory-note").textContent = result.theory.why
      ? word(`no_theory_${result.theory.why}`)
      : word("theory_note");
    table(result);
    find("line").textContent = python.line(state);
    find("script").textContent = python.script(state);
    find("python-note").textContent = word(
      state.initializer.initializer === "Orthogonal" ? "python_rounding" : "python_bits",
    );
  };
  const drawCharts = (result) => {
    const host = find("depth-charts"),
      made = charts(result);
    while (host.children.length < made.length) host.append(svg.html("div", { class: "panel" }));
    made.forEach((chart, i) => curves.show(host.children[i], chart));
  };
  return { drawCharts, show, verdict };
})();
