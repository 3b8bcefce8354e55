/* SPDX-License-Identifier: Apache-2.0 */
/* Whoever types a filter's ports over the network may lock himself out. */
#ifndef VPCCTL_FILTER_MANAGEMENT_H
#define VPCCTL_FILTER_MANAGEMENT_H

#include <vpc/vpc.h>

/*
 * Warns on stderr of TCP ports on which connections over the interface stand, this very session's first, and which
 * `is_open` does not know as open. An interface without addresses may carry any connection.
 */
void warn_of_management(const char *interface, bool (*is_open)(uint16_t port, const void *context), const void *context);

#endif
