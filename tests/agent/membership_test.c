// SPDX-License-Identifier: Apache-2.0
#include "membership.h"
#include "text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const struct {
	const char *description;
	const char *own, *of_namespace; /* annotations; NULL: none */
	const char *admitted;           /* namespace in the VPC's list */
	bool host_network;
	const char *policy_label;       /* of a NetworkPolicy's selector, value "x"; NULL: no policy */
	const char *policy_setting;
	int annotation, admission;
	const char *name; /* of the VPC that counts; NULL: none */
} CASES[] = {
	/* description                      own     namespace admitted   host   policy  setting   annotation   admission    name */
	{"no annotation",                   NULL,   NULL,     "*",       false, NULL,   "refuse", 0,           0,           NULL},
	{"the Pod's own",                   "red",  NULL,     "*",       false, NULL,   "refuse", 0,           0,           "red"},
	{"the Namespace's",                 NULL,   "blue",   "*",       false, NULL,   "refuse", 0,           0,           "blue"},
	{"the Pod's own wins",              "red",  "blue",   "*",       false, NULL,   "refuse", 0,           0,           "red"},
	{"empty is never no VPC",           "",     NULL,     "*",       false, NULL,   "refuse", CNI_REFUSED, 0,           NULL},
	{"empty does not fall back",        "",     "blue",   "*",       false, NULL,   "refuse", CNI_REFUSED, 0,           NULL},
	{"empty in the Namespace",          NULL,   "",       "*",       false, NULL,   "refuse", CNI_REFUSED, 0,           NULL},
	{"upper case",                      "Red",  NULL,     "*",       false, NULL,   "refuse", CNI_REFUSED, 0,           NULL},
	{"a path",                          "../a", NULL,     "*",       false, NULL,   "refuse", CNI_REFUSED, 0,           NULL},
	{"a line feed",                     "a\nb", NULL,     "*",       false, NULL,   "refuse", CNI_REFUSED, 0,           NULL},
	{"namespace admitted by name",      "red",  NULL,     "default", false, NULL,   "refuse", 0,           0,           "red"},
	{"namespace not admitted",          "red",  NULL,     "other",   false, NULL,   "refuse", 0,           CNI_REFUSED, "red"},
	{"host network",                    "red",  NULL,     "*",       true,  NULL,   "refuse", 0,           CNI_REFUSED, "red"},
	{"NetworkPolicy selects it",        "red",  NULL,     "*",       false, "app",  "refuse", 0,           CNI_REFUSED, "red"},
	{"NetworkPolicy selects others",    "red",  NULL,     "*",       false, "tier", "refuse", 0,           0,           "red"},
	{"NetworkPolicy, only a warning",   "red",  NULL,     "*",       false, "app",  "warn",   0,           0,           "red"},
};

static void release(struct agent *agent, struct object *pod, struct object *vpc, struct text_map *settings) {
	for (enum kind kind = 0; kind < KINDS; kind++) {
		TABLE_EACH(&agent->objects[kind], entry)
			object_unref(entry->value);
		table_release(&agent->objects[kind]);
	}
	object_unref(pod);
	object_unref(vpc);
	for (size_t i = 0; i < settings->count; i++) {
		free(settings->items[i].key);
		free(settings->items[i].value);
	}
	free(settings->items);
}

static void decides(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
		static struct agent agent;
		struct vpc_error error = {""};
		struct text_map settings = {0};
		const char *name = NULL;
		struct object *pod = object_new(KIND_POD, "default", "a"), *vpc = object_new(KIND_VPC, NULL, "red"), *space = object_new(KIND_NAMESPACE, NULL, "default");
		agent = (struct agent){0};
		print_message("  %s\n", CASES[i].description);
		map_set(&settings, "networkPolicy", CASES[i].policy_setting);
		assert_int_equal(config_parse(&settings, &agent.config, NULL), 0);
		if (CASES[i].own)
			map_set(&pod->metadata.annotations, VPC_ANNOTATION, CASES[i].own);
		if (CASES[i].of_namespace)
			map_set(&space->metadata.annotations, VPC_ANNOTATION, CASES[i].of_namespace);
		map_set(&pod->metadata.labels, "app", "x");
		pod->pod.host_network = CASES[i].host_network;
		texts_add(&vpc->vpc.namespaces, CASES[i].admitted);
		table_put(&agent.objects[KIND_NAMESPACE], "default", space);
		if (CASES[i].policy_label) {
			struct object *policy = object_new(KIND_NETWORK_POLICY, "default", "p");
			map_set(&policy->policy.labels, CASES[i].policy_label, "x");
			table_put(&agent.objects[KIND_NETWORK_POLICY], "default/p", policy);
		}
		assert_int_equal(membership_annotation(&agent, pod, &name, &error), CASES[i].annotation);
		if (CASES[i].name)
			assert_string_equal(name, CASES[i].name);
		else
			assert_null(name);
		int admission = membership_eligible(&agent, pod, NULL, &error);
		assert_int_equal(admission ? admission : membership_admit(&agent, pod, vpc, NULL, &error), CASES[i].admission);
		release(&agent, pod, vpc, &settings);
	}
}

static const struct {
	const char *description, *key, *value;
	const char *says; /* NULL: accepted */
} SETTINGS[] = {
	{"VNI range",                   "vniRange", "100-200", NULL},
	{"VNI range from 1",            "vniRange", "1-200", "2 to 16777215"},
	{"range upside down",           "vniRange", "200-100", "FIRST-LAST"},
	{"range with more",             "vniRange", "100-200,300-400", "FIRST-LAST"},
	{"VLAN range to 4095",          "vlanRange", "100-4095", "2 to 4094"},
	{"no VLAN range",               "vlanRange", "", NULL},
	{"family",                      "underlayFamily", "IPv6", NULL},
	{"family that is none",         "underlayFamily", "IPv5", "IPv4 or IPv6"},
	{"port 0",                      "udpPort", "0", "1 to 65535"},
	{"hold-down in minutes",        "holdDown", "10m", NULL},
	{"hold-down in days",           "holdDown", "1d", "minutes"},
	{"two DNS addresses",           "clusterDNS", "10.96.0.10, fd00::a", NULL},
	{"DNS by name",                 "clusterDNS", "kube-dns", "no address"},
	{"excluded namespace as a path", "excludedNamespaces", "a,../b", "name"},
	{"uplink too long",             "uplink", "0123456789abcdef", "interface"},
	{"a setting that is none",      "vniRanges", "100-200", "no such setting"},
};

static void reads_settings(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof SETTINGS / sizeof *SETTINGS; i++) {
		struct config config, before;
		struct vpc_error error = {""};
		struct text_pair pair = {(char *)SETTINGS[i].key, (char *)SETTINGS[i].value};
		struct text_map settings = {&pair, 1};
		memset(&config, 0xa5, sizeof config);
		before = config;
		print_message("  %s\n", SETTINGS[i].description);
		int result = config_parse(&settings, &config, &error);
		assert_int_equal(result < 0, SETTINGS[i].says != NULL);
		if (result < 0) {
			assert_memory_equal(&config, &before, sizeof config);
			if (!strstr(error.text, SETTINGS[i].says) || !strstr(error.text, SETTINGS[i].key))
				fail_msg("'%s' does not say '%s' and '%s'", error.text, SETTINGS[i].key, SETTINGS[i].says);
		}
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {cmocka_unit_test(decides), cmocka_unit_test(reads_settings)};
	return cmocka_run_group_tests_name("membership", tests, NULL, NULL);
}
