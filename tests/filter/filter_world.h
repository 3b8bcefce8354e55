/* SPDX-License-Identifier: Apache-2.0 */
/* A loaded port filter without an interface: its maps, and one run of a frame. */
#ifndef FILTER_WORLD_H
#define FILTER_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vpc/vpc.h>
#include "portfilter.h"

/* Ports of the table, by what they are open for. Everything else is closed. */
enum {
	PUBLIC = 80,        /* TCP and UDP */
	SOCKET = 4789,      /* TCP and UDP: AF_XDP */
	BOTH = 4790,        /* TCP and UDP: AF_XDP, and public without a socket */
	CLOSED = 23,
	TCP_ONLY = 2222,    /* public */
	UDP_ONLY = 5353,
	EARLIER = 8080,     /* TCP and UDP: public in the earlier filter only */
	GRE = 47,           /* a protocol that is public */
	ESP = 50,           /* a protocol for AF_XDP */
};

/* Whether the filter waits for confirmation, and whether that is over. */
enum wait { CONFIRMED, WAITING, OVER_TO_NOTHING, OVER_TO_EARLIER, WAITS };

extern struct filter_world {
	struct vpc_template *template;
	struct vpc_instance *instance;
	int program_fd, ports_fd, settings_fd, counters_fd, sockets_fd;
	uint8_t flags[VPC_FILTER_KEYS]; /* what stands in filter_ports */
} world;

/* Loads the program and fills the table. Ends the process with 77 where BPF is not permitted. */
void world_make(void);
void world_free(void);
void world_set_port(enum vpc_filter_kind kind, uint16_t port, uint8_t flags);
/* An AF_XDP socket stands at queue 0, which is where test runs arrive, or does not. */
void world_bind_socket(bool is_bound);
/* The range of ports for UDP replies; 0, 0: the default. */
void world_wait(enum wait wait, uint16_t first_reply, uint16_t last_reply);

/* What became of a frame: action, bytes, and by how much each counter has grown. */
struct outcome {
	uint32_t action;
	bool is_unchanged;
	uint64_t counts[VPC_FILTER_VERDICT_COUNT];
};
void world_run(const uint8_t *frame, size_t length, struct outcome *ret_outcome);
const char *verdict_name(uint32_t verdict);

#endif
