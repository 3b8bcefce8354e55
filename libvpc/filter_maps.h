/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The maps of a port filter (portfilter.h), and what user space does in them. Ports and settings are mapped into memory: a
 * change is one store of a byte or a word, which each packet sees whole.
 */
#ifndef VPC_FILTER_MAPS_H
#define VPC_FILTER_MAPS_H

#include <stdbool.h>
#include <stdint.h>

#include "error.h"
#include "portfilter.h"

struct vpc_filter_maps {
	int ports_fd, settings_fd, counters_fd, sockets_fd;
	uint8_t (*ports)[8]; /* by key; the first byte counts, the kernel rounds up */
	struct vpc_filter_settings *settings;
};

#define VPC_FILTER_MAPS_CLOSED {.ports_fd = -1, .settings_fd = -1, .counters_fd = -1, .sockets_fd = -1}

/* Of the filter whose maps are pinned in that directory. -ENOENT if one is missing, -EPROTO if it has another layout. */
int vpc_filter_maps_open_pinned(const char *directory, struct vpc_filter_maps *ret_maps, struct vpc_error *error);
/* Of a loaded program, whoever loaded it. -ENOENT if the program is no port filter. Needs CAP_SYS_ADMIN. */
int vpc_filter_maps_open_program(uint32_t program_id, struct vpc_filter_maps *ret_maps, struct vpc_error *error);
void vpc_filter_maps_close(struct vpc_filter_maps *maps);

/* The key of a port; protocols without ports have one as well. */
uint32_t vpc_filter_key(const struct vpc_port *port);
/* Protocol and port of a key; flags as they stand there. */
struct vpc_port vpc_filter_port_of(const struct vpc_filter_maps *maps, uint32_t key);

/* How many ports are open. */
size_t vpc_filter_count_open(const struct vpc_filter_maps *maps);
/* Makes the ports exactly these: opens first, then closes. Those of the earlier filter stay as they are. */
void vpc_filter_put_ports(const struct vpc_filter_maps *maps, const struct vpc_port *ports, size_t count);
/* Keeps the ports as those of the earlier filter, or makes those of the earlier filter the ones in force. */
void vpc_filter_keep_ports(const struct vpc_filter_maps *maps);
void vpc_filter_restore_ports(const struct vpc_filter_maps *maps);

void vpc_filter_set_deadline(const struct vpc_filter_maps *maps, uint64_t deadline);
/* Nanoseconds until the deadline, 0 if it is over; UINT64_MAX if there is none. */
uint64_t vpc_filter_time_left(const struct vpc_filter_maps *maps);
/* CLOCK_MONOTONIC in nanoseconds, which is what the program compares with. */
uint64_t vpc_filter_now(void);

#endif
