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

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <vpc/vpc.h>

#define PIN_DIRECTORY "/sys/fs/bpf/libvpc/v1"

struct topology {
	int node_netns, pod_netns; /* descriptors */
};

/* Moves the process into new namespaces. False if that is not permitted here; the reason is printed. */
bool topology_enter(struct topology *ret_topology);
/* Makes the veth pair (host0, pod0) with addresses and permanent neighbours; returns host0's index. */
uint32_t topology_add_pair(const struct topology *topology);
void topology_delete_pair(void);
void enter_netns(int netns);

/* Runs a shell command in the present namespace; aborts the test if it fails. */
void run(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A connected pair of UDP sockets that send in the way that the direction sees. */
struct flow {
	int sender, receiver;
};
struct flow flow_open(const struct topology *topology, enum vpc_direction direction);
void flow_close(struct flow *flow);
/* Sends one datagram and tells whether it arrives, or whether it does not. */
bool flow_passes(const struct flow *flow);
bool flow_is_stopped(const struct flow *flow);
/* Takes what has arrived; returns the number of datagrams. */
unsigned flow_take(const struct flow *flow);

/* Up to 10,000 datagrams a second from a thread of its own, until stopped. */
struct stream {
	struct flow flow;
	pthread_t thread;
	atomic_bool stop;
	atomic_uint sent, received;
};
void stream_start(struct stream *stream, const struct topology *topology, enum vpc_direction direction);
/* Waits until that many more datagrams were sent. */
void stream_await(struct stream *stream, unsigned count);
/* Stops sending and takes in what is still on its way. */
void stream_stop(struct stream *stream);
/* The same for a stream that must arrive in full. */
void stream_stop_after_arrival(struct stream *stream);

/* A foreign program that counts what it sees and lets it through. */
struct foreign {
	int program_fd, map_fd;
	uint32_t id;
};
struct foreign foreign_load(enum vpc_direction direction);
uint64_t foreign_count(const struct foreign *foreign);
void foreign_close(struct foreign *foreign);
/* Puts it first on tcx without a link, or adds it as a clsact filter of our priority, which comes first as the newest. */
void foreign_put_first(const struct foreign *foreign, uint32_t ifindex, enum vpc_direction direction, enum vpc_hook hook);
/* Takes it away; the test fails if it is not there any more. */
void foreign_remove(const struct foreign *foreign, uint32_t ifindex, enum vpc_direction direction, enum vpc_hook hook);

/* Open descriptors of this process. */
unsigned count_descriptors(void);
/* Waits until no program of that id is loaded any more: the kernel frees late. */
void await_unloaded(uint32_t program_id);
/* Fails the test if anything is left on the bpffs. */
void assert_nothing_pinned(void);

#endif
