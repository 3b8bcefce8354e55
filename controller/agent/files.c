// SPDX-License-Identifier: Apache-2.0
#include "files.h"
#include "../cleanup.h"
#include "text.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

static struct file_signature signature_of(const struct stat *status) {
	return (struct file_signature){status->st_ino, status->st_size, status->st_mtim.tv_sec * 1000000000ll + status->st_mtim.tv_nsec};
}

int file_sign(int folder, const char *name, struct file_signature *ret_signature) {
	struct stat status;
	if (fstatat(folder, name, &status, 0) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode))
		return -EINVAL;
	*ret_signature = signature_of(&status);
	return 0;
}

bool file_signature_equal(const struct file_signature *a, const struct file_signature *b) {
	return a->inode == b->inode && a->size == b->size && a->modified == b->modified;
}

int file_read(int folder, const char *name, char **ret_bytes, size_t *ret_length, struct file_signature *ret_signature) {
	struct stat status;
	_cleanup_(close_fd) int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &status) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode))
		return -EINVAL;
	if (status.st_size > FILE_LIMIT)
		return -EFBIG;
	size_t length = 0, room = status.st_size;
	_cleanup_(free_memory) char *bytes = allocate(room + 1);
	while (length < room) {
		ssize_t count = read(fd, bytes + length, room - length);
		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return -errno;
		if (count == 0)
			break;
		length += count;
	}
	bytes[length] = '\0';
	if (ret_signature)
		*ret_signature = signature_of(&status);
	*ret_length = length;
	*ret_bytes = steal_memory(&bytes);
	return 0;
}

static int write_all(int fd, const char *bytes, size_t length) {
	while (length) {
		ssize_t count = write(fd, bytes, length);
		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return -errno;
		bytes += count;
		length -= count;
	}
	return 0;
}

/* Counts from a random number: agents of other nodes may write to the same folder. */
static int make_temporary_name(char name[32]) {
	static uint64_t next;
	if (!next && getrandom(&next, sizeof next, 0) != sizeof next)
		return -EIO;
	snprintf(name, 32, TEMPORARY_PREFIX "%016" PRIx64, next++);
	return 0;
}

int file_write(int folder, const char *name, const void *bytes, size_t length, enum file_mode mode, struct file_signature *ret_signature) {
	char temporary[32];
	struct stat status;
	bool exclusive = mode == FILE_CREATE || mode == FILE_CREATE_UNFLUSHED;
	bool flushed = mode == FILE_CREATE || mode == FILE_REPLACE;
	int result = make_temporary_name(temporary);
	if (result < 0)
		return result;
	_cleanup_(close_fd) int fd = openat(folder, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	result = write_all(fd, bytes, length);
	if (result == 0 && ((flushed && fsync(fd) < 0) || (ret_signature && fstat(fd, &status) < 0)))
		result = -errno;
	if (result == 0 && !exclusive && renameat(folder, temporary, folder, name) < 0)
		result = -errno;
	if (result == 0 && exclusive && linkat(folder, temporary, folder, name, 0) < 0)
		result = -errno;
	if (result < 0 || exclusive)
		unlinkat(folder, temporary, 0);
	if (result == 0 && ret_signature)
		*ret_signature = signature_of(&status);
	return result;
}

void files_sweep(int folder) {
	int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *entries = copy < 0 ? NULL : fdopendir(copy);
	if (!entries)
		return;
	for (struct dirent *entry; (entry = readdir(entries));) {
		struct stat status;
		bool temporary = !strncmp(entry->d_name, TEMPORARY_PREFIX, strlen(TEMPORARY_PREFIX));
		if (temporary && fstatat(folder, entry->d_name, &status, 0) == 0 && status.st_mtime < time(NULL) - 60)
			unlinkat(folder, entry->d_name, 0);
	}
	closedir(entries);
}

int folder_open(const char *path, bool make) {
	_cleanup_(free_memory) char *copy = duplicate(path);
	for (char *slash = copy + 1; make && *copy && (slash = strchr(slash, '/')); *slash++ = '/') {
		*slash = '\0';
		if (mkdir(copy, 0755) < 0 && errno != EEXIST)
			return -errno;
	}
	if (make && mkdir(copy, 0755) < 0 && errno != EEXIST)
		return -errno;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}
