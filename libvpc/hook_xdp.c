// SPDX-License-Identifier: Apache-2.0
/*
 * XDP, kernel 5.9 and later: a pinned link, replaced by an update. An interface holds one program only, so that of
 * another tool means: occupied.
 */
#include "attach_hook.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <string.h>

#include "bpf_syscall.h"
#include "cleanup.h"
#include "netlink.h"

static int refuse_occupied(const struct vpc_place *place, struct vpc_error *error) {
	char interface[VPC_INTERFACE_TEXT];
	uint32_t program_id = 0;
	vpc_netlink_xdp_program(place->netlink, place->ifindex, &program_id);
	return vpc_fail(error, -EBUSY,
		"XDP of interface %s is held by program %" PRIu32 " of another tool; remove it first (ip link set dev %s xdp off)",
		vpc_interface_text(place->ifindex, interface), program_id, interface);
}

static int put_new(const struct vpc_place *place, int program_fd, bool native, struct vpc_error *error) {
	_cleanup_(close_fd) int fd =
		vpc_bpf_link_create(program_fd, place->ifindex, VPC_BPF_ATTACH_XDP, native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE);
	char name[IF_NAMESIZE];
	if (fd == -EBUSY || fd == -EEXIST)
		return refuse_occupied(place, error);
	if (fd == -EINVAL && !if_indextoname(place->ifindex, name)) /* which the kernel says of a missing interface too */
		return vpc_hook_fail(place, -ENODEV, "XDP link", error);
	/* Drivers refuse in many ways: no XDP at all, an MTU too large, too few queues. */
	if (fd == -EOPNOTSUPP || (native && (fd == -EINVAL || fd == -ERANGE)))
		return vpc_hook_fail(place, -ENOTSUP, native ? "native XDP" : "generic XDP", error);
	if (fd < 0)
		return vpc_hook_fail(place, fd, "XDP link", error);
	int result = vpc_pins_put(place, VPC_PIN_LINK, fd, error);
	if (result)
		vpc_bpf_link_detach(fd);
	return result;
}

static int put(const struct vpc_place *place, int program_fd, const struct vpc_record *record, struct vpc_error *error) {
	_cleanup_(close_fd) int fd = -1;
	struct vpc_bpf_link link;
	int result = vpc_hook_get_link(place, VPC_BPF_LINK_XDP, &fd, &link);
	if (result == -ENOENT)
		return put_new(place, program_fd, record->hook == VPC_HOOK_XDP_NATIVE, error);
	result = result ?: vpc_bpf_link_update(fd, program_fd);
	return result ? vpc_hook_fail(place, result, "replacement on the XDP link", error) : 0;
}

static int look(const struct vpc_place *place, struct vpc_standing *ret_standing, struct vpc_error *error) {
	_cleanup_(close_fd) int fd = -1;
	struct vpc_standing standing = {.first = true};
	struct vpc_bpf_link link;

	int result = vpc_hook_get_link(place, VPC_BPF_LINK_XDP, &fd, &link);
	if (result == -ENOENT)
		return result;
	result = result ?: vpc_bpf_link_program(fd, &standing.program_id, &standing.program_tag);
	if (result)
		return vpc_hook_fail(place, result, "our XDP link", error);
	*ret_standing = standing;
	return 0;
}

const struct vpc_hook_kind vpc_hook_xdp = {.put = put, .look = look, .drop = vpc_hook_drop_link};
