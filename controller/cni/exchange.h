/* SPDX-License-Identifier: Apache-2.0 */
/* One request to the agent, and its reply (../cni_protocol.h). */
#ifndef CNI_EXCHANGE_H
#define CNI_EXCHANGE_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "error.h"
#include "../cni_protocol.h"

struct cni_request {
	enum vpc_cni_command command;
	const char *environment; /* NAME=value, each ended by NUL */
	size_t environment_length;
	const char *configuration;
	size_t configuration_length;
};

struct cni_reply {
	uint32_t code; /* 0 or a CNI error code */
	uint32_t mtu;  /* 0: leave it */
	char *body;    /* what goes to stdout; free() */
	size_t body_length;
};

static inline void cni_release_reply(struct cni_reply *reply) {
	free(reply->body);
}

struct vpc_cni_header cni_request_header(const struct cni_request *request);

/* Milliseconds of CLOCK_MONOTONIC. */
int64_t cni_now(void);

/*
 * Sends the request and waits for the whole reply until the deadline (of cni_now()). The caller frees ret_reply->body.
 *
 * Returns 0, CNI_TRY_AGAIN if there is no agent or it did not answer in time, or CNI_BROKEN_REPLY. On failure *ret_reply
 * is untouched; the agent may or may not have acted.
 */
int cni_exchange(const char *socket_path, const struct cni_request *request, int64_t deadline, struct cni_reply *ret_reply, struct cni_error *error);

#endif
