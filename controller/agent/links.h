/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel says of interfaces, addresses and routes, by rtnetlink. Each call asks anew. */
#ifndef AGENT_LINKS_H
#define AGENT_LINKS_H

#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>
#include <vpc/vpc.h>

struct link {
	uint32_t ifindex, peer; /* peer: of a veth, in the other namespace; 0: none */
	uint32_t mtu;
	uint8_t mac[6];
	char name[16], kind[16]; /* kind: "veth", "macvlan"; "" for hardware */
};

/* 0, or -ENODEV and others. */
int link_find(const char *name, struct link *ret_link);
int link_find_index(uint32_t ifindex, struct link *ret_link);
/* In the network namespace of that path (CNI_NETNS), without entering it. */
int link_find_in(const char *path, const char *name, struct link *ret_link);

/* Every address of this namespace's interfaces, IPv4-mapped for IPv4. 0 or negative errno. */
int addresses_each(void (*visit)(void *context, const uint8_t address[16], uint32_t ifindex), void *context);

/* The source address that routing gives for a destination. 0, or -ENETUNREACH and others. */
int route_source(const uint8_t destination[16], uint8_t ret_source[16]);

/* A socket that becomes readable when an address or a link changes; read it with links_drain(). Negative errno on failure. */
int links_watch(void);
void links_drain(int fd);

#endif
