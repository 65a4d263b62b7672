// Philox4x32-10 (Salmon et al. 2011), keyed by (scheme version, seed, path) as isogain.drawing.key says.
const philox = (() => {
  const SCHEME = 2;

  /* The upper half of a product of two 32-bit words, from halves of 16 bits; no sum here passes 32. */
  const high = (a, b) => {
    const a0 = a & 0xffff, a1 = a >>> 16, b0 = b & 0xffff, b1 = b >>> 16;
    const middle = Math.imul(a1, b0) + (Math.imul(a0, b0) >>> 16) | 0;
    const other = Math.imul(a0, b1) + (middle & 0xffff) | 0;
    return Math.imul(a1, b1) + (middle >>> 16) + (other >>> 16) | 0;
  };

  const key = (seed, path) => {
    const text = new TextEncoder().encode(path);
    const message = new Uint8Array(28 + text.length);
    const view = new DataView(message.buffer);
    view.setUint32(0, SCHEME, true);
    view.setBigUint64(4, BigInt.asUintN(64, BigInt(seed)), true);
    view.setBigInt64(12, BigInt(seed) >> 64n, true);
    view.setBigUint64(20, BigInt(text.length), true);
    message.set(text, 28);
    const digest = new DataView(blake2b(message, 12, "isogain").slice().buffer);
    return [0, 4, 8].map((place) => digest.getUint32(place, true));
  };

  /* The four words of block number (low, upper) of a parameter's stream, written to `out` from `place` on,
   * `step` apart. */
  const block = ([key0, key1, stream], low, upper, draw, out, place, step) => {
    let c0 = low | 0, c1 = upper | 0, c2 = stream | 0, c3 = draw | 0, k0 = key0 | 0, k1 = key1 | 0;
    for (let round = 0; round < 10; round++) {
      const high0 = high(0xd2511f53, c0), high1 = high(0xcd9e8d57, c2);
      const low0 = Math.imul(0xd2511f53, c0), low1 = Math.imul(0xcd9e8d57, c2);
      c0 = high1 ^ c1 ^ k0;
      c1 = low1;
      c2 = high0 ^ c3 ^ k1;
      c3 = low0;
      k0 = (k0 + 0x9e3779b9) | 0;
      k1 = (k1 + 0xbb67ae85) | 0;
    }
    out[place] = c0;
    out[place + step] = c1;
    out[place + 2 * step] = c2;
    out[place + 3 * step] = c3;
  };

  /* The words of elements first, first + 1, ...: word (i / 16) % 4 of block 16 (i / 64) + i % 16. */
  const words = (keyed, count, first = 0) => {
    const start = Math.floor(first / 64), tiles = Math.ceil((first + count) / 64) - start;
    const out = new Uint32Array(64 * tiles);
    for (let tile = 0; tile < tiles; tile++) {
      for (let column = 0; column < 16; column++) {
        const number = 16 * (start + tile) + column;
        block(keyed, number % 2 ** 32, Math.floor(number / 2 ** 32), 0, out, 64 * tile + column, 16);
      }
    }
    return out.subarray(first - 64 * start, first - 64 * start + count);
  };

  /* Word 0 of the block of one element under another draw number. */
  const single = new Uint32Array(4);
  const fresh = (keyed, element, draw) => {
    block(keyed, element % 2 ** 32, Math.floor(element / 2 ** 32), draw, single, 0, 1);
    return single[0];
  };

  return { block, fresh, key, words };
})();
