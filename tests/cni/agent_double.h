/* SPDX-License-Identifier: Apache-2.0 */
/* An agent that misbehaves as told, for the plugin to survive: one thread, one socket, any number of requests. */
#ifndef AGENT_DOUBLE_H
#define AGENT_DOUBLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fault {
	ANSWERS,        /* in order */
	TRICKLES,       /* in order, a byte at a time */
	SAYS_NOTHING,   /* reads the request, closes */
	HANGS,          /* reads the request, never answers, until the other side goes */
	CUTS_HEADER,    /* half a header */
	CUTS_BODY,      /* half a body */
	TALKS_GARBAGE,  /* a web server's words */
	CLAIMS_MUCH,    /* a length of 4 GiB */
	CLAIMS_MTU,     /* an MTU of 4 Gi */
	IGNORES,        /* closes before the request is read */
	HAS_NO_SOCKET,  /* there is no agent */
	LEFT_SOCKET,    /* a dead agent's socket */
};

struct agent_double {
	char path[108];
	enum fault fault;
	uint32_t code, mtu; /* of the reply to anything but DEL */
	const char *body;
	int fd;
	long thread_; /* pthread_t */
	/* what was asked, for the test to look at after agent_double_stop() */
	unsigned requests;
	uint32_t commands[4];
	char environment[4096]; /* of the last request */
	size_t environment_length;
	char configuration[4096];
	size_t configuration_length;
};

void agent_double_start(struct agent_double *agent);
void agent_double_stop(struct agent_double *agent);

#endif
