// SPDX-License-Identifier: Apache-2.0
//
// What becomes of one frame: verdict, action, bytes and counters, by BPF_PROG_TEST_RUN. A row with IP in it runs as IPv4
// and as IPv6, unless it says which.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "filter_world.h"
#include "frame.h"

enum variant { V4 = 1, V6 = 2, ANY = 3, NEITHER = 4 };

struct row {
	const char *description;
	int variants;
	const struct layer *in;
	enum vpc_filter_verdict verdict;
	bool has_socket;
	enum wait wait;
	uint16_t first_reply, last_reply;
	int cut_from, cut_to; /* truncated to each of these lengths in turn; those of IPv4 */
	int append;           /* bytes behind the frame */
	uint8_t padding;      /* what they are */
};

#define HIM ETH(FAR, NODE)
#define SENT(...) FRAME(HIM, IP(FAR, NODE), __VA_ARGS__)
#define GIVES(verdict_) .verdict = VPC_FILTER_##verdict_
#define HOP IPPROTO_HOPOPTS
#define NOPS40 "\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1"
enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16, URG = 32 };

static const struct row PORTS[] = {
	{"TCP to a public port", ANY, SENT(TCP(50000, PUBLIC)), GIVES(PUBLIC)},
	{"UDP to a public port", ANY, SENT(UDP(50000, PUBLIC)), GIVES(PUBLIC)},
	{"TCP to a closed port", ANY, SENT(TCP(50000, CLOSED)), GIVES(CLOSED_PORT)},
	{"UDP to a closed port", ANY, SENT(UDP(50000, CLOSED)), GIVES(CLOSED_PORT)},
	{"TCP to a port that is public for TCP only", ANY, SENT(TCP(50000, TCP_ONLY)), GIVES(PUBLIC)},
	{"UDP to a port that is public for TCP only", ANY, SENT(UDP(50000, TCP_ONLY)), GIVES(CLOSED_PORT)},
	{"TCP to a port that is public for UDP only", ANY, SENT(TCP(50000, UDP_ONLY)), GIVES(CLOSED_PORT)},
	{"UDP to a port that is public for UDP only", ANY, SENT(UDP(50000, UDP_ONLY)), GIVES(PUBLIC)},
	{"TCP from a public port to a closed one", ANY, SENT(TCP(PUBLIC, CLOSED)), GIVES(CLOSED_PORT)},
	{"UDP from a public port to a closed one", ANY, SENT(UDP(PUBLIC, CLOSED)), GIVES(CLOSED_PORT)},
	{"TCP to port 0", ANY, SENT(TCP(50000, 0)), GIVES(CLOSED_PORT)},
	{"UDP to port 0", ANY, SENT(UDP(50000, 0)), GIVES(CLOSED_PORT)},
	{"TCP to port 65535", ANY, SENT(TCP(50000, 65535)), GIVES(CLOSED_PORT)},
	{"TCP to a public port with its bytes exchanged", ANY, SENT(TCP(50000, PUBLIC << 8)), GIVES(CLOSED_PORT)},
	{"TCP with payload to a public port", ANY, SENT(TCP(50000, PUBLIC, .flags = ACK | PSH), TEXT("GET /")), GIVES(PUBLIC)},
	{"UDP with payload to a public port", ANY, SENT(UDP(50000, PUBLIC), FILL(1000)), GIVES(PUBLIC)},
	{"TCP with options to a public port", ANY, SENT(TCP(50000, PUBLIC, OPTIONS("\2\4\5\264"))), GIVES(PUBLIC)},
	{"from and to a public port of this machine's own address", ANY, FRAME(HIM, IP(NODE, NODE), TCP(PUBLIC, PUBLIC)), GIVES(PUBLIC)},
	{"port of the earlier filter only", ANY, SENT(TCP(50000, EARLIER)), GIVES(CLOSED_PORT)},
	{"TCP for a socket, which is there", ANY, SENT(TCP(50000, SOCKET)), GIVES(SOCKET), .has_socket = true},
	{"UDP for a socket, which is there", ANY, SENT(UDP(50000, SOCKET)), GIVES(SOCKET), .has_socket = true},
	{"UDP for a socket, and none is there", ANY, SENT(UDP(50000, SOCKET)), GIVES(NO_SOCKET)},
	{"TCP reply for a socket, which is there", ANY, SENT(TCP(50000, SOCKET, .flags = ACK)), GIVES(SOCKET), .has_socket = true},
	{"TCP reply for a socket, and none is there", ANY, SENT(TCP(50000, SOCKET, .flags = ACK)), GIVES(NO_SOCKET)},
	{"public and for a socket, which is there", ANY, SENT(UDP(50000, BOTH)), GIVES(SOCKET), .has_socket = true},
	{"public and for a socket, and none is there", ANY, SENT(UDP(50000, BOTH)), GIVES(PUBLIC)},
	{"public port while a socket is there", ANY, SENT(TCP(50000, PUBLIC)), GIVES(PUBLIC), .has_socket = true},
	{"closed port while a socket is there", ANY, SENT(TCP(50000, CLOSED)), GIVES(CLOSED_PORT), .has_socket = true},
};

static const struct row REPLIES[] = {
	{"SYN and ACK", ANY, SENT(TCP(443, 50000, .flags = SYN | ACK)), GIVES(TCP_REPLY)},
	{"ACK", ANY, SENT(TCP(443, 50000, .flags = ACK)), GIVES(TCP_REPLY)},
	{"ACK with data to a low port", ANY, SENT(TCP(50000, CLOSED, .flags = ACK | PSH), TEXT("x")), GIVES(TCP_REPLY)},
	{"FIN and ACK", ANY, SENT(TCP(443, 50000, .flags = FIN | ACK)), GIVES(TCP_REPLY)},
	{"RST", ANY, SENT(TCP(443, 50000, .flags = RST)), GIVES(TCP_REPLY)},
	{"RST and ACK", ANY, SENT(TCP(443, 50000, .flags = RST | ACK)), GIVES(TCP_REPLY)},
	{"SYN to an ephemeral port", ANY, SENT(TCP(443, 50000, .flags = SYN)), GIVES(CLOSED_PORT)},
	{"SYN with urgent and push", ANY, SENT(TCP(443, 50000, .flags = SYN | URG | PSH)), GIVES(CLOSED_PORT)},
	{"SYN and RST", ANY, SENT(TCP(443, CLOSED, .flags = SYN | RST)), GIVES(CLOSED_PORT)},
	{"SYN and FIN", ANY, SENT(TCP(443, CLOSED, .flags = SYN | FIN)), GIVES(CLOSED_PORT)},
	{"FIN alone", ANY, SENT(TCP(443, CLOSED, .flags = FIN)), GIVES(CLOSED_PORT)},
	{"no flag", ANY, SENT(TCP(443, CLOSED, .flags = FORCE(0))), GIVES(CLOSED_PORT)},
	{"FIN, push and urgent", ANY, SENT(TCP(443, CLOSED, .flags = FIN | PSH | URG)), GIVES(CLOSED_PORT)},
	{"no flag to a public port", ANY, SENT(TCP(443, PUBLIC, .flags = FORCE(0))), GIVES(PUBLIC)},
	{"UDP to the first reply port", ANY, SENT(UDP(53, 32768)), GIVES(UDP_REPLY)},
	{"UDP below the first reply port", ANY, SENT(UDP(53, 32767)), GIVES(CLOSED_PORT)},
	{"UDP to the last reply port", ANY, SENT(UDP(53, 60999)), GIVES(UDP_REPLY)},
	{"UDP above the last reply port", ANY, SENT(UDP(53, 61000)), GIVES(CLOSED_PORT)},
	{"UDP to another range's first port", ANY, SENT(UDP(53, 1024)), GIVES(UDP_REPLY), .first_reply = 1024, .last_reply = 2047},
	{"UDP to another range's last port", ANY, SENT(UDP(53, 2047)), GIVES(UDP_REPLY), .first_reply = 1024, .last_reply = 2047},
	{"UDP above another range", ANY, SENT(UDP(53, 2048)), GIVES(CLOSED_PORT), .first_reply = 1024, .last_reply = 2047},
	{"UDP where there are no replies", ANY, SENT(UDP(53, 50000)), GIVES(CLOSED_PORT), .first_reply = 65535, .last_reply = 1},
	{"UDP to the last port where there are no replies", ANY, SENT(UDP(53, 65535)), GIVES(CLOSED_PORT), .first_reply = 65535, .last_reply = 1},
	{"DHCP answer", V4, SENT(UDP(67, 68)), GIVES(DHCP)},
	{"DHCP answer to everybody", V4, FRAME(ETH(FAR, BROADCAST), IP(FAR, BROADCAST), UDP(67, 68)), GIVES(DHCP)},
	{"DHCP request", V4, FRAME(ETH(FAR, BROADCAST), IP(NOBODY, BROADCAST), UDP(68, 67)), GIVES(CLOSED_PORT)},
	{"UDP from elsewhere to the port of a DHCP client", ANY, SENT(UDP(53, 68)), GIVES(CLOSED_PORT)},
	{"UDP from elsewhere to the port of a DHCPv6 client", ANY, SENT(UDP(67, 546)), GIVES(CLOSED_PORT)},
	{"DHCPv6 answer", V6, SENT(UDP(547, 546)), GIVES(DHCP)},
	{"DHCPv6 request", V6, SENT(UDP(546, 547)), GIVES(CLOSED_PORT)},
	{"TCP between the ports of DHCP", V4, SENT(TCP(67, 68)), GIVES(CLOSED_PORT)},
};

static const struct row OTHERS[] = {
	{"echo request", ANY, SENT(ECHO(1)), GIVES(ICMP)},
	{"echo reply", ANY, SENT(ECHO_ANSWER(1)), GIVES(ICMP)},
	{"fragmentation needed", V4, SENT(ICMP(3, .code = 4, .mtu = 1400)), GIVES(ICMP)},
	{"packet too big", V6, SENT(ICMP(2, .mtu = 1400)), GIVES(ICMP)},
	{"router advertisement", V6, FRAME(ETH(FAR, BROADCAST), IP(FAR_LINK_LOCAL, BROADCAST), ND(134, NOBODY)), GIVES(ICMP)},
	{"neighbour solicitation", V6, FRAME(HIM, IP(FAR, NODE), ND(135, NODE, .sender_mac = FAR)), GIVES(ICMP)},
	{"neighbour advertisement", V6, FRAME(HIM, IP(FAR, NODE), ND(136, FAR, .target_mac = FAR)), GIVES(ICMP)},
	{"multicast listener report behind hop-by-hop options", V6, SENT(EXT(HOP), ICMP(143)), GIVES(ICMP)},
	{"ICMP that ends in its header", V4, FRAME(HIM, IPV4(FAR, NODE, .protocol = IPPROTO_ICMP), FILL(2)), GIVES(ICMP)},
	{"ICMP under IPv6", V6, FRAME(HIM, IPV6(FAR, NODE, .protocol = IPPROTO_ICMP), FILL(8)), GIVES(PROTOCOL)},
	{"ICMPv6 under IPv4", V4, FRAME(HIM, IPV4(FAR, NODE, .protocol = IPPROTO_ICMPV6), FILL(8)), GIVES(PROTOCOL)},
	{"IGMP", V4, FRAME(HIM, IPV4(FAR, MULTICAST, .protocol = IPPROTO_IGMP, OPTIONS("\x94\x04\x00\x00")), FILL(8)), GIVES(ICMP)},
	{"ARP request", NEITHER, FRAME(ETH(FAR, BROADCAST), ARP(1, .sender = FAR, .sender_mac = FAR, .target = NODE)), GIVES(NOT_IP)},
	{"ARP reply", NEITHER, FRAME(HIM, ARP(2, .sender = FAR, .sender_mac = FAR, .target = NODE)), GIVES(NOT_IP)},
	{"LLDP", NEITHER, FRAME(ETH(FAR, NODE, .type = 0x88cc), FILL(46)), GIVES(NOT_IP)},
	{"spanning tree", NEITHER, FRAME(ETH(FAR, NODE, .type = FORCE(38)), FILL(46)), GIVES(NOT_IP)},
	{"a frame of a header alone", NEITHER, FRAME(ETH(FAR, NODE, .type = 0x88cc)), GIVES(NOT_IP)},
	{"GRE, which is allowed", ANY, FRAME(HIM, IP(FAR, NODE, .protocol = GRE), FILL(20)), GIVES(PUBLIC)},
	{"ESP, for a socket that is there", ANY, FRAME(HIM, IP(FAR, NODE, .protocol = ESP), FILL(20)), GIVES(SOCKET), .has_socket = true},
	{"ESP, for a socket that is not there", ANY, FRAME(HIM, IP(FAR, NODE, .protocol = ESP), FILL(20)), GIVES(NO_SOCKET)},
	{"SCTP", ANY, FRAME(HIM, IP(FAR, NODE, .protocol = IPPROTO_SCTP), FILL(20)), GIVES(PROTOCOL)},
	{"UDP-Lite", ANY, FRAME(HIM, IP(FAR, NODE, .protocol = IPPROTO_UDPLITE), FILL(20)), GIVES(PROTOCOL)},
	{"IPv4 in IP, around TCP to a public port", ANY, FRAME(HIM, IP(FAR, NODE), IPV4(FAR, NODE), TCP(50000, PUBLIC)), GIVES(PROTOCOL)},
	{"protocol 255", ANY, FRAME(HIM, IP(FAR, NODE, .protocol = 255), FILL(20)), GIVES(PROTOCOL)},
	{"no next header", V6, FRAME(HIM, IPV6(FAR, NODE, .protocol = IPPROTO_NONE), FILL(20)), GIVES(PROTOCOL)},
};

static const struct row TAGGED[] = {
	{"one tag, public port", ANY, FRAME(HIM, TAG(7), IP(FAR, NODE), TCP(50000, PUBLIC)), GIVES(PUBLIC)},
	{"one tag, closed port", ANY, FRAME(HIM, TAG(7), IP(FAR, NODE), TCP(50000, CLOSED)), GIVES(CLOSED_PORT)},
	{"tag of priority only, closed port", ANY, FRAME(HIM, TAG(0, .priority = 7), IP(FAR, NODE), UDP(50000, CLOSED)), GIVES(CLOSED_PORT)},
	{"one tag of 802.1ad, closed port", ANY, FRAME(ETH(FAR, NODE, .type = ETH_P_8021AD), TAG(7), IP(FAR, NODE), UDP(50000, CLOSED)),
		GIVES(CLOSED_PORT)},
	{"two tags, public port", ANY, FRAME(ETH(FAR, NODE, .type = ETH_P_8021AD), TAG(7), TAG(8), IP(FAR, NODE), UDP(50000, PUBLIC)),
		GIVES(PUBLIC)},
	{"two tags, closed port", ANY, FRAME(HIM, TAG(7), TAG(8), IP(FAR, NODE), TCP(50000, CLOSED)), GIVES(CLOSED_PORT)},
	{"two tags, reply", ANY, FRAME(HIM, TAG(7), TAG(8), IP(FAR, NODE), TCP(443, 50000, .flags = ACK)), GIVES(TCP_REPLY)},
	{"two tags, for a socket", ANY, FRAME(HIM, TAG(7), TAG(8), IP(FAR, NODE), UDP(50000, SOCKET)), GIVES(SOCKET), .has_socket = true},
	{"two tags, extension header, closed port", V6, FRAME(HIM, TAG(7), TAG(8), IP(FAR, NODE), EXT(HOP), TCP(50000, CLOSED)), GIVES(CLOSED_PORT)},
	{"tag around ARP", NEITHER, FRAME(HIM, TAG(7), ARP(1, .sender = FAR, .sender_mac = FAR, .target = NODE)), GIVES(NOT_IP)},
	{"three tags, public port", ANY, FRAME(HIM, TAG(7), TAG(8), TAG(9), IP(FAR, NODE), TCP(50000, PUBLIC)), GIVES(TAGS)},
	{"three tags around ARP", NEITHER, FRAME(HIM, TAG(7), TAG(8), TAG(9), ARP(1, .sender = FAR, .target = NODE)), GIVES(TAGS)},
	{"cut off in the first tag", NEITHER, FRAME(HIM, TAG(7), FILL(1)), GIVES(TRUNCATED), .cut_from = 14, .cut_to = 17},
	{"cut off in the second tag", NEITHER, FRAME(HIM, TAG(7), TAG(8), FILL(1)), GIVES(TRUNCATED), .cut_from = 18, .cut_to = 21},
};

static const struct row HEADERS[] = {
	{"IPv4 with options, closed port", V4, FRAME(HIM, IPV4(FAR, NODE, OPTIONS(NOPS40)), TCP(50000, CLOSED)), GIVES(CLOSED_PORT)},
	{"IPv4 with options, public port", V4, FRAME(HIM, IPV4(FAR, NODE, OPTIONS(NOPS40)), TCP(50000, PUBLIC)), GIVES(PUBLIC)},
	{"IPv4 with four bytes of options, public port", V4, FRAME(HIM, IPV4(FAR, NODE, OPTIONS("\1\1\1\1")), UDP(50000, PUBLIC)), GIVES(PUBLIC)},
	{"version 5", V4, FRAME(HIM, IPV4(FAR, NODE, .version = 5), TCP(50000, PUBLIC)), GIVES(MALFORMED)},
	{"version 7", V6, FRAME(HIM, IPV6(FAR, NODE, .version = 7), TCP(50000, PUBLIC)), GIVES(MALFORMED)},
	{"version 4 under the type of IPv6", V4, FRAME(ETH(FAR, NODE, .type = ETH_P_IPV6), IPV4(FAR, NODE), TCP(50000, PUBLIC)), GIVES(MALFORMED)},
	{"version 6 under the type of IPv4", V6, FRAME(ETH(FAR, NODE, .type = ETH_P_IP), IPV6(FAR, NODE), TCP(50000, PUBLIC)), GIVES(MALFORMED)},
	{"header length 4", V4, FRAME(HIM, IPV4(FAR, NODE, .ihl = 4), TCP(50000, PUBLIC)), GIVES(MALFORMED)},
	{"header length 0", V4, FRAME(HIM, IPV4(FAR, NODE, .ihl = FORCE(0)), TCP(50000, PUBLIC)), GIVES(MALFORMED)},
	{"header longer than the packet", V4, FRAME(HIM, IPV4(FAR, NODE, .ihl = 15), UDP(50000, PUBLIC)), GIVES(MALFORMED)},
	{"length 0", V4, FRAME(HIM, IPV4(FAR, NODE, .length = FORCE(0)), TCP(50000, PUBLIC)), GIVES(MALFORMED)},
	{"length shorter than the header", V4, FRAME(HIM, IPV4(FAR, NODE, .length = 19), TCP(50000, PUBLIC)), GIVES(MALFORMED)},
	{"length without the ports", V4, FRAME(HIM, IPV4(FAR, NODE, .length = 20), TCP(50000, PUBLIC)), GIVES(MALFORMED)},
	{"length that ends in TCP", V4, FRAME(HIM, IPV4(FAR, NODE, .length = 39), TCP(50000, PUBLIC)), GIVES(MALFORMED)},
	{"length that ends in UDP", V4, FRAME(HIM, IPV4(FAR, NODE, .length = 27), UDP(50000, PUBLIC)), GIVES(MALFORMED)},
	{"length longer than the frame", V4, FRAME(HIM, IPV4(FAR, NODE, .length = 41), TCP(50000, PUBLIC)), GIVES(TRUNCATED)},
	{"payload length 0", V6, FRAME(HIM, IPV6(FAR, NODE, .length = FORCE(0)), TCP(50000, PUBLIC)), GIVES(MALFORMED)},
	{"payload length that ends in TCP", V6, FRAME(HIM, IPV6(FAR, NODE, .length = 19), TCP(50000, PUBLIC)), GIVES(MALFORMED)},
	{"payload length that ends in UDP", V6, FRAME(HIM, IPV6(FAR, NODE, .length = 7), UDP(50000, PUBLIC)), GIVES(MALFORMED)},
	{"payload length longer than the frame", V6, FRAME(HIM, IPV6(FAR, NODE, .length = 21), TCP(50000, PUBLIC)), GIVES(TRUNCATED)},
	{"padded to 60 bytes, public port", V4, SENT(UDP(50000, PUBLIC)), GIVES(PUBLIC), .append = 18},
	{"cut off in the header of IPv4", V4, SENT(TCP(50000, PUBLIC)), GIVES(TRUNCATED), .cut_from = 14, .cut_to = 33},
	{"cut off in TCP under IPv4", V4, SENT(TCP(50000, PUBLIC)), GIVES(TRUNCATED), .cut_from = 34, .cut_to = 53},
	{"cut off in UDP under IPv4", V4, SENT(UDP(50000, PUBLIC)), GIVES(TRUNCATED), .cut_from = 34, .cut_to = 41},
	{"cut off in the header of IPv6", V6, SENT(TCP(50000, PUBLIC)), GIVES(TRUNCATED), .cut_from = 14, .cut_to = 53},
	{"cut off in TCP under IPv6", V6, SENT(TCP(50000, PUBLIC)), GIVES(TRUNCATED), .cut_from = 54, .cut_to = 73},
};

static const struct row EXTENSIONS[] = {
	{"hop-by-hop options, public port", V6, SENT(EXT(HOP), TCP(50000, PUBLIC)), GIVES(PUBLIC)},
	{"hop-by-hop options, closed port", V6, SENT(EXT(HOP), TCP(50000, CLOSED)), GIVES(CLOSED_PORT)},
	{"destination options, UDP reply", V6, SENT(EXT(IPPROTO_DSTOPTS, .bytes = 24), UDP(53, 50000)), GIVES(UDP_REPLY)},
	{"routing header, closed port", V6, SENT(EXT(IPPROTO_ROUTING, .bytes = 24), TCP(50000, CLOSED)), GIVES(CLOSED_PORT)},
	{"authentication header, closed port", V6, SENT(EXT(IPPROTO_AH, .bytes = 24), TCP(50000, CLOSED)), GIVES(CLOSED_PORT)},
	{"authentication header, public port", V6, SENT(EXT(IPPROTO_AH, .bytes = 24), TCP(50000, PUBLIC)), GIVES(PUBLIC)},
	{"options of 2048 bytes, public port", V6, SENT(EXT(IPPROTO_DSTOPTS, .bytes = 2048, .length = 255), TCP(50000, PUBLIC)), GIVES(PUBLIC)},
	{"six headers, public port", V6, SENT(EXT(HOP), EXT(60), EXT(43), EXT(60), EXT(51, .bytes = 12), EXT(60), UDP(50000, PUBLIC)), GIVES(PUBLIC)},
	{"six headers, closed port", V6, SENT(EXT(HOP), EXT(60), EXT(43), EXT(60), EXT(60), EXT(60), UDP(50000, CLOSED)), GIVES(CLOSED_PORT)},
	{"seven headers, public port", V6, SENT(EXT(HOP), EXT(60), EXT(43), EXT(60), EXT(60), EXT(60), EXT(60), UDP(50000, PUBLIC)),
		GIVES(EXTENSIONS)},
	{"ESP behind options, for a socket", V6, FRAME(HIM, IPV6(FAR, NODE), EXT(60, .protocol = ESP), FILL(20)), GIVES(SOCKET), .has_socket = true},
	{"unknown protocol behind options", V6, FRAME(HIM, IPV6(FAR, NODE), EXT(60, .protocol = 200), FILL(20)), GIVES(PROTOCOL)},
	{"options longer than the packet", V6, SENT(EXT(60, .length = 5), TCP(50000, PUBLIC)), GIVES(MALFORMED)},
	{"options that reach into TCP", V6, SENT(EXT(60, .length = 1), TCP(50000, PUBLIC)), GIVES(MALFORMED)},
	{"payload length that ends in the options", V6, FRAME(HIM, IPV6(FAR, NODE, .length = 7), EXT(60), TCP(50000, PUBLIC)), GIVES(MALFORMED)},
	{"cut off in the options", V6, SENT(EXT(60), TCP(50000, PUBLIC)), GIVES(TRUNCATED), .cut_from = 54, .cut_to = 61},
};

static const struct row FRAGMENTS[] = {
	{"first fragment, public port", ANY, FRAME(HIM, IP(FAR, NODE, .fragment = 9, .more = 1), TCP(50000, PUBLIC), FILL(100)), GIVES(PUBLIC)},
	{"first fragment, closed port", ANY, FRAME(HIM, IP(FAR, NODE, .fragment = 9, .more = 1), TCP(50000, CLOSED), FILL(100)), GIVES(CLOSED_PORT)},
	{"first fragment of UDP, closed port", ANY, FRAME(HIM, IP(FAR, NODE, .fragment = 9, .more = 1), UDP(50000, CLOSED), FILL(96)),
		GIVES(CLOSED_PORT)},
	{"first fragment of 8 bytes of TCP", ANY, FRAME(HIM, IP(FAR, NODE, .fragment = 9, .more = 1, .protocol = 6), FILL(8)), GIVES(MALFORMED)},
	{"first fragment of 8 bytes of TCP, padded with what looks like an ACK", V4,
		FRAME(HIM, IPV4(FAR, NODE, .fragment = 9, .more = 1, .protocol = 6), FILL(8)), GIVES(MALFORMED), .append = 32, .padding = 0x50},
	{"second fragment of TCP at offset 8", ANY, FRAME(HIM, IP(FAR, NODE, .fragment = 9, .offset = 8, .protocol = 6), FILL(40)), GIVES(MALFORMED)},
	{"later fragment of TCP", ANY, FRAME(HIM, IP(FAR, NODE, .fragment = 9, .offset = 16, .protocol = 6), FILL(40)), GIVES(FRAGMENT)},
	{"later fragment of UDP at offset 8", ANY, FRAME(HIM, IP(FAR, NODE, .fragment = 9, .offset = 8, .protocol = 17), FILL(40)), GIVES(FRAGMENT)},
	{"middle fragment of UDP", ANY, FRAME(HIM, IP(FAR, NODE, .fragment = 9, .offset = 1480, .more = 1, .protocol = 17), FILL(40)),
		GIVES(FRAGMENT)},
	{"later fragment of UDP of one byte", ANY, FRAME(HIM, IP(FAR, NODE, .fragment = 9, .offset = 1480, .protocol = 17), FILL(1)),
		GIVES(FRAGMENT)},
	{"later fragment that looks like one for a socket", ANY,
		FRAME(HIM, IP(FAR, NODE, .fragment = 9, .offset = 64), UDP(50000, SOCKET)), GIVES(FRAGMENT), .has_socket = true},
	{"later fragment of ICMP", ANY, FRAME(HIM, IP(FAR, NODE, .fragment = 9, .offset = 64), ECHO(1)), GIVES(ICMP)},
	{"later fragment of a protocol that is not allowed", ANY,
		FRAME(HIM, IP(FAR, NODE, .fragment = 9, .offset = 64, .protocol = IPPROTO_SCTP), FILL(40)), GIVES(PROTOCOL)},
	{"later fragment of a protocol that is allowed", ANY,
		FRAME(HIM, IP(FAR, NODE, .fragment = 9, .offset = 64, .protocol = GRE), FILL(40)), GIVES(PUBLIC)},
	{"later fragment whose first header is an extension", V6,
		FRAME(HIM, IPV6(FAR, NODE, .fragment = 9, .offset = 64, .protocol = IPPROTO_DSTOPTS), FILL(40)), GIVES(FRAGMENT)},
	{"atomic fragment, public port", V6, SENT(EXT(IPPROTO_FRAGMENT), TCP(50000, PUBLIC)), GIVES(PUBLIC)},
	{"atomic fragment, closed port", V6, SENT(EXT(IPPROTO_FRAGMENT), TCP(50000, CLOSED)), GIVES(CLOSED_PORT)},
	{"fragment behind hop-by-hop options, later", V6, SENT(EXT(HOP), EXT(IPPROTO_FRAGMENT, .offset = 64), TCP(50000, PUBLIC)), GIVES(FRAGMENT)},
	{"first fragment that ends in the options", V6,
		FRAME(HIM, IPV6(FAR, NODE), EXT(IPPROTO_FRAGMENT, .more = 1, .protocol = 60), FILL(4)), GIVES(MALFORMED)},
	{"first fragment without TCP behind the options", V6,
		FRAME(HIM, IPV6(FAR, NODE), EXT(IPPROTO_FRAGMENT, .more = 1), EXT(60, .protocol = 6)), GIVES(MALFORMED)},
	{"don't fragment, public port", V4, FRAME(HIM, IPV4(FAR, NODE, .dont_fragment = 1), TCP(50000, PUBLIC)), GIVES(PUBLIC)},
	{"reserved flag, closed port", V4, FRAME(HIM, IPV4(FAR, NODE, .reserved = 1), TCP(50000, CLOSED)), GIVES(CLOSED_PORT)},
};

static const struct row CONFIRMATION[] = {
	{"waiting, public port", ANY, SENT(TCP(50000, PUBLIC)), GIVES(PUBLIC), .wait = WAITING},
	{"waiting, closed port", ANY, SENT(TCP(50000, CLOSED)), GIVES(CLOSED_PORT), .wait = WAITING},
	{"waiting, port of the earlier filter", ANY, SENT(TCP(50000, EARLIER)), GIVES(CLOSED_PORT), .wait = WAITING},
	{"over, closed port, there was no filter", ANY, SENT(TCP(50000, CLOSED)), GIVES(UNCONFIRMED), .wait = OVER_TO_NOTHING},
	{"over, malformed, there was no filter", V4, FRAME(HIM, IPV4(FAR, NODE, .version = 5), FILL(30)), GIVES(UNCONFIRMED), .wait = OVER_TO_NOTHING},
	{"over, for a socket, there was no filter", ANY, SENT(UDP(50000, SOCKET)), GIVES(UNCONFIRMED), .wait = OVER_TO_NOTHING, .has_socket = true},
	{"over, port of the earlier filter", ANY, SENT(TCP(50000, EARLIER)), GIVES(PUBLIC), .wait = OVER_TO_EARLIER},
	{"over, public port that the earlier filter had closed", ANY, SENT(TCP(50000, PUBLIC)), GIVES(CLOSED_PORT), .wait = OVER_TO_EARLIER},
	{"over, tagged, port of the earlier filter", ANY, FRAME(HIM, TAG(7), IP(FAR, NODE), UDP(50000, EARLIER)), GIVES(PUBLIC),
		.wait = OVER_TO_EARLIER},
	{"over, extension header, port of the earlier filter", V6, SENT(EXT(60), UDP(50000, EARLIER)), GIVES(PUBLIC), .wait = OVER_TO_EARLIER},
	{"over, extension header, closed again", V6, SENT(EXT(60), UDP(50000, PUBLIC)), GIVES(CLOSED_PORT), .wait = OVER_TO_EARLIER},
};

static size_t rows, runs, failures;

static uint32_t action_of(enum vpc_filter_verdict verdict) {
	return verdict == VPC_FILTER_SOCKET ? XDP_REDIRECT : verdict >= VPC_FILTER_FIRST_DROP ? XDP_DROP : XDP_PASS;
}

static void run(const struct row *row, int family, const struct frame *frame) {
	struct outcome outcome;
	world_run(frame->bytes, frame->length, &outcome);
	bool is_right = outcome.action == action_of(row->verdict) && outcome.is_unchanged;
	for (uint32_t i = 0; i < VPC_FILTER_VERDICT_COUNT; i++)
		is_right = is_right && outcome.counts[i] == (i == row->verdict);
	runs++;
	if (is_right)
		return;
	failures++;
	printf("  FAILED %s [IPv%d, %zu bytes]: expected %s, action %u; got action %u,%s counted", row->description, family, frame->length,
		verdict_name(row->verdict), action_of(row->verdict), outcome.action, outcome.is_unchanged ? "" : " other bytes,");
	for (uint32_t i = 0; i < VPC_FILTER_VERDICT_COUNT; i++)
		if (outcome.counts[i])
			printf(" %s", verdict_name(i));
	printf("\n");
	frame_print("frame", frame->bytes, frame->length);
}

static void run_variant(const struct row *row, int family) {
	static struct frame frame;
	frame_build(row->in, family, &frame);
	for (int i = 0; i < row->append; i++)
		frame.bytes[frame.length++] = row->padding;
	if (!row->cut_from)
		return run(row, family, &frame);
	for (int length = row->cut_from; length <= row->cut_to; length++) {
		frame.length = (size_t)length;
		run(row, family, &frame);
	}
}

static void run_rows(const struct row *table, size_t count) {
	size_t before = failures;
	for (size_t i = 0; i < count; i++) {
		const struct row *row = &table[i];
		world_wait(row->wait, row->first_reply, row->last_reply);
		world_bind_socket(row->has_socket);
		rows++;
		if (row->variants & (V4 | NEITHER))
			run_variant(row, 4);
		if (row->variants & V6)
			run_variant(row, 6);
	}
	assert_int_equal(failures, before);
}

#define TABLE_TEST(name_, table_) \
	static void name_(void **state) { \
		(void)state; \
		run_rows(table_, sizeof table_ / sizeof *table_); \
	}
TABLE_TEST(ports_decide, PORTS)
TABLE_TEST(replies_pass, REPLIES)
TABLE_TEST(other_protocols_have_a_policy, OTHERS)
TABLE_TEST(tags_are_looked_behind, TAGGED)
TABLE_TEST(headers_that_lie_are_dropped, HEADERS)
TABLE_TEST(extension_headers_are_looked_behind, EXTENSIONS)
TABLE_TEST(first_fragments_decide, FRAGMENTS)
TABLE_TEST(unconfirmed_filters_take_themselves_back, CONFIRMATION)

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ports_decide),
		cmocka_unit_test(replies_pass),
		cmocka_unit_test(other_protocols_have_a_policy),
		cmocka_unit_test(tags_are_looked_behind),
		cmocka_unit_test(headers_that_lie_are_dropped),
		cmocka_unit_test(extension_headers_are_looked_behind),
		cmocka_unit_test(first_fragments_decide),
		cmocka_unit_test(unconfirmed_filters_take_themselves_back),
	};
	world_make();
	int failed = cmocka_run_group_tests_name("port filter", tests, NULL, NULL);
	world_free();
	printf("%zu rows, %zu runs, %zu failed\n", rows, runs, failures);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
