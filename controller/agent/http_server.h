/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the process shows of itself over HTTP: /healthz (it turns), /readyz (it serves, or why not), /metrics (Prometheus'
 * text format 0.0.4). GET only; each connection answers one request and ends.
 */
#ifndef AGENT_HTTP_SERVER_H
#define AGENT_HTTP_SERVER_H

#include "agent.h"

/*
 * Listens at options.http, "127.0.0.1:14790" or "[::1]:14790", for as long as the process lives. 0, or -EINVAL if that is no
 * address or one that others can reach and this was not asked for, or -EADDRINUSE and others.
 */
int http_server_open(struct agent *agent, struct vpc_error *error);

#endif
