// SPDX-License-Identifier: Apache-2.0
/*
 * What the underlay saw: reads a capture as tcpdump -w leaves it, and prints a line for each frame:
 *
 *	vxlan-VNI SOURCE DESTINATION      addresses inside; "-" where the frame inside carries no IP
 *	vlan-ID SOURCE DESTINATION
 *	untagged SOURCE DESTINATION
 */
#include <arpa/inet.h>
#include <netinet/if_ether.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PCAP_MICROSECONDS 0xa1b2c3d4u /* draft-ietf-opsawg-pcap, in this machine's byte order */
#define VXLAN_HEADER 8                /* RFC 7348 */
#define LARGEST_FRAME 262144

struct frame {
	const uint8_t *at, *end;
};

static bool skip(struct frame *frame, size_t length, const uint8_t **ret_header) {
	if ((size_t)(frame->end - frame->at) < length)
		return false;
	*ret_header = frame->at;
	frame->at += length;
	return true;
}

static uint16_t big_endian_16(const uint8_t *bytes) {
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

/* Returns the EtherType, 0 if the frame is too short; *ret_vlan is 0 without a tag. */
static uint16_t read_ethernet(struct frame *frame, uint16_t *ret_vlan) {
	const uint8_t *header, *tag;
	*ret_vlan = 0;
	if (!skip(frame, ETH_HLEN, &header))
		return 0;
	uint16_t type = big_endian_16(header + 12);
	if (type == ETH_P_8021Q && skip(frame, 4, &tag)) {
		*ret_vlan = big_endian_16(tag) & 0xfff;
		type = big_endian_16(tag + 2);
	}
	return type;
}

/* Returns the transport protocol, 0 if there is no whole IP header. */
static uint8_t read_ip(struct frame *frame, uint16_t type, char *source, char *destination) {
	const uint8_t *header;
	strcpy(source, "-");
	strcpy(destination, "-");
	if (type == ETH_P_IP && skip(frame, sizeof(struct iphdr), &header)) {
		inet_ntop(AF_INET, header + 12, source, INET6_ADDRSTRLEN);
		inet_ntop(AF_INET, header + 16, destination, INET6_ADDRSTRLEN);
		return header[9];
	}
	if (type == ETH_P_IPV6 && skip(frame, sizeof(struct ip6_hdr), &header)) {
		inet_ntop(AF_INET6, header + 8, source, INET6_ADDRSTRLEN);
		inet_ntop(AF_INET6, header + 24, destination, INET6_ADDRSTRLEN);
		return header[6];
	}
	return 0;
}

static bool read_vxlan(struct frame *frame, uint16_t port, uint32_t *ret_vni) {
	const uint8_t *udp, *vxlan;
	if (!skip(frame, sizeof(struct udphdr), &udp) || big_endian_16(udp + 2) != port || !skip(frame, VXLAN_HEADER, &vxlan))
		return false;
	*ret_vni = (uint32_t)(vxlan[4] << 16 | vxlan[5] << 8 | vxlan[6]);
	return true;
}

static void tell(struct frame frame, uint16_t port) {
	char source[INET6_ADDRSTRLEN], destination[INET6_ADDRSTRLEN];
	uint16_t vlan, inner_vlan;
	uint32_t vni;
	uint8_t protocol = read_ip(&frame, read_ethernet(&frame, &vlan), source, destination);
	if (protocol == IPPROTO_UDP && read_vxlan(&frame, port, &vni)) {
		read_ip(&frame, read_ethernet(&frame, &inner_vlan), source, destination);
		printf("vxlan-%u %s %s\n", vni, source, destination);
	} else if (vlan) {
		printf("vlan-%u %s %s\n", vlan, source, destination);
	} else {
		printf("untagged %s %s\n", source, destination);
	}
}

int main(int count, char **arguments) {
	static uint8_t bytes[LARGEST_FRAME];
	struct {
		uint32_t magic;
		uint8_t rest[20];
	} file;
	struct {
		uint32_t seconds, microseconds, captured, length;
	} record;

	FILE *capture = count == 3 ? fopen(arguments[1], "re") : NULL;
	if (!capture || fread(&file, sizeof file, 1, capture) != 1 || file.magic != PCAP_MICROSECONDS) {
		fprintf(stderr, "underlay CAPTURE VXLAN_PORT: a capture of Ethernet frames by tcpdump -w\n");
		return 2;
	}
	while (fread(&record, sizeof record, 1, capture) == 1 && record.captured <= sizeof bytes && fread(bytes, record.captured, 1, capture) == 1)
		tell((struct frame){bytes, bytes + record.captured}, (uint16_t)atoi(arguments[2]));
	return fclose(capture) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
