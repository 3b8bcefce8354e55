/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VPC_BTF_CHECK_H
#define VPC_BTF_CHECK_H

#include <vpc/vpc.h>

/*
 * Holds the bytes of a .BTF section against themselves before libbpf reads them: every type whole and of a known kind,
 * every name within the strings, every type id within the types. -EINVAL tells the object and the type.
 */
int vpc_btf_check(const char *object, const void *bytes, size_t length, struct vpc_error *error);

#endif
