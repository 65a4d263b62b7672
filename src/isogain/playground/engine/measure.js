// What the layers of a network hold, as a few numbers and a histogram each; no array leaves the worker.
const measure = (() => {
  const BINS = 49, FLAT = 0.05, REACH = 3.5;

  const moments = (values) => {
    let sum = 0, squares = 0;
    for (let i = 0; i < values.length; i++) {
      sum += values[i];
      squares += values[i] * values[i];
    }
    const mean = sum / values.length, second = squares / values.length;
    return { mean, rms: Math.sqrt(second), std: Math.sqrt(Math.max(second - mean * mean, 0)) };
  };

  /* An odd number of bins, so that 0 lies inside one and not between two. */
  const histogram = (values, [low, high]) => {
    const counts = new Uint32Array(BINS), scale = BINS / (high - low);
    let beyond = 0;
    for (let i = 0; i < values.length; i++) {
      const place = (values[i] - low) * scale;
      if (place >= 0 && place < BINS) counts[place | 0]++;
      else if (values[i] === high) counts[BINS - 1]++;
      else beyond++;
    }
    return { shares: [...counts].map((count) => count / values.length), beyond: beyond / values.length };
  };

  /* Slopes below a twentieth: values that pass no gradient, and units where that holds of every input. */
  const flatness = (slopes, width) => {
    const steep = new Int32Array(width);
    for (let start = 0; start < slopes.length; start += width) {
      for (let unit = 0; unit < width; unit++) steep[unit] += Number(Math.abs(slopes[start + unit]) >= FLAT);
    }
    return {
      flat: 1 - steep.reduce((sum, one) => sum + one, 0) / slopes.length,
      dead: steep.filter((times) => times === 0).length / width,
    };
  };

  /* The mean cosine of neighbouring inputs, as sums over all pairs. */
  const cosine = (u, rows, width) => {
    let shared = 0, squares = 0;
    for (let row = 0; row < Math.min(rows - 1, 400); row++) {
      for (let i = row * width; i < (row + 1) * width; i++) {
        shared += u[i] * u[i + width];
        squares += u[i] * u[i];
      }
    }
    return squares ? shared / squares : NaN;
  };

  /* One axis for all layers: the outputs' own range where it ends, else as wide as the widest layer, at least 1. */
  const shared = (all, range) => {
    const wide = Math.max(1, REACH * Math.max(...all.map((one) => one.rms).filter(Number.isFinite)));
    return [Math.max(range[0], -wide), Math.min(range[1], wide)];
  };

  const gradientRange = (came) => {
    const wide = REACH * Math.max(...came.map((one) => one.rms).filter(Number.isFinite), 1e-30);
    return [-wide, wide];
  };

  const networkOf = (state) => {
    const inputs = data.features(state.inputs, state.width);
    return network.build(state, state.initializer, [inputs, ...Array(state.depth).fill(state.width)]);
  };
  /* From a random gradient of size 1 at the last layer back to the first. */
  const gradients = (net, layers, state) => {
    const probe = { initializer: "Normal", std: 1, mean: 0 };
    const found = [draw(probe, data.ROWS, state.width, state.seed, "gradient")];
    for (let layer = state.depth - 1; layer > 0; layer--) {
      found.unshift(network.back(net, layer, found[0], layers[layer - 1], data.ROWS));
    }
    return found;
  };

  const run = (state) => {
    const started = performance.now();
    const x = data.inputs(state.inputs, state.width, state.seed), net = networkOf(state);
    const layers = network.forward(net, x, data.ROWS), back = gradients(net, layers, state);
    const after = layers.map(({ a }) => moments(a)), before = layers.map(({ u }) => moments(u));
    const came = back.map(moments);
    const axis = shared(after, net.phi.range), gradientAxis = gradientRange(came);
    const inputsSeen = { ...moments(x), cosine: cosine(x, data.ROWS, net.sizes[0]) };
    return {
      axis, gradientAxis, inputs: inputsSeen,
      layers: layers.map((layer, i) => ({
        activation: { ...after[i], ...histogram(layer.a, axis) },
        gradient: { ...came[i], ...histogram(back[i], gradientAxis) },
        signal: before[i].rms, cosine: cosine(layer.u, data.ROWS, state.width),
        ...flatness(layer.slopes, state.width),
      })),
      theory: theory(state, net.sizes, inputsSeen),
      elapsed: performance.now() - started,
    };
  };

  return { BINS, run };
})();
