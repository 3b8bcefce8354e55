// SPDX-License-Identifier: Apache-2.0
/* The credential of the moment: from the configuration, from a file that rotates, or from a plugin. */
#include "../../cleanup.h"
#include "../files.h"
#include "../log.h"
#include "access.h"
#include "access_exec.h"

#include <ctype.h>
#include <fcntl.h>
#include <string.h>

#define EXPIRY_SLACK_MS 30000 /* a plugin's credential is fetched anew so long before it ends */

struct access_ticket {
	struct access_ticket *next, **link;
	access_ready ready;
	void *context;
};

struct access {
	uv_loop_t *loop;
	struct access_config config;
	char *token; /* from a file or a plugin */
	struct credential_part certificate, key;
	uint64_t renew_at; /* uv_now; 0: at the next request */
	struct exec_run *run;
	struct access_ticket *waiting;
};

static void release_part(struct credential_part *part) {
	free(part->path);
	free(part->inline_bytes);
	*part = (struct credential_part){0};
}

void access_config_release(struct access_config *config) {
	char *texts[] = {config->server, config->server_name, config->proxy, config->token, config->token_file, config->user, config->password,
	    config->exec.command, config->exec.api_version, config->exec.hint};
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		free(texts[i]);
	release_part(&config->authority);
	release_part(&config->certificate);
	release_part(&config->key);
	for (size_t i = 0; i < config->exec.argument_count; i++)
		free(config->exec.arguments[i]);
	free(config->exec.arguments);
	for (size_t i = 0; i < config->exec.variable_count; i++) {
		free(config->exec.variables[i].name);
		free(config->exec.variables[i].value);
	}
	free(config->exec.variables);
	*config = (struct access_config){0};
}

int access_config_in_cluster(struct access_config *ret_config, struct vpc_error *error) {
	const char *host = getenv("KUBERNETES_SERVICE_HOST"), *port = getenv("KUBERNETES_SERVICE_PORT");
	if (!host || !port)
		return fail(error, -ENOENT,
		    "no --manifests, no --kubeconfig, and no Pod of a cluster: KUBERNETES_SERVICE_HOST and "
		    "KUBERNETES_SERVICE_PORT are not set");
	if (access(SERVICE_ACCOUNT "/token", R_OK) < 0)
		return fail(error, -errno, SERVICE_ACCOUNT "/token: %s; the Pod needs its service account's token", strerror(errno));
	bool bare_ipv6 = strchr(host, ':') && *host != '[';
	*ret_config = (struct access_config){.server = format_text("https://%s%s%s:%s", bare_ipv6 ? "[" : "", host, bare_ipv6 ? "]" : "", port),
	    .authority = {.path = duplicate(SERVICE_ACCOUNT "/ca.crt")},
	    .token_file = duplicate(SERVICE_ACCOUNT "/token")};
	return 0;
}

struct access *access_open(uv_loop_t *loop, struct access_config *config) {
	struct access *access = allocate(sizeof *access);
	*access = (struct access){.loop = loop, .config = *config};
	*config = (struct access_config){0};
	return access;
}

const struct access_config *access_config_of(const struct access *access) {
	return &access->config;
}

static void replace_token(struct access *access, const char *token) {
	if (access->token)
		explicit_bzero(access->token, strlen(access->token));
	free(access->token);
	access->token = duplicate(token);
}

/* A token's file that cannot be read now leaves the last one in use. */
static int renew_from_file(struct access *access, struct vpc_error *error) {
	_cleanup_(free_memory) char *bytes = NULL;
	size_t length = 0;
	int result = file_read(AT_FDCWD, access->config.token_file, &bytes, &length, NULL);
	while (result == 0 && length && isspace((unsigned char)bytes[length - 1]))
		bytes[--length] = '\0';
	if (result == 0 && (!length || strpbrk(bytes, "\r\n")))
		result = -EINVAL;
	if (result < 0 && !access->token)
		return fail(error, result, "%s: %s", access->config.token_file, result == -EINVAL ? "no token in it" : strerror(-result));
	if (result < 0)
		log_event(LOG_WARNING, "agent", "TokenNotRead", "%s: %s", access->config.token_file, strerror(-result));
	else
		replace_token(access, bytes);
	access->renew_at = uv_now(access->loop) + TOKEN_AGE_MS;
	return 0;
}

static void note_plugin(void *context, const struct exec_credential *fetched, const struct vpc_error *error);

static void answer(struct access *access, access_ready ready, void *context) {
	const struct access_config *config = &access->config;
	bool of_plugin = access->certificate.inline_bytes != NULL;
	bool of_config = config->certificate.path || config->certificate.inline_bytes;
	struct credential credential = {.token = access->token ? access->token : config->token,
	    .certificate = of_plugin   ? &access->certificate
	                   : of_config ? &config->certificate
	                               : NULL,
	    .key = of_plugin ? &access->key : &config->key};
	ready(context, 0, &credential, NULL);
}

struct access_ticket *access_get(struct access *access, access_ready ready, void *context) {
	struct vpc_error error = {""};
	bool due = uv_now(access->loop) >= access->renew_at;
	if (due && access->config.token_file) {
		int result = renew_from_file(access, &error);
		if (result < 0) {
			ready(context, result, NULL, &error);
			return NULL;
		}
	}
	if (!due || !access->config.exec.command) {
		answer(access, ready, context);
		return NULL;
	}
	struct access_ticket *ticket = allocate(sizeof *ticket);
	*ticket = (struct access_ticket){.ready = ready, .context = context, .next = access->waiting, .link = &access->waiting};
	if (access->waiting)
		access->waiting->link = &ticket->next;
	access->waiting = ticket;
	if (!access->run)
		access->run = exec_run(access->loop, &access->config, note_plugin, access);
	return ticket;
}

void access_forget(struct access_ticket *ticket) {
	*ticket->link = ticket->next;
	if (ticket->next)
		ticket->next->link = ticket->link;
	free(ticket);
}

static void take_over(struct access *access, const struct exec_credential *fetched) {
	if (fetched->token)
		replace_token(access, fetched->token);
	release_part(&access->certificate);
	release_part(&access->key);
	if (fetched->certificate) {
		access->certificate =
		    (struct credential_part){.inline_bytes = duplicate(fetched->certificate), .length = strlen(fetched->certificate)};
		access->key = (struct credential_part){.inline_bytes = duplicate(fetched->key), .length = strlen(fetched->key)};
	}
	access->renew_at = UINT64_MAX;
	if (fetched->lifetime_ms)
		access->renew_at = uv_now(access->loop) +
		                   (fetched->lifetime_ms > 2 * EXPIRY_SLACK_MS ? fetched->lifetime_ms - EXPIRY_SLACK_MS : fetched->lifetime_ms / 2);
}

static void note_plugin(void *context, const struct exec_credential *fetched, const struct vpc_error *error) {
	struct access *access = context;
	access->run = NULL;
	if (fetched)
		take_over(access, fetched);
	while (access->waiting) {
		struct access_ticket *ticket = access->waiting;
		access_ready ready = ticket->ready;
		void *whose = ticket->context;
		access_forget(ticket);
		if (fetched)
			answer(access, ready, whose);
		else
			ready(whose, -EACCES, NULL, error);
	}
}

void access_reject(struct access *access) {
	access->renew_at = 0;
}

void access_close(struct access *access) {
	if (access->run)
		exec_stop(access->run);
	while (access->waiting)
		access_forget(access->waiting);
	if (access->token)
		explicit_bzero(access->token, strlen(access->token));
	free(access->token);
	release_part(&access->certificate);
	release_part(&access->key);
	access_config_release(&access->config);
	free(access);
}
