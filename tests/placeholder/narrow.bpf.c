// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Ways in which programs use a 4-byte constant. Compiled with the placeholder, and with each value in its place.

#include "pattern.h"

#include <bpf/bpf_endian.h>

#define P ((__u32)PLACEHOLDER)
#define S ((__s32)PLACEHOLDER)

struct pair {
	__u32 first, second;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct pair);
} pairs SEC(".maps");

/* ---- equality ---- */

PATTERN(plain_equal) { return f->a == P; }
PATTERN(plain_not_equal) { return f->a != P ? 7 : 9; }
PATTERN(plain_equal_early) {
	if (f->a == P)
		return 1;
	f->out[0] = f->a;
	return 2;
}
PATTERN(plain_equal_two) { return (f->a == P) + 2 * (f->b == P); }
PATTERN(plain_equal_either) { return f->a == P || f->b == P; }
PATTERN(plain_equal_both) { return f->a == P && f->b == P; }
PATTERN(any_equal_wide) { f->out[0] = f->c == P; return 0; }
PATTERN(plain_equal_truncated) { return (__u32)f->c == P; }
PATTERN(plain_equal_high) { return (__u32)(f->c >> 32) == P; }
PATTERN(plain_equal_sum) { return (__u32)(f->a + f->b) == P; }
PATTERN(plain_equal_register) {
	__u32 p = P;
	touch(p);
	return f->a == p;
}
PATTERN(plain_equal_register_wide) {
	__u64 p = P;
	touch(p);
	return f->a == p;
}
PATTERN(plain_equal_used) {
	if (f->a != P)
		return 0;
	*(__u32 *)&f->out[0] = P;
	return 1;
}
PATTERN(plain_equal_loop) {
	__u32 *words = (__u32 *)f->out;
	int found = 0;
	for (int i = 0; i < 8; i++)
		found += words[i] == P;
	return found;
}
PATTERN(plain_equal_signed) { return (__s32)f->a == S; }
PATTERN(plain_equal_packet) {
	f->out[1] = (f->a ^ 0) == P ? f->c : f->d;
	return 0;
}

/* ---- assignment ---- */

PATTERN(plain_assign) { *(__u32 *)&f->out[0] = P; return 0; }
PATTERN(plain_assign_upper) { ((__u32 *)&f->out[0])[1] = P; return 0; }
PATTERN(plain_assign_pair) {
	struct pair *pair = (struct pair *)&f->out[0];
	pair->first = P;
	pair->second = P;
	return 0;
}
PATTERN(plain_assign_pair_low) {
	struct pair *pair = (struct pair *)&f->out[0];
	pair->first = P;
	pair->second = 0x11223344;
	return 0;
}
PATTERN(plain_assign_pair_high) {
	struct pair *pair = (struct pair *)&f->out[0];
	pair->first = 0xa1223344;
	pair->second = P;
	return 0;
}
PATTERN(any_assign_pair_zero) {
	struct pair *pair = (struct pair *)&f->out[0];
	pair->first = P;
	pair->second = 0;
	return 0;
}
PATTERN(any_assign_pair_ones) {
	struct pair *pair = (struct pair *)&f->out[0];
	pair->first = P;
	pair->second = 0xffffffff;
	return 0;
}
PATTERN(plain_assign_pair_zero_high) {
	struct pair *pair = (struct pair *)&f->out[0];
	pair->first = 0;
	pair->second = P;
	return 0;
}
PATTERN(any_assign_wide) { f->out[0] = P; return 0; }
PATTERN(plain_assign_wide_register) {
	__u64 p = P;
	touch(p);
	f->out[0] = p;
	return 0;
}
PATTERN(plain_assign_stack) {
	__u32 words[4] = {P, f->a, P, f->b};
	forget();
	asm volatile("" : : "r"(words) : "memory");
	f->out[0] = words[f->a & 3];
	return words[0];
}
PATTERN(plain_assign_map) {
	__u32 zero = 0;
	struct pair *pair = bpf_map_lookup_elem(&pairs, &zero);
	if (!pair)
		return 1;
	pair->first = P;
	pair->second = f->a;
	forget();
	f->out[0] = pair->first;
	f->out[1] = pair->second;
	return 0;
}
PATTERN(plain_assign_key) {
	struct pair pair = {.first = P, .second = 5};
	__u32 zero = 0;
	bpf_map_update_elem(&pairs, &zero, &pair, BPF_ANY);
	struct pair *found = bpf_map_lookup_elem(&pairs, &zero);
	if (!found)
		return 1;
	f->out[0] = found->first;
	f->out[1] = found->second;
	return 0;
}
PATTERN(any_assign_key_zero) {
	struct pair pair = {.first = P};
	__u32 zero = 0;
	bpf_map_update_elem(&pairs, &zero, &pair, BPF_ANY);
	struct pair *found = bpf_map_lookup_elem(&pairs, &zero);
	if (!found)
		return 1;
	f->out[0] = found->first;
	f->out[1] = found->second;
	return 0;
}
PATTERN(any_assign_shifted) { f->out[0] = (__u64)P << 32; return 0; }
PATTERN(any_assign_joined) { f->out[0] = (__u64)f->a << 32 | P; return 0; }
PATTERN(any_assign_joined_high) { f->out[0] = (__u64)P << 32 | f->a; return 0; }
PATTERN(plain_assign_helper) {
	__u32 p = P;
	bpf_get_prandom_u32();
	touch(p);
	f->out[0] = p;
	return 0;
}

/* ---- in pieces: what is not aligned is stored by bytes or by 2 bytes ---- */

struct odd {
	__u8 kind;
	__u32 word;
	__u8 more;
} __attribute__((packed));

struct even {
	__u16 kind;
	__u32 word;
} __attribute__((packed, aligned(2)));

struct two_odd {
	__u8 kind;
	__u32 first, second;
	__u8 more;
} __attribute__((packed));

struct late {
	__u8 kind[5];
	__u32 word;
	__u8 more[7];
} __attribute__((packed, aligned(8)));

PATTERN(plain_pieces) { ((struct odd *)f->bytes)->word = P; return 0; }
PATTERN(plain_pieces_and_whole) {
	((struct odd *)f->bytes)->word = P;
	return f->a == P;
}
PATTERN(plain_pieces_even) { ((struct even *)f->bytes)->word = P; return 0; }
PATTERN(plain_pieces_two) {
	struct two_odd *two = (void *)f->out;
	two->kind = 0x77;
	two->first = P;
	two->second = P;
	two->more = 0x78;
	return 0;
}
PATTERN(plain_pieces_copied) {
	__u32 p = P;
	__builtin_memcpy(f->bytes + 3, &p, sizeof p);
	return 0;
}
PATTERN(plain_pieces_copied_even) {
	__u32 p = P;
	__builtin_memcpy(__builtin_assume_aligned(f->bytes + 2, 2), &p, sizeof p);
	return f->b == P;
}
PATTERN(plain_pieces_either) {
	if (f->a & 1)
		((struct odd *)f->bytes)->word = P;
	else
		((struct even *)f->out)->word = P;
	return f->b != P;
}
PATTERN(plain_pieces_if_equal) {
	if (f->a == P)
		((struct odd *)f->bytes)->word = P;
	return 0;
}
PATTERN(any_pieces_of_register) {
	__u32 p = P;
	touch(p);
	((struct odd *)f->bytes)->word = p;
	return 0;
}
PATTERN(any_pieces_loop) {
	struct odd *odd = (void *)f->out;
	__u32 count = f->a & 3;
	for (__u32 i = 0; i < 4; i++) {
		if (i > count)
			break;
		odd[i].word = P;
		forget();
	}
	return f->b == P;
}
PATTERN(any_pieces_select) {
	((struct odd *)f->bytes)->word = f->a & 1 ? P : f->b;
	return 0;
}
PATTERN(any_pieces_select_constant) {
	((struct odd *)f->bytes)->word = f->a & 1 ? P : 0x010cba98;
	return 0;
}
PATTERN(any_pieces_else) {
	if (f->a & 1)
		((struct odd *)f->bytes)->word = P;
	else
		((struct odd *)f->bytes)->word = 0x010cba98;
	return f->b == P;
}
PATTERN(any_pieces_stray) {
	struct odd *odd = (void *)f->bytes;
	odd->word = P;
	odd->more = 0x98;
	return f->b == P;
}
PATTERN(any_pieces_swapped) {
	((struct odd *)f->bytes)->word = bpf_htonl(P);
	return f->b == P;
}
PATTERN(any_pieces_late) {
	struct late late = {.kind = {1, 2, 3, 4, 5}, .word = P, .more = {6, 7}};
	__builtin_memcpy(f->out, &late, sizeof late);
	return f->b == P;
}
PATTERN(any_pieces_key) {
	struct { __u8 kind; __u32 word; __u8 more[3]; } __attribute__((packed)) key = {.kind = 9, .word = P};
	__u32 zero = 0;
	bpf_map_update_elem(&pairs, &zero, &key, BPF_ANY);
	struct pair *found = bpf_map_lookup_elem(&pairs, &zero);
	if (!found)
		return 1;
	f->out[0] = found->first;
	f->out[1] = found->second;
	return f->b == P;
}
PATTERN(any_pieces_part) {
	*(__u16 *)&f->out[0] = (__u16)P;
	*(__u16 *)&f->out[1] = P >> 16;
	return f->b == P;
}
PATTERN(any_pieces_compared) {
	if ((__u16)f->a == (__u16)P && (__u16)f->b == P >> 16)
		return 2;
	return f->b == P;
}
PATTERN(any_pieces_shifted) {
	f->out[0] = (__u64)P << 8 | 0x55;
	return f->b == P;
}
PATTERN(any_pieces_shifted_down) { return f->a == P >> 8 || f->b == P; }
PATTERN(any_pieces_joined) {
	__u32 word = (__u8)(P >> 24);
	touch(word);
	word = word << 24 | (P & 0xffffff);
	return f->a == word || f->b == P;
}

/* ---- return value and select ---- */

PATTERN(plain_return) { return P; }
PATTERN(plain_return_early) {
	if (f->a)
		return P;
	return 0;
}
PATTERN(plain_select_zero) { return f->a ? P : 0; }
PATTERN(plain_select_variable) { return f->a & 1 ? P : f->b; }
PATTERN(plain_select_stored) { *(__u32 *)&f->out[0] = f->a & 1 ? P : f->b; return 0; }
PATTERN(plain_select_compared) {
	__u32 chosen = f->a & 1 ? P : f->b;
	return chosen == (__u32)f->c;
}
PATTERN(plain_select_compared_small) {
	__u32 chosen = f->a & 1 ? P : f->b;
	touch(chosen);
	return chosen == 7;
}
PATTERN(plain_select_wide) { f->out[0] = f->a & 1 ? (__u64)P : f->b; return 0; }
PATTERN(any_select_wide_unknown) { f->out[0] = f->a & 1 ? (__u64)P : f->d; return 0; }
PATTERN(plain_select_constant) { *(__u32 *)&f->out[0] = f->a & 1 ? P : 0x01020304; return 0; }
PATTERN(plain_select_negative) { *(__u32 *)&f->out[0] = f->a & 1 ? P : 0xffffffff; return 0; }
PATTERN(any_select_loop) {
	__u32 sum = 0;
	for (int i = 0; i < 4; i++)
		sum = f->bytes[i] & 1 ? P : sum + 1;
	return sum;
}
PATTERN(any_select_ordered) {
	__u32 chosen = f->a & 1 ? P : f->b;
	return chosen > (__u32)f->c;
}
PATTERN(any_select_shifted) { return (f->a & 1 ? P : f->b) >> 5; }
PATTERN(any_select_divided) { return (f->a & 1 ? P : f->b) / 7; }

/* ---- subprograms ---- */

SUBPROGRAM int same(__u32 x, __u32 y) {
	touch(x);
	return x == y;
}
SUBPROGRAM __u32 itself(__u32 x) {
	touch(x);
	return x;
}
SUBPROGRAM __u32 constant(void) { return P; }
SUBPROGRAM __u32 constant_if(__u32 x) { return x & 1 ? P : x; }
SUBPROGRAM __u64 widened(__u32 x) {
	touch(x);
	return x;
}
SUBPROGRAM __u64 constant_wide(void) { return P; }
SUBPROGRAM int is_constant(__u32 x) { return x == P; }
SUBPROGRAM __u64 wide_sum(__u64 x, __u64 y) {
	touch(x);
	return x + y;
}
SUBPROGRAM __u64 second_of(__u64 pair) {
	touch(pair);
	return pair >> 32;
}

PATTERN(plain_subprogram_argument) { return same(f->a, P); }
PATTERN(plain_subprogram_passed) { return itself(P); }
PATTERN(plain_subprogram_result) { return constant() == f->a; }
PATTERN(any_subprogram_result_stored) { f->out[0] = constant(); return 0; }
PATTERN(plain_subprogram_select) { return constant_if(f->a); }
PATTERN(plain_subprogram_inside) { return is_constant(f->a) + 2 * is_constant(f->b); }
PATTERN(plain_subprogram_widened) { f->out[0] = widened(P); return 0; }
PATTERN(any_subprogram_wide) { f->out[0] = constant_wide(); return 0; }
PATTERN(any_subprogram_wide_sum) { f->out[0] = wide_sum(P, f->c); return 0; }
PATTERN(any_subprogram_pair) { f->out[0] = second_of(0xffffffff00000000 | P); return 0; }
PATTERN(plain_subprogram_twice) { return itself(P) == f->a ? itself(f->b) : itself(P); }

/* ---- signed widening ---- */

PATTERN(signed_assign_wide) { f->out[0] = (__s64)S; return 0; }
PATTERN(signed_equal_wide) { return (__s64)f->c == (__s64)S; }
PATTERN(signed_sum_wide) { f->out[0] = f->c + (__s64)S; return 0; }
PATTERN(signed_select_wide) { f->out[0] = (__s64)(f->a & 1 ? S : (__s32)f->b); return 0; }
PATTERN(signed_mask_wide) { f->out[0] = f->c & (__s64)S; return 0; }
PATTERN(signed_flags_wide) { f->out[0] = f->c | (__s64)S; return 0; }
PATTERN(signed_order_wide) { return (__s64)f->c > (__s64)S; }

/* ---- arithmetic ---- */

PATTERN(any_add) { return f->a + P; }
PATTERN(any_add_wide) { f->out[0] = f->c + P; return 0; }
PATTERN(any_subtract) { return f->a - P; }
PATTERN(any_subtract_from) { return P - f->a; }
PATTERN(any_multiply) { return f->a * P; }
PATTERN(any_multiply_wide) { f->out[0] = f->c * P; return 0; }
PATTERN(any_divide) { return P ? f->a / (P ? P : 1) : 0; }
PATTERN(any_divide_by) { return P / (f->a | 1); }
PATTERN(any_modulo) { return f->a % (P | 1); }
PATTERN(any_and) { return f->a & P; }
PATTERN(any_and_wide) { f->out[0] = f->c & P; return 0; }
PATTERN(any_or) { return f->a | P; }
PATTERN(any_or_wide) { f->out[0] = f->c | P; return 0; }
PATTERN(any_or_stored) { f->out[0] = f->a | P; return 0; }
PATTERN(any_xor) { return f->a ^ P; }
PATTERN(any_xor_equal) { return (f->a ^ P) == f->b; }
PATTERN(any_xor_both) { return ((f->a ^ P) | (f->b ^ P)) == 0; }
PATTERN(any_xor_stored) { f->out[0] = f->a ^ P; return 0; }
PATTERN(any_mask_not) { return f->a & ~P; }
PATTERN(any_mask_equal) { return (f->a & P) == P; }
PATTERN(any_bit) { return !!(f->a & P); }
PATTERN(any_shift_right) { return P >> (f->a & 31); }
PATTERN(any_shift_left) { return P << (f->a & 31); }
PATTERN(any_shift_signed) { return S >> (f->a & 31); }
PATTERN(any_negated) { return -P; }
PATTERN(any_low_byte) { return (__u8)P; }
PATTERN(any_hash) {
	__u32 hash = P;
	hash ^= f->a;
	hash *= 16777619;
	hash ^= f->b;
	return hash * 16777619;
}

/* ---- order ---- */

PATTERN(any_less) { return f->a < P; }
PATTERN(any_less_equal) { return f->a <= P; }
PATTERN(any_greater) { return f->a > P; }
PATTERN(any_greater_equal) { return f->a >= P; }
PATTERN(any_range) { return f->a >= P && f->a < P + 16; }
PATTERN(any_less_signed) { return (__s32)f->a < S; }
PATTERN(any_greater_signed) { return (__s32)f->a > S; }
PATTERN(any_less_wide) { return f->c < P; }
PATTERN(any_greater_wide) { return f->c > P; }
PATTERN(any_order_register) {
	__u32 p = P;
	touch(p);
	return f->a > p;
}
PATTERN(any_order_known_positive) {
	__s32 length = f->a & 0xffff;
	return length > S;
}
PATTERN(any_order_after_check) {
	__s32 length = f->a;
	if (length < 0)
		return 5;
	return length > S;
}

/* ---- the rest ---- */

PATTERN(any_switch) {
	switch (f->a) {
	case 3: return 3;
	case P: return 4;
	case 0x70000001: return 5;
	case 0x99887766: return 6;
	default: return 7;
	}
}
PATTERN(any_swapped) { return f->a == bpf_htonl(P); }
PATTERN(any_swapped_both) { return f->a == P || f->b == bpf_htonl(P); }
PATTERN(any_swapped_input) { return bpf_ntohl(f->a) == P; }
PATTERN(any_swapped_late) {
	__u32 p = P;
	touch(p);
	return bpf_htonl(p);
}
PATTERN(any_loop_bound) {
	__u32 sum = 0;
	for (__u32 i = 0; i < 4; i++)
		if (f->bytes[i] < P)
			sum += i + 1;
	return sum;
}
PATTERN(any_memory_compare) {
	union { struct pair pair; __u64 both; } wanted = {{P, 0x11223344}};
	return f->out[2] == wanted.both;
}
PATTERN(any_memory_compare_ones) {
	union { struct pair pair; __u64 both; } wanted = {{P, 0xffffffff}};
	return f->out[2] == wanted.both;
}
PATTERN(any_byte_equal) { return (__u32)f->bytes[0] == P; }
PATTERN(any_short_field) { return (__u16)f->a == (__u16)P; }
PATTERN(any_printed) {
	bpf_get_prandom_u32();
	__u64 number = P;
	touch(number);
	f->out[0] = number;
	f->out[1] = bpf_csum_diff((void *)0, 0, (void *)0, 0, 0) + P;
	return 0;
}
