/* SPDX-License-Identifier: Apache-2.0 */
/* The node's BPF file system, which holds what must outlive the agent. */
#ifndef AGENT_BPFFS_H
#define AGENT_BPFFS_H

/* The command `vpc-controller mount-bpffs [DIR]`: mounts a BPF file system on DIR unless there is one. Returns the exit status. */
int bpffs_command(int count, char **arguments);

#endif
