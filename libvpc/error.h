/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VPC_ERROR_H
#define VPC_ERROR_H

#include <vpc/vpc.h>

/* Formats the message and returns the code, so that callers fail in one line. */
__attribute__((format(printf, 3, 4)))
int vpc_fail(struct vpc_error *error, int code, const char *format, ...);

#endif
