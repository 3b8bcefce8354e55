/* SPDX-License-Identifier: Apache-2.0 */
/* Where an API server is and as whom it is asked: from a kubeconfig file, or from what a Pod is given. */
#ifndef AGENT_ACCESS_H
#define AGENT_ACCESS_H

#include "../text.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#define SERVICE_ACCOUNT "/var/run/secrets/kubernetes.io/serviceaccount"
#define TOKEN_AGE_MS 60000 /* a token's file is read again after so long: it rotates */

/* A file, or what would stand in it (already decoded). At most one is set. */
struct credential_part {
	char *path, *inline_bytes;
	size_t length;
};

struct exec_variable {
	char *name, *value;
};

/* A program that prints an ExecCredential. */
struct exec_plugin {
	char *command, *api_version, *hint;
	char **arguments; /* with the command first, ends with NULL */
	size_t argument_count;
	struct exec_variable *variables;
	size_t variable_count;
	bool provide_cluster;
};

/* As it was configured. */
struct access_config {
	char *server;      /* https://host:port, without a slash at the end */
	char *server_name; /* that the certificate must hold; NULL: the server's host */
	char *proxy;
	bool insecure;
	struct credential_part authority, certificate, key;
	char *token, *token_file;
	char *user, *password;
	struct exec_plugin exec;
};

/* What a request needs now. Owned by the access; valid until the loop turns. */
struct credential {
	const char *token;
	const struct credential_part *certificate, *key;
};

struct access;
typedef void (*access_ready)(void *context, int result, const struct credential *credential, const struct vpc_error *error);

/* Reads the configuration of Pods: environment and files of the service account. */
int access_config_in_cluster(struct access_config *ret_config, struct vpc_error *error);
/* context: NULL for the current one. Errors name file, line and field. Tells of insecure settings in the log. */
int access_config_read(const char *file, const char *context, struct access_config *ret_config, struct vpc_error *error);
void access_config_release(struct access_config *config);

/* Takes the configuration over. */
struct access *access_open(uv_loop_t *loop, struct access_config *config);
const struct access_config *access_config_of(const struct access *access);
/*
 * Answers at once where the credential is known, else once the plugin has answered. Returns a ticket for access_forget(), or
 * NULL if the answer was given.
 */
struct access_ticket *access_get(struct access *access, access_ready ready, void *context);
void access_forget(struct access_ticket *ticket);
/* The server did not accept what was given last: it is fetched anew for the next request. */
void access_reject(struct access *access);
void access_close(struct access *access);

#endif
