/* Words from standard input through a battery of TestU01 (L'Ecuyer & Simard 2007).
 *
 *     cc -O2 benchmarks/testu01.c -ltestu01 -lprobdist -lmylib -lm -o testu01
 *     python benchmarks/draw_quality.py --raw | ./testu01 small              # or alphabit, rabbit, crush
 *     python benchmarks/draw_quality.py --raw | ./testu01 small reversed     # the bits of each word turned round
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "TestU01.h"

#define WORDS 65536
#define BITS 4294967296.0 /* what alphabit and rabbit look at */

static int reversed;

static uint32_t turned_round(uint32_t word) {
    word = (word >> 1 & 0x55555555) | (word & 0x55555555) << 1;
    word = (word >> 2 & 0x33333333) | (word & 0x33333333) << 2;
    word = (word >> 4 & 0x0f0f0f0f) | (word & 0x0f0f0f0f) << 4;
    word = (word >> 8 & 0x00ff00ff) | (word & 0x00ff00ff) << 8;
    return word >> 16 | word << 16;
}

static unsigned int next_word(void) {
    static uint32_t words[WORDS];
    static size_t at, count;
    if (at == count) {
        count = fread(words, sizeof *words, WORDS, stdin);
        at = 0;
    }
    if (count == 0) {
        fputs("the input ended before the battery did\n", stderr);
        exit(EXIT_FAILURE);
    }
    uint32_t word = words[at++];
    return reversed ? turned_round(word) : word;
}

int main(int count, char **arguments) {
    const char *battery = count > 1 ? arguments[1] : "";
    reversed = count > 2 && strcmp(arguments[2], "reversed") == 0;
    swrite_Basic = FALSE;
    unif01_Gen *generator = unif01_CreateExternGenBits("isogain", next_word);
    if (strcmp(battery, "small") == 0)
        bbattery_SmallCrush(generator);
    else if (strcmp(battery, "alphabit") == 0)
        bbattery_Alphabit(generator, BITS, 0, 32);
    else if (strcmp(battery, "rabbit") == 0)
        bbattery_Rabbit(generator, BITS);
    else if (strcmp(battery, "crush") == 0)
        bbattery_Crush(generator);
    else {
        fputs("the battery is small, alphabit, rabbit or crush\n", stderr);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
