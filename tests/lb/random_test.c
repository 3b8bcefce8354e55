// SPDX-License-Identifier: Apache-2.0
//
// The balancer and a plain model of it see the same frames, made by chance and then changed by chance; meanwhile backends
// drain, die and come. Any difference is a failure.
//
//   lb_random_test [FRAMES]        LB_SEED=n: the same frames again

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "lb_maps.h"
#include "model.h"
#include "scene.h"

enum { FRAMES = 200000, PLACES = 1 << 22, TABLE = 251, CONNECTIONS = 1 << 20, LOOK_EVERY = 5000 };

static struct lb_scene scene;
static struct model model;
static uint64_t random_state;

static uint64_t chance(void) {
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state * 0x2545f4914f6cdd1du;
}
static uint32_t below(uint32_t limit) {
	return (uint32_t)((chance() >> 32) * limit >> 32);
}
static bool one_in(uint32_t n) {
	return below(n) == 0;
}

/* ---- the balancer, and the model of the same ---- */

static const struct {
	const char *vip;
	bool affinity;
	const char *backends[5];
} VIPS[] = {
	{"40.1.1.1:80/tcp", false, {"10.0.0.11", "10.0.0.12", "10.0.0.13", "2001:db8:10::14"}},
	{"40.1.1.1:53/udp", true, {"10.0.0.21", "10.0.0.22", "10.0.0.23"}},
	{"40.1.1.2:80/tcp", false, {"2001:db8:10::31", "10.9.9.9" /* no route: gets nothing */}},
	{"40.1.1.3:80/tcp", false, {NULL}},
	{"[2001:db8:40::1]:80/tcp", false, {"2001:db8:10::11", "2001:db8:10::12", "10.0.0.13"}},
	{"[2001:db8:40::1]:53/udp", false, {"2001:db8:10::21", "2001:db8:10::22"}},
	{"[2001:db8:40::2]:80/tcp", true, {"10.0.0.41", "10.0.0.42"}},
};
enum { VIP_COUNT = sizeof VIPS / sizeof *VIPS };
static struct vpc_lb_service services[VIP_COUNT];

__attribute__((noreturn))
static void fail(const char *text) {
	printf("%s\n", text);
	exit(1);
}

static uint32_t *read_table(uint32_t vip) {
	uint32_t id, *table = calloc(TABLE, sizeof *table);
	if (bpf_map_lookup_elem(scene_map(&scene, "tables"), &vip, &id))
		fail("there is no table");
	int fd = bpf_map_get_fd_by_id(id);
	for (uint32_t i = 0; i < TABLE; i++)
		if (bpf_map_lookup_elem(fd, &i, &table[i]))
			fail("a table cannot be read");
	close(fd);
	return table;
}

/* The model learns which numbers backends have, and what they are from what the test said of them. */
static void teach_backend(uint32_t slot, const char *address, bool draining) {
	struct model_backend *backend = &model.backends[slot];
	uint8_t mapped[16];
	scene_address(address, mapped);
	*backend = (struct model_backend){.state = draining ? MODEL_DRAINING : MODEL_ACTIVE, .mtu = 1500, .own_mac = {2, 0, 0, 0, 0, 1}};
	backend->family = strchr(address, ':') ? 6 : 4;
	if (backend->family == 4) {
		memcpy(backend->address, mapped + 12, 4);
		memcpy(backend->source, (uint8_t[]){10, 0, 0, 1}, 4);
	} else {
		memcpy(backend->address, mapped, 16);
		inet_pton(AF_INET6, "2001:db8:10::1", backend->source);
	}
	backend->has_mac = strcmp(address, "10.9.9.9") != 0;
	memcpy(backend->mac, (uint8_t[]){2, 0, 0, 0, 1, mapped[15]}, 6);
}

static uint32_t slot_of(uint32_t vip, const char *address) {
	uint8_t mapped[16];
	scene_address(address, mapped);
	for (uint32_t slot = 1; slot < MODEL_BACKENDS; slot++) {
		struct lb_backend backend;
		if (bpf_map_lookup_elem(scene_map(&scene, "backends"), &slot, &backend) == 0 && backend.vip == vip && memcmp(backend.address, mapped, 16) == 0)
			return slot;
	}
	fail("a backend has no slot");
}

static void teach_tables(void) {
	for (uint32_t i = 0; i < VIP_COUNT; i++) {
		free((void *)model.vips[i].table);
		model.vips[i].table = read_table(i + 1);
	}
}

static void make_balancer(void) {
	struct lb_settings settings = {.too_big_a_second = UINT32_MAX};
	uint32_t zero = 0;
	scene_make(NULL, &scene);
	if (model_init(&model, PLACES) || bpf_map_update_elem(scene_map(&scene, "settings"), &zero, &settings, BPF_ANY))
		fail("the balancer's settings cannot be written");
	for (uint32_t i = 0; i < VIP_COUNT; i++) {
		services[i] = scene_add_vip(&scene, VIPS[i].vip, TABLE, CONNECTIONS, VIPS[i].affinity);
		model.vips[i] = (struct model_vip){.family = VIPS[i].vip[0] == '[' ? 6 : 4, .port = services[i].port, .protocol = services[i].protocol,
			.affinity = VIPS[i].affinity, .table_size = TABLE};
		memcpy(model.vips[i].address, services[i].address + (model.vips[i].family == 4 ? 12 : 0), model.vips[i].family == 4 ? 4 : 16);
		for (size_t j = 0; VIPS[i].backends[j]; j++) {
			scene_set_backend(&scene, &services[i], VIPS[i].backends[j], 1 + (uint32_t)j, false);
			teach_backend(slot_of(i + 1, VIPS[i].backends[j]), VIPS[i].backends[j], false);
		}
	}
	teach_tables();
}

/* Backends change under traffic: one drains or comes back, or goes down or up. */
static void change_something(void) {
	struct vpc_error error = {""};
	uint32_t vip = below(VIP_COUNT), backend = below(4);
	const char *address = VIPS[vip].backends[backend];
	if (!address)
		return;
	uint8_t mapped[16];
	scene_address(address, mapped);
	uint32_t slot = slot_of(vip + 1, address);
	if (one_in(2)) {
		bool draining = model.backends[slot].state != MODEL_DRAINING;
		if (vpc_lb_backend_set_down(scene.lb, &services[vip], mapped, false, &error) < 0)
			fail(error.text);
		scene_set_backend(&scene, &services[vip], address, 1 + backend, draining);
		teach_backend(slot, address, draining);
	} else {
		if (vpc_lb_backend_set_down(scene.lb, &services[vip], mapped, true, &error) < 0)
			fail(error.text);
		model.backends[slot].state = MODEL_GONE;
	}
	teach_tables();
}

/* ---- frames by chance ---- */

struct frame {
	size_t length;
	uint8_t bytes[MODEL_FRAME];
};

static uint8_t *append(struct frame *frame, size_t length) {
	uint8_t *at = frame->bytes + frame->length;
	memset(at, 0, length);
	frame->length += length;
	return at;
}

static void write16(uint8_t *at, uint32_t value) {
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static uint32_t a_port(void) {
	static const uint16_t PORTS[] = {80, 53, 81};
	return PORTS[below(3)];
}

static void vip_address(int family, uint8_t *at) {
	if (family == 4)
		memcpy(at, (uint8_t[]){40, 1, 1, (uint8_t)(1 + below(4))}, 4);
	else
		inet_pton(AF_INET6, one_in(2) ? "2001:db8:40::1" : "2001:db8:40::2", at);
}

static void client_address(int family, uint8_t *at) {
	if (family == 4)
		memcpy(at, (uint8_t[]){20, 1, 1, (uint8_t)below(16)}, 4);
	else
		inet_pton(AF_INET6, "2001:db8:20::", at), at[15] = (uint8_t)below(16);
}

static void add_transport(struct frame *frame, uint32_t protocol, bool is_answer) {
	uint8_t *at = append(frame, protocol == 6 ? 20 : 8);
	uint32_t client = 1000 + below(64), service = a_port();
	write16(at, is_answer ? service : client);
	write16(at + 2, is_answer ? client : service);
	if (protocol == 6) {
		at[12] = 0x50;
		at[13] = (uint8_t)(one_in(3) ? 2 : 16);
	}
	append(frame, one_in(20) ? 1380 + below(120) : below(40));
}

static void add_icmp_error(struct frame *frame, int family, const uint8_t *vip);

static void add_ipv4(struct frame *frame, bool is_quoted, const uint8_t *quoted_vip) {
	size_t start = frame->length, options = one_in(8) ? below(11) * 4 : 0;
	uint8_t *ip = append(frame, 20 + options);
	uint32_t protocol = one_in(2) ? 6 : 17, kind = is_quoted ? 0 : below(10);
	ip[0] = (uint8_t)(0x45 + options / 4);
	ip[1] = (uint8_t)chance();
	write16(ip + 4, below(8));
	write16(ip + 6, one_in(2) ? 0x4000 : 0);
	ip[8] = (uint8_t)(one_in(20) ? below(3) : 64);
	if (is_quoted) {
		memcpy(ip + 12, quoted_vip, 4);
		client_address(4, ip + 16);
	} else {
		client_address(4, ip + 12);
		vip_address(4, ip + 16);
	}
	write16(ip + 10, (uint32_t)chance());
	if (kind == 1)
		protocol = 1;
	ip[9] = (uint8_t)protocol;
	if (kind == 2) {
		write16(ip + 6, (one_in(2) ? 0x2000 : 0) | below(5));
		append(frame, below(64));
	} else if (kind == 1) {
		add_icmp_error(frame, 4, ip + 16);
	} else {
		if (kind == 3)
			write16(ip + 6, 0x2000);
		add_transport(frame, protocol, is_quoted);
	}
	write16(frame->bytes + start + 2, (uint32_t)(frame->length - start));
}

static void add_ipv6(struct frame *frame, bool is_quoted, const uint8_t *quoted_vip) {
	size_t start = frame->length;
	uint8_t *ip = append(frame, 40), *at;
	uint32_t protocol = one_in(2) ? 6 : 17, kind = is_quoted ? 0 : below(10);
	ip[0] = (uint8_t)(0x60 | below(16));
	ip[1] = (uint8_t)chance();
	ip[6] = (uint8_t)protocol;
	ip[7] = (uint8_t)(one_in(20) ? below(3) : 64);
	if (is_quoted) {
		memcpy(ip + 8, quoted_vip, 16);
		client_address(6, ip + 24);
	} else {
		client_address(6, ip + 8);
		vip_address(6, ip + 24);
	}
	switch (kind) {
	case 1:
		ip[6] = 58;
		add_icmp_error(frame, 6, ip + 24);
		break;
	case 2:
	case 3:
		ip[6] = 44;
		at = append(frame, 8);
		at[0] = (uint8_t)protocol;
		at[7] = (uint8_t)below(8);
		write16(at + 2, kind == 2 ? below(5) * 8 + below(2) : below(2));
		add_transport(frame, protocol, false);
		break;
	case 4: ip[6] = (uint8_t)(one_in(2) ? 0 : 60); /* fall through */
	default: add_transport(frame, protocol, is_quoted); break;
	}
	write16(frame->bytes + start + 4, (uint32_t)(frame->length - start - 40));
}

static void add_icmp_error(struct frame *frame, int family, const uint8_t *vip) {
	static const uint8_t TYPES4[] = {3, 4, 8, 11, 12}, TYPES6[] = {1, 2, 3, 4, 128};
	uint8_t *icmp = append(frame, 8);
	icmp[0] = family == 4 ? TYPES4[below(5)] : TYPES6[below(5)];
	if (family == 4)
		add_ipv4(frame, true, vip);
	else
		add_ipv6(frame, true, vip);
}

/* Bytes of the headers change, the end is cut off, or something follows. */
static void spoil(struct frame *frame) {
	if (one_in(3))
		for (uint32_t n = 1 + below(3); n > 0; n--)
			frame->bytes[below(frame->length < 90 ? (uint32_t)frame->length : 90)] = (uint8_t)(one_in(2) ? chance() : below(64));
	if (one_in(10) && frame->length > 14)
		frame->length = 14 + below((uint32_t)frame->length - 14);
	if (one_in(20))
		append(frame, below(60));
	if (frame->length > 3000)
		frame->length = 3000;
}

static void make_frame(struct frame *frame) {
	static const uint8_t ETHERNET[12] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 1, 254};
	bool is_ipv4 = one_in(2);
	frame->length = 0;
	uint8_t *eth = append(frame, 14);
	memcpy(eth, ETHERNET, sizeof ETHERNET);
	write16(eth + 12, is_ipv4 ? 0x0800 : 0x86dd);
	if (is_ipv4)
		add_ipv4(frame, false, NULL);
	else
		add_ipv6(frame, false, NULL);
	spoil(frame);
}

/* ---- comparing ---- */

static void print_frame(const char *what, const uint8_t *bytes, size_t length) {
	printf("%s (%zu):", what, length);
	for (size_t i = 0; i < length && i < 128; i++)
		printf("%s%02x", i % 2 ? "" : " ", bytes[i]);
	puts("");
}

static bool agrees(const struct frame *in) {
	static const uint32_t ACTIONS[] = {[MODEL_PASS] = 2, [MODEL_SEND] = 3, [MODEL_DROP] = 1};
	static struct frame expected;
	static uint8_t out[MODEL_FRAME];
	expected.length = in->length;
	memcpy(expected.bytes, in->bytes, in->length);
	enum model_verdict verdict = model_run(&model, expected.bytes, &expected.length);
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = in->bytes, .data_size_in = (uint32_t)in->length, .data_out = out, .data_size_out = sizeof out);
	if (bpf_prog_test_run_opts(scene.program, &options))
		fail(strerror(errno));
	if (options.retval == ACTIONS[verdict] &&
		(verdict == MODEL_DROP || (options.data_size_out == expected.length && memcmp(out, expected.bytes, expected.length) == 0)))
		return true;
	printf("the balancer answers %u, the model %u\n", options.retval, ACTIONS[verdict]);
	print_frame("in", in->bytes, in->length);
	print_frame("balancer", out, options.data_size_out);
	print_frame("model", expected.bytes, expected.length);
	return false;
}

static uint64_t totals[MODEL_COUNT_END];

static int add_total(const struct vpc_lb_count *count, void *context) {
	static const char *const NAMES[] = {
#define AS_NAME(name_) #name_,
		MODEL_COUNTS(AS_NAME)
	};
	(void)context;
	for (int i = 0; i < MODEL_COUNT_END; i++)
		if (strcmp(NAMES[i], count->name) == 0)
			return totals[i] += count->count, 0;
	printf("%s was counted %llu times, which the model never does\n", count->name, (unsigned long long)count->count);
	return -EINVAL;
}

static bool counts_agree(void) {
	struct vpc_error error = {""};
	memset(totals, 0, sizeof totals);
	int result = vpc_lb_count_each(scene.lb, NULL, add_total, NULL, &error);
	for (uint32_t i = 0; i < VIP_COUNT && result == 0; i++)
		result = vpc_lb_count_each(scene.lb, &services[i], add_total, NULL, &error);
	for (int i = 0; i < MODEL_COUNT_END && result == 0; i++)
		if (totals[i] != model.counts[i]) {
			printf("counter %d is %llu, in the model %llu\n", i, (unsigned long long)totals[i], (unsigned long long)model.counts[i]);
			result = -1;
		}
	return result == 0;
}

int main(int argc, char **argv) {
	static struct frame frame;
	const char *seed = getenv("LB_SEED");
	uint64_t first = seed ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL) << 20 | (uint64_t)getpid();
	unsigned long frames = argc > 1 ? strtoul(argv[1], NULL, 10) : FRAMES;
	random_state = first * 2 + 1;
	make_balancer();
	for (unsigned long i = 0; i < frames; i++) {
		if (i % LOOK_EVERY == LOOK_EVERY - 1)
			change_something();
		make_frame(&frame);
		if (!agrees(&frame) || (i % LOOK_EVERY == 0 && !counts_agree())) {
			printf("frame %lu of LB_SEED=%llu\n", i, (unsigned long long)first);
			return 1;
		}
	}
	if (!counts_agree()) {
		printf("after %lu frames of LB_SEED=%llu\n", frames, (unsigned long long)first);
		return 1;
	}
	printf("%lu frames, LB_SEED=%llu:", frames, (unsigned long long)first);
#define PRINT(name_) printf(" %s %llu", #name_, (unsigned long long)model.counts[MODEL_##name_]);
	MODEL_COUNTS(PRINT)
	puts("");
	scene_free(&scene);
	model_free(&model);
	return 0;
}
