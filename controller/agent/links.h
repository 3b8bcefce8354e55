/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel says of interfaces, addresses and routes, by rtnetlink. Each call but the watch asks anew. */
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

/* Sets the MTU of one there, entering the namespace for a moment (CAP_SYS_ADMIN). 0 or negative errno. */
int link_set_mtu_in(const char *path, const char *name, uint32_t mtu);

/* What became of an interface of this namespace. */
struct link_change {
	enum { LINK_CHANGED, LINK_GONE, LINK_GOT_ADDRESS, LINK_LOST_ADDRESS, LINK_CHANGES_LOST } kind; /* lost: too many to tell */
	uint32_t ifindex;
	uint8_t address[16], prefix; /* with an address only; IPv4-mapped for IPv4, the prefix of its own family */
};

/* Every address of this namespace's interfaces. 0 or negative errno. */
int addresses_each(void (*visit)(void *context, const struct link_change *change), void *context);

/* The source address that routing gives for a destination. 0, or -ENETUNREACH and others. */
int route_source(const uint8_t destination[16], uint8_t ret_source[16]);

/* A socket that becomes readable when an address or a link changes; read it with links_drain(). Negative errno on failure. */
int links_watch(void);
/* Visits the changes since the last call, in their order. */
void links_drain(int fd, void (*visit)(void *context, const struct link_change *change), void *context);

#endif
