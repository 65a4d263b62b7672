// The lines of Python that draw the same numbers: of one layer's weights, and of the whole forward pass.
const python = (() => {
  const quoted = (value) =>
    (typeof value === "string" ? JSON.stringify(value) : String(value)).replace(/^(true|false)$/, (w) =>
      w === "true" ? "True" : "False",
    );
  const plain = {
    VarianceScaling: ["scale", "mode", "distribution", "truncation"],
    TruncatedNormal: ["std", "mean", "corrected"],
  };
  const constructed = (initializer) => {
    const { initializer: name, ...rest } = initializer;
    const shown = plain[name] ?? Object.keys(rest);
    return `ig.${name}(${shown
      .filter((key) => key in rest)
      .map((key) => `${key}=${quoted(rest[key])}`)
      .join(", ")})`;
  };
  const law = (state) => (state.gain === 1 ? JSON.stringify(state.law) : constructed(state.initializer));

  const draw = (state, shape, path) =>
    `ig.draw(${law(state)}, ${shape}, layout="in out", seed=${state.seed}, path=${path})`;
  const line = (state) => {
    const features = state.depth > 1 ? state.width : data.features(state.inputs, state.width);
    return draw(state, `(${features}, ${state.width})`, `"W${Math.min(2, state.depth)}"`);
  };

  const inputs = {
    normal: ({ width, seed }) => [`h = ig.draw("normal", (${data.ROWS}, ${width}), seed=${seed}, path="x")`],
    uniform: ({ width, seed }) => [
      `h = ig.draw(ig.Uniform(-(3**0.5), 3**0.5), (${data.ROWS}, ${width}), seed=${seed}, path="x")`,
    ],
    digits: () => [`h = load("digits").train_inputs[:${data.ROWS}] / np.float32(16)`],
  };
  const normalized = {
    none: [],
    batch: ["    z = (u - u.mean(0)) / np.sqrt(u.var(0) + 1e-5)"],
    layer: ["    z = (u - u.mean(1, keepdims=True)) / np.sqrt(u.var(1, keepdims=True) + 1e-5)"],
    rms: ["    z = u / np.sqrt((u * u).mean(1, keepdims=True) + 1e-5)"],
  };
  const script = (state) => {
    const { width, depth, seed, bias, residual, normalization } = state;
    const scale = { one: "", depth: ` / ${depth} ** 0.5` }[residual];
    const added = bias
      ? ` + ig.draw(ig.Normal(${bias}), (${width},), layout="out", seed=${seed}, path=f"b{layer}")`
      : "";
    const branch = `h @ w${added}`;
    const trunk =
      residual === "none"
        ? [`    u = ${branch}`]
        : [`    branch = ${branch}`, `    u = branch if layer == 1 else u + branch${scale}`];
    return [
      ...(state.inputs === "digits" || normalization !== "none" ? ["import numpy as np"] : []),
      "import isogain as ig",
      ...(state.inputs === "digits" ? ["from isogain.lab.datasets import load"] : []),
      "",
      `phi = ig.activation("${state.activation}")`,
      ...inputs[state.inputs](state),
      `for layer in range(1, ${depth + 1}):`,
      `    w = ${draw(state, `(h.shape[1], ${width})`, 'f"W{layer}"')}`,
      ...trunk,
      ...normalized[normalization],
      `    h = phi(${normalization === "none" ? "u" : "z"})`,
      '    print(f"{layer}: mean {h.mean():.4g}, std {h.std():.4g}")',
    ].join("\n");
  };
  return { line, script };
})();
