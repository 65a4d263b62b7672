// Words to numbers in float32, step by step as isogain.drawing.variates has it: doubles, rounded after each step.
// (A sum, product, quotient or root of float32 numbers, computed in double and then rounded, is correctly rounded.)
const variates = (() => {
  const { fround } = Math;
  const floats = new Float32Array(1), bits = new Int32Array(floats.buffer);
  const bitsOf = (x) => { floats[0] = x; return bits[0]; };
  const floatOf = (word) => { bits[0] = word; return floats[0]; };
  const table = (numbers) => Float32Array.from(numbers);
  const QUANTILE = table(tables.QUANTILE32), LOG = table(tables.LOG32), DEEP = table(tables.DEEP32);
  const MINUS_2_LN2 = tables.MINUS_2_LN2_32[0];
  const DEEP_TAIL = 65536, DEEP_DRAW = 0x80000002;

  /* a b + c rounded once.  The product is exact and the sum rounds to double; only where that lies midway between
   * two floats can a second rounding go wrong, and there the error of the sum says which way. */
  const fma = (a, b, c) => {
    const product = a * b, total = product + c, near = fround(total), off = total - near;
    if (off === 0 || fround(total + off) !== total + off) return near;
    const part = total - product, error = (product - (total - part)) + (c - part);
    if (error === 0) return near;
    return (error > 0) === (off > 0) ? total + off : near;
  };

  const polynomial = (coefficients, x) => {
    let result = coefficients[coefficients.length - 1];
    for (let i = coefficients.length - 2; i >= 0; i--) result = fround(fround(result * x) + coefficients[i]);
    return result;
  };

  const ROOT_HALF = 0x3f3504f3;
  const neg2log = (u) => {
    const moved = bitsOf(u) - ROOT_HALF, exponent = moved >> 23;
    const s = fround((exponent === 0 ? u : floatOf((moved & 0x7fffff) + ROOT_HALF)) - (exponent === 0 ? 0 : 1));
    return fround(fround(exponent * MINUS_2_LN2) + fround(s * polynomial(LOG, s)));
  };

  /* The normal quantile of the tail probability (tail + 1/2) / 2^32. */
  const quantile = (tail) => {
    const word = bitsOf(tail), part = (word >> 22) & 31;
    const r = (word & 0x3fffff) * 2 ** -23 - 0.25;
    let z = QUANTILE[160 + part];
    for (let row = 128; row >= 0; row -= 32) z = fma(z, r, QUANTILE[row + part]);
    return z;
  };
  const deepQuantile = (tail) => {
    const r = fround(Math.sqrt(neg2log(fround(tail * 2 ** -32))));
    return fround(r + polynomial(DEEP, fround(1 / r)));
  };

  /* Normals, or normals cut alike on both sides where `cut` = [slope, start] of the tail's probability. */
  const normals = (keyed, count, factor, offset, cut = null, first = 0) => {
    const words = philox.words(keyed, count, first), out = new Float32Array(count);
    const inside = (size) => (cut ? fma(size, cut[0], cut[1]) : size);
    for (let i = 0; i < count; i++) {
      const size = fround(words[i] & 0x7fffffff), tail = inside(size);
      let z = tail < DEEP_TAIL ? 0 : quantile(tail);
      if (tail < DEEP_TAIL) {
        const extra = philox.fresh(keyed, first + i, DEEP_DRAW) >>> 8;
        const part = fround(fround(fround(extra) + 0.5) * 2 ** -24);
        z = deepQuantile(inside(fround(size + part)));
      }
      out[i] = fma(words[i] >>> 31 ? -z : z, factor, offset);
    }
    return out;
  };

  const uniforms = (keyed, count, factor, offset, first = 0) => {
    const words = philox.words(keyed, count, first), out = new Float32Array(count);
    for (let i = 0; i < count; i++) {
      const variate = (((words[i] | 0) >> 8) * 2 + 1) * 2 ** -24;
      out[i] = fround(fround(variate * factor) + offset);
    }
    return out;
  };

  const clamp = (values, low, high) => {
    for (let i = 0; i < values.length; i++) values[i] = Math.min(Math.max(values[i], low), high);
    return values;
  };

  /* The float32 numbers nearest to the ends of an interval, inside it. */
  const next = (x, up) => {
    if (x === 0) return up ? 2 ** -149 : -(2 ** -149);
    return floatOf(bitsOf(x) + (up === x > 0 ? 1 : -1));
  };
  const above = (x) => (fround(x) < x ? next(fround(x), true) : fround(x));
  const below = (x, open) => {
    const near = fround(x) > x ? next(fround(x), false) : fround(x);
    return open && near >= x ? next(near, false) : near;
  };

  return { above, below, clamp, fma, normals, uniforms };
})();
