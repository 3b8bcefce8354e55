// SPDX-License-Identifier: Apache-2.0
/*
 * clsact, kernel 5.10 and later: a bpf filter in direct-action mode and a pinned program.
 *
 * Ours has priority 1, the lowest number that there is, so that no other list of filters can run before it. Filters of
 * the same priority run newest first; whoever came after ours is overtaken by a second filter of ours under the other
 * handle, and the older one is removed: no packet passes without meeting one of them. A replacement keeps handle and
 * place. "VPC" and 1 or 2 make the handles: they tell ours apart from filters that others number from 1.
 *
 * Where the kernel also has tcx, its programs run before all filters and cannot be overtaken from here.
 */
#include "attach_hook.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/if_ether.h>
#include <stdio.h>
#include <string.h>

#include "bpf_syscall.h"
#include "cleanup.h"
#include "netlink.h"

#define PRIORITY 1
#define FIRST_HANDLE 0x56504301u
#define OTHER_HANDLE 0x56504302u

static uint32_t parent_of(const struct vpc_place *place) {
	return place->direction == VPC_INGRESS ? VPC_TC_INGRESS : VPC_TC_EGRESS;
}

static bool is_ours(const struct vpc_filter *filter) {
	return filter->chain == 0 && filter->priority == PRIORITY && (filter->handle == FIRST_HANDLE || filter->handle == OTHER_HANDLE) &&
		strcmp(filter->kind, "bpf") == 0;
}

static const struct vpc_filter *find_ours(const struct vpc_filters *filters) {
	for (size_t i = 0; i < filters->count; i++)
		if (is_ours(&filters->list[i]))
			return &filters->list[i];
	return NULL;
}

/* The first filter of others before ours, or before all if ours is NULL. */
static const struct vpc_filter *find_ahead(const struct vpc_filters *filters, const struct vpc_filter *ours) {
	for (size_t i = 0; i < filters->count && &filters->list[i] != ours; i++)
		if (filters->list[i].handle && filters->list[i].chain == 0)
			return &filters->list[i];
	return NULL;
}

/* ENOENT is what a kernel says of a kind of qdisc or filter that it was built without. */
static int fail_netlink(const struct vpc_place *place, int code, const char *what, struct vpc_error *error) {
	const struct vpc_netlink *netlink = place->netlink;
	char text[192];
	snprintf(text, sizeof text, "%s%s%s%s", what, netlink->reason[0] ? " (" : "", netlink->reason, netlink->reason[0] ? ")" : "");
	if (code != -ENOENT)
		return vpc_hook_fail(place, code, text, error);
	char interface[VPC_INTERFACE_TEXT];
	return vpc_fail(error, -ENOTSUP, "%s of interface %s: %s; load the modules sch_ingress and cls_bpf, or run a kernel that has them",
		vpc_direction_name(place->direction), vpc_interface_text(place->ifindex, interface), text);
}

static int list_filters(const struct vpc_place *place, struct vpc_filters *filters, struct vpc_error *error) {
	int result = vpc_netlink_filters(place->netlink, place->ifindex, parent_of(place), filters);
	return result ? fail_netlink(place, result, "list of filters", error) : 0;
}

/* "vpc agent from_pod", for `tc filter show`, and to know the owner where the record lies in another pin directory. */
static void write_name(const struct vpc_record *record, char name[64]) {
	snprintf(name, 64, "vpc %s %s", record->owner, record->program);
}

static bool has_owner(const struct vpc_filter *filter, const char *owner) {
	size_t length = strlen(owner);
	return strncmp(filter->name, "vpc ", 4) == 0 && strncmp(filter->name + 4, owner, length) == 0 && filter->name[4 + length] == ' ';
}

static int refuse_foreign(
	const struct vpc_place *place, const struct vpc_record *record, const struct vpc_filters *filters, struct vpc_error *error) {
	char interface[VPC_INTERFACE_TEXT];
	const char *direction = vpc_direction_name(place->direction);

	for (size_t i = 0; i < filters->count; i++) {
		const struct vpc_filter *filter = &filters->list[i];
		if (is_ours(filter) && !has_owner(filter, record->owner))
			return vpc_fail(error, -EBUSY, "%s of interface %s is held by filter '%s' (priority 1, handle 0x%08x)", direction,
				vpc_interface_text(place->ifindex, interface), filter->name, filter->handle);
		if (filter->chain == 0 && filter->priority == PRIORITY && (strcmp(filter->kind, "bpf") != 0 || filter->protocol != ETH_P_ALL))
			return vpc_fail(error, -EBUSY,
				"%s of interface %s: a filter '%s' of another tool (priority 1, protocol 0x%04x) runs first and cannot be passed; give it "
				"a higher priority number",
				direction, vpc_interface_text(place->ifindex, interface), filter->kind, filter->protocol);
	}
	return 0;
}

/* 0 where the kernel has no tcx or nothing stands there, ours aside. */
static uint32_t tcx_program_ahead(const struct vpc_place *place) {
	struct vpc_bpf_chain chain;
	struct vpc_bpf_link ours = {0};
	uint32_t attach_type = place->direction == VPC_INGRESS ? VPC_BPF_ATTACH_TCX_INGRESS : VPC_BPF_ATTACH_TCX_EGRESS;
	if (vpc_bpf_chain_query(place->ifindex, attach_type, &chain) || chain.count == 0)
		return 0;
	_cleanup_(close_fd) int fd = vpc_pins_get(place, VPC_PIN_LINK);
	if (fd >= 0)
		vpc_bpf_link_info(fd, &ours);
	for (uint32_t i = 0; i < chain.count; i++)
		if (!ours.id || chain.link_ids[i] != ours.id)
			return chain.program_ids[i];
	return 0;
}

static int refuse_tcx(const struct vpc_place *place, struct vpc_error *error) {
	char interface[VPC_INTERFACE_TEXT];
	uint32_t program_id = tcx_program_ahead(place);
	if (!program_id)
		return 0;
	return vpc_fail(error, -EBUSY,
		"%s of interface %s: program %" PRIu32 " of another tool stands on tcx, which runs before clsact; use tcx",
		vpc_direction_name(place->direction), vpc_interface_text(place->ifindex, interface), program_id);
}

/* What carries the filters of the interface, asked of the kernel once in a session. */
static int look_at_qdisc(const struct vpc_place *place, struct vpc_error *error) {
	struct vpc_qdisc *qdisc = place->qdisc;
	char kind[VPC_QDISC_KIND];
	if (qdisc->ifindex == place->ifindex)
		return 0;
	int result = vpc_netlink_ingress_qdisc(place->netlink, place->ifindex, kind);
	if (result)
		return fail_netlink(place, result, "qdisc", error);
	if (kind[0] && strcmp(kind, "clsact") != 0)
		return vpc_hook_fail(
			place, -EBUSY, "a qdisc 'ingress' of another tool stands in the place of clsact; remove it (tc qdisc del ... ingress)", error);
	*qdisc = (struct vpc_qdisc){place->ifindex, kind[0] ? VPC_QDISC_STANDS : VPC_QDISC_MISSING};
	return 0;
}

static int prepare(const struct vpc_place *place, struct vpc_record *record, struct vpc_error *error) {
	int result = look_at_qdisc(place, error);
	if (!result && place->qdisc->state == VPC_QDISC_MISSING)
		record->flags |= VPC_RECORD_QDISC_OURS;
	return result;
}

static int make_qdisc(const struct vpc_place *place, struct vpc_error *error) {
	struct vpc_qdisc *qdisc = place->qdisc;
	if (qdisc->state != VPC_QDISC_MISSING)
		return 0;
	int result = vpc_netlink_add_clsact(place->netlink, place->ifindex);
	if (result && result != -EEXIST)
		return fail_netlink(place, result, "clsact qdisc", error);
	qdisc->state = result ? VPC_QDISC_STANDS : VPC_QDISC_MADE;
	return 0;
}

/* The handle under which the filter comes first: the one that stands first, or the one that is free. */
static uint32_t choose_handle(const struct vpc_filters *filters) {
	const struct vpc_filter *ours = find_ours(filters);
	if (!ours)
		return FIRST_HANDLE;
	if (!find_ahead(filters, ours))
		return ours->handle;
	return ours->handle == FIRST_HANDLE ? OTHER_HANDLE : FIRST_HANDLE;
}

static int delete_ours(const struct vpc_place *place, const struct vpc_filters *filters, const char *owner, uint32_t but_handle,
	struct vpc_error *error) {
	for (size_t i = 0; i < filters->count; i++) {
		const struct vpc_filter *filter = &filters->list[i];
		if (!is_ours(filter) || !has_owner(filter, owner) || filter->handle == but_handle)
			continue;
		int result = vpc_netlink_delete_filter(place->netlink, place->ifindex, parent_of(place), PRIORITY, filter->handle);
		if (result && result != -ENOENT)
			return fail_netlink(place, result, "removal of the filter", error);
	}
	return 0;
}

/* Takes away what a failed put() made besides the filter. */
static void undo(const struct vpc_place *place, const struct vpc_record *record, const struct vpc_filters *filters) {
	if (find_ours(filters))
		return;
	vpc_pins_remove(place, VPC_PIN_PROGRAM);
	if (record->flags & VPC_RECORD_QDISC_OURS)
		vpc_clsact_remove_qdisc(place);
}

static int put_filter(const struct vpc_place *place, const struct vpc_filters *filters, int program_fd, const struct vpc_record *record,
	struct vpc_error *error) {
	char name[64];
	uint32_t handle = choose_handle(filters);
	write_name(record, name);

	int result = vpc_pins_put(place, VPC_PIN_PROGRAM, program_fd, error);
	if (result)
		return result;
	result = vpc_netlink_put_filter(place->netlink, place->ifindex, parent_of(place), PRIORITY, handle, program_fd, name);
	if (result)
		return fail_netlink(place, result, "clsact filter", error);
	return delete_ours(place, filters, record->owner, handle, error);
}

/* A qdisc that has just been made has no filters; if somebody was quicker all the same, look() sees them afterwards. */
static int find_filters(const struct vpc_place *place, const struct vpc_record *record, struct vpc_filters *filters, struct vpc_error *error) {
	filters->count = 0;
	if (place->qdisc->state == VPC_QDISC_MADE)
		return 0;
	int result = list_filters(place, filters, error);
	return result ?: refuse_foreign(place, record, filters, error);
}

static int put(const struct vpc_place *place, int program_fd, const struct vpc_record *record, struct vpc_error *error) {
	struct vpc_filters filters;

	int result = refuse_tcx(place, error);
	result = result ?: make_qdisc(place, error);
	result = result ?: find_filters(place, record, &filters, error);
	if (result)
		return result;
	result = put_filter(place, &filters, program_fd, record, error);
	if (result)
		undo(place, record, &filters);
	return result;
}

static bool is_pinned(const struct vpc_place *place, uint32_t program_id) {
	_cleanup_(close_fd) int fd = vpc_pins_get(place, VPC_PIN_PROGRAM);
	uint32_t pinned_id;
	return fd >= 0 && vpc_bpf_program_info(fd, NULL, &pinned_id, NULL) == 0 && pinned_id == program_id;
}

static int look(const struct vpc_place *place, struct vpc_standing *ret_standing, struct vpc_error *error) {
	struct vpc_filters filters;

	int result = list_filters(place, &filters, error);
	if (result)
		return result == -ENODEV ? -ENOENT : result;
	const struct vpc_filter *ours = find_ours(&filters);
	if (!ours)
		return -ENOENT;

	struct vpc_standing standing = {.program_id = ours->program_id, .program_tag = ours->program_tag};
	const struct vpc_filter *ahead = find_ahead(&filters, ours);
	uint32_t tcx_program = tcx_program_ahead(place);
	if (tcx_program)
		snprintf(standing.ahead, sizeof standing.ahead, "program %" PRIu32 " on tcx", tcx_program);
	else if (ahead)
		snprintf(standing.ahead, sizeof standing.ahead, "filter '%s' (priority %u, handle 0x%x)",
			ahead->name[0] ? ahead->name : ahead->kind, ahead->priority, ahead->handle);
	standing.first = !standing.ahead[0];
	*ret_standing = standing;
	return 0;
}

static int drop(const struct vpc_place *place, const struct vpc_record *record, struct vpc_error *error) {
	struct vpc_filters filters;

	int result = list_filters(place, &filters, NULL);
	if (result == 0)
		result = delete_ours(place, &filters, record->owner, 0, error);
	if (result && result != -ENODEV)
		return result;
	result = vpc_pins_remove(place, VPC_PIN_PROGRAM);
	return result ? vpc_hook_fail(place, result, "removal of the pinned program", error) : 0;
}

void vpc_clsact_remove_qdisc(const struct vpc_place *place) {
	static const uint32_t PARENTS[] = {VPC_TC_INGRESS, VPC_TC_EGRESS};
	char kind[VPC_QDISC_KIND];
	struct vpc_filters filters;
	place->qdisc->ifindex = 0;
	if (vpc_netlink_ingress_qdisc(place->netlink, place->ifindex, kind) || strcmp(kind, "clsact") != 0)
		return;
	for (int i = 0; i < 2; i++)
		if (vpc_netlink_filters(place->netlink, place->ifindex, PARENTS[i], &filters) || filters.count)
			return;
	vpc_netlink_delete_clsact(place->netlink, place->ifindex);
}

const struct vpc_hook_kind vpc_hook_clsact = {.prepare = prepare, .put = put, .look = look, .is_pinned = is_pinned, .drop = drop};
