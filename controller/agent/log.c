// SPDX-License-Identifier: Apache-2.0
#include "log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MESSAGE_SIZE 1100

/* A line is built without the heap: what is told last may be that there is no memory. */
struct line {
	char bytes[4096]; /* JSON writes a byte as two at most, since control characters are gone */
	size_t length;
};

static const char *const NAMES[] = {"detail", "info", "warning", "error"};
static enum log_level lowest = LOG_INFO;
static bool as_json;
static unsigned long counts[LOG_ERROR + 1];

void log_set_level(enum log_level level) {
	lowest = level;
}

void log_set_json(void) {
	as_json = true;
}

const char *log_level_name(enum log_level level) {
	return NAMES[level];
}

unsigned long log_count(enum log_level level) {
	return counts[level];
}

/* Bytes of the UTF-8 character there (RFC 3629), 0 if there is none. The text is terminated. */
static int measure_character(const char *text) {
	const unsigned char *at = (const unsigned char *)text;
	int more = at[0] < 0x80 ? 0 : at[0] >= 0xc2 && at[0] < 0xe0 ? 1 : (at[0] & 0xf0) == 0xe0 ? 2 : at[0] >= 0xf0 && at[0] < 0xf5 ? 3 : -1;
	for (int i = 1; i <= more; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	bool too_long = (at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xf0 && at[1] < 0x90);
	bool no_scalar = (at[0] == 0xed && at[1] >= 0xa0) || (at[0] == 0xf4 && at[1] >= 0x90);
	return too_long || no_scalar ? 0 : more + 1;
}

static void append(struct line *line, const char *text) {
	size_t length = strlen(text);
	memcpy(line->bytes + line->length, text, length);
	line->length += length;
}

/* Of at most so many bytes of the text. */
static void append_clean(struct line *line, const char *text, size_t limit) {
	for (const char *at = text; *at && (size_t)(at - text) < limit;) {
		int size = measure_character(at);
		bool printable = size > 1 || (size == 1 && *at >= ' ' && *at != 0x7f);
		if (printable && as_json && (*at == '"' || *at == '\\'))
			line->bytes[line->length++] = '\\';
		for (int i = 0; i < size && printable; i++)
			line->bytes[line->length++] = at[i];
		if (!printable)
			line->bytes[line->length++] = '?';
		at += size ? size : 1;
	}
}

/* In place; what replaces it is no longer than what stood there. */
static void hide(char *from, size_t length) {
	size_t marks = length < 3 ? length : 3;
	memset(from, '*', marks);
	memmove(from + marks, from + length, strlen(from + length) + 1);
}

void log_hide_secrets(char *text) {
	static const char TOKEN[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=";
	static const struct {
		const char *mark;
		bool mark_too;   /* it is part of the secret */
		bool to_the_end; /* whatever follows */
		size_t least;    /* a shorter one is no secret */
	} SECRETS[] = {
	    {"Bearer ", false, false, 1},
	    {"Basic ", false, false, 16},
	    {"eyJ", true, false, 20}, /* a JSON object in base64: every token of a service account */
	    {"-----BEGIN ", true, true, 0},
	};
	for (size_t i = 0; i < sizeof SECRETS / sizeof *SECRETS; i++)
		for (char *at = text; (at = strcasestr(at, SECRETS[i].mark)); at++) {
			char *from = at + (SECRETS[i].mark_too ? 0 : strlen(SECRETS[i].mark));
			size_t length = SECRETS[i].to_the_end ? strlen(from) : strspn(from, TOKEN);
			if (length && length >= SECRETS[i].least)
				hide(from, length);
		}
}

static void append_time(struct line *line) {
	struct timespec now;
	struct tm utc;
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	line->length += strftime(line->bytes + line->length, 32, "%Y-%m-%dT%H:%M:%S", &utc);
	line->length += sprintf(line->bytes + line->length, ".%03ldZ", now.tv_nsec / 1000000);
}

void log_event(enum log_level level, const char *object, const char *reason, const char *format, ...) {
	counts[level]++;
	if (level < lowest)
		return;
	char message[MESSAGE_SIZE];
	struct line line;
	line.length = 0; /* the bytes are not cleared */
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(message, sizeof message, format, arguments);
	va_end(arguments);
	log_hide_secrets(message);
	append(&line, as_json ? "{\"time\":\"" : "");
	append_time(&line);
	append(&line, as_json ? "\",\"level\":\"" : " ");
	append(&line, NAMES[level]);
	append(&line, as_json ? "\",\"object\":\"" : " ");
	append_clean(&line, object, 500);
	append(&line, as_json ? "\",\"reason\":\"" : " ");
	append_clean(&line, reason, 60);
	append(&line, as_json ? "\",\"message\":\"" : ": ");
	append_clean(&line, message, MESSAGE_SIZE);
	append(&line, as_json ? "\"}\n" : "\n");
	if (write(STDERR_FILENO, line.bytes, line.length) < 0)
		return; /* nowhere else to tell it */
}
