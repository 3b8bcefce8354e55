// SPDX-License-Identifier: Apache-2.0
//
// Frames that were damaged at random, held against the oracle. The seed is printed; RANDOM_SEED=N repeats a run, and
// RANDOM_FRAMES=N makes it longer.

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>
#include "oracle.h"
#include "test_packet_wrap.h"

enum { FRAMES = 4000, COMPLAINTS = 10 };

#define REASON_NAME(name_, text_) #name_,
static const char *const REASONS[] = {"none", VPC_DROP_REASONS(REASON_NAME)};
static const char *const PROGRAM_NAMES[PROGRAMS] = {"from_pod", "to_pod", "from_vxlan", "from_trunk", "confine"};

static uint64_t state;
static size_t undecided, dropped, reached, passed, ignored;

/* splitmix64 */
static uint64_t draw(uint64_t below) {
	uint64_t z = state += 0x9e3779b97f4a7c15;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return (z ^ z >> 31) % below;
}

static const struct layer *const FROM_POD_FRAMES[] = {
	FRAME(ETH(POD, HOST), IP(POD, PEER), UDP(1, 2), TEXT("hello")),
	FRAME(ETH(POD, HOST), IP(POD, FAR), TCP(1, 2)),
	FRAME(ETH(POD, HOST), IP(POD, FAR), ECHO(3), FILL(30)),
	FRAME(ETH(POD, HOST), IP(POD, FAR, .fragment = 3, .offset = 16, .protocol = IPPROTO_UDP), FILL(30)),
	FRAME(ETH(POD, HOST), IP(POD, ALLOWED), UDP(1, 2), TEXT("hello")),
	FRAME(ETH(POD, HOST), IP(POD, ALLOWED_PORT), TCP(1, 443)),
	FRAME(ETH(POD, HOST), IP(POD, ALLOWED_PORT), UDP(1, 53), TEXT("?")),
	FRAME(ETH(POD, HOST), IP(POD, ALLOWED_PORT, .fragment = 3, .more = 1), UDP(1, 53), FILL(24)),
	FRAME(ETH(POD, HOST), IPV6(POD, ALLOWED_PORT), EXT(IPPROTO_HOPOPTS), EXT(IPPROTO_DSTOPTS), TCP(1, 443)),
	FRAME(ETH(POD, HOST), IPV6(POD, FAR), EXT(IPPROTO_DSTOPTS), EXT(IPPROTO_FRAGMENT), UDP(1, 443)),
	FRAME(ETH(POD, BROADCAST), ARP(1, .sender = POD, .sender_mac = POD, .target = FAR)),
	FRAME(ETH(POD, BROADCAST), ARP(1, .sender = POD, .sender_mac = POD, .target = GATEWAY)),
	FRAME(ETH(POD, SOLICIT_FAR), IPV6(POD, SOLICIT_FAR), ND(135, FAR, .sender_mac = POD)),
	FRAME(ETH(POD, HOST), IPV6(POD, GATEWAY), ND(136, POD, .target_mac = POD)),
	FRAME(ETH(POD, ROUTERS), IPV6(LINK_LOCAL, ROUTERS), ND(133, NOBODY, .sender_mac = POD)),
	FRAME(ETH(POD, MLD_ROUTERS), IPV6(LINK_LOCAL, MLD_ROUTERS, .ttl = 1), EXT(IPPROTO_HOPOPTS), ICMP(143), FILL(20)),
	FRAME(ETH(POD, HOST), TAG(VLAN_RED), IP(POD, FAR), UDP(1, 2)),
};

static const struct layer *const TO_POD_FRAMES[] = {
	FRAME(ETH(HOST, POD), IP(GATEWAY, POD), TCP(1, 8080)),
	FRAME(ETH(HOST, POD), IP(NODE, POD), UDP(1, 53)),
	FRAME(ETH(HOST, POD), IP(CALLER, POD), TCP(1, 80)),
	FRAME(ETH(HOST, POD), IP(CALLER, POD), UDP(1, 53), TEXT("?")),
	FRAME(ETH(HOST, POD), IP(CALLER, POD), ECHO(7)),
	FRAME(ETH(HOST, POD), IPV6(CALLER, POD), EXT(IPPROTO_DSTOPTS), TCP(1, 80)),
	FRAME(ETH(HOST, POD), IP(CALLER, POD, .fragment = 5, .more = 1), UDP(1, 53), FILL(24)),
	FRAME(ETH(HOST, POD), IP(DENIED, POD), TCP(1, 80)),
};

static const struct layer *const FROM_NODE_FRAMES[] = {
	FRAME(ETH(FAR, POD), IP(FAR, POD), UDP(1, 2), TEXT("hello")),
	FRAME(ETH(FAR, PEER), IP(FAR, PEER), TCP(1, 2)),
	FRAME(ETH(FARTHER, POD), IP(FARTHER, POD), ECHO(3)),
	FRAME(ETH(OTHER_FAR, OTHER), IP(OTHER_FAR, OTHER), UDP(1, 2)),
	FRAME(ETH(STRANGER, OTHER), IP(STRANGER, OTHER), UDP(1, 2)),
	FRAME(ETH(FAR, POD), IPV6(FAR, POD), EXT(IPPROTO_HOPOPTS), UDP(1, 2)),
	FRAME(ETH(FAR, POD), IPV6(FAR, POD), ND(136, GATEWAY, .target_mac = FAR)),
};

#define DRAW_FROM(list_) list_[draw(sizeof list_ / sizeof *list_)]

static void put_address(struct frame *frame, size_t at, size_t width) {
	enum who who = draw(WHO_COUNT);
	if (at + width > frame->length)
		return;
	memcpy(frame->bytes + at, width == 6 ? who_mac(who) : width == 4 ? who_ipv4(who) : who_ipv6(who), width);
}

/* Another address where one stands. */
static void exchange_address(struct frame *frame) {
	uint16_t type = frame->bytes[12] << 8 | frame->bytes[13];
	static const size_t IPV4[] = {26, 30}, IPV6[] = {22, 38, 62}, ARP_IP[] = {28, 38}, MAC[] = {0, 6, 22, 32, 80};
	if (draw(4) == 0)
		put_address(frame, MAC[draw(5)], 6);
	else if (type == ETH_P_IP)
		put_address(frame, IPV4[draw(2)], 4);
	else if (type == ETH_P_IPV6)
		put_address(frame, IPV6[draw(3)], 16);
	else if (type == ETH_P_ARP)
		put_address(frame, ARP_IP[draw(2)], 4);
}

static void damage(struct frame *frame) {
	static const uint8_t TELLING[] = {0, 1, 2, 4, 5, 6, 8, 17, 43, 44, 50, 51, 58, 59, 60, 0x45, 0x46, 0x4f, 0x60, 0x7f, 0x80, 0x81, 0x86,
		133, 134, 135, 136, 137, 143, 0xdd, 0xfe, 0xff};
	size_t at = draw(2) ? 12 + draw(frame->length - 12) : draw(frame->length), count;
	switch (draw(7)) {
	case 0: frame->bytes[at] ^= 1 << draw(8); break;
	case 1: frame->bytes[at] = DRAW_FROM(TELLING); break;
	case 2: frame->bytes[at] = draw(256); break;
	case 3: exchange_address(frame); break;
	case 4: /* cut */
		if (frame->length > ETH_HLEN + 1)
			frame->length -= draw(frame->length - ETH_HLEN - 1);
		break;
	case 5: /* pad */
		count = draw(40);
		memset(frame->bytes + frame->length, 0, count);
		frame->length += count;
		break;
	case 6: /* a piece twice */
		count = draw(frame->length - at) + 1;
		memmove(frame->bytes + at + count, frame->bytes + at, frame->length - at);
		frame->length += count;
		break;
	}
}

static void set_arrival(enum program program, const struct arrival *from) {
	static const uint32_t VNI[] = {[RED] = VNI_RED, [BLUE] = VNI_BLUE, [UNUSED] = VNI_UNUSED},
						  VLAN[] = {[RED] = VLAN_RED, [BLUE] = VLAN_BLUE};
	struct wrap_arrival arrival = {.slot = program};
	if (program == FROM_VXLAN) {
		arrival.family = world.carrier == CARRIER_VXLAN6 ? 6 : 4;
		arrival.vni = VNI[from->identifier];
		who_address(from->sender, arrival.family, (uint8_t *)arrival.sender);
	} else if (program == FROM_TRUNK) {
		arrival.tag_protocol = ETH_P_8021Q;
		arrival.tag = VLAN[from->identifier];
	}
	world_set_arrival(&arrival);
}

/* Returns the action, or a negative errno where the kernel refuses the frame before any program. */
static int run(enum program program, const struct arrival *arrival, const struct frame *frame, struct frame *ret_out) {
	struct __sk_buff context = {.mark = 1,
		.ifindex = program == FROM_VXLAN ? world.vxlan_ifindex : world.ifindex[program == FROM_TRUNK ? WIRE_UNDERLAY : WIRE_POD]};
	if (program == TO_POD && arrival->forwarded)
		context.ingress_ifindex = world.ifindex[WIRE_OUTSIDE];
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame->bytes, .data_size_in = frame->length, .data_out = ret_out->bytes,
		.data_size_out = sizeof ret_out->bytes, .ctx_in = &context, .ctx_size_in = sizeof context);
	set_arrival(program, arrival);
	int result = bpf_prog_test_run_opts(world.wrap, &options);
	ret_out->length = options.data_size_out;
	return result ? -1000 : (int)options.retval;
}

/* NULL if the program did what the oracle demands, else what is wrong. */
static const char *compare(const struct judgement *judgement, int action, uint64_t count, uint32_t reason, const struct frame *out) {
	enum verdict verdict = judgement->faults ? DROPPED : judgement->verdict;
	bool is_gone = action == TC_ACT_SHOT;
	if (verdict == DROPPED && is_gone && !count && judgement->may_be_ignored)
		return NULL;
	if ((verdict == DROPPED || verdict == IGNORED) && !is_gone)
		return "let through, must be dropped";
	if (verdict == DROPPED)
		return count != 1 ? "dropped, but not counted once" : judgement->faults & 1ull << reason ? NULL : "dropped for another reason";
	if (count)
		return "counted as a drop, must not be";
	if (verdict == PASSED)
		return action == TC_ACT_UNSPEC ? NULL : "must pass to the stack";
	if (verdict == REACHED && action != TC_ACT_REDIRECT)
		return "must be redirected";
	if (verdict == REACHED && !judgement->is_answer) {
		bool is_remote = judgement->target == FAR || judgement->target == FARTHER;
		enum who mac = is_remote && world.carrier == CARRIER_VLAN ? node_of(judgement->target) : judgement->target;
		return memcmp(out->bytes, who_mac(mac), 6) ? "redirected to another MAC" : NULL;
	}
	return NULL;
}

static void complain(enum program program, const struct arrival *arrival, const struct judgement *judgement, const struct frame *frame,
	int action, uint64_t count, uint32_t reason, const char *why) {
	printf("  %s, sender %d, identifier %d, %s: %s (action %d, counted %llu times %s; demanded", PROGRAM_NAMES[program], arrival->sender,
		arrival->identifier, arrival->forwarded ? "forwarded" : "made here", why, action, (unsigned long long)count, REASONS[reason]);
	for (int i = 1; i < VPC_DROP_REASON_COUNT; i++)
		if (judgement->faults & 1ull << i)
			printf(" %s", REASONS[i]);
	printf(judgement->faults ? ")\n" : " verdict %d, target %d)\n", judgement->verdict, judgement->target);
	frame_print("frame", frame->bytes, frame->length);
}

static struct judgement ask_oracle(enum program program, const struct arrival *arrival, const struct frame *frame) {
	if (program == FROM_POD)
		return oracle_from_pod(frame);
	return program == TO_POD ? oracle_to_pod(frame, arrival) : oracle_from_node(frame, arrival);
}

static void draw_frame(enum program program, struct arrival *ret_arrival, struct frame *ret_frame) {
	static const enum who SENDERS[] = {NODE_B, NODE_B, NODE_B, NODE_C, ROGUE};
	static const enum identifier IDENTIFIERS[] = {RED, RED, RED, BLUE, UNUSED};
	const struct layer *layers = program == FROM_POD ? DRAW_FROM(FROM_POD_FRAMES)
								 : program == TO_POD ? DRAW_FROM(TO_POD_FRAMES)
													 : DRAW_FROM(FROM_NODE_FRAMES);
	frame_build(layers, draw(2) ? 4 : 6, ret_frame);
	*ret_arrival = (struct arrival){
		.sender = DRAW_FROM(SENDERS), .forwarded = draw(2), .identifier = IDENTIFIERS[draw(program == FROM_TRUNK ? 4 : 5)]};
	for (uint64_t i = draw(4); i > 0; i--)
		damage(ret_frame);
	if (program == FROM_TRUNK) {
		memcpy(ret_frame->bytes, who_mac(NODE), 6);
		memcpy(ret_frame->bytes + 6, who_mac(ret_arrival->sender), 6);
	}
}

static void tally(const struct judgement *judgement) {
	size_t *const BY_VERDICT[VERDICTS] = {&dropped, &ignored, &passed, &reached};
	++*(judgement->is_undecided ? &undecided : judgement->faults ? &dropped : BY_VERDICT[judgement->verdict]);
}

/* Returns the number of frames that were judged otherwise than by the oracle. */
static int try_frames(enum program program, size_t frames) {
	static struct frame frame, out;
	int failures = 0;
	world_forget();
	for (size_t i = 0; i < frames; i++) {
		struct arrival arrival;
		uint32_t network = 0, reason = VPC_DROP_NONE;
		draw_frame(program, &arrival, &frame);
		int action = run(program, &arrival, &frame, &out);
		if (action == -1000)
			continue;
		uint64_t count = world_drops(&network, &reason);
		struct judgement judgement = ask_oracle(program, &arrival, &frame);
		tally(&judgement);
		const char *why = judgement.is_undecided ? NULL : compare(&judgement, action, count, reason, &out);
		if (why && failures++ < COMPLAINTS)
			complain(program, &arrival, &judgement, &frame, action, count, reason, why);
		if (count)
			world_forget_drops();
		if (action == TC_ACT_UNSPEC)
			world_forget();
	}
	return failures;
}

static void damaged_frames_are_judged_as_the_oracle_says(void **context) {
	(void)context;
	const char *frames = getenv("RANDOM_FRAMES");
	size_t count = frames ? strtoul(frames, NULL, 0) : FRAMES;
	int failures = try_frames(FROM_POD, count) + try_frames(TO_POD, count / 2);
	failures += try_frames(world.carrier == CARRIER_VLAN ? FROM_TRUNK : FROM_VXLAN, count / 2);
	assert_int_equal(failures, 0);
}

int main(int argc, char **argv) {
	static const char *const NAMES[CARRIERS] = {"VXLAN over IPv4", "VXLAN over IPv6", "VLAN"};
	const struct CMUnitTest tests[] = {cmocka_unit_test(damaged_frames_are_judged_as_the_oracle_says)};
	const char *seed = getenv("RANDOM_SEED");
	int failed = 0;
	if (argc != 2) {
		fprintf(stderr, "usage: random_test OBJECT-DIRECTORY\n");
		return 2;
	}
	state = seed ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL);
	printf("seed %llu\n", (unsigned long long)state);
	for (enum carrier carrier = 0; carrier < CARRIERS; carrier++) {
		world_make(carrier, argv[1]);
		failed += cmocka_run_group_tests_name(NAMES[carrier], tests, NULL, NULL);
		world_free();
	}
	printf("%zu dropped, %zu silently, %zu passed, %zu redirected; left undecided by the oracle: %zu\n", dropped, ignored, passed, reached,
		undecided);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
