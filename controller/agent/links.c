// SPDX-License-Identifier: Apache-2.0
#include "links.h"
#include "address.h"
#include "../cleanup.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define REPLY_SIZE 32768 /* what the kernel fills at most in one part of a dump */

/*
 * One socket for all requests of this process, which stays in its network namespace. It is opened by the first request,
 * and anew after one whose answer was not read to its end: what is left of it shall not answer the next.
 */
static struct {
	struct mnl_socket *socket;
	uint32_t sequence;
	bool ended; /* the kernel said its last word on the request */
} connection;

static int open_connection(void) {
	if (connection.socket)
		return 0;
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!socket)
		return -errno;
	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		int result = -errno;
		mnl_socket_close(socket);
		return result;
	}
	connection.socket = socket;
	return 0;
}

static void close_connection(void) {
	mnl_socket_close(connection.socket);
	connection.socket = NULL;
}

static int receive(uint32_t sequence, char reply[REPLY_SIZE], mnl_cb_t parse, void *context) {
	unsigned port = mnl_socket_get_portid(connection.socket);
	for (;;) {
		ssize_t length = mnl_socket_recvfrom(connection.socket, reply, REPLY_SIZE);
		if (length < 0 && errno == EINTR)
			continue;
		if (length < 0)
			return -errno;
		const struct nlmsghdr *first = (const struct nlmsghdr *)reply;
		int more = mnl_cb_run(reply, length, sequence, port, parse, context), code = errno;
		connection.ended = more == MNL_CB_STOP || (more == MNL_CB_ERROR && first->nlmsg_type == NLMSG_ERROR && first->nlmsg_seq == sequence);
		if (more != MNL_CB_OK)
			return more == MNL_CB_STOP ? 0 : -code;
	}
}

/*
 * Sends the request and hands each reply to parse, until parse says MNL_CB_STOP, the kernel confirms (where NLM_F_ACK or
 * NLM_F_DUMP asks for it), or an error.
 */
static int ask(struct nlmsghdr *request, mnl_cb_t parse, void *context) {
	_cleanup_(free_memory) char *reply = malloc(REPLY_SIZE);
	int result = reply ? open_connection() : -ENOMEM;
	if (result < 0)
		return result;
	request->nlmsg_flags |= NLM_F_REQUEST;
	request->nlmsg_seq = ++connection.sequence;
	connection.ended = false;
	if (mnl_socket_sendto(connection.socket, request, request->nlmsg_len) < 0)
		result = -errno;
	else
		result = receive(request->nlmsg_seq, reply, parse, context);
	if (!connection.ended)
		close_connection();
	return result;
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
	return MNL_CB_STOP; /* the only one */
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
	mnl_attr_put_u32(request, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
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
	return MNL_CB_STOP;
}

static int ask_namespace(uint16_t type, int fd, int *ret_id) {
	char space[128] = {0};
	struct nlmsghdr *request = mnl_nlmsg_put_header(space);
	request->nlmsg_type = type;
	mnl_nlmsg_put_extra_header(request, sizeof(struct rtgenmsg));
	mnl_attr_put_u32(request, NETNSA_FD, fd);
	if (type == RTM_NEWNSID) {
		mnl_attr_put_u32(request, NETNSA_NSID, (uint32_t)-1); /* the kernel chooses */
		request->nlmsg_flags = NLM_F_ACK;
	}
	return ask(request, take_namespace, ret_id);
}

/* By which this namespace knows the other: the number, or negative errno. */
static int find_namespace_id(const char *path) {
	int id = -1;
	_cleanup_(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int result = ask_namespace(RTM_GETNSID, fd, &id);
	if (result == 0 && id < 0)
		result = ask_namespace(RTM_NEWNSID, fd, &id);
	if (result == 0 && id < 0)
		result = ask_namespace(RTM_GETNSID, fd, &id);
	return result < 0 ? result : id < 0 ? -ENOENT : id;
}

int link_find_in(const char *path, const char *name, struct link *ret_link) {
	int id = find_namespace_id(path);
	return id < 0 ? id : find(name, 0, id, ret_link);
}

int link_set_mtu_in(const char *path, const char *name, uint32_t mtu) {
	struct ifreq request = {.ifr_mtu = (int)mtu};
	if (strlen(name) >= sizeof request.ifr_name)
		return -ENODEV;
	memcpy(request.ifr_name, name, strlen(name));
	_cleanup_(close_fd) int own = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), other = open(path, O_RDONLY | O_CLOEXEC);
	if (own < 0 || other < 0 || setns(other, CLONE_NEWNET) < 0)
		return -errno;
	_cleanup_(close_fd) int any_socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int result = any_socket < 0 || ioctl(any_socket, SIOCSIFMTU, &request) < 0 ? -errno : 0;
	if (setns(own, CLONE_NEWNET) < 0) {
		fputs("vpc-controller: cannot return to the node's network namespace\n", stderr);
		_exit(1); /* whatever it did there would be done to a Pod */
	}
	return result;
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
	void (*visit)(void *context, const struct link_change *change);
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

/* Leaves the interface 0 if the address is of a family without a use here. */
static void read_address(const struct nlmsghdr *message, struct link_change *change) {
	const struct ifaddrmsg *header = mnl_nlmsg_get_payload(message);
	struct address_walk walk = {.family = header->ifa_family};
	mnl_attr_parse(message, sizeof *header, take_local, &walk);
	change->kind = message->nlmsg_type == RTM_NEWADDR ? LINK_GOT_ADDRESS : LINK_LOST_ADDRESS;
	change->ifindex = address_is_zero(walk.address) ? 0 : header->ifa_index;
	change->prefix = header->ifa_prefixlen;
	memcpy(change->address, walk.address, sizeof change->address);
}

static int take_address(const struct nlmsghdr *reply, void *context) {
	const struct address_walk *walk = context;
	struct link_change change = {.ifindex = 0};
	read_address(reply, &change);
	if (change.ifindex)
		walk->visit(walk->context, &change);
	return MNL_CB_OK;
}

int addresses_each(void (*visit)(void *context, const struct link_change *change), void *context) {
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
	return MNL_CB_STOP;
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

static void tell_change(const struct nlmsghdr *message, void (*visit)(void *context, const struct link_change *change), void *context) {
	struct link_change change = {.ifindex = 0};
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(message);
	if (message->nlmsg_type == RTM_NEWADDR || message->nlmsg_type == RTM_DELADDR)
		read_address(message, &change);
	else if (link->ifi_family == AF_UNSPEC) /* else it is of its bridge that an interface came or went */
		change = (struct link_change){.kind = message->nlmsg_type == RTM_DELLINK ? LINK_GONE : LINK_CHANGED, .ifindex = link->ifi_index};
	if (change.ifindex)
		visit(context, &change);
}

void links_drain(int fd, void (*visit)(void *context, const struct link_change *change), void *context) {
	_cleanup_(free_memory) char *bytes = allocate(REPLY_SIZE);
	for (;;) {
		ssize_t length = recv(fd, bytes, REPLY_SIZE, MSG_DONTWAIT | MSG_TRUNC);
		if (length < 0 && errno == EINTR)
			continue;
		if (length < 0 && errno != ENOBUFS)
			return;
		if (length < 0 || length > REPLY_SIZE) {
			visit(context, &(struct link_change){.kind = LINK_CHANGES_LOST});
			continue;
		}
		int left = length;
		for (const struct nlmsghdr *message = (const struct nlmsghdr *)bytes; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left))
			tell_change(message, visit, context);
	}
}
