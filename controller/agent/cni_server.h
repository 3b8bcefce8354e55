/* SPDX-License-Identifier: Apache-2.0 */
/* The socket that vpc-cni talks to (controller/cni_protocol.h), and the DELs that it left on disk. */
#ifndef AGENT_CNI_SERVER_H
#define AGENT_CNI_SERVER_H

#include "agent.h"
#include "cni_request.h"

/* Hands the answer back, exactly once for each request, now or later. body is copied. */
typedef void (*cni_reply)(void *context, int code, const char *body, uint32_t mtu);

/* 0 or negative errno. */
int cni_server_open(struct agent *agent, struct cni_server **ret_server, struct vpc_error *error);
/* The agent can serve now: takes the queued DELs. */
void cni_server_take_queue(struct cni_server *server);
/* ADDs that have not been answered yet. */
size_t cni_server_adds(const struct cni_server *server);

/* cni_verbs.c: carries out a request; takes over what `request` holds. */
void cni_perform(struct agent *agent, struct cni_request *request, cni_reply reply, void *context);
/* Objects changed: ADDs that wait look again. */
void cni_wake(struct agent *agent);

/* cni_add.c */
void cni_add(struct agent *agent, struct cni_request *request, cni_reply reply, void *context);
/* True for the type of a main plugin whose Pods cannot be confined: "macvlan". */
bool cni_main_is_unsupported(const char *main_plugin);
/* True while an ADD of this Pod is under way. */
bool cni_add_is_under_way(const struct agent *agent, const char *namespace, const char *name);
/* An ADD of this container that is under way fails. */
void cni_add_abort(struct agent *agent, const char *container);

#endif
