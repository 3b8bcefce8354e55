// SPDX-License-Identifier: Apache-2.0
#include "filter_world.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_xdp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct filter_world world;
static uint64_t counts_before[VPC_FILTER_VERDICT_COUNT];

#define AS_NAME(name_, text_) #name_,
const char *verdict_name(uint32_t verdict) {
	static const char *const NAMES[] = {VPC_FILTER_VERDICTS(AS_NAME)};
	return verdict < VPC_FILTER_VERDICT_COUNT ? NAMES[verdict] : "?";
}

static void check(int result, const char *what) {
	if (result >= 0)
		return;
	printf("%s: %s\n", what, strerror(errno));
	exit(1);
}

void world_set_port(enum vpc_filter_kind kind, uint16_t port, uint8_t flags) {
	uint32_t key = VPC_FILTER_KEY(kind, port);
	world.flags[key] = flags;
	check(bpf_map_update_elem(world.ports_fd, &key, &flags, BPF_ANY), "filter_ports");
}

static void fill_table(void) {
	static const struct {
		uint16_t port;
		uint8_t flags;
	} PORTS[] = {{PUBLIC, VPC_FILTER_FLAG_PUBLIC}, {SOCKET, VPC_FILTER_FLAG_SOCKET}, {BOTH, VPC_FILTER_FLAG_PUBLIC | VPC_FILTER_FLAG_SOCKET},
		{EARLIER, VPC_FILTER_FLAG_PUBLIC << VPC_FILTER_EARLIER_SHIFT}};
	for (size_t i = 0; i < sizeof PORTS / sizeof *PORTS; i++) {
		world_set_port(VPC_FILTER_TCP, PORTS[i].port, PORTS[i].flags);
		world_set_port(VPC_FILTER_UDP, PORTS[i].port, PORTS[i].flags);
	}
	world_set_port(VPC_FILTER_TCP, TCP_ONLY, VPC_FILTER_FLAG_PUBLIC);
	world_set_port(VPC_FILTER_UDP, UDP_ONLY, VPC_FILTER_FLAG_PUBLIC);
	world_set_port(VPC_FILTER_PROTOCOL_NUMBER, GRE, VPC_FILTER_FLAG_PUBLIC);
	world_set_port(VPC_FILTER_PROTOCOL_NUMBER, ESP, VPC_FILTER_FLAG_SOCKET);
}

static void read_counts(uint64_t *ret_counts) {
	static uint64_t each[1024];
	int cpus = libbpf_num_possible_cpus();
	for (uint32_t verdict = 0; verdict < VPC_FILTER_VERDICT_COUNT; verdict++) {
		check(bpf_map_lookup_elem(world.counters_fd, &verdict, each), "filter_counters");
		ret_counts[verdict] = 0;
		for (int cpu = 0; cpu < cpus; cpu++)
			ret_counts[verdict] += each[cpu];
	}
}

void world_make(void) {
	const struct vpc_template_options choice = {.size = sizeof choice, .program = "portfilter"};
	const struct vpc_prepare_options options = {.size = sizeof options, .direction = VPC_XDP};
	struct vpc_error error;
	int result = vpc_template_open_builtin("portfilter", &choice, &world.template, &error);
	result = result ?: vpc_template_prepare(world.template, &options, &error);
	result = result ?: vpc_instance_load(world.template, "portfilter", NULL, 0, &world.instance, &error);
	if (result) {
		printf("%s\n", error.text);
		exit(result == -EPERM ? 77 : 1);
	}
	world.program_fd = vpc_instance_fd(world.instance);
	world.ports_fd = vpc_template_map_fd(world.template, "filter_ports");
	world.settings_fd = vpc_template_map_fd(world.template, "filter_settings");
	world.counters_fd = vpc_template_map_fd(world.template, "filter_counters");
	world.sockets_fd = vpc_template_map_fd(world.template, "filter_sockets");
	fill_table();
}

void world_free(void) {
	world_bind_socket(false);
	vpc_instance_free(world.instance);
	vpc_template_free(world.template);
}

void world_bind_socket(bool is_bound) {
	static int fd = -1;
	const int entries = 64;
	uint32_t queue = 0;
	if (is_bound == (fd >= 0))
		return;
	if (!is_bound) {
		close(fd); /* which takes it out of the map */
		fd = -1;
		return;
	}
	fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	check(fd, "AF_XDP socket");
	check(setsockopt(fd, SOL_XDP, XDP_RX_RING, &entries, sizeof entries), "receive ring");
	check(bpf_map_update_elem(world.sockets_fd, &queue, &fd, BPF_ANY), "filter_sockets");
}

void world_wait(enum wait wait, uint16_t first_reply, uint16_t last_reply) {
	static const struct vpc_filter_settings SETTINGS[WAITS] = {
		[WAITING] = {.deadline = UINT64_MAX},
		[OVER_TO_NOTHING] = {.deadline = 1},
		[OVER_TO_EARLIER] = {.deadline = 1, .earlier = 1},
	};
	struct vpc_filter_settings settings = SETTINGS[wait];
	uint32_t zero = 0;
	settings.first_reply = first_reply;
	settings.last_reply = last_reply;
	check(bpf_map_update_elem(world.settings_fd, &zero, &settings, BPF_ANY), "filter_settings");
}

void world_run(const uint8_t *frame, size_t length, struct outcome *ret_outcome) {
	static uint8_t out[1 << 16];
	uint64_t counts[VPC_FILTER_VERDICT_COUNT];
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .data_size_in = (uint32_t)length, .data_out = out, .data_size_out = sizeof out,
		.repeat = 1);
	check(bpf_prog_test_run_opts(world.program_fd, &options), "BPF_PROG_TEST_RUN");
	read_counts(counts);
	ret_outcome->action = options.retval;
	ret_outcome->is_unchanged = options.data_size_out == length && memcmp(out, frame, length) == 0;
	for (size_t i = 0; i < VPC_FILTER_VERDICT_COUNT; i++)
		ret_outcome->counts[i] = counts[i] - counts_before[i];
	memcpy(counts_before, counts, sizeof counts);
}
