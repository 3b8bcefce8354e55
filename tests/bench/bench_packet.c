// SPDX-License-Identifier: Apache-2.0
//
// Nanoseconds a packet of from_pod with its values as constants, against the same source that reads them from a hash map
// by interface. The frame goes to a member on another node: the whole path up to the redirect, by BPF_PROG_TEST_RUN.

#include "bench.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>
#include <vpc/vpc.h>
#include "datapath_maps.h"

static const char *const PIN_DIRECTORY = "/sys/fs/bpf/libvpc-bench";
enum { VNI = 4097, REPEAT = 20000, ROUNDS = 200 };

static struct {
	struct {
		struct ethhdr eth;
		struct iphdr ip;
		struct udphdr udp;
		uint8_t payload[64];
	} __attribute__((packed)) frame;
	int constants_fd, by_map_fd;
} bench;

static void make_frame(void) {
	bench.frame.eth = (struct ethhdr){.h_dest = {2, 0, 0, 0, 0, 2}, .h_source = {2, 0, 0, 0, 0, 1}, .h_proto = htons(ETH_P_IP)};
	bench.frame.ip = (struct iphdr){.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP,
		.tot_len = htons(sizeof bench.frame - sizeof bench.frame.eth), .saddr = inet_addr("10.0.0.2"), .daddr = inet_addr("10.0.1.2")};
}

static double run(int fd) {
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = &bench.frame, .data_size_in = sizeof bench.frame, .repeat = REPEAT);
	if (bpf_prog_test_run_opts(fd, &options))
		bench_fail("BPF_PROG_TEST_RUN: %s", strerror(errno));
	if (options.retval != 7) /* TC_ACT_REDIRECT */
		bench_fail("from_pod answers %u instead of a redirect", options.retval);
	return options.duration;
}

static double run_constants(void *context) {
	(void)context;
	return run(bench.constants_fd);
}

static double run_by_map(void *context) {
	(void)context;
	return run(bench.by_map_fd);
}

static void add_member(const struct vpc_template *template) {
	struct vpc_member_key key = {.network = VNI};
	struct vpc_member member = {.mac = {2, 0, 0, 0, 0, 2}};
	inet_pton(AF_INET6, "::ffff:10.0.1.2", &key.address);
	inet_pton(AF_INET6, "::ffff:172.30.0.2", &member.node);
	if (bpf_map_update_elem(vpc_template_map_fd(template, "members"), &key, &member, BPF_ANY))
		bench_fail("map members: %s", strerror(errno));
}

static struct vpc_instance *load_constants(struct vpc_template *template) {
	static const char *const VALUES[] = {"pod_ipv4=10.0.0.2", "pod_ipv6=fd00::2", "encapsulation=1", "network_id=4097",
		"pod_mac=02:00:00:00:00:01", "underlay_ifindex=1", "mtu=1450"};
	struct vpc_setting settings[sizeof VALUES / sizeof *VALUES];
	struct vpc_instance *instance;
	struct vpc_error error;
	for (size_t i = 0; i < sizeof VALUES / sizeof *VALUES; i++)
		if (vpc_template_parse_setting(template, VALUES[i], &settings[i], &error) < 0)
			bench_fail("%s", error.text);
	if (vpc_instance_load(template, "from_pod", settings, sizeof VALUES / sizeof *VALUES, &instance, &error) < 0)
		bench_fail("%s", error.text);
	return instance;
}

/* As struct pod_values of bpf/pod_values.h has them: 64 bits each, the bytes of memory zero-extended. */
struct pod_values {
	uint64_t encapsulation, network_id, pod_mac, pod_ipv4, pod_ipv6[2], underlay_ifindex, underlay_mac, underlay_family, mtu;
};

/* The same values under every interface index that a test run may show. */
static void set_values_by_map(const struct vpc_template *template) {
	struct pod_values values = {.encapsulation = 1, .network_id = VNI, .underlay_ifindex = 1, .underlay_family = 4, .mtu = 1450};
	values.pod_ipv4 = inet_addr("10.0.0.2");
	inet_pton(AF_INET6, "fd00::2", values.pod_ipv6);
	memcpy(&values.pod_mac, bench.frame.eth.h_source, ETH_ALEN);
	for (uint32_t ifindex = 0; ifindex <= 256; ifindex++)
		if (bpf_map_update_elem(vpc_template_map_fd(template, "pod_values_by_ifindex"), &ifindex, &values, BPF_ANY))
			bench_fail("map pod_values_by_ifindex: %s", strerror(errno));
}

int main(int argc, char **argv) {
	const struct vpc_prepare_options options = {.size = sizeof options, .direction = VPC_INGRESS, .pin_directory = PIN_DIRECTORY};
	struct vpc_template *constants, *by_map;
	struct vpc_instance *instances[2];
	struct vpc_error error;
	char path[4096];
	if (argc != 2)
		bench_fail("usage: bench_packet OBJECT-DIRECTORY");
	if (unshare(CLONE_NEWNS | CLONE_NEWNET) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) || mount("bpf", "/sys/fs/bpf", "bpf", 0, NULL))
		bench_fail("namespaces of its own: %s", strerror(errno));
	snprintf(path, sizeof path, "%s/pod_by_map.bpf.o", argv[1]);
	if (vpc_template_open_builtin("pod", NULL, &constants, &error) < 0 || vpc_template_prepare(constants, &options, &error) < 0 ||
		vpc_template_open_file(path, NULL, &by_map, &error) < 0 || vpc_template_prepare(by_map, &options, &error) < 0 ||
		vpc_instance_load(by_map, "from_pod", NULL, 0, &instances[1], &error) < 0)
		bench_fail("%s", error.text);
	instances[0] = load_constants(constants);
	add_member(constants);
	make_frame();
	set_values_by_map(by_map);
	bench.constants_fd = vpc_instance_fd(instances[0]);
	bench.by_map_fd = vpc_instance_fd(instances[1]);

	double (*const functions[])(void *) = {run_constants, run_by_map};
	struct bench_samples samples[2];
	bench_interleave(functions, NULL, 2, 10, ROUNDS, samples);
	bench_print_comparison("from_pod, remote member / values from a hash map", "ns", 1, &samples[0], &samples[1], 0.95, BENCH_AT_MOST);
	for (size_t i = 0; i < 2; i++)
		vpc_instance_free(instances[i]);
	vpc_template_free(constants);
	vpc_template_free(by_map);
	return 0;
}
