/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every test of attachments stands on. Made in namespaces of this process, so it vanishes with it:
 *
 *	netns "pod"                        netns "node", a private bpffs on /sys/fs/bpf
 *	pod0 10.66.0.2 ------- veth ------- host0 10.66.0.1   <- the hooks under test
 *
 *	ingress and xdp see what pod sends to node; egress sees what node sends to pod
 */
#ifndef TEST_ATTACH_TOPOLOGY_H
#define TEST_ATTACH_TOPOLOGY_H

#include <stdbool.h>
#include <stdint.h>
#include <vpc/vpc.h>

#define PIN_DIRECTORY "/sys/fs/bpf/libvpc/v1"

struct topology {
	int node_netns, pod_netns; /* descriptors */
	uint32_t ifindex;          /* of host0 */
};

/* Moves the process into new namespaces. False if that is not permitted here; the reason is printed. */
bool topology_enter(struct topology *ret_topology);
/* Makes the veth pair (host0, pod0) with addresses and permanent neighbours; returns host0's index. */
uint32_t topology_add_pair(const struct topology *topology);
void topology_delete_pair(void);

/* Runs a shell command in the node; aborts the test if it fails. */
void run(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A connected pair of UDP sockets that send in the way that the direction sees. */
struct flow {
	int sender, receiver;
};
struct flow flow_open(const struct topology *topology, enum vpc_direction direction);
void flow_close(struct flow *flow);
/* Sends one datagram and tells whether it arrives. */
bool flow_passes(const struct flow *flow);

#endif
