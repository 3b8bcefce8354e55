// SPDX-License-Identifier: Apache-2.0
#include "lb_next_hop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <time.h>

enum { ANSWER = 32768 };

/* Neighbours whose address may be used, and those of them that need no confirmation. */
#define USABLE (NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP)
#define CONFIRMED (NUD_REACHABLE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP)

struct route {
	uint8_t type;
	uint32_t ifindex, mtu;
	bool has_gateway, has_source;
	uint8_t gateway[16], source[16];
};

struct neighbour {
	uint16_t state;
	bool has_mac;
	uint8_t mac[6];
};

static bool is_ipv4(const uint8_t address[16]) {
	static const uint8_t MAPPED[12] = {[10] = 0xff, [11] = 0xff};
	return memcmp(address, MAPPED, sizeof MAPPED) == 0;
}

static int exchange(struct vpc_next_hops *next_hops, struct nlmsghdr *message, mnl_cb_t callback, void *context) {
	char answer[ANSWER];
	message->nlmsg_seq = ++next_hops->sequence;
	if (mnl_socket_sendto(next_hops->socket, message, message->nlmsg_len) < 0)
		return -errno;
	for (;;) {
		ssize_t length = mnl_socket_recvfrom(next_hops->socket, answer, sizeof answer);
		if (length < 0)
			return -errno;
		int more = mnl_cb_run(answer, (size_t)length, message->nlmsg_seq, mnl_socket_get_portid(next_hops->socket), callback, context);
		if (more < 0)
			return -errno;
		if (more == MNL_CB_STOP)
			return 0;
	}
}

static struct nlmsghdr *begin(void *buffer, uint16_t type, uint16_t flags) {
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	return message;
}

static int read_link(const struct nlmsghdr *message, void *context) {
	struct vpc_next_hops *next_hops = context;
	const struct nlattr *attribute;
	mnl_attr_for_each(attribute, message, sizeof(struct ifinfomsg)) {
		if (mnl_attr_get_type(attribute) == IFLA_MTU)
			next_hops->mtu = mnl_attr_get_u32(attribute);
		if (mnl_attr_get_type(attribute) == IFLA_ADDRESS && mnl_attr_get_payload_len(attribute) == sizeof next_hops->mac)
			memcpy(next_hops->mac, mnl_attr_get_payload(attribute), sizeof next_hops->mac);
	}
	return MNL_CB_OK;
}

int vpc_next_hops_open(uint32_t ifindex, struct vpc_next_hops *ret_next_hops) {
	struct vpc_next_hops next_hops = {.ifindex = ifindex, .sequence = (uint32_t)time(NULL)};
	char buffer[256];
	next_hops.socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!next_hops.socket)
		return -errno;
	struct nlmsghdr *message = begin(buffer, RTM_GETLINK, 0);
	struct ifinfomsg *link = mnl_nlmsg_put_extra_header(message, sizeof *link);
	link->ifi_index = (int)ifindex;
	int result = mnl_socket_bind(next_hops.socket, 0, MNL_SOCKET_AUTOPID) ? -errno : 0;
	result = result ?: exchange(&next_hops, message, read_link, &next_hops);
	if (result) {
		vpc_next_hops_close(&next_hops);
		return result;
	}
	*ret_next_hops = next_hops;
	return 0;
}

void vpc_next_hops_close(struct vpc_next_hops *next_hops) {
	if (next_hops->socket)
		mnl_socket_close(next_hops->socket);
	next_hops->socket = NULL;
}

static void copy_mapped(uint8_t to[16], const struct nlattr *attribute) {
	uint16_t length = mnl_attr_get_payload_len(attribute);
	memset(to, 0, 16);
	if (length == 4)
		to[10] = to[11] = 0xff;
	if (length == 4 || length == 16)
		memcpy(to + 16 - length, mnl_attr_get_payload(attribute), length);
}

static void read_metrics(const struct nlattr *metrics, struct route *route) {
	const struct nlattr *attribute;
	mnl_attr_for_each_nested(attribute, metrics)
		if (mnl_attr_get_type(attribute) == RTAX_MTU)
			route->mtu = mnl_attr_get_u32(attribute);
}

static int read_route(const struct nlmsghdr *message, void *context) {
	struct route *route = context;
	const struct nlattr *attribute;
	if (message->nlmsg_type != RTM_NEWROUTE)
		return MNL_CB_OK;
	route->type = ((const struct rtmsg *)mnl_nlmsg_get_payload(message))->rtm_type;
	mnl_attr_for_each(attribute, message, sizeof(struct rtmsg)) {
		switch (mnl_attr_get_type(attribute)) {
		case RTA_OIF: route->ifindex = mnl_attr_get_u32(attribute); break;
		case RTA_METRICS: read_metrics(attribute, route); break;
		case RTA_GATEWAY:
			route->has_gateway = true;
			copy_mapped(route->gateway, attribute);
			break;
		case RTA_PREFSRC:
			route->has_source = true;
			copy_mapped(route->source, attribute);
			break;
		default: break;
		}
	}
	return MNL_CB_OK;
}

static void put_address(struct nlmsghdr *message, uint16_t type, const uint8_t address[16]) {
	if (is_ipv4(address))
		mnl_attr_put(message, type, 4, address + 12);
	else
		mnl_attr_put(message, type, 16, address);
}

static int ask_route(struct vpc_next_hops *next_hops, const uint8_t address[16], struct route *route) {
	char buffer[256];
	struct nlmsghdr *message = begin(buffer, RTM_GETROUTE, 0);
	struct rtmsg *request = mnl_nlmsg_put_extra_header(message, sizeof *request);
	request->rtm_family = is_ipv4(address) ? AF_INET : AF_INET6;
	request->rtm_dst_len = is_ipv4(address) ? 32 : 128;
	put_address(message, RTA_DST, address);
	mnl_attr_put_u32(message, RTA_OIF, next_hops->ifindex);
	int result = exchange(next_hops, message, read_route, route);
	if (result)
		return result;
	return route->type == RTN_UNICAST && route->ifindex == next_hops->ifindex && route->has_source ? 0 : -ENETUNREACH;
}

static int read_neighbour(const struct nlmsghdr *message, void *context) {
	struct neighbour *neighbour = context;
	const struct nlattr *attribute;
	if (message->nlmsg_type != RTM_NEWNEIGH)
		return MNL_CB_OK;
	neighbour->state = ((const struct ndmsg *)mnl_nlmsg_get_payload(message))->ndm_state;
	mnl_attr_for_each(attribute, message, sizeof(struct ndmsg))
		if (mnl_attr_get_type(attribute) == NDA_LLADDR && mnl_attr_get_payload_len(attribute) == sizeof neighbour->mac) {
			neighbour->has_mac = true;
			memcpy(neighbour->mac, mnl_attr_get_payload(attribute), sizeof neighbour->mac);
		}
	return MNL_CB_OK;
}

static struct nlmsghdr *begin_neighbour(void *buffer, uint16_t type, uint16_t flags, const struct vpc_next_hops *next_hops, uint8_t use,
		const uint8_t address[16]) {
	struct nlmsghdr *message = begin(buffer, type, flags);
	struct ndmsg *request = mnl_nlmsg_put_extra_header(message, sizeof *request);
	request->ndm_family = is_ipv4(address) ? AF_INET : AF_INET6;
	request->ndm_ifindex = (int)next_hops->ifindex;
	request->ndm_flags = use;
	put_address(message, NDA_DST, address);
	return message;
}

/* As if a packet were sent to the neighbour: the kernel resolves what it does not know, and confirms what is old. */
static int use_neighbour(struct vpc_next_hops *next_hops, const uint8_t address[16]) {
	char buffer[256];
	return exchange(next_hops, begin_neighbour(buffer, RTM_NEWNEIGH, NLM_F_CREATE, next_hops, NTF_USE, address), NULL, NULL);
}

int vpc_next_hop_find(struct vpc_next_hops *next_hops, const uint8_t address[16], struct vpc_next_hop *ret_next_hop) {
	struct route route = {0};
	struct neighbour neighbour = {0};
	char buffer[256];
	int result = ask_route(next_hops, address, &route);
	if (result)
		return result;
	const uint8_t *gateway = route.has_gateway ? route.gateway : address;
	result = exchange(next_hops, begin_neighbour(buffer, RTM_GETNEIGH, 0, next_hops, 0, gateway), read_neighbour, &neighbour);
	if (result && result != -ENOENT)
		return result;
	if (!(neighbour.state & CONFIRMED))
		result = use_neighbour(next_hops, gateway);
	else
		result = 0;
	if (result)
		return result;

	struct vpc_next_hop found = {.mtu = route.mtu ? route.mtu : next_hops->mtu, .is_known = neighbour.has_mac && (neighbour.state & USABLE)};
	memcpy(found.source, route.source, sizeof found.source);
	memcpy(found.mac, neighbour.mac, sizeof found.mac);
	*ret_next_hop = found;
	return 0;
}
