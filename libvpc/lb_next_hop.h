/* SPDX-License-Identifier: Apache-2.0 */
/* How a frame reaches an address by one interface: what the kernel's routes and neighbours say. */
#ifndef VPC_LB_NEXT_HOP_H
#define VPC_LB_NEXT_HOP_H

#include <stdbool.h>
#include <stdint.h>

struct mnl_socket;

struct vpc_next_hops {
	struct mnl_socket *socket;
	uint32_t sequence;
	uint32_t ifindex;
	uint32_t mtu;       /* of the interface */
	uint8_t mac[6];     /* of the interface */
};

struct vpc_next_hop {
	uint8_t source[16]; /* address that this machine uses towards it */
	uint32_t mtu;
	bool is_known;      /* mac is valid */
	uint8_t mac[6];
};

/* A negative errno, here and below. */
int vpc_next_hops_open(uint32_t ifindex, struct vpc_next_hops *ret_next_hops);
void vpc_next_hops_close(struct vpc_next_hops *next_hops);

/*
 * Asks for the way to the address, and makes the kernel resolve or confirm the neighbour there unless it did lately: what
 * is not known now is known a moment later. -ENETUNREACH: no route by the interface, or the address is this machine's own.
 */
int vpc_next_hop_find(struct vpc_next_hops *next_hops, const uint8_t address[16], struct vpc_next_hop *ret_next_hop);

#endif
