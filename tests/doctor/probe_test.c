// SPDX-License-Identifier: Apache-2.0
/* vpc_probe() as an embedder calls it: what it promises besides its findings. */
#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include <vpc/vpc.h>

#define MOST_CHECKS 64
#define STOP_AT 3

struct seen {
	size_t count;
	char names[MOST_CHECKS][24];
	size_t stop_at; /* 0: never */
};

static int see(const struct vpc_check *check, void *context) {
	struct seen *seen = context;
	assert_true(seen->count < MOST_CHECKS);
	assert_non_null(check->found);
	assert_true(check->found[0]);
	assert_true(check->missing || !check->instead[0]);
	assert_true(check->finding != VPC_FINE || !check->remedy[0]);
	assert_true(check->finding == VPC_FAILURE || !check->prevents);
	snprintf(seen->names[seen->count++], sizeof seen->names[0], "%s", check->name);
	return seen->count == seen->stop_at ? STOP_AT : 0;
}

static bool has_seen(const struct seen *seen, const char *name) {
	for (size_t i = 0; i < seen->count; i++)
		if (strcmp(seen->names[i], name) == 0)
			return true;
	return false;
}

static size_t count_descriptors(void) {
	size_t count = 0;
	DIR *directory = opendir("/proc/self/fd");
	assert_non_null(directory);
	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}

static ino_t network_namespace(void) {
	struct stat status;
	assert_int_equal(stat("/proc/thread-self/ns/net", &status), 0);
	return status.st_ino;
}

static void leaves_the_caller_as_it_was(void **state) {
	struct seen seen = {0};
	struct vpc_error error = {""};
	size_t descriptors = count_descriptors();
	ino_t home = network_namespace();
	(void)state;

	assert_int_equal(vpc_probe(NULL, see, &seen, &error), 0);
	assert_true(has_seen(&seen, "capabilities"));
	assert_true(has_seen(&seen, "bpffs"));
	assert_true(has_seen(&seen, "uplink"));
	assert_true(home == network_namespace());
	assert_int_equal(count_descriptors(), descriptors);
}

static void tells_of_the_uplink_that_is_named(void **state) {
	const struct vpc_probe_options options = {.size = sizeof options, .uplink_ifindex = if_nametoindex("lo")};
	struct seen seen = {0};
	(void)state;
	assert_int_equal(vpc_probe(&options, see, &seen, NULL), 0);
	assert_true(has_seen(&seen, "offloads"));
}

static void stops_when_told(void **state) {
	struct seen seen = {.stop_at = STOP_AT};
	ino_t home = network_namespace();
	(void)state;
	assert_int_equal(vpc_probe(NULL, see, &seen, NULL), STOP_AT);
	assert_int_equal(seen.count, STOP_AT);
	assert_true(home == network_namespace());
}

static void refuses_options_without_a_size(void **state) {
	const struct vpc_probe_options options = {.udp_port = 4789};
	struct seen seen = {0};
	struct vpc_error error = {""};
	(void)state;
	assert_int_equal(vpc_probe(&options, see, &seen, &error), -EINVAL);
	assert_non_null(strstr(error.text, "size"));
	assert_int_equal(seen.count, 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leaves_the_caller_as_it_was),
		cmocka_unit_test(tells_of_the_uplink_that_is_named),
		cmocka_unit_test(stops_when_told),
		cmocka_unit_test(refuses_options_without_a_size),
	};
	return cmocka_run_group_tests_name("probe", tests, NULL, NULL);
}
