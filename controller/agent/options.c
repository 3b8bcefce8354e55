// SPDX-License-Identifier: Apache-2.0
#include "options.h"
#include "../cleanup.h"
#include "../cni_protocol.h"

#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <vpc/vpc.h>

enum command { RUN = 1, CLEANUP = 2 };

static const struct declared {
	const char *name;
	const char *argument; /* NULL: a flag */
	size_t offset;        /* in struct options, of a text or of a bool */
	enum command commands;
	const char *standard; /* NULL: none */
	const char *text;
} OPTIONS[] = {
#define TEXT(name, argument, member, commands, standard, text) {name, argument, offsetof(struct options, member), commands, standard, text}
#define FLAG(name, member, commands, text) {name, NULL, offsetof(struct options, member), commands, NULL, text}
    TEXT("node", "NAME", node, RUN | CLEANUP, NULL, "this node's name, as spec.nodeName of its Pods"),
    TEXT("manifests", "DIR", manifests, RUN, NULL, "shared folder of manifests (YAML or JSON)"),
    TEXT("kubeconfig", "FILE", kubeconfig, RUN | CLEANUP, NULL, "how to reach the Kubernetes API; without this and --manifests: as a Pod of the cluster"),
    TEXT("context", "NAME", context, RUN | CLEANUP, NULL, "of that file (default: its current one)"),
    TEXT("underlay", "ADDRESS", underlay, RUN, NULL, "address that other nodes send to (default: the Node's InternalIP)"),
    TEXT("uplink", "IF", uplink, RUN, NULL, "interface towards the other nodes (default: the one with the underlay address)"),
    TEXT("state", "DIR", state, RUN | CLEANUP, "/var/lib/libvpc", "what must outlive the agent"),
    TEXT("socket", "PATH", socket, RUN | CLEANUP, VPC_CNI_SOCKET, "where vpc-cni asks"),
    TEXT("queue", "DIR", queue, RUN | CLEANUP, VPC_CNI_QUEUE, "DELs that vpc-cni left"),
    TEXT("bpffs", "DIR", bpffs, RUN | CLEANUP, NULL, "folder for pins on a bpffs (default: /sys/fs/bpf/libvpc/v<layout>)"),
    TEXT("ready-file", "PATH", ready_file, RUN, NULL, "made once ADD can be served"),
    TEXT("http", "ADDR:PORT", http, RUN, NULL, "serve /healthz, /readyz and /metrics there, e.g. 127.0.0.1:14790"),
    FLAG("http-not-loopback", http_not_loopback, RUN, "let --http name an address that others can reach, too"),
    TEXT("cni-bin-dir", "DIR", cni_bin_dir, RUN | CLEANUP, NULL, "keep vpc-cni installed there"),
    TEXT("cni-conf-dir", "DIR", cni_conf_dir, RUN | CLEANUP, NULL, "keep vpc-cni in the main plugin's configuration list there"),
    FLAG("no-datapath", no_datapath, RUN, "objects and identifiers only; ADD is refused"),
    TEXT("release-layout", "N", release_layout, RUN, NULL, "let the version with layout N of the maps take over, and end: before a downgrade"),
    FLAG("force", force, CLEANUP, "also while an agent runs or Pods are in VPCs, which then have no network"),
    FLAG("wait", wait, CLEANUP, "once nothing is left, wait for a signal: a DaemonSet's Pod may not end"),
    TEXT("log-format", "FORMAT", log_format, RUN | CLEANUP, "text", "text or json"),
    FLAG("verbose", verbose, RUN | CLEANUP, "log details, too"),
    FLAG("reference", reference, RUN, "print objects, settings and metrics, as Markdown"),
    FLAG("help", help, RUN | CLEANUP, NULL),
    FLAG("version", version, RUN | CLEANUP, NULL),
};

static const char ABOUT_RUN[] = "vpc-controller: the agent of a node. Gives VPCs their identifiers and Pods their VPC.\n"
                                "\n"
                                "Usage: vpc-controller --node NAME [--manifests DIR | --kubeconfig FILE] [OPTION]...\n"
                                "       vpc-controller mount-bpffs [DIR]    mounts a BPF file system there unless there is one\n"
                                "       vpc-controller cleanup [OPTION]...    (see vpc-controller cleanup --help)\n\n";
static const char END_RUN[] = "\n"
                              "Example: vpc-controller --node n1 --manifests /etc/libvpc/manifests --underlay 172.30.0.1\n"
                              "\n"
                              "The log goes to stderr. SIGTERM and SIGINT end the process; Pods keep their network. Exit status: 0 after a\n"
                              "signal, 1 if it cannot start, 2 if the command line is wrong.\n";
static const char ABOUT_CLEANUP[] = "vpc-controller cleanup: removes every trace of libvpc from this node. Give it the folders that the agent had.\n"
                                    "\n"
                                    "Usage: vpc-controller cleanup [OPTION]...\n\n";
static const char END_CLEANUP[] = "\n"
                                  "Example: vpc-controller cleanup --cni-bin-dir /opt/cni/bin --cni-conf-dir /etc/cni/net.d\n"
                                  "\n"
                                  "With --node the conditions that the agent gave that Node are taken back, too, through the Kubernetes API.\n"
                                  "It may be repeated. Refused while an agent runs or Pods are in VPCs: drain the node first. With --force these\n"
                                  "Pods lose their network, and what they could never reach they do not reach now either: their interfaces are\n"
                                  "taken down before the programs go. Exit status: 0 if nothing is left, 1 if something could not be removed,\n"
                                  "2 if the command line is wrong, 3 if refused.\n";

static void print_option(const struct declared *one) {
	char left[40];
	snprintf(left, sizeof left, "--%s%s%s", one->name, one->argument ? " " : "", one->argument ? one->argument : "");
	printf("  %-20s %s%s%s%s\n", left, one->text, one->standard ? " (default: " : "", one->standard ? one->standard : "", one->standard ? ")" : "");
}

static void print_help(enum command command) {
	fputs(command == RUN ? ABOUT_RUN : ABOUT_CLEANUP, stdout);
	for (size_t i = 0; i < COUNT_OF(OPTIONS); i++)
		if ((OPTIONS[i].commands & command) && OPTIONS[i].text)
			print_option(&OPTIONS[i]);
	puts("  --help, --version");
	fputs(command == RUN ? END_RUN : END_CLEANUP, stdout);
}

static void set(struct options *options, const struct declared *one, const char *value) {
	char *place = (char *)options + one->offset;
	if (one->argument)
		*(const char **)place = value;
	else
		*(bool *)place = true;
}

static const char *what_is_wrong(const struct options *options, bool more) {
	if (more)
		return "unexpected argument";
	if (strcmp(options->log_format, "text") && strcmp(options->log_format, "json"))
		return "--log-format is text or json";
	if (options->cleanup || options->release_layout)
		return NULL;
	if (!options->node)
		return "--node is needed";
	if (options->manifests && options->kubeconfig)
		return "--manifests and --kubeconfig exclude each other";
	if (options->context && !options->kubeconfig)
		return "--context is of a --kubeconfig";
	if (options->http_not_loopback && !options->http)
		return "--http-not-loopback is of --http";
	return NULL;
}

/* What getopt returns is the place in the table and 256, apart from its own letters. */
static void fill_getopt(enum command command, struct option long_options[]) {
	for (size_t i = 0, used = 0; i < COUNT_OF(OPTIONS); i++)
		if (OPTIONS[i].commands & command)
			long_options[used++] =
			    (struct option){OPTIONS[i].name, OPTIONS[i].argument ? required_argument : no_argument, NULL, (int)i + 256};
}

int options_parse(int count, char **arguments, struct options *ret_options) {
	struct option long_options[COUNT_OF(OPTIONS) + 1] = {0};
	struct options options = {.cleanup = count > 1 && !strcmp(arguments[1], "cleanup")};
	enum command command = options.cleanup ? CLEANUP : RUN;
	fill_getopt(command, long_options);
	for (size_t i = 0; i < COUNT_OF(OPTIONS); i++)
		if (OPTIONS[i].standard)
			set(&options, &OPTIONS[i], OPTIONS[i].standard);
	optind = options.cleanup ? 2 : 1;
	for (int letter; (letter = getopt_long(count, arguments, "", long_options, NULL)) >= 0;) {
		if (letter < 256) {
			fprintf(stderr, "Try 'vpc-controller %s--help'.\n", options.cleanup ? "cleanup " : "");
			return 2;
		}
		set(&options, &OPTIONS[letter - 256], optarg);
	}
	if (options.help) {
		print_help(command);
		return 0;
	}
	if (options.version) {
		printf("vpc-controller %s\n", vpc_version());
		return 0;
	}
	const char *wrong = options.reference ? NULL : what_is_wrong(&options, optind < count);
	if (wrong) {
		fprintf(stderr, "vpc-controller: %s; try --help\n", wrong);
		return 2;
	}
	*ret_options = options;
	return -1;
}
