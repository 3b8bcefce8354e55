/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps vpc-cni where the runtime finds it, and in the main plugin's configuration list, for as long as the agent runs and after. */
#ifndef AGENT_CNI_INSTALL_H
#define AGENT_CNI_INSTALL_H

#include "agent.h"

struct cni_install;

/*
 * Installs what --cni-bin-dir and --cni-conf-dir name, at once, and keeps it so: the folders are watched. What is not in order
 * stands in agent->plugin_reason and agent->plugin_trouble. Returns NULL if neither was given.
 */
struct cni_install *cni_install_open(struct agent *agent);

/*
 * Copies the plugin that lies beside this program into the folder, by a temporary file that is renamed. Returns 1, or 0 if the
 * same stands there, or negative errno.
 */
int cni_plugin_install(int folder, struct vpc_error *error);
/* 0, also if there was none, or negative errno. */
int cni_plugin_remove(int folder, struct vpc_error *error);

#endif
