// SPDX-License-Identifier: Apache-2.0
/*
 * tcx, kernel 6.6 and later: a pinned link at the head of the chain.
 *
 *	new          link at the head, pin
 *	replacement  one update of the link: its place in the chain stays
 *	head lost    second link at the head, its pin renamed over the old one's, old link detached
 */
#include "attach_hook.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bpf_syscall.h"
#include "cleanup.h"

static uint32_t attach_type(const struct vpc_place *place) {
	return place->direction == VPC_INGRESS ? VPC_BPF_ATTACH_TCX_INGRESS : VPC_BPF_ATTACH_TCX_EGRESS;
}

/* The live link at our pin. -ENOENT if there is none, or a dead one. */
static int get_link(const struct vpc_place *place, int *ret_fd, struct vpc_bpf_link *ret_link) {
	struct vpc_bpf_link link;
	_cleanup_(close_fd) int fd = vpc_pins_get(place, VPC_PIN_LINK);
	if (fd < 0)
		return fd;
	int result = vpc_bpf_link_info(fd, &link);
	if (result)
		return result;
	if (link.type != VPC_BPF_LINK_TCX || link.ifindex == 0)
		return -ENOENT;
	*ret_fd = steal_fd(&fd);
	*ret_link = link;
	return 0;
}

static int create_link(const struct vpc_place *place, int program_fd, struct vpc_error *error) {
	struct vpc_bpf_chain chain;
	int fd = vpc_bpf_link_create(program_fd, place->ifindex, attach_type(place), VPC_BPF_BEFORE);
	if (fd == -EINVAL && vpc_bpf_chain_query(place->ifindex, attach_type(place), &chain) == -EINVAL)
		return vpc_fail(error, -ENOTSUP, "this kernel has no tcx (6.6 and later have it); use clsact");
	return fd >= 0 ? fd : vpc_hook_fail(place, fd, "tcx link", error);
}

static int put_new(const struct vpc_place *place, int program_fd, struct vpc_error *error) {
	_cleanup_(close_fd) int fd = create_link(place, program_fd, error);
	if (fd < 0)
		return fd;
	int result = vpc_pins_put(place, VPC_PIN_LINK, fd, error);
	if (result)
		vpc_bpf_link_detach(fd);
	return result;
}

static int move_to_head(const struct vpc_place *place, int old_fd, int program_fd, struct vpc_error *error) {
	int result = put_new(place, program_fd, error);
	if (result)
		return result;
	vpc_bpf_link_detach(old_fd);
	return 0;
}

static int put(const struct vpc_place *place, int program_fd, struct vpc_record *record, struct vpc_error *error) {
	_cleanup_(close_fd) int fd = -1;
	struct vpc_bpf_link link;
	struct vpc_bpf_chain chain;
	(void)record;

	int result = get_link(place, &fd, &link);
	if (result == -ENOENT)
		return put_new(place, program_fd, error);
	if (result)
		return vpc_hook_fail(place, result, "our tcx link", error);
	result = vpc_bpf_chain_query(place->ifindex, attach_type(place), &chain);
	if (result)
		return vpc_hook_fail(place, result, "tcx chain", error);
	if (chain.link_ids[0] != link.id)
		return move_to_head(place, fd, program_fd, error);
	result = vpc_bpf_link_update(fd, program_fd);
	return result ? vpc_hook_fail(place, result, "replacement on the tcx link", error) : 0;
}

static int look(const struct vpc_place *place, const struct vpc_record *record, struct vpc_standing *ret_standing, struct vpc_error *error) {
	_cleanup_(close_fd) int fd = -1;
	struct vpc_standing standing = {0};
	struct vpc_bpf_link link;
	struct vpc_bpf_chain chain;
	(void)record;

	int result = get_link(place, &fd, &link);
	if (result == -ENOENT)
		return result;
	result = result ?: vpc_bpf_link_program(fd, &standing.program_id, &standing.program_tag);
	result = result ?: vpc_bpf_chain_query(place->ifindex, attach_type(place), &chain);
	if (result)
		return vpc_hook_fail(place, result, "our tcx link", error);
	standing.first = chain.link_ids[0] == link.id;
	if (!standing.first)
		snprintf(standing.ahead, sizeof standing.ahead, "program %" PRIu32, chain.program_ids[0]);
	*ret_standing = standing;
	return 0;
}

static int drop(const struct vpc_place *place, const struct vpc_record *record, struct vpc_error *error) {
	(void)record;
	_cleanup_(close_fd) int fd = vpc_pins_get(place, VPC_PIN_LINK);
	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return vpc_hook_fail(place, fd, "our tcx link", error);
	int result = vpc_bpf_link_detach(fd);
	result = result == -ENOLINK ? 0 : result;
	result = result ?: vpc_pins_remove(place, VPC_PIN_LINK);
	return result ? vpc_hook_fail(place, result, "removal of the tcx link", error) : 0;
}

const struct vpc_hook_kind vpc_hook_tcx = {put, look, drop};
