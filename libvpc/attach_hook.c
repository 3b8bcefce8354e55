// SPDX-License-Identifier: Apache-2.0
#include "attach_hook.h"

#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "probe.h"

const struct vpc_hook_kind *vpc_hook_kind_of(enum vpc_hook hook) {
	switch (hook) {
	case VPC_HOOK_CLSACT: return &vpc_hook_clsact;
	case VPC_HOOK_XDP_NATIVE:
	case VPC_HOOK_XDP_GENERIC: return &vpc_hook_xdp;
	default: return &vpc_hook_tcx;
	}
}

const char *vpc_hook_name(enum vpc_hook hook) {
	switch (hook) {
	case VPC_HOOK_AUTO: return "auto";
	case VPC_HOOK_TCX: return "tcx";
	case VPC_HOOK_CLSACT: return "clsact";
	case VPC_HOOK_XDP_NATIVE: return "xdp native";
	case VPC_HOOK_XDP_GENERIC: return "xdp generic";
	case VPC_HOOK_QUICK: return "quick";
	}
	return "?";
}

int vpc_hook_get_link(const struct vpc_place *place, uint32_t type, int *ret_fd, struct vpc_bpf_link *ret_link) {
	struct vpc_bpf_link link;
	_cleanup_(close_fd) int fd = vpc_pins_get(place, VPC_PIN_LINK);
	if (fd < 0)
		return fd;
	int result = vpc_bpf_link_info(fd, &link);
	if (result)
		return result;
	if (link.type != type || link.ifindex == 0)
		return -ENOENT;
	*ret_fd = steal_fd(&fd);
	*ret_link = link;
	return 0;
}

static int drop_link(const struct vpc_place *place, enum vpc_pin pin) {
	_cleanup_(close_fd) int fd = vpc_pins_get(place, pin);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	int result = vpc_bpf_link_detach(fd);
	return result && result != -ENOLINK ? result : vpc_pins_remove(place, pin); /* ENOLINK: dead already */
}

int vpc_hook_drop_link(const struct vpc_place *place, const struct vpc_record *record, struct vpc_error *error) {
	(void)record;
	int result = drop_link(place, VPC_PIN_LINK);
	result = result ?: drop_link(place, VPC_PIN_NEXT_LINK);
	return result ? vpc_hook_fail(place, result, "removal of our link", error) : 0;
}

int vpc_hook_fail(const struct vpc_place *place, int code, const char *what, struct vpc_error *error) {
	char interface[VPC_INTERFACE_TEXT], permission[VPC_PERMISSION_TEXT];
	const char *remedy = "";
	switch (-code) {
	case EPERM: remedy = vpc_probe_permission(permission); break;
	case ENODEV: remedy = "it is gone, or in another network namespace"; break;
	case ERANGE: remedy = "the hook holds as many programs as the kernel allows (64); remove one"; break;
	case EEXIST: remedy = "the same program stands there already, put there by another tool"; break;
	case EINVAL: remedy = "is the program of the type that this direction needs?"; break;
	}
	return vpc_fail(error, code, "%s of interface %s: %s: %s%s%s", vpc_direction_name(place->direction),
		vpc_interface_text(place->ifindex, interface), what, strerror(-code), remedy[0] ? "; " : "", remedy);
}
