// SPDX-License-Identifier: Apache-2.0
#include "lb_maglev.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

/* Where a backend is in its order of places. */
struct turn {
	uint32_t place, skip; /* the next place it wants, and the way to the one after */
	uint32_t slot;
	uint32_t weight, credit;
	uint32_t left; /* places until it has its share */
};

bool vpc_maglev_is_size(uint32_t size) {
	if (size < VPC_MAGLEV_SMALLEST || size > VPC_MAGLEV_LARGEST)
		return false;
	for (uint32_t divisor = 2; divisor * divisor <= size; divisor++)
		if (size % divisor == 0)
			return false;
	return true;
}

static int compare_names(const void *left, const void *right) {
	return memcmp(((const struct vpc_maglev_backend *)left)->name, ((const struct vpc_maglev_backend *)right)->name,
		sizeof((const struct vpc_maglev_backend *)left)->name);
}

static uint64_t mix(uint64_t x) {
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

/* Byte by byte: the same on machines of either byte order. */
static uint64_t hash_name(const uint8_t name[static 16], uint64_t seed) {
	uint64_t hash = mix(seed);
	for (int half = 0; half < 2; half++) {
		uint64_t word = 0;
		for (int i = 0; i < 8; i++)
			word = word << 8 | name[half * 8 + i];
		hash = mix(hash ^ word);
	}
	return hash;
}

static uint32_t start_turns(const struct vpc_maglev_backend *backends, size_t count, uint32_t size, struct turn *turns) {
	uint32_t heaviest = 0;
	uint64_t weights = 0;
	for (size_t i = 0; i < count; i++) {
		weights += backends[i].weight;
		heaviest = backends[i].weight > heaviest ? backends[i].weight : heaviest;
	}
	for (size_t i = 0; i < count; i++)
		turns[i] = (struct turn){
			.place = (uint32_t)(hash_name(backends[i].name, 1) % size),
			.skip = (uint32_t)(hash_name(backends[i].name, 2) % (size - 1)) + 1,
			.slot = backends[i].slot,
			.weight = backends[i].weight,
			.left = weights ? (uint32_t)((backends[i].weight * (uint64_t)size + weights - 1) / weights) : 0,
		};
	return heaviest;
}

/* Whether the place was free, and is now taken. */
static inline bool take(uint64_t *taken, uint32_t place) {
	uint64_t bit = 1ULL << (place % 64);
	bool was_free = !(taken[place / 64] & bit);
	taken[place / 64] |= bit;
	return was_free;
}

/* Whoever has his share is out: the list of those that have not gets shorter, in the same order. */
static size_t remove_satisfied(struct turn *turns, size_t count) {
	size_t kept = 0;
	for (size_t i = 0; i < count; i++)
		if (turns[i].left > 0)
			turns[kept++] = turns[i];
	return kept;
}

/* Whether it is the backend's turn: those of the greatest weight have one in each round, those of half of it in every other. */
static inline bool has_turn(struct turn *turn, uint32_t heaviest) {
	turn->credit += turn->weight;
	if (turn->credit < heaviest)
		return false;
	turn->credit -= heaviest;
	return true;
}

/*
 * Rounds until all places are taken. The shares, rounded up, are as many as the places or more, and an order holds every
 * place: somebody takes each. With `are_alike`, a constant, nobody keeps an account of turns.
 */
__attribute__((always_inline))
static inline void fill_places(struct turn *turns, size_t count, uint32_t heaviest, bool are_alike, uint32_t size, uint64_t *taken,
		uint32_t *table) {
	for (uint32_t filled = 0; filled < size; count = remove_satisfied(turns, count)) {
		for (bool is_somebody_satisfied = false; !is_somebody_satisfied && filled < size;) {
			for (struct turn *turn = turns; turn < turns + count; turn++) {
				if (!are_alike && !has_turn(turn, heaviest))
					continue;
				uint32_t place = turn->place, next = place + turn->skip;
				turn->place = next >= size ? next - size : next;
				if (!take(taken, place))
					continue;
				table[place] = turn->slot;
				is_somebody_satisfied |= --turn->left == 0;
				filled++;
			}
		}
	}
}

int vpc_maglev_build(struct vpc_maglev_backend *backends, size_t count, uint32_t size, uint32_t *ret_table) {
	_cleanup_(free_memory) struct turn *turns = calloc(count ? count : 1, sizeof *turns);
	_cleanup_(free_memory) uint64_t *taken = calloc(size / 64 + 1, sizeof *taken);
	if (!turns || !taken)
		return -ENOMEM;
	qsort(backends, count, sizeof *backends, compare_names);
	uint32_t heaviest = start_turns(backends, count, size, turns);
	if (heaviest == 0) {
		memset(ret_table, 0, size * sizeof *ret_table);
		return 0;
	}
	count = remove_satisfied(turns, count); /* of weight 0 */
	bool are_alike = true;
	for (size_t i = 0; i < count; i++)
		are_alike &= turns[i].weight == heaviest;
	if (are_alike)
		fill_places(turns, count, heaviest, true, size, taken, ret_table);
	else
		fill_places(turns, count, heaviest, false, size, taken, ret_table);
	return 0;
}
