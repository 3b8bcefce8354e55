// SPDX-License-Identifier: Apache-2.0
#include "plugin.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

const char *plugin_path;

static int scratch(const char *bytes, size_t length) {
	int fd = memfd_create("scratch", MFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, length, 0), length);
	return fd;
}

static void collect(int fd, char *target, size_t size) {
	ssize_t length = pread(fd, target, size - 1, 0);
	target[length > 0 ? length : 0] = 0;
	close(fd);
}

static long now(void) {
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

void run_plugin(const char *const variables[], const char *input, size_t input_length, struct outcome *ret_outcome) {
	int in = scratch(input, input_length), out = scratch("", 0), err = scratch("", 0), status;
	long started = now();
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		dup2(in, STDIN_FILENO);
		dup2(out, STDOUT_FILENO);
		dup2(err, STDERR_FILENO);
		execve(plugin_path, (char *const[]){"vpc-cni", NULL}, (char *const *)variables);
		_exit(127);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	ret_outcome->milliseconds = now() - started;
	ret_outcome->status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	close(in);
	collect(out, ret_outcome->output, sizeof ret_outcome->output);
	collect(err, ret_outcome->messages, sizeof ret_outcome->messages);
}
