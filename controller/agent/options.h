/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: one table declares every option, of which parsing and --help are made. */
#ifndef AGENT_OPTIONS_H
#define AGENT_OPTIONS_H

#include <stdbool.h>

/* Texts point into the arguments. What was not given and has no default is NULL or false. */
struct options {
	const char *node, *manifests, *kubeconfig, *context, *state, *socket, *queue, *bpffs, *uplink, *underlay, *ready_file;
	const char *http, *cni_bin_dir, *cni_conf_dir, *log_format, *release_layout;
	bool no_datapath, http_not_loopback;
	bool cleanup, force, wait;
	bool verbose, reference, help, version;
};

/*
 * Reads the command line into *ret_options, and prints what --help asks for. Returns -1 to go on, else the exit status with
 * which to end: 0 after --help and --version, 2 if the command line is wrong, which is said on stderr.
 */
int options_parse(int count, char **arguments, struct options *ret_options);

#endif
