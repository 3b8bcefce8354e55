// SPDX-License-Identifier: Apache-2.0
/* The uplink, the UDP port and nftables. */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "cleanup.h"
#include "probe_internal.h"

enum {
	OVERHEAD_IPV4 = 50, /* of VXLAN: inner Ethernet, VXLAN, UDP, IPv4 */
	OVERHEAD_IPV6 = 70,
	SMALLEST_MTU = 1280, /* of a Pod (RFC 8200, 5) */
	ANSWER = 8192,
};

/* ---- uplink ---- */

/* The interface of the IPv4 default route with the lowest metric; "" if there is none. */
static void find_ipv4_route(char name[IF_NAMESIZE]) {
	char line[256], interface[IF_NAMESIZE];
	unsigned destination, flags, metric, mask, best = UINT32_MAX;
	FILE *file = fopen("/proc/thread-self/net/route", "re");
	while (file && fgets(line, sizeof line, file))
		if (sscanf(line, "%15s %x %*x %x %*d %*d %u %x", interface, &destination, &flags, &metric, &mask) == 5 && destination == 0 &&
			mask == 0 && metric < best) {
			memcpy(name, interface, sizeof interface);
			best = metric;
		}
	if (file)
		fclose(file);
}

static void find_ipv6_route(char name[IF_NAMESIZE]) {
	char line[256], destination[33], interface[IF_NAMESIZE];
	unsigned length, metric, flags, best = UINT32_MAX;
	FILE *file = fopen("/proc/thread-self/net/ipv6_route", "re");
	while (file && fgets(line, sizeof line, file))
		if (sscanf(line, "%32s %x %*s %*x %*s %x %*x %*x %x %15s", destination, &length, &metric, &flags, interface) == 5 && length == 0 &&
			strspn(destination, "0") == 32 && strcmp(interface, "lo") && metric < best) {
			memcpy(name, interface, sizeof interface);
			best = metric;
		}
	if (file)
		fclose(file);
}

static void probe_uplink(struct vpc_probe *probe, uint32_t ifindex) {
	char route[IF_NAMESIZE] = "";
	struct vpc_error error = {""};
	find_ipv4_route(route);
	if (!route[0])
		find_ipv6_route(route);
	if (!ifindex && !route[0]) {
		vpc_probe_tell(probe, VPC_CHECK_UPLINK, VPC_WARNING, "there is no default route, so the uplink is not known and was not looked at");
		return;
	}
	if (vpc_link_get(ifindex, route, &probe->uplink, &error)) {
		vpc_probe_tell(probe, VPC_CHECK_UPLINK, VPC_FAILURE, "%s", error.text);
		return;
	}
	const struct vpc_link *uplink = &probe->uplink;
	probe->has_default_route = strcmp(uplink->name, route) == 0;
	if (uplink->mtu < SMALLEST_MTU + OVERHEAD_IPV4)
		vpc_probe_tell(probe, VPC_CHECK_UPLINK, VPC_FAILURE, "%s has an MTU of %" PRIu32 "; VPCs need at least %d", uplink->name,
			uplink->mtu, SMALLEST_MTU + OVERHEAD_IPV4);
	else if (!uplink->is_up)
		vpc_probe_tell(probe, VPC_CHECK_UPLINK, VPC_WARNING, "%s is down (ip link set dev %s up)", uplink->name, uplink->name);
	else if (uplink->mtu < SMALLEST_MTU + OVERHEAD_IPV6)
		vpc_probe_tell(probe, VPC_CHECK_UPLINK, VPC_WARNING, "%s has an MTU of %" PRIu32 ", which is too small for VXLAN over IPv6 (%d)",
			uplink->name, uplink->mtu, SMALLEST_MTU + OVERHEAD_IPV6);
	else
		vpc_probe_tell(probe, VPC_CHECK_UPLINK, VPC_FINE, "%s, MTU %" PRIu32 ": Pods get %" PRIu32 " (%" PRIu32 " over IPv6)", uplink->name,
			uplink->mtu, uplink->mtu - OVERHEAD_IPV4, uplink->mtu - OVERHEAD_IPV6);
}

/* ---- UDP port ---- */

/* Binds the port of both IP versions, or of IPv4 where there is no IPv6. */
static int try_port(uint16_t port) {
	const struct sockaddr_in6 any_ipv6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	const struct sockaddr_in any_ipv4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	const int off = 0;
	_cleanup_(close_fd) int ipv6 = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (ipv6 >= 0 && setsockopt(ipv6, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) == 0) {
		if (bind(ipv6, (const struct sockaddr *)&any_ipv6, sizeof any_ipv6) == 0)
			return 0;
		if (errno == EADDRINUSE)
			return -EADDRINUSE;
	}
	_cleanup_(close_fd) int ipv4 = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return ipv4 < 0 || bind(ipv4, (const struct sockaddr *)&any_ipv4, sizeof any_ipv4) ? -errno : 0;
}

static void probe_port(struct vpc_probe *probe) {
	struct vpc_link device;
	int result = try_port(probe->udp_port);
	bool is_ours = vpc_link_get(0, probe->vxlan_device, &device, NULL) == 0 && strcmp(device.kind, "vxlan") == 0 &&
		device.vxlan_port == probe->udp_port;
	if (result == 0)
		vpc_probe_tell(probe, VPC_CHECK_UDP_PORT, VPC_FINE, "%u is free", probe->udp_port);
	else if (is_ours)
		vpc_probe_tell(probe, VPC_CHECK_UDP_PORT, VPC_FINE, "%u is held by %s", probe->udp_port, probe->vxlan_device);
	else
		vpc_probe_tell(probe, VPC_CHECK_UDP_PORT, VPC_FAILURE, "%u is not free: %s", probe->udp_port, strerror(-result));
}

/* ---- nftables ---- */

static void close_socket(struct mnl_socket **socket) {
	if (*socket)
		mnl_socket_close(*socket);
}

/* Asks for the generation of the rules, which changes nothing. */
static int ask_nftables(void) {
	char buffer[ANSWER];
	_cleanup_(close_socket) struct mnl_socket *socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (!socket || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID))
		return -errno;
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	message->nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	message->nlmsg_seq = 1;
	struct nfgenmsg *head = mnl_nlmsg_put_extra_header(message, sizeof *head);
	head->version = NFNETLINK_V0;
	if (mnl_socket_sendto(socket, message, message->nlmsg_len) < 0)
		return -errno;
	for (;;) {
		ssize_t length = mnl_socket_recvfrom(socket, buffer, sizeof buffer);
		int more = length < 0 ? -1 : mnl_cb_run(buffer, (size_t)length, 1, mnl_socket_get_portid(socket), NULL, NULL);
		if (more < 0)
			return -errno;
		if (more == MNL_CB_STOP)
			return 0;
	}
}

static void probe_nftables(struct vpc_probe *probe) {
	int result = ask_nftables();
	if (result)
		vpc_probe_tell(probe, VPC_CHECK_NFTABLES, VPC_FAILURE, "the kernel has no nftables (CONFIG_NF_TABLES): %s", strerror(-result));
	else
		vpc_probe_tell(probe, VPC_CHECK_NFTABLES, VPC_FINE, "the kernel answers");
}

void vpc_probe_network(struct vpc_probe *probe, uint32_t uplink_ifindex) {
	if (probe->has_capabilities)
		probe_nftables(probe);
	probe_uplink(probe, uplink_ifindex);
	probe_port(probe);
	if (probe->uplink.ifindex)
		vpc_probe_offloads(probe);
	vpc_probe_hooks(probe);
}
