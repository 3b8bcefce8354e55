// SPDX-License-Identifier: Apache-2.0
#include "world.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>
#include "programs.h"
#include "test_packet_wrap.h"

static const char *const PIN_DIRECTORY = "/sys/fs/bpf/packet";

struct world world;
static struct bpf_object *wrapper;

__attribute__((format(printf, 1, 2), noreturn))
static void fail(const char *format, ...) {
	va_list arguments;
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(1);
}

static int new_namespace(void) {
	if (unshare(CLONE_NEWNET))
		fail("unshare: %s", strerror(errno));
	int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		fail("/proc/self/ns/net: %s", strerror(errno));
	return fd;
}

void world_enter(int namespace_fd) {
	if (setns(namespace_fd, CLONE_NEWNET))
		fail("setns: %s", strerror(errno));
}

void world_run(int namespace_fd, const char *format, ...) {
	char command[2048];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(command, sizeof command, format, arguments);
	va_end(arguments);
	world_enter(namespace_fd);
	if (system(command))
		fail("failed: %s", command);
}

static void set_sysctl(const char *name, const char *value) {
	char path[256];
	snprintf(path, sizeof path, "/proc/sys/net/%s", name);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		fail("%s: %s", path, strerror(errno));
	close(fd);
}

/* Far ends have no addresses and no IPv6: nothing on a wire but what a test puts there. */
static int new_far_end(void) {
	int fd = new_namespace();
	set_sysctl("ipv6/conf/all/disable_ipv6", "1");
	set_sysctl("ipv6/conf/default/disable_ipv6", "1");
	return fd;
}

static int new_node(void) {
	static const char *const SETTINGS[][2] = {{"ipv4/ip_forward", "1"}, {"ipv6/conf/all/forwarding", "1"}, {"ipv4/conf/all/rp_filter", "0"},
		{"ipv4/conf/default/rp_filter", "0"}, {"ipv6/conf/default/addr_gen_mode", "1"}, {"ipv6/conf/default/accept_dad", "0"},
		{"ipv6/conf/default/router_solicitations", "0"}, {"ipv4/conf/all/send_redirects", "0"}, {"ipv4/conf/default/send_redirects", "0"},
		{"ipv6/conf/default/mldv1_unsolicited_report_interval", "3600000"},
		{"ipv6/conf/default/mldv2_unsolicited_report_interval", "3600000"}};
	int fd = new_namespace();
	for (size_t i = 0; i < sizeof SETTINGS / sizeof *SETTINGS; i++)
		set_sysctl(SETTINGS[i][0], SETTINGS[i][1]);
	return fd;
}

static const struct {
	const char *name;
	enum who near, far;
	int mtu;
} LINKS[WIRES] = {
	[WIRE_POD] = {"red1", HOST, POD, 9000},
	[WIRE_PEER] = {"red2", NOBODY, PEER, 9000},
	[WIRE_OTHER] = {"blue1", NOBODY, OTHER, 9000},
	[WIRE_UNDERLAY] = {"u0", NODE, NODE_B, 1500},
	[WIRE_OUTSIDE] = {"out0", NOBODY, ALLOWED, 9000},
};

static const char *mac_text(enum who who, int wire, char text[24]) {
	uint8_t mac[6];
	memcpy(mac, who_mac(who), 6);
	if (who == NOBODY)
		memcpy(mac, (uint8_t[]){2, 0xdd, 0, 0, 0, wire}, 6);
	snprintf(text, 24, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	return text;
}

static void make_links(void) {
	FILE *batch = NULL;
	char near[24], far[24];
	world_enter(world.node_namespace);
	batch = popen("ip -batch -", "w");
	for (int i = 0; i < WIRES; i++)
		fprintf(batch,
			"link add %s address %s mtu %d numtxqueues 1 numrxqueues 1 type veth peer name eth0 address %s mtu %d numtxqueues 1 "
			"numrxqueues 1 netns /proc/%d/fd/%d\n",
			LINKS[i].name, mac_text(LINKS[i].near, i, near), LINKS[i].mtu, mac_text(LINKS[i].far, i, far), LINKS[i].mtu, getpid(),
			world.wire_namespaces[i]);
	fprintf(batch, "link set lo up\n");
	fprintf(batch, "link add libvpc-vxlan type vxlan external dstport %d\n", UDP_PORT);
	if (pclose(batch))
		fail("cannot make the links");
	for (int i = 0; i < WIRES; i++)
		world.ifindex[i] = if_nametoindex(LINKS[i].name);
	world.vxlan_ifindex = if_nametoindex("libvpc-vxlan");
}

/* Both ends are up, but the kernel opens the queue of the first one when its work queue comes to it; until then it discards. */
static void await_queue(int namespace_fd, const char *link) {
	world_run(namespace_fd, "for try in $(seq 1000); do ip link show %s | grep -q 'qdisc noqueue' && exit; sleep 0.01; done; exit 1", link);
}

/* Only once the programs stand: what the node's stack says on a new link must not get to the Pods either. */
static void set_links_up(void) {
	for (int i = 0; i < WIRES; i++) {
		world_run(world.wire_namespaces[i], "ip link set eth0 up");
		world_run(world.node_namespace, "ip link set %s up", LINKS[i].name);
	}
	world_run(world.node_namespace, "ip link set libvpc-vxlan up");
	for (int i = 0; i < WIRES; i++) {
		await_queue(world.wire_namespaces[i], "eth0");
		await_queue(world.node_namespace, LINKS[i].name);
	}
}

static void put_route(FILE *batch, enum who who, const char *device) {
	char ipv4[64], ipv6[64], mac[24];
	inet_ntop(AF_INET, who_ipv4(who), ipv4, sizeof ipv4);
	inet_ntop(AF_INET6, who_ipv6(who), ipv6, sizeof ipv6);
	mac_text(who, 0, mac);
	fprintf(batch, "neighbour replace %s lladdr %s nud permanent dev %s\nneighbour replace %s lladdr %s nud permanent dev %s\n", ipv4, mac,
		device, ipv6, mac, device);
	fprintf(batch, "route replace %s dev %s\nroute replace %s dev %s\n", ipv4, device, ipv6, device);
}

static void make_addresses(void) {
	world_enter(world.node_namespace);
	FILE *batch = popen("ip -batch -", "w");
	fprintf(batch, "address add 172.30.0.1/24 dev u0\naddress add fd30::1/64 dev u0 nodad\n");
	fprintf(batch, "address add 10.0.0.1/32 dev red1\naddress add fd00::1/128 dev red1 nodad\n");
	put_route(batch, POD, "red1");
	put_route(batch, PEER, "red2");
	put_route(batch, OTHER, "blue1");
	put_route(batch, NODE_B, "u0");
	put_route(batch, NODE_C, "u0");
	put_route(batch, ROGUE, "u0");
	put_route(batch, ALLOWED, "out0");
	put_route(batch, ALLOWED_PORT, "out0");
	put_route(batch, DENIED, "out0");
	put_route(batch, CALLER, "out0");
	if (pclose(batch))
		fail("cannot set addresses and routes");
}

static void open_sockets(void) {
	for (int i = 0; i < WIRES; i++) {
		world_enter(world.wire_namespaces[i]);
		int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1, room = 8 << 20;
		struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = if_nametoindex("eth0")};
		if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof one) ||
			setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &one, sizeof one) ||
			setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) ||
			setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room) || bind(fd, (struct sockaddr *)&address, sizeof address))
			fail("packet socket: %s", strerror(errno));
		world.sockets[i] = fd;
	}
}

uint32_t world_network(bool is_blue) {
	if (world.carrier == CARRIER_VLAN)
		return VPC_NETWORK_VLAN | (is_blue ? VLAN_BLUE : VLAN_RED);
	return is_blue ? VNI_BLUE : VNI_RED;
}

static void put(const char *map, const void *key, const void *value) {
	if (bpf_map_update_elem(programs_map(map), key, value, BPF_ANY))
		fail("map %s: %s", map, strerror(errno));
}

void world_put_flow(const struct vpc_flow_key *key, const struct vpc_flow *flow) {
	put("flows", key, flow);
}

static void put_member(enum who who, bool is_blue, enum wire wire, enum who node) {
	for (int family = 4; family <= 6; family += 2) {
		struct vpc_member_key key = {.network = world_network(is_blue)};
		struct vpc_member member = {.ifindex = node == NOBODY ? world.ifindex[wire] : 0};
		who_address(who, family, key.address.bytes);
		memcpy(member.mac, who_mac(who), 6);
		if (node != NOBODY) {
			who_address(node, world.carrier == CARRIER_VXLAN6 ? 6 : 4, member.node.bytes);
			memcpy(member.node_mac, who_mac(node), 6);
		}
		put("members", &key, &member);
	}
}

static void put_pod(enum who who, bool is_blue, enum wire wire, enum who host) {
	struct vpc_pod_key key = {.network = world_network(is_blue), .ifindex = world.ifindex[wire]};
	struct vpc_pod_record record = {.mtu = world.mtu};
	who_address(who, 4, record.ipv4.bytes);
	who_address(who, 6, record.ipv6.bytes);
	memcpy(record.mac, who_mac(who), 6);
	memcpy(record.host_mac, who_mac(host), 6);
	put("pods", &key, &record);
	put_member(who, is_blue, wire, NOBODY);
}

static void put_next_hop(enum who who) {
	uint8_t one = 1;
	for (int family = 4; family <= 6; family += 2) {
		struct vpc_next_hop_key key = {.network = world_network(false), .ifindex = world.ifindex[WIRE_POD]};
		who_address(who, family, key.address.bytes);
		put("next_hops", &key, &one);
	}
}

static void put_address(const char *map, enum who who) {
	uint8_t one = 1;
	for (int family = 4; family <= 6; family += 2) {
		struct vpc_address address;
		who_address(who, family, address.bytes);
		put(map, &address, &one);
	}
}

static void put_rule(enum vpc_rule_direction direction, enum who who, const struct vpc_rule *rule) {
	for (int family = 4; family <= 6; family += 2) {
		struct vpc_rule_key key = {.network = htonl(world_network(false)), .direction = htonl(direction)};
		key.prefix_length = 64 + (family == 4 ? 96 + 24 : 64);
		who_address(who, family, key.address);
		memset(key.address + (key.prefix_length - 64) / 8, 0, 16 - (key.prefix_length - 64) / 8);
		put("rules", &key, rule);
	}
}

static void put_rules(void) {
	put_rule(VPC_RULE_ALLOW, ALLOWED, &(struct vpc_rule){.count = 1, .ports = {{0, 65535, 0, {0}}}});
	put_rule(
		VPC_RULE_ALLOW, ALLOWED_PORT, &(struct vpc_rule){.count = 2, .ports = {{443, 443, IPPROTO_TCP, {0}}, {53, 53, IPPROTO_UDP, {0}}}});
	put_rule(VPC_RULE_ALLOW_FROM, FARTHER, &(struct vpc_rule){.count = 1, .ports = {{0, 65535, 0, {0}}}}); /* also a member's addresses */
	put_rule(VPC_RULE_ALLOW_FROM, CALLER, &(struct vpc_rule){.count = 4, .ports = {{80, 89, IPPROTO_TCP, {0}}, {53, 53, IPPROTO_UDP, {0}},
		{0, 65535, IPPROTO_ICMP, {0}}, {0, 65535, IPPROTO_ICMPV6, {0}}}});
}

static void fill_maps(void) {
	for (int blue = 0; blue <= 1; blue++) {
		uint32_t network = world_network(blue);
		put("networks", &network, &(struct vpc_network){.flow_quota = 64});
	}
	put_pod(POD, false, WIRE_POD, HOST);
	put_pod(PEER, false, WIRE_PEER, HOST);
	put_pod(OTHER, true, WIRE_OTHER, HOST);
	put_member(FAR, false, 0, NODE_B);
	put_member(FARTHER, false, 0, NODE_C);
	put_member(OTHER_FAR, true, 0, NODE_B);
	put_member(STRANGER, true, 0, NODE_B);
	put_member(FAR, true, 0, NODE_C);
	put_next_hop(GATEWAY);
	put_next_hop(SILENT);
	put_address("nodes", NODE_B);
	put_address("nodes", NODE_C);
	put_address("node_addresses", NODE);
	put_address("node_addresses", GATEWAY);
	put_rules();
}

static void load_pod(enum who who, bool is_blue, enum wire wire) {
	char text[9][96], ipv4[64], ipv6[64], mac[24], uplink[24];
	const char *settings[9];
	bool is_vlan = world.carrier == CARRIER_VLAN;
	inet_ntop(AF_INET, who_ipv4(who), ipv4, sizeof ipv4);
	inet_ntop(AF_INET6, who_ipv6(who), ipv6, sizeof ipv6);
	snprintf(text[0], 96, "encapsulation=%d", is_vlan ? 2 : 1);
	snprintf(text[1], 96, "network_id=%u", world_network(is_blue) & ~VPC_NETWORK_VLAN);
	snprintf(text[2], 96, "pod_mac=%s", mac_text(who, 0, mac));
	snprintf(text[3], 96, "pod_ipv4=%s", ipv4);
	snprintf(text[4], 96, "pod_ipv6=%s", ipv6);
	snprintf(text[5], 96, "underlay_ifindex=%d", is_vlan ? world.ifindex[WIRE_UNDERLAY] : world.vxlan_ifindex);
	snprintf(text[6], 96, "underlay_mac=%s", mac_text(NODE, 0, uplink));
	snprintf(text[7], 96, "underlay_family=%d", world.carrier == CARRIER_VXLAN6 ? 6 : 4);
	snprintf(text[8], 96, "mtu=%u", world.mtu);
	for (int i = 0; i < 9; i++)
		settings[i] = text[i];
	const struct vpc_instance *from_pod = programs_load("pod", "from_pod", settings, 9),
							  *to_pod = programs_load("pod", "to_pod", settings, 9);
	programs_attach(from_pod, world.ifindex[wire], VPC_INGRESS);
	programs_attach(to_pod, world.ifindex[wire], VPC_EGRESS);
	if (who == POD) {
		world.programs[FROM_POD] = vpc_instance_fd(from_pod);
		world.programs[TO_POD] = vpc_instance_fd(to_pod);
	}
}

static void load_steps(void) {
	static const char *const STEPS[VPC_STEPS] = {"step_no_ip", "step_nd", "step_outside", "step_too_big", "step_into_pod", "step_drop"};
	for (uint32_t i = 0; i < VPC_STEPS; i++) {
		int fd = vpc_instance_fd(programs_load("steps", STEPS[i], NULL, 0));
		put("steps", &i, &fd);
	}
}

void world_confine(enum wire wire) {
	const struct vpc_instance *confine = programs_load("confine", "confine", NULL, 0);
	programs_attach(confine, world.ifindex[wire], VPC_INGRESS);
	programs_attach(confine, world.ifindex[wire], VPC_EGRESS);
}

void world_unconfine(enum wire wire) {
	load_pod(wire == WIRE_POD ? POD : wire == WIRE_PEER ? PEER : OTHER, wire == WIRE_OTHER, wire);
}

static void load_node(void) {
	const struct vpc_instance *from_vxlan = programs_load("node", "from_vxlan", NULL, 0),
							  *from_trunk = programs_load("node", "from_trunk", NULL, 0);
	programs_attach(from_vxlan, world.vxlan_ifindex, VPC_INGRESS);
	programs_attach(from_trunk, world.ifindex[WIRE_UNDERLAY], VPC_INGRESS);
	world.programs[FROM_VXLAN] = vpc_instance_fd(from_vxlan);
	world.programs[FROM_TRUNK] = vpc_instance_fd(from_trunk);
	world.programs[CONFINE] = vpc_instance_fd(programs_load("confine", "confine", NULL, 0));
}

static void load_wrapper(const char *object_directory) {
	char path[1024];
	snprintf(path, sizeof path, "%s/test_packet_wrap.bpf.o", object_directory);
	wrapper = bpf_object__open_file(path, NULL);
	if (!wrapper)
		fail("%s: %s", path, strerror(errno));
	bpf_program__set_type(bpf_object__next_program(wrapper, NULL), BPF_PROG_TYPE_SCHED_CLS);
	if (bpf_object__load(wrapper))
		fail("%s does not load", path);
	world.wrap = bpf_program__fd(bpf_object__find_program_by_name(wrapper, "wrap"));
	int slots = bpf_object__find_map_fd_by_name(wrapper, "wrapped");
	for (uint32_t i = 0; i < PROGRAMS; i++)
		if (bpf_map_update_elem(slots, &i, &world.programs[i], BPF_ANY))
			fail("wrapper's slot %u: %s", i, strerror(errno));
}

void world_set_arrival(const struct wrap_arrival *arrival) {
	uint32_t zero = 0;
	bpf_map_update_elem(bpf_object__find_map_fd_by_name(wrapper, "arrival"), &zero, arrival, BPF_ANY);
}

static void enter_private_world(void) {
	static bool is_inside;
	if (is_inside)
		return;
	if (geteuid() != 0 || unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL)) {
		printf("skipped: needs root, for network namespaces, a private bpffs and BPF (%s)\n", strerror(errno));
		exit(77);
	}
	/* Frames are handled on the CPU that sends them, one after the other. */
	cpu_set_t one;
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	sched_setaffinity(0, sizeof one, &one);
	is_inside = true;
}

void world_make(enum carrier carrier, const char *object_directory) {
	static const uint32_t MTUS[CARRIERS] = {[CARRIER_VXLAN4] = 1450, [CARRIER_VXLAN6] = 1430, [CARRIER_VLAN] = 1500};
	enter_private_world();
	if (mount("bpf", "/sys/fs/bpf", "bpf", 0, NULL))
		fail("cannot mount a bpffs: %s", strerror(errno));
	world = (struct world){.carrier = carrier, .mtu = MTUS[carrier]};
	frame_mtu = world.mtu;
	for (int i = 0; i < WIRES; i++)
		world.wire_namespaces[i] = new_far_end();
	world.node_namespace = new_node();
	make_links();
	world_enter(world.node_namespace);
	/* both kinds of hook are to be seen at work */
	programs_open(PIN_DIRECTORY, carrier == CARRIER_VXLAN6 ? VPC_HOOK_CLSACT : VPC_HOOK_AUTO);
	load_pod(POD, false, WIRE_POD);
	load_pod(PEER, false, WIRE_PEER);
	load_pod(OTHER, true, WIRE_OTHER);
	load_steps();
	load_node();
	load_wrapper(object_directory);
	fill_maps();
	set_links_up();
	make_addresses();
	open_sockets();
	world_enter(world.node_namespace);
}

void world_free(void) {
	bpf_object__close(wrapper);
	programs_close();
	umount2("/sys/fs/bpf", MNT_DETACH);
	for (int i = 0; i < WIRES; i++) {
		close(world.sockets[i]);
		close(world.wire_namespaces[i]);
	}
	close(world.node_namespace);
}

static void empty(const char *map) {
	uint8_t key[128];
	int fd = programs_map(map);
	while (!bpf_map_get_next_key(fd, NULL, key))
		bpf_map_delete_elem(fd, key);
}

void world_forget_drops(void) {
	empty("drops");
}

void world_forget(void) {
	empty("flows");
	empty("network_flows");
	empty("fragments");
	empty("drops");
	empty("icmp_budget");
	empty("paths");
	uint32_t first = 0;
	bpf_map_update_elem(programs_map("smallest_path"), &first, &first, BPF_ANY);
}

uint64_t world_drops(uint32_t *ret_network, uint32_t *ret_reason) {
	struct vpc_drop_key key, *previous = NULL;
	uint64_t sum = 0, values[libbpf_num_possible_cpus()];
	int fd = programs_map("drops");
	for (; !bpf_map_get_next_key(fd, previous, &key); previous = &key) {
		if (bpf_map_lookup_elem(fd, &key, values))
			continue;
		uint64_t count = 0;
		for (int i = 0; i < libbpf_num_possible_cpus(); i++)
			count += values[i];
		sum += count;
		if (count) {
			*ret_network = key.network;
			*ret_reason = key.reason;
		}
	}
	return sum;
}
