// SPDX-License-Identifier: Apache-2.0
#include "attach_session.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "record.h"

static int read_netns(uint64_t *ret_netns, struct vpc_error *error) {
	struct stat status;
	if (stat("/proc/thread-self/ns/net", &status))
		return vpc_fail(error, -errno, "/proc/thread-self/ns/net: %s; is /proc mounted?", strerror(errno));
	*ret_netns = status.st_ino;
	return 0;
}

static void close_records(struct vpc_session *session) {
	close_fd(&session->records_fd);
	session->records_fd = -1;
	session->records_inode = 0;
}

/* Whether the records that are open are those that are pinned. */
static bool has_records(const struct vpc_session *session) {
	return session->records_fd >= 0 && session->records_inode && vpc_records_inode(&session->pins) == session->records_inode;
}

/* 1 if the directory that is open no longer stands at its path, or none is open. */
static int lock_again(const struct vpc_session *session, enum vpc_pins_lock lock, struct vpc_error *error) {
	return session->pins.fd < 0 ? 1 : vpc_pins_lock_again(&session->pins, lock, error);
}

static int open_directory(struct vpc_session *session, const char *directory, enum vpc_pins_lock lock, struct vpc_error *error) {
	close_records(session);
	vpc_pins_close(&session->pins);
	return vpc_pins_open(directory, lock, &session->pins, error);
}

static int open_records(struct vpc_session *session, bool make, struct vpc_error *error) {
	close_records(session);
	int fd = vpc_records_open(&session->pins, make, error);
	if (fd < 0) {
		vpc_pins_remove_empty(&session->pins);
		return fd;
	}
	session->records_fd = fd;
	session->records_inode = vpc_records_inode(&session->pins);
	return 0;
}

int vpc_session_begin(struct vpc_session *session, const char *directory, enum vpc_pins_lock lock, struct vpc_error *error) {
	uint64_t netns = 0;
	int result = read_netns(&netns, error);
	if (!result && netns != session->netns) {
		vpc_netlink_close(&session->netlink); /* it stays in the namespace in which it was opened */
		session->netns = netns;
	}
	session->qdisc.ifindex = 0;
	result = result ?: lock_again(session, lock, error);
	if (result == 1)
		result = open_directory(session, directory, lock, error);
	if (!result && !has_records(session))
		result = open_records(session, lock != VPC_PINS_SHARED, error);
	if (result)
		vpc_session_close(session);
	return result;
}

void vpc_session_end(struct vpc_session *session) {
	vpc_pins_unlock(&session->pins);
}

void vpc_session_close(struct vpc_session *session) {
	vpc_netlink_close(&session->netlink);
	close_records(session);
	vpc_pins_close(&session->pins);
	session->netns = 0;
}

void vpc_session_remove_empty(struct vpc_session *session) {
	vpc_records_remove_empty(&session->pins, session->records_fd);
	vpc_pins_remove_empty(&session->pins);
}
