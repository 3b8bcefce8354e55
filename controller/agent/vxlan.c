// SPDX-License-Identifier: Apache-2.0
#include "vxlan.h"
#include "attachments.h"
#include "../cleanup.h"
#include "links.h"
#include "log.h"
#include "text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#define DEVICE "libvpc-vxlan" /* the library's default */
#define REPLY_SIZE 32768

struct device {
	uint16_t port;
	bool takes_zero_checksums; /* of IPv6, which the other nodes send */
};

static void close_socket(struct mnl_socket **socket) {
	if (*socket)
		mnl_socket_close(*socket);
}

static int ask(uint16_t type, uint32_t ifindex, mnl_cb_t parse, void *context) {
	char space[256] = {0};
	_cleanup_(close_socket) struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	_cleanup_(free_memory) char *reply = allocate(REPLY_SIZE);
	struct nlmsghdr *request = mnl_nlmsg_put_header(space);
	request->nlmsg_type = type;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	struct ifinfomsg *message = mnl_nlmsg_put_extra_header(request, sizeof *message);
	message->ifi_index = ifindex;
	if (!socket || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0 || mnl_socket_sendto(socket, request, request->nlmsg_len) < 0)
		return -errno;
	for (int more = MNL_CB_OK; more > MNL_CB_STOP;) {
		ssize_t length = mnl_socket_recvfrom(socket, reply, REPLY_SIZE);
		more = length < 0 ? MNL_CB_ERROR : mnl_cb_run(reply, length, 0, mnl_socket_get_portid(socket), parse, context);
		if (more == MNL_CB_ERROR)
			return -errno;
	}
	return 0;
}

static int take_data(const struct nlattr *attribute, void *context) {
	struct device *device = context;
	switch (mnl_attr_get_type(attribute)) {
	case IFLA_VXLAN_PORT: device->port = ntohs(mnl_attr_get_u16(attribute)); break;
	case IFLA_VXLAN_UDP_ZERO_CSUM6_RX: device->takes_zero_checksums = mnl_attr_get_u8(attribute); break;
	}
	return MNL_CB_OK;
}

static int take_info(const struct nlattr *attribute, void *context) {
	return mnl_attr_get_type(attribute) == IFLA_INFO_DATA ? mnl_attr_parse_nested(attribute, take_data, context) : MNL_CB_OK;
}

static int take_attribute(const struct nlattr *attribute, void *context) {
	return mnl_attr_get_type(attribute) == IFLA_LINKINFO ? mnl_attr_parse_nested(attribute, take_info, context) : MNL_CB_OK;
}

static int take_link(const struct nlmsghdr *reply, void *context) {
	return mnl_attr_parse(reply, sizeof(struct ifinfomsg), take_attribute, context);
}

int vxlan_drop_old(const struct agent *agent, bool ipv6, struct vpc_error *error) {
	struct link link;
	struct device device = {0};
	if (link_find(DEVICE, &link) < 0 || strcmp(link.kind, "vxlan") || !attachments_has(agent, link.ifindex, "from_vxlan"))
		return 0;
	int result = ask(RTM_GETLINK, link.ifindex, take_link, &device);
	if (result == 0 && device.port == agent->config.udp_port && (!ipv6 || device.takes_zero_checksums))
		return 0;
	result = result < 0 ? result : ask(RTM_DELLINK, link.ifindex, NULL, NULL);
	if (result < 0)
		return fail(error, result, "%s: %s", DEVICE, strerror(-result));
	log_event(LOG_INFO, "node", "DeviceReplaced", "%s had UDP port %u and is made anew with %u", DEVICE, device.port, agent->config.udp_port);
	return 0;
}

int vxlan_remove(struct vpc_error *error) {
	struct link link;
	int result = link_find(DEVICE, &link);
	if (result == -ENODEV || (result == 0 && strcmp(link.kind, "vxlan")))
		return 0;
	result = result < 0 ? result : ask(RTM_DELLINK, link.ifindex, NULL, NULL);
	return result < 0 && result != -ENODEV ? fail(error, result, "%s: %s", DEVICE, strerror(-result)) : 0;
}
