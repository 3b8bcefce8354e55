/* SPDX-License-Identifier: Apache-2.0 */
/* Pins carry the version of their layout in the last part of their directory: /sys/fs/bpf/libvpc/v1 */
#ifndef VPC_DATAPATH_LAYOUT_H
#define VPC_DATAPATH_LAYOUT_H

#include "error.h"

struct vpc_conversion;

struct vpc_layouts {
	char own[256];   /* directory of this library's layout */
	char other[256]; /* of that from which it takes over; "" if there is none */
	unsigned other_version;
};

/*
 * Looks for pins of other layouts beside the directory (NULL: the default one), from which this one may take over: those
 * of the layout before, and those of a newer one that were released to this. ret_conversion tells how, if there are any.
 *
 * -EPROTO if there are others, newer or too old, which are left untouched. A directory whose name is no version has no
 * others beside it.
 */
int vpc_layout_find(const char *directory, struct vpc_layouts *ret_layouts, struct vpc_conversion *ret_conversion, struct vpc_error *error);
/* The same, only to see whether there are any that are not to be touched. */
int vpc_layout_check(const char *directory, struct vpc_error *error);

#endif
