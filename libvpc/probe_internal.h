/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of vpc_probe() share.
 *
 *	probe.c          permissions; the list, and how a finding is told
 *	probe_checks.h   the list
 *	probe_bpf.c      what the verifier, maps and hooks can
 *	probe_host.c     mounts and sysctls
 *	probe_network.c  uplink, UDP port, nftables
 *	probe_offload.c  offloads of the uplink
 *	probe_hooks.c    other people's programs
 */
#ifndef VPC_PROBE_INTERNAL_H
#define VPC_PROBE_INTERNAL_H

#include "datapath_device.h"
#include "probe.h"
#include "probe_checks.h"

/* One run of vpc_probe(). */
struct vpc_probe {
	const char *pin_directory; /* NULL: the default */
	uint16_t udp_port;
	const char *vxlan_device;
	struct vpc_link uplink;         /* ifindex 0: none */
	bool has_default_route;         /* through the uplink */
	bool has_capabilities, has_bpf; /* what needs them is worth trying */
	int (*visit)(const struct vpc_check *check, void *context);
	void *context;
	int lost;    /* negative errno: the thread could not go back to its network namespace */
	int stopped; /* what visit returned, if not 0: nothing more is told */
};

/* Tells a finding. Remedy and what it prevents come from the list; a warning prevents nothing but what the list says. */
__attribute__((format(printf, 4, 5))) void vpc_probe_tell(
    struct vpc_probe *probe, enum vpc_check_id id, enum vpc_finding finding, const char *format, ...);
/* The same, of a feature that is not there. */
__attribute__((format(printf, 4, 5))) void vpc_probe_tell_missing(
    struct vpc_probe *probe, enum vpc_check_id id, enum vpc_finding finding, const char *format, ...);

/* Each tells at least one finding, unless what it needs was told as failing before. */
void vpc_probe_bpf(struct vpc_probe *probe);
void vpc_probe_datapath(struct vpc_probe *probe);
void vpc_probe_mounts(struct vpc_probe *probe);
void vpc_probe_settings(struct vpc_probe *probe);
void vpc_probe_network(struct vpc_probe *probe, uint32_t uplink_ifindex);
void vpc_probe_offloads(struct vpc_probe *probe);
void vpc_probe_hooks(struct vpc_probe *probe);

/* The number in a file of /proc/sys; false if it cannot be read. */
bool vpc_probe_read_number(const char *path, long *ret_number);

#endif
