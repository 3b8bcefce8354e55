// SPDX-License-Identifier: Apache-2.0
#include "datapath_device.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>

#include "cleanup.h"
#include "probe.h"

enum {
	MESSAGE = 1024,
	ANSWER = 32768,       /* the kernel tells of one interface in a few KiB */
	LARGEST_MTU = 65535,  /* of a VXLAN device without a lower one */
};

static void close_socket(struct mnl_socket **socket) {
	if (*socket)
		mnl_socket_close(*socket);
}

static struct nlmsghdr *begin(void *buffer, uint16_t type, uint16_t flags, uint32_t ifindex) {
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	message->nlmsg_seq = 1; /* the only request of its socket */
	struct ifinfomsg *link = mnl_nlmsg_put_extra_header(message, sizeof *link);
	link->ifi_index = (int)ifindex;
	return message;
}

/* Sends one request and reads until its acknowledgement. */
static int exchange(const struct nlmsghdr *message, mnl_cb_t callback, void *context) {
	_cleanup_(close_socket) struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	_cleanup_(free_memory) char *answer = malloc(ANSWER);
	if (!answer)
		return -ENOMEM;
	if (!socket || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) || mnl_socket_sendto(socket, message, message->nlmsg_len) < 0)
		return -errno;
	for (;;) {
		ssize_t length = mnl_socket_recvfrom(socket, answer, ANSWER);
		if (length < 0)
			return -errno;
		int more = mnl_cb_run(answer, (size_t)length, message->nlmsg_seq, mnl_socket_get_portid(socket), callback, context);
		if (more < 0)
			return -errno;
		if (more == MNL_CB_STOP)
			return 0;
	}
}

static void read_vxlan(const struct nlattr *data, struct vpc_link *link) {
	const struct nlattr *attribute;
	mnl_attr_for_each_nested(attribute, data) {
		switch (mnl_attr_get_type(attribute)) {
		case IFLA_VXLAN_PORT: link->vxlan_port = ntohs(mnl_attr_get_u16(attribute)); break;
		case IFLA_VXLAN_COLLECT_METADATA: link->collects_metadata = mnl_attr_get_u8(attribute); break;
		case IFLA_VXLAN_LEARNING: link->learns = mnl_attr_get_u8(attribute); break;
		}
	}
}

static void read_kind(const struct nlattr *info, struct vpc_link *link) {
	const struct nlattr *attribute;
	mnl_attr_for_each_nested(attribute, info) {
		if (mnl_attr_get_type(attribute) == IFLA_INFO_KIND)
			strncpy(link->kind, mnl_attr_get_str(attribute), sizeof link->kind - 1);
		if (mnl_attr_get_type(attribute) == IFLA_INFO_DATA && strcmp(link->kind, "vxlan") == 0)
			read_vxlan(attribute, link);
	}
}

static int read_link(const struct nlmsghdr *message, void *context) {
	struct vpc_link *link = context;
	const struct ifinfomsg *head = mnl_nlmsg_get_payload(message);
	const struct nlattr *attribute;
	link->ifindex = (uint32_t)head->ifi_index;
	link->is_up = head->ifi_flags & IFF_UP;
	mnl_attr_for_each(attribute, message, sizeof *head) {
		switch (mnl_attr_get_type(attribute)) {
		case IFLA_IFNAME: strncpy(link->name, mnl_attr_get_str(attribute), sizeof link->name - 1); break;
		case IFLA_MTU: link->mtu = mnl_attr_get_u32(attribute); break;
		case IFLA_ADDRESS:
			if (mnl_attr_get_payload_len(attribute) == sizeof link->mac)
				memcpy(link->mac, mnl_attr_get_payload(attribute), sizeof link->mac);
			break;
		case IFLA_LINKINFO: read_kind(attribute, link); break;
		}
	}
	return MNL_CB_OK;
}

int vpc_link_get(uint32_t ifindex, const char *name, struct vpc_link *ret_link, struct vpc_error *error) {
	char buffer[MESSAGE];
	struct vpc_link link = {0};
	struct nlmsghdr *message = begin(buffer, RTM_GETLINK, 0, ifindex);
	if (!ifindex)
		mnl_attr_put_strz(message, IFLA_IFNAME, name);
	int result = exchange(message, read_link, &link);
	if (result && ifindex)
		return vpc_fail(error, result, "interface %" PRIu32 ": %s", ifindex, strerror(-result));
	if (result)
		return vpc_fail(error, result, "interface %s: %s", name, strerror(-result));
	*ret_link = link;
	return 0;
}

static int make_device(const char *name, uint16_t udp_port, bool zero_checksums) {
	char buffer[MESSAGE];
	struct nlmsghdr *message = begin(buffer, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0);
	mnl_attr_put_strz(message, IFLA_IFNAME, name);
	mnl_attr_put_u32(message, IFLA_MTU, LARGEST_MTU);
	struct nlattr *info = mnl_attr_nest_start(message, IFLA_LINKINFO);
	mnl_attr_put_strz(message, IFLA_INFO_KIND, "vxlan");
	struct nlattr *data = mnl_attr_nest_start(message, IFLA_INFO_DATA);
	mnl_attr_put_u8(message, IFLA_VXLAN_COLLECT_METADATA, 1);
	mnl_attr_put_u8(message, IFLA_VXLAN_LEARNING, 0);
	mnl_attr_put_u16(message, IFLA_VXLAN_PORT, htons(udp_port));
	if (zero_checksums)
		mnl_attr_put_u8(message, IFLA_VXLAN_UDP_ZERO_CSUM6_RX, 1);
	mnl_attr_nest_end(message, data);
	mnl_attr_nest_end(message, info);
	return exchange(message, NULL, NULL);
}

/* The device has no business with addresses: without this it would announce a link-local one of its own. */
static void forbid_addresses(uint32_t ifindex) {
	char buffer[MESSAGE];
	struct nlmsghdr *message = begin(buffer, RTM_NEWLINK, 0, ifindex);
	struct nlattr *families = mnl_attr_nest_start(message, IFLA_AF_SPEC);
	struct nlattr *ipv6 = mnl_attr_nest_start(message, AF_INET6);
	mnl_attr_put_u8(message, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(message, ipv6);
	mnl_attr_nest_end(message, families);
	exchange(message, NULL, NULL); /* fails only where there is no IPv6 */
}

static int bring_up(uint32_t ifindex) {
	char buffer[MESSAGE];
	struct nlmsghdr *message = begin(buffer, RTM_NEWLINK, 0, ifindex);
	struct ifinfomsg *link = mnl_nlmsg_get_payload(message);
	link->ifi_flags = link->ifi_change = IFF_UP;
	mnl_attr_put_u32(message, IFLA_MTU, LARGEST_MTU);
	return exchange(message, NULL, NULL);
}

static int fail_making(const char *name, uint16_t udp_port, int code, struct vpc_error *error) {
	char permission[VPC_PERMISSION_TEXT];
	switch (code) {
	case -EPERM: return vpc_fail(error, code, "VXLAN device %s: %s", name, vpc_probe_permission(permission));
	case -EEXIST:
	case -EADDRINUSE:
		return vpc_fail(error, -EEXIST, "VXLAN device %s: another device or socket holds UDP port %u; choose another port or remove that one", name,
			udp_port);
	case -EOPNOTSUPP: return vpc_fail(error, code, "VXLAN device %s: the kernel has no VXLAN (CONFIG_VXLAN); load the module vxlan", name);
	default: return vpc_fail(error, code, "VXLAN device %s cannot be made: %s", name, strerror(-code));
	}
}

static int check_device(const struct vpc_link *link, uint16_t udp_port, struct vpc_error *error) {
	if (strcmp(link->kind, "vxlan"))
		return vpc_fail(error, -EEXIST, "interface %s is there already and no VXLAN device (kind '%s'); remove it or choose another name",
			link->name, link->kind);
	if (link->vxlan_port != udp_port)
		return vpc_fail(error, -EEXIST, "VXLAN device %s is there already with UDP port %u instead of %u; remove it or choose another name",
			link->name, link->vxlan_port, udp_port);
	if (!link->collects_metadata || link->learns)
		return vpc_fail(error, -EEXIST, "VXLAN device %s is there already, but not in the mode 'external nolearning'; remove it or choose another name",
			link->name);
	return 0;
}

int vpc_vxlan_device_put(const char *name, uint16_t udp_port, bool zero_checksums, uint32_t *ret_ifindex, struct vpc_error *error) {
	struct vpc_link link;
	bool made = false;
	int result = vpc_link_get(0, name, &link, error);
	if (result == -ENODEV) {
		result = make_device(name, udp_port, zero_checksums);
		if (result)
			return fail_making(name, udp_port, result, error);
		made = true;
		result = vpc_link_get(0, name, &link, error);
	}
	result = result ?: check_device(&link, udp_port, error);
	if (result)
		return result;
	bool changed = made || !link.is_up || link.mtu != LARGEST_MTU;
	if (made)
		forbid_addresses(link.ifindex);
	if (changed && (result = bring_up(link.ifindex))) {
		if (made)
			vpc_vxlan_device_delete(name, NULL);
		return fail_making(name, udp_port, result, error);
	}
	*ret_ifindex = link.ifindex;
	return changed;
}

int vpc_vxlan_device_delete(const char *name, struct vpc_error *error) {
	char buffer[MESSAGE];
	struct vpc_link link;
	int result = vpc_link_get(0, name, &link, error);
	if (result)
		return result == -ENODEV ? 0 : result;
	if (strcmp(link.kind, "vxlan"))
		return 0;
	result = exchange(begin(buffer, RTM_DELLINK, 0, link.ifindex), NULL, NULL);
	return result && result != -ENODEV ? vpc_fail(error, result, "VXLAN device %s cannot be removed: %s", name, strerror(-result)) : 0;
}
