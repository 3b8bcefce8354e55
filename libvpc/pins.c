// SPDX-License-Identifier: Apache-2.0
#include "pins.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <time.h>

#include "bpf_syscall.h"
#include "cleanup.h"
#include "datapath_maps.h"

#define TEXT_OF(number_) TEXT_OF_(number_)
#define TEXT_OF_(number_) #number_
#define DEFAULT_DIRECTORY "/sys/fs/bpf/libvpc/v" TEXT_OF(VPC_LAYOUT_VERSION)

#define BPF_FILE_SYSTEM 0xcafe4a11
#define LOCK_SECONDS 10

const char *vpc_pins_default(void) {
	return DEFAULT_DIRECTORY;
}

const char *vpc_direction_name(enum vpc_direction direction) {
	switch (direction) {
	case VPC_INGRESS: return "ingress";
	case VPC_EGRESS: return "egress";
	case VPC_XDP: return "xdp";
	}
	return "?";
}

const char *vpc_interface_text(uint32_t ifindex, char text[VPC_INTERFACE_TEXT]) {
	char name[IF_NAMESIZE];
	if (if_indextoname(ifindex, name))
		snprintf(text, VPC_INTERFACE_TEXT, "%s (%" PRIu32 ")", name, ifindex);
	else
		snprintf(text, VPC_INTERFACE_TEXT, "%" PRIu32, ifindex);
	return text;
}

/* Says whether pins can be made where the file system is of that kind and mounted so. */
static int judge_file_system(const char *path, const struct statfs *file_system, bool for_change, struct vpc_error *error) {
	if ((uint32_t)file_system->f_type != BPF_FILE_SYSTEM)
		return vpc_fail(error, -ENOTSUP, "%s is not on a BPF file system; mount one: mount -t bpf bpf /sys/fs/bpf", path);
	if (for_change && file_system->f_flags & ST_RDONLY)
		return vpc_fail(error, -EROFS, "%s is mounted read-only; make it writable: mount -o remount,rw /sys/fs/bpf", path);
	return 0;
}

static int check_file_system(int fd, const char *path, bool for_change, struct vpc_error *error) {
	struct statfs file_system;
	if (fstatfs(fd, &file_system))
		return vpc_fail(error, -errno, "%s: file system unknown: %s", path, strerror(errno));
	return judge_file_system(path, &file_system, for_change, error);
}

/* Makes the missing part of the path, but only below what is on a BPF file system already. */
static int make_directory(const char *directory, struct vpc_error *error) {
	char path[sizeof((struct vpc_pins *)0)->directory];
	snprintf(path, sizeof path, "%s", directory);

	for (char *end = path + 1; *end;) {
		end += strcspn(end, "/");
		char separator = *end;
		*end = '\0';
		char *parent_end = strrchr(path, '/');
		struct stat status;
		struct statfs file_system;
		if (stat(path, &status) && errno == ENOENT) {
			*parent_end = '\0';
			const char *parent = path[0] ? path : "/";
			if (statfs(parent, &file_system))
				return vpc_fail(error, -errno, "%s: file system unknown: %s", parent, strerror(errno));
			int result = judge_file_system(parent, &file_system, true, error);
			if (result)
				return result;
			*parent_end = '/';
			if (mkdir(path, 0700) && errno != EEXIST)
				return vpc_fail(error, -errno, "directory %s cannot be made: %s", path, strerror(errno));
		}
		*end = separator;
		if (separator)
			end++;
	}
	return 0;
}

static int wait_for_lock(int fd, int operation, const char *directory, struct vpc_error *error) {
	const struct timespec pause = {.tv_nsec = 1000000};
	for (int tries = 0; flock(fd, operation | LOCK_NB); tries++) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return vpc_fail(error, -errno, "%s cannot be locked: %s", directory, strerror(errno));
		if (tries >= LOCK_SECONDS * 1000)
			return vpc_fail(error, -ETIMEDOUT, "%s is locked by another process for %d s; end that process", directory, LOCK_SECONDS);
		nanosleep(&pause, NULL);
	}
	return 0;
}

/* 1 if the directory was removed by another process before the lock was ours. */
static int open_locked(enum vpc_pins_lock lock, struct vpc_pins *pins, struct vpc_error *error) {
	const char *directory = pins->directory;
	_cleanup_(close_fd) int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return vpc_fail(error, -ENOENT, "nothing is attached: there is no pin directory %s", directory);
	if (fd < 0)
		return vpc_fail(error, -errno, "pin directory %s: %s", directory, strerror(errno));
	int result = check_file_system(fd, directory, lock != VPC_PINS_SHARED, error);
	if (result)
		return result;
	result = wait_for_lock(fd, lock == VPC_PINS_SHARED ? LOCK_SH : LOCK_EX, directory, error);
	if (result)
		return result;
	struct stat status;
	if (fstat(fd, &status) || status.st_nlink == 0)
		return 1;
	pins->device = status.st_dev;
	pins->inode = status.st_ino;
	pins->fd = steal_fd(&fd);
	return 0;
}

int vpc_pins_open(const char *directory, enum vpc_pins_lock lock, struct vpc_pins *ret_pins, struct vpc_error *error) {
	struct vpc_pins pins = VPC_PINS_CLOSED;
	directory = directory ? directory : vpc_pins_default();
	size_t length = strlen(directory);
	if (directory[0] != '/' || length >= sizeof pins.directory)
		return vpc_fail(
			error, -EINVAL, "pin directory '%s' is not an absolute path of at most %zu bytes", directory, sizeof pins.directory - 1);
	while (length > 1 && directory[length - 1] == '/')
		length--;
	memcpy(pins.directory, directory, length);
	pins.directory[length] = '\0';

	int result;
	do {
		result = open_locked(lock, &pins, error);
		if (result == -ENOENT && lock == VPC_PINS_MAKE)
			result = make_directory(pins.directory, error) ?: 1;
	} while (result == 1);
	if (result)
		return result;
	*ret_pins = pins;
	return 0;
}

void vpc_pins_unlock(const struct vpc_pins *pins) {
	flock(pins->fd, LOCK_UN);
}

int vpc_pins_lock_again(const struct vpc_pins *pins, enum vpc_pins_lock lock, struct vpc_error *error) {
	struct stat status;
	int result = wait_for_lock(pins->fd, lock == VPC_PINS_SHARED ? LOCK_SH : LOCK_EX, pins->directory, error);
	if (result)
		return result;
	if (stat(pins->directory, &status) == 0 && status.st_dev == pins->device && status.st_ino == pins->inode)
		return 0;
	vpc_pins_unlock(pins);
	return 1;
}

void vpc_pins_close(struct vpc_pins *pins) {
	close_fd(&pins->fd);
	pins->fd = -1;
}

static const char *folder_of(enum vpc_pin pin) {
	return pin == VPC_PIN_PROGRAM ? "programs" : "links";
}

void vpc_pins_remove_empty(const struct vpc_pins *pins) {
	char path[VPC_PIN_PATH];
	unlinkat(pins->fd, "links", AT_REMOVEDIR);
	unlinkat(pins->fd, "programs", AT_REMOVEDIR);
	/* Ends at the first that is not empty, at the latest at the mount point, which cannot be removed. */
	snprintf(path, sizeof path, "%s", pins->directory);
	while (path[0] && rmdir(path) == 0)
		*strrchr(path, '/') = '\0';
}

void vpc_pins_path(const struct vpc_place *place, enum vpc_pin pin, char path[VPC_PIN_PATH]) {
	snprintf(path, VPC_PIN_PATH, "%s/%s/%" PRIu32 "-%s@%" PRIu64 "%s", place->pins->directory, folder_of(pin), place->ifindex,
		vpc_direction_name(place->direction), place->netns, pin == VPC_PIN_NEXT_LINK ? "+" : "");
}

static int pin_in_folder(const struct vpc_place *place, enum vpc_pin pin, int fd, const char *path) {
	int result = vpc_bpf_pin(fd, path);
	if (result != -ENOENT)
		return result; /* the folder is there, as nearly always */
	if (mkdirat(place->pins->fd, folder_of(pin), 0700) && errno != EEXIST)
		return -errno;
	return vpc_bpf_pin(fd, path);
}

static int replace_pin(const struct vpc_place *place, enum vpc_pin pin, int fd, const char *path) {
	char next[VPC_PIN_PATH + 2];
	snprintf(next, sizeof next, "%s+", path);
	if (unlink(next) && errno != ENOENT)
		return -errno;
	int result = pin_in_folder(place, pin, fd, next);
	if (result)
		return result;
	if (rename(next, path) == 0)
		return 0;
	result = -errno;
	unlink(next);
	return result;
}

int vpc_pins_put(const struct vpc_place *place, enum vpc_pin pin, int fd, struct vpc_error *error) {
	char path[VPC_PIN_PATH];
	vpc_pins_path(place, pin, path);
	int result = pin_in_folder(place, pin, fd, path);
	if (result == -EEXIST)
		result = replace_pin(place, pin, fd, path);
	return result ? vpc_fail(error, result, "%s cannot be pinned: %s", path, strerror(-result)) : 0;
}

int vpc_pins_promote(const struct vpc_place *place) {
	char path[VPC_PIN_PATH], next[VPC_PIN_PATH];
	vpc_pins_path(place, VPC_PIN_LINK, path);
	vpc_pins_path(place, VPC_PIN_NEXT_LINK, next);
	return rename(next, path) ? -errno : 0;
}

int vpc_pins_get(const struct vpc_place *place, enum vpc_pin pin) {
	char path[VPC_PIN_PATH];
	vpc_pins_path(place, pin, path);
	return vpc_bpf_get(path);
}

int vpc_pins_remove(const struct vpc_place *place, enum vpc_pin pin) {
	char path[VPC_PIN_PATH];
	vpc_pins_path(place, pin, path);
	return unlink(path) && errno != ENOENT ? -errno : 0;
}
