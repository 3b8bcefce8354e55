/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Measuring two things side by side in one run, and telling the result as one JSON object a line.
 *
 * A measured function returns nanoseconds. Samples of the compared functions alternate, so that a machine whose speed
 * drifts slows both alike; medians are compared, and the spread (first to third quartile) goes along.
 */
#ifndef VPC_BENCH_H
#define VPC_BENCH_H

#include <stddef.h>
#include <stdint.h>

#define BENCH_NONE (-1.0)

enum bench_goal { BENCH_AT_MOST, BENCH_AT_LEAST, BENCH_REPORT };

/* A row of the table; baseline, ratio and target are BENCH_NONE where there is none. */
struct bench_row {
	const char *name, *unit;
	double value, baseline, ratio, target;
	enum bench_goal goal;
	int target_is_of_ratio; /* else of the value */
	double spread_low, spread_high;
};

struct bench_samples {
	double *values;
	size_t count;
};

/* Nanoseconds of CLOCK_MONOTONIC. */
uint64_t bench_now(void);

/* The share (0.5 is the median) of the sorted samples; sorts them. */
double bench_percentile(struct bench_samples *samples, double share);

/* Runs the functions in turn, `count` times each, after `warm_up` rounds; fills one set of samples for each. Exits on failure. */
void bench_interleave(double (*const functions[])(void *context), void *context, size_t functions_count, size_t warm_up, size_t count, struct bench_samples *ret_samples);

/* Prints the row as one line of JSON on stdout. */
void bench_print(const struct bench_row *row);

/* "median of A against median of B" as a row: ratio = value / baseline. Frees nothing. */
void bench_print_comparison(const char *name, const char *unit, double divisor, struct bench_samples *value, struct bench_samples *baseline, double target, enum bench_goal goal);

/* Says why on stderr and ends the program: a failed measurement is no result. */
__attribute__((noreturn, format(printf, 1, 2))) void bench_fail(const char *format, ...);

#endif
