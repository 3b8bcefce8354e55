/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every test of the datapath stands on: two nodes on one underlay, Pods behind them as the ptp plugin makes them.
 * All namespaces are nameless and belong to this process, so they vanish with it, however it ends.
 *
 *	Pod 10.0.1.<n>, fd00::1:<n>       Pod 10.0.2.<n>, fd00::2:<n>
 *	  eth0                              eth0
 *	   |                                 |
 *	  pod<n>  10.0.1.254               pod<n>  10.0.2.254
 *	node 0  uplink ----- [ bridge ] ----- uplink  node 1
 *	        172.30.0.1, fd30::1           172.30.0.2, fd30::2
 *	        pins /sys/fs/bpf/n0/v1        pins /sys/fs/bpf/n1/v1
 */
#ifndef TEST_DATAPATH_WORLD_H
#define TEST_DATAPATH_WORLD_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <vpc/vpc.h>
#include "datapath_maps.h"

enum { NODES = 2 };

struct node {
	int index, netns;
	uint32_t uplink_ifindex;
	uint8_t uplink_mac[6];
	uint8_t underlay[16];
	char pins[64];
	struct vpc_datapath *datapath; /* NULL: not open */
};

struct pod {
	struct node *node;
	int netns, number;
	struct vpc_pod vpc;
};

extern struct node nodes[NODES];

/* Makes the namespaces. False if that is not permitted here; the reason is printed. */
bool world_enter(void);
/* For each test, so that none finds what another left: the same anew. */
int world_renew(void **state);
void enter(int netns);
/* Runs a shell command in the present namespace; fails the test if the command does. */
void run(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The Pod and its interfaces, of no VPC yet. `number` is 1 to 250 and unique on the node. */
struct pod pod_add(struct node *node, int number, enum vpc_encapsulation encapsulation, uint32_t network_id);
/* Takes the interfaces away; the namespace goes too. */
void pod_remove(struct pod *pod);
/* An address of the Pod, IPv4-mapped for IPv4. */
void pod_address(const struct pod *pod, bool ipv6, uint8_t ret_address[16]);

/* Opens the node's datapath with an underlay of that family; the test fails with the library's message if it cannot. */
void node_open(struct node *node, bool ipv6_underlay);
void node_close(struct node *node);
void node_remove(struct node *node);
/* Calls the library in the node's namespace; the test fails with its message if it does. */
void put_pod(const struct pod *pod);
void delete_pod(const struct pod *pod);
struct vpc_remote as_remote(const struct pod *pod);
/* Tells every node that has Pods in the network of all the others, and who the nodes are. */
void tell_remotes(const struct pod *pods, size_t count);

/* Waits up to two seconds; returns the last answer. */
bool wait_for(bool (*is_so)(void *context), void *context);

#endif
