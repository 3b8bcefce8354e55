/* SPDX-License-Identifier: Apache-2.0 */
/* What this kernel and process can do, found by looking, never by comparing version numbers. */
#ifndef VPC_PROBE_H
#define VPC_PROBE_H

#define VPC_PERMISSION_TEXT 192

/* After an EPERM of bpf() or rtnetlink: writes what is missing and the remedy. Returns text. */
const char *vpc_probe_permission(char text[VPC_PERMISSION_TEXT]);

#endif
