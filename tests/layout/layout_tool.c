// SPDX-License-Identifier: Apache-2.0
/*
 * A node's datapath by the library of one layout; built once for each. In the node's network namespace:
 *
 *	layout_tool PINS open UPLINK UNDERLAY   opens it, checks every Pod, and closes it: "migrated from N, pods N"
 *	layout_tool PINS fill SEED              adds entries that programs would make to every map that has such
 *	layout_tool PINS dump                   all entries but those of programs, as text that is the same for each layout
 *	layout_tool PINS release LAYOUT
 *
 * Exit status 1 and a message if the library fails; 3 if it says -EPROTO.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <vpc/vpc.h>
#include "datapath_maps.h"

enum { ENTRIES = 5, NETWORK = 4097, OTHER_NETWORK = 4098, FIRST_REASON = 1000 };

static const char *const NAMES[] = {"members", "nodes", "networks", "network_flows", "pods", "next_hops", "node_addresses", "rules", "flows", "fragments",
	"paths", "smallest_path", "drops", "icmp_budget"};

static const char *pins;

static _Noreturn void give_up(const char *what, int code, const char *why) {
	fprintf(stderr, "%s: %s\n", what, why);
	exit(code == -EPROTO ? 3 : 1);
}

/* ---- open ---- */

static int check(const struct vpc_pod *pod, void *context) {
	struct vpc_error error;
	int result = vpc_datapath_check_pod(context, pod, &error);
	if (result)
		give_up("check", result, error.text);
	return 0;
}

static int count(const struct vpc_pod *pod, void *context) {
	(void)pod;
	++*(unsigned *)context;
	return 0;
}

static void open_node(const char *uplink, const char *underlay) {
	struct vpc_datapath_options options = {.size = sizeof options, .pin_directory = pins, .uplink_ifindex = if_nametoindex(uplink)};
	struct vpc_datapath *datapath = NULL;
	struct vpc_error error = {""};
	unsigned pods = 0;
	options.underlay[10] = options.underlay[11] = 0xff;
	if (inet_pton(AF_INET, underlay, options.underlay + 12) != 1)
		give_up(underlay, -EINVAL, "no IPv4 address");
	int result = vpc_datapath_open(&options, &datapath, &error);
	if (result)
		give_up("open", result, error.text);
	vpc_datapath_each_pod(datapath, check, datapath, &error);
	vpc_datapath_each_pod(datapath, count, &pods, &error);
	printf("migrated from %u, pods %u\n", vpc_datapath_migrated_from(datapath), pods);
	vpc_datapath_free(datapath);
}

/* ---- entries ---- */

static int open_map(const char *name, struct bpf_map_info *ret_info) {
	char path[512];
	uint32_t size = sizeof *ret_info;
	snprintf(path, sizeof path, "%s/%s", pins, name);
	int fd = bpf_obj_get(path);
	if (fd < 0 || bpf_obj_get_info_by_fd(fd, ret_info, &size))
		give_up(path, -errno, strerror(errno));
	return fd;
}

static void add(const char *name, const void *key, const void *value) {
	struct bpf_map_info info = {0};
	int fd = open_map(name, &info);
	if (bpf_map_update_elem(fd, key, value, BPF_ANY))
		give_up(name, -errno, strerror(errno));
	close(fd);
}

static struct vpc_address address(uint8_t seed, uint8_t number) {
	return (struct vpc_address){.bytes = {0xfd, 0xee, [14] = seed, [15] = number}};
}

static void fill(uint8_t seed) {
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	uint64_t time = (uint64_t)now.tv_sec * 1000000000u, counts[1024], flows = 2 * ENTRIES * (uint64_t)seed;
	for (uint8_t i = 0; i < ENTRIES; i++) {
		for (uint32_t network = NETWORK; network <= OTHER_NETWORK; network++) {
			struct vpc_flow_key flow = {.network = network, .protocol = IPPROTO_UDP, .pod_port = htons(i), .peer_port = htons(seed)};
			flow.pod = address(seed, 1);
			flow.peer = address(seed, i);
			add("flows", &flow, &(struct vpc_flow){.last_seen = time + i, .origin = VPC_FLOW_ALLOW, .state = i});
		}
		struct vpc_fragment_key fragment = {.network = NETWORK, .identification = i, .source = address(seed, i), .protocol = IPPROTO_UDP};
		struct vpc_address node = address(seed, i);
		struct vpc_drop_key drop = {.network = NETWORK, .reason = FIRST_REASON + i};
		for (size_t cpu = 0; cpu < sizeof counts / sizeof *counts; cpu++)
			counts[cpu] = 1000 * seed + 100 * i + cpu;
		add("fragments", &fragment, &(struct vpc_fragment){.last_seen = time, .source_port = i, .destination_port = seed});
		add("paths", &node, &(struct vpc_path){.learned = time, .mtu = 1400 + i});
		add("drops", &drop, counts);
	}
	add("icmp_budget", &(uint32_t){NETWORK}, &(struct vpc_budget){.refilled = time, .tokens = seed});
	add("smallest_path", &(uint32_t){0}, &(uint32_t){1400});
	add("network_flows", &(uint32_t){NETWORK}, &(uint64_t){flows / 2});
	add("network_flows", &(uint32_t){OTHER_NETWORK}, &(uint64_t){flows / 2});
}

static void print_bytes(FILE *out, const void *bytes, size_t length) {
	for (size_t i = 0; i < length; i++)
		fprintf(out, "%02x", ((const uint8_t *)bytes)[i]);
	fputc(' ', out);
}

static void print_flow_key(FILE *out, const struct vpc_flow_key *key) {
	fprintf(out, "%u %u %u %u ", key->network, key->protocol, ntohs(key->pod_port), ntohs(key->peer_port));
	print_bytes(out, &key->pod, sizeof key->pod);
	print_bytes(out, &key->peer, sizeof key->peer);
}

static void print_member(FILE *out, const struct vpc_member *member) {
	print_bytes(out, &member->node, sizeof member->node);
	fprintf(out, "%u ", member->ifindex);
	print_bytes(out, member->mac, sizeof member->mac);
	print_bytes(out, member->node_mac, sizeof member->node_mac);
}

static void print_entry(FILE *out, const char *name, const struct bpf_map_info *info, const void *key, const void *value) {
	bool is_per_cpu = info->type == BPF_MAP_TYPE_PERCPU_HASH;
	fprintf(out, "%s ", name);
	if (!strcmp(name, "flows"))
		print_flow_key(out, key);
	else
		print_bytes(out, key, info->key_size);
	if (!strcmp(name, "members"))
		print_member(out, value);
	else
		print_bytes(out, value, is_per_cpu ? 8 * (size_t)sysconf(_SC_NPROCESSORS_CONF) : info->value_size);
	fputc('\n', out);
}

/* Packets that the test sends are not what it compares. */
static bool is_of_packets(const char *name, const void *key) {
	return !strcmp(name, "drops") && ((const struct vpc_drop_key *)key)->reason < FIRST_REASON;
}

static void dump(void) {
	FILE *out = popen("LC_ALL=C sort", "w");
	for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
		struct bpf_map_info info = {0};
		uint64_t key[32], next[32], value[1024];
		int fd = open_map(NAMES[i], &info);
		for (bool first = true; bpf_map_get_next_key(fd, first ? NULL : key, next) == 0; first = false) {
			memcpy(key, next, sizeof key);
			if (!is_of_packets(NAMES[i], key) && bpf_map_lookup_elem(fd, key, value) == 0)
				print_entry(out, NAMES[i], &info, key, value);
		}
		close(fd);
	}
	pclose(out);
}

int main(int count_, char **words) {
	struct vpc_error error = {""};
	pins = count_ > 1 ? words[1] : "";
	if (count_ == 5 && !strcmp(words[2], "open"))
		open_node(words[3], words[4]);
	else if (count_ == 4 && !strcmp(words[2], "fill"))
		fill((uint8_t)atoi(words[3]));
	else if (count_ == 3 && !strcmp(words[2], "dump"))
		dump();
	else if (count_ == 4 && !strcmp(words[2], "release")) {
		int result = vpc_datapath_release(pins, (uint32_t)atoi(words[3]), &error);
		if (result)
			give_up("release", result, error.text);
	} else
		give_up("layout_tool", -EINVAL, "PINS open UPLINK UNDERLAY | fill SEED | dump | release LAYOUT");
	return 0;
}
