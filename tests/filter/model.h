/* SPDX-License-Identifier: Apache-2.0 */
/* A plain model of the port filter, which shares no code with bpf/ but the names of the verdicts. */
#ifndef FILTER_MODEL_H
#define FILTER_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "portfilter.h"

struct model {
	/* In force: bit 0 public, bit 1 for a socket. */
	uint8_t tcp[65536], udp[65536], protocols[256];
	bool has_socket;
	unsigned first_reply, last_reply;
};

enum vpc_filter_verdict model_judge(const struct model *model, const uint8_t *frame, size_t length);

#endif
