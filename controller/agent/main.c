// SPDX-License-Identifier: Apache-2.0
#include "agent.h"
#include "bpffs.h"
#include "../cleanup.h"
#include "log.h"
#include "node_cleanup.h"
#include "reference.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

/* Nothing but the mark for an older version. */
static int release_layout(const struct options *options) {
	struct vpc_error error = {""};
	char *end = NULL;
	unsigned long number = strtoul(options->release_layout, &end, 10);
	if (!*options->release_layout || *end || number > UINT32_MAX) {
		fprintf(stderr, "vpc-controller: '%s' is no number of a layout; try --help\n", options->release_layout);
		return 2;
	}
	if (vpc_datapath_release(options->bpffs, (uint32_t)number, &error) < 0) {
		fprintf(stderr, "vpc-controller: %s\n", error.text);
		return 1;
	}
	return 0;
}

static void stop(uv_signal_t *signal, int number) {
	struct agent *agent = signal->data;
	log_event(LOG_INFO, "agent", "Stopping", "signal %d; Pods keep their network", number);
	uv_stop(&agent->loop);
}

static void stop_on(struct agent *agent, uv_signal_t *handle, int number) {
	uv_signal_init(&agent->loop, handle);
	handle->data = agent;
	uv_signal_start(handle, stop, number);
}

static int run(const struct options *options) {
	static struct agent agent; /* reachable to the end, as are its parts */
	static uv_signal_t interrupt, terminate;
	struct vpc_error error = {""};
	signal(SIGPIPE, SIG_IGN);
	if (agent_start(&agent, options, &error) < 0) {
		log_event(LOG_ERROR, "agent", "NotStarted", "%s", error.text);
		return 1;
	}
	stop_on(&agent, &interrupt, SIGINT);
	stop_on(&agent, &terminate, SIGTERM);
	uv_run(&agent.loop, UV_RUN_DEFAULT);
	if (options->ready_file)
		unlink(options->ready_file);
	unlink(options->socket);
	return 0;
}

static int clean_up(const struct options *options) {
	int number;
	sigset_t signals;
	signal(SIGPIPE, SIG_IGN);
	int status = node_cleanup(options);
	if (status || !options->wait)
		return status;
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	sigwait(&signals, &number);
	return 0;
}

int main(int count, char **arguments) {
	struct options options;
	if (count > 1 && !strcmp(arguments[1], "mount-bpffs"))
		return bpffs_command(count, arguments);
	int status = options_parse(count, arguments, &options);
	if (status >= 0)
		return status;
	if (options.verbose)
		log_set_level(LOG_DETAIL);
	if (!strcmp(options.log_format, "json"))
		log_set_json();
	if (options.reference)
		return reference_print(stdout) < 0;
	if (options.release_layout)
		return release_layout(&options);
	return options.cleanup ? clean_up(&options) : run(&options);
}
