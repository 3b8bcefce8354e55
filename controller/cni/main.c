// SPDX-License-Identifier: Apache-2.0
/*
 * vpc-cni: chained behind a cluster's main CNI plugin, asks the node's agent to put the Pod into its VPC.
 *
 *	runtime -- environment, stdin --> vpc-cni -- Unix socket --> vpc-controller
 *	runtime <-- stdout, exit status -- vpc-cni <-- reply, MTU -- vpc-controller
 *
 * A thin relay: it holds no credentials and understands of the configuration only where the agent is. No agent, no ADD.
 * DEL always succeeds: without an agent it waits on disk.
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../cleanup.h"
#include "configuration.h"
#include "error.h"
#include "exchange.h"
#include "mtu.h"
#include "queue.h"

#define PATIENCE 20000 /* milliseconds for the agent's reply; the kubelet waits 120 s for a runtime */
#define UNDOING_PATIENCE 5000
#define NEWEST_VERSION "1.1.0"

/* Of the specification. Main plugins still write lists of the older ones; what a chained plugin does is the same in all. */
static const char *const VERSIONS[] = {"0.3.0", "0.3.1", "0.4.0", "1.0.0", NEWEST_VERSION};

static const struct {
	const char *name;
	enum vpc_cni_command command;
	bool needs_container, needs_namespace;
} COMMANDS[] = {
	{"ADD", VPC_CNI_ADD, true, true},
	{"DEL", VPC_CNI_DEL, true, false},
	{"CHECK", VPC_CNI_CHECK, true, true},
	{"STATUS", VPC_CNI_STATUS, false, false},
	{"GC", VPC_CNI_GC, false, false},
};

/* All that the runtime handed over. */
struct call {
	struct cni_request request;
	struct cni_configuration configuration;
	char *environment, *text; /* owned; the request points into them */
};

static void free_call(struct call *call) {
	free(call->environment);
	free(call->text);
}

static void print_quoted(const char *text) {
	putchar('"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			putchar('\\');
		putchar((unsigned char)*text < 0x20 ? ' ' : *text);
	}
	putchar('"');
}

static bool is_supported(const char *version) {
	for (size_t i = 0; i < sizeof VERSIONS / sizeof *VERSIONS; i++)
		if (strcmp(version, VERSIONS[i]) == 0)
			return true;
	return false;
}

/* As the specification's section "Error" wants it. Returns the exit status. */
static int answer_error(const char *version, int code, const struct cni_error *error) {
	printf("{\"cniVersion\":");
	print_quoted(is_supported(version) ? version : NEWEST_VERSION);
	printf(",\"code\":%d,\"msg\":", code);
	print_quoted(error->text);
	printf("}\n");
	return EXIT_FAILURE;
}

static int answer_version(void) {
	puts("{\"cniVersion\":\"" NEWEST_VERSION "\",\"supportedVersions\":[\"0.3.0\",\"0.3.1\",\"0.4.0\",\"1.0.0\",\"" NEWEST_VERSION "\"]}");
	return EXIT_SUCCESS;
}

/* Every CNI_... variable, as the protocol wants them. */
static int gather_environment(struct call *call, struct cni_error *error) {
	size_t length = 0;
	for (char **entry = environ; *entry; entry++)
		if (strncmp(*entry, "CNI_", 4) == 0)
			length += strlen(*entry) + 1;
	if (length > VPC_CNI_LIMIT)
		return cni_fail(error, CNI_INVALID_ENVIRONMENT, "CNI_... variables of %zu bytes; at most 1 MiB", length);
	call->environment = malloc(length + 1);
	if (!call->environment)
		return cni_fail(error, CNI_IO_FAILURE, "no memory");
	char *at = call->environment;
	for (char **entry = environ; *entry; entry++)
		if (strncmp(*entry, "CNI_", 4) == 0)
			at = stpcpy(at, *entry) + 1;
	call->request.environment = call->environment;
	call->request.environment_length = length;
	return 0;
}

static int wait_for_input(int64_t deadline) {
	struct pollfd input = {STDIN_FILENO, POLLIN, 0};
	int64_t left = deadline - cni_now();
	return left > 0 && poll(&input, 1, (int)left) > 0 ? 0 : -ETIMEDOUT;
}

static int gather_configuration(struct call *call, int64_t deadline, struct cni_error *error) {
	call->text = malloc(VPC_CNI_LIMIT + 1);
	if (!call->text)
		return cni_fail(error, CNI_IO_FAILURE, "no memory");
	size_t length = 0;
	ssize_t got = 1;
	while (got > 0 && length <= VPC_CNI_LIMIT) {
		if (wait_for_input(deadline) < 0)
			return cni_fail(error, CNI_IO_FAILURE, "no end of the network configuration on stdin");
		got = read(STDIN_FILENO, call->text + length, VPC_CNI_LIMIT + 1 - length);
		if (got < 0)
			return cni_fail(error, CNI_IO_FAILURE, "stdin: %s", strerror(errno));
		length += got;
	}
	if (length > VPC_CNI_LIMIT)
		return cni_fail(error, CNI_INVALID_CONFIGURATION, "network configuration larger than 1 MiB");
	call->request.configuration = call->text;
	call->request.configuration_length = length;
	return cni_configuration_read(call->text, length, &call->configuration, error);
}

static int require_variable(const char *name, struct cni_error *error) {
	const char *value = getenv(name);
	return value && *value ? 0 : cni_fail(error, CNI_INVALID_ENVIRONMENT, "%s is not set", name);
}

static int identify_command(struct call *call, struct cni_error *error) {
	const char *name = getenv("CNI_COMMAND");
	for (size_t i = 0; i < sizeof COMMANDS / sizeof *COMMANDS; i++) {
		if (!name || strcmp(name, COMMANDS[i].name) != 0)
			continue;
		call->request.command = COMMANDS[i].command;
		int code = COMMANDS[i].needs_container ? require_variable("CNI_CONTAINERID", error) : 0;
		if (!code && COMMANDS[i].needs_container)
			code = require_variable("CNI_IFNAME", error);
		if (!code && COMMANDS[i].needs_namespace)
			code = require_variable("CNI_NETNS", error);
		return code;
	}
	return cni_fail(error, CNI_INVALID_ENVIRONMENT, "CNI_COMMAND is '%s'; ADD, DEL, CHECK, STATUS, GC or VERSION are known", name ? name : "");
}

static int gather(struct call *call, int64_t deadline, struct cni_error *error) {
	int code = gather_environment(call, error);
	if (!code)
		code = identify_command(call, error);
	if (!code)
		code = gather_configuration(call, deadline, error);
	if (!code && !is_supported(call->configuration.version))
		code = cni_fail(error, CNI_INCOMPATIBLE_VERSION, "cniVersion '%s' is not supported; 0.3.0 to 1.1.0 are", call->configuration.version);
	return code;
}

/* Nothing of a failed DEL may hold up the Pod's end: the reason goes to stderr, the request to the queue. */
static int delete(struct call *call, int64_t deadline) {
	struct cni_error error = {""};
	struct cni_reply reply = {0};
	if (cni_exchange(call->configuration.socket, &call->request, deadline, &reply, &error) == 0) {
		if (reply.code)
			fprintf(stderr, "vpc-cni: DEL: the agent says: %.*s\n", (int)reply.body_length, reply.body);
		cni_release_reply(&reply);
		return EXIT_SUCCESS;
	}
	fprintf(stderr, "vpc-cni: DEL: %s; queued\n", error.text);
	if (cni_queue_put(call->configuration.queue, &call->request, &error) < 0)
		fprintf(stderr, "vpc-cni: DEL: %s; the agent will find out by itself that the Pod is gone\n", error.text);
	return EXIT_SUCCESS;
}

static void undo_add(struct call *call) {
	call->request.command = VPC_CNI_DEL;
	delete(call, cni_now() + UNDOING_PATIENCE);
}

static int answer_reply(const struct cni_reply *reply) {
	fwrite(reply->body, 1, reply->body_length, stdout);
	return fflush(stdout) == 0 && reply->code == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int relay(struct call *call, int64_t deadline) {
	const char *version = call->configuration.version;
	struct cni_error error = {""};
	_cleanup_(cni_release_reply) struct cni_reply reply = {0};
	int code = cni_exchange(call->configuration.socket, &call->request, deadline, &reply, &error);
	if (code == CNI_TRY_AGAIN && call->request.command == VPC_CNI_STATUS)
		code = CNI_NOT_AVAILABLE;
	if (code)
		return answer_error(version, code, &error);

	if (reply.code && reply.body_length == 0) {
		cni_fail(&error, 0, "the agent refused with code %u and gave no reason", reply.code);
		return answer_error(version, (int)reply.code, &error);
	}
	if (!reply.code && reply.mtu && call->request.command == VPC_CNI_ADD)
		code = cni_set_mtu(getenv("CNI_NETNS"), getenv("CNI_IFNAME"), reply.mtu, &error);
	if (code) {
		undo_add(call);
		return answer_error(version, code, &error);
	}
	return answer_reply(&reply);
}

int main(void) {
	int64_t deadline = cni_now() + PATIENCE;
	_cleanup_(free_call) struct call call = {.configuration = cni_configuration_default()};
	struct cni_error error = {""};
	const char *command = getenv("CNI_COMMAND");
	if (command && strcmp(command, "VERSION") == 0)
		return answer_version();

	bool is_delete = command && strcmp(command, "DEL") == 0;
	int code = gather(&call, deadline, &error);
	if (code && !(is_delete && call.request.configuration))
		return is_delete ? (fprintf(stderr, "vpc-cni: DEL: %s\n", error.text), EXIT_SUCCESS) : answer_error(call.configuration.version, code, &error);
	return is_delete ? delete(&call, deadline) : relay(&call, deadline);
}
