// A Haar orthogonal matrix from standard normals by Householder reflectors (Stewart 1980), in double precision.
const haar = (() => {
  /* Row k from k on as the vector u of 1 - u u^T; what the reflector leaves of e_k is the sign. */
  const reflector = (x, k, tall) => {
    const u = Float64Array.from(x.subarray(k * tall + k, (k + 1) * tall));
    const norm = Math.hypot(...u), sign = u[0] < 0 ? -1 : 1;
    u[0] += sign * norm;
    const scale = Math.sqrt(norm * Math.abs(u[0]));
    return { sign: -sign, u: u.map((value) => value / scale) };
  };

  const reflect = (q, tall, row, k, u) => {
    let along = 0;
    const start = row * tall + k;
    for (let i = 0; i < u.length; i++) along += u[i] * q[start + i];
    for (let i = 0; i < u.length; i++) q[start + i] -= along * u[i];
  };

  /* Row-major (rows, columns); as many reflectors as the shorter side has. */
  return (rows, columns, normals) => {
    const tall = Math.max(rows, columns), wide = Math.min(rows, columns);
    const reflectors = Array.from({ length: wide }, (_, k) => reflector(normals, k, tall));
    const q = new Float64Array(wide * tall);
    for (let k = 0; k < wide; k++) q[k * tall + k] = reflectors[k].sign;
    for (let k = wide - 1; k >= 0; k--) {
      for (let row = k; row < wide; row++) reflect(q, tall, row, k, reflectors[k].u);
    }
    if (columns >= rows) return q;
    return Float64Array.from({ length: rows * columns }, (_, i) => q[(i % columns) * tall + Math.floor(i / columns)]);
  };
})();
