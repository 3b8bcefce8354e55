// SPDX-License-Identifier: Apache-2.0
/* Files of the runtime's CNI library, read as the ADD that vpc-cni did not get. */
#include "cni_cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define HEAD "{\"kind\":\"cniCacheV1\",\"containerId\":\"c1\",\"networkName\":\"n\",\"ifName\":\"eth0\","
#define ARGS "\"cniArgs\":[[\"IgnoreUnknown\",\"1\"],[\"K8S_POD_NAMESPACE\",\"space\"],[\"K8S_POD_NAME\",\"a\"],[\"K8S_POD_UID\",\"u\"]],"
#define RESULT "\"result\":{\"cniVersion\":\"1.0.0\",\"interfaces\":[{\"name\":\"veth1\"},{\"name\":\"eth0\",\"sandbox\":\"/run/netns/y\"}],\"ips\":[{\"address\":\"10.0.0.2/24\"}]}}"
#define PTP "\"config\":\"eyJwbHVnaW5zIjpbeyJ0eXBlIjoicHRwIn1dfQ==\"," /* {"plugins":[{"type":"ptp"}]} */

static const struct {
	const char *description, *text;
	int result;
	const char *network_namespace, *uid, *main_plugin; /* expected */
} CASES[] = {
	/* description                       text                                               result                 namespace       UID  main */
	{"all of it",                        HEAD PTP "\"netns\":\"/run/netns/x\"," ARGS RESULT, 0,                     "/run/netns/x", "u", "ptp"},
	{"the path in the result only",      HEAD PTP ARGS RESULT,                               0,                     "/run/netns/y", "u", "ptp"},
	{"no configuration",                 HEAD ARGS RESULT,                                   0,                     "/run/netns/y", "u", ""},
	{"a configuration that is none",     HEAD "\"config\":\"*\"," ARGS RESULT,               0,                     "/run/netns/y", "u", ""},
	{"no arguments",                     HEAD RESULT,                                        0,                     "/run/netns/y", "",  ""},
	{"an argument that holds another",   HEAD "\"cniArgs\":[[\"A\",\"b;K8S_POD_UID=v\"]]," RESULT, CNI_DECODE_FAILURE, NULL, NULL, NULL},
	{"arguments that are no pairs",      HEAD "\"cniArgs\":[1]," RESULT,                     CNI_DECODE_FAILURE,    NULL, NULL, NULL},
	{"another kind",                     "{\"kind\":\"cniCacheV2\"," ARGS RESULT,            CNI_DECODE_FAILURE,    NULL, NULL, NULL},
	{"no result",                        HEAD "\"netns\":\"/x\"}",                           CNI_DECODE_FAILURE,    NULL, NULL, NULL},
	{"a container's id with a path",     "{\"kind\":\"cniCacheV1\",\"containerId\":\"../c\",\"ifName\":\"eth0\"," RESULT, CNI_INVALID_ENVIRONMENT, NULL, NULL, NULL},
	{"cut off",                          HEAD "\"netns\":\"/x\",",                           CNI_DECODE_FAILURE,    NULL, NULL, NULL},
	{"nothing",                          "",                                                 CNI_DECODE_FAILURE,    NULL, NULL, NULL},
};

static void reads_what_libcni_keeps(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
		struct cni_request request, untouched;
		struct cni_interface interface;
		struct vpc_error error = {""};
		memset(&request, 0xa5, sizeof request);
		untouched = request;
		print_message("  %s\n", CASES[i].description);
		assert_int_equal(cni_cache_read(CASES[i].text, &request, &error), CASES[i].result);
		if (CASES[i].result) {
			assert_memory_equal(&request, &untouched, sizeof request);
			assert_true(*error.text);
			continue;
		}
		assert_string_equal(request.container, "c1");
		assert_string_equal(request.interface, "eth0");
		assert_string_equal(request.network_namespace, CASES[i].network_namespace);
		assert_string_equal(request.pod_uid, CASES[i].uid);
		assert_string_equal(request.main_plugin, CASES[i].main_plugin);
		assert_int_equal(cni_request_interface(&request, &interface, &error), 0);
		assert_string_equal(interface.host_names[0], "veth1");
		cni_request_release(&request);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {cmocka_unit_test(reads_what_libcni_keeps)};
	return cmocka_run_group_tests_name("cni_cache", tests, NULL, NULL);
}
