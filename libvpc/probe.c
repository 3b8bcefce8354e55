// SPDX-License-Identifier: Apache-2.0
#include "probe.h"

#include <inttypes.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#ifndef CAP_BPF /* kernel 5.8 */
#define CAP_BPF 39
#endif

static uint64_t read_capabilities(void) {
	char line[256];
	uint64_t capabilities = 0;
	FILE *file = fopen("/proc/thread-self/status", "re");
	while (file && fgets(line, sizeof line, file))
		if (sscanf(line, "CapEff: %" SCNx64, &capabilities) == 1)
			break;
	if (file)
		fclose(file);
	return capabilities;
}

/* The first user namespace maps every user id onto itself. */
static bool is_in_user_namespace(void) {
	unsigned inside = 0, outside = 0, count = 0;
	FILE *file = fopen("/proc/thread-self/uid_map", "re");
	bool known = file && fscanf(file, "%u %u %u", &inside, &outside, &count) == 3;
	if (file)
		fclose(file);
	return known && !(inside == 0 && outside == 0 && count == UINT32_MAX);
}

const char *vpc_probe_permission(char text[VPC_PERMISSION_TEXT]) {
	uint64_t capabilities = read_capabilities();
	bool all = capabilities >> CAP_SYS_ADMIN & 1;
	bool bpf = all || capabilities >> CAP_BPF & 1, net_admin = capabilities >> CAP_NET_ADMIN & 1;

	if (!bpf || !net_admin)
		snprintf(text, VPC_PERMISSION_TEXT, "%s%s%s is missing; run as root, or give the process CAP_BPF and CAP_NET_ADMIN",
			bpf ? "" : "CAP_BPF", !bpf && !net_admin ? " and " : "", net_admin ? "" : "CAP_NET_ADMIN");
	else if (is_in_user_namespace())
		snprintf(text, VPC_PERMISSION_TEXT, "capabilities of a user namespace do not count for BPF; run outside of it");
	else
		snprintf(text, VPC_PERMISSION_TEXT, "a seccomp filter, security module or kernel lockdown refuses BPF; allow it for this process");
	return text;
}
