/* SPDX-License-Identifier: Apache-2.0 */
/* Credential plugins of a kubeconfig: a program prints an ExecCredential (client.authentication.k8s.io/v1 or v1beta1). */
#ifndef AGENT_ACCESS_EXEC_H
#define AGENT_ACCESS_EXEC_H

#include "access.h"

struct exec_credential {
	const char *token, *certificate, *key; /* NULL: none */
	uint64_t lifetime_ms;                  /* from now; 0: no end is told */
};

struct exec_run;

/* done: once, from the loop; fetched is NULL on failure. Nothing of the credential is ever logged. */
struct exec_run *exec_run(uv_loop_t *loop, const struct access_config *config,
    void (*done)(void *context, const struct exec_credential *fetched, const struct vpc_error *error), void *context);
/* Kills the plugin; done is not called. */
void exec_stop(struct exec_run *run);

#endif
