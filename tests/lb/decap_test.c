// SPDX-License-Identifier: Apache-2.0
//
// What a backend's two programs, for XDP and for tc, make of frames. They believe 10.0.0.1 and 2001:db8:10::1, for 40.1.1.1
// and 2001:db8:40::1.

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "checksums.h"
#include "frame.h"
#include "lb_maps.h"
#include "scene.h"

#define IN4 "ip4 20.1.1.100>40.1.1.1 "
#define IN6 "ip6 2001:db8:20::100>2001:db8:40::1 "
#define FROM4 "eth ip4 10.0.0.1>10.0.0.11 df "
#define FROM6 "eth ip6 2001:db8:10::1>2001:db8:10::11 "

static const struct {
	const char *description, *in;
	const char *out; /* NULL: passes untouched */
	int count;       /* enum lb_decap_count; -1: none */
} ROWS[] = {
	{"IPv4 in IPv4",                         FROM4 IN4 "tcp 1000>80 S data=9",               "eth " IN4 "tcp 1000>80 S data=9", LB_DECAP_UNWRAPPED},
	{"IPv6 in IPv6",                         FROM6 IN6 "tcp 1000>80 S data=9",               "eth " IN6 "tcp 1000>80 S data=9", LB_DECAP_UNWRAPPED},
	{"IPv4 in IPv6",                         FROM6 IN4 "tcp 1000>80 S data=9",               "eth " IN4 "tcp 1000>80 S data=9", LB_DECAP_UNWRAPPED},
	{"IPv6 in IPv4",                         FROM4 IN6 "tcp 1000>80 S data=9",               "eth " IN6 "tcp 1000>80 S data=9", LB_DECAP_UNWRAPPED},
	{"UDP",                                  FROM4 IN4 "udp 1000>53 data=100",               "eth " IN4 "udp 1000>53 data=100", LB_DECAP_UNWRAPPED},
	{"full frame",                           FROM4 IN4 "tcp 1000>80 A data=1440",            "eth " IN4 "tcp 1000>80 A data=1440", LB_DECAP_UNWRAPPED},
	{"full frame, IPv4 in IPv6",             FROM6 IN4 "tcp 1000>80 A data=1420",            "eth " IN4 "tcp 1000>80 A data=1420", LB_DECAP_UNWRAPPED},
	{"another port of the VIP's address",    FROM4 IN4 "tcp 1000>8080 S",                    "eth " IN4 "tcp 1000>8080 S", LB_DECAP_UNWRAPPED},
	{"ICMP error",                           FROM4 IN4 "icmp 3 4 mtu=1400 ip4 40.1.1.1>20.1.1.100 tcp 80>1000 A", "eth " IN4 "icmp 3 4 mtu=1400 ip4 40.1.1.1>20.1.1.100 tcp 80>1000 A", LB_DECAP_UNWRAPPED},
	{"later fragment inside",                FROM4 "ip4 20.1.1.100>40.1.1.1 off=64 proto=17 data=8", "eth ip4 20.1.1.100>40.1.1.1 off=64 proto=17 data=8", LB_DECAP_UNWRAPPED},
	{"options inside",                       FROM4 "ip4 20.1.1.100>40.1.1.1 options=8 tcp 1>80 S", "eth ip4 20.1.1.100>40.1.1.1 options=8 tcp 1>80 S", LB_DECAP_UNWRAPPED},
	{"congestion outside is told inside",    "eth ip4 10.0.0.1>10.0.0.11 tos=3 ip4 20.1.1.100>40.1.1.1 tos=2 tcp 1>80 A", "eth ip4 20.1.1.100>40.1.1.1 tos=3 tcp 1>80 A", LB_DECAP_UNWRAPPED},
	{"congestion, the other mark",           "eth ip4 10.0.0.1>10.0.0.11 tos=3 ip4 20.1.1.100>40.1.1.1 tos=0xb9 tcp 1>80 A", "eth ip4 20.1.1.100>40.1.1.1 tos=0xbb tcp 1>80 A", LB_DECAP_UNWRAPPED},
	{"congestion, who does not know of it",  "eth ip4 10.0.0.1>10.0.0.11 tos=3 ip4 20.1.1.100>40.1.1.1 tcp 1>80 A", "eth ip4 20.1.1.100>40.1.1.1 tcp 1>80 A", LB_DECAP_UNWRAPPED},
	{"congestion, IPv6",                     "eth ip6 2001:db8:10::1>2001:db8:10::11 class=3 ip6 2001:db8:20::100>2001:db8:40::1 class=2 tcp 1>80 A", "eth ip6 2001:db8:20::100>2001:db8:40::1 class=3 tcp 1>80 A", LB_DECAP_UNWRAPPED},
	{"time to live inside stays",            FROM4 "ip4 20.1.1.100>40.1.1.1 ttl=1 tcp 1>80 A", "eth ip4 20.1.1.100>40.1.1.1 ttl=1 tcp 1>80 A", LB_DECAP_UNWRAPPED},

	{"another sender",                       "eth ip4 10.0.0.2>10.0.0.11 " IN4 "tcp 1>80 S", NULL, LB_DECAP_FOREIGN_SENDER},
	{"another sender, IPv6",                 "eth ip6 2001:db8:10::2>2001:db8:10::11 " IN6 "tcp 1>80 S", NULL, LB_DECAP_FOREIGN_SENDER},
	{"a client that is called like a balancer", "eth ip4 9.9.9.9>10.0.0.11 ip4 10.0.0.1>40.1.1.1 tcp 1>80 S", NULL, LB_DECAP_FOREIGN_SENDER},
	{"another VIP",                          FROM4 "ip4 20.1.1.100>40.1.1.2 tcp 1>80 S",     NULL, LB_DECAP_FOREIGN_VIP},
	{"another VIP, IPv6",                    FROM6 "ip6 2001:db8:20::100>2001:db8:40::2 tcp 1>80 S", NULL, LB_DECAP_FOREIGN_VIP},
	{"from the VIP",                         FROM4 "ip4 40.1.1.1>20.1.1.100 tcp 80>1 S",     NULL, LB_DECAP_FOREIGN_VIP},
	{"not wrapped",                          "eth " IN4 "tcp 1000>80 S",                     NULL, -1},
	{"not wrapped, from the balancer",       "eth ip4 10.0.0.1>10.0.0.11 tcp 1000>80 S",     NULL, -1},
	{"not wrapped, IPv6",                    "eth " IN6 "tcp 1000>80 S",                     NULL, -1},
	{"GRE",                                  "eth ip4 10.0.0.1>10.0.0.11 proto=47 data=40",  NULL, -1},
	{"a fragment outside",                   "eth ip4 10.0.0.1>10.0.0.11 mf " IN4 "tcp 1>80 S", NULL, LB_DECAP_MALFORMED},
	{"a later fragment outside",             "eth ip4 10.0.0.1>10.0.0.11 off=8 " IN4 "tcp 1>80 S", NULL, LB_DECAP_MALFORMED},
	{"options outside",                      "eth ip4 10.0.0.1>10.0.0.11 options=4 " IN4 "tcp 1>80 S", NULL, LB_DECAP_MALFORMED},
	{"nothing inside",                       "eth ip4 10.0.0.1>10.0.0.11 proto=4 data=8",    NULL, LB_DECAP_MALFORMED},
	{"inside shorter than it says",          FROM4 "ip4 20.1.1.100>40.1.1.1 len=41 tcp 1>80 S", NULL, LB_DECAP_MALFORMED},
	{"inside of another version",            FROM4 "ip4 20.1.1.100>40.1.1.1 version=5 tcp 1>80 S", NULL, LB_DECAP_MALFORMED},
	{"inside with a short header",           FROM4 "ip4 20.1.1.100>40.1.1.1 ihl=4 tcp 1>80 S", NULL, LB_DECAP_MALFORMED},
	{"inside of the other family",           "eth ip4 10.0.0.1>10.0.0.11 proto=41 " IN4 "tcp 1>80 S", NULL, LB_DECAP_MALFORMED},
	{"IPv6 inside shorter than it says",     FROM6 "ip6 2001:db8:20::100>2001:db8:40::1 len=21 tcp 1>80 S", NULL, LB_DECAP_MALFORMED},
	{"outside ends before the frame",        "eth ip4 10.0.0.1>10.0.0.11 len=50 " IN4 "tcp 1>80 S", NULL, LB_DECAP_MALFORMED},
	{"outer length more than the frame",     "eth ip4 10.0.0.1>10.0.0.11 len=99 " IN4 "tcp 1>80 S", NULL, LB_DECAP_MALFORMED},
	{"padding",                              FROM4 IN4 "udp 1>53 pad=90",                    "eth " IN4 "udp 1>53 pad=70", LB_DECAP_UNWRAPPED},
};

static const struct subject {
	const char *object, *program;
	enum vpc_direction direction;
	uint32_t passes;
} SUBJECTS[] = {{"lb_decap", "decapsulate", VPC_XDP, 2}, {"lb_decap_tc", "decapsulate_tc", VPC_INGRESS, (uint32_t)-1}};

static uint64_t read_count(int map, uint32_t index) {
	uint64_t parts[256] = {0}, sum = 0;
	assert_true(libbpf_num_possible_cpus() <= 256);
	assert_int_equal(bpf_map_lookup_elem(map, &index, parts), 0);
	for (int i = 0; i < libbpf_num_possible_cpus(); i++)
		sum += parts[i];
	return sum;
}

static void add_peer(const struct vpc_template *template, const char *map, const char *address) {
	uint8_t key[16];
	uint32_t one = 1;
	scene_address(address, key);
	assert_int_equal(bpf_map_update_elem(vpc_template_map_fd(template, map), key, &one, BPF_ANY), 0);
}

static int check_row(size_t i, const struct subject *subject, int program, int counts) {
	static struct frame in, out, expected;
	uint64_t before[LB_DECAP_COUNTS];
	for (uint32_t c = 0; c < LB_DECAP_COUNTS; c++)
		before[c] = read_count(counts, c);
	frame_build(ROWS[i].in, &in);
	frame_build(ROWS[i].out ? ROWS[i].out : ROWS[i].in, &expected);
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = in.bytes, .data_size_in = (uint32_t)in.length, .data_out = out.bytes,
		.data_size_out = sizeof out.bytes);
	assert_int_equal(bpf_prog_test_run_opts(program, &options), 0);
	out.length = options.data_size_out;
	int failed = options.retval != subject->passes || out.length != expected.length || memcmp(out.bytes, expected.bytes, out.length) != 0 ||
		(ROWS[i].out && checksums_find_wrong(out.bytes, out.length));
	for (uint32_t c = 0; c < LB_DECAP_COUNTS; c++)
		failed |= read_count(counts, c) != before[c] + ((int)c == ROWS[i].count);
	if (!failed)
		return 0;
	print_message("  %s: action %u\n", ROWS[i].description, options.retval);
	frame_print("got", &out);
	frame_print("expected", &expected);
	return 1;
}

static void unwraps(void **state) {
	const struct subject *subject = *state;
	const struct vpc_prepare_options options = {.size = sizeof options, .direction = subject->direction};
	struct vpc_template *template;
	struct vpc_instance *instance;
	struct vpc_error error;
	int failed = 0;
	assert_int_equal(vpc_template_open_builtin(subject->object, NULL, &template, &error), 0);
	if (vpc_template_prepare(template, &options, &error) == -EPERM) {
		print_message("skipped: %s\n", error.text);
		exit(77);
	}
	assert_int_equal(vpc_instance_load(template, subject->program, NULL, 0, &instance, &error), 0);
	add_peer(template, "balancers", "10.0.0.1");
	add_peer(template, "balancers", "2001:db8:10::1");
	add_peer(template, "inner_vips", "40.1.1.1");
	add_peer(template, "inner_vips", "2001:db8:40::1");
	for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++)
		failed += check_row(i, subject, vpc_instance_fd(instance), vpc_template_map_fd(template, "decap_counts"));
	vpc_instance_free(instance);
	vpc_template_free(template);
	assert_int_equal(failed, 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		{"in XDP", unwraps, NULL, NULL, (void *)&SUBJECTS[0]},
		{"in tc", unwraps, NULL, NULL, (void *)&SUBJECTS[1]},
	};
	return cmocka_run_group_tests_name("lb_decap", tests, NULL, NULL);
}
