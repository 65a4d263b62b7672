// Activations and their slopes; `slope` gets the input and what came out of it.  `range` is where outputs can lie.
const activations = (() => {
  const SELU_SCALE = 1.0507009873554805,
    SELU_ALPHA = 1.6732632423543772;
  const ROOT_2_PI = Math.sqrt(2 * Math.PI),
    INFINITE = [-Infinity, Infinity];

  /* erfc by Chebyshev's fit, to 1.2e-7 of itself: the page shows float32. */
  const FIT = [
    -1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398, 1.48851587, -0.82215223,
    0.17087277,
  ];
  const erfc = (x) => {
    const t = 1 / (1 + Math.abs(x) / 2);
    const tail = t * Math.exp(-x * x + FIT.reduceRight((sum, c) => sum * t + c, 0));
    return x >= 0 ? tail : 2 - tail;
  };
  const ndtr = (x) => erfc(-x * Math.SQRT1_2) / 2;
  const sigmoid = (x) => 1 / (1 + Math.exp(-x));
  const softplus = (x) => (x > 30 ? x : Math.log1p(Math.exp(x)));

  const two = (below) => ({
    value: (x) => (x > 0 ? x : below * x),
    slope: (x) => (x > 0 ? 1 : below),
    range: below === 0 ? [0, Infinity] : INFINITE,
    below,
  });
  const elu = (alpha, scale) => ({
    value: (x) => scale * (x > 0 ? x : alpha * Math.expm1(x)),
    slope: (x, y) => (x > 0 ? scale : y + scale * alpha),
    range: [-scale * alpha, Infinity],
  });

  return {
    relu: two(0),
    leaky_relu: two(0.01),
    prelu: two(0.25),
    elu: elu(1, 1),
    selu: elu(SELU_ALPHA, SELU_SCALE),
    gelu: {
      value: (x) => x * ndtr(x),
      slope: (x) => ndtr(x) + (x * Math.exp((-x * x) / 2)) / ROOT_2_PI,
      range: [-0.17, Infinity],
    },
    silu: {
      value: (x) => x * sigmoid(x),
      slope: (x) => {
        const s = sigmoid(x);
        return s + x * s * (1 - s);
      },
      range: [-0.2785, Infinity],
    },
    tanh: { value: Math.tanh, slope: (x, y) => 1 - y * y, range: [-1, 1] },
    sigmoid: { value: sigmoid, slope: (x, y) => y * (1 - y), range: [0, 1] },
    softsign: { value: (x) => x / (1 + Math.abs(x)), slope: (x) => 1 / (1 + Math.abs(x)) ** 2, range: [-1, 1] },
    softplus: { value: softplus, slope: sigmoid, range: [0, Infinity] },
    linear: two(1),
  };
})();
