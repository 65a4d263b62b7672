// Expectations under the normal law: nodes that crowd around 0, where activations bend, summed by the trapezoid rule.
const expectations = (() => {
  const nodes = (half, step, scale) => {
    const at = Array.from({ length: 2 * half + 1 }, (_, i) => (i - half) * step);
    return at.map((t) => {
      const z = scale * Math.sinh(t);
      return { z, weight: (step * scale * Math.cosh(t) * Math.exp((-z * z) / 2)) / Math.sqrt(2 * Math.PI) };
    });
  };
  const FINE = nodes(300, 0.032, 0.001),
    COARSE = nodes(36, 0.16, 0.05);

  /* E[phi], E[phi^2], ... of phi(sqrt(q) z): what a layer's mean, spread and slopes are made of. */
  const moments = (phi, q) => {
    const root = Math.sqrt(q),
      found = { mean: 0, second: 0, fourth: 0, steep: 0, steepest: 0, joint: 0, tilt: 0, bend: 0, lean: 0 };
    for (const { z, weight } of FINE) {
      const value = phi.value(root * z),
        slope = phi.slope(root * z, value),
        square = value * value,
        steep = slope * slope;
      found.mean += weight * value;
      found.second += weight * square;
      found.fourth += weight * square * square;
      found.steep += weight * steep;
      found.steepest += weight * steep * steep;
      found.joint += weight * square * steep;
      found.lean += weight * square * z;
      found.bend += (weight * square * (z * z - 1)) / 2;
      found.tilt += (weight * steep * (z * z - 1)) / 2;
    }
    return found;
  };

  /* E[phi(u) phi(v)] of normals of variance q and this correlation. */
  const cross = (phi, q, correlation) => {
    const root = Math.sqrt(q),
      rest = Math.sqrt(Math.max(1 - correlation * correlation, 0));
    let sum = 0;
    for (const one of COARSE) {
      let inner = 0;
      for (const two of COARSE) inner += two.weight * phi.value(root * (correlation * one.z + rest * two.z));
      sum += one.weight * phi.value(root * one.z) * inner;
    }
    return sum;
  };

  return { cross, moments };
})();
