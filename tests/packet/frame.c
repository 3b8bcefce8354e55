// SPDX-License-Identifier: Apache-2.0
#include "frame.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

int frame_mtu = 1450;

enum { LAYERS_MAX = 16 };

struct builder {
	struct frame *frame;
	const struct layer *layers;
	int family;
	size_t at[LAYERS_MAX + 1]; /* where each layer begins */
};

static uint16_t chosen(int field, int otherwise) {
	return field ? field & 0xffff : otherwise;
}

static uint8_t *append(struct builder *builder, size_t length) {
	uint8_t *bytes = builder->frame->bytes + builder->frame->length;
	memset(bytes, 0, length);
	builder->frame->length += length;
	return bytes;
}

static void put16(uint8_t *at, uint16_t value) {
	at[0] = value >> 8;
	at[1] = value & 0xff;
}

static void put32(uint8_t *at, uint32_t value) {
	put16(at, value >> 16);
	put16(at + 2, value & 0xffff);
}

uint32_t frame_sum(const void *bytes, size_t length, uint32_t sum) {
	const uint8_t *at = bytes;
	for (size_t i = 0; i + 1 < length; i += 2)
		sum += (uint32_t)at[i] << 8 | at[i + 1];
	if (length & 1)
		sum += (uint32_t)at[length - 1] << 8;
	return sum;
}

uint16_t frame_fold(uint32_t sum) {
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

static int family_of(const struct layer *layer, int family) {
	return layer->header == HEADER_IPV4 ? 4 : layer->header == HEADER_IPV6 ? 6 : family;
}

static bool is_ip(const struct layer *layer) {
	return layer->header == HEADER_IP || layer->header == HEADER_IPV4 || layer->header == HEADER_IPV6;
}

static int ethertype_of(const struct layer *next, int family) {
	if (is_ip(next))
		return family_of(next, family) == 4 ? ETH_P_IP : ETH_P_IPV6;
	if (next->header == HEADER_ARP)
		return ETH_P_ARP;
	return next->header == HEADER_TAG ? ETH_P_8021Q : 0x88b5; /* local experimental */
}

static int protocol_of(const struct layer *next, int family) {
	switch (next->header) {
	case HEADER_UDP: return IPPROTO_UDP;
	case HEADER_TCP: return IPPROTO_TCP;
	case HEADER_ICMP:
	case HEADER_ECHO: return family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	case HEADER_ND: return IPPROTO_ICMPV6;
	case HEADER_EXTENSION: return next->type & 0xff;
	case HEADER_IPV4: return IPPROTO_IPIP;
	case HEADER_IPV6: return IPPROTO_IPV6;
	default: return IPPROTO_UDP;
	}
}

static void put_ethernet(struct builder *builder, const struct layer *layer) {
	uint8_t *at = append(builder, 14);
	memcpy(at, who_mac(layer->to), 6);
	memcpy(at + 6, who_mac(layer->from), 6);
	put16(at + 12, chosen(layer->type, ethertype_of(layer + 1, builder->family)));
}

/* A tag's own type stands in the header before it; its `type` says what follows. */
static void put_tag(struct builder *builder, const struct layer *layer) {
	uint8_t *at = append(builder, 4);
	put16(at, layer->priority << 13 | layer->id);
	put16(at + 2, chosen(layer->type, ethertype_of(layer + 1, builder->family)));
}

/* LLC with SNAP, RFC 1042 */
static void put_llc(struct builder *builder, const struct layer *layer) {
	uint8_t *at = append(builder, 8);
	memcpy(at, "\xaa\xaa\x03\0\0\0", 6);
	put16(at + 6, chosen(layer->type, ethertype_of(layer + 1, builder->family)));
}

static void put_arp(struct builder *builder, const struct layer *layer) {
	uint8_t *at = append(builder, 28);
	put16(at, chosen(layer->hardware, 1));
	put16(at + 2, chosen(layer->protocol_type, ETH_P_IP));
	at[4] = chosen(layer->hardware_length, 6);
	at[5] = chosen(layer->protocol_length, 4);
	put16(at + 6, layer->operation);
	memcpy(at + 8, who_mac(layer->sender_mac), 6);
	memcpy(at + 14, who_ipv4(layer->sender), 4);
	memcpy(at + 18, who_mac(layer->target_mac), 6);
	memcpy(at + 24, who_ipv4(layer->target), 4);
}

static void put_options(struct builder *builder, const struct layer *layer) {
	if (layer->options_length)
		memcpy(append(builder, layer->options_length), layer->options, layer->options_length);
}

static void put_ipv4(struct builder *builder, const struct layer *layer) {
	uint8_t *at = append(builder, 20);
	at[0] = chosen(layer->version, 4) << 4 | (chosen(layer->ihl, 5 + layer->options_length / 4) & 15);
	put16(at + 4, layer->fragment);
	put16(at + 6, layer->offset / 8 | (layer->more ? 0x2000 : 0) | (layer->dont_fragment ? 0x4000 : 0) | (layer->reserved ? 0x8000 : 0));
	at[8] = chosen(layer->ttl, 64);
	at[9] = chosen(layer->protocol, protocol_of(layer + 1, 4));
	memcpy(at + 12, who_ipv4(layer->from), 4);
	memcpy(at + 16, who_ipv4(layer->to), 4);
	put_options(builder, layer);
}

static void put_ipv6(struct builder *builder, const struct layer *layer) {
	bool is_fragment = layer->fragment || layer->offset || layer->more;
	uint8_t *at = append(builder, 40);
	int protocol = chosen(layer->protocol, protocol_of(layer + 1, 6));
	at[0] = chosen(layer->version, 6) << 4;
	at[6] = is_fragment ? IPPROTO_FRAGMENT : protocol;
	at[7] = chosen(layer->ttl, layer[1].header == HEADER_ND ? 255 : 64);
	memcpy(at + 8, who_ipv6(layer->from), 16);
	memcpy(at + 24, who_ipv6(layer->to), 16);
	if (!is_fragment)
		return;
	at = append(builder, 8);
	at[0] = protocol;
	put16(at + 2, layer->offset | (layer->more ? 1 : 0));
	put32(at + 4, layer->fragment);
}

static void put_extension(struct builder *builder, const struct layer *layer) {
	int length = layer->bytes ? layer->bytes : 8;
	uint8_t *at = append(builder, length);
	at[0] = chosen(layer->protocol, protocol_of(layer + 1, 6));
	at[1] = layer->type == IPPROTO_FRAGMENT ? 0 : chosen(layer->length, layer->type == IPPROTO_AH ? length / 4 - 2 : length / 8 - 1);
	if (layer->type == IPPROTO_FRAGMENT) {
		put16(at + 2, layer->offset | (layer->more ? 1 : 0));
		put32(at + 4, layer->fragment);
	} else if (length > 2) {
		at[2] = 1; /* PadN over the rest */
		at[3] = length - 4;
	}
}

static void put_tcp(struct builder *builder, const struct layer *layer) {
	uint8_t *at = append(builder, 20);
	put16(at, layer->source_port);
	put16(at + 2, layer->destination_port);
	put32(at + 4, 1);
	at[12] = chosen(layer->data_offset, 5 + layer->options_length / 4) << 4;
	at[13] = chosen(layer->flags, TCP_SYN);
	put16(at + 14, 65535);
	put_options(builder, layer);
}

static void put_icmp(struct builder *builder, const struct layer *layer) {
	bool is_echo = layer->header == HEADER_ECHO;
	uint8_t *at = append(builder, 8);
	if (is_echo)
		at[0] = builder->family == 4 ? (layer->flags ? 0 : 8) : (layer->flags ? 129 : 128);
	else
		at[0] = layer->type;
	at[1] = layer->code;
	put16(at + 4, layer->id);
	if (layer->mtu)
		put32(at + 4, layer->mtu == MTU ? frame_mtu : layer->mtu);
	if (is_echo)
		put16(at + 6, 1);
}

/* RFC 4861 section 4: solicitation and advertisement hold a target; those of routers have bodies of other lengths. */
static void put_nd(struct builder *builder, const struct layer *layer) {
	int type = layer->type;
	uint8_t *at = append(builder, type == 133 ? 8 : type == 134 ? 16 : type == 137 ? 40 : 24);
	at[0] = type;
	at[1] = layer->code;
	at[4] = layer->flags;
	if (type == 135 || type == 136 || type == 137)
		memcpy(at + 8, who_ipv6(layer->target), 16);
	if (!layer->sender_mac && !layer->target_mac && !layer->option_type)
		return;
	at = append(builder, 8);
	at[0] = chosen(layer->option_type, layer->sender_mac ? 1 : 2);
	at[1] = chosen(layer->option_length, 1);
	memcpy(at + 2, who_mac(layer->sender_mac ? layer->sender_mac : layer->target_mac), 6);
}

static void put_quote(struct builder *builder, const struct layer *layer) {
	static struct frame quoted; /* frames are large; rows are built one after the other */
	frame_build(layer->quote, builder->family, &quoted);
	size_t length = quoted.length - ETH_HLEN;
	if (layer->quote_length && length > (size_t)layer->quote_length)
		length = layer->quote_length;
	memcpy(append(builder, length), quoted.bytes + ETH_HLEN, length);
}

static void put_fill(struct builder *builder, const struct layer *layer) {
	int length = layer->mtu ? ETH_HLEN + frame_mtu + layer->bytes - (int)builder->frame->length : layer->bytes;
	uint8_t *at = append(builder, length);
	for (int i = 0; i < length; i++)
		at[i] = 'a' + i % 26;
}

static void put_layer(struct builder *builder, const struct layer *layer) {
	uint8_t *at;
	switch (layer->header) {
	case HEADER_ETH: put_ethernet(builder, layer); break;
	case HEADER_TAG: put_tag(builder, layer); break;
	case HEADER_LLC: put_llc(builder, layer); break;
	case HEADER_ARP: put_arp(builder, layer); break;
	case HEADER_IP: builder->family == 4 ? put_ipv4(builder, layer) : put_ipv6(builder, layer); break;
	case HEADER_IPV4: put_ipv4(builder, layer); break;
	case HEADER_IPV6: put_ipv6(builder, layer); break;
	case HEADER_EXTENSION: put_extension(builder, layer); break;
	case HEADER_UDP:
		at = append(builder, 8);
		put16(at, layer->source_port);
		put16(at + 2, layer->destination_port);
		break;
	case HEADER_TCP: put_tcp(builder, layer); break;
	case HEADER_ICMP:
	case HEADER_ECHO: put_icmp(builder, layer); break;
	case HEADER_ND: put_nd(builder, layer); break;
	case HEADER_FILL: put_fill(builder, layer); break;
	case HEADER_TEXT: memcpy(append(builder, strlen(layer->text)), layer->text, strlen(layer->text)); break;
	case HEADER_QUOTE: put_quote(builder, layer); break;
	case HEADER_VXLAN:
		at = append(builder, 8);
		at[0] = chosen(layer->flags, 8);
		put32(at + 4, (uint32_t)layer->id << 8);
		break;
	case HEADER_END: break;
	}
}

static void fix_ip(struct builder *builder, const struct layer *layer, size_t start) {
	uint8_t *at = builder->frame->bytes + start;
	size_t length = builder->frame->length - start;
	if (family_of(layer, builder->family) == 6) {
		put16(at + 4, chosen(layer->length, length - 40));
		return;
	}
	put16(at + 2, chosen(layer->length, length));
	put16(at + 10, chosen(layer->checksum, frame_fold(frame_sum(at, 20 + layer->options_length, 0))));
}

static void fix_transport(struct builder *builder, const struct layer *layer, const struct layer *ip, size_t start) {
	uint8_t *at = builder->frame->bytes + start;
	size_t length = builder->frame->length - start;
	int family = family_of(ip, builder->family);
	int protocol = protocol_of(layer, family);
	uint32_t pseudo = protocol == IPPROTO_ICMP ? 0 : protocol + length;
	if (protocol != IPPROTO_ICMP)
		pseudo = family == 4 ? frame_sum(who_ipv4(ip->from), 4, frame_sum(who_ipv4(ip->to), 4, pseudo))
							 : frame_sum(who_ipv6(ip->from), 16, frame_sum(who_ipv6(ip->to), 16, pseudo));
	size_t checksum_at = layer->header == HEADER_UDP ? 6 : layer->header == HEADER_TCP ? 16 : 2;
	if (layer->header == HEADER_UDP)
		put16(at + 4, chosen(layer->length, length));
	put16(at + checksum_at, chosen(layer->checksum, frame_fold(frame_sum(at, length, pseudo))));
}

static bool has_checksum(const struct layer *layer) {
	return layer->header == HEADER_UDP || layer->header == HEADER_TCP || layer->header == HEADER_ICMP || layer->header == HEADER_ECHO ||
		layer->header == HEADER_ND;
}

/* From the innermost outwards, since a checksum covers what follows. */
static void fix_lengths_and_checksums(struct builder *builder, int count) {
	for (int i = count - 1; i >= 0; i--) {
		const struct layer *layer = &builder->layers[i];
		int ip = i;
		while (ip >= 0 && !is_ip(&builder->layers[ip]))
			ip--;
		if (is_ip(layer))
			fix_ip(builder, layer, builder->at[i]);
		else if (has_checksum(layer) && ip >= 0)
			fix_transport(builder, layer, &builder->layers[ip], builder->at[i]);
	}
}

void frame_build(const struct layer *layers, int family, struct frame *ret_frame) {
	struct builder builder = {.frame = ret_frame, .layers = layers, .family = family};
	int count = 0;
	ret_frame->length = 0;
	for (; layers[count].header != HEADER_END && count < LAYERS_MAX; count++) {
		builder.at[count] = ret_frame->length;
		put_layer(&builder, &layers[count]);
	}
	fix_lengths_and_checksums(&builder, count);
}

void frame_print(const char *what, const uint8_t *bytes, size_t length) {
	printf("    %s (%zu bytes):", what, length);
	for (size_t i = 0; i < length && i < 512; i++)
		printf("%s%02x", i % 32 ? "" : "\n      ", bytes[i]);
	printf("%s\n", length > 512 ? "..." : "");
}
