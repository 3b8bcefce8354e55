/* SPDX-License-Identifier: Apache-2.0 */
/* Pins carry the version of their layout in the last part of their directory: /sys/fs/bpf/libvpc/v1 */
#ifndef VPC_DATAPATH_LAYOUT_H
#define VPC_DATAPATH_LAYOUT_H

#include "error.h"

/*
 * Looks for pins of other layouts beside the directory (NULL: the default one). -EPROTO if there are newer ones, which are
 * left untouched. A directory whose name is no version has no others beside it.
 */
int vpc_layout_check(const char *directory, struct vpc_error *error);

#endif
