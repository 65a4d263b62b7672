/* Generated from polynomials.py by benchmarks/draw_polynomials.py; a test compares the two. */

static const float LOG32[9] = {
    -0x1.0000000000000p+1f,
    0x1.fffff80000000p-1f,
    -0x1.5557920000000p-1f,
    0x1.0005700000000p-1f,
    -0x1.98b7480000000p-2f,
    0x1.5332a40000000p-2f,
    -0x1.3238f00000000p-2f,
    0x1.263ba20000000p-2f,
    -0x1.6544880000000p-3f,
};
static const float SIN32[4] = {
    0x1.921fb60000000p+0f,
    -0x1.4abbba0000000p-1f,
    0x1.465e920000000p-4f,
    -0x1.2d93020000000p-8f,
};
static const float COS32[3] = {
    -0x1.3bd3a20000000p+0f,
    0x1.03b1620000000p-2f,
    -0x1.4ea9e80000000p-6f,
};
static const double LOG64[7] = {
    0x1.5555555555558p-1,
    0x1.999999999522ep-2,
    0x1.2492492e02b1fp-2,
    0x1.c71c62d1c65d1p-3,
    0x1.7462b9b7fd385p-3,
    0x1.39fdc7db531bap-3,
    0x1.2b5f0a67b4647p-3,
};
static const double SIN64[7] = {
    0x1.921fb54442d18p+0,
    -0x1.4abbce625be41p-1,
    0x1.466bc67758700p-4,
    -0x1.32d2cce2d535dp-8,
    0x1.50782fca388fcp-13,
    -0x1.e30063a00c5e9p-19,
    0x1.e3eed5c67a376p-25,
};
static const double COS64[6] = {
    -0x1.3bd3cc9be45a5p+0,
    0x1.03c1f081b14bep-2,
    -0x1.55d3c7dcb5f5fp-6,
    0x1.e1f4fbfc01beep-11,
    -0x1.a6ca009670b26p-16,
    0x1.f3ef424d16137p-22,
};
static const float MINUS_2_LN2_32[1] = {
    -0x1.62e4300000000p+0f,
};
static const double MINUS_2_LN2_64[1] = {
    -0x1.62e42fefa39efp+0,
};
