// SPDX-License-Identifier: Apache-2.0
#include "document.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define VPC_HEAD "apiVersion: libvpc.io/v1alpha1\nkind: VPC\nmetadata: {name: red}\n"
#define POD_HEAD "apiVersion: v1\nkind: Pod\n"

static const struct {
	const char *description, *text;
	size_t good, broken;
	const char *says; /* what the last message must contain */
} CASES[] = {
	/* description                 text                                                                                                  good broken says */
	{"a VPC",                      VPC_HEAD "spec: {encapsulation: vxlan, namespaces: [\"*\"]}\n",                                       1, 0, NULL},
	{"JSON",                       "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\"a\"}}",                         1, 0, NULL},
	{"fields of others in a Pod",  POD_HEAD "metadata: {name: a}\nspec: {containers: [{name: x, image: y}], hostNetwork: true}\n",        1, 0, NULL},
	{"empty documents",            "---\n---\n# nothing\n---\n",                                                                          0, 0, NULL},
	{"a List",                     "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Node, metadata: {name: a}}\n- {}\n",      1, 1, "file:5"},
	{"the others go on",           "a: [\n---\n" VPC_HEAD "spec: {encapsulation: vlan, namespaces: [a]}\n",                               1, 1, "file:2: no YAML"},
	{"unknown kind",               "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\n",                                        0, 1, "file:2: kind 'Deployment'"},
	{"no kind",                    "metadata: {name: a}\n",                                                                               0, 1, "apiVersion and kind"},
	{"not a mapping",              "- a\n",                                                                                               0, 1, "file:1"},
	{"unknown field",              VPC_HEAD "spec: {encapsulation: vxlan, namespaces: [a], cidr: 10.0.0.0/8}\n",                          0, 1, "file:4: spec: there is no field 'cidr'"},
	{"missing field",              VPC_HEAD "spec: {encapsulation: vxlan}\n",                                                             0, 1, "'namespaces' is missing"},
	{"no spec",                    VPC_HEAD,                                                                                              0, 1, "'spec' is missing"},
	{"field twice",                VPC_HEAD "spec:\n  encapsulation: vxlan\n  encapsulation: vlan\n  namespaces: [a]\n",                  0, 1, "file:6: spec.encapsulation: stands there twice"},
	{"no such choice",             VPC_HEAD "spec: {encapsulation: geneve, namespaces: [a]}\n",                                           0, 1, "not one of vxlan|vlan"},
	{"part of a choice",           VPC_HEAD "spec: {encapsulation: lan, namespaces: [a]}\n",                                              0, 1, "not one of"},
	{"empty choice",               VPC_HEAD "spec: {encapsulation: \"\", namespaces: [a]}\n",                                             0, 1, "not one of"},
	{"id as a text",               VPC_HEAD "spec: {encapsulation: vxlan, namespaces: [a], id: \"5\"}\n",                                 0, 1, "spec.id: must be an integer"},
	{"id out of range",            VPC_HEAD "spec: {encapsulation: vxlan, namespaces: [a], id: 16777216}\n",                              0, 1, "not within 1 to 16777215"},
	{"id beyond 64 bits",          VPC_HEAD "spec: {encapsulation: vxlan, namespaces: [a], id: 99999999999999999999}\n",                  0, 1, "not within"},
	{"id with a fraction",         VPC_HEAD "spec: {encapsulation: vxlan, namespaces: [a], id: 5.5}\n",                                   0, 1, "not an integer"},
	{"namespaces as a text",       VPC_HEAD "spec: {encapsulation: vxlan, namespaces: a}\n",                                              0, 1, "must be a list"},
	{"host bits in a CIDR",        VPC_HEAD "spec: {encapsulation: vxlan, namespaces: [a], allow: [{cidr: 10.0.0.1/8}]}\n",               0, 1, "spec.allow[0].cidr: '10.0.0.1/8'"},
	{"33 bits of IPv4",            VPC_HEAD "spec: {encapsulation: vxlan, namespaces: [a], allow: [{cidr: 10.0.0.0/33}]}\n",              0, 1, "0 to 32"},
	{"no bits",                    VPC_HEAD "spec: {encapsulation: vxlan, namespaces: [a], allow: [{cidr: 10.0.0.0/}]}\n",                0, 1, "0 to 32"},
	{"IPv6 CIDR",                  VPC_HEAD "spec: {encapsulation: vxlan, namespaces: [a], allowFrom: [{cidr: \"fd00::/8\"}]}\n",         1, 0, NULL},
	{"port 0",                     VPC_HEAD "spec: {encapsulation: vxlan, namespaces: [a], allow: [{cidr: 0.0.0.0/0, ports: [{port: 0}]}]}\n", 0, 1, "spec.allow[0].ports[0].port"},
	{"endPort below port",         VPC_HEAD "spec: {encapsulation: vxlan, namespaces: [a], allow: [{cidr: 0.0.0.0/0, ports: [{port: 9, endPort: 8}]}]}\n", 0, 1, "endPort"},
	{"ICMP with a port",           VPC_HEAD "spec: {encapsulation: vxlan, namespaces: [a], allow: [{cidr: 0.0.0.0/0, ports: [{port: 9, protocol: ICMP}]}]}\n", 0, 1, "has no ports"},
	{"annotation as a number",     POD_HEAD "metadata: {name: a, annotations: {libvpc.io/vpc: 1}}\n",                                     0, 1, "metadata.annotations[libvpc.io/vpc]: must be a text (in quotes)"},
	{"annotation as null",         POD_HEAD "metadata: {name: a, annotations: {libvpc.io/vpc: }}\n",                                      0, 1, "must be a text"},
	{"annotation empty",           POD_HEAD "metadata: {name: a, annotations: {libvpc.io/vpc: \"\"}}\n",                                  1, 0, NULL},
	{"annotation twice",           POD_HEAD "metadata: {name: a, annotations: {a: b, a: c}}\n",                                           0, 1, "twice"},
	{"name with a slash",          POD_HEAD "metadata: {name: ../a}\n",                                                                   0, 1, "metadata.name"},
	{"name with two dots",         POD_HEAD "metadata: {name: a..b}\n",                                                                   0, 1, "metadata.name"},
	{"aliases that multiply",      VPC_HEAD "spec: {encapsulation: vxlan, namespaces: [a], allow: [&r {cidr: 10.0.0.0/8}, *r, *r, *r, *r, *r, *r, *r, *r, *r, *r, *r, *r, *r, *r, *r, *r, *r, *r, *r, *r, *r, *r, *r, *r, *r, *r, *r, *r, *r, *r]}\n", 0, 1, "aliases"},
	{"an endless alias",           "&a [*a]\n",                                                                                           0, 1, "file:1"},
	{"binary",                     "\x01\x02\xff",                                                                                        0, 1, "file:1"},
};

struct seen {
	size_t good;
	char error[1024];
};

static void note(void *context, const struct object *object, const char *error) {
	struct seen *seen = context;
	if (object)
		seen->good++;
	else
		snprintf(seen->error, sizeof seen->error, "%s", error);
}

static void reads_strictly(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
		struct seen seen = {0};
		print_message("  %s\n", CASES[i].description);
		assert_int_equal(documents_read("file", CASES[i].text, strlen(CASES[i].text), false, note, &seen), CASES[i].broken);
		assert_int_equal(seen.good, CASES[i].good);
		if (CASES[i].says && !strstr(seen.error, CASES[i].says))
			fail_msg("'%s' does not say '%s'", seen.error, CASES[i].says);
	}
}

static void keep(void *context, const struct object *object, const char *error) {
	if (error)
		fail_msg("%s", error);
	*(struct object **)context = object_ref(object);
}

static void writes_what_it_reads(void **state) {
	(void)state;
	struct object *object = object_new(KIND_ENDPOINTS, NULL, "vxlan-5.n1"), *again = NULL;
	object->endpoints.node = strdup("n1");
	object->endpoints.vpc_name = strdup("red");
	object->endpoints.vpc_uid = strdup("quote \" backslash \\ line \n end");
	object->endpoints.encapsulation = strdup("vxlan");
	object->endpoints.id = 5;
	texts_add(&object->endpoints.underlay, "172.30.0.1");
	object->endpoints.uplink_mac = strdup("02:00:00:00:00:01");
	object->endpoints.pods.items = calloc(2, sizeof *object->endpoints.pods.items);
	for (object->endpoints.pods.count = 0; object->endpoints.pods.count < 2; object->endpoints.pods.count++) {
		struct endpoint *pod = &object->endpoints.pods.items[object->endpoints.pods.count];
		pod->uid = strdup("true");
		pod->mac = strdup("02:00:00:00:00:02");
		texts_add(&pod->addresses, "fd00::1");
	}
	map_set(&object->metadata.labels, UID_LABEL, "123");
	char long_key[1200]; /* YAML takes a key of more than 1024 characters only where it is said to be one */
	memset(long_key, '"', sizeof long_key - 1);
	long_key[sizeof long_key - 1] = '\0';
	map_set(&object->metadata.labels, long_key, "long");

	struct buffer text = {0};
	document_write(&text, object);
	assert_int_equal(documents_read("written", text.bytes, text.length, false, keep, &again), 0);
	assert_true(object_spec_hash(object) == object_spec_hash(again));
	assert_string_equal(again->endpoints.vpc_uid, object->endpoints.vpc_uid);
	assert_string_equal(map_get(&again->metadata.labels, UID_LABEL), "123");
	assert_string_equal(map_get(&again->metadata.labels, long_key), "long");
	assert_int_equal(again->endpoints.pods.count, 2);
	assert_string_equal(again->endpoints.pods.items[1].uid, "true");
	buffer_release(&text);
	object_unref(object);
	object_unref(again);
}

int main(void) {
	const struct CMUnitTest tests[] = {cmocka_unit_test(reads_strictly), cmocka_unit_test(writes_what_it_reads)};
	return cmocka_run_group_tests_name("document", tests, NULL, NULL);
}
