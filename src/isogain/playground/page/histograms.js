// One histogram a layer, all on one pair of axes as in the book: only so can it be seen what depth does.
const histograms = (() => {
  const WIDE = 120,
    HIGH = 84,
    MOST = 10,
    TALLEST = 0.12;

  /* At most ten layers, evenly spread, the first and the last among them. */
  const chosen = (count) => {
    const shown = Math.min(count, MOST);
    return [
      ...new Set(Array.from({ length: shown }, (_, i) => Math.round((i * (count - 1)) / Math.max(shown - 1, 1)))),
    ];
  };

  const bars = (shares, top) => {
    const step = WIDE / shares.length;
    return shares
      .map((share, i) => {
        const height = (HIGH * Math.min(share, top)) / top;
        return height > 0.05
          ? `M${(i * step).toFixed(1)} ${HIGH}v${(-height).toFixed(1)}h${(step - 0.3).toFixed(1)}V${HIGH}z`
          : "";
      })
      .join("");
  };
  /* A bar that is cut off says how high it is. */
  const cut = (shares, top) => {
    const tallest = Math.max(...shares),
      at = shares.indexOf(tallest);
    if (tallest <= top) return [];
    const x = ((at + 0.5) * WIDE) / shares.length,
      right = x < WIDE / 2;
    const text = svg.element("text", { x: right ? x + 4 : x - 4, y: 11, "text-anchor": right ? "start" : "end" });
    text.textContent = words.percent(tallest);
    return [text];
  };

  const one = (number, seen, [low, high], top, colour) => {
    const label = words.word("histogram_label", {
      layer: number,
      mean: words.figure(seen.mean),
      std: words.figure(seen.std),
    });
    const zero = (-low / (high - low)) * WIDE;
    const picture = svg.picture(
      WIDE,
      HIGH,
      label,
      svg.element("path", { d: bars(seen.shares, top), fill: `var(--${colour})` }),
      svg.element("path", { d: `M${zero} 0V${HIGH}`, class: "zero" }),
      svg.element("path", { d: `M0 ${HIGH}H${WIDE}`, class: "floor" }),
      ...cut(seen.shares, top),
    );
    const ends = svg.html(
      "p",
      { class: "axis", "aria-hidden": "true" },
      ...[low, high].map((end) => svg.html("span", {}, words.figure(end))),
    );
    const said = svg.html(
      "p",
      { class: "moments" },
      words.word("moments", { mean: words.figure(seen.mean), std: words.figure(seen.std) }),
    );
    return svg.html(
      "div",
      { class: "panel" },
      svg.html("h3", {}, words.word("layer", { layer: number })),
      picture,
      ends,
      said,
    );
  };

  const show = (host, layers, axis, colour) => {
    const places = chosen(layers.length),
      shown = places.map((place) => layers[place]);
    const top = Math.min(TALLEST, Math.max(...shown.flatMap((layer) => layer.shares), 1e-9));
    host.replaceChildren(...places.map((place, i) => one(place + 1, shown[i], axis, top, colour)));
    return places.length < layers.length;
  };
  return { show };
})();
