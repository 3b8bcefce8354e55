/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the metrics: what is looked up when somebody asks. */
#ifndef AGENT_METRICS_COLLECT_H
#define AGENT_METRICS_COLLECT_H

#include "text.h"

struct agent;

/* Appends the lines of the metric of that name. */
typedef void (*metric_collect)(const struct agent *agent, struct buffer *output, const char *name);

/* Appends one line. labels: as metrics_label() writes them; NULL or "": none. */
void metrics_value(struct buffer *output, const char *name, const char *labels, double value);

#define METRIC_COLLECTORS(X) \
	X(collect_build) X(collect_ready) X(collect_settings_in_force) X(collect_settings) X(collect_vpcs) X(collect_identifiers) X(collect_pods) \
	X(collect_programs) X(collect_remote_members) X(collect_nodes_known) X(collect_drops) X(collect_map_entries) X(collect_map_capacity) X(collect_additions) X(collect_log_messages) \
	X(collect_start_time) X(collect_cpu) X(collect_memory) X(collect_descriptors)
#define DECLARE_COLLECTOR(name) void name(const struct agent *agent, struct buffer *output, const char *metric);
METRIC_COLLECTORS(DECLARE_COLLECTOR)

#endif
