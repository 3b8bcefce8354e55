// SPDX-License-Identifier: Apache-2.0
#include "queue.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "../cleanup.h"

static int failed(struct cni_error *error, const char *directory, const char *step) {
	int code = -errno;
	return cni_fail(error, code, "queue %s: %s: %s", directory, step, strerror(-code));
}

static int make_directories(const char *path) {
	char partial[512];
	if (strlen(path) >= sizeof partial)
		return -ENAMETOOLONG;
	for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		memcpy(partial, path, slash - path);
		partial[slash - path] = 0;
		if (mkdir(partial, 0755) < 0 && errno != EEXIST)
			return -errno;
	}
	return mkdir(path, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

static int write_all(int fd, const void *bytes, size_t length) {
	while (length > 0) {
		ssize_t written = write(fd, bytes, length);
		if (written < 0 && errno != EINTR)
			return -errno;
		if (written > 0) {
			bytes = (const char *)bytes + written;
			length -= written;
		}
	}
	return 0;
}

static int write_request(int fd, const struct cni_request *request) {
	struct vpc_cni_header header = cni_request_header(request);
	int result = write_all(fd, &header, sizeof header);
	if (result == 0)
		result = write_all(fd, request->environment, request->environment_length);
	if (result == 0)
		result = write_all(fd, request->configuration, request->configuration_length);
	return result < 0 ? result : fsync(fd) < 0 ? -errno : 0;
}

/* The next name that nobody has: link() never replaces. */
static int give_name(int directory, const char *unfinished, uint64_t number) {
	char name[32];
	int result;
	do {
		snprintf(name, sizeof name, "%020ju.del", (uintmax_t)number++);
		result = linkat(directory, unfinished, directory, name, 0);
	} while (result < 0 && errno == EEXIST);
	return result < 0 || fsync(directory) < 0 ? -errno : 0;
}

int cni_queue_put(const char *directory, const struct cni_request *request, struct cni_error *error) {
	errno = -make_directories(directory);
	if (errno)
		return failed(error, directory, "make the directory");
	_cleanup_(close_fd) int at = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (at < 0)
		return failed(error, directory, "open");

	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	uint64_t number = (uint64_t)now.tv_sec * 1000000000u + now.tv_nsec;
	char unfinished[48];
	snprintf(unfinished, sizeof unfinished, ".%020ju-%d", (uintmax_t)number, getpid());
	_cleanup_(close_fd) int fd = openat(at, unfinished, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return failed(error, directory, "create");
	int result = write_request(fd, request);
	if (result == 0)
		result = give_name(at, unfinished, number);
	unlinkat(at, unfinished, 0);
	errno = -result;
	return result < 0 ? failed(error, directory, "write") : 0;
}
