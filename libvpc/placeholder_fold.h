/* SPDX-License-Identifier: Apache-2.0 */
/* What compilers make of a constant, so that it is not there as such any more. Texts are static: "that negated, ...". */
#ifndef VPC_PLACEHOLDER_FOLD_H
#define VPC_PLACEHOLDER_FOLD_H

#include "placeholder_internal.h"

/* How the number of an instruction can have been made out of the constant, or NULL. is_wide: it is an lddw's. */
const char *vpc_placeholder_folding(uint64_t constant, uint8_t width, uint64_t number, bool is_wide);

/*
 * Whether the instructions put the constant together from smaller numbers, by shifts and sums that lie side by side: then a
 * text, the instruction that completes it and what that holds; else NULL. Instructions with known[i] are places.
 */
const char *vpc_placeholder_composition(const struct bpf_insn *insns, size_t count, uint64_t constant, uint8_t width, const uint8_t *known,
		size_t *ret_at, uint64_t *ret_number);

#endif
