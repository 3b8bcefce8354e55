// SPDX-License-Identifier: Apache-2.0
//
// Frames drawn at random, most of them nearly right, are judged by the program as by the model.
//
//   RANDOM_SEED=N RANDOM_FRAMES=N filter_random_test
#include <linux/bpf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>
#include "filter_world.h"
#include "frame.h"
#include "model.h"

/* The kernel keeps test frames of XDP in one piece up to a page with its head and tail room. */
enum { FRAMES = 200000, FRAMES_OF_A_TABLE = 500, COMPLAINTS = 10, LONGEST = 3000 };

static struct model model;
static uint64_t state, tally[VPC_FILTER_VERDICT_COUNT];

/* splitmix64 */
static uint64_t draw(void) {
	uint64_t z = state += 0x9e3779b97f4a7c15;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static uint32_t draw_below(uint32_t bound) {
	return (uint32_t)(draw() % bound);
}

static bool is_drawn(uint32_t one_in) {
	return draw_below(one_in) == 0;
}

static uint8_t draw_of(const uint8_t *list, size_t count) {
	return list[draw_below((uint32_t)count)];
}
#define DRAW_OF(...) draw_of((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static uint16_t draw_port(void) {
	static const uint16_t PORTS[] = {PUBLIC, SOCKET, BOTH, CLOSED, EARLIER, 67, 68, 546, 547, 0, 1, 32767, 32768, 60999, 61000, 65535};
	return is_drawn(2) ? PORTS[draw_below(sizeof PORTS / sizeof *PORTS)] : (uint16_t)draw();
}

/* ---- frames ---- */

static void put(struct frame *frame, const void *bytes, size_t length) {
	memcpy(frame->bytes + frame->length, bytes, length);
	frame->length += length;
}

static void put_random(struct frame *frame, size_t length) {
	while (length-- > 0)
		put(frame, &(uint8_t){(uint8_t)draw()}, 1);
}

static void put_word(struct frame *frame, uint16_t word) {
	put(frame, (const uint8_t[]){(uint8_t)(word >> 8), (uint8_t)word}, 2);
}

static uint8_t draw_protocol(void) {
	return is_drawn(8) ? (uint8_t)draw() : DRAW_OF(6, 6, 6, 17, 17, 1, 2, 58, 47, 50, 132);
}

static void put_transport(struct frame *frame, uint8_t protocol) {
	size_t start = frame->length;
	put_word(frame, draw_port());
	put_word(frame, draw_port());
	put_random(frame, protocol == 6 ? 16 : 4);
	if (protocol == 6)
		frame->bytes[start + 13] = is_drawn(3) ? (uint8_t)draw() : DRAW_OF(2, 16, 18, 4, 20, 17, 0, 1, 6, 3);
	put_random(frame, draw_below(30));
}

static uint16_t draw_fragment(uint16_t more) {
	if (!is_drawn(4))
		return 0;
	return (uint16_t)(is_drawn(2) ? draw() : (is_drawn(2) ? more : 0) | draw_below(4) << (more == 1 ? 3 : 0));
}

static void put_ipv4(struct frame *frame) {
	size_t start = frame->length, options = is_drawn(4) ? 4 * draw_below(11) : 0;
	uint8_t protocol = draw_protocol();
	put(frame, (const uint8_t[]){(uint8_t)(0x45 + options / 4), 0, 0, 0, 0, 9}, 6);
	put_word(frame, draw_fragment(0x2000));
	put(frame, (const uint8_t[]){64, protocol, 0, 0}, 4);
	put_random(frame, 8 + options);
	put_transport(frame, protocol);
	size_t length = frame->length - start;
	frame->bytes[start + 2] = (uint8_t)(length >> 8);
	frame->bytes[start + 3] = (uint8_t)length;
}

/* One extension header; its own kind was said by the one before. Returns what follows. */
static uint8_t put_extension(struct frame *frame, uint8_t kind, int more) {
	uint8_t next = more ? DRAW_OF(0, 43, 44, 51, 60, 60) : draw_protocol(), length = is_drawn(8) ? (uint8_t)draw() : (uint8_t)draw_below(3);
	put(frame, (const uint8_t[]){next, length}, 2);
	if (kind == 44)
		put_word(frame, draw_fragment(1));
	else
		put_random(frame, 2);
	put_random(frame, kind == 44 ? 4 : kind == 51 ? 4 + length * 4u : 4 + length * 8u);
	return next;
}

static void put_ipv6(struct frame *frame) {
	size_t start = frame->length;
	int extensions = is_drawn(2) ? (int)draw_below(9) : 0;
	uint8_t next = extensions ? DRAW_OF(0, 43, 44, 51, 60) : draw_protocol();
	put(frame, (const uint8_t[]){0x60, 0, 0, 0, 0, 0, next, 64}, 8);
	put_random(frame, 32);
	while (extensions-- > 0)
		next = put_extension(frame, next, extensions);
	put_transport(frame, next);
	size_t length = frame->length - start - 40;
	frame->bytes[start + 4] = (uint8_t)(length >> 8);
	frame->bytes[start + 5] = (uint8_t)length;
}

static void damage(struct frame *frame) {
	size_t head = frame->length < 80 ? frame->length : 80;
	for (uint32_t count = is_drawn(3) ? 1 + draw_below(3) : 0; count > 0; count--)
		frame->bytes[draw_below((uint32_t)head)] ^= (uint8_t)(1 << draw_below(8));
	if (is_drawn(6) && frame->length > 14)
		frame->length = 14 + draw_below((uint32_t)(frame->length - 14));
	else if (is_drawn(6))
		put_random(frame, draw_below(40));
}

static void draw_frame(struct frame *frame) {
	frame->length = 0;
	put_random(frame, 12);
	for (uint32_t tags = is_drawn(3) ? draw_below(4) : 0; tags > 0; tags--) {
		put_word(frame, is_drawn(2) ? 0x8100 : 0x88a8);
		put_random(frame, 2);
	}
	if (is_drawn(20)) {
		put_random(frame, 2 + draw_below(60));
	} else if (is_drawn(2)) {
		put_word(frame, 0x0800);
		put_ipv4(frame);
	} else {
		put_word(frame, 0x86dd);
		put_ipv6(frame);
	}
	damage(frame);
}

/* ---- table and settings ---- */

static uint8_t in_force(enum vpc_filter_kind kind, uint16_t port, bool earlier) {
	return (uint8_t)(world.flags[VPC_FILTER_KEY(kind, port)] >> (earlier ? 4 : 0) & 3);
}

static void draw_world(void) {
	bool earlier = is_drawn(3);
	unsigned first = 0, last = 0;
	for (int i = 0; i < 20; i++)
		world_set_port((enum vpc_filter_kind)draw_below(2), draw_port(), (uint8_t)(draw() & 0x33));
	world_set_port(VPC_FILTER_PROTOCOL_NUMBER, (uint8_t)draw(), (uint8_t)(draw() & 0x33));
	if (is_drawn(2))
		first = draw_port(), last = draw_port();
	model.has_socket = is_drawn(2);
	model.first_reply = last ? first : 32768;
	model.last_reply = last ? last : 60999;
	world_bind_socket(model.has_socket);
	world_wait(earlier ? OVER_TO_EARLIER : is_drawn(2) ? WAITING : CONFIRMED, (uint16_t)first, (uint16_t)last);
	for (uint32_t port = 0; port < 65536; port++) {
		model.tcp[port] = in_force(VPC_FILTER_TCP, (uint16_t)port, earlier);
		model.udp[port] = in_force(VPC_FILTER_UDP, (uint16_t)port, earlier);
	}
	for (uint16_t protocol = 0; protocol < 256; protocol++)
		model.protocols[protocol] = in_force(VPC_FILTER_PROTOCOL_NUMBER, protocol, earlier);
}

static bool agrees(const struct frame *frame) {
	static int complaints;
	struct outcome outcome;
	enum vpc_filter_verdict verdict = model_judge(&model, frame->bytes, frame->length);
	uint32_t action = verdict == VPC_FILTER_SOCKET ? XDP_REDIRECT : verdict < VPC_FILTER_SOCKET ? XDP_PASS : XDP_DROP;
	world_run(frame->bytes, frame->length, &outcome);
	tally[verdict]++;
	bool is_right = outcome.action == action && outcome.is_unchanged;
	for (uint32_t i = 0; i < VPC_FILTER_VERDICT_COUNT; i++)
		is_right = is_right && outcome.counts[i] == (i == verdict);
	if (is_right || complaints++ >= COMPLAINTS)
		return is_right;
	printf("  FAILED the model says %s, the program does %u and counts", verdict_name(verdict), outcome.action);
	for (uint32_t i = 0; i < VPC_FILTER_VERDICT_COUNT; i++)
		if (outcome.counts[i])
			printf(" %s", verdict_name(i));
	printf("\n");
	frame_print("frame", frame->bytes, frame->length);
	return false;
}

static void random_frames_are_judged_as_the_model_says(void **context) {
	static struct frame frame;
	const char *text = getenv("RANDOM_FRAMES");
	size_t count = text ? strtoul(text, NULL, 0) : FRAMES, wrong = 0;
	(void)context;
	for (size_t i = 0; i < count; i++) {
		if (i % FRAMES_OF_A_TABLE == 0)
			draw_world();
		do
			draw_frame(&frame);
		while (frame.length > LONGEST);
		wrong += !agrees(&frame);
	}
	assert_int_equal(wrong, 0);
	for (uint32_t i = 0; i < VPC_FILTER_VERDICT_COUNT; i++)
		if (count >= FRAMES && i != VPC_FILTER_UNCONFIRMED && tally[i] == 0)
			fail_msg("no frame was drawn for %s", verdict_name(i));
}

int main(void) {
	const struct CMUnitTest tests[] = {cmocka_unit_test(random_frames_are_judged_as_the_model_says)};
	const char *seed = getenv("RANDOM_SEED");
	state = seed ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL);
	printf("seed %llu\n", (unsigned long long)state);
	world_make();
	int failed = cmocka_run_group_tests_name("port filter, random", tests, NULL, NULL);
	world_free();
	for (uint32_t i = 0; i < VPC_FILTER_VERDICT_COUNT; i++)
		printf("%s %llu%s", verdict_name(i), (unsigned long long)tally[i], i + 1 < VPC_FILTER_VERDICT_COUNT ? ", " : "\n");
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
