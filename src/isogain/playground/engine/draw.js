// What `ig.draw(initializer, (in, out), layout="in out", seed=seed, path=path)` gives, in float32, row by row.
const draw = (() => {
  const { fround } = Math;

  /* `count` elements from number `first` on. */
  const kinds = {
    constant: (law, count) => new Float32Array(count).fill(law.value),
    normal: (law, count, keyed, first) =>
      variates.normals(keyed, count, fround(law.sigma), fround(law.mean), null, first),
    uniform: ({ low, high }, count, keyed, first) => {
      if (low === high) return new Float32Array(count).fill(low);
      const values = variates.uniforms(keyed, count, fround(high / 2 - low / 2), fround(low / 2 + high / 2), first);
      return variates.clamp(values, variates.above(low), variates.below(high, true));
    },
    truncated: (law, count, keyed, first) => {
      const values = variates.normals(keyed, count, fround(law.sigma), fround(law.mean), tables.two_sigma, first);
      return variates.clamp(values, variates.above(law.low), variates.below(law.high, false));
    },
  };
  /* Of a whole matrix (in, out): its rows are the outputs, so what is made is turned round. */
  const turned = (matrix, inputs, outputs) =>
    Float32Array.from({ length: inputs * outputs }, (_, i) => matrix[(i % outputs) * inputs + Math.floor(i / outputs)]);
  const whole = {
    orthogonal: (law, inputs, outputs, keyed) => {
      const normals = variates.normals(keyed, inputs * outputs, 1, 0);
      return turned(haar(outputs, inputs, normals).map((value) => value * law.gain), inputs, outputs);
    },
    identity: (law, inputs, outputs) =>
      Float32Array.from({ length: inputs * outputs }, (_, i) => (i % outputs === Math.floor(i / outputs) ? law.gain : 0)),
  };

  const elements = (law, keyed, count, first = 0) => kinds[law.kind](law, count, keyed, first);
  const drawn = (initializer, inputs, outputs, seed, path) => {
    const law = laws.of(initializer, inputs, outputs);
    if (whole[law.kind]) return whole[law.kind](law, inputs, outputs, philox.key(seed, path));
    return elements(law, philox.key(seed, path), inputs * outputs);
  };

  /* The same numbers are asked for at every turn of a knob that does not change them. */
  const kept = new Map();
  const draw = (initializer, inputs, outputs, seed, path) => {
    const name = JSON.stringify([initializer, inputs, outputs, seed, path]);
    if (!kept.has(name)) {
      if (kept.size > 64) kept.delete(kept.keys().next().value);
      kept.set(name, drawn(initializer, inputs, outputs, seed, path));
    }
    return kept.get(name);
  };
  draw.elements = elements;
  return draw;
})();
