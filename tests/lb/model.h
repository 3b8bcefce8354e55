/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the balancer is to do, written down once more: byte by byte, with tables as plain lists, and sharing no code with
 * bpf/ or the library. It forgets nothing, so it agrees only as long as the balancer's tables are not full.
 */
#ifndef LB_MODEL_H
#define LB_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MODEL_VIPS = 16, MODEL_BACKENDS = 64, MODEL_FRAME = 4096 };

enum model_verdict { MODEL_PASS, MODEL_SEND, MODEL_DROP };

#define MODEL_COUNTS(X) \
	X(NEW_FLOW) X(ICMP_ERROR) X(TOO_BIG_ANSWERED) X(TRUNCATED) X(MALFORMED_HEADER) X(EXTENSION_HEADER) X(TIME_EXCEEDED) X(NO_BACKEND) \
	X(FRAGMENT_WITHOUT_FIRST) X(TOO_BIG) X(NO_NEXT_HOP)
#define MODEL_COUNT_AS_ENUM(name_) MODEL_##name_,
enum model_count { MODEL_COUNTS(MODEL_COUNT_AS_ENUM) MODEL_COUNT_END };

struct model_vip {
	int family; /* 4 or 6; 0: the end of the list */
	uint8_t address[16]; /* the first 4 bytes for IPv4 */
	uint16_t port;
	uint8_t protocol;
	bool affinity;
	uint32_t table_size;
	const uint32_t *table; /* numbers of backends; 0: none */
};

struct model_backend {
	enum { MODEL_GONE, MODEL_ACTIVE, MODEL_DRAINING } state;
	int family;
	uint8_t address[16], source[16], mac[6], own_mac[6];
	bool has_mac;
	uint32_t mtu;
};

struct model {
	struct model_vip vips[MODEL_VIPS];
	struct model_backend backends[MODEL_BACKENDS];
	uint64_t counts[MODEL_COUNT_END];
	struct model_flow *flows;         /* hash table of `places` */
	struct model_fragment *fragments;
	size_t places;
};

/* places: a power of two, well above the number of flows. -ENOMEM */
int model_init(struct model *model, size_t places);
void model_free(struct model *model);

/* Frame in, frame out; *length changes with it. Untouched unless it is sent. */
enum model_verdict model_run(struct model *model, uint8_t frame[MODEL_FRAME], size_t *length);

#endif
