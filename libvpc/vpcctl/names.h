/* SPDX-License-Identifier: Apache-2.0 */
/* Words for the library's enumerations, the same in text and in JSON. */
#ifndef VPCCTL_NAMES_H
#define VPCCTL_NAMES_H

#include <vpc/vpc.h>

static inline const char *direction_name(enum vpc_direction direction) {
	switch (direction) {
	case VPC_INGRESS: return "ingress";
	case VPC_EGRESS: return "egress";
	case VPC_XDP: return "xdp";
	}
	return "unknown";
}

static inline const char *hook_name(enum vpc_hook hook) {
	switch (hook) {
	case VPC_HOOK_AUTO: return "auto";
	case VPC_HOOK_TCX: return "tcx";
	case VPC_HOOK_CLSACT: return "clsact";
	case VPC_HOOK_XDP_NATIVE: return "xdp-native";
	case VPC_HOOK_XDP_GENERIC: return "xdp-generic";
	case VPC_HOOK_QUICK: return "quick";
	}
	return "unknown";
}

static inline const char *site_name(enum vpc_site site) {
	switch (site) {
	case VPC_SITE_CONSTANT: return "constant";
	case VPC_SITE_GLOBAL: return "global";
	case VPC_SITE_PLACEHOLDER: return "placeholder";
	}
	return "unknown";
}

static inline const char *type_name(enum vpc_value_type type) {
	switch (type) {
	case VPC_VALUE_INTEGER: return "integer";
	case VPC_VALUE_IPV4: return "ipv4";
	case VPC_VALUE_IPV6: return "ipv6";
	case VPC_VALUE_MAC: return "mac";
	case VPC_VALUE_BYTES: return "bytes";
	}
	return "unknown";
}

static inline const char *encapsulation_name(enum vpc_encapsulation encapsulation) {
	switch (encapsulation) {
	case VPC_VXLAN: return "vxlan";
	case VPC_VLAN: return "vlan";
	}
	return "unknown";
}

#endif
