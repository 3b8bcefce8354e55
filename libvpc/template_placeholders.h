/* SPDX-License-Identifier: Apache-2.0 */
/* The placeholders of a template in the object's own sections: counted at opening, written into the patched object. */
#ifndef VPC_TEMPLATE_PLACEHOLDERS_H
#define VPC_TEMPLATE_PLACEHOLDERS_H

#include "template.h"

/* Finds every placeholder in the programs of the template (of its one program and what that calls, if it has one). */
int vpc_template_count_placeholders(struct vpc_template *template, struct vpc_error *error);

/* How many places of the parameter's placeholder a program has, with what it calls. */
int vpc_template_count_in_program(const struct vpc_template *template, const char *program, size_t parameter, uint32_t *ret_count,
	struct vpc_error *error);

/* Writes a number into every place of the parameter's placeholder in `bytes`, a copy of the object. */
int vpc_template_write_placeholder(const struct vpc_template *template, size_t parameter, uint64_t value, uint8_t *bytes,
	struct vpc_error *error);

#endif
