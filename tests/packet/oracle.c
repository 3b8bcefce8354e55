// SPDX-License-Identifier: Apache-2.0
#include "oracle.h"

#include <linux/if_ether.h>
#include <netinet/in.h>
#include <string.h>

#define FAULT(name_) (1ull << VPC_DROP_##name_)

enum { EXTENSIONS_WALKED = 6, OPTIONS_WALKED = 4 };

/* A packet taken apart as far as it goes. */
struct packet {
	const uint8_t *eth, *ip;
	size_t length;    /* of the IP packet, as its header says; what is behind it is padding */
	int family;
	uint8_t source[16], destination[16]; /* IPv4-mapped for IPv4 */
	int protocol;     /* behind the extension headers */
	size_t transport; /* offset in the IP packet */
	bool is_chained;  /* the protocol stands behind extension headers */
	bool has_fragment_header, is_first, is_later;
	bool is_odd;      /* chain too long, or broken */
};

static uint16_t get16(const uint8_t *at) {
	return at[0] << 8 | at[1];
}

static bool is_who(const uint8_t address[16], int family, enum who who) {
	uint8_t expected[16];
	who_address(who, family, expected);
	return !memcmp(address, expected, 16);
}

static bool is_any_of(const uint8_t address[16], int family, const enum who *list, size_t count, enum who *ret_who) {
	for (size_t i = 0; i < count; i++)
		if (is_who(address, family, list[i])) {
			*ret_who = list[i];
			return true;
		}
	return false;
}

#define IS_ANY_OF(address_, family_, ret_, ...) \
	is_any_of(address_, family_, (const enum who[]){__VA_ARGS__}, sizeof((const enum who[]){__VA_ARGS__}) / sizeof(enum who), ret_)

static bool is_red_member(const uint8_t address[16], int family, enum who *ret_who) {
	return IS_ANY_OF(address, family, ret_who, POD, PEER, FAR, FARTHER);
}

static bool is_blue_member(const uint8_t address[16], int family, enum who *ret_who) {
	return IS_ANY_OF(address, family, ret_who, OTHER, OTHER_FAR, STRANGER, FAR);
}

static bool is_local(enum who who) {
	return who == POD || who == PEER || who == OTHER;
}

static bool is_node(const uint8_t address[16], int family) {
	enum who who;
	return IS_ANY_OF(address, family, &who, NODE, GATEWAY);
}

static bool is_next_hop(const uint8_t address[16], int family) {
	enum who who;
	return IS_ANY_OF(address, family, &who, GATEWAY, SILENT);
}

static bool is_zero(const uint8_t *bytes, size_t length) {
	for (size_t i = 0; i < length; i++)
		if (bytes[i])
			return false;
	return true;
}

static bool is_in_prefix(const uint8_t address[16], int family, enum who who) {
	uint8_t prefix[16];
	who_address(who, family, prefix);
	return !memcmp(address, prefix, family == 4 ? 15 : 8);
}

static bool is_link_local(const uint8_t address[16]) {
	return address[0] == 0xfe && (address[1] & 0xc0) == 0x80;
}

/* The Pod's own: any, but none that a next hop has. */
static bool is_own_link_local(const uint8_t address[16]) {
	return is_link_local(address) && !is_next_hop(address, 6);
}

static bool is_group(const uint8_t address[16], int family) {
	return family == 4 ? address[12] >= 224 : address[0] == 0xff;
}

static bool is_mapped(const uint8_t address[16]) {
	return is_zero(address, 10) && address[10] == 0xff && address[11] == 0xff;
}

static bool is_loopback(const uint8_t address[16], int family) {
	return family == 4 ? address[12] == 127 : is_zero(address, 15) && address[15] == 1;
}

static bool is_pod_mac(const uint8_t *mac) {
	return !memcmp(mac, who_mac(POD), 6);
}

static bool is_extension(int protocol) {
	return protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_ROUTING || protocol == IPPROTO_FRAGMENT || protocol == IPPROTO_DSTOPTS ||
		   protocol == IPPROTO_AH;
}

static void walk_chain(struct packet *packet) {
	packet->protocol = packet->ip[6];
	packet->transport = 40;
	for (int i = 0; is_extension(packet->protocol) && !packet->is_later; i++) {
		if (i == EXTENSIONS_WALKED || packet->transport + 8 > packet->length) {
			packet->is_odd = true;
			return;
		}
		const uint8_t *at = packet->ip + packet->transport;
		if (packet->protocol == IPPROTO_FRAGMENT) {
			packet->has_fragment_header = true;
			packet->is_later = get16(at + 2) & 0xfff8;
			packet->is_first = !packet->is_later && (at[3] & 1);
			packet->transport += 8;
		} else {
			packet->transport += packet->protocol == IPPROTO_AH ? (at[1] + 2) * 4 : (at[1] + 1) * 8;
		}
		packet->is_chained = true;
		packet->protocol = at[0];
	}
}

/* Returns what is wrong with the header itself; the rest of the packet is then not to be read. */
static uint64_t take_apart(const struct frame *frame, int family, struct packet *ret_packet) {
	size_t header = family == 4 ? 20 : 40;
	struct packet packet = {.eth = frame->bytes, .ip = frame->bytes + ETH_HLEN, .family = family};
	if (frame->length < ETH_HLEN + header)
		return FAULT(TRUNCATED);
	const uint8_t *ip = packet.ip;
	uint64_t faults = 0;
	if (ip[0] >> 4 != family)
		faults |= FAULT(MALFORMED_HEADER);
	if (family == 4) {
		packet.length = get16(ip + 2);
		packet.transport = (ip[0] & 15) * 4;
		if (packet.transport < 20 || packet.length < packet.transport)
			faults |= FAULT(MALFORMED_HEADER);
	} else {
		packet.length = 40 + get16(ip + 4);
	}
	if (ETH_HLEN + packet.length > frame->length)
		faults |= FAULT(TRUNCATED);
	if (faults)
		return faults;
	if (family == 4) {
		memcpy(packet.source, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
		memcpy(packet.destination, packet.source, 12);
		memcpy(packet.source + 12, ip + 12, 4);
		memcpy(packet.destination + 12, ip + 16, 4);
		packet.protocol = ip[9];
		packet.is_later = get16(ip + 6) & 0x1fff;
		packet.is_first = !packet.is_later && get16(ip + 6) & 0x2000;
	} else {
		memcpy(packet.source, ip + 8, 16);
		memcpy(packet.destination, ip + 24, 16);
		walk_chain(&packet);
	}
	*ret_packet = packet;
	return 0;
}

/* ---- the outside ---- */

static bool is_port_allowed(int protocol, uint16_t port, const uint8_t peer[16], int family, bool is_out) {
	bool is_icmp = protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
	if (is_out)
		return is_in_prefix(peer, family, ALLOWED) ||
			   (is_in_prefix(peer, family, ALLOWED_PORT) &&
				   ((protocol == IPPROTO_TCP && port == 443) || (protocol == IPPROTO_UDP && port == 53)));
	return is_in_prefix(peer, family, FARTHER) ||
		   (is_in_prefix(peer, family, CALLER) &&
			   ((protocol == IPPROTO_TCP && port >= 80 && port <= 89) || (protocol == IPPROTO_UDP && port == 53) || is_icmp));
}

/* ICMP: errors quote a flow, of which none is remembered; redirects are refused. */
static bool is_icmp_error(int family, int type) {
	return family == 6 ? type < 128 : type == 3 || type == 4 || type == 11 || type == 12;
}

static struct judgement outside(const struct packet *packet, bool is_out) {
	struct judgement judgement = {.verdict = PASSED};
	uint64_t refused = is_out ? FAULT(NOT_A_MEMBER) : FAULT(NOT_ALLOWED_IN);
	uint64_t unreadable = FAULT(TRUNCATED) | FAULT(MALFORMED_HEADER);
	int own_icmp = packet->family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	size_t left = packet->transport < packet->length ? packet->length - packet->transport : 0;
	const uint8_t *at = packet->ip + packet->transport;
	bool has_ports = packet->protocol == IPPROTO_TCP || packet->protocol == IPPROTO_UDP || packet->protocol == IPPROTO_SCTP;
	uint16_t port = 0;

	if (packet->is_odd) /* or a fragment whose header could not be read */
		return (struct judgement){.faults = unreadable | refused | FAULT(FRAGMENT_WITHOUT_FIRST)};
	if (packet->is_later)
		return (struct judgement){.faults = FAULT(FRAGMENT_WITHOUT_FIRST) | unreadable};
	if (packet->transport > packet->length || (has_ports && left < (packet->protocol == IPPROTO_TCP ? 20 : 8)) ||
		(packet->protocol == own_icmp && left < 8))
		return (struct judgement){.faults = unreadable | refused};
	if (packet->protocol == own_icmp && is_icmp_error(packet->family, at[0]))
		return (struct judgement){.faults = refused | unreadable | FAULT(FRAGMENT_WITHOUT_FIRST)};
	if (packet->protocol == IPPROTO_ICMP && packet->family == 4 && at[0] == 5)
		return (struct judgement){.faults = FAULT(ROUTER_ADVERTISEMENT) | refused};
	if (has_ports)
		port = get16(at + 2);
	if (!is_port_allowed(packet->protocol, port, is_out ? packet->destination : packet->source, packet->family, is_out))
		judgement.faults = refused;
	return judgement;
}

/* ---- neighbours ---- */

static bool is_spoken_of(const uint8_t address[16], int family) {
	return is_in_prefix(address, family, ALLOWED) || is_in_prefix(address, family, ALLOWED_PORT) || is_in_prefix(address, family, CALLER) ||
		is_in_prefix(address, family, FARTHER);
}

static struct judgement resolve(const uint8_t target[16], int family) {
	enum who who;
	if (is_red_member(target, family, &who))
		return (struct judgement){.verdict = REACHED, .is_answer = true};
	if (is_next_hop(target, family) || is_node(target, family) || is_spoken_of(target, family))
		return (struct judgement){.verdict = PASSED};
	return (struct judgement){.faults = FAULT(UNKNOWN_NEIGHBOUR)};
}

/* Members need not be told; where a rule speaks of a member's address as well, the host may hear it. */
static struct judgement told_to_member(const uint8_t address[16], int family) {
	if (is_spoken_of(address, family))
		return (struct judgement){.is_undecided = true};
	return (struct judgement){.faults = FAULT(UNKNOWN_NEIGHBOUR)};
}

static struct judgement arp_from_pod(const struct frame *frame, uint64_t faults) {
	const uint8_t *arp = frame->bytes + ETH_HLEN;
	uint8_t sender[16] = {[10] = 0xff, 0xff}, target[16] = {[10] = 0xff, 0xff};
	if (frame->length < ETH_HLEN + 28)
		return (struct judgement){.faults = faults | FAULT(TRUNCATED)};
	memcpy(sender + 12, arp + 14, 4);
	memcpy(target + 12, arp + 24, 4);
	if (get16(arp) != 1 || get16(arp + 2) != ETH_P_IP || arp[4] != 6 || arp[5] != 4 || (get16(arp + 6) != 1 && get16(arp + 6) != 2))
		faults |= FAULT(MALFORMED_HEADER);
	if (!is_pod_mac(arp + 8) || (!is_zero(arp + 14, 4) && !is_who(sender, 4, POD)))
		faults |= FAULT(FOREIGN_ARP);
	if (faults)
		return (struct judgement){.faults = faults | FAULT(UNKNOWN_NEIGHBOUR)};
	if (is_who(target, 4, POD))
		return (struct judgement){.verdict = IGNORED};
	struct judgement judgement = resolve(target, 4);
	if (get16(arp + 6) == 2 && judgement.is_answer)
		return told_to_member(target, 4);
	return judgement;
}

/* Whether the options fit the message exactly, and every link-layer address in them is the Pod's. */
static uint64_t check_options(const struct packet *packet, bool is_unspecified, bool *ret_is_long) {
	const uint8_t *at = packet->ip + 40 + 24, *end = packet->ip + packet->length;
	uint64_t faults = 0;
	for (int i = 0; at < end; i++) {
		if (i == OPTIONS_WALKED)
			*ret_is_long = true;
		if (end - at < 8 || !at[1] || at + at[1] * 8 > end)
			return faults | FAULT(MALFORMED_HEADER);
		if ((at[0] == 1 || at[0] == 2) && (is_unspecified || at[1] != 1 || !is_pod_mac(at + 2)))
			faults |= FAULT(FOREIGN_ND);
		at += at[1] * 8;
	}
	return faults;
}

static struct judgement nd_from_pod(const struct packet *packet) {
	const uint8_t *message = packet->ip + 40, *target = message + 8;
	bool is_unspecified = is_zero(packet->source, 16), is_long = false;
	uint64_t faults = 0;
	if (message[0] == 134 || message[0] == 137)
		faults |= FAULT(ROUTER_ADVERTISEMENT);
	if (!is_unspecified && !is_own_link_local(packet->source) && !is_who(packet->source, 6, POD))
		faults |= FAULT(FOREIGN_ND) | FAULT(FOREIGN_ADDRESS);
	if (message[0] == 133)
		return (struct judgement){.faults = faults, .verdict = IGNORED, .is_undecided = !faults && packet->ip[7] != 255};
	if (faults)
		return (struct judgement){.faults = faults | FAULT(TRUNCATED) | FAULT(MALFORMED_HEADER)};
	if (packet->length < 64)
		return (struct judgement){.faults = FAULT(MALFORMED_HEADER) | FAULT(TRUNCATED)};
	if (packet->ip[7] != 255 || message[1])
		faults |= FAULT(MALFORMED_HEADER);
	faults |= check_options(packet, is_unspecified, &is_long);
	if (message[0] == 136 && !is_who(target, 6, POD) && !is_link_local(target))
		faults |= FAULT(FOREIGN_ND);
	if (message[0] == 136 && is_next_hop(target, 6))
		faults |= FAULT(FOREIGN_ND);
	if (is_mapped(target))
		faults |= FAULT(MALFORMED_HEADER);
	if (is_long || (message[0] == 136 && is_link_local(target) && !faults))
		return (struct judgement){.is_undecided = true};
	if (faults)
		return (struct judgement){.faults = faults | FAULT(UNKNOWN_NEIGHBOUR) | FAULT(FOREIGN_ND), .may_be_ignored = false};
	if (message[0] == 135) {
		if (is_unspecified || is_who(target, 6, POD))
			return (struct judgement){.verdict = IGNORED};
		return resolve(target, 6);
	}
	if (is_group(packet->destination, 6))
		return (struct judgement){.verdict = IGNORED};
	if (is_link_local(packet->destination))
		return (struct judgement){.verdict = PASSED};
	struct judgement judgement = resolve(packet->destination, 6);
	return judgement.is_answer ? told_to_member(packet->destination, 6) : judgement;
}

/* To a group or a link: discovery, listener reports, and nothing else. */
static struct judgement link_ipv6_from_pod(const struct packet *packet) {
	bool is_icmp = packet->protocol == IPPROTO_ICMPV6 && packet->transport < packet->length;
	int type = is_icmp ? packet->ip[packet->transport] : -1;
	bool is_own = is_zero(packet->source, 16) || is_own_link_local(packet->source) || is_who(packet->source, 6, POD);
	if (!packet->is_chained && packet->ip[6] == IPPROTO_ICMPV6 && type >= 133 && type <= 137)
		return nd_from_pod(packet);
	bool is_report = (type >= 130 && type <= 132) || type == 143;
	if (is_own && is_report && (!packet->is_chained || packet->ip[6] == IPPROTO_HOPOPTS))
		return (struct judgement){
			.is_undecided = packet->is_first || packet->transport != 40 + (packet->is_chained ? 8 : 0), .verdict = IGNORED};
	uint64_t faults = is_group(packet->destination, 6) ? FAULT(MULTICAST) : FAULT(LINK_LOCAL);
	if (!is_own || is_zero(packet->source, 16))
		faults |= FAULT(FOREIGN_ADDRESS) | FAULT(FOREIGN_ND);
	bool is_unreadable = packet->is_odd || packet->transport >= packet->length;
	return (struct judgement){.faults = faults | FAULT(TRUNCATED) | FAULT(MALFORMED_HEADER), .may_be_ignored = is_report || is_unreadable};
}

/* ---- programs ---- */

static bool is_tag(uint16_t type) {
	return type == ETH_P_8021Q || type == ETH_P_8021AD;
}

static struct judgement to_member(const struct frame *frame, enum who who) {
	if (!is_local(who) && frame->length - ETH_HLEN > world.mtu)
		return (struct judgement){.is_undecided = true}; /* sizes have rows of their own */
	return (struct judgement){.verdict = REACHED, .target = who};
}

static struct judgement ip_from_pod(const struct frame *frame, int family, uint64_t faults) {
	struct packet packet = {0};
	enum who who;
	uint64_t header = take_apart(frame, family, &packet);
	if (header)
		return (struct judgement){.faults = faults | header};
	bool is_nd = family == 6 && packet.ip[6] == IPPROTO_ICMPV6 && packet.length > 40 && packet.ip[40] >= 133 && packet.ip[40] <= 137;
	if (family == 6 && (is_mapped(packet.source) || is_mapped(packet.destination)))
		faults |= FAULT(MALFORMED_HEADER) | FAULT(FOREIGN_ADDRESS) | FAULT(NOT_A_MEMBER);
	if (family == 6 && packet.ip[6] == IPPROTO_ICMPV6 && packet.length == 40 && !faults)
		return (struct judgement){
			.faults = FAULT(TRUNCATED) | FAULT(FOREIGN_ADDRESS) | FAULT(MULTICAST) | FAULT(LINK_LOCAL) | FAULT(NOT_A_MEMBER),
			.is_undecided = frame->length > ETH_HLEN + 40};
	if (is_nd || (family == 6 && (is_group(packet.destination, 6) || is_link_local(packet.destination)))) {
		struct judgement judgement = is_nd ? nd_from_pod(&packet) : link_ipv6_from_pod(&packet);
		if (faults)
			judgement = (struct judgement){.faults = judgement.faults | faults, .may_be_ignored = is_nd && packet.ip[40] == 133};
		return judgement;
	}
	if (!is_who(packet.source, family, POD))
		faults |= FAULT(FOREIGN_ADDRESS);
	if (is_group(packet.destination, family))
		faults |= FAULT(MULTICAST);
	if (faults)
		return (struct judgement){.faults = faults};
	if (is_red_member(packet.destination, family, &who))
		return to_member(frame, who);
	if (is_loopback(packet.destination, family))
		return (struct judgement){
			.faults = FAULT(NOT_A_MEMBER) | FAULT(TRUNCATED) | FAULT(MALFORMED_HEADER) | FAULT(FRAGMENT_WITHOUT_FIRST)};
	struct judgement judgement = outside(&packet, true);
	if (frame->bytes[0] & 1)
		judgement.faults |= FAULT(MULTICAST);
	return judgement;
}

struct judgement oracle_from_pod(const struct frame *frame) {
	uint16_t type = get16(frame->bytes + 12);
	uint64_t faults = is_pod_mac(frame->bytes + 6) ? 0 : FAULT(FOREIGN_MAC);
	if (frame->length < ETH_HLEN + 20)
		return (struct judgement){.faults = faults | FAULT(TRUNCATED) | FAULT(UNKNOWN_PROTOCOL) | FAULT(FOREIGN_TAG)};
	if (is_tag(type))
		return (struct judgement){.faults = faults | FAULT(FOREIGN_TAG)};
	switch (type) {
	case ETH_P_IP: return ip_from_pod(frame, 4, faults);
	case ETH_P_IPV6: return ip_from_pod(frame, 6, faults);
	case ETH_P_ARP: return arp_from_pod(frame, faults);
	default: return (struct judgement){.faults = faults | FAULT(UNKNOWN_PROTOCOL)};
	}
}

static struct judgement node_to_pod(const struct packet *packet, bool forwarded) {
	struct judgement readable = outside(packet, false);
	uint64_t unreadable = readable.faults & (FAULT(TRUNCATED) | FAULT(MALFORMED_HEADER));
	if (forwarded)
		return (struct judgement){.faults = FAULT(FORGED_NODE) | unreadable | readable.faults};
	if (packet->is_later || packet->is_first || packet->protocol == IPPROTO_ICMP || packet->protocol == IPPROTO_ICMPV6)
		return (struct judgement){.is_undecided = true}; /* redirects, errors and fragments of the node have rows of their own */
	if (unreadable)
		return (struct judgement){.faults = unreadable};
	return (struct judgement){.verdict = PASSED};
}

struct judgement oracle_to_pod(const struct frame *frame, const struct arrival *arrival) {
	uint16_t type = get16(frame->bytes + 12);
	struct packet packet = {0};
	enum who who;
	int family = type == ETH_P_IP ? 4 : 6;
	uint64_t faults = frame->bytes[0] & 1 || is_pod_mac(frame->bytes) ? 0 : FAULT(NOT_ALLOWED_IN);
	if (is_tag(type))
		return (struct judgement){.faults = faults | FAULT(FOREIGN_TAG)};
	if (type == ETH_P_ARP)
		return (struct judgement){.is_undecided = true}; /* rows of their own */
	if (type != ETH_P_IP && type != ETH_P_IPV6)
		return (struct judgement){.faults = faults | FAULT(UNKNOWN_PROTOCOL)};
	uint64_t header = take_apart(frame, family, &packet);
	if (header)
		return (struct judgement){.faults = faults | header | FAULT(MULTICAST) | FAULT(LINK_LOCAL), .may_be_ignored = !arrival->forwarded};
	if (family == 6 && packet.ip[6] == IPPROTO_ICMPV6 && packet.length > 40 && packet.ip[40] >= 133 && packet.ip[40] <= 137)
		return (struct judgement){.is_undecided = true};
	if (is_group(packet.destination, family)) {
		if (faults)
			return (struct judgement){.faults = faults | FAULT(MULTICAST)};
		return arrival->forwarded ? (struct judgement){.faults = FAULT(MULTICAST) | FAULT(NOT_ALLOWED_IN) | FAULT(MALFORMED_HEADER)}
								  : (struct judgement){.verdict = IGNORED, .is_undecided = family == 6 && is_mapped(packet.source)};
	}
	if (family == 6 && (is_link_local(packet.source) || is_link_local(packet.destination)))
		faults |= FAULT(LINK_LOCAL);
	if (family == 6 && (is_mapped(packet.source) || is_mapped(packet.destination)))
		faults |= FAULT(MALFORMED_HEADER) | FAULT(NOT_ALLOWED_IN);
	if (!is_who(packet.destination, family, POD) || is_loopback(packet.source, family) || is_red_member(packet.source, family, &who))
		faults |= FAULT(NOT_ALLOWED_IN);
	if (faults)
		return (struct judgement){.faults = faults | outside(&packet, false).faults};
	return is_node(packet.source, family) ? node_to_pod(&packet, arrival->forwarded) : outside(&packet, false);
}

/* The other VPC has a member on node c with the address that this one's has on node b. */
static bool lives_on(enum who member, bool is_blue, enum who node) {
	if (member == FAR && is_blue)
		return node == NODE_C;
	return (node == NODE_B && (member == FAR || member == OTHER_FAR || member == STRANGER)) || (node == NODE_C && member == FARTHER);
}

/* From VXLAN, or from the trunk with a claimed tag. */
struct judgement oracle_from_node(const struct frame *frame, const struct arrival *arrival) {
	uint16_t type = get16(frame->bytes + 12);
	int family = type == ETH_P_IP ? 4 : 6;
	bool is_known = arrival->sender == NODE_B || arrival->sender == NODE_C, is_vlan = world.carrier == CARRIER_VLAN;
	struct packet packet = {0};
	enum who source, destination;
	uint64_t faults = 0;
	if (!is_known)
		faults |= is_vlan ? FAULT(FOREIGN_INNER_SOURCE) : FAULT(UNKNOWN_VTEP);
	if (is_known && arrival->identifier == UNUSED)
		faults |= FAULT(UNUSED_NETWORK);
	if (frame->length < ETH_HLEN + 20)
		faults |= FAULT(TRUNCATED);
	if (is_tag(type))
		return (struct judgement){.faults = faults | FAULT(DOUBLE_TAG)};
	if (type != ETH_P_IP && type != ETH_P_IPV6)
		return (struct judgement){.faults = faults | FAULT(UNKNOWN_PROTOCOL)};
	uint64_t header = take_apart(frame, family, &packet);
	if (header)
		return (struct judgement){.faults = faults | header | FAULT(TRUNCATED)};
	bool is_blue = arrival->identifier == BLUE;
	bool (*is_member)(const uint8_t *, int, enum who *) = is_blue ? is_blue_member : is_red_member;
	if (arrival->identifier == UNUSED || !is_member(packet.source, family, &source) || !lives_on(source, is_blue, arrival->sender))
		faults |= is_known && arrival->identifier != UNUSED ? FAULT(FOREIGN_INNER_SOURCE) : 0;
	if (!is_member(packet.destination, family, &destination) || !is_local(destination))
		faults |= FAULT(FOREIGN_INNER_DESTINATION);
	if (is_group(packet.destination, family))
		faults |= FAULT(MULTICAST);
	if (family == 6) {
		if (is_link_local(packet.source) || is_link_local(packet.destination))
			faults |= FAULT(LINK_LOCAL);
		if (is_mapped(packet.source) || is_mapped(packet.destination))
			faults |= FAULT(MALFORMED_HEADER);
		if (packet.ip[6] == IPPROTO_ICMPV6 && packet.length == 40)
			return (struct judgement){.faults = faults | FAULT(TRUNCATED) | FAULT(FOREIGN_ND), .is_undecided = !faults};
		if (packet.ip[6] == IPPROTO_ICMPV6 && packet.ip[40] >= 133 && packet.ip[40] <= 137)
			faults |= FAULT(FOREIGN_ND);
	}
	if (faults)
		return (struct judgement){.faults = faults};
	return (struct judgement){.verdict = REACHED, .target = destination};
}
