// SPDX-License-Identifier: Apache-2.0
#include "model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { ICMP = 1, IPIP = 4, TCP = 6, UDP = 17, IPV6 = 41, FRAGMENT = 44, ICMPV6 = 58, QUOTED = 128 };

struct model_flow {
	bool is_used;
	int vip;
	uint8_t client[18]; /* address, port */
	uint32_t backend;
};

struct model_fragment {
	bool is_used;
	int family;
	uint8_t key[37]; /* source, destination, identification, protocol */
	uint32_t backend;
};

/* A packet while it is being judged. */
struct view {
	struct model *model;
	uint8_t *frame;
	size_t *length;
	uint8_t *ip; /* in the frame */
	size_t there; /* bytes from ip to the frame's end */
	int family;
	size_t address_length;
	const uint8_t *source, *destination;
	size_t total; /* of the IP packet, as its header says */
};

static uint32_t get16(const uint8_t *at) {
	return at[0] * 256u + at[1];
}
static uint32_t get32(const uint8_t *at) {
	return get16(at) << 16 | get16(at + 2);
}
static void set16(uint8_t *at, uint32_t value) {
	at[0] = (uint8_t)(value >> 8 & 0xff);
	at[1] = (uint8_t)(value & 0xff);
}
static void set32(uint8_t *at, uint32_t value) {
	set16(at, value >> 16);
	set16(at + 2, value & 0xffff);
}

static uint32_t ones_complement_sum(const uint8_t *bytes, size_t length) {
	uint64_t sum = 0;
	for (size_t i = 0; i + 1 < length; i += 2)
		sum += get16(bytes + i);
	if (length % 2)
		sum += (uint32_t)bytes[length - 1] << 8;
	return (uint32_t)(sum % 0xffff ? sum % 0xffff : sum ? 0xffff : 0);
}

int model_init(struct model *model, size_t places) {
	model->flows = calloc(places, sizeof *model->flows);
	model->fragments = calloc(places, sizeof *model->fragments);
	model->places = places;
	return model->flows && model->fragments ? 0 : -ENOMEM;
}

void model_free(struct model *model) {
	free(model->flows);
	free(model->fragments);
}

static enum model_verdict drop(struct view *view, enum model_count reason) {
	view->model->counts[reason]++;
	return MODEL_DROP;
}

static bool is_vip_address(const struct view *view, const uint8_t *address) {
	for (const struct model_vip *vip = view->model->vips; vip->family; vip++)
		if (vip->family == view->family && memcmp(vip->address, address, view->address_length) == 0)
			return true;
	return false;
}

static enum model_verdict refuse(struct view *view, enum model_count reason) {
	return is_vip_address(view, view->destination) ? drop(view, reason) : MODEL_PASS;
}

static int find_vip(const struct view *view, const uint8_t *address, uint32_t port, uint32_t protocol) {
	for (int i = 0; view->model->vips[i].family; i++) {
		const struct model_vip *vip = &view->model->vips[i];
		if (vip->family == view->family && vip->port == port && vip->protocol == protocol &&
			memcmp(vip->address, address, view->address_length) == 0)
			return i;
	}
	return -1;
}

/* ---- which backend ---- */

static uint64_t scramble(uint64_t x) {
	x = (x ^ (x >> 33)) * 18397679294719823053u;
	x = (x ^ (x >> 33)) * 14181476777654086739u;
	return x ^ (x >> 33);
}

static uint32_t from_table(const struct model_vip *vip, const uint8_t client[18]) {
	uint64_t hash;
	if (vip->family == 4) {
		hash = scramble((uint64_t)get32(client) << 32 | get16(client + 16));
	} else {
		hash = scramble((uint64_t)get32(client) << 32 | get32(client + 4));
		hash = scramble(hash ^ ((uint64_t)get32(client + 8) << 32 | get32(client + 12)));
		hash = scramble(hash ^ get16(client + 16));
	}
	return vip->table[(hash >> 32) * vip->table_size / 4294967296u];
}

static size_t place_of(const struct model *model, const void *bytes, size_t length, uint64_t seed) {
	for (size_t i = 0; i < length; i++)
		seed = seed * 1099511628211u + ((const uint8_t *)bytes)[i];
	return (seed ^ seed >> 29) & (model->places - 1);
}

static struct model_flow *flow_at(struct model *model, int vip, const uint8_t client[18]) {
	size_t place = place_of(model, client, 18, (uint64_t)vip + 1);
	while (model->flows[place].is_used && (model->flows[place].vip != vip || memcmp(model->flows[place].client, client, 18) != 0))
		place = (place + 1) & (model->places - 1);
	return &model->flows[place];
}

enum purpose { OF_FLOW, OPENS, QUOTED_IN_ERROR };

static bool takes(const struct model *model, uint32_t backend, enum purpose purpose) {
	int state = model->backends[backend].state;
	return state == MODEL_ACTIVE || (state == MODEL_DRAINING && purpose != OPENS);
}

/* 0: none */
static uint32_t choose(struct view *view, int number, const uint8_t *address, uint32_t port, enum purpose purpose) {
	const struct model_vip *vip = &view->model->vips[number];
	uint8_t client[18] = {0};
	memcpy(client, address, view->address_length);
	set16(client + 16, vip->affinity ? 0 : port);
	struct model_flow *flow = flow_at(view->model, number, client);
	if (flow->is_used && takes(view->model, flow->backend, purpose))
		return flow->backend;
	uint32_t backend = from_table(vip, client);
	if (backend == 0 || view->model->backends[backend].state == MODEL_GONE)
		return 0;
	if (purpose == QUOTED_IN_ERROR)
		return backend;
	view->model->counts[MODEL_NEW_FLOW]++;
	flow->is_used = true;
	flow->vip = number;
	memcpy(flow->client, client, sizeof client);
	flow->backend = backend;
	return backend;
}

/* ---- what leaves ---- */

static enum model_verdict answer_too_big(struct view *view, uint32_t mtu) {
	uint8_t quoted[QUOTED], answer[14 + 40 + 8 + QUOTED] = {0};
	size_t header = view->family == 4 ? 20 : 40, length = header + 8 + QUOTED;
	uint8_t *ip = answer + 14, *icmp = ip + header;
	memcpy(quoted, view->ip, QUOTED);
	memcpy(answer, view->frame + 6, 6);
	memcpy(answer + 6, view->frame, 6);
	memcpy(answer + 12, view->frame + 12, 2);
	icmp[0] = view->family == 4 ? 3 : 2;
	icmp[1] = view->family == 4 ? 4 : 0;
	set32(icmp + 4, mtu);
	memcpy(icmp + 8, quoted, QUOTED);
	if (view->family == 4) {
		ip[0] = 0x45;
		set16(ip + 2, (uint32_t)length);
		ip[8] = 64;
		ip[9] = ICMP;
		memcpy(ip + 12, quoted + 16, 4);
		memcpy(ip + 16, quoted + 12, 4);
		set16(ip + 10, 0xffff ^ ones_complement_sum(ip, 20));
		set16(icmp + 2, 0xffff ^ ones_complement_sum(icmp, 8 + QUOTED));
	} else {
		uint8_t pseudo[40 + 8 + QUOTED] = {0};
		ip[0] = 0x60;
		set16(ip + 4, 8 + QUOTED);
		ip[6] = ICMPV6;
		ip[7] = 64;
		memcpy(ip + 8, quoted + 24, 16);
		memcpy(ip + 24, quoted + 8, 16);
		memcpy(pseudo, ip + 8, 32);
		set32(pseudo + 32, 8 + QUOTED);
		pseudo[39] = ICMPV6;
		memcpy(pseudo + 40, icmp, 8 + QUOTED);
		set16(icmp + 2, 0xffff ^ ones_complement_sum(pseudo, sizeof pseudo));
	}
	view->model->counts[MODEL_TOO_BIG_ANSWERED]++;
	memcpy(view->frame, answer, 14 + length);
	*view->length = 14 + length;
	return MODEL_SEND;
}

static void age(struct view *view) {
	if (view->family == 6) {
		view->ip[7]--;
		return;
	}
	uint32_t sum = get16(view->ip + 10) + 0x100;
	view->ip[8]--;
	set16(view->ip + 10, sum >= 0xffff ? (sum + 1) & 0xffff : sum);
}

static enum model_verdict forward(struct view *view, uint32_t number, bool is_answerable) {
	const struct model_backend *backend = &view->model->backends[number];
	size_t header = backend->family == 4 ? 20 : 40;
	uint8_t outer[14 + 40] = {0}, *ip = outer + 14;
	uint32_t service = view->family == 4 ? view->ip[1] : (get16(view->ip) >> 4 & 0xff);
	if (backend->state == MODEL_GONE)
		return drop(view, MODEL_NO_BACKEND);
	if (!backend->has_mac)
		return drop(view, MODEL_NO_NEXT_HOP);
	if (view->ip[view->family == 4 ? 8 : 7] <= 1)
		return drop(view, MODEL_TIME_EXCEEDED);
	if (view->total + header > backend->mtu) {
		if (is_answerable)
			return answer_too_big(view, backend->mtu - (uint32_t)header);
		return drop(view, MODEL_TOO_BIG);
	}
	age(view);
	memcpy(outer, backend->mac, 6);
	memcpy(outer + 6, backend->own_mac, 6);
	set16(outer + 12, backend->family == 4 ? 0x0800 : 0x86dd);
	if (backend->family == 4) {
		ip[0] = 0x45;
		ip[1] = (uint8_t)service;
		set16(ip + 2, (uint32_t)view->total + 20);
		ip[6] = 0x40;
		ip[8] = 64;
		ip[9] = view->family == 4 ? IPIP : IPV6;
		memcpy(ip + 12, backend->source, 4);
		memcpy(ip + 16, backend->address, 4);
		set16(ip + 10, 0xffff ^ ones_complement_sum(ip, 20));
	} else {
		set32(ip, 6u << 28 | service << 20);
		set16(ip + 4, (uint32_t)view->total);
		ip[6] = view->family == 4 ? IPIP : IPV6;
		ip[7] = 64;
		memcpy(ip + 8, backend->source, 16);
		memcpy(ip + 24, backend->address, 16);
	}
	memmove(view->frame + 14 + header, view->frame + 14, *view->length - 14);
	memcpy(view->frame, outer, 14 + header);
	*view->length += header;
	return MODEL_SEND;
}

/* ---- what it is ---- */

static struct model_fragment *fragment_at(struct view *view, uint32_t identification, uint8_t protocol) {
	uint8_t key[37] = {0};
	memcpy(key, view->source, view->address_length);
	memcpy(key + 16, view->destination, view->address_length);
	set32(key + 32, identification);
	key[36] = protocol;
	struct model *model = view->model;
	size_t place = place_of(model, key, sizeof key, (uint64_t)view->family);
	while (model->fragments[place].is_used && (model->fragments[place].family != view->family || memcmp(model->fragments[place].key, key, sizeof key) != 0))
		place = (place + 1) & (model->places - 1);
	if (!model->fragments[place].is_used) {
		model->fragments[place].family = view->family;
		memcpy(model->fragments[place].key, key, sizeof key);
	}
	return &model->fragments[place];
}

static enum model_verdict run_later_fragment(struct view *view, uint32_t identification, uint8_t protocol) {
	struct model_fragment *fragment = fragment_at(view, identification, protocol);
	if (!fragment->is_used || !takes(view->model, fragment->backend, OF_FLOW))
		return refuse(view, MODEL_FRAGMENT_WITHOUT_FIRST);
	return forward(view, fragment->backend, false);
}

/* at: offset of the transport header from ip; first: it is a first fragment, of that identification */
static enum model_verdict run_flow(struct view *view, uint8_t protocol, size_t at, bool first, uint32_t identification) {
	size_t least = protocol == TCP ? 20 : 8;
	const uint8_t *transport = view->ip + at;
	if (view->total < at + least || view->there < at + least)
		return refuse(view, MODEL_TRUNCATED);
	int vip = find_vip(view, view->destination, get16(transport + 2), protocol);
	if (vip < 0)
		return MODEL_PASS;
	bool opens = protocol == TCP && (transport[13] & 2) && !(transport[13] & 16);
	uint32_t backend = choose(view, vip, view->source, get16(transport), opens ? OPENS : OF_FLOW);
	if (backend == 0)
		return drop(view, MODEL_NO_BACKEND);
	if (first) {
		struct model_fragment *fragment = fragment_at(view, identification, protocol);
		fragment->is_used = true;
		fragment->backend = backend;
	}
	return forward(view, backend, true);
}

static enum model_verdict run_icmp(struct view *view, size_t at) {
	const uint8_t *icmp = view->ip + at, *quoted = icmp + 8, *source, *destination;
	size_t header = view->family == 4 ? 20 : 40;
	if (view->there < at + 8 + header + 4)
		return MODEL_PASS;
	if (view->family == 4 ? icmp[0] != 3 && icmp[0] != 4 && icmp[0] != 11 && icmp[0] != 12 : icmp[0] < 1 || icmp[0] > 4)
		return MODEL_PASS;
	if (view->family == 4 && (quoted[0] != 0x45 || get16(quoted + 6) & 0x1fff))
		return MODEL_PASS;
	source = quoted + (view->family == 4 ? 12 : 8);
	destination = source + view->address_length;
	if (memcmp(source, view->destination, view->address_length) != 0)
		return MODEL_PASS;
	int vip = find_vip(view, source, get16(quoted + header), quoted[view->family == 4 ? 9 : 6]);
	if (vip < 0)
		return MODEL_PASS;
	uint32_t backend = choose(view, vip, destination, get16(quoted + header + 2), QUOTED_IN_ERROR);
	if (backend == 0)
		return drop(view, MODEL_NO_BACKEND);
	view->model->counts[MODEL_ICMP_ERROR]++;
	return forward(view, backend, false);
}

static enum model_verdict run_ipv4(struct view *view) {
	if (view->there < 20)
		return MODEL_PASS;
	size_t header = (view->ip[0] & 15u) * 4;
	uint8_t protocol = view->ip[9];
	uint32_t offset = get16(view->ip + 6) & 0x1fff;
	view->total = get16(view->ip + 2);
	if (view->ip[0] / 16 != 4 || header < 20 || view->total < header)
		return refuse(view, MODEL_MALFORMED_HEADER);
	if (view->total > view->there)
		return refuse(view, MODEL_TRUNCATED);
	if (protocol != TCP && protocol != UDP && protocol != ICMP)
		return MODEL_PASS;
	if (offset == 1 && protocol == TCP)
		return refuse(view, MODEL_MALFORMED_HEADER);
	if (offset)
		return run_later_fragment(view, get16(view->ip + 4), protocol);
	if (protocol == ICMP)
		return run_icmp(view, header);
	return run_flow(view, protocol, header, view->ip[6] & 0x20, get16(view->ip + 4));
}

static enum model_verdict run_fragment_header(struct view *view) {
	const uint8_t *header = view->ip + 40;
	if (view->there < 48 || view->total < 48)
		return refuse(view, MODEL_TRUNCATED);
	if (header[0] != TCP && header[0] != UDP)
		return refuse(view, MODEL_EXTENSION_HEADER);
	if (get16(header + 2) >> 3)
		return run_later_fragment(view, get32(header + 4), header[0]);
	return run_flow(view, header[0], 48, header[3] & 1, get32(header + 4));
}

static enum model_verdict run_ipv6(struct view *view) {
	if (view->there < 40)
		return MODEL_PASS;
	view->total = 40 + get16(view->ip + 4);
	if (view->ip[0] / 16 != 6)
		return refuse(view, MODEL_MALFORMED_HEADER);
	if (view->total > view->there)
		return refuse(view, MODEL_TRUNCATED);
	switch (view->ip[6]) {
	case TCP:
	case UDP: return run_flow(view, view->ip[6], 40, false, 0);
	case ICMPV6: return run_icmp(view, 40);
	case FRAGMENT: return run_fragment_header(view);
	case 0:
	case 43:
	case 51:
	case 60: return refuse(view, MODEL_EXTENSION_HEADER);
	default: return MODEL_PASS;
	}
}

enum model_verdict model_run(struct model *model, uint8_t frame[MODEL_FRAME], size_t *length) {
	struct view view = {.model = model, .frame = frame, .length = length, .ip = frame + 14};
	if (*length < 14 || frame[0] & 1)
		return MODEL_PASS;
	view.there = *length - 14;
	uint32_t type = get16(frame + 12);
	view.family = type == 0x0800 ? 4 : type == 0x86dd ? 6 : 0;
	view.address_length = view.family == 4 ? 4 : 16;
	view.source = view.ip + (view.family == 4 ? 12 : 8);
	view.destination = view.source + view.address_length;
	if (view.family == 0)
		return MODEL_PASS;
	return view.family == 4 ? run_ipv4(&view) : run_ipv6(&view);
}
