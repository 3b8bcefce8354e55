/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is counted and measured, in Prometheus' text format 0.0.4. One table declares every metric, of which the output and
 * the reference are made. Base units; `_total` for counters only; no labels by Pod, of which there are too many.
 */
#ifndef AGENT_METRICS_H
#define AGENT_METRICS_H

#include "text.h"

#include <stdio.h>

struct agent;

/* Those that are told of as things happen; all others are looked up when they are asked for. */
enum metric_counter { COUNT_CNI_REQUESTS, COUNT_REPAIRS, COUNT_LIST_WRITES, COUNT_WATCH_RESTARTS, METRIC_COUNTERS };
enum metric_histogram { TIME_ADD, TIME_INJECTION, TIME_RECONCILE, METRIC_HISTOGRAMS };

/* One more. labels: as metrics_label() writes them, in the table's order; NULL: none. */
void metrics_count(enum metric_counter counter, const char *labels);
/* One that took so long. */
void metrics_observe(enum metric_histogram histogram, double seconds);
/* Appends `name="value"`, after a comma if something stands there, the value escaped. */
void metrics_label(struct buffer *labels, const char *name, const char *value);

/* Appends everything. */
void metrics_print(const struct agent *agent, struct buffer *output);
/* Every metric with its type, labels and meaning, as a table in Markdown. */
void metrics_print_reference(FILE *file);

#endif
