// SPDX-License-Identifier: Apache-2.0
#include "options.h"
#include "../cleanup.h"
#include "../cni_protocol.h"

#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <vpc/vpc.h>

static const struct declared {
	const char *name;
	const char *argument; /* NULL: a flag */
	size_t offset;        /* in struct options, of a text or of a bool */
	const char *standard; /* NULL: none */
	const char *text;
} OPTIONS[] = {
#define TEXT(name, argument, member, standard, text) {name, argument, offsetof(struct options, member), standard, text}
#define FLAG(name, member, text) {name, NULL, offsetof(struct options, member), NULL, text}
    TEXT("node", "NAME", node, NULL, "this node's name, as spec.nodeName of its Pods"),
    TEXT("manifests", "DIR", manifests, NULL, "shared folder of manifests (YAML or JSON)"),
    TEXT("kubeconfig", "FILE", kubeconfig, NULL, "how to reach the Kubernetes API; without this and --manifests: as a Pod of the cluster"),
    TEXT("context", "NAME", context, NULL, "of that file (default: its current one)"),
    TEXT("underlay", "ADDRESS", underlay, NULL, "address that other nodes send to (default: the Node's InternalIP)"),
    TEXT("uplink", "IF", uplink, NULL, "interface towards the other nodes (default: the one with the underlay address)"),
    TEXT("state", "DIR", state, "/var/lib/libvpc", "what must outlive the agent"),
    TEXT("socket", "PATH", socket, VPC_CNI_SOCKET, "where vpc-cni asks"),
    TEXT("queue", "DIR", queue, VPC_CNI_QUEUE, "DELs that vpc-cni left"),
    TEXT("bpffs", "DIR", bpffs, NULL, "folder for pins on a bpffs (default: /sys/fs/bpf/libvpc/v<layout>)"),
    TEXT("ready-file", "PATH", ready_file, NULL, "made once ADD can be served"),
    TEXT("http", "ADDR:PORT", http, NULL, "serve /healthz, /readyz and /metrics there, e.g. 127.0.0.1:14790"),
    FLAG("http-not-loopback", http_not_loopback, "let --http name an address that others can reach, too"),
    FLAG("no-datapath", no_datapath, "objects and identifiers only; ADD is refused"),
    TEXT("release-layout", "N", release_layout, NULL, "let the version with layout N of the maps take over, and end: before a downgrade"),
    TEXT("log-format", "FORMAT", log_format, "text", "text or json"),
    FLAG("verbose", verbose, "log details, too"),
    FLAG("reference", reference, "print objects, settings and metrics, as Markdown"),
    FLAG("help", help, NULL),
    FLAG("version", version, NULL),
};

static const char ABOUT[] = "vpc-controller: the agent of a node. Gives VPCs their identifiers and Pods their VPC.\n"
                                "\n"
                                "Usage: vpc-controller --node NAME [--manifests DIR | --kubeconfig FILE] [OPTION]...\n"
                                "       vpc-controller mount-bpffs [DIR]    mounts a BPF file system there unless there is one\n"
                                "\n";
static const char END[] = "\n"
                              "Example: vpc-controller --node n1 --manifests /etc/libvpc/manifests --underlay 172.30.0.1\n"
                              "\n"
                              "The log goes to stderr. SIGTERM and SIGINT end the process; Pods keep their network. Exit status: 0 after a\n"
                              "signal, 1 if it cannot start, 2 if the command line is wrong.\n";

static void print_option(const struct declared *one) {
	char left[40];
	snprintf(left, sizeof left, "--%s%s%s", one->name, one->argument ? " " : "", one->argument ? one->argument : "");
	printf("  %-20s %s%s%s%s\n", left, one->text, one->standard ? " (default: " : "", one->standard ? one->standard : "", one->standard ? ")" : "");
}

static void print_help(void) {
	fputs(ABOUT, stdout);
	for (size_t i = 0; i < COUNT_OF(OPTIONS); i++)
		if (OPTIONS[i].text)
			print_option(&OPTIONS[i]);
	puts("  --help, --version");
	fputs(END, stdout);
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
	if (options->release_layout)
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
static void fill_getopt(struct option long_options[]) {
	for (size_t i = 0; i < COUNT_OF(OPTIONS); i++)
		long_options[i] = (struct option){OPTIONS[i].name, OPTIONS[i].argument ? required_argument : no_argument, NULL, (int)i + 256};
}

int options_parse(int count, char **arguments, struct options *ret_options) {
	struct option long_options[COUNT_OF(OPTIONS) + 1] = {0};
	struct options options = {0};
	fill_getopt(long_options);
	for (size_t i = 0; i < COUNT_OF(OPTIONS); i++)
		if (OPTIONS[i].standard)
			set(&options, &OPTIONS[i], OPTIONS[i].standard);
	for (int letter; (letter = getopt_long(count, arguments, "", long_options, NULL)) >= 0;) {
		if (letter < 256) {
			fputs("Try 'vpc-controller --help'.\n", stderr);
			return 2;
		}
		set(&options, &OPTIONS[letter - 256], optarg);
	}
	if (options.help) {
		print_help();
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
