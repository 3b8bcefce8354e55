/* SPDX-License-Identifier: Apache-2.0 */
/* What goes out of scope is released: `_cleanup_(close_fd) int fd = -1;` */
#ifndef CONTROLLER_CLEANUP_H
#define CONTROLLER_CLEANUP_H

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(function) __attribute__((cleanup(function)))
#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

static inline void close_fd(int *fd) {
	int saved = errno;
	if (*fd >= 0)
		close(*fd);
	errno = saved;
}

static inline void free_memory(void *pointer) {
	free(*(void **)pointer);
}

/* Gives the descriptor to the caller; the variable no longer owns it. */
static inline int steal_fd(int *fd) {
	int stolen = *fd;
	*fd = -1;
	return stolen;
}

/* The same for memory: `return steal_memory(&text)`. */
#define steal_memory(pointer) ({ \
	__typeof__(*(pointer)) stolen_ = *(pointer); \
	*(pointer) = NULL; \
	stolen_; \
})

#endif
