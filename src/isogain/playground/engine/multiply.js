// (rows, inner) times (inner, columns): by WebAssembly where the browser has its SIMD, else in plain JavaScript.
const multiply = (() => {
  const plain = (a, b, rows, inner, columns) => {
    const out = new Float32Array(rows * columns), sums = new Float64Array(columns);
    for (let i = 0; i < rows; i++) {
      sums.fill(0);
      for (let k = 0; k < inner; k++) {
        const factor = a[i * inner + k], start = k * columns;
        if (factor === 0) continue; // half of what leaves a ReLU
        for (let j = 0; j < columns; j++) sums[j] += factor * b[start + j];
      }
      out.set(sums, i * columns);
    }
    return out;
  };

  const compiled = () => {
    try {
      return new WebAssembly.Instance(new WebAssembly.Module(assembly())).exports;
    } catch {
      return null;
    }
  };
  const native = compiled();

  const whole = (n, of) => Math.ceil(n / of) * of;
  const room = (bytes) => {
    const missing = bytes - native.memory.buffer.byteLength;
    if (missing > 0) native.memory.grow(Math.ceil(missing / 65536));
    return native.memory.buffer;
  };
  /* Rows of `from` numbers each become rows of `to`; what is beyond stays as it is and is never looked at. */
  const copy = (source, target, from, to, rows) => {
    if (from === to) target.set(source.subarray(0, from * rows));
    else for (let i = 0; i < rows; i++) target.set(source.subarray(i * from, i * from + Math.min(from, to)), i * to);
  };
  const fast = (a, b, rows, inner, columns) => {
    const tall = whole(rows, 4), wide = whole(columns, 8);
    const atB = 4 * tall * whole(inner, 4), atC = atB + 4 * inner * wide;
    const memory = room(atC + 4 * tall * wide);
    new Float32Array(memory, 0, rows * inner).set(a);
    copy(b, new Float32Array(memory, atB, inner * wide), columns, wide, inner);
    native.multiply(0, atB, atC, tall, inner, wide);
    const out = new Float32Array(rows * columns);
    copy(new Float32Array(memory, atC, tall * wide), out, wide, columns, rows);
    return out;
  };

  const turned = (matrix, rows, columns) => {
    const out = new Float32Array(matrix.length);
    for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) out[j * rows + i] = matrix[i * columns + j];
    return out;
  };

  const times = native ? fast : plain;
  times.plain = plain;
  times.turned = turned;
  times.native = native !== null;
  return times;
})();
