// SPDX-License-Identifier: Apache-2.0
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static const char *const NAMES[] = {"detail", "info", "warning", "error"};
static enum log_level lowest = LOG_INFO;

void log_set_level(enum log_level level) {
	lowest = level;
}

static size_t write_time(char *line, size_t size) {
	struct timespec now;
	struct tm utc;
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	size_t length = strftime(line, size, "%Y-%m-%dT%H:%M:%S", &utc);
	return length + snprintf(line + length, size - length, ".%03ldZ", now.tv_nsec / 1000000);
}

void log_event(enum log_level level, const char *object, const char *reason, const char *format, ...) {
	if (level < lowest)
		return;
	char line[1536];
	size_t length = write_time(line, sizeof line);
	length += snprintf(line + length, 600, " %s %.500s %.60s: ", NAMES[level], object, reason);
	va_list arguments;
	va_start(arguments, format);
	int message = vsnprintf(line + length, sizeof line - length - 1, format, arguments);
	va_end(arguments);
	length += message < 0 ? 0 : (size_t)message;
	if (length > sizeof line - 2)
		length = sizeof line - 2;
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = '?';
	line[length] = '\n';
	if (write(STDERR_FILENO, line, length + 1) < 0)
		return; /* nowhere else to tell it */
}
