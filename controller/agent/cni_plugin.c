// SPDX-License-Identifier: Apache-2.0
#include "../cleanup.h"
#include "cni_install.h"
#include "text.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#define PLUGIN "vpc-cni"
#define STAGED ".new-vpc-cni"

/* Beside this program, wherever that is. */
static int open_own(char ret_path[PATH_MAX], struct vpc_error *error) {
	char path[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", path, sizeof path - sizeof PLUGIN);
	path[length < 0 ? 0 : length] = '\0';
	char *slash = strrchr(path, '/');
	strcpy(slash ? slash + 1 : path, PLUGIN);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail(error, -errno, "%s, which is to be installed: %s", path, strerror(errno));
	strcpy(ret_path, path);
	return fd;
}

static ssize_t read_part(int fd, char *bytes, size_t size, off_t offset) {
	size_t length = 0;
	for (ssize_t count = 1; length < size && count > 0; length += count) {
		count = pread(fd, bytes + length, size - length, offset + length);
		if (count < 0)
			return -errno;
	}
	return length;
}

static bool is_same(int a, int b) {
	char one[4096], other[4096];
	struct stat status;
	if (fstat(b, &status) < 0 || !S_ISREG(status.st_mode) || (status.st_mode & 0555) != 0555)
		return false;
	for (off_t offset = 0;; offset += sizeof one) {
		ssize_t count = read_part(a, one, sizeof one, offset);
		if (count < 0 || read_part(b, other, sizeof other, offset) != count || memcmp(one, other, count))
			return false;
		if (count < (ssize_t)sizeof one)
			return true;
	}
}

static int copy(int from, int folder) {
	struct stat status;
	unlinkat(folder, STAGED, 0);
	_cleanup_(close_fd) int to = openat(folder, STAGED, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	if (to < 0 || fstat(from, &status) < 0)
		return -errno;
	for (off_t done = 0; done < status.st_size;) {
		ssize_t count = sendfile(to, from, &done, status.st_size - done);
		if (count <= 0)
			return count < 0 ? -errno : -EIO;
	}
	if (fchmod(to, 0755) < 0 || fsync(to) < 0 || renameat(folder, STAGED, folder, PLUGIN) < 0 || fsync(folder) < 0)
		return -errno;
	return 1;
}

int cni_plugin_install(int folder, struct vpc_error *error) {
	char path[PATH_MAX];
	_cleanup_(close_fd) int from = open_own(path, error);
	if (from < 0)
		return from;
	_cleanup_(close_fd) int there = openat(folder, PLUGIN, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (there >= 0 && is_same(from, there))
		return 0;
	int result = copy(from, folder);
	if (result < 0)
		unlinkat(folder, STAGED, 0);
	return result < 0 ? fail(error, result, PLUGIN ": %s", strerror(-result)) : result;
}

int cni_plugin_remove(int folder, struct vpc_error *error) {
	static const char *const FILES[] = {STAGED, PLUGIN};
	for (size_t i = 0; i < COUNT_OF(FILES); i++)
		if (unlinkat(folder, FILES[i], 0) < 0 && errno != ENOENT)
			return fail(error, -errno, "%s: %s", FILES[i], strerror(errno));
	return 0;
}
