/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runtime's folder of network configurations. Of all that are in it a runtime takes the first by name, of *.conf,
 * *.conflist and *.json; into that one vpc-cni is put.
 */
#ifndef AGENT_CNI_FOLDER_H
#define AGENT_CNI_FOLDER_H

#include "cni_list.h"

/* What was found, and done. */
struct cni_finding {
	const char *reason; /* CamelCase, "ListMerged" if all is in order */
	char list[256];     /* the file; "" if there is none */
	char main[64];      /* type of its first plugin; "" if it is not known */
	bool written;       /* now; false: it was in order, or may_write is false */
};

/*
 * Puts ours into the first configuration. A single plugin's (*.conf, *.json) becomes a list, NAME.conflist, and is kept beside it
 * under a name that no runtime takes. What others write at the same time is not lost. may_write: false only looks.
 *
 * 0 if it is in order now; -EAGAIN if it is not, and may_write is false; else negative errno, and the message says why.
 * *ret_finding is set in all cases.
 */
int cni_folder_merge(int folder, const struct cni_entry *entry, bool may_write, struct cni_finding *ret_finding, struct vpc_error *error);

/* Takes ours out of every list of the folder, and puts single configurations back. 0 or the first failure; the rest is done all the same. */
int cni_folder_leave(int folder, struct vpc_error *error);

#endif
