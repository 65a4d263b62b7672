// A product of matrices in WebAssembly's SIMD, put together here instruction by instruction: four rows by eight columns
// stay in registers.  (rows, inner) times (inner, columns), float32, row-major; rows a multiple of 4, columns of 8.
const assembly = (() => {
  const unsigned = (n) => (n < 128 ? [n] : [(n & 127) | 128, ...unsigned(n >>> 7)]);
  const signed = (n) => (n >= -64 && n < 64 ? [n & 127] : [(n & 127) | 128, ...signed(n >> 7)]);
  const sized = (bytes) => [...unsigned(bytes.length), ...bytes];
  const vector = (items) => [...unsigned(items.length), ...items.flat()];
  const section = (number, bytes) => [number, ...sized(bytes)];
  const text = (word) => vector([...word].map((letter) => [letter.charCodeAt(0)]));

  const I32 = 0x7f, V128 = 0x7b, EMPTY = 0x40;
  const get = (local) => [0x20, local], set = (local) => [0x21, local];
  const number = (n) => [0x41, ...signed(n)];
  const plus = 0x6a, times = 0x6c, below = 0x49;
  const simd = (code, ...rest) => [0xfd, ...unsigned(code), ...rest];
  const load = (offset) => simd(0x00, 4, offset), splat = simd(0x09, 2, 0), store = (offset) => simd(0x0b, 4, offset);
  const multiply = simd(0xe6), add = simd(0xe4), nothing = simd(0x0c, ...Array(16).fill(0));
  const increase = (local, ...by) => [...get(local), ...by, plus, ...set(local)];
  /* A loop that runs at least once, until `local` has reached `end`. */
  const loop = (body, local, end) => [0x03, EMPTY, ...body, ...get(local), ...end, below, 0x0d, 0, 0x0b];

  const A = 0, B = 1, C = 2, ROWS = 3, INNER = 4, COLUMNS = 5, I = 6, J = 7, K = 8, PB = 9, OUT = 10, STRIDE = 11, WIDE = 12;
  const row = (r) => 13 + r, total = (r, half) => 17 + 2 * r + half, LEFT = 25, RIGHT = 26, ONE = 27;
  const four = [0, 1, 2, 3];

  const step = [
    ...get(PB), ...load(0), ...set(LEFT), ...get(PB), ...load(16), ...set(RIGHT),
    ...four.flatMap((r) => [
      ...get(row(r)), ...splat, ...set(ONE), ...increase(row(r), ...number(4)),
      ...get(total(r, 0)), ...get(ONE), ...get(LEFT), ...multiply, ...add, ...set(total(r, 0)),
      ...get(total(r, 1)), ...get(ONE), ...get(RIGHT), ...multiply, ...add, ...set(total(r, 1)),
    ]),
    ...increase(PB, ...get(WIDE)), ...increase(K, ...number(1)),
  ];
  const tile = [
    ...four.flatMap((r) => [...nothing, ...set(total(r, 0)), ...nothing, ...set(total(r, 1))]),
    ...get(A), ...set(row(0)), ...[1, 2, 3].flatMap((r) => [...get(row(r - 1)), ...get(STRIDE), plus, ...set(row(r))]),
    ...get(B), ...get(J), ...number(4), times, plus, ...set(PB), ...number(0), ...set(K),
    ...loop(step, K, get(INNER)),
    ...get(C), ...get(J), ...number(4), times, plus, ...set(OUT),
    ...four.flatMap((r) => [
      ...get(OUT), ...get(total(r, 0)), ...store(0), ...get(OUT), ...get(total(r, 1)), ...store(16),
      ...increase(OUT, ...get(WIDE)),
    ]),
    ...increase(J, ...number(8)),
  ];
  const body = [
    ...get(INNER), ...number(4), times, ...set(STRIDE), ...get(COLUMNS), ...number(4), times, ...set(WIDE),
    ...loop([
      ...number(0), ...set(J), ...loop(tile, J, get(COLUMNS)),
      ...increase(A, ...get(STRIDE), ...number(4), times), ...increase(C, ...get(WIDE), ...number(4), times),
      ...increase(I, ...number(4)),
    ], I, get(ROWS)),
    0x0b,
  ];
  const locals = vector([[7 + 4, I32], [8 + 3, V128]]);

  return () => Uint8Array.from([
    0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
    ...section(1, vector([[0x60, ...vector(Array(6).fill([I32])), 0]])),
    ...section(3, vector([[0]])),
    ...section(5, vector([[0, 1]])),
    ...section(7, vector([[...text("multiply"), 0, 0], [...text("memory"), 2, 0]])),
    ...section(10, vector([sized([...locals, ...body])])),
  ]);
})();
