/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vpc-cni in the main plugin's configuration list (CNI specification 0.3.0 to 1.1.0): pure functions from text to text. What
 * is not ours stays as it is, byte for byte.
 */
#ifndef AGENT_CNI_LIST_H
#define AGENT_CNI_LIST_H

#include "text.h"

#include <stdbool.h>

#define CNI_LIST_LIMIT (1u << 20)

/* Ours in the list. */
struct cni_entry {
	const char *socket, *queue; /* where vpc-cni finds the agent; NULL: as it knows by itself */
};

/*
 * Puts ours at the end of the list, once, unless it is there already and in order: in front of it must stand what changes the
 * interface (tuning sets MAC and MTU) or wants its hook first (bandwidth's qdisc cannot be added beside ours); whatever else
 * others put behind it may stay there.
 *
 * Returns 1 with the new text in *ret_text (buffer_release), 0 if nothing is to be changed, -EBADMSG if that is no list, or
 * one of a version that vpc-cni does not know, or with nothing in it but ours.
 */
int cni_list_merge(const char *text, size_t length, const struct cni_entry *entry, struct buffer *ret_text, struct vpc_error *error);
/* Takes all of ours out. Returns 1 with the new text, 0 if none is in it, -EBADMSG. */
int cni_list_remove(const char *text, size_t length, struct buffer *ret_text, struct vpc_error *error);
/* Makes a list of the configuration of a single plugin, as *.conf files hold one. 0 or -EBADMSG. */
int cni_list_of_single(const char *text, size_t length, struct buffer *ret_text, struct vpc_error *error);
/* The type of the first plugin, for people: "ptp". 0 or -EBADMSG. */
int cni_list_main(const char *text, size_t length, char ret_type[64], struct vpc_error *error);

#endif
