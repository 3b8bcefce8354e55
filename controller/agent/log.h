/* SPDX-License-Identifier: Apache-2.0 */
/* One line an event on stderr: time, level, object, reason, message. */
#ifndef AGENT_LOG_H
#define AGENT_LOG_H

enum log_level { LOG_DETAIL, LOG_INFO, LOG_WARNING, LOG_ERROR };

/* Lines below the level are left out; the default is LOG_INFO. */
void log_set_level(enum log_level level);

/*
 * object: "VPC/red", "Pod/default/a", or "agent"; reason: one CamelCase word. Control characters are written as '?', so
 * that nobody's name can forge a line.
 */
__attribute__((format(printf, 4, 5))) void log_event(enum log_level level, const char *object, const char *reason, const char *format, ...);

#endif
