// SPDX-License-Identifier: Apache-2.0
/* Mounts and sysctls. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "cleanup.h"
#include "datapath_layout.h"
#include "pins.h"
#include "probe_internal.h"

#define BPF_FILE_SYSTEM 0xcafe4a11

bool vpc_probe_read_number(const char *path, long *ret_number) {
	FILE *file = fopen(path, "re");
	bool known = file && fscanf(file, "%ld", ret_number) == 1;
	if (file)
		fclose(file);
	return known;
}

/* ---- mounts ---- */

/* Cuts the path off behind the deepest folder that is there. */
static void keep_existing(char *path) {
	struct stat status;
	while (stat(path, &status)) {
		char *last = strrchr(path, '/');
		if (last == path)
			last++;
		if (!*last)
			return;
		*last = '\0';
	}
}

static void probe_layout(struct vpc_probe *probe) {
	struct vpc_error error = {""};
	if (vpc_layout_check(probe->pin_directory, &error))
		vpc_probe_tell(probe, VPC_CHECK_LAYOUT, VPC_FAILURE, "%.*s", (int)strcspn(error.text, ";"), error.text);
	else
		vpc_probe_tell(probe, VPC_CHECK_LAYOUT, VPC_FINE, "no newer pins stand there");
}

static void probe_pins(struct vpc_probe *probe) {
	char path[256];
	struct statfs file_system;
	struct statvfs flags;
	snprintf(path, sizeof path, "%s", probe->pin_directory ? probe->pin_directory : vpc_pins_default());
	keep_existing(path);
	if (statfs(path, &file_system) || (uint32_t)file_system.f_type != BPF_FILE_SYSTEM) {
		vpc_probe_tell(probe, VPC_CHECK_BPFFS, VPC_FAILURE, "%s is not on a BPF file system", path);
		return;
	}
	vpc_probe_tell(probe, VPC_CHECK_BPFFS, VPC_FINE, "%s is on one", path);
	if (statvfs(path, &flags) == 0 && flags.f_flag & ST_RDONLY)
		vpc_probe_tell(probe, VPC_CHECK_PINS, VPC_FAILURE, "%s is mounted read-only", path);
	else if (access(path, W_OK | X_OK))
		vpc_probe_tell(probe, VPC_CHECK_PINS, VPC_FAILURE, "%s cannot be written: %s", path, strerror(errno));
	else
		vpc_probe_tell(probe, VPC_CHECK_PINS, VPC_FINE, "%s can be written", path);
	probe_layout(probe);
}

static void probe_btf(struct vpc_probe *probe) {
	static const char PATH[] = "/sys/kernel/btf/vmlinux";
	if (access(PATH, R_OK) == 0)
		vpc_probe_tell(probe, VPC_CHECK_BTF, VPC_FINE, "%s is there", PATH);
	else
		vpc_probe_tell_missing(probe, VPC_CHECK_BTF, VPC_FINE, "%s: %s", PATH, strerror(errno));
}

void vpc_probe_mounts(struct vpc_probe *probe) {
	probe_pins(probe);
	probe_btf(probe);
}

/* ---- sysctls ---- */

static void probe_unprivileged(struct vpc_probe *probe) {
	static const char PATH[] = "/proc/sys/kernel/unprivileged_bpf_disabled";
	long disabled;
	if (!vpc_probe_read_number(PATH, &disabled))
		vpc_probe_tell(probe, VPC_CHECK_UNPRIVILEGED, VPC_FINE, "%s: %s", PATH, strerror(errno));
	else if (disabled == 0)
		vpc_probe_tell(probe, VPC_CHECK_UNPRIVILEGED, VPC_WARNING,
			"kernel.unprivileged_bpf_disabled is 0: any user may load programs and try the CPU's side channels");
	else
		vpc_probe_tell(probe, VPC_CHECK_UNPRIVILEGED, VPC_FINE, "kernel.unprivileged_bpf_disabled is %ld", disabled);
}

static void probe_forwarding(struct vpc_probe *probe) {
	long ipv4 = 0, ipv6 = 0;
	vpc_probe_read_number("/proc/sys/net/ipv4/ip_forward", &ipv4);
	vpc_probe_read_number("/proc/sys/net/ipv6/conf/all/forwarding", &ipv6);
	if (ipv4 || ipv6)
		vpc_probe_tell(probe, VPC_CHECK_FORWARDING, VPC_FINE, "IPv4 is %s, IPv6 is %s", ipv4 ? "on" : "off", ipv6 ? "on" : "off");
	else
		vpc_probe_tell(probe, VPC_CHECK_FORWARDING, VPC_WARNING,
			"the node forwards neither IPv4 nor IPv6: Pods reach their VPC, but no 'allow' destination and no DNS outside of it");
}

/* The larger of the two counts (Documentation/networking/ip-sysctl.rst). */
static void probe_rp_filter(struct vpc_probe *probe) {
	char path[96];
	long all = 0, own = 0;
	snprintf(path, sizeof path, "/proc/sys/net/ipv4/conf/%s/rp_filter", probe->uplink.name);
	bool known = vpc_probe_read_number(path, &own) && vpc_probe_read_number("/proc/sys/net/ipv4/conf/all/rp_filter", &all);
	long mode = all > own ? all : own;
	if (!known)
		vpc_probe_tell(probe, VPC_CHECK_RP_FILTER, VPC_FINE, "%s cannot be read; without IPv4 there is no such filter", path);
	else if (mode == 1 && !probe->has_default_route)
		vpc_probe_tell(probe, VPC_CHECK_RP_FILTER, VPC_WARNING,
			"it is strict on %s, and the default route is elsewhere: packets of nodes that routing reaches through another interface are "
			"dropped",
			probe->uplink.name);
	else
		vpc_probe_tell(probe, VPC_CHECK_RP_FILTER, VPC_FINE, "it is %s on %s%s",
			mode == 0   ? "off"
			: mode == 1 ? "strict"
			: "loose",
			probe->uplink.name, mode == 1 ? ", which has the default route" : "");
}

void vpc_probe_settings(struct vpc_probe *probe) {
	probe_unprivileged(probe);
	probe_forwarding(probe);
	if (probe->uplink.ifindex)
		probe_rp_filter(probe);
}
