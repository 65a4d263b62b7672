// A fully connected network: weights, normalization, activation, layer after layer, beside a trunk where asked for.
// u_1 = x W_1 + b_1; a_l = phi(norm(u_l)); u_{l+1} = trunk u_l + branch (a_l W_{l+1} + b_{l+1}).
const network = (() => {
  const residuals = { none: () => 0, one: () => 1, depth: (depth) => 1 / Math.sqrt(depth) };

  /* Weights and biases as the knobs say; `sizes` from the inputs to the last layer. */
  const build = (state, initializer, sizes) => {
    const weights = [], biases = [];
    for (let layer = 1; layer < sizes.length; layer++) {
      const [inputs, outputs] = [sizes[layer - 1], sizes[layer]];
      weights.push(draw(initializer, inputs, outputs, state.seed, `W${layer}`));
      const bias = { initializer: "Normal", std: state.bias, mean: 0 };
      biases.push(state.bias ? draw(bias, 1, outputs, state.seed, `b${layer}`) : new Float32Array(outputs));
    }
    const branch = residuals[state.residual](state.depth);
    return {
      sizes, weights, biases, trunk: branch > 0, branch: branch || 1,
      phi: activations[state.activation], norm: normalizations[state.normalization],
    };
  };

  const linear = (x, net, layer, rows) => {
    const outputs = net.sizes[layer + 1], bias = net.biases[layer];
    const u = multiply(x, net.weights[layer], rows, net.sizes[layer], outputs);
    if (bias.some(Boolean)) for (let i = 0; i < u.length; i++) u[i] += bias[i % outputs];
    return u;
  };
  const joined = (net, layer) => net.trunk && layer > 0 && net.sizes[layer] === net.sizes[layer + 1];
  const next = (net, layer, before, branch) => {
    if (!joined(net, layer)) return branch;
    for (let i = 0; i < branch.length; i++) branch[i] = before[i] + net.branch * branch[i];
    return branch;
  };

  /* What `count` layers saw: before the activation, normalized, and after it. */
  const forward = (net, x, rows, count = net.sizes.length - 1) => {
    const layers = [];
    let a = x;
    for (let layer = 0; layer < count; layer++) {
      const u = next(net, layer, layers.at(-1)?.u, linear(a, net, layer, rows));
      const kept = net.norm.forward(u, rows, net.sizes[layer + 1]);
      const outcome = apply(kept.z, net.phi);
      a = outcome.a;
      layers.push({ u, kept, ...outcome });
    }
    return layers;
  };

  /* d loss / d u one layer back from `g` = d loss / d u of layer + 1; `x` is what that layer read. */
  const back = (net, layer, g, below, rows) => {
    const width = net.sizes[layer], following = net.sizes[layer + 1];
    const dz = multiply(g, multiply.turned(net.weights[layer], width, following), rows, following, width);
    const scale = joined(net, layer) ? net.branch : 1, { slopes } = below;
    for (let i = 0; i < dz.length; i++) dz[i] *= scale * slopes[i];
    const du = net.norm.backward(dz, below.kept, rows, width);
    if (joined(net, layer)) for (let i = 0; i < du.length; i++) du[i] += g[i];
    return du;
  };

  return { back, build, forward, joined, linear, next, residuals };
})();
