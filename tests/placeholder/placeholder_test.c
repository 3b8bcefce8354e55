// SPDX-License-Identifier: Apache-2.0
//
// Streams written by hand: what each place becomes, for encodings that compilers emit and for those that none does today.
#include "placeholder.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define SET 0xFEDCBA98u   /* a placeholder with bit 31 */
#define CLEAR 0x5EDCBA98u /* and one without */
#define BIG 0xC0A80101u   /* values */
#define SMALL 0x0200000Au
#define WIDE 0xFEDCBA9876543210u

#define MOST 12
#define I(code, dst, src, off, imm) {code, dst, src, off, (int32_t)(imm)}
#define LDDW(dst, low, high) I(0x18, dst, 0, 0, low), I(0, 0, 0, 0, high)
#define MOV64(dst, imm) I(0xb7, dst, 0, 0, imm)
#define MOV32(dst, imm) I(0xb4, dst, 0, 0, imm)
#define COPY(dst, src) I(0xbf, dst, src, 0, 0)
#define LOAD4(dst, src, off) I(0x61, dst, src, off, 0)
#define LOAD8(dst, src, off) I(0x79, dst, src, off, 0)
#define STORE4(dst, off, src) I(0x63, dst, src, off, 0)
#define STORE8(dst, off, src) I(0x7b, dst, src, off, 0)
#define STORE1(dst, off, src) I(0x73, dst, src, off, 0)
#define STORE2(dst, off, src) I(0x6b, dst, src, off, 0)
#define PUT1(dst, off, imm) I(0x72, dst, 0, off, imm)
#define PUT2(dst, off, imm) I(0x6a, dst, 0, off, imm)
#define PUT4(dst, off, imm) I(0x62, dst, 0, off, imm)
#define HELPER(id) I(0x85, 0, 0, 0, id)
#define CALL(by) I(0x85, 0, 1, 0, by)
#define EXIT I(0x95, 0, 0, 0, 0)

struct row {
	const char *description;
	uint64_t constant, value;
	int result; /* of the write */
	struct bpf_insn before[MOST], after[MOST];
	uint8_t width; /* 0: 4 */
};

static const struct row ROWS[] = {
	{"a wide constant takes all", SET, BIG, 0, {LDDW(1, SET, 0), EXIT}, {LDDW(1, BIG, 0), EXIT}, 0},
	{"a wide constant stays wide for a small value", SET, 1, 0, {LDDW(1, SET, 0), EXIT}, {LDDW(1, 1, 0), EXIT}, 0},
	{"both halves", SET, BIG, 0, {LDDW(1, SET, SET), EXIT}, {LDDW(1, BIG, BIG), EXIT}, 0},
	{"low half, stored", SET, SMALL, 0, {LDDW(1, SET, 7), STORE8(6, 0, 1), EXIT}, {LDDW(1, SMALL, 7), STORE8(6, 0, 1), EXIT}, 0},
	{"high half, stored", SET, SMALL, 0, {LDDW(1, 7, SET), STORE8(6, 0, 1), EXIT}, {LDDW(1, 7, SMALL), STORE8(6, 0, 1), EXIT}, 0},
	{"half of a number that is calculated with", SET, SMALL, -EILSEQ,
		{LDDW(1, SET, 7), I(0x0f, 2, 1, 0, 0), STORE8(6, 0, 2), EXIT}, {{0}}, 0},
	{"sign-extended wide constant, stored: two numbers or one?", SET, SMALL, -EILSEQ, {LDDW(1, SET, -1), STORE8(6, 0, 1), EXIT}, {{0}}, 0},
	{"sign-extended wide constant, high value", SET, BIG, 0,
		{LDDW(1, SET, -1), STORE8(6, 0, 1), EXIT}, {LDDW(1, BIG, -1), STORE8(6, 0, 1), EXIT}, 0},

	{"64-bit move, low half stored", SET, SMALL, 0, {MOV64(1, SET), STORE4(6, 0, 1), EXIT}, {MOV64(1, SMALL), STORE4(6, 0, 1), EXIT}, 0},
	{"64-bit move becomes a 32-bit one", CLEAR, BIG, 0,
		{MOV64(1, CLEAR), STORE4(6, 0, 1), EXIT}, {MOV32(1, BIG), STORE4(6, 0, 1), EXIT}, 0},
	{"64-bit move, same class", CLEAR, SMALL, 0, {MOV64(1, CLEAR), STORE8(6, 0, 1), EXIT}, {MOV64(1, SMALL), STORE8(6, 0, 1), EXIT}, 0},
	{"64-bit move, stored whole: unsigned", CLEAR, BIG, 0,
		{MOV64(1, CLEAR), STORE8(6, 0, 1), EXIT}, {MOV32(1, BIG), STORE8(6, 0, 1), EXIT}, 0},
	{"sign-extended move, stored whole: two numbers or one?", SET, SMALL, -EILSEQ, {MOV64(1, SET), STORE8(6, 0, 1), EXIT}, {{0}}, 0},
	{"sign-extended move, high value", SET, BIG, 0, {MOV64(1, SET), STORE8(6, 0, 1), EXIT}, {MOV64(1, BIG), STORE8(6, 0, 1), EXIT}, 0},
	{"returned: 32 bits count", SET, SMALL, 0, {MOV64(0, SET), EXIT}, {MOV64(0, SMALL), EXIT}, 0},
	{"shifted up and down again", CLEAR, BIG, 0,
		{MOV64(1, CLEAR), I(0x67, 1, 0, 0, 32), I(0x77, 1, 0, 0, 32), STORE8(6, 0, 1), EXIT},
		{MOV32(1, BIG), I(0x67, 1, 0, 0, 32), I(0x77, 1, 0, 0, 32), STORE8(6, 0, 1), EXIT}, 0},
	{"compared with a sign-extended number", CLEAR, BIG, 0,
		{MOV64(1, CLEAR), I(0x81, 2, 6, 0, 0), I(0x1d, 1, 2, 0, 0), EXIT}, {MOV64(1, BIG), I(0x81, 2, 6, 0, 0), I(0x1d, 1, 2, 0, 0), EXIT},
		0},
	{"compared with a zero-extended number", CLEAR, BIG, 0,
		{MOV64(1, CLEAR), LOAD4(2, 6, 0), I(0x1d, 1, 2, 0, 0), EXIT}, {MOV32(1, BIG), LOAD4(2, 6, 0), I(0x1d, 1, 2, 0, 0), EXIT}, 0},
	{"sign-extended move compared with 8 bytes", SET, SMALL, -EILSEQ, {MOV64(1, SET), LOAD8(2, 6, 0), I(0x1d, 1, 2, 0, 0), EXIT}, {{0}}, 0},
	{"compared with both", CLEAR, BIG, -EILSEQ,
		{MOV64(1, CLEAR), LOAD4(2, 6, 0), I(0x1d, 1, 2, 0, 0), I(0x81, 2, 6, 0, 0), I(0x1d, 1, 2, 0, 0), EXIT}, {{0}}, 0},
	{"spilled and fetched, low half stored", SET, SMALL, 0,
		{MOV64(1, SET), STORE8(10, -8, 1), LOAD8(2, 10, -8), STORE4(6, 0, 2), EXIT},
		{MOV64(1, SMALL), STORE8(10, -8, 1), LOAD8(2, 10, -8), STORE4(6, 0, 2), EXIT}, 0},
	{"on the stack, where a helper looks", SET, SMALL, -EILSEQ,
		{MOV64(1, SET), STORE8(10, -8, 1), COPY(2, 10), I(0x07, 2, 0, 0, -8), HELPER(1), EXIT}, {{0}}, 0},
	{"spilled below what a helper looks at", SET, SMALL, 0,
		{MOV64(1, SET), STORE8(10, -16, 1), COPY(2, 10), I(0x07, 2, 0, 0, -8), HELPER(1), EXIT},
		{MOV64(1, SMALL), STORE8(10, -16, 1), COPY(2, 10), I(0x07, 2, 0, 0, -8), HELPER(1), EXIT}, 0},
	{"argument of 4 bytes of a helper", CLEAR, BIG, 0,
		{MOV64(1, CLEAR), MOV64(2, 0), HELPER(23), EXIT}, {MOV32(1, BIG), MOV64(2, 0), HELPER(23), EXIT}, 0},
	{"argument of a subprogram that stores 4 bytes", CLEAR, BIG, 0,
		{MOV64(1, CLEAR), CALL(1), EXIT, STORE4(6, 0, 1), EXIT}, {MOV32(1, BIG), CALL(1), EXIT, STORE4(6, 0, 1), EXIT}, 0},
	{"argument of a subprogram that asks for order", CLEAR, BIG, -EILSEQ,
		{MOV64(1, CLEAR), CALL(1), EXIT, I(0x6d, 1, 2, 0, 0), EXIT}, {{0}}, 0},
	{"32-bit move takes all", SET, SMALL, 0, {MOV32(1, SET), STORE8(6, 0, 1), EXIT}, {MOV32(1, SMALL), STORE8(6, 0, 1), EXIT}, 0},

	{"64-bit comparison of a zero-extended number", CLEAR, BIG, 0,
		{LOAD4(1, 6, 0), I(0x15, 1, 0, 0, CLEAR), EXIT}, {LOAD4(1, 6, 0), I(0x16, 1, 0, 0, BIG), EXIT}, 0},
	{"64-bit inequality of a zero-extended number", CLEAR, BIG, 0,
		{LOAD4(1, 6, 0), I(0x55, 1, 0, 0, CLEAR), EXIT}, {LOAD4(1, 6, 0), I(0x56, 1, 0, 0, BIG), EXIT}, 0},
	{"64-bit comparison of a sign-extended number", SET, SMALL, 0,
		{I(0x81, 1, 6, 0, 0), I(0x15, 1, 0, 0, SET), EXIT}, {I(0x81, 1, 6, 0, 0), I(0x15, 1, 0, 0, SMALL), EXIT}, 0},
	{"64-bit comparison of anything", CLEAR, BIG, -EILSEQ, {LOAD8(1, 6, 0), I(0x15, 1, 0, 0, CLEAR), EXIT}, {{0}}, 0},
	{"64-bit comparison of anything, sign-extended", SET, SMALL, -EILSEQ, {LOAD8(1, 6, 0), I(0x15, 1, 0, 0, SET), EXIT}, {{0}}, 0},
	{"64-bit order of a zero-extended number", CLEAR, BIG, -EILSEQ, {LOAD4(1, 6, 0), I(0x25, 1, 0, 0, CLEAR), EXIT}, {{0}}, 0},
	{"32-bit comparison takes all", SET, SMALL, 0, {I(0x16, 1, 0, 0, SET), EXIT}, {I(0x16, 1, 0, 0, SMALL), EXIT}, 0},
	{"32-bit order, unsigned", SET, SMALL, 0, {I(0x26, 1, 0, 0, SET), EXIT}, {I(0x26, 1, 0, 0, SMALL), EXIT}, 0},
	{"32-bit order, maybe signed", CLEAR, BIG, -EILSEQ, {I(0x26, 1, 0, 0, CLEAR), EXIT}, {{0}}, 0},
	{"sorted below another case", CLEAR, BIG, -EILSEQ,
		{LOAD4(1, 6, 0), I(0x26, 1, 0, 1, 0x70000000), I(0x16, 1, 0, 0, CLEAR), EXIT}, {{0}}, 0},
	{"sorted below another case, and stays there", CLEAR, SMALL, 0,
		{LOAD4(1, 6, 0), I(0x26, 1, 0, 1, 0x70000000), I(0x16, 1, 0, 0, CLEAR), EXIT},
		{LOAD4(1, 6, 0), I(0x26, 1, 0, 1, 0x70000000), I(0x16, 1, 0, 0, SMALL), EXIT}, 0},
	{"another number is ordered", CLEAR, BIG, 0,
		{LOAD4(1, 6, 0), LOAD4(2, 6, 4), I(0x26, 2, 0, 1, 0x70000000), I(0x16, 1, 0, 0, CLEAR), EXIT},
		{LOAD4(1, 6, 0), LOAD4(2, 6, 4), I(0x26, 2, 0, 1, 0x70000000), I(0x16, 1, 0, 0, BIG), EXIT}, 0},

	{"64-bit or, of which 4 bytes are stored", CLEAR, BIG, 0,
		{I(0x47, 1, 0, 0, CLEAR), STORE4(6, 0, 1), EXIT}, {I(0x47, 1, 0, 0, BIG), STORE4(6, 0, 1), EXIT}, 0},
	{"64-bit or of a zero-extended number, compared", CLEAR, BIG, 0,
		{LOAD4(1, 6, 0), LOAD4(2, 6, 4), I(0x47, 1, 0, 0, CLEAR), I(0x1d, 1, 2, 0, 0), EXIT},
		{LOAD4(1, 6, 0), LOAD4(2, 6, 4), I(0x44, 1, 0, 0, BIG), I(0x1d, 1, 2, 0, 0), EXIT}, 0},
	{"64-bit and of a zero-extended number", CLEAR, BIG, 0,
		{LOAD4(1, 6, 0), I(0x57, 1, 0, 0, CLEAR), STORE8(6, 0, 1), EXIT}, {LOAD4(1, 6, 0), I(0x57, 1, 0, 0, BIG), STORE8(6, 0, 1), EXIT},
		0},
	{"64-bit sum, stored whole", CLEAR, BIG, -EILSEQ, {I(0x07, 1, 0, 0, CLEAR), STORE8(6, 0, 1), EXIT}, {{0}}, 0},
	{"32-bit division", SET, 5, 0, {I(0x34, 1, 0, 0, SET), EXIT}, {I(0x34, 1, 0, 0, 5), EXIT}, 0},
	{"division by zero", SET, 0, -EILSEQ, {I(0x34, 1, 0, 0, SET), EXIT}, {{0}}, 0},

	{"8-byte store", CLEAR, SMALL, 0, {I(0x7a, 6, 0, 0, CLEAR), EXIT}, {I(0x7a, 6, 0, 0, SMALL), EXIT}, 0},
	{"8-byte store, sign-extended", CLEAR, BIG, -EILSEQ, {I(0x7a, 6, 0, 0, CLEAR), EXIT}, {{0}}, 0},
	{"4-byte store takes all", CLEAR, BIG, 0, {I(0x62, 6, 0, 0, CLEAR), EXIT}, {I(0x62, 6, 0, 0, BIG), EXIT}, 0},

	{"in pieces: bytes", SET, BIG, 0,
		{PUT1(6, 3, 0xfe), PUT1(6, 2, 0xdc), PUT1(6, 1, 0xba), PUT1(6, 0, 0x98), EXIT},
		{PUT1(6, 3, 0xc0), PUT1(6, 2, 0xa8), PUT1(6, 1, 0x01), PUT1(6, 0, 0x01), EXIT}, 0},
	{"in pieces: moved bytes", SET, SMALL, 0,
		{MOV32(2, 0xfe), STORE1(6, 3, 2), MOV32(2, 0xdc), STORE1(6, 2, 2), MOV64(2, 0xba), STORE1(6, 1, 2), MOV64(2, 0x98), STORE1(6, 0, 2),
			EXIT},
		{MOV32(2, 0x02), STORE1(6, 3, 2), MOV32(2, 0x00), STORE1(6, 2, 2), MOV64(2, 0x00), STORE1(6, 1, 2), MOV64(2, 0x0a), STORE1(6, 0, 2),
			EXIT},
		0},
	{"in pieces: halves", CLEAR, BIG, 0,
		{PUT2(6, 3, 0x5edc), MOV32(2, 0xba98), STORE2(6, 1, 2), EXIT}, {PUT2(6, 3, 0xc0a8), MOV32(2, 0x0101), STORE2(6, 1, 2), EXIT}, 0},
	{"in pieces: twice, moved once", SET, BIG, 0,
		{MOV32(2, 0xfedc), STORE2(6, 2, 2), STORE2(6, 6, 2), MOV32(2, 0xba98), STORE2(6, 0, 2), STORE2(6, 4, 2), EXIT},
		{MOV32(2, 0xc0a8), STORE2(6, 2, 2), STORE2(6, 6, 2), MOV32(2, 0x0101), STORE2(6, 0, 2), STORE2(6, 4, 2), EXIT}, 0},
	{"in pieces: beside other data", SET, BIG, 0,
		{PUT4(6, 0, 0xdcba9801), PUT1(6, 4, 0xfe), EXIT}, {PUT4(6, 0, 0xa8010101), PUT1(6, 4, 0xc0), EXIT}, 0},
	{"in pieces: within a wide constant", SET, BIG, 0,
		{LDDW(1, 0xdcba9801, 0x334455fe), STORE8(6, 0, 1), EXIT}, {LDDW(1, 0xa8010101, 0x334455c0), STORE8(6, 0, 1), EXIT}, 0},
	{"in pieces: through a moved pointer", SET, BIG, 0,
		{COPY(3, 6), I(0x07, 3, 0, 0, 8), PUT2(3, 2, 0xfedc), PUT2(6, 8, 0xba98), EXIT},
		{COPY(3, 6), I(0x07, 3, 0, 0, 8), PUT2(3, 2, 0xc0a8), PUT2(6, 8, 0x0101), EXIT}, 0},
	{"in pieces: moved before the branch", SET, BIG, 0,
		{MOV32(2, 0xfedc), I(0x15, 1, 0, 2, 0), PUT2(6, 0, 0xba98), STORE2(6, 2, 2), EXIT},
		{MOV32(2, 0xc0a8), I(0x15, 1, 0, 2, 0), PUT2(6, 0, 0x0101), STORE2(6, 2, 2), EXIT}, 0},
	{"in pieces: one of them from the whole", SET, BIG, 0,
		{MOV32(2, SET), STORE4(6, 8, 2), STORE2(6, 0, 2), PUT2(6, 2, 0xfedc), EXIT},
		{MOV32(2, BIG), STORE4(6, 8, 2), STORE2(6, 0, 2), PUT2(6, 2, 0xc0a8), EXIT}, 0},
	{"in pieces that are read back: as open as the place", 0x00dcba98, BIG, -EILSEQ,
		{LDDW(1, 0xdcba9801, 0), STORE8(10, -8, 1), LOAD8(2, 10, -8), I(0x15, 2, 0, 0, 0x00dcba98), EXIT}, {{0}}, 0},
	{"in pieces: 8 bytes", WIDE, 0x1122334455667788, 0,
		{PUT4(6, 0, 0x76543210), PUT2(6, 4, 0xba98), PUT2(6, 6, 0xfedc), EXIT},
		{PUT4(6, 0, 0x55667788), PUT2(6, 4, 0x3344), PUT2(6, 6, 0x1122), EXIT}, 8},

	{"not a helper's id, a map, a second slot, an offset", SET, SMALL, 0,
		{HELPER(SET), I(0x18, 1, 1, 0, SET), I(0, 0, 0, 0, 0), I(0x20, 0, 0, 0, SET), MOV32(1, SET), EXIT},
		{HELPER(SET), I(0x18, 1, 1, 0, SET), I(0, 0, 0, 0, 0), I(0x20, 0, 0, 0, SET), MOV32(1, SMALL), EXIT}, 0},
	{"all or nothing", CLEAR, BIG, -EILSEQ, {MOV32(1, CLEAR), I(0x7a, 6, 0, 0, CLEAR), EXIT}, {{0}}, 0},
	{"too long a value", SET, 0x100000000, -ERANGE, {MOV32(1, SET), EXIT}, {{0}}, 0},

	{"8 bytes", WIDE, 1, 0, {LDDW(1, 0x76543210, 0xFEDCBA98), EXIT}, {LDDW(1, 1, 0), EXIT}, 8},
	{"8 bytes in a move of 4 are those they were", CLEAR, BIG, 0,
		{MOV64(1, CLEAR), STORE8(6, 0, 1), EXIT}, {MOV32(1, BIG), STORE8(6, 0, 1), EXIT}, 8},
	{"8 bytes that a move of 4 cannot hold", CLEAR, 0x100000000, -EILSEQ, {MOV64(1, CLEAR), STORE8(6, 0, 1), EXIT}, {{0}}, 8},
};

static size_t length(const struct bpf_insn *insns) {
	size_t count = 0;
	for (size_t i = 0; i < MOST; i++)
		if (insns[i].code == (BPF_JMP | BPF_EXIT))
			count = i + 1;
	return count;
}

static void writes_what_the_program_meant(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
		const struct row *row = &ROWS[i];
		const struct vpc_placeholder placeholder = {"address", row->constant, row->width, 0};
		struct vpc_placeholder_sites *sites = NULL;
		struct bpf_insn insns[MOST];
		struct vpc_error error = {""};
		size_t count = length(row->before);

		print_message("  %s\n", row->description);
		memcpy(insns, row->before, sizeof insns);
		assert_int_equal(vpc_placeholder_scan(insns, count, &placeholder, &sites, &error), 0);
		assert_int_equal(vpc_placeholder_write(insns, count, sites, row->value, &error), row->result);
		assert_memory_equal(insns, row->result ? row->before : row->after, count * sizeof *insns);
		if (row->result) {
			assert_non_null(strstr(error.text, "address"));
		} else {
			assert_int_equal(vpc_placeholder_write(insns, count, sites, row->constant, &error), 0);
			assert_memory_equal(insns, row->before, count * sizeof *insns);
		}
		assert_null(vpc_placeholder_sites_free(sites));
	}
}

static const struct {
	const char *description;
	struct vpc_placeholder placeholder;
	int result;
	const char *says; /* what the message contains */
	struct bpf_insn insns[MOST];
} SCANS[] = {
	{"as many as expected", {"p", SET, 4, 2}, 0, NULL, {MOV32(1, SET), LDDW(2, SET, 0), EXIT}},
	{"an lddw with two counts twice", {"p", SET, 4, 2}, 0, NULL, {LDDW(2, SET, SET), EXIT}},
	{"none", {"p", SET, 4, 0}, -ENOENT, "no instruction holds 0xfedcba98", {MOV32(1, 5), EXIT}},
	{"fewer than expected", {"p", SET, 4, 2}, -ENOENT, "1 places, not in 2: instruction 0 (32-bit move)", {MOV32(1, SET), EXIT}},
	{"more than expected", {"p", SET, 4, 1}, -ENOENT, "0 (32-bit move), 1 (32-bit comparison)",
		{MOV32(1, SET), I(0x16, 1, 0, 0, SET), EXIT}},
	{"swapped only", {"p", SET, 4, 0}, -ENOENT, "bytes swapped", {MOV32(1, 0x98BADCFE), EXIT}},
	{"swapped too", {"p", SET, 4, 0}, -EILSEQ, "instruction 1 holds 0x98badcfe", {MOV32(1, SET), MOV32(2, 0x98BADCFE), EXIT}},
	{"swapped too, but the count is stated", {"p", SET, 4, 1}, 0, NULL, {MOV32(1, SET), MOV32(2, 0x98BADCFE), EXIT}},
	{"less one", {"p", SET, 4, 0}, -EILSEQ, "less one", {MOV32(1, SET), I(0x26, 1, 0, 0, SET - 1), EXIT}},
	{"plus one", {"p", SET, 4, 0}, -EILSEQ, "plus one", {MOV32(1, SET), I(0xa6, 1, 0, 0, SET + 1), EXIT}},
	{"negated", {"p", SET, 4, 0}, -EILSEQ, "negated", {MOV32(1, SET), I(0x04, 1, 0, 0, -SET), EXIT}},
	{"inverted", {"p", SET, 4, 0}, -EILSEQ, "inverted", {MOV32(1, SET), I(0x54, 1, 0, 0, ~SET), EXIT}},
	{"less one in an lddw", {"p", SET, 4, 0}, -EILSEQ, "less one", {MOV32(1, SET), LDDW(2, SET - 1, 0), EXIT}},
	{"split into halves", {"p", WIDE, 8, 0}, -ENOENT, "half of that", {MOV32(1, 0x76543210), MOV32(2, 0xFEDCBA98), EXIT}},
	{"in pieces counts once", {"p", SET, 4, 2}, 0, NULL, {PUT2(6, 0, 0xba98), PUT2(6, 2, 0xfedc), MOV32(1, SET), EXIT}},
	{"a piece is also returned", {"p", SET, 4, 0}, -EILSEQ, "instruction 1 holds 0xfe",
		{MOV32(1, SET), MOV32(0, 0xfe), STORE1(6, 3, 0), PUT1(6, 2, 0xdc), PUT2(6, 0, 0xba98), EXIT}},
	{"a piece is returned where ways meet", {"p", SET, 4, 0}, -EILSEQ, "used for something else",
		{MOV32(1, SET), MOV32(0, 0xfedc), STORE2(6, 2, 0), PUT2(6, 0, 0xba98), I(0x15, 1, 0, 1, 0), MOV32(0, 7), EXIT}},
	{"a piece is stored elsewhere too", {"p", SET, 4, 0}, -EILSEQ, "used for something else",
		{MOV32(1, SET), MOV32(2, 0xfe), STORE1(6, 3, 2), PUT1(6, 2, 0xdc), PUT2(6, 0, 0xba98), STORE1(6, 8, 2), EXIT}},
	{"a piece is used where ways meet, but only after it is made anew", {"p", SET, 4, 1}, 0, NULL,
		{MOV32(0, 0xfedc), STORE2(6, 2, 0), PUT2(6, 0, 0xba98), I(0x15, 1, 0, 1, 0), MOV32(2, 7), MOV32(0, 7), EXIT}},
	{"one move for two pieces of one", {"p", 0xDEADDEAD, 4, 0}, -EILSEQ, "used for something else",
		{MOV32(1, 0xDEADDEAD), MOV32(2, 0xad), STORE1(6, 0, 2), STORE1(6, 2, 2), PUT1(6, 1, 0xde), PUT1(6, 3, 0xde), EXIT}},
	{"in pieces with bytes swapped", {"p", SET, 4, 0}, -EILSEQ, "bytes swapped",
		{MOV32(1, SET), PUT1(6, 0, 0xfe), PUT1(6, 1, 0xdc), PUT1(6, 2, 0xba), PUT1(6, 3, 0x98), EXIT}},
	{"some of the pieces", {"p", SET, 4, 0}, -EILSEQ, "not stored beside it", {MOV32(1, SET), PUT1(6, 1, 0xba), PUT1(6, 0, 0x98), EXIT}},
	{"pieces around another pointer", {"p", SET, 4, 0}, -EILSEQ, "not stored beside it",
		{MOV32(1, SET), PUT1(6, 1, 0xba), PUT1(6, 0, 0x98), LOAD8(6, 6, 0), PUT1(6, 3, 0xfe), PUT1(6, 2, 0xdc), EXIT}},
	{"one piece is no sign", {"p", SET, 4, 0}, 0, NULL, {MOV32(1, SET), PUT1(6, 1, 0xba), PUT1(6, 8, 0x98), EXIT}},
	{"a half", {"p", SET, 4, 0}, -EILSEQ, "instruction 1 holds 0xba98: half", {MOV32(1, SET), I(0x16, 2, 0, 0, 0xba98), EXIT}},
	{"a half, but the count is stated", {"p", SET, 4, 1}, 0, NULL, {MOV32(1, SET), I(0x16, 2, 0, 0, 0xba98), EXIT}},
	{"a half that is like any number", {"p", 0x08004512, 4, 0}, 0, NULL, {MOV32(1, 0x08004512), I(0x16, 2, 0, 0, 0x0800), EXIT}},
	{"shifted down", {"p", SET, 4, 0}, -EILSEQ, "that shifted", {MOV32(1, SET), MOV32(2, SET >> 8), EXIT}},
	{"shifted up in 64 bits", {"p", SET, 4, 0}, -EILSEQ, "that shifted", {MOV32(1, SET), LDDW(2, 0xdcba9800, 0xfe), EXIT}},
	{"put together", {"p", SET, 4, 0}, -EILSEQ, "instruction 3 holds 0x21ba98: what completes it",
		{MOV32(1, SET), MOV32(2, 0xfebb), I(0x64, 2, 0, 0, 16), I(0x04, 2, 0, 0, 0x21ba98), EXIT}},
	{"two bytes", {"p", SET, 2, 0}, -EINVAL, "4 or 8 bytes", {MOV32(1, SET), EXIT}},
	{"too long for 4 bytes", {"p", WIDE, 4, 0}, -EINVAL, "does not fit", {MOV32(1, SET), EXIT}},
	{"too common", {"p", 80, 4, 0}, -EINVAL, "too common", {MOV32(1, 80), EXIT}},
	{"common, but the count is stated", {"p", 80, 4, 1}, 0, NULL, {MOV32(1, 80), EXIT}},
	{"no second slot", {"p", SET, 4, 0}, -EINVAL, "second half", {MOV32(1, SET), I(0x18, 1, 0, 0, 0), EXIT}},
	{"a jump out", {"p", SET, 4, 0}, -EINVAL, "jumps to 9", {MOV32(1, SET), I(0x05, 0, 0, 7, 0), EXIT}},
	{"a jump into a second slot", {"p", SET, 4, 0}, -EINVAL, "jumps to 2", {I(0x05, 0, 0, 1, 0), LDDW(1, SET, 0), EXIT}},
	{"an unknown opcode", {"p", SET, 4, 0}, -EINVAL, "0xff", {MOV32(1, SET), I(0xff, 0, 0, 0, 0), EXIT}},
	{"a register that is none", {"p", SET, 4, 0}, -EINVAL, "instruction 0", {MOV32(12, SET), EXIT}},
};

static void finds_all_or_says_why_not(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof SCANS / sizeof *SCANS; i++) {
		struct vpc_placeholder_sites *untouched = (void *)&SCANS, *sites = untouched;
		struct vpc_error error = {""};

		print_message("  %s\n", SCANS[i].description);
		assert_int_equal(vpc_placeholder_scan(SCANS[i].insns, length(SCANS[i].insns), &SCANS[i].placeholder, &sites, &error),
			SCANS[i].result);
		if (SCANS[i].result) {
			assert_ptr_equal(sites, untouched);
			if (!strstr(error.text, SCANS[i].says))
				fail_msg("'%s' does not contain '%s'", error.text, SCANS[i].says);
		} else {
			vpc_placeholder_sites_free(sites);
		}
	}
}

static void tells_places_in_order(void **state) {
	static const struct bpf_insn INSNS[] = {MOV32(1, SET), LDDW(2, SET, SET), I(0x16, 1, 0, 0, SET), EXIT};
	const struct vpc_placeholder placeholder = {"p", SET, 0, 0};
	struct vpc_placeholder_sites *sites;
	struct bpf_insn copy[5];
	struct vpc_error error;

	(void)state;
	assert_int_equal(vpc_placeholder_scan(INSNS, 5, &placeholder, &sites, &error), 0);
	assert_int_equal(vpc_placeholder_sites_count(sites), 4);
	assert_int_equal(vpc_placeholder_sites_get(sites, 1).instruction, 1);
	assert_int_equal(vpc_placeholder_sites_get(sites, 1).kind, VPC_PLACEHOLDER_WIDE_LOW);
	assert_string_equal(vpc_placeholder_sites_get(sites, 3).text, "32-bit comparison");
	memcpy(copy, INSNS, sizeof copy);
	assert_int_equal(vpc_placeholder_write(copy, 4, sites, 1, &error), -EINVAL);
	vpc_placeholder_sites_free(sites);
}

/* More than any kernel takes, and loops in which values go round too long to be followed. */
static void gives_up_where_kernels_do(void **state) {
	const struct vpc_placeholder placeholder = {"p", SET, 0, 0};
	const size_t count = 1000001;
	struct bpf_insn *insns = calloc(count, sizeof *insns);
	struct vpc_placeholder_sites *sites = NULL;
	struct vpc_error error = {""};

	(void)state;
	for (size_t i = 0; i < count; i++)
		insns[i] = (struct bpf_insn)MOV32(1, SET);
	insns[count - 2] = (struct bpf_insn)EXIT;
	assert_int_equal(vpc_placeholder_scan(insns, count, &placeholder, &sites, &error), -E2BIG);
	assert_non_null(strstr(error.text, "1000001"));
	assert_int_equal(vpc_placeholder_scan(insns, count - 1, &placeholder, &sites, &error), 0);
	assert_int_equal(vpc_placeholder_sites_count(sites), count - 2);
	vpc_placeholder_sites_free(sites);

	sites = NULL;
	for (size_t i = 1; i + 2 < count; i++) {
		const struct bpf_insn cases[] = {
			LOAD8(i % 6, 10, -8 * (1 + (int)(i * 7 % 60))),
			I(0x1d, i % 6, i * 5 % 6, i > 300 ? -(int)(i * 11 % 300) - 1 : 3, 0),
			STORE8(10, -8 * (1 + (int)(i * 13 % 59)), i * 3 % 6),
		};
		insns[i] = cases[i % 3];
	}
	assert_int_equal(vpc_placeholder_scan(insns, count - 1, &placeholder, &sites, &error), -E2BIG);
	assert_non_null(strstr(error.text, "followed"));
	assert_null(sites);
	free(insns);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_what_the_program_meant),
		cmocka_unit_test(finds_all_or_says_why_not),
		cmocka_unit_test(tells_places_in_order),
		cmocka_unit_test(gives_up_where_kernels_do),
	};
	return cmocka_run_group_tests_name("placeholder", tests, NULL, NULL);
}
