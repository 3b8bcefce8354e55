/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VPCCTL_FILTER_VERBS_H
#define VPCCTL_FILTER_VERBS_H

#include "command_line.h"

/* The filter on the interface that the command line names, to be freed; NULL: only looks whether there is the interface. */
int find_filter(const struct command_line *command_line, struct vpc_port_filter **ret_filter, struct vpc_error *error);

#endif
