// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Ways in which programs use an 8-byte constant.

#include "pattern.h"

#define P ((__u64)PLACEHOLDER)

SUBPROGRAM int same_wide(__u64 x, __u64 y) {
	touch(x);
	return x == y;
}

PATTERN(plain_equal) { return f->c == P; }
PATTERN(plain_equal_either) { return f->c == P || f->d == P; }
PATTERN(plain_assign) { f->out[0] = P; return 0; }
PATTERN(plain_assign_two) {
	f->out[0] = P;
	f->out[2] = P;
	return 0;
}
PATTERN(plain_select) { f->out[0] = f->a & 1 ? P : f->d; return 0; }
PATTERN(plain_subprogram) { return same_wide(f->c, P); }
PATTERN(any_add) { f->out[0] = f->c + P; return 0; }
PATTERN(any_and) { f->out[0] = f->c & P; return 0; }
PATTERN(any_truncated) { return (__u32)P; }
PATTERN(any_truncated_too) {
	f->out[0] = P;
	return f->a == (__u32)P;
}
PATTERN(any_high) { return P >> 32; }
PATTERN(any_less) { return f->c < P; }
PATTERN(any_greater) { return f->c > P; }
PATTERN(any_greater_equal) { return f->c >= P; }
PATTERN(any_swapped) { return f->c == __builtin_bswap64(P); }
PATTERN(any_equal_narrow) { return f->a == P; }
PATTERN(plain_pieces) {
	struct { __u8 byte; __u64 word; } __attribute__((packed)) *at = (void *)&f->out[0];
	at->word = P;
	return f->d == P;
}
PATTERN(plain_pieces_even) {
	struct { __u16 word; __u64 rest; } __attribute__((packed, aligned(2))) *at = (void *)&f->out[0];
	at->rest = P;
	return f->d == P;
}
PATTERN(plain_pieces_half) {
	struct { __u32 word; __u64 rest; } __attribute__((packed, aligned(4))) *at = (void *)&f->out[0];
	at->rest = P;
	return f->d == P;
}
PATTERN(any_pieces_apart) {
	((__u32 *)&f->out[0])[0] = P >> 32;
	((__u32 *)&f->out[1])[0] = (__u32)P;
	return f->d == P;
}
