/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must become of a frame, worked out from its bytes and from the tables of world.h by the rules of the design, with
 * nothing remembered from earlier frames. It knows no order of checks: it collects everything that is wrong, and whoever
 * drops the frame must name one of these reasons.
 */
#ifndef ORACLE_H
#define ORACLE_H

#include "row.h"

struct judgement {
	uint64_t faults;       /* bits of enum vpc_drop_reason; not 0: must be dropped for one of them */
	bool may_be_ignored;   /* besides: may be dropped without a count */
	enum verdict verdict;  /* without faults: PASSED, REACHED or IGNORED */
	bool is_answer;        /* REACHED: an answer to the Pod that the program makes */
	enum who target;       /* REACHED, no answer */
	bool is_undecided;     /* nothing is demanded */
};

struct arrival {
	enum who sender;
	enum identifier identifier;
	bool forwarded;
};

struct judgement oracle_from_pod(const struct frame *frame);
struct judgement oracle_to_pod(const struct frame *frame, const struct arrival *arrival);
struct judgement oracle_from_node(const struct frame *frame, const struct arrival *arrival);

#endif
