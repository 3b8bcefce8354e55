// SPDX-License-Identifier: Apache-2.0
#include "links.h"
#include "address.h"
#include "../cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#define REPLY_SIZE 32768 /* what the kernel fills at most in one part of a dump */

static void close_socket(struct mnl_socket **socket) {
	if (*socket)
		mnl_socket_close(*socket);
}

/* Sends the request and hands each reply to parse, until the end or an error. */
static int ask(struct nlmsghdr *request, mnl_cb_t parse, void *context) {
	_cleanup_(close_socket) struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	_cleanup_(free_memory) char *reply = malloc(REPLY_SIZE);
	bool dump = (request->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
	if (!socket || !reply || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0)
		return socket && reply ? -errno : -ENOMEM;
	unsigned port = mnl_socket_get_portid(socket);
	request->nlmsg_flags |= NLM_F_REQUEST | (dump ? 0 : NLM_F_ACK);
	request->nlmsg_seq = 1;
	if (mnl_socket_sendto(socket, request, request->nlmsg_len) < 0)
		return -errno;
	for (int more = MNL_CB_OK; more > MNL_CB_STOP;) {
		ssize_t length = mnl_socket_recvfrom(socket, reply, REPLY_SIZE);
		more = length < 0 ? MNL_CB_ERROR : mnl_cb_run(reply, length, 1, port, parse, context);
		if (more == MNL_CB_ERROR)
			return -errno;
	}
	return 0;
}

static int take_kind(const struct nlattr *attribute, void *context) {
	struct link *link = context;
	if (mnl_attr_get_type(attribute) == IFLA_INFO_KIND && mnl_attr_validate(attribute, MNL_TYPE_STRING) >= 0)
		strncpy(link->kind, mnl_attr_get_str(attribute), sizeof link->kind - 1);
	return MNL_CB_OK;
}

static int take_link_attribute(const struct nlattr *attribute, void *context) {
	struct link *link = context;
	switch (mnl_attr_get_type(attribute)) {
	case IFLA_IFNAME: strncpy(link->name, mnl_attr_get_str(attribute), sizeof link->name - 1); break;
	case IFLA_MTU: link->mtu = mnl_attr_get_u32(attribute); break;
	case IFLA_LINK: link->peer = mnl_attr_get_u32(attribute); break;
	case IFLA_LINKINFO: mnl_attr_parse_nested(attribute, take_kind, link); break;
	case IFLA_ADDRESS:
		if (mnl_attr_get_payload_len(attribute) == sizeof link->mac)
			memcpy(link->mac, mnl_attr_get_payload(attribute), sizeof link->mac);
		break;
	}
	return MNL_CB_OK;
}

static int take_link(const struct nlmsghdr *reply, void *context) {
	struct link *link = context;
	const struct ifinfomsg *message = mnl_nlmsg_get_payload(reply);
	link->ifindex = message->ifi_index;
	mnl_attr_parse(reply, sizeof *message, take_link_attribute, link);
	return MNL_CB_OK;
}

static int find(const char *name, uint32_t ifindex, int namespace_id, struct link *ret_link) {
	char space[256] = {0};
	struct link link = {0};
	if (name && (!*name || strlen(name) >= sizeof link.name))
		return -ENODEV;
	struct nlmsghdr *request = mnl_nlmsg_put_header(space);
	request->nlmsg_type = RTM_GETLINK;
	struct ifinfomsg *message = mnl_nlmsg_put_extra_header(request, sizeof *message);
	message->ifi_family = AF_UNSPEC;
	message->ifi_index = ifindex;
	if (name)
		mnl_attr_put_strz(request, IFLA_IFNAME, name);
	if (namespace_id >= 0)
		mnl_attr_put_u32(request, IFLA_TARGET_NETNSID, namespace_id);
	int result = ask(request, take_link, &link);
	if (result == 0 && !link.ifindex)
		result = -ENODEV;
	if (result == 0)
		*ret_link = link;
	return result;
}

int link_find(const char *name, struct link *ret_link) {
	return find(name, 0, -1, ret_link);
}

int link_find_index(uint32_t ifindex, struct link *ret_link) {
	return find(NULL, ifindex, -1, ret_link);
}

static int take_namespace_id(const struct nlattr *attribute, void *context) {
	if (mnl_attr_get_type(attribute) == NETNSA_NSID)
		*(int *)context = (int)mnl_attr_get_u32(attribute);
	return MNL_CB_OK;
}

static int take_namespace(const struct nlmsghdr *reply, void *context) {
	mnl_attr_parse(reply, sizeof(struct rtgenmsg), take_namespace_id, context);
	return MNL_CB_OK;
}

static int ask_namespace(uint16_t type, int fd, int *ret_id) {
	char space[128] = {0};
	struct nlmsghdr *request = mnl_nlmsg_put_header(space);
	request->nlmsg_type = type;
	mnl_nlmsg_put_extra_header(request, sizeof(struct rtgenmsg));
	mnl_attr_put_u32(request, NETNSA_FD, fd);
	if (type == RTM_NEWNSID)
		mnl_attr_put_u32(request, NETNSA_NSID, (uint32_t)-1); /* the kernel chooses */
	return ask(request, take_namespace, ret_id);
}

int link_find_in(const char *path, const char *name, struct link *ret_link) {
	int id = -1;
	_cleanup_(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int result = ask_namespace(RTM_GETNSID, fd, &id);
	if (result == 0 && id < 0)
		result = ask_namespace(RTM_NEWNSID, fd, &id);
	if (result == 0 && id < 0)
		result = ask_namespace(RTM_GETNSID, fd, &id);
	return result < 0 ? result : find(name, 0, id, ret_link);
}

static void map_address(int family, const struct nlattr *attribute, uint8_t ret_address[16]) {
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	if (family == AF_INET && mnl_attr_get_payload_len(attribute) == 4) {
		memcpy(ret_address, mapped, 12);
		memcpy(ret_address + 12, mnl_attr_get_payload(attribute), 4);
	} else if (family == AF_INET6 && mnl_attr_get_payload_len(attribute) == 16) {
		memcpy(ret_address, mnl_attr_get_payload(attribute), 16);
	}
}

struct address_walk {
	void (*visit)(void *context, const uint8_t address[16], uint32_t ifindex);
	void *context;
	int family;
	uint8_t address[16];
};

static int take_local(const struct nlattr *attribute, void *context) {
	struct address_walk *walk = context;
	uint16_t type = mnl_attr_get_type(attribute);
	/* IFA_LOCAL is the own one of a point-to-point interface, where IFA_ADDRESS is the peer's */
	if (type == IFA_LOCAL || (type == IFA_ADDRESS && address_is_zero(walk->address)))
		map_address(walk->family, attribute, walk->address);
	return MNL_CB_OK;
}

static int take_address(const struct nlmsghdr *reply, void *context) {
	struct address_walk *walk = context;
	const struct ifaddrmsg *message = mnl_nlmsg_get_payload(reply);
	walk->family = message->ifa_family;
	memset(walk->address, 0, sizeof walk->address);
	mnl_attr_parse(reply, sizeof *message, take_local, walk);
	if (!address_is_zero(walk->address))
		walk->visit(walk->context, walk->address, message->ifa_index);
	return MNL_CB_OK;
}

int addresses_each(void (*visit)(void *context, const uint8_t address[16], uint32_t ifindex), void *context) {
	char space[128] = {0};
	struct address_walk walk = {.visit = visit, .context = context};
	struct nlmsghdr *request = mnl_nlmsg_put_header(space);
	request->nlmsg_type = RTM_GETADDR;
	request->nlmsg_flags = NLM_F_DUMP;
	mnl_nlmsg_put_extra_header(request, sizeof(struct ifaddrmsg));
	return ask(request, take_address, &walk);
}

static int take_source(const struct nlattr *attribute, void *context) {
	struct address_walk *walk = context;
	if (mnl_attr_get_type(attribute) == RTA_PREFSRC)
		map_address(walk->family, attribute, walk->address);
	return MNL_CB_OK;
}

static int take_route(const struct nlmsghdr *reply, void *context) {
	mnl_attr_parse(reply, sizeof(struct rtmsg), take_source, context);
	return MNL_CB_OK;
}

int route_source(const uint8_t destination[16], uint8_t ret_source[16]) {
	char space[128] = {0};
	bool ipv4 = address_is_ipv4(destination);
	struct address_walk walk = {.family = ipv4 ? AF_INET : AF_INET6};
	struct nlmsghdr *request = mnl_nlmsg_put_header(space);
	request->nlmsg_type = RTM_GETROUTE;
	struct rtmsg *message = mnl_nlmsg_put_extra_header(request, sizeof *message);
	message->rtm_family = walk.family;
	message->rtm_dst_len = ipv4 ? 32 : 128;
	mnl_attr_put(request, RTA_DST, ipv4 ? 4 : 16, ipv4 ? destination + 12 : destination);
	int result = ask(request, take_route, &walk);
	if (result == 0 && address_is_zero(walk.address))
		result = -ENETUNREACH;
	if (result == 0)
		memcpy(ret_source, walk.address, sizeof walk.address);
	return result;
}

int links_watch(void) {
	_cleanup_(close_fd) int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_LINK};
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0)
		return -errno;
	return steal_fd(&fd);
}

void links_drain(int fd) {
	char bytes[8192];
	while (recv(fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0 || errno == ENOBUFS) /* an overrun says "much has changed", too */
		errno = 0;
}
