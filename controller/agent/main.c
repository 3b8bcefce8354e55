// SPDX-License-Identifier: Apache-2.0
#include "agent.h"
#include "bpffs.h"
#include "../cleanup.h"
#include "log.h"
#include "reference.h"
#include "../cni_protocol.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static const char HELP[] = "vpc-controller: the agent of a node. Gives VPCs their identifiers and Pods their VPC.\n"
                           "\n"
                           "Usage: vpc-controller --node NAME [--manifests DIR | --kubeconfig FILE] [OPTION]...\n"
                           "       vpc-controller mount-bpffs [DIR]    mounts a BPF file system there unless there is one\n"
                           "\n"
                           "  --node NAME         this node's name, as spec.nodeName of its Pods\n"
                           "  --manifests DIR     shared folder of manifests (YAML or JSON)\n"
                           "  --kubeconfig FILE   how to reach the Kubernetes API; without this and --manifests: as a Pod of the cluster\n"
                           "  --context NAME      of that file (default: its current one)\n"
                           "  --underlay ADDRESS  address that other nodes send to (default: the Node's InternalIP)\n"
                           "  --uplink IF         interface towards the other nodes (default: the one with the underlay address)\n"
                           "  --state DIR         what must outlive the agent (default: /var/lib/libvpc)\n"
                           "  --socket PATH       where vpc-cni asks (default: " VPC_CNI_SOCKET ")\n"
                           "  --queue DIR         DELs that vpc-cni left (default: " VPC_CNI_QUEUE ")\n"
                           "  --bpffs DIR         folder for pins on a bpffs (default: /sys/fs/bpf/libvpc/v<layout>)\n"
                           "  --ready-file PATH   made once ADD can be served\n"
                           "  --no-datapath       objects and identifiers only; ADD is refused\n"
                           "  --release-layout N  let the version with layout N of the maps take over, and end: before a downgrade\n"
                           "  --verbose           log details, too\n"
                           "  --reference         print every field of the objects and the ConfigMap, as Markdown\n"
                           "  --help, --version\n"
                           "\n"
                           "Example: vpc-controller --node n1 --manifests /etc/libvpc/manifests --underlay 172.30.0.1\n"
                           "\n"
                           "The log goes to stderr. SIGTERM and SIGINT end the process; Pods keep their network. Exit status: 0 after a\n"
                           "signal, 1 if it cannot start, 2 if the command line is wrong.\n";

static const struct option LONG_OPTIONS[] = {
    {"node", required_argument, NULL, 'n'},
    {"manifests", required_argument, NULL, 'm'},
    {"kubeconfig", required_argument, NULL, 'k'},
    {"context", required_argument, NULL, 'c'},
    {"underlay", required_argument, NULL, 'u'},
    {"uplink", required_argument, NULL, 'i'},
    {"state", required_argument, NULL, 's'},
    {"socket", required_argument, NULL, 'S'},
    {"queue", required_argument, NULL, 'q'},
    {"bpffs", required_argument, NULL, 'b'},
    {"ready-file", required_argument, NULL, 'r'},
    {"no-datapath", no_argument, NULL, 'd'},
    {"release-layout", required_argument, NULL, 'L'},
    {"verbose", no_argument, NULL, 'v'},
    {"reference", no_argument, NULL, 'R'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

/* Nothing but the mark for an older version. */
static int release_layout(const char *layout, const char *bpffs) {
	struct vpc_error error = {""};
	char *end = NULL;
	unsigned long number = strtoul(layout, &end, 10);
	if (!*layout || *end || number > UINT32_MAX) {
		fprintf(stderr, "vpc-controller: '%s' is no number of a layout; try --help\n", layout);
		return 2;
	}
	if (vpc_datapath_release(bpffs, (uint32_t)number, &error) < 0) {
		fprintf(stderr, "vpc-controller: %s\n", error.text);
		return 1;
	}
	return 0;
}

/* Returns -1 to go on, else the exit status. */
static int parse_options(int count, char **arguments, struct options *options) {
	const char *layout = NULL;
	for (int letter; (letter = getopt_long(count, arguments, "", LONG_OPTIONS, NULL)) >= 0;)
		switch (letter) {
		case 'n': options->node = optarg; break;
		case 'm': options->manifests = optarg; break;
		case 'k': options->kubeconfig = optarg; break;
		case 'c': options->context = optarg; break;
		case 'u': options->underlay = optarg; break;
		case 'i': options->uplink = optarg; break;
		case 's': options->state = optarg; break;
		case 'S': options->socket = optarg; break;
		case 'q': options->queue = optarg; break;
		case 'b': options->bpffs = optarg; break;
		case 'r': options->ready_file = optarg; break;
		case 'd': options->no_datapath = true; break;
		case 'L': layout = optarg; break;
		case 'v': log_set_level(LOG_DETAIL); break;
		case 'R': return reference_print(stdout) < 0;
		case 'h': fputs(HELP, stdout); return 0;
		case 'V': printf("vpc-controller %s\n", vpc_version()); return 0;
		default: fputs("Try 'vpc-controller --help'.\n", stderr); return 2;
		}
	if (layout && optind == count)
		return release_layout(layout, options->bpffs);
	const char *wrong = optind < count                                 ? "unexpected argument"
	                    : !options->node                               ? "--node is needed"
	                    : options->manifests && options->kubeconfig    ? "--manifests and --kubeconfig exclude each other"
	                    : options->context && !options->kubeconfig     ? "--context is of a --kubeconfig"
	                                                                   : NULL;
	if (wrong) {
		fprintf(stderr, "vpc-controller: %s; try --help\n", wrong);
		return 2;
	}
	return -1;
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

int main(int count, char **arguments) {
	static struct agent agent; /* reachable to the end, as are its parts */
	static uv_signal_t interrupt, terminate;
	struct options options = {.state = "/var/lib/libvpc", .socket = VPC_CNI_SOCKET, .queue = VPC_CNI_QUEUE};
	struct vpc_error error = {""};
	if (count > 1 && !strcmp(arguments[1], "mount-bpffs"))
		return bpffs_command(count, arguments);
	int status = parse_options(count, arguments, &options);
	if (status >= 0)
		return status;
	signal(SIGPIPE, SIG_IGN);
	if (agent_start(&agent, &options, &error) < 0) {
		log_event(LOG_ERROR, "agent", "NotStarted", "%s", error.text);
		return 1;
	}
	stop_on(&agent, &interrupt, SIGINT);
	stop_on(&agent, &terminate, SIGTERM);
	uv_run(&agent.loop, UV_RUN_DEFAULT);
	if (options.ready_file)
		unlink(options.ready_file);
	unlink(options.socket);
	return 0;
}
