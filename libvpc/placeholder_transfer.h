/* SPDX-License-Identifier: Apache-2.0 */
/* What one instruction does to facts (forwards) and demands (backwards). The walk over the program is placeholder_flow.c. */
#ifndef VPC_PLACEHOLDER_TRANSFER_H
#define VPC_PLACEHOLDER_TRANSFER_H

#include "placeholder_flow.h"

#define VPC_FLOW_REGISTERS 11
#define VPC_FLOW_SLOTS 64 /* of 8 bytes, slot 0 at r10 - 8 */
#define VPC_FLOW_FRAME 512
#define VPC_FLOW_ALL_FACTS (VPC_FLOW_ZERO | VPC_FLOW_SIGN | VPC_FLOW_SMALL)
#define VPC_FLOW_NO_STACK INT16_MAX

/* What is certain at one point. */
struct vpc_flow_state {
	uint8_t registers[VPC_FLOW_REGISTERS];
	uint8_t slots[VPC_FLOW_SLOTS];
	int16_t stack[VPC_FLOW_REGISTERS]; /* the register is r10 plus this, or NO_STACK */
};

/* What is demanded at one point. Whole words, to be joined by words. */
struct vpc_flow_wants {
	uint8_t registers[VPC_FLOW_REGISTERS];
	uint8_t slots[VPC_FLOW_SLOTS];
	uint8_t nothing[5];
};
_Static_assert(sizeof(struct vpc_flow_wants) % sizeof(uint64_t) == 0, "joined by words");

/*
 * The lowest offset from r10 that a pointer may reach: whatever lies wholly below it is only ever accessed through r10
 * itself. 0 if no pointer into the frame exists.
 */
struct vpc_flow_frame {
	int16_t floor;
};

/* Calls of subprograms, exits and jumps change nothing here but what they compare. */
void vpc_flow_forward(const struct bpf_insn *insn, enum vpc_flow_choice choice, struct vpc_flow_state *state, struct vpc_flow_frame *frame);
/* The facts in flow are those before the instruction; fills its demand. */
void vpc_flow_backward(const struct bpf_insn *insn, enum vpc_flow_choice choice, struct vpc_flow *flow, struct vpc_flow_wants *wants,
	const struct vpc_flow_frame *frame);

void vpc_flow_escape(const struct vpc_flow_state *state, unsigned reg, struct vpc_flow_frame *frame);

#endif
