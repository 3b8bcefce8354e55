// SPDX-License-Identifier: Apache-2.0
#include "topology.h"
#include "hooks.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <bpf/bpf.h>
#include <dirent.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#define NODE_ADDRESS "10.66.0.1"
#define POD_ADDRESS "10.66.0.2"
#define NODE_MAC "02:00:00:00:00:01"
#define POD_MAC "02:00:00:00:00:02"
#define ARRIVAL_MILLISECONDS 10000 /* for what must arrive; a loaded machine is slow */
#define SILENCE_MILLISECONDS 200   /* for what must not: a veth pair delivers within one */
#define TICK_NANOSECONDS 100000    /* between datagrams of a stream */

void run(const char *format, ...) {
	char command[512];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(command, sizeof command, format, arguments);
	va_end(arguments);
	if (system(command) != 0)
		fail_msg("failed: %s", command);
}

void enter_netns(int netns) {
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
		return false; /* permitted a moment ago */
	topology.node_netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	run("ip link set lo up");
	*ret_topology = topology;
	return true;
}

void topology_delete_pair(void) {
	if (if_nametoindex("host0"))
		run("ip link del host0");
}

/* Both ends are up, but the kernel opens the queue of the first one when its work queue comes to it; until then it discards. */
static void await_queue(const char *link) {
	run("for try in $(seq 1000); do ip link show %s | grep -q 'qdisc noqueue' && exit; sleep 0.01; done; exit 1", link);
}

uint32_t topology_add_pair(const struct topology *topology) {
	enter_netns(topology->node_netns);
	topology_delete_pair(); /* of a test that failed */
	run("ip link add host0 address " NODE_MAC " type veth peer name pod0 address " POD_MAC " netns /proc/%d/fd/%d", getpid(),
		topology->pod_netns);
	run("sysctl -qw net.ipv6.conf.host0.disable_ipv6=1 && ip address add " NODE_ADDRESS "/24 dev host0 && ip link set host0 up"
		" && ip neigh replace " POD_ADDRESS " lladdr " POD_MAC " dev host0 nud permanent");
	enter_netns(topology->pod_netns);
	run("sysctl -qw net.ipv6.conf.pod0.disable_ipv6=1 && ip address add " POD_ADDRESS "/24 dev pod0 && ip link set pod0 up"
		" && ip neigh replace " NODE_ADDRESS " lladdr " NODE_MAC " dev pod0 nud permanent");
	await_queue("pod0");
	enter_netns(topology->node_netns);
	await_queue("host0");
	return if_nametoindex("host0");
}

static int open_socket(int netns, const char *address) {
	enter_netns(netns);
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
	struct flow flow =
		direction == VPC_EGRESS ? (struct flow){.sender = node, .receiver = pod} : (struct flow){.sender = pod, .receiver = node};
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

unsigned flow_take(const struct flow *flow) {
	char byte;
	unsigned count = 0;
	while (recv(flow->receiver, &byte, 1, 0) > 0)
		count++;
	return count;
}

static bool wait_for_arrival(const struct flow *flow, int milliseconds) {
	struct pollfd arrival = {.fd = flow->receiver, .events = POLLIN};
	return poll(&arrival, 1, milliseconds) == 1;
}

static void send_one(const struct flow *flow) {
	char byte = 1;
	flow_take(flow);
	send(flow->sender, &byte, 1, 0); /* a drop at egress may be told to the sender */
}

bool flow_passes(const struct flow *flow) {
	send_one(flow);
	return wait_for_arrival(flow, ARRIVAL_MILLISECONDS) && flow_take(flow) == 1;
}

bool flow_is_stopped(const struct flow *flow) {
	send_one(flow);
	return !wait_for_arrival(flow, SILENCE_MILLISECONDS);
}

/* A sender that was held up does not catch up: a burst would overflow the queues of the receiving CPU. */
static void await_tick(struct timespec *next) {
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec > next->tv_sec || (now.tv_sec == next->tv_sec && now.tv_nsec > next->tv_nsec))
		*next = now;
	next->tv_nsec += TICK_NANOSECONDS;
	next->tv_sec += next->tv_nsec / 1000000000;
	next->tv_nsec %= 1000000000;
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, next, NULL);
}

static void *send_stream(void *context) {
	struct stream *stream = context;
	struct timespec next;
	char byte = 1;
	clock_gettime(CLOCK_MONOTONIC, &next);
	while (!stream->stop) {
		send(stream->flow.sender, &byte, 1, 0);
		stream->sent++;
		stream->received += flow_take(&stream->flow);
		await_tick(&next);
	}
	return NULL;
}

void stream_start(struct stream *stream, const struct topology *topology, enum vpc_direction direction) {
	stream->flow = flow_open(topology, direction);
	stream->stop = false;
	stream->sent = stream->received = 0;
	assert_int_equal(pthread_create(&stream->thread, NULL, send_stream, stream), 0);
}

void stream_await(struct stream *stream, unsigned count) {
	unsigned goal = stream->sent + count;
	while ((int)(goal - stream->sent) > 0)
		sched_yield();
}

static void end_stream(struct stream *stream, int patience) {
	stream->stop = true;
	pthread_join(stream->thread, NULL);
	while (stream->received < stream->sent && wait_for_arrival(&stream->flow, patience))
		stream->received += flow_take(&stream->flow);
	flow_close(&stream->flow);
}

void stream_stop(struct stream *stream) {
	end_stream(stream, stream->received ? SILENCE_MILLISECONDS : SILENCE_MILLISECONDS / 10);
}

void stream_stop_after_arrival(struct stream *stream) {
	end_stream(stream, ARRIVAL_MILLISECONDS);
}

struct foreign foreign_load(enum vpc_direction direction) {
	struct foreign foreign = {.map_fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "foreign", sizeof(uint32_t), sizeof(uint64_t), 1, NULL)};
	bool xdp = direction == VPC_XDP;
	const struct bpf_insn instructions[] = {
		{.code = BPF_LD | BPF_IMM | BPF_DW, .dst_reg = BPF_REG_1, .src_reg = BPF_PSEUDO_MAP_VALUE, .imm = foreign.map_fd},
		{0},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .imm = 1},
		{.code = BPF_STX | BPF_ATOMIC | BPF_DW, .dst_reg = BPF_REG_1, .src_reg = BPF_REG_2, .imm = BPF_ADD},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = xdp ? XDP_PASS : TC_ACT_UNSPEC},
		{.code = BPF_JMP | BPF_EXIT},
	};
	struct bpf_prog_info info = {0};
	uint32_t length = sizeof info;
	foreign.program_fd = bpf_prog_load(xdp ? BPF_PROG_TYPE_XDP : BPF_PROG_TYPE_SCHED_CLS, "foreign", "GPL", instructions, 6, NULL);
	assert_true(foreign.program_fd >= 0);
	assert_int_equal(bpf_obj_get_info_by_fd(foreign.program_fd, &info, &length), 0);
	foreign.id = info.id;
	return foreign;
}

uint64_t foreign_count(const struct foreign *foreign) {
	uint32_t index = 0;
	uint64_t count = 0;
	assert_int_equal(bpf_map_lookup_elem(foreign->map_fd, &index, &count), 0);
	return count;
}

void foreign_close(struct foreign *foreign) {
	close(foreign->program_fd);
	close(foreign->map_fd);
}

/* union bpf_attr for BPF_PROG_ATTACH and BPF_PROG_DETACH since 6.6 */
struct attach {
	uint32_t ifindex, program_fd, attach_type, flags, replace_fd, relative;
	uint64_t revision;
};

static uint32_t tcx_type(enum vpc_direction direction) {
	return direction == VPC_INGRESS ? 46 : 47;
}

void foreign_put_first(const struct foreign *foreign, uint32_t ifindex, enum vpc_direction direction, enum vpc_hook hook) {
	if (hook == VPC_HOOK_TCX) {
		struct attach attach = {
			.ifindex = ifindex, .program_fd = (uint32_t)foreign->program_fd, .attach_type = tcx_type(direction), .flags = 1u << 3};
		assert_int_equal(syscall(SYS_bpf, BPF_PROG_ATTACH, &attach, sizeof attach), 0);
		return;
	}
	run("tc qdisc add dev host0 clsact 2>/dev/null || true");
	assert_int_equal(bpf_obj_pin(foreign->program_fd, "/sys/fs/bpf/foreign"), 0);
	run("tc filter add dev host0 %s prio 1 handle 1 bpf da object-pinned /sys/fs/bpf/foreign",
		direction == VPC_INGRESS ? "ingress" : "egress");
	unlink("/sys/fs/bpf/foreign");
}

void foreign_remove(const struct foreign *foreign, uint32_t ifindex, enum vpc_direction direction, enum vpc_hook hook) {
	if (hook == VPC_HOOK_TCX) {
		struct attach detach = {.ifindex = ifindex, .program_fd = (uint32_t)foreign->program_fd, .attach_type = tcx_type(direction)};
		assert_int_equal(syscall(SYS_bpf, BPF_PROG_DETACH, &detach, sizeof detach), 0);
		return;
	}
	run("tc filter del dev host0 %s prio 1 handle 1 bpf", direction == VPC_INGRESS ? "ingress" : "egress");
}

bool hook_is_there(const struct hook *hook) {
	struct { /* union bpf_attr for BPF_PROG_QUERY */
		uint32_t ifindex, attach_type, flags, attach_flags;
		uint64_t ids;
		uint32_t count, padding;
		uint64_t more[4];
	} query = {.ifindex = 1, .attach_type = tcx_type(hook->direction)};
	return hook->hook != VPC_HOOK_TCX || syscall(SYS_bpf, BPF_PROG_QUERY, &query, sizeof query) == 0;
}

unsigned count_descriptors(void) {
	unsigned count = 0;
	DIR *directory = opendir("/proc/self/fd");
	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}

void await_unloaded(uint32_t program_id) {
	struct timespec pause = {.tv_nsec = 1000000};
	for (int tries = 0; tries < 5000; tries++) {
		int fd = bpf_prog_get_fd_by_id(program_id);
		if (fd < 0)
			return;
		close(fd);
		nanosleep(&pause, NULL);
	}
	fail_msg("program %u is still loaded after 5 s", program_id);
}

void assert_nothing_pinned(void) {
	DIR *directory = opendir("/sys/fs/bpf");
	struct dirent *entry;
	while ((entry = readdir(directory)))
		if (entry->d_name[0] != '.' && !strstr(entry->d_name, ".debug")) /* the kernel's own */
			fail_msg("left behind: /sys/fs/bpf/%s", entry->d_name);
	closedir(directory);
}
