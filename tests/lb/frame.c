// SPDX-License-Identifier: Apache-2.0
#include "frame.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { ETH, IP4, IP6, FRAG, EXT, TCP, UDP, ICMP, ICMP6, DATA, KINDS };

/* -1: as it follows from the rest */
struct layer {
	enum kind kind;
	uint8_t source[16], destination[16];
	int source_port, destination_port, type, code, flags;
	int ttl, tos, id, df, mf, off, options, version, ihl, len, proto, label, mtu, quote, group, to, bytes;
};

enum { LAYERS = 12 };

struct description {
	struct layer layers[LAYERS];
	size_t count;
	int cut, pad;
};

__attribute__((noreturn))
static void fail(const char *text, const char *word) {
	fprintf(stderr, "frame '%s': what is '%s'?\n", text, word);
	exit(2);
}

static void put16(uint8_t *at, unsigned value) {
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value) {
	put16(at, value >> 16);
	put16(at + 2, value & 0xffff);
}

static uint32_t sum(const uint8_t *bytes, size_t length, uint32_t sum) {
	for (size_t i = 0; i < length; i++)
		sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
	return sum;
}

static unsigned fold(uint32_t sum) {
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

/* ---- reading ---- */

static bool number(const char *word, const char *name, int *value) {
	size_t length = strlen(name);
	if (strncmp(word, name, length) != 0 || word[length] != '=')
		return false;
	*value = (int)strtol(word + length + 1, NULL, 0);
	return true;
}

static bool option(const char *word, struct layer *layer) {
	struct {
		const char *name;
		int *value;
	} const NUMBERS[] = {{"ttl", &layer->ttl}, {"hop", &layer->ttl}, {"tos", &layer->tos}, {"class", &layer->tos}, {"id", &layer->id},
		{"off", &layer->off}, {"options", &layer->options}, {"version", &layer->version}, {"ihl", &layer->ihl}, {"len", &layer->len},
		{"proto", &layer->proto}, {"next", &layer->proto}, {"type", &layer->proto}, {"label", &layer->label}, {"mtu", &layer->mtu},
		{"quote", &layer->quote}, {"to", &layer->to}};
	for (size_t i = 0; i < sizeof NUMBERS / sizeof *NUMBERS; i++)
		if (number(word, NUMBERS[i].name, NUMBERS[i].value))
			return true;
	if (strcmp(word, "df") == 0)
		return (layer->df = 1);
	if (strcmp(word, "mf") == 0)
		return (layer->mf = 1);
	if (strcmp(word, "group") == 0)
		return (layer->group = 1);
	if (layer->kind != TCP || strspn(word, "SAFR") != strlen(word))
		return false;
	for (; *word; word++)
		layer->flags |= *word == 'F' ? 1 : *word == 'S' ? 2 : *word == 'R' ? 4 : 16;
	return true;
}

/* "20.1.1.100>40.1.1.1", "1000>80" */
static void ends(const char *text, char *word, struct layer *layer) {
	char *right = word ? strchr(word, '>') : NULL;
	if (!right)
		fail(text, word ? word : "the end");
	*right++ = '\0';
	if (layer->kind == TCP || layer->kind == UDP) {
		layer->source_port = atoi(word);
		layer->destination_port = atoi(right);
	} else if (inet_pton(layer->kind == IP4 ? AF_INET : AF_INET6, word, layer->source) != 1 ||
		inet_pton(layer->kind == IP4 ? AF_INET : AF_INET6, right, layer->destination) != 1) {
		fail(text, word);
	}
}

static struct layer *add_layer(struct description *description, enum kind kind) {
	struct layer *layer = &description->layers[description->count++];
	*layer = (struct layer){.kind = kind, .ttl = 64, .version = kind == IP4 ? 4 : 6, .ihl = -1, .len = -1, .proto = -1, .quote = -1};
	return layer;
}

static void read_text(const char *text, struct description *description) {
	static const char *const NAMES[KINDS] = {"eth", "ip4", "ip6", "frag", "ext", "tcp", "udp", "icmp", "icmp6", "data"};
	char copy[1024], *rest = copy;
	struct layer *layer = NULL;
	snprintf(copy, sizeof copy, "%s", text);
	for (char *word; (word = strsep(&rest, " "));) {
		int value = 0;
		if (!*word || number(word, "cut", &description->cut) || number(word, "pad", &description->pad))
			continue;
		if (number(word, "ext", &value) || number(word, "data", &value)) {
			layer = add_layer(description, *word == 'e' ? EXT : DATA);
			layer->type = layer->bytes = value;
			continue;
		}
		enum kind kind = 0;
		while (kind < KINDS && strcmp(word, NAMES[kind]) != 0)
			kind++;
		if (kind == KINDS) {
			if (!layer || !option(word, layer))
				fail(text, word);
			continue;
		}
		layer = add_layer(description, kind);
		if (kind == IP4 || kind == IP6 || kind == TCP || kind == UDP)
			ends(text, strsep(&rest, " "), layer);
		if (kind == ICMP || kind == ICMP6) {
			layer->type = atoi(strsep(&rest, " "));
			layer->code = atoi(strsep(&rest, " "));
		}
	}
}

/* ---- building, from the outside in ---- */

static int protocol_of(const struct layer *layer, const struct layer *end) {
	if (layer == end)
		return 59;
	switch (layer->kind) {
	case IP4: return 4;
	case IP6: return 41;
	case FRAG: return 44;
	case EXT: return layer->type;
	case TCP: return 6;
	case UDP: return 17;
	case ICMP: return 1;
	case ICMP6: return 58;
	default: return 253;
	}
}

static size_t build(const struct layer *layer, const struct layer *end, const struct layer *ip, uint8_t *at);

/* Of TCP, UDP and ICMPv6: over the pseudo header as well. */
static unsigned checksum(const struct layer *ip, int protocol, const uint8_t *bytes, size_t length) {
	uint32_t total = (uint32_t)protocol + (uint32_t)length;
	if (ip && ip->kind == IP4)
		total = sum(ip->source, 4, sum(ip->destination, 4, total));
	else if (ip)
		total = sum(ip->source, 16, sum(ip->destination, 16, total));
	return fold(sum(bytes, length, total));
}

static size_t build_eth(const struct layer *layer, const struct layer *end, uint8_t *at) {
	static const uint8_t BALANCER[6] = {2, 0, 0, 0, 0, 1}, ROUTER[6] = {2, 0, 0, 0, 1, 254};
	memcpy(at, BALANCER, 6);
	memcpy(at + 6, ROUTER, 6);
	if (layer->group)
		memset(at, 0xff, 6);
	if (layer->to) {
		memcpy(at, ROUTER, 5);
		at[5] = (uint8_t)layer->to;
		memcpy(at + 6, BALANCER, 6);
	}
	put16(at + 12, layer->proto >= 0 ? (unsigned)layer->proto : layer + 1 < end && layer[1].kind == IP6 ? 0x86dd : 0x0800);
	return 14 + build(layer + 1, end, NULL, at + 14);
}

static size_t build_ip4(const struct layer *layer, const struct layer *end, uint8_t *at) {
	size_t header = 20 + (size_t)layer->options, length = header + build(layer + 1, end, layer, at + header);
	memset(at, 0, header);
	memset(at + 20, 1, (size_t)layer->options); /* no operation */
	at[0] = (uint8_t)(layer->version << 4 | (layer->ihl >= 0 ? layer->ihl : (int)header / 4));
	at[1] = (uint8_t)layer->tos;
	put16(at + 2, layer->len >= 0 ? (unsigned)layer->len : (unsigned)length);
	put16(at + 4, (unsigned)layer->id);
	put16(at + 6, (unsigned)(layer->df << 14 | layer->mf << 13 | layer->off / 8));
	at[8] = (uint8_t)layer->ttl;
	at[9] = (uint8_t)(layer->proto >= 0 ? layer->proto : protocol_of(layer + 1, end));
	memcpy(at + 12, layer->source, 4);
	memcpy(at + 16, layer->destination, 4);
	put16(at + 10, fold(sum(at, header, 0)));
	return length;
}

static size_t build_ip6(const struct layer *layer, const struct layer *end, uint8_t *at) {
	size_t payload = build(layer + 1, end, layer, at + 40);
	put32(at, (uint32_t)layer->version << 28 | (uint32_t)layer->tos << 20 | (uint32_t)layer->label);
	put16(at + 4, layer->len >= 0 ? (unsigned)layer->len : (unsigned)payload);
	at[6] = (uint8_t)(layer->proto >= 0 ? layer->proto : protocol_of(layer + 1, end));
	at[7] = (uint8_t)layer->ttl;
	memcpy(at + 8, layer->source, 16);
	memcpy(at + 24, layer->destination, 16);
	return 40 + payload;
}

static size_t build_extension(const struct layer *layer, const struct layer *end, const struct layer *ip, uint8_t *at) {
	memset(at, 0, 8);
	at[0] = (uint8_t)(layer->proto >= 0 ? layer->proto : protocol_of(layer + 1, end));
	if (layer->kind == FRAG) {
		put16(at + 2, (unsigned)(layer->off | layer->mf));
		put32(at + 4, (uint32_t)layer->id);
	} else {
		at[2] = 1; /* PadN */
		at[3] = 4;
	}
	return 8 + build(layer + 1, end, ip, at + 8);
}

static size_t build_ports(const struct layer *layer, const struct layer *end, const struct layer *ip, uint8_t *at) {
	size_t header = layer->kind == TCP ? 20 : 8, length = header + build(layer + 1, end, ip, at + header);
	memset(at, 0, header);
	put16(at, (unsigned)layer->source_port);
	put16(at + 2, (unsigned)layer->destination_port);
	if (layer->kind == UDP) {
		put16(at + 4, (unsigned)length);
		put16(at + 6, checksum(ip, 17, at, length));
	} else {
		at[12] = 5 << 4;
		at[13] = (uint8_t)layer->flags;
		put16(at + 14, 1000);
		put16(at + 16, checksum(ip, 6, at, length));
	}
	return length;
}

static size_t build_icmp(const struct layer *layer, const struct layer *end, const struct layer *ip, uint8_t *at) {
	size_t quoted = build(layer + 1, end, NULL, at + 8);
	if (layer->quote >= 0 && quoted > (size_t)layer->quote)
		quoted = (size_t)layer->quote;
	memset(at, 0, 8);
	at[0] = (uint8_t)layer->type;
	at[1] = (uint8_t)layer->code;
	put32(at + 4, (uint32_t)layer->mtu);
	put16(at + 2, layer->kind == ICMP6 ? checksum(ip, 58, at, 8 + quoted) : fold(sum(at, 8 + quoted, 0)));
	return 8 + quoted;
}

static size_t build(const struct layer *layer, const struct layer *end, const struct layer *ip, uint8_t *at) {
	if (layer == end)
		return 0;
	switch (layer->kind) {
	case ETH: return build_eth(layer, end, at);
	case IP4: return build_ip4(layer, end, at);
	case IP6: return build_ip6(layer, end, at);
	case FRAG:
	case EXT: return build_extension(layer, end, ip, at);
	case TCP:
	case UDP: return build_ports(layer, end, ip, at);
	case ICMP:
	case ICMP6: return build_icmp(layer, end, ip, at);
	default:
		for (int i = 0; i < layer->bytes; i++)
			at[i] = (uint8_t)(i * 7);
		return (size_t)layer->bytes + build(layer + 1, end, ip, at + layer->bytes);
	}
}

void frame_build(const char *text, struct frame *ret_frame) {
	struct description description = {0};
	memset(ret_frame, 0, sizeof *ret_frame);
	read_text(text, &description);
	ret_frame->length = build(description.layers, description.layers + description.count, NULL, ret_frame->bytes);
	if (description.pad && ret_frame->length < (size_t)description.pad)
		ret_frame->length = (size_t)description.pad;
	if (description.cut && ret_frame->length > (size_t)description.cut)
		ret_frame->length = (size_t)description.cut;
}

void frame_print(const char *what, const struct frame *frame) {
	printf("    %s (%zu bytes)", what, frame->length);
	for (size_t i = 0; i < frame->length && i < 160; i++)
		printf("%s%02x", i % 32 == 0 ? "\n      " : i % 2 ? "" : " ", frame->bytes[i]);
	puts("");
}
