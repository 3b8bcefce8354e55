// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "rows.h"

static void check(enum program program, const struct table *table) {
	assert_int_equal(rows_run(program, table->rows, table->count), 0);
}

static void a_pod_reaches_members_only(void **state) {
	(void)state;
	check(FROM_POD, &from_pod_members);
}

static void a_pod_speaks_as_itself_only(void **state) {
	(void)state;
	check(FROM_POD, &from_pod_sources);
}

int main(int argc, char **argv) {
	static const char *const NAMES[CARRIERS] = {"VXLAN over IPv4", "VXLAN over IPv6", "VLAN"};
	const struct CMUnitTest tests[] = {cmocka_unit_test(a_pod_reaches_members_only), cmocka_unit_test(a_pod_speaks_as_itself_only)};
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
