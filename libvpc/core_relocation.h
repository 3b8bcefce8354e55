/* SPDX-License-Identifier: Apache-2.0 */
/* Which instructions libbpf will rewrite for the running kernel (CO-RE), as the object's .BTF.ext says. */
#ifndef VPC_CORE_RELOCATION_H
#define VPC_CORE_RELOCATION_H

#include "template.h"

/* -EINVAL, naming both, if the instruction at that offset of the section is rewritten too; `what` is in it as well. */
int vpc_core_relocation_check(const struct vpc_template *template, size_t section, uint64_t offset, const char *what, struct vpc_error *error);
/* Holds the tables of .BTF.ext against its size: -EINVAL if they lie. 0 if there is none. */
int vpc_btf_extension_check(const struct vpc_template *template, struct vpc_error *error);

#endif
