// SPDX-License-Identifier: Apache-2.0
//
// Streams of instructions, as raw bytes or as small programs made of bytes:
//   - scanning and writing never touch an instruction that is not a place, and writing the constant restores the stream;
//   - what the flow analysis claims holds when the program is interpreted: every fact, and that nobody notices the upper
//     half of a 64-bit move which it says nobody looks at.
#include "placeholder_flow.h"

#include <stdio.h>
#include <string.h>

#define MOST_INSTRUCTIONS 96
#define MOST_STEPS 600
#define MOST_FRAMES 4
#define FRAME_BYTES 512
#define STACK 0x7f0000000000 /* frames lie here, the first lowest */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds, const char *what, size_t instruction) {
	if (holds)
		return;
	fprintf(stderr, "instruction %zu: %s\n", instruction, what);
	abort();
}

/* ---- writing ---- */

/* An lddw by both of its slots. */
static bool is_place(const struct vpc_placeholder_sites *sites, const struct bpf_insn *insns, size_t instruction) {
	for (size_t i = 0; i < vpc_placeholder_sites_count(sites); i++) {
		uint32_t held[8];
		size_t count = vpc_placeholder_sites_instructions(sites, i, held);
		for (size_t k = 0; k < count; k++)
			if (held[k] == instruction || (vpc_placeholder_is_wide(&insns[held[k]]) && held[k] + 1 == instruction))
				return true;
	}
	return false;
}

static void check_writing(const struct bpf_insn *insns, size_t count, const struct vpc_placeholder *placeholder, uint64_t value) {
	struct bpf_insn copy[MOST_INSTRUCTIONS];
	_cleanup_(free_placeholder_sites) struct vpc_placeholder_sites *sites = NULL;
	struct vpc_error error;

	if (vpc_placeholder_scan(insns, count, placeholder, &sites, &error) < 0) {
		require(sites == NULL, "a failed scan gave places", 0);
		return;
	}
	memcpy(copy, insns, count * sizeof *insns);
	if (vpc_placeholder_write(copy, count, sites, value, &error) < 0) {
		require(memcmp(copy, insns, count * sizeof *insns) == 0, "a refused value was written", 0);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		require(is_place(sites, insns, i) || memcmp(&copy[i], &insns[i], sizeof *insns) == 0, "was written, but is no place", i);
		require(copy[i].off == insns[i].off && copy[i].dst_reg == insns[i].dst_reg && copy[i].src_reg == insns[i].src_reg,
			"more than opcode and immediate was written", i);
	}
	require(vpc_placeholder_write(copy, count, sites, placeholder->constant, &error) == 0, "the constant itself was refused", 0);
	for (size_t i = 0; i < count; i++)
		require(copy[i].code == insns[i].code && (copy[i].imm == insns[i].imm || insns[i].code == (BPF_ST | BPF_MEM | BPF_H) ||
			insns[i].code == (BPF_ST | BPF_MEM | BPF_B)), "the constant did not restore it", i);
}

/* ---- small programs ---- */

static const uint8_t OPCODES[] = {
	0x07, 0x0f, 0x1f, 0x27, 0x37, 0x3f, 0x47, 0x4f, 0x57, 0x5f, 0x67, 0x67, 0x77, 0x77, 0x7f, 0x6f, 0x87, 0x97, 0x9f, 0xa7, 0xaf, 0xb7,
		0xb7, 0xbf, 0xbf, 0xbf, 0xc7, 0xc7, 0xcf,
	0x04, 0x0c, 0x34, 0x3c, 0x44, 0x54, 0x64, 0x74, 0x7c, 0x84, 0x9c, 0xac, 0xb4, 0xbc, 0xbc, 0xc4, 0xd4, 0xdc, 0xd7,
	0x05, 0x15, 0x15, 0x1d, 0x1d, 0x25, 0x2d, 0x45, 0x4d, 0x55, 0x5d, 0x65, 0x6d, 0xa5, 0xad, 0xd5,
	0x16, 0x1e, 0x26, 0x2e, 0x46, 0x4e, 0x56, 0x66, 0x6e,
	0x61, 0x69, 0x71, 0x79, 0x79, 0x79, 0x79, 0x79, 0x79, 0x81, 0x62, 0x7a, 0x7a, 0x63, 0x63, 0x6b, 0x73, 0x7b, 0x7b, 0x7b, 0x7b, 0x7b,
		0x7b, 0x7b, 0x7b, 0xdb, 0xc3,
	0x85, 0x85, 0x95,
	0x72, 0x72, 0x6a, 0x73, 0x73, 0x6b,
};
/* Few registers and slots, so that what is put somewhere is also read. */
static const uint8_t REGISTERS[16] = {0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 6, 6, 7, 4, 5, 10};
static const int32_t NUMBERS[] = {0, 1, 32, 32, 32, 33, 31, 5, 0x5edcba98, (int32_t)0xfedcba98, -1, INT32_MIN, INT32_MAX, 64, 16, 7,
	0x98, 0xba, 0xdc, 0xfe, 0xba98, 0xfedc, (int32_t)0xdcba9801, 0x5e};
static const int32_t HELPERS[] = {1, 2, 5, 23, 28, 12, 6};
static const int32_t ATOMICS[] = {BPF_ADD, BPF_ADD | BPF_FETCH, BPF_XCHG, BPF_CMPXCHG};

static bool writes_destination(const struct bpf_insn *insn) {
	uint8_t class = BPF_CLASS(insn->code);
	return class == BPF_ALU || class == BPF_ALU64 || class == BPF_LDX || class == BPF_LD;
}

/* Four bytes an instruction; jumps only go forward, so that programs end. Few programs point into their frame. */
static struct bpf_insn decode(const uint8_t *data, size_t at, size_t count, bool points_to_frame) {
	struct bpf_insn insn = {.code = OPCODES[data[0] % sizeof OPCODES], .dst_reg = REGISTERS[data[1] & 15],
		.src_reg = REGISTERS[data[1] >> 4]};
	uint8_t class = BPF_CLASS(insn.code), operation = BPF_OP(insn.code);
	size_t left = count - at - 1;

	insn.imm = NUMBERS[data[2] % 24];
	if (insn.src_reg == BPF_REG_10 && !points_to_frame)
		insn.src_reg = BPF_REG_8;
	if (writes_destination(&insn) || insn.code == 0xdb || insn.code == 0xc3)
		insn.dst_reg %= 10;
	if (class == BPF_JMP || class == BPF_JMP32) {
		insn.off = left ? (int16_t)(data[3] % left) : 0;
		if (operation == BPF_CALL && data[2] & 1 && left > 1)
			insn = (struct bpf_insn){.code = 0x85, .src_reg = BPF_PSEUDO_CALL, .imm = (int32_t)(1 + data[3] % (left - 1))};
		else if (operation == BPF_CALL)
			insn = (struct bpf_insn){.code = 0x85, .imm = HELPERS[data[2] / 2 % 7]};
	} else if (class == BPF_LDX || class == BPF_ST || class == BPF_STX) {
		insn.off = (int16_t)(-8 * (data[3] % 2 + 1) + (data[3] & 0xe0 ? 0 : data[3] / 2 % 8));
		if (data[2] & 3 && class == BPF_LDX)
			insn.src_reg = BPF_REG_10;
		if (data[2] & 3 && class != BPF_LDX)
			insn.dst_reg = BPF_REG_10;
		if (BPF_MODE(insn.code) == BPF_ATOMIC) {
			insn.imm = ATOMICS[data[2] / 2 % 4];
			insn.src_reg %= 10;
		}
	} else if (operation == BPF_END) {
		insn.imm = data[2] % 3 == 0 ? 16 : data[2] % 3 == 1 ? 32 : 64;
	} else if (operation == BPF_MOV && BPF_SRC(insn.code) == BPF_X && data[3] % 8 == 0) {
		insn.off = data[3] & 8 ? 8 : 16;
	} else if ((operation == BPF_LSH || operation == BPF_RSH || operation == BPF_ARSH) && BPF_SRC(insn.code) == BPF_K) {
		insn.imm &= class == BPF_ALU ? 31 : 63;
	} else if (insn.code == 0x07 && data[3] & 1) {
		insn.imm = -8 * (data[2] % 4);
	}
	return insn;
}

/* ---- interpretation ---- */

struct machine {
	const struct bpf_insn *insns;
	const struct vpc_flow *flow; /* facts to hold it to */
	uint8_t facts;               /* which of them */
	size_t count, place;
	uint64_t content;            /* of the place */
	uint64_t registers[11];
	uint8_t stack[MOST_FRAMES][FRAME_BYTES];
	struct {
		size_t back;
		uint64_t saved[4];
	} calls[MOST_FRAMES];
	unsigned depth;
	uint64_t seen; /* a digest of everything that others can see */
};

static uint64_t mix(uint64_t a, uint64_t b) {
	a = (a ^ b) * 0x9e3779b97f4a7c15;
	return a ^ a >> 29;
}

static void see(struct machine *machine, uint64_t what) {
	machine->seen = mix(machine->seen, what);
}

/* The frames' bytes at an address, or NULL. */
static uint8_t *stack_at(struct machine *machine, uint64_t address, unsigned size) {
	uint64_t offset = address - STACK;
	return address >= STACK && offset + size <= sizeof machine->stack ? (uint8_t *)machine->stack + offset : NULL;
}

static uint64_t frame_top(unsigned depth) {
	return STACK + (uint64_t)(depth + 1) * FRAME_BYTES;
}

static unsigned size_of(uint8_t code) {
	return BPF_SIZE(code) == BPF_B ? 1 : BPF_SIZE(code) == BPF_H ? 2 : BPF_SIZE(code) == BPF_W ? 4 : 8;
}

static uint64_t load(struct machine *machine, uint64_t address, unsigned size) {
	uint8_t *at = stack_at(machine, address, size);
	uint64_t value = mix(address, size);

	if (at) {
		value = 0;
		memcpy(&value, at, size);
		return value;
	}
	see(machine, address);
	return size == 8 ? value : value & ((1ull << 8 * size) - 1);
}

static void store(struct machine *machine, uint64_t address, unsigned size, uint64_t value) {
	uint8_t *at = stack_at(machine, address, size);

	if (at) {
		memcpy(at, &value, size);
		return;
	}
	see(machine, address);
	see(machine, size == 8 ? value : value & ((1ull << 8 * size) - 1));
}

static int64_t extend(uint64_t value, unsigned bits) {
	return (int64_t)(value << (64 - bits)) >> (64 - bits);
}

static uint64_t swap(uint64_t value, int32_t bits) {
	return bits == 16 ? __builtin_bswap16((uint16_t)value) : bits == 32 ? __builtin_bswap32((uint32_t)value) : __builtin_bswap64(value);
}

static uint64_t compute(const struct bpf_insn *insn, uint64_t a, uint64_t b) {
	bool wide = BPF_CLASS(insn->code) == BPF_ALU64;
	uint64_t result = 0;

	if (BPF_OP(insn->code) == BPF_END)
		return wide || BPF_SRC(insn->code) == BPF_X ? swap(a, insn->imm) : insn->imm == 64 ? a : a & ((1ull << insn->imm) - 1);
	if (!wide) {
		a = (uint32_t)a;
		b = (uint32_t)b;
	}
	switch (BPF_OP(insn->code)) {
	case BPF_ADD: result = a + b; break;
	case BPF_SUB: result = a - b; break;
	case BPF_MUL: result = a * b; break;
	case BPF_DIV: result = b ? a / b : 0; break;
	case BPF_MOD: result = b ? a % b : a; break;
	case BPF_AND: result = a & b; break;
	case BPF_OR: result = a | b; break;
	case BPF_XOR: result = a ^ b; break;
	case BPF_NEG: result = -a; break;
	case BPF_LSH: result = a << (b & (wide ? 63 : 31)); break;
	case BPF_RSH: result = a >> (b & (wide ? 63 : 31)); break;
	case BPF_ARSH: result = wide ? (uint64_t)((int64_t)a >> (b & 63)) : (uint64_t)(uint32_t)((int32_t)a >> (b & 31)); break;
	case BPF_MOV: result = BPF_SRC(insn->code) == BPF_X && insn->off ? (uint64_t)extend(b, (unsigned)insn->off) : b; break;
	}
	return wide ? result : (uint32_t)result;
}

static bool decides(const struct bpf_insn *insn, uint64_t a, uint64_t b) {
	int64_t x = (int64_t)a, y = (int64_t)b;

	if (BPF_CLASS(insn->code) == BPF_JMP32) {
		x = (int32_t)(uint32_t)a;
		y = (int32_t)(uint32_t)b;
		a = (uint32_t)a;
		b = (uint32_t)b;
	}
	switch (BPF_OP(insn->code)) {
	case BPF_JA: return true;
	case BPF_JEQ: return a == b;
	case BPF_JNE: return a != b;
	case BPF_JSET: return a & b;
	case BPF_JGT: return a > b;
	case BPF_JGE: return a >= b;
	case BPF_JLT: return a < b;
	case BPF_JLE: return a <= b;
	case BPF_JSGT: return x > y;
	case BPF_JSGE: return x >= y;
	case BPF_JSLT: return x < y;
	default: return x <= y;
	}
}

/* A helper sees its arguments, and what lies in the frame from a pointer upwards. */
static void call_helper(struct machine *machine, int32_t id) {
	struct vpc_helper_arguments arguments = vpc_helper_arguments(id);

	for (unsigned i = 0; i < 5; i++) {
		uint64_t argument = machine->registers[1 + i];
		if (!(arguments.read & 1u << i))
			continue;
		see(machine, arguments.wide & 1u << i ? argument : (uint32_t)argument);
		for (uint64_t at = argument; arguments.wide & 1u << i && stack_at(machine, at, 1) && at < frame_top(machine->depth); at++)
			see(machine, *stack_at(machine, at, 1));
	}
	for (unsigned i = 0; i < 6; i++)
		machine->registers[i] = mix(machine->seen, i);
	machine->registers[0] = mix(machine->seen, (uint64_t)id);
}

static void do_atomic(struct machine *machine, const struct bpf_insn *insn) {
	uint64_t *registers = machine->registers, address = registers[insn->dst_reg] + (uint64_t)(int64_t)insn->off;
	unsigned size = size_of(insn->code);
	uint64_t old = load(machine, address, size), source = registers[insn->src_reg];

	if (insn->imm == BPF_CMPXCHG) {
		bool equal = size == 8 ? old == registers[0] : old == (uint32_t)registers[0];
		if (equal)
			store(machine, address, size, source);
		registers[0] = old;
		return;
	}
	store(machine, address, size, insn->imm == BPF_XCHG ? source : old + source);
	if (insn->imm & BPF_FETCH)
		registers[insn->src_reg] = old;
}

static void hold_to_facts(const struct machine *machine, uint64_t value, uint8_t facts, size_t at) {
	uint32_t high = (uint32_t)(value >> 32);

	facts &= machine->facts;
	require(!(facts & VPC_FLOW_ZERO) || high == 0, "claims an upper half of zero", at);
	require(!(facts & VPC_FLOW_SMALL) || value <= INT32_MAX, "claims a small number", at);
	require(!(facts & VPC_FLOW_SIGN) || (int64_t)value == (int32_t)(uint32_t)value, "claims a sign-extended number", at);
}

/* Runs to the end, or for MOST_STEPS; the answer is in machine->seen. */
static void interpret(struct machine *machine) {
	size_t at = 0;

	for (unsigned i = 0; i < 11; i++)
		machine->registers[i] = mix(i, 77);
	for (size_t i = 0; i < sizeof machine->stack; i++)
		((uint8_t *)machine->stack)[i] = (uint8_t)mix(i, 78);
	machine->registers[10] = frame_top(0);
	for (unsigned step = 0; step < MOST_STEPS && at < machine->count; step++) {
		const struct bpf_insn *insn = &machine->insns[at];
		uint64_t *destination = &machine->registers[insn->dst_reg], source = machine->registers[insn->src_reg];
		uint64_t number = at == machine->place ? machine->content : (uint64_t)(int64_t)insn->imm;
		uint64_t operand = BPF_SRC(insn->code) == BPF_X ? source : number;

		hold_to_facts(machine, *destination, machine->flow[at].destination, at);
		hold_to_facts(machine, source, machine->flow[at].source, at);
		switch (BPF_CLASS(insn->code)) {
		case BPF_ALU:
		case BPF_ALU64: *destination = compute(insn, *destination, operand); break;
		case BPF_LDX:
			*destination = load(machine, source + (uint64_t)(int64_t)insn->off, size_of(insn->code));
			if (BPF_MODE(insn->code) == 0x80)
				*destination = (uint64_t)extend(*destination, 8 * size_of(insn->code));
			break;
		case BPF_ST: store(machine, *destination + (uint64_t)(int64_t)insn->off, size_of(insn->code), number); break;
		case BPF_STX:
			if (BPF_MODE(insn->code) == BPF_ATOMIC)
				do_atomic(machine, insn);
			else
				store(machine, *destination + (uint64_t)(int64_t)insn->off, size_of(insn->code), source);
			break;
		case BPF_JMP:
		case BPF_JMP32:
			if (BPF_OP(insn->code) == BPF_EXIT) {
				if (machine->depth == 0) {
					see(machine, (uint32_t)machine->registers[0]);
					return;
				}
				machine->depth--;
				memcpy(machine->registers + 6, machine->calls[machine->depth].saved, sizeof machine->calls[0].saved);
				machine->registers[10] = frame_top(machine->depth);
				for (unsigned i = 1; i < 6; i++)
					machine->registers[i] = mix(i, 79);
				at = machine->calls[machine->depth].back;
			} else if (BPF_OP(insn->code) == BPF_CALL && insn->src_reg == BPF_PSEUDO_CALL) {
				if (machine->depth + 1 == MOST_FRAMES)
					return;
				machine->calls[machine->depth].back = at;
				memcpy(machine->calls[machine->depth].saved, machine->registers + 6, sizeof machine->calls[0].saved);
				machine->depth++;
				machine->registers[10] = frame_top(machine->depth);
				for (unsigned i = 0; i < 10; i++)
					if (i == 0 || i > 5)
						machine->registers[i] = mix(i, 80);
				at += (size_t)insn->imm;
			} else if (BPF_OP(insn->code) == BPF_CALL) {
				call_helper(machine, insn->imm);
			} else if (decides(insn, *destination, operand)) {
				at += (size_t)insn->off;
			}
			break;
		}
		at++;
	}
}

static uint64_t observe(const struct bpf_insn *insns, const struct vpc_flow *flow, size_t count, size_t place, uint64_t content,
		uint8_t facts) {
	static struct machine machine;

	memset(&machine, 0, sizeof machine);
	machine.insns = insns;
	machine.flow = flow;
	machine.count = count;
	machine.place = place;
	machine.content = content;
	machine.facts = facts;
	interpret(&machine);
	return machine.seen;
}

static void check_flow(const struct bpf_insn *insns, size_t count, size_t place, uint32_t value) {
	struct vpc_flow flow[MOST_INSTRUCTIONS] = {0};
	uint8_t choices[MOST_INSTRUCTIONS] = {0};
	bool is_low = insns[place].imm >= 0;

	choices[place] = VPC_FLOW_EXTENSION;
	if (vpc_flow_analyse(insns, count, choices, flow, "fuzz", NULL) < 0)
		return;
	uint64_t with_zero = observe(insns, flow, count, place, value, is_low ? VPC_FLOW_ZERO | VPC_FLOW_SMALL : 0);
	uint64_t with_sign = observe(insns, flow, count, place, (uint64_t)(int64_t)(int32_t)value, VPC_FLOW_SIGN | VPC_FLOW_SMALL);
	if ((flow[place].demand & ~(VPC_FLOW_ORDERED | VPC_FLOW_COMPARED)) == 0)
		require(with_zero == with_sign, "somebody notices how it is extended", place);
	if ((flow[place].demand & ~VPC_FLOW_ORDERED) == 0)
		require(with_zero == observe(insns, flow, count, place, value | 0x5a5a5a5a00000000, 0), "somebody notices its upper half", place);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct bpf_insn insns[MOST_INSTRUCTIONS];
	size_t count;
	uint32_t value;

	if (size < 8)
		return 0;
	memcpy(&value, data + 4, 4);
	struct vpc_placeholder placeholder = {"fuzz", data[0] & 2 ? 0x5edcba98 : 0xfedcba98, data[0] & 4 ? 8 : 4, data[0] >> 4};
	if (data[0] & 1) {
		count = (size - 8) / sizeof *insns;
		count = count > MOST_INSTRUCTIONS ? MOST_INSTRUCTIONS : count;
		memcpy(insns, data + 8, count * sizeof *insns);
		check_writing(insns, count, &placeholder, value);
		return 0;
	}
	count = (size - 8) / 4 + 1;
	count = count > MOST_INSTRUCTIONS ? MOST_INSTRUCTIONS : count;
	for (size_t i = 0; i + 1 < count; i++)
		insns[i] = decode(data + 8 + 4 * i, i, count, data[0] & 8);
	insns[count - 1] = (struct bpf_insn){.code = BPF_JMP | BPF_EXIT};
	check_writing(insns, count, &placeholder, value);
	for (size_t i = 0; i < count; i++)
		if (insns[i].code == (BPF_ALU64 | BPF_MOV | BPF_K))
			check_flow(insns, count, i, value);
	return 0;
}
