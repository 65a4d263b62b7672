// The knobs themselves, made of the table that Python checks too; each is a native control with a label.
const knobPanel = (() => {
  const GROUPS = {
    network: ["activation", "law", "gain", "depth", "width", "bias", "normalization", "residual", "inputs", "seed"],
    training: ["other", "task", "rate", "steps"],
  };
  const { word } = words;
  const rowOf = (name) => settings.laws.find((row) => row.name === name);
  const choiceName = (knob, value) => {
    const key = `${knob}_${value}`;
    return words.known(key) ? word(key) : value;
  };

  const option = (knob, value) => svg.html("option", { value }, choiceName(knob, value));
  const options = (name, knob) => {
    if (!["law", "other"].includes(name)) return knob.of.map((value) => option(name, value));
    return ["books", "catalog"].map((group) =>
      svg.html(
        "optgroup",
        { label: word(`group_${group}`) },
        ...settings.laws.filter((row) => row.group === group).map((row) => option("law", row.name)),
      ),
    );
  };

  /* A slider over a range of ratios moves by equal factors; what it says has three digits. */
  const STEPS = 200;
  const ends = (knob) => [Math.log10(knob.least), Math.log10(knob.most)];
  const position = (knob, value) => {
    const [a, b] = ends(knob);
    return Math.round((STEPS * (Math.log10(value) - a)) / (b - a));
  };
  const valueAt = (knob, place) => {
    const [a, b] = ends(knob);
    return Number((10 ** (a + ((b - a) * place) / STEPS)).toPrecision(3));
  };
  const slides = (name) => !["seed", "steps"].includes(name);
  const attributes = (name, knob) => {
    if (!slides(name)) return { type: "number", min: knob.least, max: knob.most, step: 1, inputmode: "numeric" };
    if (knob.ratio) return { type: "range", min: 0, max: STEPS, step: 1 };
    return { type: "range", min: knob.least, max: knob.most, step: knob.whole ? 1 : 0.01 };
  };
  const control = (name, knob) =>
    knob.kind === "choice"
      ? svg.html("select", { id: `knob-${name}`, name }, ...options(name, knob))
      : svg.html("input", { id: `knob-${name}`, name, ...attributes(name, knob) });

  const field = (name) => {
    const label = svg.html("label", { for: `knob-${name}` }, word(`knob_${name}`));
    const output = svg.html("output", { for: `knob-${name}`, id: `value-${name}` });
    return svg.html(
      "div",
      { class: "field" },
      svg.html("div", { class: "named" }, label, output),
      control(name, settings.knobs[name]),
    );
  };
  const build = () => {
    for (const [group, names] of Object.entries(GROUPS)) {
      document.querySelector(`[data-group=${group}]`).replaceChildren(...names.map(field));
    }
  };

  const said = (name, state) => {
    if (name === "gain")
      return word("times_std", { times: words.figure(state.gain), std: words.figure(stdOf(state)) });
    if (name === "law" || name === "other") return "";
    return settings.knobs[name].kind === "number" && slides(name) ? words.figure(state[name]) : "";
  };
  const stdOf = (state) => {
    const initializer = laws.scaled(rowOf(state.law).initializer, state.gain);
    return laws.std(laws.of(initializer, state.width, state.width), state.width, state.width);
  };
  const show = (state) => {
    for (const name of Object.values(GROUPS).flat()) {
      const knob = settings.knobs[name],
        input = document.getElementById(`knob-${name}`);
      input.value = knob.ratio ? position(knob, state[name]) : state[name];
      const text = said(name, state);
      document.getElementById(`value-${name}`).textContent = text;
      if (knob.ratio) input.setAttribute("aria-valuetext", text);
    }
    document.getElementById("knob-law").title = `${rowOf(state.law).formula}  [${rowOf(state.law).source}]`;
  };

  /* What a control now says, or nothing where that is no value. */
  const read = (input) => {
    const knob = settings.knobs[input.name];
    if (knob.kind === "choice") return input.value;
    const value = knob.ratio ? valueAt(knob, Number(input.value)) : Number(input.value);
    return input.value !== "" && value >= knob.least && value <= knob.most && (!knob.whole || Number.isInteger(value))
      ? value
      : undefined;
  };
  return { build, read, rowOf, show };
})();
