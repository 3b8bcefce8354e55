/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pin directory of a node, on a BPF file system:
 *
 *	<directory>/records                                       the map of all attachments (record.h)
 *	<directory>/links/<ifindex>-<direction>@<netns>           link on tcx or XDP
 *	<directory>/links/<ifindex>-<direction>@<netns>+          its successor for the moment of a move to the head
 *	<directory>/programs/<ifindex>-<direction>@<netns>        program on clsact
 *
 * <netns> is the inode number of the network namespace: interfaces of different namespaces may share an index. The
 * directory is locked (flock) while an attachment changes, so what stands half made under the lock was left by a process
 * that died. What is empty is removed again.
 */
#ifndef VPC_PINS_H
#define VPC_PINS_H

#include <limits.h>
#include <stdint.h>

#include "error.h"

struct vpc_pins {
	int fd; /* of the directory; holds the lock */
	uint64_t device, inode; /* of the directory */
	char directory[256];
};

struct vpc_netlink;

/* What is known of an interface's place for filters. Others may change it all the same: they know nothing of the lock. */
struct vpc_qdisc {
	uint32_t ifindex; /* 0: nothing is known of any interface */
	enum { VPC_QDISC_MISSING, VPC_QDISC_STANDS, VPC_QDISC_MADE } state; /* clsact; made: by us, a moment ago */
};

/* A hook of an interface, as the pins and records name it. */
struct vpc_place {
	const struct vpc_pins *pins;
	uint64_t netns; /* inode number of the caller's network namespace */
	uint32_t ifindex;
	enum vpc_direction direction;
	struct vpc_netlink *netlink; /* of the caller's namespace; opened by who needs it first */
	struct vpc_qdisc *qdisc;
};

#define VPC_PINS_CLOSED {.fd = -1}

enum vpc_pins_lock {
	VPC_PINS_SHARED, /* to look */
	VPC_PINS_MAKE,   /* to change; makes the directory if it is not there */
	VPC_PINS_CHANGE, /* to change what is there */
};

/* Where a pin of a place stands. */
enum vpc_pin { VPC_PIN_LINK, VPC_PIN_NEXT_LINK, VPC_PIN_PROGRAM };

#define VPC_PIN_PATH 400

/* "/sys/fs/bpf/libvpc/v<layout>" */
const char *vpc_pins_default(void);

/*
 * Opens and locks the directory (NULL: the default one). -ENOENT if it is not there and not to be made; -ENOTSUP if no
 * BPF file system is mounted there; -ETIMEDOUT if another process holds the lock for ten seconds.
 */
int vpc_pins_open(const char *directory, enum vpc_pins_lock lock, struct vpc_pins *ret_pins, struct vpc_error *error);
/*
 * Lets go of the lock and keeps the directory open, and takes the lock anew. Taking it gives 1, without the lock, if that
 * directory is no longer the one that stands at its path.
 */
void vpc_pins_unlock(const struct vpc_pins *pins);
int vpc_pins_lock_again(const struct vpc_pins *pins, enum vpc_pins_lock lock, struct vpc_error *error);
/* Unlocks. */
void vpc_pins_close(struct vpc_pins *pins);
/* Removes the folders and the directory itself where nothing is in them. */
void vpc_pins_remove_empty(const struct vpc_pins *pins);

void vpc_pins_path(const struct vpc_place *place, enum vpc_pin pin, char path[VPC_PIN_PATH]);
/* Pins; the folder is made if needed. An older pin of that name is replaced in one step. */
int vpc_pins_put(const struct vpc_place *place, enum vpc_pin pin, int fd, struct vpc_error *error);
/* Gives the successor the name of the link, in one step. */
int vpc_pins_promote(const struct vpc_place *place);
/* Returns a descriptor; -ENOENT if there is no such pin. */
int vpc_pins_get(const struct vpc_place *place, enum vpc_pin pin);
/* 0 also if there is none. */
int vpc_pins_remove(const struct vpc_place *place, enum vpc_pin pin);

/* "ingress", "egress" or "xdp" */
const char *vpc_direction_name(enum vpc_direction direction);
/* Writes "eth0 (5)" or "5" for messages. Returns text. */
#define VPC_INTERFACE_TEXT 32
const char *vpc_interface_text(uint32_t ifindex, char text[VPC_INTERFACE_TEXT]);

#endif
