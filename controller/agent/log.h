/* SPDX-License-Identifier: Apache-2.0 */
/* One line an event on stderr: time, level, object, reason, message; as text or as a JSON object. */
#ifndef AGENT_LOG_H
#define AGENT_LOG_H

enum log_level { LOG_DETAIL, LOG_INFO, LOG_WARNING, LOG_ERROR };

/* Lines below the level are left out; the default is LOG_INFO. */
void log_set_level(enum log_level level);
/* From now on each line is {"time":...,"level":...,"object":...,"reason":...,"message":...}. */
void log_set_json(void);

/* "warning" */
const char *log_level_name(enum log_level level);
/* How many lines of that level there were, written or left out. */
unsigned long log_count(enum log_level level);

/*
 * Replaces what looks like a credential by "***": nobody here writes one, but a server or a proxy may repeat a request's header
 * in its answer. Of every message; here for those that go elsewhere, too.
 */
void log_hide_secrets(char *text);

/*
 * object: "VPC/red", "Pod/default/a", or "agent"; reason: one CamelCase word. Never hand in a token, a key or a header.
 * Control characters and bytes that are no UTF-8 are written as '?', so that nobody's name can forge a line. What is longer
 * than about 1 KiB is cut.
 */
__attribute__((format(printf, 4, 5))) void log_event(enum log_level level, const char *object, const char *reason, const char *format, ...);

#endif
