// SPDX-License-Identifier: Apache-2.0
/* A kubeconfig file: clusters, users and contexts by name. Fields that are not known here are left alone, as kubectl does. */
#include "../../cleanup.h"
#include "../base64.h"
#include "../files.h"
#include "../log.h"
#include "access.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

struct kubeconfig {
	yaml_document_t document;
	const char *file;
	struct vpc_error *error;
};

__attribute__((format(printf, 3, 4))) static int fail_at(struct kubeconfig *from, const yaml_node_t *node, const char *format, ...) {
	char message[320];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(message, sizeof message, format, arguments);
	va_end(arguments);
	return fail(from->error, -EINVAL, "%.200s:%zu: %s", from->file, node ? node->start_mark.line + 1 : 1, message);
}

/* ---- nodes ---- */

static const yaml_node_t *child(struct kubeconfig *from, const yaml_node_t *node, const char *name) {
	if (!node || node->type != YAML_MAPPING_NODE)
		return NULL;
	for (yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top; pair++) {
		const yaml_node_t *key = yaml_document_get_node(&from->document, pair->key);
		if (key->type == YAML_SCALAR_NODE && !strcmp((const char *)key->data.scalar.value, name))
			return yaml_document_get_node(&from->document, pair->value);
	}
	return NULL;
}

/* NULL if it is not there, empty or null. */
static const char *text(struct kubeconfig *from, const yaml_node_t *node, const char *name) {
	const yaml_node_t *value = child(from, node, name);
	if (!value || value->type != YAML_SCALAR_NODE || !value->data.scalar.length)
		return NULL;
	const char *found = (const char *)value->data.scalar.value;
	bool plain = value->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	return plain && (!strcmp(found, "null") || !strcmp(found, "~")) ? NULL : found;
}

static bool flag(struct kubeconfig *from, const yaml_node_t *node, const char *name) {
	const char *value = text(from, node, name);
	return value && !strcmp(value, "true");
}

/* The entry of that name in a list of {name: ..., what: {...}}. */
static int entry(struct kubeconfig *from, const char *list, const char *what, const char *name, const yaml_node_t **ret_entry) {
	const yaml_node_t *root = yaml_document_get_root_node(&from->document), *items = child(from, root, list);
	if (items && items->type == YAML_SEQUENCE_NODE)
		for (yaml_node_item_t *item = items->data.sequence.items.start; item < items->data.sequence.items.top; item++) {
			const yaml_node_t *one = yaml_document_get_node(&from->document, *item);
			const char *found = text(from, one, "name");
			if (found && !strcmp(found, name)) {
				*ret_entry = child(from, one, what);
				return *ret_entry ? 0 : fail_at(from, one, "%s '%.100s' has no field '%s'", list, name, what);
			}
		}
	return fail_at(from, items ? items : root, "%s has no entry '%.100s'", list, name);
}

/* Paths in the file count from the folder that it is in. */
static char *path_beside(struct kubeconfig *from, const char *path) {
	const char *slash = strrchr(from->file, '/');
	if (!path || *path == '/' || !slash)
		return duplicate(path);
	return format_text("%.*s/%s", (int)(slash - from->file), from->file, path);
}

/* The data beside a path wins, as in kubectl. */
static int read_part(
    struct kubeconfig *from, const yaml_node_t *node, const char *path, const char *data, struct credential_part *ret_part) {
	const char *encoded = text(from, node, data);
	if (!encoded) {
		ret_part->path = path_beside(from, text(from, node, path));
		if (ret_part->path && access(ret_part->path, R_OK) < 0)
			return fail_at(from, child(from, node, path), "%s: %.200s: %s", path, ret_part->path, strerror(errno));
		return 0;
	}
	if (base64_decode(encoded, &ret_part->inline_bytes, &ret_part->length) < 0)
		return fail_at(from, child(from, node, data), "%s is not base64", data);
	return 0;
}

/* ---- cluster and user ---- */

static int read_server(struct kubeconfig *from, const yaml_node_t *cluster, struct access_config *config) {
	const char *server = text(from, cluster, "server");
	if (!server)
		return fail_at(from, cluster, "the cluster has no server");
	CURLU *parts = curl_url();
	CURLUcode wrong = curl_url_set(parts, CURLUPART_URL, server, 0);
	curl_url_cleanup(parts);
	if (wrong || (strncmp(server, "https://", 8) != 0 && strncmp(server, "http://", 7) != 0))
		return fail_at(from, child(from, cluster, "server"), "server '%.200s' is no URL with https:// or http://", server);
	config->server = duplicate(server);
	for (size_t length = strlen(server); length && server[length - 1] == '/'; length--)
		config->server[length - 1] = '\0';
	return 0;
}

static int read_cluster(struct kubeconfig *from, const yaml_node_t *cluster, struct access_config *config) {
	int result = read_server(from, cluster, config);
	if (result == 0)
		result = read_part(from, cluster, "certificate-authority", "certificate-authority-data", &config->authority);
	if (result < 0)
		return result;
	config->server_name = duplicate(text(from, cluster, "tls-server-name"));
	config->proxy = duplicate(text(from, cluster, "proxy-url"));
	config->insecure = flag(from, cluster, "insecure-skip-tls-verify");
	if (config->insecure && (config->authority.path || config->authority.inline_bytes))
		return fail_at(from, cluster, "insecure-skip-tls-verify and a certificate-authority contradict each other");
	if (config->insecure)
		log_event(LOG_WARNING, "agent", "InsecureServer", "%s: insecure-skip-tls-verify is set: whoever answers there is believed",
		    config->server);
	if (!strncmp(config->server, "http://", 7))
		log_event(LOG_WARNING, "agent", "InsecureServer", "%s is asked without TLS", config->server);
	return 0;
}

static int read_arguments(struct kubeconfig *from, const yaml_node_t *node, struct exec_plugin *plugin) {
	const yaml_node_t *list = child(from, node, "args");
	size_t count = list && list->type == YAML_SEQUENCE_NODE ? (size_t)(list->data.sequence.items.top - list->data.sequence.items.start) : 0;
	plugin->arguments = allocate((count + 2) * sizeof *plugin->arguments);
	plugin->arguments[plugin->argument_count++] = duplicate(plugin->command);
	for (size_t i = 0; i < count; i++) {
		const yaml_node_t *item = yaml_document_get_node(&from->document, list->data.sequence.items.start[i]);
		if (item->type != YAML_SCALAR_NODE)
			return fail_at(from, item, "exec.args[%zu] must be a text", i);
		plugin->arguments[plugin->argument_count++] = duplicate((const char *)item->data.scalar.value);
	}
	return 0;
}

static int read_variables(struct kubeconfig *from, const yaml_node_t *node, struct exec_plugin *plugin) {
	const yaml_node_t *list = child(from, node, "env");
	size_t count = list && list->type == YAML_SEQUENCE_NODE ? (size_t)(list->data.sequence.items.top - list->data.sequence.items.start) : 0;
	plugin->variables = allocate(count * sizeof *plugin->variables);
	for (size_t i = 0; i < count; i++) {
		const yaml_node_t *item = yaml_document_get_node(&from->document, list->data.sequence.items.start[i]);
		const char *name = text(from, item, "name"), *value = text(from, item, "value");
		if (!name)
			return fail_at(from, item, "exec.env[%zu] has no name", i);
		plugin->variables[plugin->variable_count++] = (struct exec_variable){duplicate(name), duplicate(value ? value : "")};
	}
	return 0;
}

static int read_exec(struct kubeconfig *from, const yaml_node_t *node, struct exec_plugin *plugin) {
	const char *command = text(from, node, "command"), *version = text(from, node, "apiVersion"),
	           *mode = text(from, node, "interactiveMode");
	if (!command || !version)
		return fail_at(from, node, "exec needs command and apiVersion");
	if (strcmp(version, "client.authentication.k8s.io/v1") && strcmp(version, "client.authentication.k8s.io/v1beta1"))
		return fail_at(from, node, "exec.apiVersion '%.60s' is none of client.authentication.k8s.io/v1 and v1beta1", version);
	if (mode && !strcmp(mode, "Always"))
		return fail_at(from, node, "exec.interactiveMode is Always, but an agent has no terminal");
	/* A bare name is looked for in PATH, anything with a slash beside the file. */
	plugin->command = strchr(command, '/') ? path_beside(from, command) : duplicate(command);
	plugin->api_version = duplicate(version);
	plugin->hint = duplicate(text(from, node, "installHint"));
	plugin->provide_cluster = flag(from, node, "provideClusterInfo");
	int result = read_arguments(from, node, plugin);
	return result < 0 ? result : read_variables(from, node, plugin);
}

static int read_user(struct kubeconfig *from, const yaml_node_t *user, struct access_config *config) {
	const yaml_node_t *exec = child(from, user, "exec");
	if (child(from, user, "auth-provider"))
		return fail_at(from, child(from, user, "auth-provider"), "auth-provider is no longer supported by Kubernetes; use exec");
	int result = read_part(from, user, "client-certificate", "client-certificate-data", &config->certificate);
	if (result == 0)
		result = read_part(from, user, "client-key", "client-key-data", &config->key);
	bool certificate = config->certificate.path || config->certificate.inline_bytes, key = config->key.path || config->key.inline_bytes;
	if (result == 0 && certificate != key)
		result = fail_at(from, user, "client-certificate and client-key need each other");
	config->token_file = path_beside(from, text(from, user, "tokenFile"));
	config->token = duplicate(text(from, user, "token"));
	config->user = duplicate(text(from, user, "username"));
	config->password = duplicate(text(from, user, "password"));
	if (result == 0 && exec && exec->type == YAML_MAPPING_NODE)
		result = read_exec(from, exec, &config->exec);
	return result;
}

static int read_document(struct kubeconfig *from, const char *context, struct access_config *config) {
	const yaml_node_t *root = yaml_document_get_root_node(&from->document), *chosen, *cluster, *user;
	if (!root || root->type != YAML_MAPPING_NODE)
		return fail_at(from, root, "this is no kubeconfig");
	context = context ? context : text(from, root, "current-context");
	if (!context)
		return fail_at(from, root, "there is no current-context; give --context NAME");
	int result = entry(from, "contexts", "context", context, &chosen);
	if (result < 0)
		return result;
	const char *cluster_name = text(from, chosen, "cluster"), *user_name = text(from, chosen, "user");
	if (!cluster_name)
		return fail_at(from, chosen, "context '%.100s' names no cluster", context);
	result = entry(from, "clusters", "cluster", cluster_name, &cluster);
	if (result == 0)
		result = read_cluster(from, cluster, config);
	if (result == 0 && user_name)
		result = entry(from, "users", "user", user_name, &user);
	return result < 0 || !user_name ? result : read_user(from, user, config);
}

int access_config_read(const char *file, const char *context, struct access_config *ret_config, struct vpc_error *error) {
	_cleanup_(free_memory) char *bytes = NULL;
	size_t length = 0;
	struct kubeconfig from = {.file = file, .error = error};
	struct access_config config = {0};
	yaml_parser_t parser;
	int result = file_read(AT_FDCWD, file, &bytes, &length, NULL);
	if (result < 0)
		return fail(error, result, "%s: %s", file, strerror(-result));
	if (!yaml_parser_initialize(&parser))
		return fail(error, -ENOMEM, "libyaml does not start");
	yaml_parser_set_input_string(&parser, (const unsigned char *)bytes, length);
	if (yaml_parser_load(&parser, &from.document)) {
		result = read_document(&from, context, &config);
		yaml_document_delete(&from.document);
	} else {
		result = fail(error, -EINVAL, "%.200s:%zu: no YAML: %.200s", file, parser.problem_mark.line + 1,
		    parser.problem ? parser.problem : "unreadable");
	}
	yaml_parser_delete(&parser);
	if (result < 0)
		access_config_release(&config);
	else
		*ret_config = config;
	return result;
}
