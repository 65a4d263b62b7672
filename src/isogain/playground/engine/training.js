// Stochastic gradient descent on one network: softmax, cross-entropy, batches drawn with replacement.
const training = (() => {
  const BATCH = 64,
    GRID = 44,
    REACH = 1.6,
    MEMORY = 0.9;

  const softmax = (logits, rows, classes) => {
    const p = new Float32Array(logits.length);
    for (let row = 0; row < rows; row++) {
      const line = logits.subarray(row * classes, (row + 1) * classes),
        top = Math.max(...line);
      let sum = 0;
      for (let j = 0; j < classes; j++) sum += p[row * classes + j] = Math.exp(line[j] - top);
      for (let j = 0; j < classes; j++) p[row * classes + j] /= sum;
    }
    return p;
  };
  /* Mean loss and share right of these labels. */
  const judged = (p, labels, classes) => {
    let loss = 0,
      right = 0;
    for (let row = 0; row < labels.length; row++) {
      const line = p.subarray(row * classes, (row + 1) * classes);
      loss -= Math.log(Math.max(line[labels[row]], 1e-38));
      if (line.every((value) => value <= line[labels[row]]) && Number.isFinite(line[0])) right++;
    }
    return { loss: loss / labels.length, accuracy: right / labels.length };
  };

  const start = (state, initializer, set) => {
    const sizes = [set.train.features, ...Array(state.depth).fill(state.width), set.train.classes];
    const net = network.build(state, initializer, sizes);
    net.weights = net.weights.map((weight) => weight.slice());
    net.biases = net.biases.map((bias) => bias.slice());
    return { net, hidden: state.depth, statistics: [] };
  };

  /* Normalization of single batches is remembered, for the looks between them. */
  const remember = (run, layers) =>
    layers.forEach(({ kept }, i) => {
      if (!kept.means) return;
      const old = (run.statistics[i] ??= { means: kept.means.slice(), scales: kept.scales.slice() });
      for (const name of ["means", "scales"]) {
        kept[name].forEach((value, at) => {
          old[name][at] = MEMORY * old[name][at] + (1 - MEMORY) * value;
        });
      }
    });

  const step = (run, x, labels, classes, rate) => {
    const { net, hidden } = run,
      rows = labels.length,
      layers = network.forward(net, x, rows, hidden);
    remember(run, layers);
    const p = softmax(network.linear(layers[hidden - 1].a, net, hidden, rows), rows, classes);
    const { loss } = judged(p, labels, classes);
    let g = p;
    for (let row = 0; row < rows; row++) g[row * classes + labels[row]] -= 1;
    for (let i = 0; i < g.length; i++) g[i] /= rows;
    for (let layer = hidden; layer >= 0; layer--) {
      const read = layer ? layers[layer - 1].a : x;
      const below = layer ? network.back(net, layer, g, layers[layer - 1], rows) : null;
      const scale = network.joined(net, layer) ? net.branch : 1;
      descend(net, layer, read, g, rows, rate * scale);
      g = below;
    }
    return loss;
  };
  const descend = (net, layer, read, g, rows, rate) => {
    const inputs = net.sizes[layer],
      outputs = net.sizes[layer + 1],
      weight = net.weights[layer],
      bias = net.biases[layer];
    const change = multiply(multiply.turned(read, rows, inputs), g, inputs, rows, outputs);
    for (let i = 0; i < weight.length; i++) weight[i] -= rate * change[i];
    for (let i = 0; i < g.length; i++) bias[i % outputs] -= rate * g[i];
  };

  /* Probabilities of the classes, with the remembered statistics where batches were normalized. */
  const predict = (run, state, x, rows, classes) => {
    const { net, hidden } = run;
    let a = x,
      before = null;
    for (let layer = 0; layer < hidden; layer++) {
      const u = network.next(net, layer, before, network.linear(a, net, layer, rows)),
        seen = run.statistics[layer];
      const z =
        state.normalization === "batch" && seen
          ? net.norm.apply(u, rows, net.sizes[layer + 1], seen.means, seen.scales)
          : net.norm.forward(u, rows, net.sizes[layer + 1]).z;
      a = apply(z, net.phi).a;
      before = u;
    }
    return softmax(network.linear(a, net, hidden, rows), rows, classes);
  };

  const grid = (() => {
    const x = new Float32Array(2 * GRID * GRID);
    for (let i = 0; i < GRID * GRID; i++) {
      x[2 * i] = REACH * ((2 * (i % GRID) + 1) / GRID - 1);
      x[2 * i + 1] = REACH * (1 - (2 * Math.floor(i / GRID) + 1) / GRID);
    }
    return x;
  })();
  const look = (run, state, { test }) => {
    const found = judged(predict(run, state, test.x, test.rows, test.classes), test.labels, test.classes);
    if (test.features === 2) {
      const p = predict(run, state, grid, GRID * GRID, 2);
      found.regions = Uint8Array.from({ length: GRID * GRID }, (_, i) =>
        Number.isFinite(p[2 * i]) ? 255 * p[2 * i + 1] : 128,
      );
    }
    return found;
  };

  const batch = (train, chosen) => {
    const x = new Float32Array(BATCH * train.features),
      labels = new Uint8Array(BATCH);
    chosen.forEach((row, i) => {
      x.set(train.x.subarray(row * train.features, (row + 1) * train.features), i * train.features);
      labels[i] = train.labels[row];
    });
    return { x, labels };
  };

  /* Two starts on the same batches, step by step; what is yielded is shown. */
  function* race(state, initializers) {
    const set = data.set(state.task, state.seed),
      runs = initializers.map((one) => start(state, one, set));
    const order = draw({ initializer: "Uniform", low: 0, high: 1 }, state.steps, BATCH, state.seed, "batches");
    const losses = runs.map(() => []),
      every = Math.max(5, Math.round(state.steps / 40));
    for (let number = 0; number <= state.steps; number++) {
      if (number % every === 0 || number === state.steps) {
        yield {
          step: number,
          losses,
          looks: runs.map((run) => look(run, state, set)),
          points: number ? null : points(set),
        };
      }
      if (number === state.steps) return;
      const chosen = [...order.subarray(number * BATCH, (number + 1) * BATCH)].map((share) =>
        Math.floor(share * set.train.rows),
      );
      const { x, labels } = batch(set.train, chosen);
      runs.forEach((run, i) => losses[i].push(step(run, x, labels, set.train.classes, state.rate)));
    }
  }
  const points = ({ train }) => (train.features === 2 ? { x: train.x, labels: train.labels } : null);

  return { GRID, REACH, race };
})();
