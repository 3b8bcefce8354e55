/* SPDX-License-Identifier: Apache-2.0 */
/* What this kernel and process can do, found by looking, never by comparing version numbers. */
#ifndef VPC_PROBE_H
#define VPC_PROBE_H

#include <stdbool.h>

#define VPC_PERMISSION_TEXT 192

/* After an EPERM of bpf() or rtnetlink: writes what is missing and the remedy. Returns text. */
const char *vpc_probe_permission(char text[VPC_PERMISSION_TEXT]);

/*
 * Whether the kernel counts BPF memory against a limit of the process that the library may not raise and that is low; if so
 * writes that, and the remedy.
 */
bool vpc_probe_memory_limit(char text[VPC_PERMISSION_TEXT]);

#endif
