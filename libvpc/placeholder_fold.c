// SPDX-License-Identifier: Apache-2.0
#include "placeholder_fold.h"

#include <byteswap.h>
#include <string.h>

/* How the compiler can have made number out of the constant, or NULL. Compared in the given width. */
static const char *folding(uint64_t constant, uint64_t number, unsigned width) {
	uint64_t mask = width == 8 ? UINT64_MAX : UINT32_MAX;
	uint64_t swapped = width == 8 ? bswap_64(constant) : bswap_32((uint32_t)constant);

	number &= mask;
	if (number == ((constant - 1) & mask))
		return "that less one, from >= or <";
	if (number == ((constant + 1) & mask))
		return "that plus one, from > or <=";
	if (number == (-constant & mask))
		return "that negated, from a subtraction";
	if (number == (~constant & mask))
		return "that inverted, from ~ or a mask";
	if (number == swapped && swapped != constant)
		return "that with its bytes swapped, from htonl or ntohl";
	return NULL;
}

static bool tells_something(uint8_t byte) {
	return byte != 0 && byte != 0xff;
}

/* Halves such as 0x0800 are numbers of their own. */
static bool is_half(uint32_t constant, uint32_t number) {
	uint16_t half = (uint16_t)number;
	bool is_one = half == (uint16_t)constant || half == constant >> 16 || half == bswap_16((uint16_t)constant) ||
		half == bswap_16((uint16_t)(constant >> 16));
	return number >> 16 == 0 && is_one && tells_something((uint8_t)half) && tells_something((uint8_t)(half >> 8));
}

static bool is_distinct(uint32_t constant) {
	unsigned telling = 0;
	for (unsigned i = 0; i < 4; i++)
		telling += tells_something((uint8_t)(constant >> 8 * i));
	return telling >= 3;
}

/* All of it within 64 bits, or what 32 bits keep of it. */
static bool is_shifted(uint32_t constant, uint64_t number) {
	if (number <= UINT16_MAX || !is_distinct(constant))
		return false;
	for (unsigned by = 1; by < 32; by++) {
		if (number >> 32 && (uint32_t)(number >> by) == constant)
			return true;
		if (by < 16 && number >> 32 == 0 && (number == constant >> by || number == (uint32_t)(constant << by)))
			return true;
	}
	return false;
}

static const char *folding_of_4(uint32_t constant, uint64_t number, bool is_wide) {
	/* Folded in 4 bytes the other half is an extension; folded in 8 it is a borrow. */
	bool is_narrow = number >> 32 == 0 || number >> 32 == UINT32_MAX;
	const char *text = is_narrow ? folding(constant, number, 4) : is_wide ? folding(constant, number >> 32, 4) : NULL;

	if (text)
		return text;
	if (number <= UINT16_MAX && is_half(constant, (uint32_t)number))
		return "half of that";
	return is_shifted(constant, is_wide || !is_narrow ? number : (uint32_t)number) ? "that shifted" : NULL;
}

const char *vpc_placeholder_folding(uint64_t constant, uint8_t width, uint64_t number, bool is_wide) {
	if (width == 4)
		return folding_of_4((uint32_t)constant, number, is_wide);
	if ((uint32_t)number == (uint32_t)constant || (uint32_t)number == constant >> 32)
		return !is_wide && constant >> 32 && (int64_t)constant != (int32_t)constant ? "half of that" : NULL;
	return folding(constant, number, 8);
}

/* ---- put together ---- */

/* What is certain of a register within straight code. */
struct number {
	uint64_t value;
	bool is_certain, is_place; /* place: the constant is in it already */
};

static bool ends_straight_code(const struct bpf_insn *insn) {
	return BPF_CLASS(insn->code) == BPF_JMP || BPF_CLASS(insn->code) == BPF_JMP32 ||
		(BPF_CLASS(insn->code) == BPF_LD && !vpc_placeholder_is_wide(insn));
}

static bool calculate(uint8_t operation, uint64_t a, uint64_t b, uint64_t *ret_value) {
	switch (operation) {
	case BPF_MOV: *ret_value = b; return true;
	case BPF_ADD: *ret_value = a + b; return true;
	case BPF_OR: *ret_value = a | b; return true;
	case BPF_XOR: *ret_value = a ^ b; return true;
	case BPF_LSH: *ret_value = b < 64 ? a << b : 0; return b < 64;
	}
	return false;
}

static void step(const struct bpf_insn *insn, bool is_place, struct number *numbers) {
	uint8_t class = BPF_CLASS(insn->code), operation = BPF_OP(insn->code);
	struct number *destination = &numbers[insn->dst_reg % 11], operand = {(uint64_t)(int64_t)insn->imm, true, is_place};

	if (vpc_placeholder_is_wide(insn)) {
		*destination = (struct number){(uint64_t)(uint32_t)insn[1].imm << 32 | (uint32_t)insn->imm, insn->src_reg == 0, is_place};
	} else if (class == BPF_ALU || class == BPF_ALU64) {
		if (BPF_SRC(insn->code) == BPF_X)
			operand = numbers[insn->src_reg % 11];
		bool is_certain = operand.is_certain && (operation == BPF_MOV || destination->is_certain) && insn->off == 0;
		destination->is_place = operand.is_place || (operation != BPF_MOV && destination->is_place);
		destination->is_certain = is_certain && calculate(operation, destination->value, operand.value, &destination->value);
		if (class == BPF_ALU)
			destination->value = (uint32_t)destination->value;
	} else if (class == BPF_LDX) {
		destination->is_certain = false;
	} else if (class == BPF_STX && BPF_MODE(insn->code) == BPF_ATOMIC) {
		memset(numbers, 0, 11 * sizeof *numbers);
	}
}

const char *vpc_placeholder_composition(const struct bpf_insn *insns, size_t count, uint64_t constant, uint8_t width, const uint8_t *known,
		size_t *ret_at, uint64_t *ret_number) {
	struct number numbers[11] = {0};

	for (size_t i = 0; i < count; i++) {
		const struct bpf_insn *insn = &insns[i];
		const struct number *result = &numbers[insn->dst_reg % 11];
		bool is_alu = BPF_CLASS(insn->code) == BPF_ALU || BPF_CLASS(insn->code) == BPF_ALU64;
		if (ends_straight_code(insn))
			memset(numbers, 0, sizeof numbers);
		else
			step(insn, known[i], numbers);
		bool is_constant = width == 8 ? result->value == constant : (uint32_t)result->value == constant;
		if (is_alu && BPF_OP(insn->code) != BPF_MOV && result->is_certain && !result->is_place && is_constant) {
			*ret_at = i;
			*ret_number = (uint32_t)insn->imm;
			return "what completes it: it is put together from smaller numbers";
		}
		i += vpc_placeholder_is_wide(insn);
	}
	return NULL;
}
