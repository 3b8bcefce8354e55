/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames written as lists of headers. Lengths, checksums and protocol numbers are worked out unless a row sets them:
 *
 *	FRAME(ETH(POD, HOST), IP(POD, FAR), UDP(1000, 2000), TEXT("hello"))
 *	FRAME(ETH(POD, HOST), IPV4(POD, FAR, .length = 19), UDP(1000, 2000))
 *
 * IP is IPv4 or IPv6, and ECHO is ICMP or ICMPv6, as the variant says in which the row runs. Fields that are left out are
 * 0; where 0 means "work it out", FORCE(0) is a zero that stays.
 */
#ifndef FRAME_H
#define FRAME_H

#include <stddef.h>
#include <stdint.h>

enum { FRAME_MAX = 65536, FORCED = 0x1000000 };
#define FORCE(value_) (FORCED | (value_))

/* Everybody that occurs in a row; who.c gives their addresses. */
enum who {
	NOBODY,       /* 0.0.0.0, ::, MAC of zeros */
	POD,          /* whose programs are tested */
	PEER,         /* member of the same VPC on the same node */
	FAR,          /* member on node b */
	FARTHER,      /* member on node c */
	OTHER,        /* Pod of another VPC on this node */
	OTHER_FAR,    /* member of the other VPC on node b */
	STRANGER,     /* member of the other VPC on node b, with an address that could be of this one */
	MISSING,      /* an address of nobody */
	GATEWAY,      /* next hop of the Pod and address of the node */
	SILENT,       /* next hop that is no address of the node: 169.254.1.1, fe80::1 */
	HOST,         /* host side of the Pod's veth; its address is that of GATEWAY */
	NODE,         /* underlay address of this node, MAC of its uplink */
	NODE_B,       /* the nodes that this one knows */
	NODE_C,
	ROGUE,        /* a machine on the underlay that is no node */
	ALLOWED,      /* outside: `allow` for everything */
	ALLOWED_PORT, /* outside: `allow` for TCP 443 and UDP 53 */
	DENIED,       /* outside: no rule */
	CALLER,       /* outside: `allowFrom` for TCP 80 to 89, UDP 53 and echo; another one names FARTHER's prefix */
	LINK_LOCAL,   /* the Pod's own fe80:: address; 169.254.0.2 */
	FAR_LINK_LOCAL,
	LOOPBACK,
	MAPPED,       /* IPv6: FAR's IPv4 address, IPv4-mapped */
	BROADCAST,    /* 255.255.255.255; ff02::1 */
	MULTICAST,    /* mDNS */
	ROUTERS,      /* ff02::2 */
	MLD_ROUTERS,  /* ff02::16 */
	GLOBAL_GROUP, /* 239.1.1.1; ff0e::1 */
	SOLICIT_POD, SOLICIT_PEER, SOLICIT_FAR, SOLICIT_MISSING, SOLICIT_GATEWAY, SOLICIT_SILENT, SOLICIT_STRANGER, /* ff02::1:ff... */
	WHO_COUNT
};

enum header {
	HEADER_END, HEADER_ETH, HEADER_TAG, HEADER_LLC, HEADER_ARP, HEADER_IP, HEADER_IPV4, HEADER_IPV6, HEADER_EXTENSION,
	HEADER_UDP, HEADER_TCP, HEADER_ICMP, HEADER_ECHO, HEADER_ND, HEADER_FILL, HEADER_TEXT, HEADER_QUOTE, HEADER_VXLAN,
};

struct layer {
	enum header header;
	enum who from, to;
	int type;          /* ETH, TAG, LLC: ethertype or length; ICMP, ND: type; EXTENSION: its own protocol number */
	int id;            /* TAG: VLAN ID; ECHO: identifier; VXLAN: VNI */
	int code;          /* ICMP, ND */
	int priority;      /* TAG */
	int hardware, protocol_type, hardware_length, protocol_length, operation; /* ARP */
	enum who sender, target;           /* ARP: addresses; ND: target */
	enum who sender_mac, target_mac;   /* ARP, ND options */
	int option_length; /* ND: of the first option, units of 8 bytes */
	int option_type;   /* ND: of the first option */
	int version, ihl, length, protocol, ttl; /* IP; length: IPv4 total, IPv6 payload; UDP and EXTENSION length as well */
	int dont_fragment, fragment, offset, more; /* IP: identification, offset in bytes; IPv6 gets a fragment header */
	int reserved;      /* IPv4: the reserved flag */
	const char *options; /* IPV4, TCP: bytes of options */
	int options_length;
	int source_port, destination_port; /* UDP, TCP */
	int flags, data_offset;            /* TCP */
	int mtu;                           /* ICMP */
	int checksum;
	int bytes;                         /* FILL, EXTENSION: how many */
	const char *text;
	const struct layer *quote;         /* QUOTE: the packet inside an ICMP error, without its Ethernet header */
	int quote_length;                  /* at most so many bytes of it; 0: all */
};

#define FRAME(...) (const struct layer[]){__VA_ARGS__, {.header = HEADER_END}}
#define ETH(from_, to_, ...) {.header = HEADER_ETH, .from = from_, .to = to_, ##__VA_ARGS__}
#define TAG(id_, ...) {.header = HEADER_TAG, .id = id_, ##__VA_ARGS__}
#define LLC(...) {.header = HEADER_LLC, ##__VA_ARGS__}
#define ARP(operation_, ...) {.header = HEADER_ARP, .operation = operation_, ##__VA_ARGS__}
#define IP(from_, to_, ...) {.header = HEADER_IP, .from = from_, .to = to_, ##__VA_ARGS__}
#define IPV4(from_, to_, ...) {.header = HEADER_IPV4, .from = from_, .to = to_, ##__VA_ARGS__}
#define IPV6(from_, to_, ...) {.header = HEADER_IPV6, .from = from_, .to = to_, ##__VA_ARGS__}
#define EXT(type_, ...) {.header = HEADER_EXTENSION, .type = type_, ##__VA_ARGS__}
#define UDP(source_, destination_, ...) {.header = HEADER_UDP, .source_port = source_, .destination_port = destination_, ##__VA_ARGS__}
#define TCP(source_, destination_, ...) {.header = HEADER_TCP, .source_port = source_, .destination_port = destination_, ##__VA_ARGS__}
#define ICMP(type_, ...) {.header = HEADER_ICMP, .type = type_, ##__VA_ARGS__}
#define ECHO(id_, ...) {.header = HEADER_ECHO, .id = id_, ##__VA_ARGS__}
#define ECHO_ANSWER(id_, ...) {.header = HEADER_ECHO, .id = id_, .flags = 1, ##__VA_ARGS__}
#define ND(type_, target_, ...) {.header = HEADER_ND, .type = type_, .target = target_, ##__VA_ARGS__}
#define FILL(bytes_) {.header = HEADER_FILL, .bytes = bytes_}
/* So much that the IP packet is `more_` bytes longer than frame_mtu. */
#define FILL_MTU(more_) {.header = HEADER_FILL, .bytes = more_, .mtu = 1}
#define TEXT(text_) {.header = HEADER_TEXT, .text = text_}
#define QUOTE(frame_, length_) {.header = HEADER_QUOTE, .quote = frame_, .quote_length = length_}
#define VXLAN(vni_, ...) {.header = HEADER_VXLAN, .id = vni_, ##__VA_ARGS__}
#define OPTIONS(bytes_) .options = bytes_, .options_length = sizeof(bytes_) - 1

/* As .mtu of ICMP: frame_mtu */
enum { MTU = 0xfffff };
/* What a packet to another node may measure; set with the world. */
extern int frame_mtu;

enum { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_ACK = 16 };

struct frame {
	size_t length;
	uint8_t bytes[FRAME_MAX];
};

/* Family 4 or 6, for IP and ECHO. */
void frame_build(const struct layer *layers, int family, struct frame *ret_frame);
void frame_print(const char *what, const uint8_t *bytes, size_t length);
/* Sum of 16-bit words as in RFC 1071, not yet complemented. */
uint32_t frame_sum(const void *bytes, size_t length, uint32_t sum);
uint16_t frame_fold(uint32_t sum);

const uint8_t *who_mac(enum who who);
const uint8_t *who_ipv4(enum who who);
const uint8_t *who_ipv6(enum who who);
/* IPv4-mapped for family 4. */
void who_address(enum who who, int family, uint8_t ret_address[16]);

#endif
