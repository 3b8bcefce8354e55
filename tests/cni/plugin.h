/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the plugin as a container runtime does. */
#ifndef PLUGIN_H
#define PLUGIN_H

#include <stddef.h>

struct outcome {
	int status; /* exit status, or -1 for a signal */
	char output[8192], messages[8192]; /* stdout and stderr */
	long milliseconds;
};

extern const char *plugin_path;

/* variables: ended by NULL. input: the configuration; input_length bytes of it. */
void run_plugin(const char *const variables[], const char *input, size_t input_length, struct outcome *ret_outcome);

#endif
