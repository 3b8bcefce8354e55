// SPDX-License-Identifier: Apache-2.0
//
// Nanoseconds that the balancer takes for a packet, by BPF_PROG_TEST_RUN behind a wrapper that restores the frame and
// varies the flow, and whose own time is subtracted; and what building a Maglev table takes.

#include "bench.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "lb_maglev.h"
#include "lb_maps.h"
#include "lb_wrap.h"
#include "scene.h"

enum { REPEAT = 1 << 18, ROUNDS = 15, MILLION = 1 << 20, PLACES = 65537, BACKENDS = 100 };

static struct {
	struct lb_scene scene;
	int wrap, wrap_alone, arithmetic, settings;
	uint32_t flows, repeat;
} bench;

static void load_wrapper(const char *path) {
	struct bpf_object *object = bpf_object__open(path);
	struct bpf_program *program;
	uint32_t zero = 0;
	if (!object)
		bench_fail("%s: %s", path, strerror(errno));
	bpf_object__for_each_program(program, object)
		bpf_program__set_expected_attach_type(program, BPF_XDP); /* a program array demands that all have the same */
	if (bpf_object__load(object))
		bench_fail("%s: %s", path, strerror(errno));
	bench.wrap = bpf_program__fd(bpf_object__find_program_by_name(object, "wrap"));
	bench.wrap_alone = bpf_program__fd(bpf_object__find_program_by_name(object, "wrap_alone"));
	bench.arithmetic = bpf_program__fd(bpf_object__find_program_by_name(object, "arithmetic"));
	bench.settings = bpf_object__find_map_fd_by_name(object, "wrap_settings");
	if (bpf_map_update_elem(bpf_object__find_map_fd_by_name(object, "wrapped"), &zero, &bench.scene.program, BPF_ANY))
		bench_fail("the balancer cannot be called: %s", strerror(errno));
}

/* Two VIPs: of one the table of flows has its default size, of the other it holds a million flows. */
enum { PORT = 80, PORT_OF_MANY = 81 };

struct frame {
	uint8_t bytes[LB_WRAP_LENGTH];
};

static void make_frame(struct frame *ret_frame) {
	struct {
		struct ethhdr eth;
		struct iphdr ip;
		struct tcphdr tcp;
		uint8_t rest[10];
	} __attribute__((packed)) frame = {
		.eth = {.h_dest = {2, 0, 0, 0, 0, 1}, .h_source = {2, 0, 0, 0, 1, 254}, .h_proto = htons(ETH_P_IP)},
		.ip = {.version = 4, .ihl = 5, .tot_len = htons(50), .ttl = 64, .protocol = IPPROTO_TCP, .saddr = inet_addr("20.0.0.0"),
			.daddr = inet_addr("40.1.1.1")},
		.tcp = {.source = htons(12345), .dest = htons(bench.flows == MILLION ? PORT_OF_MANY : PORT), .doff = 5, .ack = 1},
	};
	memcpy(ret_frame, &frame, sizeof *ret_frame);
}

static void set_flows(uint32_t flows) {
	struct lb_wrap settings = {.mask = flows - 1};
	struct frame frame;
	uint32_t zero = 0;
	bench.flows = flows;
	make_frame(&frame);
	memcpy(settings.frame.ethernet, frame.bytes, sizeof settings.frame.ethernet);
	memcpy(settings.frame.words, frame.bytes + ETH_HLEN, sizeof settings.frame.words);
	if (bpf_map_update_elem(bench.settings, &zero, &settings, BPF_ANY))
		bench_fail("settings of the wrapper: %s", strerror(errno));
	bench.repeat = flows > REPEAT ? flows : REPEAT;
}

static double run(int program, uint32_t expected) {
	struct frame frame;
	uint8_t out[256];
	make_frame(&frame);
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = &frame, .data_size_in = sizeof frame, .data_out = out, .data_size_out = sizeof out,
		.repeat = (int)bench.repeat);
	if (bpf_prog_test_run_opts(program, &options))
		bench_fail("BPF_PROG_TEST_RUN: %s", strerror(errno));
	if (options.retval != expected)
		bench_fail("a program answers %u instead of %u", options.retval, expected);
	return options.duration;
}

static double run_wrapped(void *context) {
	(void)context;
	return run(bench.wrap, 3 /* XDP_TX */);
}
static double run_alone(void *context) {
	(void)context;
	return run(bench.wrap_alone, 3);
}
static double run_arithmetic(void *context) {
	(void)context;
	uint32_t kept = bench.repeat;
	bench.repeat = 20000;
	double result = run(bench.arithmetic, 1 /* XDP_DROP */);
	bench.repeat = kept;
	return result;
}

/* value: what is left when the wrapper's own time is taken away. */
static void measure_flows(const char *name, uint32_t flows, double target) {
	double (*const functions[])(void *) = {run_wrapped, run_alone};
	struct bench_samples samples[2];
	set_flows(flows);
	bench_interleave(functions, NULL, 2, 3, ROUNDS, samples);
	double alone = bench_percentile(&samples[1], 0.5);
	struct bench_row row = {.name = name, .unit = "ns", .value = bench_percentile(&samples[0], 0.5) - alone, .baseline = alone,
		.ratio = BENCH_NONE, .target = target, .goal = BENCH_AT_MOST, .spread_low = bench_percentile(&samples[0], 0.25) - alone,
		.spread_high = bench_percentile(&samples[0], 0.75) - alone};
	bench_print(&row);
}

static void measure_arithmetic(void) {
	double (*const functions[])(void *) = {run_arithmetic};
	struct bench_samples samples;
	bench_interleave(functions, NULL, 1, 2, ROUNDS, &samples);
	struct bench_row row = {.name = "fixed arithmetic program, 1,000 rounds of xorshift", .unit = "ns", .value = bench_percentile(&samples, 0.5),
		.baseline = BENCH_NONE, .ratio = BENCH_NONE, .target = BENCH_NONE, .goal = BENCH_REPORT,
		.spread_low = bench_percentile(&samples, 0.25), .spread_high = bench_percentile(&samples, 0.75)};
	bench_print(&row);
}

static void name_backends(struct vpc_maglev_backend *backends) {
	for (uint32_t i = 0; i < BACKENDS; i++) {
		backends[i] = (struct vpc_maglev_backend){.weight = 1, .slot = i + 1};
		memcpy(backends[i].name, (uint8_t[16]){[10] = 0xff, [11] = 0xff, [12] = 10, [15] = (uint8_t)(i + 1)}, 16);
	}
}

/* Of this thread: what others do to the machine meanwhile does not count. */
static uint64_t processor_time(void) {
	struct timespec time;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static double build_table(void *context) {
	static uint32_t table[PLACES];
	struct vpc_maglev_backend *backends = context;
	uint64_t before = processor_time();
	if (vpc_maglev_build(backends, BACKENDS, PLACES, table))
		bench_fail("no memory for a table");
	return (double)(processor_time() - before);
}

/* Of all places, in hundredths, those that move although their backend stays, when one of the backends leaves: the mean over all. */
static void measure_disruption(const struct vpc_maglev_backend *all) {
	static uint32_t before[PLACES], after[PLACES];
	struct bench_samples samples = {calloc(BACKENDS, sizeof(double)), BACKENDS};
	struct vpc_maglev_backend some[BACKENDS];
	double sum = 0;
	memcpy(some, all, sizeof some);
	vpc_maglev_build(some, BACKENDS, PLACES, before);
	for (size_t leaving = 0; leaving < BACKENDS; leaving++) {
		size_t count = 0, moved = 0;
		for (size_t i = 0; i < BACKENDS; i++)
			if (i != leaving)
				some[count++] = all[i];
		vpc_maglev_build(some, count, PLACES, after);
		for (size_t i = 0; i < PLACES; i++)
			moved += before[i] != all[leaving].slot && before[i] != after[i];
		samples.values[leaving] = 100.0 * (double)moved / PLACES;
		sum += samples.values[leaving];
	}
	struct bench_row row = {.name = "flows of others moved when one of 100 backends leaves", .unit = "%", .value = sum / BACKENDS,
		.baseline = BENCH_NONE, .ratio = BENCH_NONE, .target = 0.57, .goal = BENCH_AT_MOST, .spread_low = bench_percentile(&samples, 0.25),
		.spread_high = bench_percentile(&samples, 0.75)};
	bench_print(&row);
	free(samples.values);
}

static void measure_maglev(void) {
	struct vpc_maglev_backend backends[BACKENDS];
	double (*const functions[])(void *) = {build_table};
	struct bench_samples samples;
	name_backends(backends);
	bench_interleave(functions, backends, 1, 5, 101, &samples);
	struct bench_row row = {.name = "Maglev table, 65537 places and 100 backends, processor time", .unit = "ms", .value = bench_percentile(&samples, 0.5) / 1e6,
		.baseline = BENCH_NONE, .ratio = BENCH_NONE, .target = 1.8, .goal = BENCH_AT_MOST, .spread_low = bench_percentile(&samples, 0.25) / 1e6,
		.spread_high = bench_percentile(&samples, 0.75) / 1e6};
	bench_print(&row);
	measure_disruption(backends);
}

static void add_vip(const char *vip, uint32_t connections) {
	struct vpc_lb_service service = scene_add_vip(&bench.scene, vip, PLACES, connections, false);
	for (int i = 1; i <= BACKENDS; i++) {
		char address[32];
		snprintf(address, sizeof address, "10.0.0.%d", i + 10);
		scene_set_backend(&bench.scene, &service, address, 1, false);
	}
}

/* All flows are remembered from the beginning. */
static void make_balancer(void) {
	struct lb_settings settings = {.too_big_a_second = 1000};
	uint32_t zero = 0;
	scene_make(NULL, &bench.scene);
	add_vip("40.1.1.1:80/tcp", 0);
	add_vip("40.1.1.1:81/tcp", 2 * MILLION);
	if (bpf_map_update_elem(scene_map(&bench.scene, "settings"), &zero, &settings, BPF_ANY))
		bench_fail("settings: %s", strerror(errno));
}

int main(int argc, char **argv) {
	char path[4096];
	if (argc != 2)
		bench_fail("usage: bench_lb OBJECT-DIRECTORY");
	snprintf(path, sizeof path, "%s/lb_wrap.bpf.o", argv[1]);
	make_balancer();
	load_wrapper(path);
	measure_flows("DSR, IPv4, 64-byte TCP, 1 flow", 1, 100);
	measure_flows("DSR, IPv4, 64-byte TCP, 1,024 flows", 1024, 100);
	measure_flows("DSR, IPv4, 64-byte TCP, 65,536 flows", 65536, 200);
	measure_flows("DSR, IPv4, 64-byte TCP, 1,048,576 flows", MILLION, 300);
	measure_arithmetic();
	measure_maglev();
	scene_free(&bench.scene);
	return 0;
}
