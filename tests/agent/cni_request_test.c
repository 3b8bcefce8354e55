// SPDX-License-Identifier: Apache-2.0
#include "cni_request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define POD "CNI_CONTAINERID=c1\0CNI_NETNS=/run/netns/x\0CNI_IFNAME=eth0\0CNI_ARGS=IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=a;K8S_POD_UID=u"
#define LINKS "\"interfaces\":[{\"name\":\"cni0\"},{\"name\":\"veth1\",\"mac\":\"02:00:00:00:00:01\"},{\"name\":\"eth0\",\"mac\":\"02:00:00:00:00:02\",\"sandbox\":\"/run/netns/x\"}]"
#define IPS "\"ips\":[{\"interface\":2,\"address\":\"10.0.0.2/24\",\"gateway\":\"10.0.0.1\"},{\"interface\":2,\"address\":\"fd00::2/64\",\"gateway\":\"fd00::1\"}]"
#define CONFIG(result) "{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"type\":\"vpc-cni\",\"prevResult\":{" result "}}"
#define ENV(text) text, sizeof text

static const struct {
	const char *description;
	enum vpc_cni_command command;
	const char *environment;
	size_t environment_length;
	const char *configuration;
	int parsed, interface; /* codes; interface is looked at where parsing succeeds */
	const char *says;
} CASES[] = {
	{"all in order", VPC_CNI_ADD, ENV(POD), CONFIG(LINKS "," IPS), 0, 0, NULL},
	{"CNI 1.1", VPC_CNI_ADD, ENV(POD), "{\"cniVersion\":\"1.1.0\",\"prevResult\":{" LINKS "," IPS "}}", 0, 0, NULL},
	{"CNI 2.0", VPC_CNI_ADD, ENV(POD), "{\"cniVersion\":\"2.0.0\",\"prevResult\":{}}", CNI_INCOMPATIBLE_VERSION, 0, "2.0.0"},
	{"version as a number", VPC_CNI_ADD, ENV(POD), "{\"cniVersion\":1,\"prevResult\":{}}", CNI_INCOMPATIBLE_VERSION, 0, "no text"},
	{"no version", VPC_CNI_ADD, ENV(POD), "{\"prevResult\":{}}", CNI_INCOMPATIBLE_VERSION, 0, "0.1.0"},
	{"no JSON", VPC_CNI_ADD, ENV(POD), "{", CNI_DECODE_FAILURE, 0, "JSON"},
	{"JSON and more", VPC_CNI_ADD, ENV(POD), CONFIG(LINKS) "x", CNI_DECODE_FAILURE, 0, "JSON"},
	{"a list", VPC_CNI_ADD, ENV(POD), "[]", CNI_DECODE_FAILURE, 0, "no JSON object"},
	{"nothing", VPC_CNI_ADD, ENV(POD), "", CNI_DECODE_FAILURE, 0, "JSON"},
	{"too deep", VPC_CNI_ADD, ENV(POD), "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", CNI_DECODE_FAILURE, 0, "JSON"},
	{"no prevResult", VPC_CNI_ADD, ENV(POD), "{\"cniVersion\":\"1.0.0\"}", CNI_INVALID_CONFIGURATION, 0, "chained"},
	{"prevResult is a text", VPC_CNI_ADD, ENV(POD), "{\"cniVersion\":\"1.0.0\",\"prevResult\":\"x\"}", CNI_DECODE_FAILURE, 0, "prevResult"},
	{"no container", VPC_CNI_ADD, ENV("CNI_IFNAME=eth0"), CONFIG(LINKS), CNI_INVALID_ENVIRONMENT, 0, "CNI_CONTAINERID"},
	{"container with a slash", VPC_CNI_ADD, ENV("CNI_CONTAINERID=../x\0CNI_IFNAME=eth0\0CNI_NETNS=x"), CONFIG(LINKS), CNI_INVALID_ENVIRONMENT, 0, "CNI_CONTAINERID"},
	{"no interface", VPC_CNI_ADD, ENV("CNI_CONTAINERID=c\0CNI_NETNS=x"), CONFIG(LINKS), CNI_INVALID_ENVIRONMENT, 0, "CNI_IFNAME"},
	{"interface too long", VPC_CNI_ADD, ENV("CNI_CONTAINERID=c\0CNI_IFNAME=0123456789abcdef\0CNI_NETNS=x"), CONFIG(LINKS), CNI_INVALID_ENVIRONMENT, 0, "15 bytes"},
	{"interface with a slash", VPC_CNI_ADD, ENV("CNI_CONTAINERID=c\0CNI_IFNAME=a/b\0CNI_NETNS=x"), CONFIG(LINKS), CNI_INVALID_ENVIRONMENT, 0, "CNI_IFNAME"},
	{"no namespace", VPC_CNI_ADD, ENV("CNI_CONTAINERID=c\0CNI_IFNAME=eth0"), CONFIG(LINKS), CNI_INVALID_ENVIRONMENT, 0, "CNI_NETNS"},
	{"arguments are none", VPC_CNI_ADD, ENV("CNI_CONTAINERID=c\0CNI_IFNAME=eth0\0CNI_NETNS=x\0CNI_ARGS=abc"), CONFIG(LINKS), CNI_INVALID_ENVIRONMENT, 0, "CNI_ARGS"},
	{"environment cut off", VPC_CNI_ADD, "CNI_CONTAINERID=c", 17, CONFIG(LINKS), CNI_INVALID_ENVIRONMENT, 0, "cut off"},
	{"DEL needs the container only", VPC_CNI_DEL, ENV("CNI_CONTAINERID=c"), "", 0, CNI_UNSUPPORTED_MAIN, NULL},
	{"DEL with a broken configuration", VPC_CNI_DEL, ENV("CNI_CONTAINERID=c"), "{{{", 0, CNI_UNSUPPORTED_MAIN, NULL},
	{"DEL without a container", VPC_CNI_DEL, ENV("A=b"), "{}", CNI_INVALID_ENVIRONMENT, 0, "CNI_CONTAINERID"},
	{"STATUS needs no container", VPC_CNI_STATUS, "", 0, "{\"cniVersion\":\"1.1.0\"}", 0, CNI_UNSUPPORTED_MAIN, NULL},
	{"unknown command", 9, ENV(POD), CONFIG(LINKS), CNI_INVALID_ENVIRONMENT, 0, "no such command"},
	{"no interfaces", VPC_CNI_ADD, ENV(POD), CONFIG(IPS), 0, CNI_UNSUPPORTED_MAIN, "names no interfaces"},
	{"only the Pod's interface (macvlan)", VPC_CNI_ADD, ENV(POD), CONFIG("\"interfaces\":[{\"name\":\"eth0\",\"sandbox\":\"x\"}]," IPS), 0, CNI_UNSUPPORTED_MAIN, "macvlan"},
	{"another interface in the sandbox", VPC_CNI_ADD, ENV(POD), CONFIG("\"interfaces\":[{\"name\":\"v\"},{\"name\":\"eth1\",\"sandbox\":\"x\"}]," IPS), 0, CNI_INVALID_CONFIGURATION, "eth0"},
	{"interface without a name", VPC_CNI_ADD, ENV(POD), CONFIG("\"interfaces\":[{}]"), 0, CNI_DECODE_FAILURE, "name"},
	{"interface that is a number", VPC_CNI_ADD, ENV(POD), CONFIG("\"interfaces\":[7]"), 0, CNI_DECODE_FAILURE, "name"},
	{"no addresses", VPC_CNI_ADD, ENV(POD), CONFIG(LINKS), 0, CNI_INVALID_CONFIGURATION, "no address"},
	{"address without bits", VPC_CNI_ADD, ENV(POD), CONFIG(LINKS ",\"ips\":[{\"interface\":2,\"address\":\"10.0.0.2\"}]"), 0, CNI_DECODE_FAILURE, "CIDR"},
	{"two IPv4 addresses", VPC_CNI_ADD, ENV(POD), CONFIG(LINKS ",\"ips\":[{\"address\":\"10.0.0.2/24\"},{\"address\":\"10.0.0.3/24\"}]"), 0, CNI_UNSUPPORTED_FIELD, "more than one IPv4"},
	{"gateway that is none", VPC_CNI_ADD, ENV(POD), CONFIG(LINKS ",\"ips\":[{\"address\":\"10.0.0.2/24\",\"gateway\":\"x\"}]"), 0, CNI_DECODE_FAILURE, "gateway"},
	{"route without a gateway", VPC_CNI_ADD, ENV(POD), CONFIG(LINKS "," IPS ",\"routes\":[{\"dst\":\"0.0.0.0/0\"}]"), 0, 0, NULL},
	{"routes are null", VPC_CNI_ADD, ENV(POD), CONFIG(LINKS "," IPS ",\"routes\":null"), 0, 0, NULL},
};

static void judges_requests(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
		struct cni_request request;
		struct cni_interface interface;
		struct vpc_error error = {""};
		print_message("  %s\n", CASES[i].description);
		int parsed = cni_request_parse(CASES[i].command, CASES[i].environment, CASES[i].environment_length, CASES[i].configuration, strlen(CASES[i].configuration), &request, &error);
		assert_int_equal(parsed, CASES[i].parsed);
		if (parsed == 0) {
			assert_int_equal(cni_request_interface(&request, &interface, &error), CASES[i].interface);
			cni_request_release(&request);
		}
		if (CASES[i].says && !strstr(error.text, CASES[i].says))
			fail_msg("'%s' does not say '%s'", error.text, CASES[i].says);
	}
}

static void finds_addresses_and_next_hops(void **state) {
	static const char environment[] = POD;
	static const char configuration[] = CONFIG(LINKS "," IPS ",\"routes\":[{\"dst\":\"0.0.0.0/0\",\"gw\":\"10.0.0.1\"},{\"dst\":\"10.1.0.0/16\",\"gw\":\"10.0.0.9\"}]");
	struct cni_request request;
	struct cni_interface interface;
	(void)state;
	assert_int_equal(cni_request_parse(VPC_CNI_ADD, environment, sizeof environment, configuration, strlen(configuration), &request, NULL), 0);
	assert_string_equal(request.pod_name, "a");
	assert_string_equal(request.pod_uid, "u");
	assert_int_equal(cni_request_interface(&request, &interface, NULL), 0);
	assert_memory_equal(interface.ipv4, "\x0a\x00\x00\x02", 4);
	assert_int_equal(interface.ipv6[15], 2);
	assert_int_equal(interface.next_hop_count, 3); /* 10.0.0.1 once, fd00::1, 10.0.0.9 */
	assert_memory_equal(interface.next_hops[2], "\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\0\0\x09", 16);
	assert_int_equal(interface.host_count, 2);
	assert_string_equal(interface.host_names[1], "veth1");

	char *result = cni_print_result(&request);
	assert_non_null(strstr(result, "\"cniVersion\":\"1.0.0\""));
	assert_non_null(strstr(result, "\"gw\":\"10.0.0.9\""));
	free(result);
	cni_request_release(&request);
}

int main(void) {
	const struct CMUnitTest tests[] = {cmocka_unit_test(judges_requests), cmocka_unit_test(finds_addresses_and_next_hops)};
	return cmocka_run_group_tests_name("cni_request", tests, NULL, NULL);
}
