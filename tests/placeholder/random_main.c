// SPDX-License-Identifier: Apache-2.0
//
// The fuzz target on random bytes, for machines without libFuzzer. usage: placeholder_random_test [ROUNDS [SEED]]
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t next(uint64_t *state) {
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

int main(int argc, char **argv) {
	unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 0) : 200000;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : (uint64_t)time(NULL), state = seed * 2 + 1;
	uint8_t data[8 + 4 * 40];

	printf("%lu rounds from seed %llu\n", rounds, (unsigned long long)seed);
	fflush(stdout);
	for (unsigned long i = 0; i < rounds; i++) {
		size_t size = 8 + 4 * (next(&state) % 40);
		for (size_t k = 0; k < size; k++)
			data[k] = (uint8_t)(next(&state) >> 24);
		LLVMFuzzerTestOneInput(data, size);
	}
	return 0;
}
