/* SPDX-License-Identifier: Apache-2.0 */
/* Growing text, and the one way in which the agent's functions fail. */
#ifndef AGENT_TEXT_H
#define AGENT_TEXT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <vpc/vpc.h>

/* Formats the message (error may be NULL) and returns the code, so that callers fail in one line. */
__attribute__((format(printf, 3, 4))) int fail(struct vpc_error *error, int code, const char *format, ...);

/* Memory is requested through these; the agent ends with a message when there is none: its kernel state stays. */
void *allocate(size_t size); /* zeroed */
void *reallocate(void *memory, size_t size);
char *duplicate(const char *text); /* NULL gives NULL */
__attribute__((format(printf, 1, 2))) char *format_text(const char *format, ...);

/* Text that grows at its end; always terminated once something was appended. Released with buffer_release(). */
struct buffer {
	char *bytes;
	size_t length, capacity;
};

void buffer_append(struct buffer *buffer, const void *bytes, size_t length);
void buffer_text(struct buffer *buffer, const char *text);
/* Double-quoted and escaped, as JSON (RFC 8259) and YAML both read it. */
void buffer_quoted(struct buffer *buffer, const char *text);
__attribute__((format(printf, 2, 3))) void buffer_format(struct buffer *buffer, const char *format, ...);
void buffer_release(struct buffer *buffer);

/* FNV-1a, 64 bits, finished by a mixer; chain by handing the last result in as seed (0 at first). Not for secrets. */
uint64_t hash_bytes(uint64_t seed, const void *bytes, size_t length);
uint64_t hash_text(uint64_t seed, const char *text);

#endif
