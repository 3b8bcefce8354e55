// SPDX-License-Identifier: Apache-2.0
#include "topology.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#define NODE_ADDRESS "10.66.0.1"
#define POD_ADDRESS "10.66.0.2"
#define NODE_MAC "02:00:00:00:00:01"
#define POD_MAC "02:00:00:00:00:02"
#define ARRIVAL_MILLISECONDS 200 /* packets of a veth pair are delivered within one, or never */

void run(const char *format, ...) {
	char command[512];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(command, sizeof command, format, arguments);
	va_end(arguments);
	if (system(command) != 0)
		fail_msg("failed: %s", command);
}

static void enter(int netns) {
	assert_int_equal(setns(netns, CLONE_NEWNET), 0);
}

bool topology_enter(struct topology *ret_topology) {
	if (unshare(CLONE_NEWNS | CLONE_NEWNET) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
		mount("bpf", "/sys/fs/bpf", "bpf", 0, "mode=0700")) {
		printf("namespaces and a bpffs of our own are not permitted: %s\n", strerror(errno));
		return false;
	}
	struct topology topology = {.pod_netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC)};
	if (unshare(CLONE_NEWNET))
		return false;
	topology.node_netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	run("ip link set lo up");
	*ret_topology = topology;
	return true;
}

uint32_t topology_add_pair(const struct topology *topology) {
	enter(topology->node_netns);
	run("ip link add host0 address " NODE_MAC " type veth peer name pod0 address " POD_MAC " netns /proc/%d/fd/%d", getpid(),
		topology->pod_netns);
	run("sysctl -qw net.ipv6.conf.host0.disable_ipv6=1 && ip address add " NODE_ADDRESS "/24 dev host0 && ip link set host0 up"
		" && ip neigh replace " POD_ADDRESS " lladdr " POD_MAC " dev host0 nud permanent");
	enter(topology->pod_netns);
	run("sysctl -qw net.ipv6.conf.pod0.disable_ipv6=1 && ip address add " POD_ADDRESS "/24 dev pod0 && ip link set pod0 up"
		" && ip neigh replace " NODE_ADDRESS " lladdr " NODE_MAC " dev pod0 nud permanent");
	enter(topology->node_netns);
	return if_nametoindex("host0");
}

void topology_delete_pair(void) {
	if (if_nametoindex("host0"))
		run("ip link del host0");
}

static int open_socket(int netns, const char *address) {
	enter(netns);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_in name = {.sin_family = AF_INET};
	inet_pton(AF_INET, address, &name.sin_addr);
	assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof name), 0);
	int room = 8 << 20;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
	return fd;
}

struct flow flow_open(const struct topology *topology, enum vpc_direction direction) {
	int pod = open_socket(topology->pod_netns, POD_ADDRESS), node = open_socket(topology->node_netns, NODE_ADDRESS);
	struct flow flow = direction == VPC_EGRESS ? (struct flow){.sender = node, .receiver = pod} : (struct flow){.sender = pod, .receiver = node};
	struct sockaddr_in name;
	socklen_t length = sizeof name;
	assert_int_equal(getsockname(flow.receiver, (struct sockaddr *)&name, &length), 0);
	assert_int_equal(connect(flow.sender, (struct sockaddr *)&name, length), 0);
	return flow;
}

void flow_close(struct flow *flow) {
	close(flow->sender);
	close(flow->receiver);
}

bool flow_passes(const struct flow *flow) {
	char byte = 1;
	struct pollfd arrival = {.fd = flow->receiver, .events = POLLIN};
	while (recv(flow->receiver, &byte, 1, 0) > 0)
		continue;
	send(flow->sender, &byte, 1, 0); /* a drop at egress is told to the sender as ENOBUFS or not at all */
	return poll(&arrival, 1, ARRIVAL_MILLISECONDS) == 1 && recv(flow->receiver, &byte, 1, 0) == 1;
}
