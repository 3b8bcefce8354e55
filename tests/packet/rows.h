/* SPDX-License-Identifier: Apache-2.0 */
/* The tables, each in the file of its subject. */
#ifndef ROWS_H
#define ROWS_H

#include "row.h"

struct table {
	const struct row *rows;
	size_t count;
};

#define TABLE(name_, rows_) const struct table name_ = {rows_, sizeof rows_ / sizeof *rows_};

extern const struct table from_pod_members, from_pod_sources;

#endif
