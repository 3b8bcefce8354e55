// SPDX-License-Identifier: Apache-2.0
#include "attach_hook.h"

#include <errno.h>
#include <string.h>

const char *vpc_hook_name(enum vpc_hook hook) {
	switch (hook) {
	case VPC_HOOK_AUTO: return "auto";
	case VPC_HOOK_TCX: return "tcx";
	case VPC_HOOK_CLSACT: return "clsact";
	case VPC_HOOK_XDP_NATIVE: return "xdp native";
	case VPC_HOOK_XDP_GENERIC: return "xdp generic";
	}
	return "?";
}

static const char *remedy(int code) {
	switch (-code) {
	case EPERM: return "; run as root or with CAP_BPF and CAP_NET_ADMIN";
	case ENODEV: return "; it is gone, or in another network namespace";
	case ERANGE: return "; the hook holds as many programs as the kernel allows (64), remove one";
	case EEXIST: return "; the same program stands there already, put there by another tool";
	default: return "";
	}
}

int vpc_hook_fail(const struct vpc_place *place, int code, const char *what, struct vpc_error *error) {
	char interface[VPC_INTERFACE_TEXT];
	return vpc_fail(error, code, "%s of interface %s: %s: %s%s", vpc_direction_name(place->direction),
		vpc_interface_text(place->ifindex, interface), what, strerror(-code), remedy(code));
}
