// Lines over an axis of layers or steps, with a band and a dashed line of theory where there is one.
const curves = (() => {
  const HIGH = 190,
    LEFT = 50,
    RIGHT = 14,
    TOP = 12,
    BOTTOM = 34;
  const finite = (values) => values.filter((value) => Number.isFinite(value) && value > 0);

  const limits = (chart) => {
    if (chart.limits) return chart.limits;
    const all = [...chart.lines.flatMap(({ values }) => values), ...(chart.band ?? []).flat()];
    if (!chart.log) {
      const numbers = all.filter(Number.isFinite);
      return [Math.min(0, ...numbers), Math.max(...numbers, 1e-9)];
    }
    const ends = finite(all);
    if (!ends.length) return [0.1, 10];
    const low = Math.min(...ends),
      high = Math.max(...ends),
      least = 4 / Math.max(high / low, 1);
    return least > 1 ? [low / Math.sqrt(least), high * Math.sqrt(least)] : [low / 1.15, high * 1.15];
  };

  const drawn = (chart, width) => {
    const [low, high] = limits(chart),
      count = Math.max(...chart.lines.map(({ values }) => values.length));
    const first = chart.first ?? 1,
      last = first + Math.max(count - 1, 1);
    const move = chart.log ? Math.log : (value) => value;
    const x = (i) => LEFT + (i / (last - first)) * (width - LEFT - RIGHT);
    const y = (value) => {
      const share = (move(Math.min(Math.max(value, low), high)) - move(low)) / (move(high) - move(low));
      return HIGH - BOTTOM - share * (HIGH - TOP - BOTTOM);
    };
    return { low, high, count, first, last, x, y };
  };

  const axes = (chart, width, at) => {
    const parts = [];
    const label = (text, attributes) => {
      const made = svg.element("text", attributes);
      made.textContent = text;
      parts.push(made);
    };
    for (const tick of (chart.log ? svg.powers : svg.round)(at.low, at.high, 4)) {
      const height = at.y(tick);
      parts.push(svg.element("path", { d: `M${LEFT} ${height}H${width - RIGHT}`, class: "grid" }));
      label(words.figure(tick), { x: LEFT - 6, y: height + 4, "text-anchor": "end" });
    }
    const wanted = Math.min(at.count - 1, Math.floor(width / 70));
    for (const tick of svg.round(at.first, at.last, Math.max(wanted, 1)).filter(Number.isInteger)) {
      label(tick, { x: at.x(tick - at.first), y: HIGH - BOTTOM + 16, "text-anchor": "middle" });
    }
    label(chart.across, { x: width - RIGHT, y: HIGH - 3, "text-anchor": "end" });
    return parts;
  };

  const line = ({ values, colour, dashed, dots }, at) => {
    const points = values
      .map((value, i) => [at.x(i), value])
      .filter(([, value]) => Number.isFinite(value))
      .map(([x, value]) => [x, at.y(value)]);
    const parts = [
      svg.element("path", {
        d: svg.path(points),
        fill: "none",
        stroke: `var(--${colour})`,
        "stroke-width": dashed ? 1.5 : 2,
        ...(dashed ? { "stroke-dasharray": "5 4" } : {}),
      }),
    ];
    if (dots && points.length <= 60)
      parts.push(...points.map(([cx, cy]) => svg.element("circle", { cx, cy, r: 3, fill: `var(--${colour})` })));
    return parts;
  };
  const band = (chart, at) => {
    const known = (chart.band ?? [])
      .map((ends, i) => [at.x(i), ...ends])
      .filter((ends) => ends.every(Number.isFinite));
    if (!known.length) return [];
    const upper = known.map(([x, , high]) => [x, at.y(high)]),
      lower = known.map(([x, low]) => [x, at.y(low)]);
    return [svg.element("path", { d: `${svg.path([...upper, ...lower.reverse()])}z`, class: "band" })];
  };
  const legend = (lines) =>
    svg.html(
      "p",
      { class: "legend" },
      ...lines
        .filter(({ name }) => name)
        .map(({ name, colour, dashed }) => {
          const mark = svg.html("span", {
            class: dashed ? "dash" : "stroke",
            "aria-hidden": "true",
            style: `color:var(--${colour})`,
          });
          return svg.html("span", {}, mark, ` ${name}`);
        }),
    );

  /* {title, label, lines: [{values, colour, name, dashed, dots}], band, log, limits, across, first} */
  const show = (host, chart) => {
    const width = Math.max(240, Math.round(host.clientWidth || 320)),
      at = drawn(chart, width);
    const picture = svg.picture(
      width,
      HIGH,
      chart.label,
      ...axes(chart, width, at),
      ...band(chart, at),
      ...chart.lines.flatMap((one) => line(one, at)),
    );
    host.replaceChildren(svg.html("h3", {}, chart.title), picture, legend(chart.lines));
  };
  return { show };
})();
