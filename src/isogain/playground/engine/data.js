// What goes into a network: normal or uniform numbers drawn as `ig.draw` draws them, the digits, points in a plane.
const data = (() => {
  const ROWS = 1000;
  const digits = (() => {
    if (!tables.digits) return null;
    const packed = atob(tables.digits.pixels), images = new Float32Array(packed.length);
    for (let i = 0; i < packed.length; i++) images[i] = packed.charCodeAt(i) / 16;
    return { images, labels: Uint8Array.from(tables.digits.labels, Number), train: tables.digits.train, features: 64 };
  })();

  const laws = {
    normal: { initializer: "Normal", std: 1, mean: 0 },
    uniform: { initializer: "Uniform", low: -Math.sqrt(3), high: Math.sqrt(3) },
  };
  const features = (name, width) => (name === "digits" ? digits.features : width);
  const inputs = (name, width, seed) =>
    name === "digits" ? digits.images.subarray(0, 64 * ROWS) : draw(laws[name], ROWS, width, seed, "x");

  /* Points (x, y) of two or three kinds, with noise of the same generator. */
  const noise = (count, seed, path, std) => draw({ initializer: "Normal", std, mean: 0 }, count, 2, seed, path);
  const shares = (count, seed) => draw({ initializer: "Uniform", low: 0, high: 1 }, count, 1, seed, "share");
  const shapes = {
    circles: (t, kind) => [kind ? 0.5 : 1].flatMap((r) => [r * Math.cos(2 * Math.PI * t), r * Math.sin(2 * Math.PI * t)]),
    moons: (t, kind) => kind ? [0.5 - Math.cos(Math.PI * t), 0.25 - Math.sin(Math.PI * t)]
      : [Math.cos(Math.PI * t) - 0.5, Math.sin(Math.PI * t) - 0.25],
    spirals: (t, kind) => [0.1 + 0.9 * t].flatMap((r) => {
      const angle = 2.5 * Math.PI * t + kind * Math.PI;
      return [1.2 * r * Math.cos(angle), 1.2 * r * Math.sin(angle)];
    }),
  };
  const spread = { circles: 0.05, moons: 0.1, spirals: 0.03 };
  const plane = (name, count, seed) => {
    const wobble = noise(count, seed, `${name}.noise`, spread[name]), share = shares(count, seed);
    const x = new Float32Array(2 * count), labels = new Uint8Array(count);
    for (let i = 0; i < count; i++) {
      labels[i] = i % 2;
      const [first, second] = shapes[name](share[i], labels[i]);
      x[2 * i] = first + wobble[2 * i];
      x[2 * i + 1] = second + wobble[2 * i + 1];
    }
    return { x, labels, rows: count, features: 2, classes: 2 };
  };
  const digitSet = (from, to) => ({
    x: digits.images.subarray(64 * from, 64 * to), labels: digits.labels.subarray(from, to),
    rows: to - from, features: 64, classes: 10,
  });

  /* {train, test} of a data set to learn. */
  const set = (name, seed) => (name === "digits"
    ? { train: digitSet(0, digits.train), test: digitSet(digits.train, digits.labels.length) }
    : { train: plane(name, 300, seed), test: plane(name, 300, seed + 1) });

  return { ROWS, features, inputs, set };
})();
