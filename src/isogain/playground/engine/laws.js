// An initializer, as isogain's catalog writes it, at one shape (in, out): its law in float64, then float32 numbers.
const laws = (() => {
  const fan = { fan_in: (i, o) => i, fan_out: (i, o) => o, fan_avg: (i, o) => (i + o) / 2 };
  const cut = (mean, sigma) => ({ kind: "truncated", mean, sigma, low: mean + -2 * sigma, high: mean + 2 * sigma });
  const narrowed = (std, corrected) => (corrected ? std / tables.truncated_std : std);
  const balanced = (distribution, std, truncation) => {
    if (distribution === "normal") return { kind: "normal", mean: 0, sigma: std };
    if (distribution === "uniform") return { kind: "uniform", low: -Math.sqrt(3) * std, high: Math.sqrt(3) * std };
    return cut(0, narrowed(std, truncation !== "uncorrected"));
  };

  const makers = {
    Zeros: () => ({ kind: "constant", value: 0 }),
    Ones: () => ({ kind: "constant", value: 1 }),
    Constant: ({ value }) => ({ kind: "constant", value }),
    Normal: ({ std, mean }) => ({ kind: "normal", mean, sigma: std }),
    Uniform: ({ low, high }) => ({ kind: "uniform", low, high }),
    TruncatedNormal: ({ std, mean, corrected }) => cut(mean, narrowed(std, corrected)),
    VarianceScaling: ({ scale, mode, distribution, truncation }, inputs, outputs) =>
      balanced(distribution, Math.sqrt(scale / fan[mode](inputs, outputs)), truncation),
    Orthogonal: ({ gain }) => ({ kind: "orthogonal", gain }),
    Identity: ({ gain }) => ({ kind: "identity", gain }),
  };

  const of = (initializer, inputs, outputs) => makers[initializer.initializer](initializer, inputs, outputs);

  /* The same initializer with weights `gain` times as large: by which power of the gain each of its numbers grows.
   * (The bounds of a truncated normal count in its own sigmas and stay.) */
  const POWERS = { scale: 2, std: 1, mean: 1, value: 1, gain: 1 }, OF_UNIFORM = { low: 1, high: 1 };
  const scaled = (initializer, gain) => {
    if (gain === 1) return initializer;
    const { initializer: name, ...numbers } = initializer;
    if (name === "Ones") return { initializer: "Constant", value: gain };
    const powers = name === "Uniform" ? OF_UNIFORM : POWERS;
    const grown = Object.entries(numbers).map(([key, value]) => [key, key in powers ? value * gain ** powers[key] : value]);
    return { initializer: name, ...Object.fromEntries(grown) };
  };

  const std = (law, inputs, outputs) => ({
    constant: () => 0,
    normal: () => law.sigma,
    uniform: () => (law.high - law.low) / Math.sqrt(12),
    truncated: () => law.sigma * tables.truncated_std,
    orthogonal: () => law.gain / Math.sqrt(Math.max(inputs, outputs)),
    identity: () => law.gain / Math.sqrt(Math.max(inputs, outputs)),
  })[law.kind]();
  const mean = (law) => ({
    constant: () => law.value, normal: () => law.mean, uniform: () => law.low + (law.high - law.low) / 2,
    truncated: () => law.mean, orthogonal: () => 0, identity: () => 0,
  })[law.kind]();

  return { mean, of, scaled, std };
})();
