// SPDX-License-Identifier: Apache-2.0
#include "lb_maglev.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { PLACES = 65537, MOST = 100 };

static struct vpc_maglev_backend backend(uint32_t number, uint32_t weight) {
	struct vpc_maglev_backend made = {.weight = weight, .slot = number};
	memcpy(made.name, (uint8_t[16]){[10] = 0xff, [11] = 0xff, [12] = 10, [14] = (uint8_t)(number >> 8), [15] = (uint8_t)number}, 16);
	return made;
}

static const struct {
	const char *description;
	uint32_t size;
	size_t count;
	uint32_t weights[8];
	uint32_t least[8], most[8]; /* places of each backend */
} SHARES[] = {
	/* description          size    count  weights        least                most */
	{"nobody",              251,    0,     {0},           {0},                 {0}},
	{"one",                 251,    1,     {1},           {251},               {251}},
	{"one of weight 7",     251,    1,     {7},           {251},               {251}},
	{"two alike",           251,    2,     {1, 1},        {120, 120},          {126, 126}},
	{"five alike",          16381,  5,     {1, 1, 1, 1, 1}, {3200, 3200, 3200, 3200, 3200}, {3277, 3277, 3277, 3277, 3277}},
	{"one to three",        16381,  2,     {1, 3},        {4000, 12200},       {4096, 12286}},
	{"1 to 1000",           65537,  2,     {1, 1000},     {60, 65400},         {66, 65472}},
	{"1, 2, 3, 4",          65537,  4,     {1, 2, 3, 4},  {6300, 12900, 19300, 25900}, {6554, 13108, 19662, 26215}},
	{"a weight of 0",       16381,  3,     {1, 0, 1},     {8100, 0, 8100},     {8191, 0, 8191}},
	{"the smallest table",  251,    8,     {1, 1, 1, 1, 1, 1, 1, 1}, {25, 25, 25, 25, 25, 25, 25, 25}, {32, 32, 32, 32, 32, 32, 32, 32}},
	{"the largest table",   131071, 2,     {1, 1},        {65000, 65000},      {65536, 65536}},
};

static void gives_shares_by_weight(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof SHARES / sizeof *SHARES; i++) {
		struct vpc_maglev_backend backends[8];
		uint32_t *table = calloc(SHARES[i].size, sizeof *table), places[9] = {0};
		print_message("  %s\n", SHARES[i].description);
		for (uint32_t j = 0; j < SHARES[i].count; j++)
			backends[j] = backend(j + 1, SHARES[i].weights[j]);
		assert_int_equal(vpc_maglev_build(backends, SHARES[i].count, SHARES[i].size, table), 0);
		for (uint32_t j = 0; j < SHARES[i].size; j++)
			places[table[j]]++;
		assert_true(SHARES[i].count == 0 || places[0] == 0);
		for (size_t j = 0; j < SHARES[i].count; j++)
			assert_in_range(places[j + 1], SHARES[i].least[j], SHARES[i].most[j]);
		free(table);
	}
}

static void asks_for_primes_within_limits(void **state) {
	static const struct {
		uint32_t size;
		bool is_good;
	} SIZES[] = {{0, false}, {1, false}, {241, false}, {251, true}, {252, false}, {16381, true}, {16383, false}, {65536, false}, {65537, true},
		{131071, true}, {131101, false}, {4294967291u, false}};
	(void)state;
	for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++)
		assert_int_equal(vpc_maglev_is_size(SIZES[i].size), SIZES[i].is_good);
}

static void does_not_depend_on_the_order(void **state) {
	static uint32_t forward[PLACES], backward[PLACES];
	struct vpc_maglev_backend a[MOST], b[MOST];
	(void)state;
	for (uint32_t i = 0; i < MOST; i++)
		a[i] = b[MOST - 1 - i] = backend(i + 1, 1 + i % 3);
	assert_int_equal(vpc_maglev_build(a, MOST, PLACES, forward), 0);
	assert_int_equal(vpc_maglev_build(b, MOST, PLACES, backward), 0);
	assert_memory_equal(forward, backward, sizeof forward);
}

/* Places that move although neither their old nor their new backend is the one that changed. */
static double moved_besides(const uint32_t *before, const uint32_t *after, uint32_t changed) {
	uint32_t moved = 0;
	for (uint32_t i = 0; i < PLACES; i++)
		moved += before[i] != after[i] && before[i] != changed && after[i] != changed;
	return 100.0 * moved / PLACES;
}

static void hardly_moves_others(void **state) {
	static const struct {
		const char *description;
		uint32_t before, after; /* weight of the backend that changes; 0: it is not there */
		double most;
	} CHANGES[] = {{"one of 100 leaves", 1, 0, 0.57}, {"one joins 99", 0, 1, 0.57}, {"one gets twice the weight", 1, 2, 0.57},
		{"one gets half the weight", 2, 1, 0.57}};
	static uint32_t before[PLACES], after[PLACES];
	(void)state;
	for (size_t i = 0; i < sizeof CHANGES / sizeof *CHANGES; i++) {
		double worst = 0;
		for (uint32_t changed = 1; changed <= MOST; changed += 7) {
			struct vpc_maglev_backend backends[MOST];
			for (uint32_t j = 0; j < MOST; j++)
				backends[j] = backend(j + 1, j + 1 == changed ? CHANGES[i].before : 1);
			assert_int_equal(vpc_maglev_build(backends, MOST, PLACES, before), 0);
			for (uint32_t j = 0; j < MOST; j++)
				backends[j] = backend(j + 1, j + 1 == changed ? CHANGES[i].after : 1);
			assert_int_equal(vpc_maglev_build(backends, MOST, PLACES, after), 0);
			double moved = moved_besides(before, after, changed);
			worst = moved > worst ? moved : worst;
		}
		print_message("  %s: at most %.3f %% of the others' places move\n", CHANGES[i].description, worst);
		assert_true(worst <= CHANGES[i].most);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_shares_by_weight),
		cmocka_unit_test(asks_for_primes_within_limits),
		cmocka_unit_test(does_not_depend_on_the_order),
		cmocka_unit_test(hardly_moves_others),
	};
	return cmocka_run_group_tests_name("lb_maglev", tests, NULL, NULL);
}
