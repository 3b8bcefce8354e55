/* SPDX-License-Identifier: Apache-2.0 */
/* What the caller wants parameters to be, held against what the template declares. */
#ifndef VPC_SETTING_H
#define VPC_SETTING_H

#include "template.h"

#define VPC_MOST_SETTINGS 256

/*
 * Checks settings for unknown and double names, elements, widths and ranges, and gives the index of each one's
 * parameter; ret_parameters has room for `count`.
 */
int vpc_template_check_settings(const struct vpc_template *template, const struct vpc_setting *settings, size_t count, int *ret_parameters,
	struct vpc_error *error);

#endif
