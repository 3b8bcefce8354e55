// SPDX-License-Identifier: Apache-2.0
#include "bench.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

void bench_fail(const char *format, ...) {
	va_list arguments;
	va_start(arguments, format);
	fputs("bench: ", stderr);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
	exit(1);
}

uint64_t bench_now(void) {
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int compare(const void *left, const void *right) {
	double a = *(const double *)left, b = *(const double *)right;
	return (a > b) - (a < b);
}

double bench_percentile(struct bench_samples *samples, double share) {
	qsort(samples->values, samples->count, sizeof *samples->values, compare);
	size_t at = (size_t)(share * (double)samples->count);
	return samples->values[at < samples->count ? at : samples->count - 1];
}

void bench_interleave(double (*const functions[])(void *context), void *context, size_t functions_count, size_t warm_up, size_t count, struct bench_samples *ret_samples) {
	for (size_t f = 0; f < functions_count; f++) {
		ret_samples[f] = (struct bench_samples){calloc(count, sizeof(double)), count};
		if (!ret_samples[f].values)
			bench_fail("out of memory for %zu samples", count);
	}
	for (size_t round = 0; round < warm_up + count; round++)
		for (size_t f = 0; f < functions_count; f++) {
			double sample = functions[f](context);
			if (round >= warm_up)
				ret_samples[f].values[round - warm_up] = sample;
		}
}

static void print_number(const char *name, double number) {
	if (number == BENCH_NONE)
		printf(",\"%s\":null", name);
	else
		printf(",\"%s\":%.6g", name, number);
}

void bench_print(const struct bench_row *row) {
	double compared = row->target_is_of_ratio ? row->ratio : row->value;
	int reached = row->goal == BENCH_AT_MOST ? compared <= row->target : compared >= row->target;
	printf("{\"name\":\"%s\"", row->name);
	print_number("value", row->value);
	printf(",\"unit\":\"%s\"", row->unit);
	print_number("baseline", row->baseline);
	print_number("ratio", row->ratio);
	print_number("target", row->goal == BENCH_REPORT ? BENCH_NONE : row->target);
	printf(",\"reached\":%s", row->goal == BENCH_REPORT ? "null" : reached ? "true" : "false");
	printf(",\"spread\":[%.6g,%.6g]}\n", row->spread_low, row->spread_high);
	fflush(stdout);
}

void bench_print_comparison(const char *name, const char *unit, double divisor, struct bench_samples *value, struct bench_samples *baseline, double target, enum bench_goal goal) {
	struct bench_row row = {
		.name = name,
		.unit = unit,
		.value = bench_percentile(value, 0.5) / divisor,
		.baseline = bench_percentile(baseline, 0.5) / divisor,
		.target = target,
		.goal = goal,
		.target_is_of_ratio = 1,
		.spread_low = bench_percentile(value, 0.25) / divisor,
		.spread_high = bench_percentile(value, 0.75) / divisor,
	};
	row.ratio = row.value / row.baseline;
	bench_print(&row);
}
