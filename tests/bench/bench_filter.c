// SPDX-License-Identifier: Apache-2.0
//
// Nanoseconds a packet of the port filter, by BPF_PROG_TEST_RUN behind a wrapper whose own cost is subtracted.

#include "bench.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <string.h>
#include <vpc/vpc.h>
#include "portfilter.h"

enum { REPEAT = 200000, ROUNDS = 100, OPEN_PORT = 80, OPEN_PORTS = 1000, MOST_FRAME = 128 };

static struct {
	int wrap_fd, baseline_fd, fixed_fd;
	uint8_t frame[MOST_FRAME];
	uint32_t length;
	int action;
} bench;

static double run(int fd, int action) {
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = bench.frame, .data_size_in = bench.length, .repeat = REPEAT);
	if (bpf_prog_test_run_opts(fd, &options))
		bench_fail("BPF_PROG_TEST_RUN: %s", strerror(errno));
	if ((int)options.retval != action)
		bench_fail("action %u instead of %d", options.retval, action);
	return options.duration;
}

static double run_wrapped(void *context) {
	(void)context;
	return run(bench.wrap_fd, bench.action);
}

static double run_baseline(void *context) {
	(void)context;
	return run(bench.baseline_fd, XDP_TX);
}

static double run_fixed(void *context) {
	(void)context;
	return run(bench.fixed_fd, XDP_PASS);
}

static void append(const void *bytes, size_t length) {
	memcpy(bench.frame + bench.length, bytes, length);
	bench.length += (uint32_t)length;
}

/* 64 bytes on the wire, with the checksum that frames of test runs do not have. */
static void make_frame(int family, uint8_t protocol, uint16_t port) {
	const struct ethhdr eth = {.h_dest = {2, 0, 0, 0, 0, 2}, .h_source = {2, 0, 0, 0, 0, 1}, .h_proto = htons(family == 4 ? ETH_P_IP : ETH_P_IPV6)};
	const struct iphdr ip = {.version = 4, .ihl = 5, .ttl = 64, .protocol = protocol, .tot_len = htons(46), .saddr = htonl(0x0a000002),
		.daddr = htonl(0x0a000001)};
	const uint8_t ipv6[40] = {0x60, [5] = 26, [6] = protocol, [7] = 64, [8] = 0xfd, [23] = 2, [24] = 0xfd, [39] = 1};
	const struct tcphdr tcp = {.source = htons(50000), .dest = htons(port), .doff = 5, .syn = 1};
	const struct udphdr udp = {.source = htons(50000), .dest = htons(port), .len = htons(26)};
	memset(bench.frame, 0, sizeof bench.frame);
	bench.length = 0;
	append(&eth, sizeof eth);
	family == 4 ? append(&ip, sizeof ip) : append(ipv6, sizeof ipv6);
	uint32_t end = bench.length + 26;
	protocol == IPPROTO_TCP ? append(&tcp, sizeof tcp) : append(&udp, sizeof udp);
	bench.length = end;
}

static void measure(const char *name, double target) {
	double (*const functions[])(void *) = {run_wrapped, run_baseline};
	struct bench_samples samples[2];
	bench_interleave(functions, NULL, 2, 5, ROUNDS, samples);
	double baseline = bench_percentile(&samples[1], 0.5);
	const struct bench_row row = {
		.name = name,
		.unit = "ns",
		.value = bench_percentile(&samples[0], 0.5) - baseline,
		.baseline = baseline,
		.ratio = BENCH_NONE,
		.target = target,
		.goal = target == BENCH_NONE ? BENCH_REPORT : BENCH_AT_MOST,
		.spread_low = bench_percentile(&samples[0], 0.25) - baseline,
		.spread_high = bench_percentile(&samples[0], 0.75) - baseline,
	};
	bench_print(&row);
}

static void measure_fixed(void) {
	double (*const functions[])(void *) = {run_fixed};
	struct bench_samples samples;
	bench_interleave(functions, NULL, 1, 5, ROUNDS, &samples);
	const struct bench_row row = {"a fixed arithmetic program, to compare machines", "ns", bench_percentile(&samples, 0.5), BENCH_NONE, BENCH_NONE,
		BENCH_NONE, BENCH_REPORT, 0, bench_percentile(&samples, 0.25), bench_percentile(&samples, 0.75)};
	bench_print(&row);
}

static int program_fd(const struct bpf_object *object, const char *name) {
	struct bpf_program *program = bpf_object__find_program_by_name(object, name);
	if (!program)
		bench_fail("no program %s", name);
	return bpf_program__fd(program);
}

/* Closed by the caller. */
static struct bpf_object *load_wrapper(const char *path, int filter_fd) {
	struct bpf_object *object = bpf_object__open_file(path, NULL);
	uint32_t zero = 0;
	if (!object || bpf_object__load(object))
		bench_fail("%s: %s", path, strerror(errno));
	bench.wrap_fd = program_fd(object, "wrap");
	bench.baseline_fd = program_fd(object, "baseline");
	bench.fixed_fd = program_fd(object, "fixed");
	if (bpf_map_update_elem(bpf_object__find_map_fd_by_name(object, "wrapped"), &zero, &filter_fd, BPF_ANY))
		bench_fail("the filter behind the wrapper: %s", strerror(errno));
	return object;
}

static void open_port(int fd, enum vpc_filter_kind kind, uint16_t port) {
	uint32_t key = VPC_FILTER_KEY(kind, port);
	uint8_t flags = VPC_FILTER_FLAG_PUBLIC;
	if (bpf_map_update_elem(fd, &key, &flags, BPF_ANY))
		bench_fail("map filter_ports: %s", strerror(errno));
}

static struct vpc_instance *load_filter(struct vpc_template **ret_template) {
	const struct vpc_template_options choice = {.size = sizeof choice, .program = "portfilter"};
	const struct vpc_prepare_options options = {.size = sizeof options, .direction = VPC_XDP};
	struct vpc_instance *instance;
	struct vpc_error error;
	if (vpc_template_open_builtin("portfilter", &choice, ret_template, &error) || vpc_template_prepare(*ret_template, &options, &error) ||
		vpc_instance_load(*ret_template, "portfilter", NULL, 0, &instance, &error))
		bench_fail("%s", error.text);
	int ports = vpc_template_map_fd(*ret_template, "filter_ports");
	for (uint16_t i = 0; i < OPEN_PORTS; i++)
		open_port(ports, VPC_FILTER_TCP, (uint16_t)(10000 + i));
	open_port(ports, VPC_FILTER_TCP, OPEN_PORT);
	open_port(ports, VPC_FILTER_UDP, OPEN_PORT);
	return instance;
}

static const struct {
	const char *name;
	int family;
	uint8_t protocol;
	uint16_t port;
	int action;
	double target;
} CASES[] = {
	{"port filter, accepted: IPv4, TCP to an open port", 4, IPPROTO_TCP, OPEN_PORT, XDP_PASS, 20},
	{"port filter, accepted: IPv4, UDP to an open port", 4, IPPROTO_UDP, OPEN_PORT, XDP_PASS, 20},
	{"port filter, accepted: IPv6, TCP to an open port", 6, IPPROTO_TCP, OPEN_PORT, XDP_PASS, 20},
	{"port filter, dropped: IPv4, TCP to a closed port", 4, IPPROTO_TCP, 23, XDP_DROP, 15},
	{"port filter, dropped: IPv4, UDP to a closed port", 4, IPPROTO_UDP, 23, XDP_DROP, 15},
	{"port filter, dropped: IPv6, TCP to a closed port", 6, IPPROTO_TCP, 23, XDP_DROP, 15},
};

static void set_deadline(const struct vpc_template *template, uint64_t deadline) {
	struct vpc_filter_settings settings = {.deadline = deadline};
	uint32_t zero = 0;
	if (bpf_map_update_elem(vpc_template_map_fd(template, "filter_settings"), &zero, &settings, BPF_ANY))
		bench_fail("map filter_settings: %s", strerror(errno));
}

int main(int argc, char **argv) {
	struct vpc_template *template = NULL;
	char path[4096];
	if (argc != 2)
		bench_fail("usage: bench_filter OBJECT-DIRECTORY");
	struct vpc_instance *filter = load_filter(&template);
	snprintf(path, sizeof path, "%s/filter_wrap.bpf.o", argv[1]);
	struct bpf_object *wrapper = load_wrapper(path, vpc_instance_fd(filter));
	make_frame(4, IPPROTO_TCP, OPEN_PORT);
	measure_fixed();
	for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
		make_frame(CASES[i].family, CASES[i].protocol, CASES[i].port);
		bench.action = CASES[i].action;
		measure(CASES[i].name, CASES[i].target);
	}
	set_deadline(template, UINT64_MAX);
	make_frame(4, IPPROTO_TCP, 23);
	bench.action = XDP_DROP;
	measure("port filter, dropped while it waits for confirmation", BENCH_NONE);
	bpf_object__close(wrapper);
	vpc_instance_free(filter);
	vpc_template_free(template);
	return 0;
}
