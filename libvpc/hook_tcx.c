// SPDX-License-Identifier: Apache-2.0
/*
 * tcx, kernel 6.6 and later: a pinned link at the head of the chain.
 *
 *	new          link at the head, pin
 *	replacement  one update of the link: its place in the chain stays
 *	head lost    second link at the head, its pin renamed over the old one's, old link detached
 *
 * A chain takes a program once only. Where the program that is to come to the head stands in the chain already, a bridge
 * that tail-calls it holds the head while its link is made anew:
 *
 *	other, ours   bridge, other, ours   bridge, other   ours, bridge, other   ours, other
 */
#include "attach_hook.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "bpf_syscall.h"
#include "cleanup.h"

#define DEPARTURE_MILLISECONDS 500

static uint32_t attach_type(const struct vpc_place *place) {
	return place->direction == VPC_INGRESS ? VPC_BPF_ATTACH_TCX_INGRESS : VPC_BPF_ATTACH_TCX_EGRESS;
}

/*
 * A link whose last pin was removed leaves the chain a grace period later. Until then its program cannot be added again,
 * which is waited for; a program that another tool added stays, and so does the error.
 */
static bool await_departure(int result, int *tries) {
	const struct timespec pause = {.tv_nsec = 1000000};
	return result == -EEXIST && (*tries)++ < DEPARTURE_MILLISECONDS && nanosleep(&pause, NULL) == 0;
}

static int create_link(const struct vpc_place *place, int program_fd, struct vpc_error *error) {
	struct vpc_bpf_chain chain;
	int fd, tries = 0;
	do {
		fd = vpc_bpf_link_create(program_fd, place->ifindex, attach_type(place), VPC_BPF_BEFORE);
	} while (await_departure(fd, &tries));
	if (fd == -EINVAL && vpc_bpf_chain_query(place->ifindex, attach_type(place), &chain) == -EINVAL)
		return vpc_fail(error, -ENOTSUP, "this kernel has no tcx (6.6 and later have it); use clsact");
	return fd >= 0 ? fd : vpc_hook_fail(place, fd, "tcx link", error);
}

static int update_link(const struct vpc_place *place, int fd, int program_fd, struct vpc_error *error) {
	int result, tries = 0;
	do {
		result = vpc_bpf_link_update(fd, program_fd);
	} while (await_departure(result, &tries));
	return result ? vpc_hook_fail(place, result, "replacement on the tcx link", error) : 0;
}

/* Makes the link and puts its pin in the place of an older one. */
static int put_new(const struct vpc_place *place, int program_fd, struct vpc_error *error) {
	_cleanup_(close_fd) int fd = create_link(place, program_fd, error);
	if (fd < 0)
		return fd;
	int result = vpc_pins_put(place, VPC_PIN_LINK, fd, error);
	if (result)
		vpc_bpf_link_detach(fd);
	return result;
}

/* A program that does what another one does, by tail call. The map must stay open: its last descriptor empties it. */
struct bridge {
	int map_fd, program_fd;
};

static void close_bridge(struct bridge *bridge) {
	close_fd(&bridge->map_fd);
	close_fd(&bridge->program_fd);
}

static int load_bridge(int program_fd, struct bridge *ret_bridge) {
	_cleanup_(close_bridge) struct bridge bridge = {-1, -1};
	bridge.map_fd = bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, "vpc_bridge", sizeof(uint32_t), sizeof(uint32_t), 1, NULL);
	if (bridge.map_fd < 0)
		return -errno;
	const struct bpf_insn instructions[] = {
		{.code = BPF_LD | BPF_IMM | BPF_DW, .dst_reg = BPF_REG_2, .src_reg = BPF_PSEUDO_MAP_FD, .imm = bridge.map_fd},
		{0},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_3, .imm = 0},
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_tail_call},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = TC_ACT_SHOT}, /* the map is empty: closed */
		{.code = BPF_JMP | BPF_EXIT},
	};
	bridge.program_fd =
		bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "vpc_bridge", "GPL", instructions, sizeof instructions / sizeof *instructions, NULL);
	if (bridge.program_fd < 0)
		return -errno;
	uint32_t index = 0;
	if (bpf_map_update_elem(bridge.map_fd, &index, &program_fd, BPF_ANY))
		return -errno;
	*ret_bridge = bridge;
	bridge = (struct bridge){-1, -1};
	return 0;
}

/* The bridge takes over our pin meanwhile: should this process die here, nothing passes until the next attachment. */
static int move_over_bridge(const struct vpc_place *place, int old_fd, int program_fd, struct vpc_error *error) {
	_cleanup_(close_bridge) struct bridge bridge = {-1, -1};
	int result = load_bridge(program_fd, &bridge);
	if (result)
		return vpc_hook_fail(place, result, "program that holds the head of the chain during the move", error);
	_cleanup_(close_fd) int bridge_fd = create_link(place, bridge.program_fd, error);
	if (bridge_fd < 0)
		return bridge_fd;
	result = vpc_pins_put(place, VPC_PIN_LINK, bridge_fd, error);
	if (result)
		return result;
	vpc_bpf_link_detach(old_fd);
	result = put_new(place, program_fd, error);
	if (result)
		return result;
	vpc_bpf_link_detach(bridge_fd);
	return 0;
}

/* Tells whether the program stands in the chain, and under which link (0: without one). */
static bool find_program(const struct vpc_bpf_chain *chain, int program_fd, uint32_t *ret_link_id) {
	uint32_t id = 0;
	vpc_bpf_program_info(program_fd, NULL, &id, NULL);
	for (uint32_t i = 0; i < chain->count; i++) {
		if (chain->program_ids[i] != id)
			continue;
		*ret_link_id = chain->link_ids[i];
		return true;
	}
	return false;
}

static int move_to_head(const struct vpc_place *place, int old_fd, uint32_t old_id, int program_fd, const struct vpc_bpf_chain *chain,
	struct vpc_error *error) {
	uint32_t link_id;
	if (find_program(chain, program_fd, &link_id))
		return link_id == old_id ? move_over_bridge(place, old_fd, program_fd, error) : vpc_hook_fail(place, -EEXIST, "tcx link", error);
	int result = put_new(place, program_fd, error);
	if (result)
		return result;
	vpc_bpf_link_detach(old_fd);
	return 0;
}

/* A process died when the second link stood at the head already, under the name of a successor: makes it ours. */
static void finish_move(const struct vpc_place *place) {
	_cleanup_(close_fd) int next_fd = vpc_pins_get(place, VPC_PIN_NEXT_LINK);
	if (next_fd < 0)
		return;
	_cleanup_(close_fd) int old_fd = vpc_pins_get(place, VPC_PIN_LINK);
	if (vpc_pins_promote(place) == 0 && old_fd >= 0)
		vpc_bpf_link_detach(old_fd);
}

static int put(const struct vpc_place *place, int program_fd, const struct vpc_record *record, struct vpc_error *error) {
	_cleanup_(close_fd) int fd = -1;
	struct vpc_bpf_link link;
	struct vpc_bpf_chain chain;
	(void)record;

	finish_move(place);
	int result = vpc_hook_get_link(place, VPC_BPF_LINK_TCX, &fd, &link);
	if (result == -ENOENT)
		return put_new(place, program_fd, error);
	result = result ?: vpc_bpf_chain_query(place->ifindex, attach_type(place), &chain);
	if (result)
		return vpc_hook_fail(place, result, "our tcx link", error);
	if (chain.link_ids[0] != link.id)
		return move_to_head(place, fd, link.id, program_fd, &chain, error);
	return update_link(place, fd, program_fd, error);
}

static int look(const struct vpc_place *place, struct vpc_standing *ret_standing, struct vpc_error *error) {
	_cleanup_(close_fd) int fd = -1;
	struct vpc_standing standing = {0};
	struct vpc_bpf_link link;
	struct vpc_bpf_chain chain;

	int result = vpc_hook_get_link(place, VPC_BPF_LINK_TCX, &fd, &link);
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

const struct vpc_hook_kind vpc_hook_tcx = {.put = put, .look = look, .drop = vpc_hook_drop_link};
