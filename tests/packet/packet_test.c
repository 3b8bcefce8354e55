// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "rows.h"

/* From another node: by VXLAN or by VLAN, as the world has it. */
enum { ARRIVAL = PROGRAMS };

struct subject {
	int program;
	const struct table *table;
};

static void check(void **state) {
	const struct subject *subject = *state;
	int program = subject->program != ARRIVAL ? subject->program : world.carrier == CARRIER_VLAN ? FROM_TRUNK : FROM_VXLAN;
	assert_int_equal(rows_run(program, subject->table->rows, subject->table->count), 0);
}

#define SUBJECT(program_, table_) {#table_, check, NULL, NULL, &(struct subject){program_, &table_}}

int main(int argc, char **argv) {
	static const char *const NAMES[CARRIERS] = {"VXLAN over IPv4", "VXLAN over IPv6", "VLAN"};
	const struct CMUnitTest tests[] = {
		SUBJECT(FROM_POD, from_pod_members),
		SUBJECT(FROM_POD, from_pod_sources),
		SUBJECT(FROM_POD, from_pod_tags),
		SUBJECT(FROM_POD, from_pod_ipv4_headers),
		SUBJECT(FROM_POD, from_pod_ipv6_headers),
		SUBJECT(FROM_POD, from_pod_fragments),
		SUBJECT(FROM_POD, from_pod_truncated),
		SUBJECT(FROM_POD, from_pod_sizes),
		SUBJECT(FROM_POD, from_pod_arp),
		SUBJECT(FROM_POD, from_pod_nd),
		SUBJECT(FROM_POD, from_pod_groups),
		SUBJECT(FROM_POD, from_pod_outside),
		SUBJECT(TO_POD, to_pod),
		SUBJECT(CONFINE, confined),
		SUBJECT(ARRIVAL, arrivals),
		SUBJECT(FROM_VXLAN, vxlan_arrivals),
		SUBJECT(FROM_TRUNK, trunk_arrivals),
	};
	int failed = 0;
	if (argc != 2) {
		fprintf(stderr, "usage: packet_test OBJECT-DIRECTORY\n");
		return 2;
	}
	for (enum carrier carrier = 0; carrier < CARRIERS; carrier++) {
		world_make(carrier, argv[1]);
		failed += cmocka_run_group_tests_name(NAMES[carrier], tests, NULL, NULL);
		world_free();
	}
	rows_report();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
