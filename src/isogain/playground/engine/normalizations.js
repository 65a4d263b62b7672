// Normalization between weights and activation, with its way back: scale 1, shift 0, as networks start.
// `along` walks the numbers that are normalized together: a column of the batch, or a row.
const normalizations = (() => {
  const TINY = 1e-5;
  const columns = (rows, width) => ({ groups: width, size: rows, start: (g) => g, step: width });
  const lines = (rows, width) => ({ groups: rows, size: width, start: (g) => g * width, step: 1 });

  const forward = (u, { groups, size, start, step }, centred) => {
    const z = new Float32Array(u.length), means = new Float64Array(groups), scales = new Float64Array(groups);
    for (let g = 0; g < groups; g++) {
      let sum = 0, squares = 0;
      for (let i = 0, at = start(g); i < size; i++, at += step) { sum += u[at]; squares += u[at] * u[at]; }
      const mean = centred ? sum / size : 0;
      const scale = 1 / Math.sqrt(Math.max(squares / size - mean * mean, 0) + TINY);
      for (let i = 0, at = start(g); i < size; i++, at += step) z[at] = (u[at] - mean) * scale;
      means[g] = mean;
      scales[g] = scale;
    }
    return { z, means, scales };
  };

  const backward = (dz, z, scales, { groups, size, start, step }, centred) => {
    const du = new Float32Array(dz.length);
    for (let g = 0; g < groups; g++) {
      let sum = 0, along = 0;
      for (let i = 0, at = start(g); i < size; i++, at += step) { sum += dz[at]; along += dz[at] * z[at]; }
      const mean = centred ? sum / size : 0;
      along /= size;
      for (let i = 0, at = start(g); i < size; i++, at += step) du[at] = (dz[at] - mean - z[at] * along) * scales[g];
    }
    return du;
  };

  const made = (walk, centred) => ({
    forward: (u, rows, width) => forward(u, walk(rows, width), centred),
    backward: (dz, kept, rows, width) => backward(dz, kept.z, kept.scales, walk(rows, width), centred),
    /* With means and scales of an earlier batch, as in testing. */
    apply: (u, rows, width, means, scales) => u.map((value, at) => (value - means[at % width]) * scales[at % width]),
  });
  return {
    none: { forward: (u) => ({ z: u, means: null, scales: null }), backward: (dz) => dz },
    batch: made(columns, true),
    layer: made(lines, true),
    rms: made(lines, false),
  };
})();
