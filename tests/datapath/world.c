// SPDX-License-Identifier: Apache-2.0
#include "world.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct node nodes[NODES];
static int underlay_netns;

void enter(int netns) {
	assert_int_equal(setns(netns, CLONE_NEWNET), 0);
}

void run(const char *format, ...) {
	char command[2048];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(command, sizeof command, format, arguments);
	va_end(arguments);
	if (system(command) != 0)
		fail_msg("failed: %s", command);
}

/* Enters a new network namespace and returns it. */
static int make_netns(void) {
	if (unshare(CLONE_NEWNET))
		return -1;
	run("ip link set lo up");
	return open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
}

static void read_mac(const char *interface, uint8_t ret_mac[6]) {
	struct ifreq request = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	snprintf(request.ifr_name, sizeof request.ifr_name, "%s", interface);
	assert_int_equal(ioctl(fd, SIOCGIFHWADDR, &request), 0);
	memcpy(ret_mac, request.ifr_hwaddr.sa_data, 6);
	close(fd);
}

static void make_node(int index) {
	struct node *node = &nodes[index];
	*node = (struct node){.index = index, .netns = make_netns()};
	snprintf(node->pins, sizeof node->pins, "/sys/fs/bpf/n%d/v1", index);
	run("ip link add uplink type veth peer name port%d netns /proc/%d/fd/%d", index, getpid(), underlay_netns);
	run("ip address add 172.30.0.%d/24 dev uplink && ip address add fd30::%d/64 dev uplink nodad && ip link set uplink up", index + 1, index + 1);
	run("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1");
	node->uplink_ifindex = if_nametoindex("uplink");
	read_mac("uplink", node->uplink_mac);
	enter(underlay_netns);
	run("ip link set port%d master lan up", index);
}

bool world_enter(void) {
	if (unshare(CLONE_NEWNS | CLONE_NEWNET) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
		mount("bpf", "/sys/fs/bpf", "bpf", 0, "mode=0700")) {
		printf("namespaces and a bpffs of our own are not permitted: %s\n", strerror(errno));
		return false;
	}
	underlay_netns = make_netns();
	run("ip link add lan type bridge mcast_snooping 0 && ip link set lan up");
	for (int i = 0; i < NODES; i++)
		make_node(i);
	return true;
}

int world_renew(void **state) {
	(void)state;
	return world_enter() ? 0 : -1;
}

static void make_interfaces(const struct pod *pod) {
	int node = pod->node->index + 1, number = pod->number;
	enter(pod->netns);
	run("ip link add eth0 address 02:00:00:00:%02x:%02x type veth peer name pod%d address 02:00:00:01:%02x:%02x netns /proc/%d/fd/%d", node, number,
		number, node, number, getpid(), pod->node->netns);
	run("ip address add 10.0.%d.%d/32 dev eth0 && ip address add fd00::%x:%x/128 dev eth0 nodad && ip link set eth0 up", node, number, node, number);
	enter(pod->node->netns);
	run("ip link set pod%d up && ip address add 10.0.%d.254/32 dev pod%d && ip address add fd00::%x:ff/128 dev pod%d nodad", number, node, number,
		node, number);
	run("ip route add 10.0.%d.%d dev pod%d && ip -6 route add fd00::%x:%x dev pod%d", node, number, number, node, number, number);
	enter(pod->netns);
	run("ip route add 10.0.%d.254 dev eth0 && ip route add default via 10.0.%d.254", node, node);
	run("ip -6 route add fd00::%x:ff dev eth0 && ip -6 route add default via fd00::%x:ff", node, node);
}

static void mapped(const char *ipv4, uint8_t ret_address[16]) {
	memset(ret_address, 0, 16);
	ret_address[10] = ret_address[11] = 0xff;
	inet_pton(AF_INET, ipv4, ret_address + 12);
}

struct pod pod_add(struct node *node, int number, enum vpc_encapsulation encapsulation, uint32_t network_id) {
	char text[64];
	struct pod pod = {.node = node, .number = number, .netns = make_netns()};
	make_interfaces(&pod);
	enter(node->netns);
	snprintf(text, sizeof text, "pod%d", number);
	pod.vpc = (struct vpc_pod){.ifindex = if_nametoindex(text), .encapsulation = encapsulation, .network_id = network_id};
	read_mac(text, pod.vpc.host_mac);
	const uint8_t mac[6] = {2, 0, 0, 0, (uint8_t)(node->index + 1), (uint8_t)number};
	memcpy(pod.vpc.mac, mac, sizeof mac);
	snprintf(text, sizeof text, "10.0.%d.%d", node->index + 1, number);
	inet_pton(AF_INET, text, pod.vpc.ipv4);
	snprintf(text, sizeof text, "fd00::%x:%x", node->index + 1, number);
	inet_pton(AF_INET6, text, pod.vpc.ipv6);
	snprintf(text, sizeof text, "10.0.%d.254", node->index + 1);
	mapped(text, pod.vpc.next_hops[pod.vpc.next_hop_count++]);
	snprintf(text, sizeof text, "fd00::%x:ff", node->index + 1);
	inet_pton(AF_INET6, text, pod.vpc.next_hops[pod.vpc.next_hop_count++]);
	return pod;
}

void pod_remove(struct pod *pod) {
	enter(pod->node->netns);
	run("ip link del pod%d", pod->number);
	close(pod->netns);
	pod->netns = -1;
}

void pod_address(const struct pod *pod, bool ipv6, uint8_t ret_address[16]) {
	const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};
	memcpy(ret_address, ipv6 ? pod->vpc.ipv6 : prefix, ipv6 ? 16 : 12);
	if (!ipv6)
		memcpy(ret_address + 12, pod->vpc.ipv4, 4);
}

void node_open(struct node *node, bool ipv6_underlay) {
	struct vpc_error error = {""};
	struct vpc_datapath_options options = {.size = sizeof options, .pin_directory = node->pins, .uplink_ifindex = node->uplink_ifindex};
	char text[64];
	snprintf(text, sizeof text, ipv6_underlay ? "fd30::%d" : "172.30.0.%d", node->index + 1);
	if (ipv6_underlay)
		inet_pton(AF_INET6, text, node->underlay);
	else
		mapped(text, node->underlay);
	memcpy(options.underlay, node->underlay, sizeof options.underlay);
	enter(node->netns);
	if (vpc_datapath_open(&options, &node->datapath, &error))
		fail_msg("open: %s", error.text);
}

void node_close(struct node *node) {
	node->datapath = vpc_datapath_free(node->datapath);
}

void node_remove(struct node *node) {
	struct vpc_error error = {""};
	enter(node->netns);
	if (vpc_datapath_remove(node->datapath, &error))
		fail_msg("remove: %s", error.text);
	node_close(node);
}

void put_pod(const struct pod *pod) {
	struct vpc_error error = {""};
	enter(pod->node->netns);
	if (vpc_datapath_put_pod(pod->node->datapath, &pod->vpc, NULL, &error))
		fail_msg("put Pod %d of node %d: %s", pod->number, pod->node->index, error.text);
}

void delete_pod(const struct pod *pod) {
	struct vpc_error error = {""};
	enter(pod->node->netns);
	if (vpc_datapath_delete_pod(pod->node->datapath, &pod->vpc, &error))
		fail_msg("delete Pod %d of node %d: %s", pod->number, pod->node->index, error.text);
}

struct vpc_remote as_remote(const struct pod *pod) {
	struct vpc_remote remote = {.encapsulation = pod->vpc.encapsulation, .network_id = pod->vpc.network_id};
	memcpy(remote.node, pod->node->underlay, sizeof remote.node);
	memcpy(remote.mac, pod->vpc.mac, sizeof remote.mac);
	memcpy(remote.node_mac, pod->node->uplink_mac, sizeof remote.node_mac);
	return remote;
}

/* What Pods of other nodes are in the same network. */
static void tell_remotes_of(const struct pod *here, const struct pod *pods, size_t count) {
	struct vpc_remote remotes[64];
	struct vpc_error error = {""};
	size_t used = 0;
	for (size_t i = 0; i < count; i++) {
		if (pods[i].node == here->node || pods[i].vpc.encapsulation != here->vpc.encapsulation || pods[i].vpc.network_id != here->vpc.network_id)
			continue;
		for (int ipv6 = 0; ipv6 < 2; ipv6++) {
			remotes[used] = as_remote(&pods[i]);
			pod_address(&pods[i], ipv6, remotes[used++].address);
		}
	}
	enter(here->node->netns);
	if (vpc_datapath_set_remotes(here->node->datapath, here->vpc.encapsulation, here->vpc.network_id, remotes, used, &error))
		fail_msg("set remotes: %s", error.text);
}

void tell_remotes(const struct pod *pods, size_t count) {
	struct vpc_error error = {""};
	for (size_t i = 0; i < count; i++)
		tell_remotes_of(&pods[i], pods, count);
	for (int i = 0; i < NODES; i++)
		if (vpc_datapath_set_nodes(nodes[i].datapath, &nodes[1 - i].underlay, 1, &error))
			fail_msg("set nodes: %s", error.text);
}

bool wait_for(bool (*is_so)(void *context), void *context) {
	const struct timespec pause = {.tv_nsec = 5000000};
	for (int tries = 0; tries < 400; tries++) {
		if (is_so(context))
			return true;
		nanosleep(&pause, NULL);
	}
	return is_so(context);
}
