// SPDX-License-Identifier: Apache-2.0
#include "metrics.h"
#include "agent.h"
#include "../cleanup.h"
#include "metrics_collect.h"
#include "table.h"

#include <inttypes.h>
#include <string.h>

/* Seconds. An injection takes half a millisecond, an ADD one to three, more while something is waited for. */
static const double BOUNDS[] = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};

struct histogram {
	uint64_t within[COUNT_OF(BOUNDS)]; /* of those at most so long and longer than the bound before */
	uint64_t count;
	double sum;
};

static struct table counted[METRIC_COUNTERS]; /* labels to uint64_t */
static struct histogram histograms[METRIC_HISTOGRAMS];

enum origin { COLLECTED, COUNTED, OBSERVED };

static const struct metric {
	const char *name, *type, *labels, *text;
	enum origin origin;
	int index;             /* COUNTED, OBSERVED */
	metric_collect collect; /* COLLECTED */
} METRICS[] = {
#define GAUGE(name, labels, collect, text) {name, "gauge", labels, text, COLLECTED, 0, collect}
#define TOTAL(name, labels, collect, text) {name, "counter", labels, text, COLLECTED, 0, collect}
#define COUNTER(name, labels, index, text) {name, "counter", labels, text, COUNTED, index, NULL}
#define HISTOGRAM(name, index, text) {name, "histogram", "le", text, OBSERVED, index, NULL}
    GAUGE("libvpc_build_info", "version", collect_build, "Always 1; the version of the agent."),
    GAUGE("libvpc_ready", "part", collect_ready, "Whether a part of /readyz is in order: 1 or 0."),
    GAUGE("libvpc_settings_in_force", "", collect_settings_in_force, "Whether every setting of the ConfigMap is in force: 1 or 0."),
    GAUGE("libvpc_settings_info", "vni_range, vlan_range, uplink, underlay_family, udp_port, network_policy", collect_settings,
        "Always 1; the settings in force."),
    GAUGE("libvpc_vpcs", "reason", collect_vpcs, "VPCs in the cluster, by the reason of their condition Ready; empty: none yet."),
    GAUGE("libvpc_identifiers", "encapsulation, state", collect_identifiers,
        "Claims of identifiers in the cluster, held or released and in their hold-down."),
    GAUGE("libvpc_pods", "vpc, state", collect_pods, "Pods of this node by their VPC: attached, closed after an ADD that failed, or waiting."),
    GAUGE("libvpc_programs", "program", collect_programs, "Programs attached on this node."),
    GAUGE("libvpc_remote_members", "vpc", collect_remote_members, "Pods on other nodes in VPCs that have Pods here."),
    GAUGE("libvpc_nodes", "", collect_nodes_known, "Other nodes that packets are taken from and sent to."),
    TOTAL("libvpc_drops_total", "reason, vpc", collect_drops, "Packets dropped, by reason and VPC; an empty VPC: none is known."),
    GAUGE("libvpc_map_entries", "map", collect_map_entries, "Entries of a map of the datapath, which refuses what finds no room."),
    GAUGE("libvpc_map_capacity", "map", collect_map_capacity, "Entries that such a map can hold."),
    COUNTER("libvpc_cni_requests_total", "command, code", COUNT_CNI_REQUESTS, "Requests of vpc-cni by their answer; code 0 is success."),
    GAUGE("libvpc_cni_adds_waiting", "", collect_additions, "ADDs under way."),
    HISTOGRAM("libvpc_cni_add_duration_seconds", TIME_ADD, "From the request of an ADD to its answer, whatever that says."),
    HISTOGRAM("libvpc_injection_duration_seconds", TIME_INJECTION, "Patching, loading and attaching one Pod's programs, and reading them back."),
    HISTOGRAM("libvpc_reconcile_duration_seconds", TIME_RECONCILE, "One round of comparing what should be with what is."),
    COUNTER("libvpc_repairs_total", "what", COUNT_REPAIRS, "What had been removed or displaced and was put back: pod, node, firewall."),
    COUNTER("libvpc_watch_restarts_total", "kind", COUNT_WATCH_RESTARTS, "Watches of the Kubernetes API that failed and were begun anew, by kind."),
    COUNTER("libvpc_cni_list_writes_total", "", COUNT_LIST_WRITES, "Times that vpc-cni was put into the main plugin's configuration list."),
    TOTAL("libvpc_log_messages_total", "level", collect_log_messages, "Lines for the log, also those below the level that is written."),
    GAUGE("process_start_time_seconds", "", collect_start_time, "When the process started, seconds since 1970."),
    TOTAL("process_cpu_seconds_total", "", collect_cpu, "CPU time of the process, in the kernel's account and its own."),
    GAUGE("process_resident_memory_bytes", "", collect_memory, "Resident memory of the process."),
    GAUGE("process_open_fds", "", collect_descriptors, "Open file descriptors."),
};

void metrics_count(enum metric_counter counter, const char *labels) {
	uint64_t *value = table_get(&counted[counter], labels ? labels : "");
	if (!value) {
		value = allocate(sizeof *value);
		table_put(&counted[counter], labels ? labels : "", value);
	}
	++*value;
}

void metrics_observe(enum metric_histogram histogram, double seconds) {
	struct histogram *one = &histograms[histogram];
	one->count++;
	one->sum += seconds;
	for (size_t i = 0; i < COUNT_OF(BOUNDS); i++)
		if (seconds <= BOUNDS[i]) {
			one->within[i]++;
			return;
		}
}

void metrics_label(struct buffer *labels, const char *name, const char *value) {
	buffer_format(labels, "%s%s=\"", labels->length ? "," : "", name);
	for (; *value; value++)
		if (*value == '\n')
			buffer_text(labels, "\\n");
		else
			buffer_format(labels, "%s%c", *value == '"' || *value == '\\' ? "\\" : "", *value);
	buffer_text(labels, "\"");
}

void metrics_value(struct buffer *output, const char *name, const char *labels, double value) {
	bool some = labels && *labels;
	buffer_format(output, "%s%s%s%s %.15g\n", name, some ? "{" : "", some ? labels : "", some ? "}" : "", value);
}

static void print_counted(struct buffer *output, const struct metric *metric) {
	const struct table *table = &counted[metric->index];
	if (!*metric->labels && !table->count)
		metrics_value(output, metric->name, NULL, 0);
	TABLE_EACH(table, entry)
	metrics_value(output, metric->name, entry->key, *(const uint64_t *)entry->value);
}

static void print_histogram(struct buffer *output, const struct metric *metric) {
	const struct histogram *one = &histograms[metric->index];
	uint64_t so_far = 0;
	for (size_t i = 0; i < COUNT_OF(BOUNDS); i++) {
		so_far += one->within[i];
		buffer_format(output, "%s_bucket{le=\"%g\"} %" PRIu64 "\n", metric->name, BOUNDS[i], so_far);
	}
	buffer_format(output, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n%s_sum %.9g\n%s_count %" PRIu64 "\n", metric->name, one->count, metric->name,
	    one->sum, metric->name, one->count);
}

void metrics_print(const struct agent *agent, struct buffer *output) {
	for (size_t i = 0; i < COUNT_OF(METRICS); i++) {
		const struct metric *metric = &METRICS[i];
		buffer_format(output, "# HELP %s %s\n# TYPE %s %s\n", metric->name, metric->text, metric->name, metric->type);
		switch (metric->origin) {
		case COLLECTED: metric->collect(agent, output, metric->name); break;
		case COUNTED: print_counted(output, metric); break;
		case OBSERVED: print_histogram(output, metric); break;
		}
	}
}

void metrics_print_reference(FILE *file) {
	fputs("\n## Metrics\n\nOf `/metrics`, which `--http` serves.\n\n| name | type | labels | meaning |\n|---|---|---|---|\n", file);
	for (size_t i = 0; i < COUNT_OF(METRICS); i++)
		fprintf(file, "| `%s` | %s | %s | %s |\n", METRICS[i].name, METRICS[i].type, METRICS[i].labels, METRICS[i].text);
}
