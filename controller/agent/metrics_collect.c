// SPDX-License-Identifier: Apache-2.0
#include "metrics_collect.h"
#include "agent.h"
#include "allocation.h"
#include "../cleanup.h"
#include "cni_server.h"
#include "log.h"
#include "metrics.h"
#include "networks.h"
#include "readiness.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

/* Numbers by their labels, of what has to be summed up first. */
struct sums {
	struct table values; /* labels to double */
};

static void add(struct sums *sums, const char *labels, double more) {
	double *value = table_get(&sums->values, labels);
	if (!value) {
		value = allocate(sizeof *value);
		table_put(&sums->values, labels, value);
	}
	*value += more;
}

/* Adds under up to two labels. */
static void add_labelled(struct sums *sums, const char *first, const char *first_value, const char *second, const char *second_value, double more) {
	struct buffer labels = {0};
	metrics_label(&labels, first, first_value);
	if (second)
		metrics_label(&labels, second, second_value);
	add(sums, labels.bytes, more);
	buffer_release(&labels);
}

static void print_sums(struct sums *sums, struct buffer *output, const char *metric) {
	TABLE_EACH(&sums->values, entry) {
		metrics_value(output, metric, entry->key, *(double *)entry->value);
		free(entry->value);
	}
	table_release(&sums->values);
}

static void print_labelled(struct buffer *output, const char *metric, const char *label, const char *text, double value) {
	struct buffer labels = {0};
	metrics_label(&labels, label, text);
	metrics_value(output, metric, labels.bytes, value);
	buffer_release(&labels);
}

/* ---- the agent ---- */

void collect_build(const struct agent *agent, struct buffer *output, const char *metric) {
	(void)agent;
	print_labelled(output, metric, "version", vpc_version(), 1);
}

void collect_ready(const struct agent *agent, struct buffer *output, const char *metric) {
	struct readiness parts[READINESS_PARTS];
	readiness_read(agent, parts);
	for (size_t i = 0; i < READINESS_PARTS; i++)
		print_labelled(output, metric, "part", parts[i].part, !parts[i].reason);
}

void collect_settings_in_force(const struct agent *agent, struct buffer *output, const char *metric) {
	metrics_value(output, metric, NULL, !agent->settings_reason);
}

static void label_range(struct buffer *labels, const char *name, uint32_t first, uint32_t last) {
	char text[32] = "";
	if (last)
		snprintf(text, sizeof text, "%u-%u", first, last);
	metrics_label(labels, name, text);
}

void collect_settings(const struct agent *agent, struct buffer *output, const char *metric) {
	const struct config *config = &agent->config;
	char port[8];
	struct buffer labels = {0};
	snprintf(port, sizeof port, "%u", config->udp_port);
	label_range(&labels, "vni_range", config->vni_first, config->vni_last);
	label_range(&labels, "vlan_range", config->vlan_first, config->vlan_last);
	metrics_label(&labels, "uplink", agent->options.uplink ? agent->options.uplink : config->uplink);
	metrics_label(&labels, "underlay_family", config->underlay_family == 6 ? "IPv6" : "IPv4");
	metrics_label(&labels, "udp_port", port);
	metrics_label(&labels, "network_policy", config->policy_warns ? "warn" : "refuse");
	metrics_value(output, metric, labels.bytes, 1);
	buffer_release(&labels);
}

void collect_additions(const struct agent *agent, struct buffer *output, const char *metric) {
	metrics_value(output, metric, NULL, agent->server ? cni_server_adds(agent->server) : 0);
}

void collect_log_messages(const struct agent *agent, struct buffer *output, const char *metric) {
	(void)agent;
	for (enum log_level level = LOG_DETAIL; level <= LOG_ERROR; level++)
		print_labelled(output, metric, "level", log_level_name(level), log_count(level));
}

/* ---- objects and Pods ---- */

void collect_vpcs(const struct agent *agent, struct buffer *output, const char *metric) {
	struct sums sums = {0};
	TABLE_EACH(&agent->objects[KIND_VPC], entry) {
		const struct condition *ready = condition_find(&((const struct object *)entry->value)->vpc.status.conditions, "Ready");
		add_labelled(&sums, "reason", ready && ready->reason ? ready->reason : "", NULL, NULL, 1);
	}
	print_sums(&sums, output, metric);
}

void collect_identifiers(const struct agent *agent, struct buffer *output, const char *metric) {
	struct sums sums = {0};
	TABLE_EACH(&agent->objects[KIND_NETWORK_ID], entry) {
		const struct object *claim = entry->value;
		add_labelled(&sums, "encapsulation", strncmp(claim->metadata.name, "vlan-", 5) ? "vxlan" : "vlan", "state",
		    claim->network_id.released_at ? "released" : "held", 1);
	}
	print_sums(&sums, output, metric);
}

void collect_pods(const struct agent *agent, struct buffer *output, const char *metric) {
	struct sums sums = {0};
	TABLE_EACH(&agent->records, entry) {
		const struct record *record = entry->value;
		add_labelled(&sums, "vpc", record->vpc_name, "state", record->closed ? "closed" : record->attached ? "attached" : "waiting", 1);
	}
	print_sums(&sums, output, metric);
}

static int add_program(const struct vpc_attachment *attachment, void *context) {
	if (!strcmp(attachment->owner, "agent"))
		add_labelled(context, "program", attachment->program, NULL, NULL, 1);
	return 0;
}

void collect_programs(const struct agent *agent, struct buffer *output, const char *metric) {
	struct sums sums = {0};
	const struct vpc_attach_options options = {.size = sizeof options, .pin_directory = agent->options.bpffs, .owner = "agent"};
	if (agent->datapath)
		vpc_attachment_each(&options, add_program, &sums, NULL);
	print_sums(&sums, output, metric);
}

/* ---- networks ---- */

/* The VPC that has this identifier now: its records here, else its claim. NULL if there is none. */
static const char *vpc_name_of(const struct agent *agent, enum vpc_encapsulation encapsulation, uint32_t id) {
	char name[20];
	TABLE_EACH(&agent->records, entry) {
		const struct record *record = entry->value;
		if (record->pod.encapsulation == encapsulation && record->pod.network_id == id)
			return record->vpc_name;
	}
	const struct object *claim = encapsulation ? agent_find(agent, KIND_NETWORK_ID, NULL, claim_name(encapsulation, id, name)) : NULL;
	return claim ? claim->network_id.vpc_name : NULL;
}

struct drop_sums {
	const struct agent *agent;
	struct sums sums;
};

static int add_drop(const struct vpc_drop *drop, void *context) {
	struct drop_sums *drops = context;
	char name[20];
	const char *vpc = vpc_name_of(drops->agent, drop->encapsulation, drop->network_id);
	if (!vpc) /* of one that is gone, or never was: an attempt from outside */
		vpc = drop->encapsulation ? claim_name(drop->encapsulation, drop->network_id, name) : "";
	add_labelled(&drops->sums, "reason", drop->reason, "vpc", vpc, drop->count);
	return 0;
}

void collect_drops(const struct agent *agent, struct buffer *output, const char *metric) {
	struct drop_sums drops = {.agent = agent};
	if (agent->datapath)
		vpc_drops_each(agent->options.bpffs, add_drop, &drops, NULL);
	print_sums(&drops.sums, output, metric);
}

/* Counting takes a while, so it is done once for both metrics, which stand one behind the other. */
static struct {
	struct vpc_map_usage items[32];
	size_t count;
} maps;

static int keep_usage(const struct vpc_map_usage *usage, void *context) {
	(void)context;
	if (maps.count < COUNT_OF(maps.items))
		maps.items[maps.count++] = *usage;
	return 0;
}

void collect_map_entries(const struct agent *agent, struct buffer *output, const char *metric) {
	maps.count = 0;
	if (agent->datapath)
		vpc_map_usage_each(agent->options.bpffs, keep_usage, NULL, NULL);
	for (size_t i = 0; i < maps.count; i++)
		print_labelled(output, metric, "map", maps.items[i].name, maps.items[i].entries);
}

void collect_map_capacity(const struct agent *agent, struct buffer *output, const char *metric) {
	(void)agent;
	for (size_t i = 0; i < maps.count; i++)
		print_labelled(output, metric, "map", maps.items[i].name, maps.items[i].max_entries);
}

void collect_remote_members(const struct agent *agent, struct buffer *output, const char *metric) {
	struct sums sums = {0};
	TABLE_EACH(&agent->objects[KIND_ENDPOINTS], entry) {
		const struct object *object = entry->value;
		if (strcmp(object->endpoints.node, agent->options.node))
			add_labelled(&sums, "vpc", object->endpoints.vpc_name, NULL, NULL, object->endpoints.pods.count);
	}
	print_sums(&sums, output, metric);
}

void collect_nodes_known(const struct agent *agent, struct buffer *output, const char *metric) {
	struct node_list nodes;
	collect_nodes(agent, &nodes);
	metrics_value(output, metric, NULL, nodes.count);
	free(nodes.items);
}

/* ---- the process ---- */

void collect_start_time(const struct agent *agent, struct buffer *output, const char *metric) {
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	metrics_value(output, metric, NULL, now.tv_sec + now.tv_nsec / 1e9 - (uv_hrtime() - agent->started) / 1e9);
}

void collect_cpu(const struct agent *agent, struct buffer *output, const char *metric) {
	(void)agent;
	struct rusage usage;
	getrusage(RUSAGE_SELF, &usage);
	metrics_value(output, metric, NULL, usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
}

void collect_memory(const struct agent *agent, struct buffer *output, const char *metric) {
	(void)agent;
	size_t bytes = 0;
	if (uv_resident_set_memory(&bytes) == 0)
		metrics_value(output, metric, NULL, bytes);
}

void collect_descriptors(const struct agent *agent, struct buffer *output, const char *metric) {
	(void)agent;
	DIR *folder = opendir("/proc/self/fd");
	size_t count = 0;
	while (folder && readdir(folder))
		count++;
	if (folder) {
		closedir(folder);
		metrics_value(output, metric, NULL, count - 3); /* without ".", ".." and the folder itself */
	}
}
