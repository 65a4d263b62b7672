// What mean-field theory says of these layers, and how far networks of this width stray from it: 95 of 100 lie inside
// the band.  Curves as in isogain.theory.structure, bands to first order in 1 / width; see docs/theory.md.
const theory = (() => {
  const BAND = 1.959964;

  const normalized = {
    none: (at) => ({ ...at, factor: 1 }),
    batch: (at) => ({ variance: 1, cosine: 0, factor: 1 / (at.variance * (1 - at.cosine)) }),
    layer: (at) => ({ variance: 1, cosine: at.cosine, factor: 1 / at.variance }),
    rms: (at) => ({ variance: 1, cosine: at.cosine, factor: 1 / at.variance }),
  };

  /* One block: normalization, activation, weights; the numbers of its fluctuations go along, as in
   * isogain.theory.finite_width.  Where every input is brought to length 1, its own length leaves no trace. */
  const block = (phi, norm, at, weight, bias) => {
    const inside = normalized[norm](at),
      found = expectations.moments(phi, inside.variance);
    const carried = weight * found.second,
      variance = carried + bias,
      forgets = norm === "layer" || norm === "rms";
    const shared = expectations.cross(phi, inside.variance, inside.cosine);
    const elasticity = found.bend / found.second,
      leaning = norm === "layer" ? found.lean / found.second : 0;
    const known = forgets ? 2 * elasticity ** 2 + leaning ** 2 : 0;
    return {
      variance,
      cosine: (weight * shared + bias) / variance,
      chi: found.steep * inside.factor,
      signal: carried / variance,
      kappa: found.fourth / found.second ** 2 - 1 - known,
      stretch: elasticity,
      elasticity: forgets ? 0 : elasticity,
      back: (3 * found.steepest) / found.steep ** 2 - 1,
      joint: found.joint / (found.second * found.steep) - 1,
      tilt: forgets ? -1 : found.tilt / found.steep,
    };
  };
  /* An orthogonal matrix keeps lengths: what they explain of a fluctuation is gone. */
  const rigid = (one) => ({
    ...one,
    noise: Math.max(one.noise - 2 * (one.signal * one.stretch) ** 2, 0) + 2 * (1 - one.signal ** 2),
    back: Math.max(one.back - 2 - 2 * one.tilt ** 2, 0),
    joint: one.joint - 2 * one.signal * one.stretch * one.tilt,
  });

  /* A trunk beside the block: variances add; of a fluctuation only the branch's share is new. */
  const step = (phi, state, at, weight, following, branch) => {
    const one = block(phi, state.normalization, at, weight, state.bias ** 2),
      a = branch || 1,
      q = branch ? at.variance : 0;
    const variance = q + a * a * one.variance,
      share = (a * a * one.variance) / variance,
      own = following * state.width;
    const units = 2 + one.kappa - (one.elasticity ? 2 * (one.stretch * one.signal) ** 2 : 0);
    const steps = a * a * one.chi * own;
    const factor = (branch ? 1 : 0) + steps,
      backShare = steps / factor;
    return {
      ...one,
      variance,
      factor,
      cosine: (q * at.cosine + a * a * one.variance * one.cosine) / variance,
      elasticity: (q + a * a * one.variance * one.elasticity * one.signal) / variance,
      noise: branch
        ? (4 * q * a * a * one.variance + share * share * variance * variance * units) / variance ** 2
        : (one.tilt === -1 ? 2 : 0) + one.signal ** 2 * one.kappa,
      back: branch ? 4 * backShare * (1 - backShare) + backShare ** 2 * one.back : one.back,
      joint: one.signal * one.joint * share * backShare,
      tilt: one.tilt * backShare,
    };
  };

  const reason = (state, mean, variance) => {
    if (state.initializer.initializer === "Identity") return "identity";
    if (mean !== 0) return "mean";
    return variance === 0 ? "constant" : null;
  };

  /* ln q and ln g are sums of what each layer adds; a layer's own noise travels on by the elasticities. */
  const spreads = (steps, width, orthogonal) => {
    const depth = steps.length,
      measured = orthogonal || steps[0].noise ? 0 : 2 / width;
    const forward = [steps[0].noise / width],
      back = Array(depth).fill(0);
    for (let l = 1; l < depth; l++) forward.push(steps[l].elasticity ** 2 * forward[l - 1] + steps[l].noise / width);
    for (let l = 0; l < depth - 1; l++) {
      for (let source = 0; source < depth; source++) {
        let tilted = 0,
          carried = 1;
        for (let at = source + 1; at < depth; at++) {
          if (at > l) tilted += steps[at].tilt * carried;
          carried *= steps[at].elasticity;
        }
        const own = source > l ? 1 : 0;
        back[l] +=
          (own * steps[source].back + tilted ** 2 * steps[source].noise + 2 * own * tilted * steps[source].joint) /
          width;
      }
    }
    return { forward: forward.map((variance) => variance + measured), back };
  };

  const band = (value, variance) => {
    const reach = (BAND * Math.sqrt(Math.max(variance, 0))) / 2,
      middle = Math.log(value) - variance / 4;
    return [Math.exp(middle - reach), Math.exp(middle + reach)];
  };

  const started = (state, weight, inputs) => {
    const carried = weight * inputs.rms ** 2,
      variance = carried + state.bias ** 2;
    // behind weights alone nothing strays but the units that are looked at
    const noise = ["layer", "rms"].includes(state.normalization) ? 2 : 0;
    return {
      variance,
      cosine: (carried * inputs.cosine + state.bias ** 2) / variance,
      elasticity: 0,
      noise,
      factor: 1,
      back: 0,
      joint: 0,
      tilt: 0,
    };
  };
  const followed = (state, sizes, variances, inputs, orthogonal) => {
    const branch = network.residuals[state.residual](state.depth),
      steps = [started(state, sizes[0] * variances[0], inputs)];
    for (let layer = 1; layer < state.depth; layer++) {
      const one = step(
        activations[state.activation],
        state,
        steps.at(-1),
        sizes[layer] * variances[layer],
        variances[layer],
        branch,
      );
      steps.push(orthogonal ? rigid(one) : one);
    }
    return steps;
  };
  const backwards = (steps) => {
    const sizes = steps.map(() => 1);
    for (let layer = steps.length - 2; layer >= 0; layer--) sizes[layer] = sizes[layer + 1] * steps[layer + 1].factor;
    return sizes.map(Math.sqrt);
  };

  return (state, sizes, inputs) => {
    const all = sizes.slice(1).map((outputs, i) => laws.of(state.initializer, sizes[i], outputs));
    const variances = all.map((law, i) => laws.std(law, sizes[i], sizes[i + 1]) ** 2),
      why = reason(state, laws.mean(all[0]), variances[0]);
    if (why) return { why };
    const orthogonal = state.initializer.initializer === "Orthogonal";
    const steps = followed(state, sizes, variances, inputs, orthogonal),
      spread = spreads(steps, state.width, orthogonal);
    const signal = steps.map(({ variance }) => Math.sqrt(variance)),
      gradient = backwards(steps);
    return {
      signal,
      gradient,
      cosine: steps.map(({ cosine }) => cosine),
      signalBand: signal.map((value, i) => band(value, spread.forward[i])),
      gradientBand: gradient.map((value, i) => band(value, spread.back[i])),
    };
  };
})();
