/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The locked directory of pins, the records in it and a socket of rtnetlink, for one call or kept by a handle for many.
 *
 *	vpc_session_begin()   locks; opens what is not open, or no longer the right one
 *	vpc_session_attach() and others, as often as wanted
 *	vpc_session_end()     unlocks; everything stays open
 *	vpc_session_close()
 *
 * A session belongs to one thread at a time. What it keeps open is compared at each beginning with what stands there:
 * the directory and the pin of the records by their inodes, the network namespace of the thread by its own.
 */
#ifndef VPC_ATTACH_SESSION_H
#define VPC_ATTACH_SESSION_H

#include "netlink.h"
#include "pins.h"

struct vpc_session {
	struct vpc_pins pins;
	int records_fd;
	uint64_t records_inode; /* of the pin */
	uint64_t netns;         /* inode number of the namespace of this thread, and of the socket */
	struct vpc_netlink netlink;
	struct vpc_qdisc qdisc; /* known since the beginning */
};

#define VPC_SESSION_CLOSED {.pins = VPC_PINS_CLOSED, .records_fd = -1}

/*
 * Locks. The directory (NULL: the default one) must be the same at each beginning of a session that is kept. Errors as
 * those of vpc_pins_open() and vpc_records_open(); the session is then closed.
 */
int vpc_session_begin(struct vpc_session *session, const char *directory, enum vpc_pins_lock lock, struct vpc_error *error);
void vpc_session_end(struct vpc_session *session);
void vpc_session_close(struct vpc_session *session);
/* Removes what is empty: the records, the folders, the directory. For the end of a change. */
void vpc_session_remove_empty(struct vpc_session *session);

/*
 * As vpc_attach(), vpc_detach() and vpc_attachment_check(), in a session that has begun with VPC_PINS_MAKE,
 * VPC_PINS_CHANGE and VPC_PINS_SHARED. options.pin_directory is not looked at. What is empty stays.
 */
int vpc_session_attach(struct vpc_session *session, const struct vpc_instance *instance, uint32_t ifindex, enum vpc_direction direction,
	const struct vpc_attach_options *options, struct vpc_error *error);
int vpc_session_detach(struct vpc_session *session, uint32_t ifindex, enum vpc_direction direction, const struct vpc_attach_options *options,
	struct vpc_error *error);
int vpc_session_check(struct vpc_session *session, uint32_t ifindex, enum vpc_direction direction, const struct vpc_attach_options *options,
	struct vpc_attachment *ret_attachment, struct vpc_error *error);

#endif
