// An activation over a whole array, with its slopes: straight lines as such, everything else by cubics between nodes.
const apply = (() => {
  const REACH = 16, PER_UNIT = 64, CELLS = 2 * REACH * PER_UNIT, NEAR = 1 / PER_UNIT;

  /* By the sign bit, since half of all branches would be guessed wrong; 1 taken away makes 0 count as below. */
  const lines = (z, below, a, slopes) => {
    const bits = new Int32Array(z.buffer, z.byteOffset, z.length), lost = 1 - below;
    for (let i = 0; i < bits.length; i++) {
      const slope = 1 + lost * ((bits[i] - 1) >> 31);
      slopes[i] = slope;
      a[i] = slope * z[i];
    }
  };

  /* Hermite's cubic of each cell, from values and slopes at its ends; a kink lies on a node, so slopes are taken from
   * inside the cell.  With 64 cells to 1 the values are right to 1e-9, the slopes to 1e-6. */
  const cubics = (phi) => {
    const table = new Float64Array(4 * CELLS), inside = 1e-9, step = 1 / PER_UNIT;
    const slope = (x) => step * phi.slope(x, phi.value(x));
    for (let cell = 0; cell < CELLS; cell++) {
      const left = cell * step - REACH, right = left + step, rise = phi.value(right) - phi.value(left);
      const [first, last] = [slope(left + inside), slope(right - inside)];
      table.set([phi.value(left), first, 3 * rise - 2 * first - last, first + last - 2 * rise], 4 * cell);
    }
    return table;
  };
  const tabled = new Map();
  const tableOf = (phi) => tabled.get(phi) ?? tabled.set(phi, cubics(phi)).get(phi);

  const curves = (z, phi, a, slopes) => {
    const table = tableOf(phi);
    for (let i = 0; i < z.length; i++) {
      const x = z[i], size = Math.abs(x);
      if (size > NEAR && size < REACH) {
        const place = (x + REACH) * PER_UNIT, cell = place | 0, t = place - cell, at = 4 * cell;
        const c1 = table[at + 1], c2 = table[at + 2], c3 = table[at + 3];
        a[i] = table[at] + t * (c1 + t * (c2 + t * c3));
        slopes[i] = PER_UNIT * (c1 + t * (2 * c2 + 3 * t * c3));
      } else { // near 0 the place in a cell would lose digits that vanishing signals live on
        const value = phi.value(x);
        a[i] = value;
        slopes[i] = phi.slope(x, value);
      }
    }
  };

  return (z, phi) => {
    const a = new Float32Array(z.length), slopes = new Float32Array(z.length);
    if (phi.below === undefined) curves(z, phi, a, slopes);
    else lines(z, phi.below, a, slopes);
    return { a, slopes };
  };
})();
