/* SPDX-License-Identifier: Apache-2.0 */
/* What attachments ask of rtnetlink: the clsact qdisc, its bpf filters, and the XDP programs of an interface. */
#ifndef VPC_NETLINK_H
#define VPC_NETLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mnl_socket;

/*
 * A socket of the network namespace that the caller is in when it is opened: by the first request, if not before. All
 * zero: none yet. A request that fails without the kernel's answer closes it, and the next one opens another.
 */
struct vpc_netlink {
	struct mnl_socket *socket;
	uint32_t sequence;
	char reason[128]; /* the kernel's own words about the last failure, "" if it had none */
};

/* The result is 0 or a negative errno, here and below. */
int vpc_netlink_open(struct vpc_netlink *ret_netlink);
void vpc_netlink_close(struct vpc_netlink *netlink);

/* Where filters hang; the parent in struct tcmsg. */
enum { VPC_TC_INGRESS = 0xfffffff2, VPC_TC_EGRESS = 0xfffffff3 };

/* A filter as the kernel lists it. */
struct vpc_filter {
	uint16_t priority;
	uint16_t protocol; /* host byte order, ETH_P_* */
	uint32_t handle;   /* 0: no filter, but the head of a list of them */
	uint32_t chain;
	char kind[16];
	char name[64];     /* bpf only, as all below; cut off if longer */
	uint32_t program_id;
	uint64_t program_tag; /* big-endian bytes read as a number */
};

#define VPC_FILTER_LIMIT 128

struct vpc_filters {
	size_t count;
	bool cut_off; /* there are more than VPC_FILTER_LIMIT */
	struct vpc_filter list[VPC_FILTER_LIMIT];
};

/* Lists the filters in the order in which they run. Without a qdisc there are none. */
int vpc_netlink_filters(struct vpc_netlink *netlink, uint32_t ifindex, uint32_t parent, struct vpc_filters *ret_filters);

/* Makes a bpf filter in direct-action mode for all protocols, or exchanges the program of the one of that handle in one step. */
int vpc_netlink_put_filter(struct vpc_netlink *netlink, uint32_t ifindex, uint32_t parent, uint16_t priority, uint32_t handle,
	int program_fd, const char *name);
int vpc_netlink_delete_filter(struct vpc_netlink *netlink, uint32_t ifindex, uint32_t parent, uint16_t priority, uint32_t handle);

#define VPC_QDISC_KIND 16

/* The kind of the qdisc that carries the filters for arriving packets ("clsact" or "ingress"); "" if there is none. */
int vpc_netlink_ingress_qdisc(struct vpc_netlink *netlink, uint32_t ifindex, char ret_kind[VPC_QDISC_KIND]);
int vpc_netlink_add_clsact(struct vpc_netlink *netlink, uint32_t ifindex);
int vpc_netlink_delete_clsact(struct vpc_netlink *netlink, uint32_t ifindex);

/* Id of the XDP program of the interface; 0 if there is none. */
int vpc_netlink_xdp_program(struct vpc_netlink *netlink, uint32_t ifindex, uint32_t *ret_program_id);

#endif
