/* SPDX-License-Identifier: Apache-2.0 */
/* Whole files: read, and written so that a reader sees the old or the new one, never a part, also after a power cut. */
#ifndef AGENT_FILES_H
#define AGENT_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vpc/vpc.h>

#define FILE_LIMIT (16u << 20)
#define TEMPORARY_PREFIX ".new-"

/* Tells whether a file may have changed. All zeros: there is none. */
struct file_signature {
	uint64_t inode, size;
	int64_t modified; /* nanoseconds since 1970 */
};

/* 0, or -ENOENT and others. Not a regular file: -EINVAL. */
int file_sign(int folder, const char *name, struct file_signature *ret_signature);
bool file_signature_equal(const struct file_signature *a, const struct file_signature *b);

/* At most FILE_LIMIT bytes (-EFBIG). *ret_bytes is terminated and freed by the caller. ret_signature may be NULL. */
int file_read(int folder, const char *name, char **ret_bytes, size_t *ret_length, struct file_signature *ret_signature);

enum file_mode {
	FILE_REPLACE,
	FILE_CREATE,
	FILE_REPLACE_UNFLUSHED, /* outlives this process, perhaps not a power cut: for what ends with the machine anyway */
	FILE_CREATE_UNFLUSHED,
};

/*
 * Writes a temporary file beside it, flushes it to the disk (but see the mode), and moves it into place. Both CREATE:
 * -EEXIST if there is one of that name. ret_signature may be NULL.
 */
int file_write(int folder, const char *name, const void *bytes, size_t length, enum file_mode mode, struct file_signature *ret_signature);

/* Removes temporary files older than a minute, which killed writers left. */
void files_sweep(int folder);

/* Makes a folder and those above it, and opens it. Returns the descriptor or a negative errno. */
int folder_open(const char *path, bool make);

#endif
