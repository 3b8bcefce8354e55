// SPDX-License-Identifier: Apache-2.0
/* Other people's programs on the hooks of this network namespace. */
#include <bpf/bpf.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "bpf_syscall.h"
#include "cleanup.h"
#include "netlink.h"
#include "pins.h"
#include "probe_internal.h"

#define MOST_TOLD 8 /* attachments that are not as they were, one line each */

/* What libvpc attached in this namespace. */
struct ours {
	struct vpc_attachment *list;
	size_t count, capacity;
};

static void free_ours(struct ours *ours) {
	free(ours->list);
}

static int collect(const struct vpc_attachment *attachment, void *context) {
	struct ours *ours = context;
	if (ours->count == ours->capacity) {
		size_t capacity = ours->capacity ? 2 * ours->capacity : 16;
		struct vpc_attachment *list = reallocarray(ours->list, capacity, sizeof *list);
		if (!list)
			return -ENOMEM;
		ours->list = list;
		ours->capacity = capacity;
	}
	ours->list[ours->count++] = *attachment;
	return 0;
}

static bool is_ours(const struct ours *ours, uint32_t program_id) {
	for (size_t i = 0; i < ours->count; i++)
		if (ours->list[i].program_id == program_id)
			return true;
	return false;
}

/* Tells what no longer stands at its place. Returns how many do not. */
static size_t tell_displaced(struct vpc_probe *probe, const struct ours *ours) {
	size_t displaced = 0;
	for (size_t i = 0; i < ours->count; i++) {
		const struct vpc_attachment *noted = &ours->list[i];
		const struct vpc_attach_options options = {.size = sizeof options, .pin_directory = probe->pin_directory, .owner = noted->owner};
		struct vpc_attachment now;
		struct vpc_error error = {""};
		if (vpc_attachment_check(noted->ifindex, noted->direction, &options, &now, &error) == 0)
			continue;
		if (displaced++ < MOST_TOLD)
			vpc_probe_tell(probe, VPC_CHECK_HOOKS, VPC_WARNING, "%s", error.text);
	}
	if (displaced > MOST_TOLD)
		vpc_probe_tell(probe, VPC_CHECK_HOOKS, VPC_WARNING, "%zu more are not as they were noted", displaced - MOST_TOLD);
	return displaced;
}

/* "12 (name)", or without the name where the kernel does not tell it (CAP_SYS_ADMIN). */
static const char *program_text(uint32_t id, char text[48]) {
	struct bpf_prog_info info = {0};
	uint32_t size = sizeof info;
	_cleanup_(close_fd) int fd = bpf_prog_get_fd_by_id(id);
	if (fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &size) == 0 && info.name[0])
		snprintf(text, 48, "%" PRIu32 " (%s)", id, info.name);
	else
		snprintf(text, 48, "%" PRIu32, id);
	return text;
}

static size_t count_tcx(struct vpc_probe *probe, const struct ours *ours, uint32_t ifindex, bool is_ingress) {
	struct vpc_bpf_chain chain;
	char text[48];
	size_t count = 0;
	if (!probe->has_bpf || vpc_bpf_chain_query(ifindex, is_ingress ? VPC_BPF_ATTACH_TCX_INGRESS : VPC_BPF_ATTACH_TCX_EGRESS, &chain))
		return 0;
	for (uint32_t i = 0; i < chain.count; i++) {
		if (is_ours(ours, chain.program_ids[i]))
			continue;
		count++;
		if (ifindex == probe->uplink.ifindex && is_ingress)
			vpc_probe_tell(probe, VPC_CHECK_HOOKS, VPC_FINE, "program %s of another tool on ingress (tcx) of %s runs after libvpc's",
				program_text(chain.program_ids[i], text), probe->uplink.name);
	}
	return count;
}

static size_t count_filters(struct vpc_probe *probe, struct vpc_netlink *netlink, uint32_t ifindex, bool is_ingress) {
	struct vpc_filters filters;
	size_t count = 0;
	if (vpc_netlink_filters(netlink, ifindex, is_ingress ? VPC_TC_INGRESS : VPC_TC_EGRESS, &filters))
		return 0;
	for (size_t i = 0; i < filters.count; i++) {
		const struct vpc_filter *filter = &filters.list[i];
		if (!filter->handle || strncmp(filter->name, "vpc ", 4) == 0)
			continue;
		count++;
		if (ifindex == probe->uplink.ifindex && is_ingress)
			vpc_probe_tell(probe, VPC_CHECK_HOOKS, VPC_FINE,
				"filter '%s' (priority %u) of another tool on ingress (clsact) of %s runs after libvpc's",
				filter->name[0] ? filter->name : filter->kind, filter->priority, probe->uplink.name);
	}
	return count;
}

/* XDP sees a packet before all else, and cannot be passed. */
static size_t count_xdp(struct vpc_probe *probe, const struct ours *ours, struct vpc_netlink *netlink, uint32_t ifindex) {
	uint32_t id = 0;
	char text[48];
	if (vpc_netlink_xdp_program(netlink, ifindex, &id) || id == 0 || is_ours(ours, id))
		return 0;
	if (ifindex == probe->uplink.ifindex)
		vpc_probe_tell(probe, VPC_CHECK_HOOKS, VPC_WARNING, "program %s of another tool on XDP of %s sees the packets of other nodes first",
			program_text(id, text), probe->uplink.name);
	return 1;
}

void vpc_probe_hooks(struct vpc_probe *probe) {
	_cleanup_(free_ours) struct ours ours = {0};
	_cleanup_(vpc_netlink_close) struct vpc_netlink netlink = {0};
	const struct vpc_attach_options options = {.size = sizeof options, .pin_directory = probe->pin_directory};
	struct if_nameindex *interfaces = if_nameindex();
	size_t foreign = 0, looked_at = 0;
	vpc_attachment_each(&options, collect, &ours, NULL); /* fails where nothing is attached, or bpffs was told as failing */
	int result = interfaces ? vpc_netlink_open(&netlink) : -errno;
	if (result) {
		vpc_probe_tell(probe, VPC_CHECK_HOOKS, VPC_WARNING, "interfaces cannot be listed: %s", strerror(-result));
		if (interfaces)
			if_freenameindex(interfaces);
		return;
	}
	size_t displaced = tell_displaced(probe, &ours);
	for (const struct if_nameindex *interface = interfaces; interface->if_index; interface++, looked_at++) {
		foreign += count_xdp(probe, &ours, &netlink, interface->if_index);
		foreign += count_tcx(probe, &ours, interface->if_index, true) + count_tcx(probe, &ours, interface->if_index, false);
		foreign += count_filters(probe, &netlink, interface->if_index, true) + count_filters(probe, &netlink, interface->if_index, false);
	}
	if_freenameindex(interfaces);
	vpc_probe_tell(probe, VPC_CHECK_HOOKS, VPC_FINE, "%zu programs of libvpc stand first on their hooks; %zu of others on %zu interfaces",
		ours.count - displaced, foreign, looked_at);
}
