/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs that take an object have in common. */
#ifndef VPCCTL_TEMPLATE_VERBS_H
#define VPCCTL_TEMPLATE_VERBS_H

#include "../cleanup.h"
#include "command_line.h"

static inline void free_template(struct vpc_template **template) {
	vpc_template_free(*template);
}

/* Opens the object that the command line names, with its program and placeholders. Free with vpc_template_free(). */
int open_template(const struct command_line *command_line, struct vpc_template **ret_template, struct vpc_error *error);

/* Reads every --set; ret_settings has room for MOST_REPEATED. */
int read_settings(const struct command_line *command_line, const struct vpc_template *template, struct vpc_setting *ret_settings, struct vpc_error *error);

#endif
