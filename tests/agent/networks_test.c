// SPDX-License-Identifier: Apache-2.0
/* What the datapath is told of a network: where its default `allow` leads, and whose an address is that two Pods have. */
#include "../cleanup.h"
#include "address.h"
#include "document.h"
#include "kubernetes/json_object.h"
#include "networks.h"
#include "text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void put(struct agent *agent, struct object *object) {
	const struct metadata *metadata = &object->metadata;
	_cleanup_(free_memory) char *key = metadata->namespace ? format_text("%s/%s", metadata->namespace, metadata->name) : duplicate(metadata->name);
	object_unref(table_put(&agent->objects[object->kind], key, object));
}

static void release(struct agent *agent) {
	for (enum kind kind = 0; kind < KINDS; kind++) {
		TABLE_EACH(&agent->objects[kind], entry)
		object_unref(entry->value);
		table_release(&agent->objects[kind]);
	}
	TABLE_EACH(&agent->records, entry)
	record_free(entry->value);
	table_release(&agent->records);
}

static const struct {
	const char *description;
	const char *allow;   /* in the VPC's spec */
	const char *service; /* clusterIPs of kube-dns, with a blank between; NULL: no such Service */
	const char *setting; /* clusterDNS of the ConfigMap */
	const char *rules;   /* expected: address:port/protocol, in their order */
} RULES[] = {
	/* description                      allow              service               setting          rules */
	{"nothing is said: the cluster's DNS", "",             "10.96.0.10",         "",              "10.96.0.10:53/17 10.96.0.10:53/6 "},
	{"of both families",                 "",               "10.96.0.10 fd00::a", "",              "10.96.0.10:53/17 10.96.0.10:53/6 fd00::a:53/17 fd00::a:53/6 "},
	{"and the node's cache",             "",               "10.96.0.10",         "169.254.20.10", "169.254.20.10:53/17 169.254.20.10:53/6 10.96.0.10:53/17 10.96.0.10:53/6 "},
	{"named twice, once",                "",               "10.96.0.10",         "10.96.0.10",    "10.96.0.10:53/17 10.96.0.10:53/6 "},
	{"no Service",                       "",               NULL,                 "",              ""},
	{"a headless Service",               "",               "None",               "",              ""},
	{"null is nothing",                  "\"allow\":null", "10.96.0.10",         "",              "10.96.0.10:53/17 10.96.0.10:53/6 "},
	{"an empty list closes it",          "\"allow\":[]",   "10.96.0.10",         "169.254.20.10", ""},
	{"a list is all",                    "\"allow\":[{\"cidr\":\"192.0.2.1/32\",\"ports\":[{\"port\":443}]}]", "10.96.0.10", "", "192.0.2.1:443/6 "},
};

static void add_service(struct agent *agent, const char *addresses) {
	struct object *service = object_new(KIND_SERVICE, SYSTEM_NAMESPACE, DNS_SERVICE);
	_cleanup_(free_memory) char *copy = duplicate(addresses);
	char *rest = copy;
	for (char *one; (one = strsep(&rest, " "));)
		texts_add(&service->service.cluster_ips, one);
	put(agent, service);
}

static void compare_rules(const struct agent *agent, const struct object *vpc, const char *expected) {
	struct rule_specs rules;
	struct buffer text = {0};
	char address[46];
	buffer_text(&text, "");
	collect_rules(agent, vpc, &rules);
	for (size_t i = 0; i < rules.count; i++)
		buffer_format(&text, "%s:%u/%u ", address_format(rules.items[i].address, address), rules.items[i].first_port, rules.items[i].protocol);
	assert_string_equal(text.bytes, expected);
	buffer_release(&text);
	free(rules.items);
}

static void keep_first(void *context, const struct object *object, const char *error) {
	assert_null(error);
	*(struct object **)context = object_ref(object);
}

/* From JSON, copied, and from YAML that was written of it: nothing and an empty list stay apart. */
static void allows_what_is_said(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof RULES / sizeof *RULES; i++) {
		static struct agent agent;
		struct object *vpc = NULL, *read = NULL;
		struct text_pair pair = {"clusterDNS", (char *)RULES[i].setting};
		struct text_map settings = {&pair, 1};
		struct buffer yaml = {0};
		agent = (struct agent){0};
		print_message("  %s\n", RULES[i].description);
		assert_int_equal(config_parse(&settings, &agent.config, NULL), 0);
		if (RULES[i].service)
			add_service(&agent, RULES[i].service);
		_cleanup_(free_memory) char *json = format_text(
		    "{\"apiVersion\":\"" API_GROUP "\",\"kind\":\"VPC\",\"metadata\":{\"name\":\"red\"},\"spec\":{\"encapsulation\":\"vxlan\",\"namespaces\":[\"*\"]%s%s}}",
		    *RULES[i].allow ? "," : "", RULES[i].allow);
		assert_int_equal(json_read_object(KIND_VPC, json, strlen(json), &read, NULL), 0);
		compare_rules(&agent, read, RULES[i].rules);
		vpc = object_clone(read);
		compare_rules(&agent, vpc, RULES[i].rules);
		object_unref(read);
		document_write(&yaml, vpc);
		assert_int_equal(documents_read("test", yaml.bytes, yaml.length, false, keep_first, &read), 0);
		compare_rules(&agent, read, RULES[i].rules);
		buffer_release(&yaml);
		object_unref(read);
		object_unref(vpc);
		release(&agent);
	}
}

struct pod_of {
	const char *node, *uid, *created;
};

static const struct {
	const char *description;
	struct pod_of pods[2]; /* with one address; node n1 is this one */
	const char *member;    /* UID of the remote member; NULL: none */
	const char *newer;     /* UID of the conflict's newer Pod; NULL: no conflict */
} CONFLICTS[] = {
	/* description                      one                                      other                                    member newer */
	{"one Pod",                         {{"n2", "a", "2026-01-01T00:00:00Z"}},                                            "a",  NULL},
	{"the newer comes first",           {{"n2", "a", "2026-01-02T00:00:00Z"},    {"n3", "b", "2026-01-01T00:00:00Z"}},    "a",  "a"},
	{"the newer comes last",            {{"n2", "a", "2026-01-01T00:00:00Z"},    {"n3", "b", "2026-01-02T00:00:00Z"}},    "b",  "b"},
	{"equally old: the UID decides",    {{"n2", "b", "2026-01-01T00:00:00Z"},    {"n3", "a", "2026-01-01T00:00:00Z"}},    "b",  "b"},
	{"one without a time is older",     {{"n2", "b", NULL},                      {"n3", "a", "2026-01-01T00:00:00Z"}},    "a",  "a"},
	{"two on one node",                 {{"n2", "a", "2026-01-01T00:00:00Z"},    {"n2", "b", "2026-01-02T00:00:00Z"}},    "b",  "b"},
	{"one here, which is newer",        {{"n1", "a", "2026-01-02T00:00:00Z"},    {"n3", "b", "2026-01-01T00:00:00Z"}},    "b",  "a"},
	{"one here, which is older",        {{"n1", "a", "2026-01-01T00:00:00Z"},    {"n3", "b", "2026-01-02T00:00:00Z"}},    "b",  "b"},
};

static uint8_t mac_of(const struct pod_of *pod) {
	return pod->uid[0];
}

static void add_endpoints(struct agent *agent, const struct pod_of *pod) {
	_cleanup_(free_memory) char *name = format_text("vxlan-7.%s.%s", pod->node, pod->uid);
	struct object *object = object_new(KIND_ENDPOINTS, NULL, name);
	struct endpoints_object *endpoints = &object->endpoints;
	endpoints->node = duplicate(pod->node);
	endpoints->vpc_name = duplicate("red");
	endpoints->vpc_uid = duplicate("uid");
	endpoints->encapsulation = duplicate("vxlan");
	endpoints->id = 7;
	texts_add(&endpoints->underlay, "172.30.0.2");
	endpoints->uplink_mac = duplicate("02:00:00:00:00:01");
	endpoints->pods.items = allocate(sizeof *endpoints->pods.items);
	endpoints->pods.count = 1;
	endpoints->pods.items[0] = (struct endpoint){.uid = duplicate(pod->uid),
	    .namespace = duplicate("default"),
	    .name = duplicate(pod->uid),
	    .mac = format_text("02:00:00:00:00:%02x", mac_of(pod)),
	    .created = duplicate(pod->created)};
	texts_add(&endpoints->pods.items[0].addresses, "10.0.0.1");
	put(agent, object);
}

static void add_record(struct agent *agent, const struct pod_of *pod) {
	struct record *record = allocate(sizeof *record);
	*record = (struct record){.container = duplicate(pod->uid), .uid = duplicate(pod->uid), .vpc_uid = duplicate("uid"),
	    .created = duplicate(pod->created), .attached = true,
	    .pod = {.encapsulation = VPC_VXLAN, .network_id = 7, .ipv4 = {10, 0, 0, 1}}};
	table_put(&agent->records, pod->uid, record);
}

static void gives_an_address_to_the_newer(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof CONFLICTS / sizeof *CONFLICTS; i++) {
		static struct agent agent;
		struct remotes remotes;
		struct conflicts conflicts;
		agent = (struct agent){.options.node = "n1", .underlay = {[10] = 0xff, 0xff, 172, 30, 0, 1}};
		print_message("  %s\n", CONFLICTS[i].description);
		for (size_t j = 0; j < 2 && CONFLICTS[i].pods[j].uid; j++)
			(strcmp(CONFLICTS[i].pods[j].node, "n1") ? add_endpoints : add_record)(&agent, &CONFLICTS[i].pods[j]);
		collect_remotes(&agent, "uid", VPC_VXLAN, 7, &remotes, &conflicts);
		assert_int_equal(remotes.count, CONFLICTS[i].member != NULL);
		if (CONFLICTS[i].member)
			assert_int_equal(remotes.items[0].mac[5], CONFLICTS[i].member[0]);
		assert_int_equal(conflicts.count, CONFLICTS[i].newer != NULL);
		if (CONFLICTS[i].newer)
			assert_string_equal(conflicts.items[0].newer ? conflicts.items[0].newer->uid : conflicts.items[0].own->uid, CONFLICTS[i].newer);
		free(remotes.items);
		free(conflicts.items);
		release(&agent);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {cmocka_unit_test(allows_what_is_said), cmocka_unit_test(gives_an_address_to_the_newer)};
	return cmocka_run_group_tests_name("networks", tests, NULL, NULL);
}
