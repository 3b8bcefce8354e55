// SPDX-License-Identifier: Apache-2.0
#include "placeholder_split.h"

#include <errno.h>
#include <string.h>

#include "error.h"
#include "placeholder_origin.h"

#define NOBODY UINT32_MAX
#define EXTENSION 0xff /* not in the instruction: what an immediate of 4 bytes is extended with */
#define MOST_ROUNDS 64
#define MOST_STEPS (1u << 24)
#define STRAY "a piece of that, which is stored in pieces, and which is used for something else as well"
#define SWAPPED "a piece of that, which is stored in pieces with its bytes swapped"
#define TANGLED "a piece of that, among more of the kind than can be told apart"
#define INCOMPLETE "a piece of that, and the other pieces are not stored beside it"

/* An instruction whose constant is stored: a store of an immediate, or a move. By byte of its constant. */
struct carrier {
	uint32_t instruction;
	uint32_t stores[8]; /* how many stores take the byte */
	uint32_t claims[8]; /* how many of them are pieces of places */
	uint8_t from[8];    /* as which byte of the placeholder */
	bool disputed[8];   /* as several */
	bool used;          /* by anything but stores */
};

/* A byte that a block stores at base + address. */
struct byte {
	uint32_t base;
	int64_t address;
	uint32_t carrier;
	uint32_t sequence;
	uint8_t at, value;
	bool is_taken, is_alone; /* alone: the store takes 1 or 2 bytes */
};

/* Bytes that make up the constant, lowest first. */
struct candidate {
	struct {
		uint32_t carrier;
		uint8_t at;
		bool is_known;
	} pieces[8];
	bool is_refused;
};

struct finder {
	uint64_t constant;
	uint8_t width;
	const uint8_t *known;
	struct vpc_origins origins;
	uint32_t *carrier_at; /* by instruction, or NOBODY */
	bool *joins_used;     /* by block and register: values that meet there are read */
	struct carrier *carriers;
	size_t carrier_count;
	struct byte *bytes; /* of one block */
	size_t byte_count, byte_room;
	struct candidate *candidates;
	size_t candidate_count, candidate_room;
	const char *doubt;
	uint32_t doubtful, steps;
	bool out_of_memory;
};

static void release_finder(struct finder *finder) {
	vpc_origins_release(&finder->origins);
	free(finder->carrier_at);
	free(finder->joins_used);
	free(finder->carriers);
	free(finder->bytes);
	free(finder->candidates);
}

static uint8_t byte_of(uint64_t number, unsigned index) {
	return (uint8_t)(number >> 8 * index);
}

static bool tells_something(uint8_t byte) {
	return byte != 0 && byte != 0xff;
}

/* Pieces of 0x10000, say, are zeros and ones as programs have many. */
static bool is_distinct(uint64_t constant, uint8_t width) {
	unsigned telling = 0;
	for (unsigned i = 0; i < width; i++)
		telling += tells_something(byte_of(constant, i));
	return telling >= 2;
}

static void doubt(struct finder *finder, uint32_t carrier, const char *text) {
	if (finder->doubt)
		return;
	finder->doubt = text;
	finder->doubtful = finder->carriers[carrier].instruction;
}

/* ---- what is stored ---- */

static bool is_move(const struct bpf_insn *insn) {
	return insn->code == (BPF_ALU64 | BPF_MOV | BPF_K) || insn->code == (BPF_ALU | BPF_MOV | BPF_K) ||
		(vpc_placeholder_is_wide(insn) && insn->src_reg == 0);
}

static uint64_t constant_of(const struct bpf_insn *insn) {
	if (vpc_placeholder_is_wide(insn))
		return (uint64_t)(uint32_t)insn[1].imm << 32 | (uint32_t)insn->imm;
	return insn->code == (BPF_ALU | BPF_MOV | BPF_K) ? (uint32_t)insn->imm : (uint64_t)(int64_t)insn->imm;
}

static uint32_t carrier_of(struct finder *finder, uint32_t instruction) {
	if (finder->carrier_at[instruction] == NOBODY) {
		finder->carriers[finder->carrier_count].instruction = instruction;
		finder->carrier_at[instruction] = (uint32_t)finder->carrier_count++;
	}
	return finder->carrier_at[instruction];
}

static bool is_byte_of_constant(const struct finder *finder, uint8_t value) {
	for (unsigned i = 0; i < finder->width; i++)
		if (byte_of(finder->constant, i) == value)
			return true;
	return false;
}

static void *grow(void *items, size_t count, size_t *room, size_t size) {
	if (count < *room)
		return items;
	size_t more = *room ? 2 * *room : 64;
	void *grown = realloc(items, more * size);
	if (grown)
		*room = more;
	return grown;
}

static void add_byte(struct finder *finder, const struct byte *byte) {
	struct byte *grown = grow(finder->bytes, finder->byte_count, &finder->byte_room, sizeof *grown);
	if (!grown) {
		finder->out_of_memory = true;
		return;
	}
	finder->bytes = grown;
	finder->bytes[finder->byte_count++] = *byte;
}

static void store(struct finder *finder, const struct bpf_insn *insn, uint32_t at, struct vpc_origin base, uint32_t instruction) {
	const struct bpf_insn *holder = &finder->origins.graph.insns[instruction];
	unsigned size = vpc_placeholder_access_size(insn), bytes = vpc_placeholder_is_wide(holder) ? 8 : 4;
	uint32_t index = carrier_of(finder, instruction);
	uint64_t constant = constant_of(holder);

	for (unsigned i = 0; i < size; i++) {
		struct byte byte = {.base = base.at, .address = (int64_t)base.offset + insn->off + i, .carrier = index, .sequence = at,
			.value = byte_of(constant, i)};
		byte.at = size == 8 && bytes == 4 ? EXTENSION : (uint8_t)i; /* the sign of what is written would change the rest */
		byte.is_alone = size <= 2;
		if (i < bytes)
			finder->carriers[index].stores[i]++;
		if (is_byte_of_constant(finder, byte.value))
			add_byte(finder, &byte);
	}
}

static void use(struct finder *finder, struct vpc_origin origin) {
	const struct vpc_graph *graph = &finder->origins.graph;
	uint32_t block;
	unsigned reg;

	if (vpc_origins_join(&finder->origins, origin, &block, &reg))
		finder->joins_used[block * VPC_ORIGIN_REGISTERS + reg] = true;
	else if (origin.at < graph->count && is_move(&graph->insns[origin.at]))
		finder->carriers[carrier_of(finder, origin.at)].used = true;
}

static bool is_plain_store(const struct bpf_insn *insn) {
	return BPF_CLASS(insn->code) == BPF_STX && BPF_MODE(insn->code) == BPF_MEM;
}

static void look_at(struct finder *finder, const struct bpf_insn *insn, uint32_t at, const struct vpc_origin *registers) {
	uint16_t reads = vpc_origins_reads(insn);

	for (unsigned i = 0; i < VPC_ORIGIN_REGISTERS; i++)
		if (reads & 1u << i)
			use(finder, registers[i]);
	if (insn->code == (BPF_ALU64 | BPF_ADD | BPF_K))
		use(finder, registers[insn->dst_reg]);
	if (BPF_CLASS(insn->code) == BPF_ST)
		store(finder, insn, at, registers[insn->dst_reg], at);
	if (!is_plain_store(insn))
		return;
	struct vpc_origin value = registers[insn->src_reg];
	if (value.offset == 0 && value.at < finder->origins.graph.count && is_move(&finder->origins.graph.insns[value.at]))
		store(finder, insn, at, registers[insn->dst_reg], value.at);
	else
		use(finder, value);
}

/* ---- what it makes up ---- */

static int compare_bytes(const void *left, const void *right) {
	const struct byte *a = left, *b = right;
	if (a->base != b->base)
		return a->base < b->base ? -1 : 1;
	if (a->address != b->address)
		return a->address < b->address ? -1 : 1;
	return (a->sequence > b->sequence) - (a->sequence < b->sequence);
}

/* The first byte of that value that is stored at the address and not taken, or NULL. */
static struct byte *byte_at(struct finder *finder, size_t start, const struct byte *first, unsigned distance, uint8_t value) {
	for (size_t i = start; i < finder->byte_count; i++) {
		struct byte *byte = &finder->bytes[i];
		if (finder->steps++ >= MOST_STEPS) {
			finder->steps = MOST_STEPS;
			doubt(finder, byte->carrier, TANGLED);
			return NULL;
		}
		if (byte->base != first->base || byte->address > first->address + (int64_t)distance)
			return NULL;
		if (byte->address == first->address + (int64_t)distance && byte->value == value && !byte->is_taken)
			return byte;
	}
	return NULL;
}

static bool is_known(const struct finder *finder, const struct byte *byte, unsigned index) {
	uint8_t known = finder->known[finder->carriers[byte->carrier].instruction];
	return (known & VPC_PLACEHOLDER_KNOWN_LOW && byte->at < 4 && byte->at == index) ||
		(known & VPC_PLACEHOLDER_KNOWN_HIGH && byte->at >= 4 && byte->at < 8 && byte->at - 4u == index) ||
		(known & VPC_PLACEHOLDER_KNOWN_WHOLE && byte->at < 8 && byte->at == index);
}

static bool belongs_elsewhere(const struct finder *finder, const struct byte *byte) {
	uint8_t known = finder->known[finder->carriers[byte->carrier].instruction];
	return (known & VPC_PLACEHOLDER_KNOWN_LOW && (byte->at < 4 || byte->at == EXTENSION)) ||
		(known & VPC_PLACEHOLDER_KNOWN_HIGH && byte->at >= 4) || known & VPC_PLACEHOLDER_KNOWN_WHOLE;
}

static void add_candidate(struct finder *finder, struct byte *const *bytes) {
	struct candidate *grown = grow(finder->candidates, finder->candidate_count, &finder->candidate_room, sizeof *grown);
	if (!grown) {
		finder->out_of_memory = true;
		return;
	}
	finder->candidates = grown;
	struct candidate *candidate = &grown[finder->candidate_count++];
	memset(candidate, 0, sizeof *candidate);
	for (unsigned i = 0; i < finder->width; i++) {
		candidate->pieces[i].carrier = bytes[i]->carrier;
		candidate->pieces[i].at = bytes[i]->at;
		candidate->pieces[i].is_known = is_known(finder, bytes[i], i);
		candidate->is_refused |= bytes[i]->at == EXTENSION;
		bytes[i]->is_taken = true;
	}
	if (candidate->is_refused)
		doubt(finder, candidate->pieces[0].carrier, STRAY);
}

/* Whether the constant begins with this byte; takes its bytes. Known ones alone are no place, but taken as well. */
static void take(struct finder *finder, size_t start, uint64_t constant, bool is_swapped) {
	struct byte *bytes[8];
	unsigned known = 0, elsewhere = 0;

	for (unsigned i = 0; i < finder->width; i++) {
		bytes[i] = byte_at(finder, start, &finder->bytes[start], i, byte_of(constant, i));
		if (!bytes[i])
			return;
		known += is_known(finder, bytes[i], i);
		elsewhere += belongs_elsewhere(finder, bytes[i]);
	}
	if (known < elsewhere)
		return;
	if (is_swapped && bytes[0]->carrier != bytes[finder->width - 1]->carrier)
		doubt(finder, bytes[0]->carrier, SWAPPED);
	else if (is_swapped)
		return; /* vpc_placeholder_folding() tells */
	else if (known < finder->width)
		add_candidate(finder, bytes);
	for (unsigned i = 0; i < finder->width; i++)
		bytes[i]->is_taken = true;
}

/* Two pieces side by side, each a store of its own, are no accident. */
static void look_for_incomplete(struct finder *finder, size_t start) {
	const struct byte *first = &finder->bytes[start];

	if (first->is_taken || !first->is_alone || belongs_elsewhere(finder, first))
		return;
	for (unsigned i = 0; i + 1 < finder->width; i++) {
		uint8_t low = byte_of(finder->constant, i), high = byte_of(finder->constant, i + 1);
		const struct byte *second = first->value == low && tells_something(low) && tells_something(high)
			? byte_at(finder, start, first, 1, high) : NULL;
		if (second && second->is_alone && !belongs_elsewhere(finder, second))
			doubt(finder, first->carrier, INCOMPLETE);
	}
}

static uint64_t swapped(uint64_t constant, uint8_t width) {
	return width == 8 ? __builtin_bswap64(constant) : __builtin_bswap32((uint32_t)constant);
}

static void match_block(struct finder *finder) {
	uint64_t reverse = swapped(finder->constant, finder->width);

	if (finder->byte_count < 2)
		return;
	qsort(finder->bytes, finder->byte_count, sizeof *finder->bytes, compare_bytes);
	for (size_t i = 0; i < finder->byte_count; i++)
		if (finder->bytes[i].value == byte_of(finder->constant, 0) && !finder->bytes[i].is_taken)
			take(finder, i, finder->constant, false);
	for (size_t i = 0; i < finder->byte_count && reverse != finder->constant; i++)
		if (finder->bytes[i].value == byte_of(reverse, 0) && !finder->bytes[i].is_taken)
			take(finder, i, reverse, true);
	for (size_t i = 0; i < finder->byte_count; i++)
		look_for_incomplete(finder, i);
}

static void walk_block(struct finder *finder, uint32_t index) {
	const struct vpc_graph_block *block = &finder->origins.graph.blocks[index];
	struct vpc_origin registers[VPC_ORIGIN_REGISTERS];

	memcpy(registers, finder->origins.starts[index], sizeof registers);
	finder->byte_count = 0;
	for (uint32_t i = block->start; i < block->end; i++) {
		const struct bpf_insn *insn = &finder->origins.graph.insns[i];
		look_at(finder, insn, i, registers);
		vpc_origins_step(insn, i, registers);
		i += vpc_placeholder_is_wide(insn);
	}
	match_block(finder);
}

/* ---- who else uses it ---- */

/* Values that meet where they are read are used, by whichever way they came. */
static void use_what_meets(struct finder *finder, uint32_t index, bool *ret_changed) {
	const struct vpc_graph_block *block = &finder->origins.graph.blocks[index];
	struct vpc_origin registers[VPC_ORIGIN_REGISTERS];
	uint16_t wanted = 0;

	for (unsigned k = 0; k < 2; k++)
		for (unsigned i = 0; block->next[k] != VPC_GRAPH_NONE && i < VPC_ORIGIN_REGISTERS; i++)
			if (finder->joins_used[block->next[k] * VPC_ORIGIN_REGISTERS + i])
				wanted |= (uint16_t)(1u << i);
	if (!wanted)
		return;
	memcpy(registers, finder->origins.starts[index], sizeof registers);
	for (uint32_t i = block->start; i < block->end; i++) {
		vpc_origins_step(&finder->origins.graph.insns[i], i, registers);
		i += vpc_placeholder_is_wide(&finder->origins.graph.insns[i]);
	}
	for (unsigned i = 0; i < VPC_ORIGIN_REGISTERS; i++) {
		uint32_t from;
		unsigned reg;
		if (!(wanted & 1u << i))
			continue;
		if (vpc_origins_join(&finder->origins, registers[i], &from, &reg) && !finder->joins_used[from * VPC_ORIGIN_REGISTERS + reg])
			*ret_changed = true;
		use(finder, registers[i]);
	}
}

static void find_uses(struct finder *finder) {
	bool changed = true;

	for (size_t steps = 0; changed && steps < MOST_STEPS; steps += finder->origins.graph.count) {
		changed = false;
		for (size_t i = finder->origins.graph.block_count; i-- > 0;)
			use_what_meets(finder, (uint32_t)i, &changed);
	}
	for (size_t i = 0; changed && i < finder->carrier_count; i++)
		finder->carriers[i].used = true; /* too long a way: nothing is certain */
}

static void claim(struct finder *finder, const struct candidate *candidate) {
	for (unsigned i = 0; i < finder->width && !candidate->is_refused; i++) {
		struct carrier *carrier = &finder->carriers[candidate->pieces[i].carrier];
		uint8_t at = candidate->pieces[i].at;
		if (candidate->pieces[i].is_known)
			continue;
		carrier->disputed[at] |= carrier->claims[at] && carrier->from[at] != i;
		carrier->from[at] = (uint8_t)i;
		carrier->claims[at]++;
	}
}

/* The carrier that is or may be more than a piece of the candidate, or NOBODY. */
static uint32_t stray_of(const struct finder *finder, const struct candidate *candidate) {
	for (unsigned i = 0; i < finder->width; i++) {
		const struct carrier *carrier = &finder->carriers[candidate->pieces[i].carrier];
		uint8_t at = candidate->pieces[i].at;
		if (!candidate->pieces[i].is_known && (carrier->used || carrier->disputed[at] || carrier->claims[at] != carrier->stores[at]))
			return candidate->pieces[i].carrier;
	}
	return NOBODY;
}

static void withdraw(struct finder *finder, struct candidate *candidate) {
	candidate->is_refused = true;
	for (unsigned i = 0; i < finder->width; i++)
		if (!candidate->pieces[i].is_known)
			finder->carriers[candidate->pieces[i].carrier].claims[candidate->pieces[i].at]--;
}

/* A piece that one place cannot have, no other place has. */
static void settle_claims(struct finder *finder) {
	bool changed = true;

	for (size_t i = 0; i < finder->candidate_count; i++)
		claim(finder, &finder->candidates[i]);
	for (unsigned round = 0; changed; round++) {
		changed = false;
		for (size_t i = 0; i < finder->candidate_count; i++) {
			struct candidate *candidate = &finder->candidates[i];
			uint32_t stray = candidate->is_refused ? NOBODY : stray_of(finder, candidate);
			if (round == MOST_ROUNDS && !candidate->is_refused)
				stray = candidate->pieces[0].carrier;
			if (stray == NOBODY)
				continue;
			doubt(finder, stray, STRAY);
			withdraw(finder, candidate);
			changed = true;
		}
	}
}

/* ---- the answer ---- */

static void add_parts(const struct finder *finder, const struct candidate *candidate, struct vpc_placeholder_splits *splits) {
	struct vpc_placeholder_place *place = &splits->places[splits->count++];

	*place = (struct vpc_placeholder_place){.instruction = UINT32_MAX, .kind = VPC_PLACEHOLDER_SPLIT,
		.first_part = (uint32_t)splits->part_count};
	for (unsigned i = 0; i < finder->width; i++) {
		uint32_t instruction = finder->carriers[candidate->pieces[i].carrier].instruction;
		struct vpc_placeholder_part *last = place->part_count ? &splits->parts[splits->part_count - 1] : NULL;
		if (candidate->pieces[i].is_known)
			continue;
		if (instruction < place->instruction)
			place->instruction = instruction;
		if (last && last->instruction == instruction && last->at + last->count == candidate->pieces[i].at &&
			last->from + last->count == (int)i) {
			last->count++;
			continue;
		}
		splits->parts[splits->part_count++] = (struct vpc_placeholder_part){instruction, candidate->pieces[i].at, (uint8_t)i, 1};
		place->part_count++;
	}
}

static int answer(const struct finder *finder, struct vpc_placeholder_splits *ret_splits) {
	struct vpc_placeholder_splits splits = {.doubt = finder->doubt, .doubtful = finder->doubtful};

	splits.places = calloc(finder->candidate_count + 1, sizeof *splits.places);
	splits.parts = calloc(finder->candidate_count * 8 + 1, sizeof *splits.parts);
	if (!splits.places || !splits.parts) {
		vpc_placeholder_splits_release(&splits);
		return -ENOMEM;
	}
	for (size_t i = 0; i < finder->candidate_count; i++)
		if (!finder->candidates[i].is_refused)
			add_parts(finder, &finder->candidates[i], &splits);
	*ret_splits = splits;
	return 0;
}

void vpc_placeholder_splits_release(struct vpc_placeholder_splits *splits) {
	free(splits->places);
	free(splits->parts);
}

/* Whether the instructions hold two telling bytes of the constant, in places that are not known. Looks once, and briefly. */
static bool may_be_split(const struct bpf_insn *insns, size_t count, uint64_t constant, uint8_t width, const uint8_t *known) {
	unsigned seen = 0, telling = 0;

	for (size_t i = 0; i < count; i++) {
		bool holds = is_move(&insns[i]) || BPF_CLASS(insns[i].code) == BPF_ST;
		uint64_t number = holds && !known[i] ? constant_of(&insns[i]) : 0;
		for (unsigned at = 0; number && at < 8; at++)
			for (unsigned k = 0; k < width; k++)
				if (byte_of(number, at) == byte_of(constant, k))
					seen |= 1u << k;
		i += vpc_placeholder_is_wide(&insns[i]);
	}
	for (unsigned k = 0; k < width; k++)
		telling += tells_something(byte_of(constant, k)) && seen & 1u << k;
	return telling >= 2;
}

static int find(struct finder *finder) {
	size_t count = finder->origins.graph.count, blocks = finder->origins.graph.block_count;

	finder->carrier_at = malloc(count * sizeof *finder->carrier_at);
	finder->carriers = calloc(count, sizeof *finder->carriers);
	finder->joins_used = calloc(blocks * VPC_ORIGIN_REGISTERS, sizeof *finder->joins_used);
	if (!finder->carrier_at || !finder->carriers || !finder->joins_used)
		return -ENOMEM;
	memset(finder->carrier_at, 0xff, count * sizeof *finder->carrier_at);
	for (size_t i = 0; i < blocks; i++)
		walk_block(finder, (uint32_t)i);
	find_uses(finder);
	settle_claims(finder);
	return finder->out_of_memory ? -ENOMEM : 0;
}

int vpc_placeholder_find_splits(const struct bpf_insn *insns, size_t count, uint64_t constant, uint8_t width, const uint8_t *known,
		const char *name, struct vpc_placeholder_splits *ret_splits, struct vpc_error *error) {
	_cleanup_(release_finder) struct finder finder = {.constant = constant, .width = width, .known = known};
	struct vpc_placeholder_splits none = {0};

	if (!is_distinct(constant, width) || !may_be_split(insns, count, constant, width, known)) {
		*ret_splits = none;
		return 0;
	}
	int result = vpc_origins_find(insns, count, &finder.origins, name, error);
	if (result == -EINVAL) {
		*ret_splits = none;
		return 0;
	}
	if (result < 0)
		return result;
	result = find(&finder);
	if (result == 0)
		result = answer(&finder, ret_splits);
	return result < 0 ? vpc_fail(error, result, "%s: no memory for %zu instructions", name, count) : 0;
}
