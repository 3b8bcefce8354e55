// SPDX-License-Identifier: Apache-2.0
#include "row.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "test_packet_wrap.h"

enum { MARK = 0xbeef, DEADLINE = 5000, TEST_RUN_MAX = 3000 };

#define REASON_NAME(name_, text_) #name_,
static const char *const REASONS[] = {"none", VPC_DROP_REASONS(REASON_NAME)};
static const char *const VERDICT_NAMES[VERDICTS] = {"dropped", "silently gone", "passed", "redirected"};
static const char *const CARRIER_NAMES[CARRIERS] = {"VXLAN over IPv4", "VXLAN over IPv6", "VLAN"};

static struct {
	size_t rows, runs, failures, untold, left_out;
} report;

/* One run of one row. */
struct run {
	const struct row *row;
	enum program program;
	int family;
	bool is_live, has_failed;
	struct frame in, out; /* in: as the program sees it; out: expected */
};

__attribute__((format(printf, 2, 3)))
static void complain(struct run *run, const char *format, ...) {
	va_list arguments;
	if (!run->has_failed) {
		printf("  FAILED %s [%s, IPv%d, %s]\n", run->row->description, CARRIER_NAMES[world.carrier], run->family,
			run->is_live ? "on the wire" : "test run");
		report.failures++;
	}
	run->has_failed = true;
	printf("    ");
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	printf("\n");
}

static bool is_arrival(enum program program) {
	return program == FROM_VXLAN || program == FROM_TRUNK;
}

static uint32_t identifier_of(const struct row *row) {
	bool is_vlan = world.carrier == CARRIER_VLAN;
	switch (row->identifier) {
	case RED: return is_vlan ? VLAN_RED : VNI_RED;
	case BLUE: return is_vlan ? VLAN_BLUE : VNI_BLUE;
	case UNUSED: return is_vlan ? VLAN_UNUSED : VNI_UNUSED;
	case IDENTIFIER_0: return 0;
	}
	return 0;
}

static enum who sender_of(const struct row *row) {
	return row->sender ? row->sender : NODE_B;
}

/* What from_trunk sees carries the MACs of the nodes. */
static void set_trunk_macs(struct run *run) {
	memcpy(run->in.bytes, who_mac(NODE), 6);
	memcpy(run->in.bytes + 6, who_mac(sender_of(run->row)), 6);
}

static void build(struct run *run) {
	const struct row *row = run->row;
	frame_build(row->in, run->family, &run->in);
	memset(run->in.bytes + run->in.length, 0, row->append);
	run->in.length += row->append;
	run->out = run->in;
	if (row->out)
		frame_build(row->out, run->family, &run->out);
	else if (row->verdict == REACHED)
		memcpy(run->out.bytes, who_mac(row->target), 6);
	if (run->program == FROM_TRUNK)
		set_trunk_macs(run);
}

static bool is_remote(enum who who) {
	return who != POD && who != PEER && who != OTHER;
}

static uint32_t counted_network(const struct run *run) {
	if (run->row->counted_in_none || run->program == CONFINE)
		return 0;
	return world_network(is_arrival(run->program) && run->row->identifier == BLUE);
}

static void check_drops(struct run *run, enum vpc_drop_reason expected) {
	uint32_t network = 0, reason = VPC_DROP_NONE;
	uint64_t count = world_drops(&network, &reason);
	if (count != (expected ? 1 : 0) || reason != expected)
		complain(run, "counted %llu times %s instead of %s", (unsigned long long)count, REASONS[reason], REASONS[expected]);
	else if (count && network != counted_network(run))
		complain(run, "counted for network %#x instead of %#x", network, counted_network(run));
}

static void compare(
	struct run *run, const char *what, const uint8_t *got, size_t got_length, const uint8_t *expected, size_t expected_length) {
	if (got_length == expected_length && !memcmp(got, expected, got_length))
		return;
	complain(run, "%s differs", what);
	frame_print("got", got, got_length);
	frame_print("expected", expected, expected_length);
}

/* ---- test run ---- */

static uint32_t expected_action(const struct row *row) {
	switch (row->verdict) {
	case PASSED: return TC_ACT_UNSPEC;
	case REACHED: return TC_ACT_REDIRECT;
	default: return TC_ACT_SHOT;
	}
}

static int ifindex_of(enum program program) {
	if (program == FROM_VXLAN)
		return world.vxlan_ifindex;
	return program == FROM_TRUNK ? world.ifindex[WIRE_UNDERLAY] : world.ifindex[WIRE_POD];
}

static void set_arrival(const struct run *run, enum program program) {
	const struct row *row = run->row;
	struct wrap_arrival arrival = {.slot = program, .tag_protocol = row->tag_protocol, .tag = row->tag};
	if (program == FROM_VXLAN && row->identifier != IDENTIFIER_0) {
		arrival.family = world.carrier == CARRIER_VXLAN6 ? 6 : 4;
		arrival.vni = identifier_of(row);
		who_address(sender_of(row), arrival.family, (uint8_t *)arrival.sender);
	} else if (program == FROM_TRUNK && !row->tag_protocol && row->identifier != IDENTIFIER_0) {
		arrival.tag_protocol = ETH_P_8021Q;
		arrival.tag = identifier_of(row);
	}
	world_set_arrival(&arrival);
}

/* Returns the action, or a negative errno. */
static int test_run(
	const struct run *run, enum program program, const struct frame *in, struct frame *ret_out, struct __sk_buff *ret_context) {
	struct __sk_buff context = {.ifindex = ifindex_of(program), .mark = MARK};
	if (program == TO_POD && run->row->forwarded)
		context.ingress_ifindex = world.ifindex[WIRE_OUTSIDE];
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = in->bytes, .data_size_in = in->length, .data_out = ret_out->bytes,
		.data_size_out = sizeof ret_out->bytes, .ctx_in = &context, .ctx_size_in = sizeof context, .ctx_out = ret_context,
		.ctx_size_out = sizeof *ret_context);
	set_arrival(run, program);
	int result = bpf_prog_test_run_opts(world.wrap, &options);
	ret_out->length = options.data_size_out;
	return result ? result : (int)options.retval;
}

/* Such frames get into no test run, and, in all but old kernels, out of no VXLAN device: the kernel itself drops them. */
static bool is_cut_in_header(const struct frame *frame) {
	uint16_t type = frame->bytes[12] << 8 | frame->bytes[13];
	size_t header = type == ETH_P_IP ? 20 : type == ETH_P_IPV6 ? 40 : 1;
	return frame->length < ETH_HLEN + header;
}

/* What an older kernel's test run cannot be told about an arrival: found out once. Such frames then come by wire only. */
static bool is_interface_taken(void) {
	static int taken = -1;
	uint8_t frame[64] = {0};
	struct __sk_buff context = {.ifindex = world.ifindex[WIRE_POD], .ingress_ifindex = world.ifindex[WIRE_OUTSIDE]};
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .data_size_in = sizeof frame, .ctx_in = &context, .ctx_size_in = sizeof context);
	if (taken < 0)
		taken = bpf_prog_test_run_opts(world.wrap, &options) != -EINVAL;
	return taken;
}

static bool is_sender_taken(void) {
	static int taken = -1;
	uint8_t frame[64] = {0};
	struct wrap_arrival arrival = {.slot = FROM_VXLAN, .family = 4, .vni = VNI_RED};
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .data_size_in = sizeof frame);
	world_set_arrival(&arrival);
	if (taken < 0)
		taken = bpf_prog_test_run_opts(world.wrap, &options) || options.retval != WRAP_NO_SENDER;
	return taken;
}

static bool may_be_test_run(const struct run *run) {
	if (is_cut_in_header(&run->in) || run->in.length > TEST_RUN_MAX)
		return false;
	bool is_forwarded = run->row->forwarded && (run->program == TO_POD || run->row->first_other_way);
	bool is_told = (!is_forwarded || is_interface_taken()) && (run->program != FROM_VXLAN || is_sender_taken());
	report.untold += !is_told;
	report.left_out += !is_told && run->row->not_live;
	return is_told;
}

static enum program other_way(enum program program) {
	return program == FROM_POD ? TO_POD : FROM_POD;
}

static void check_test_run(struct run *run) {
	static struct frame out, first;
	struct __sk_buff context = {0};
	const struct row *row = run->row;
	if (row->first_other_way) {
		frame_build(row->first_other_way, run->family, &first);
		test_run(run, other_way(run->program), &first, &out, &context);
	}
	for (int i = 0; i < 3 && row->first[i]; i++) {
		frame_build(row->first[i], run->family, &first);
		test_run(run, run->program, &first, &out, &context);
	}
	world_forget_drops();
	int action = test_run(run, run->program, &run->in, &out, &context);
	if ((uint32_t)action != expected_action(row)) {
		complain(run, "answers %d (%s) instead of %s", action, action < 0 && action != TC_ACT_UNSPEC ? strerror(-action) : "action of tc",
			VERDICT_NAMES[row->verdict]);
		frame_print("frame", run->in.bytes, run->in.length);
	}
	check_drops(run, row->reason);
	if (row->verdict == PASSED)
		compare(run, "frame passed on", out.bytes, out.length, run->in.bytes, run->in.length);
	if (row->verdict == REACHED && world.carrier == CARRIER_VLAN && is_remote(row->target)) {
		memcpy(run->out.bytes, who_mac(node_of(row->target)), 6);
		memcpy(run->out.bytes + 6, who_mac(NODE), 6);
	}
	if (row->verdict == REACHED)
		compare(run, "frame", out.bytes, out.length, run->out.bytes, run->out.length);
	if (row->verdict == REACHED && context.mark)
		complain(run, "mark %#x travels on", context.mark);
}

/* ---- on the wire ---- */

static void send_on_node(int ifindex, const struct frame *frame) {
	world_enter(world.node_namespace);
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET, .sll_ifindex = ifindex, .sll_protocol = htons(frame->bytes[12] << 8 | frame->bytes[13])};
	/* what the program drops at egress is an error of send() */
	if (fd < 0 || (sendto(fd, frame->bytes, frame->length, 0, (struct sockaddr *)&address, sizeof address) < 0 && errno != ENOBUFS)) {
		fprintf(stderr, "cannot send on the node: %s\n", strerror(errno));
		exit(1);
	}
	close(fd);
}

/* A frame that reaches to_pod by way of the node's forwarding was one hop further before. */
static void send_forwarded(const struct frame *frame) {
	static struct frame before;
	before = *frame;
	memcpy(before.bytes, (uint8_t[]){2, 0xdd, 0, 0, 0, WIRE_OUTSIDE}, 6);
	memcpy(before.bytes + 6, who_mac(ALLOWED), 6);
	if (before.bytes[13] == 0xdd) {
		before.bytes[21]++;
	} else {
		before.bytes[22]++;
		memset(before.bytes + 24, 0, 2);
		uint16_t checksum = frame_fold(frame_sum(before.bytes + 14, (before.bytes[14] & 15) * 4, 0));
		before.bytes[24] = checksum >> 8;
		before.bytes[25] = checksum & 0xff;
	}
	wire_send(WIRE_OUTSIDE, &before);
}

static void insert_tag(struct frame *frame, int protocol, int tag) {
	memmove(frame->bytes + 16, frame->bytes + 12, frame->length - 12);
	memcpy(frame->bytes + 12, (uint8_t[]){protocol >> 8, protocol & 0xff, tag >> 8, tag & 0xff}, 4);
	frame->length += 4;
}

static void send_live(const struct run *run, enum program program, const struct frame *frame) {
	static struct frame wire;
	const struct row *row = run->row;
	wire = *frame;
	if (row->tag_protocol)
		insert_tag(&wire, row->tag_protocol, row->tag);
	if (program == FROM_POD || program == CONFINE) {
		wire_send(WIRE_POD, &wire);
	} else if (program == TO_POD) {
		row->forwarded ? send_forwarded(&wire) : send_on_node(world.ifindex[WIRE_POD], &wire);
	} else if (row->tag_protocol || row->identifier == IDENTIFIER_0) {
		wire_send(WIRE_UNDERLAY, &wire);
	} else {
		static struct frame outer;
		wire_wrap_underlay(&wire, sender_of(row), identifier_of(row), &outer);
		wire_send(WIRE_UNDERLAY, &outer);
	}
}

/* Frames on one CPU keep their order: what was sent before a frame that has arrived is done. */
static void send_marker(enum program program, struct frame *ret_marker) {
	static struct frame outer;
	if (is_arrival(program)) {
		frame_build(FRAME(ETH(FAR, PEER), IP(FAR, PEER), UDP(9, 9), TEXT("marker")), 4, ret_marker);
		wire_wrap_underlay(ret_marker, NODE_B, world.carrier == CARRIER_VLAN ? VLAN_RED : VNI_RED, &outer);
		wire_send(WIRE_UNDERLAY, &outer);
	} else {
		frame_build(FRAME(ETH(POD, PEER), IP(POD, PEER), UDP(9, 9), TEXT("marker")), 4, ret_marker);
		wire_send(WIRE_POD, ret_marker);
	}
}

static enum wire wire_of(const struct run *run) {
	if (run->row->verdict == PASSED)
		return run->program == TO_POD || run->row->answered_by_host ? WIRE_POD : WIRE_OUTSIDE;
	switch (run->row->target) {
	case POD: return WIRE_POD;
	case PEER: return WIRE_PEER;
	case OTHER: return WIRE_OTHER;
	default: return WIRE_UNDERLAY;
	}
}

/* After the host's stack: one hop less, and the MACs of the next link. */
static void forward(struct frame *frame, const struct frame *got) {
	memcpy(frame->bytes, got->bytes, 12);
	if (frame->bytes[13] == 0xdd) {
		frame->bytes[21]--;
		return;
	}
	frame->bytes[22]--;
	memset(frame->bytes + 24, 0, 2);
	uint16_t checksum = frame_fold(frame_sum(frame->bytes + 14, (frame->bytes[14] & 15) * 4, 0));
	frame->bytes[24] = checksum >> 8;
	frame->bytes[25] = checksum & 0xff;
}

static void check_received(struct run *run, const struct frame *got) {
	static struct frame inner;
	const struct row *row = run->row;
	char why[128];
	if (row->answered_by_host) {
		compare(run, "the host's answer", got->bytes, got->length, run->out.bytes, run->out.length);
		return;
	}
	if (row->verdict == PASSED && run->program == TO_POD) {
		if (row->forwarded)
			memcpy(run->in.bytes, got->bytes, 12);
		compare(run, "frame received", got->bytes, got->length, run->in.bytes, run->in.length);
		return;
	}
	if (row->verdict == PASSED) {
		struct frame *expected = &run->in;
		forward(expected, got);
		expected->length -= row->append; /* the stack trims padding */
		compare(run, "frame forwarded", got->bytes, got->length, expected->bytes, expected->length);
		return;
	}
	if (!is_remote(row->target)) {
		compare(run, "frame received", got->bytes, got->length, run->out.bytes, run->out.length);
		return;
	}
	if (!wire_open_underlay(got, node_of(row->target), world_network(false) & ~VPC_NETWORK_VLAN, &inner, why, sizeof why)) {
		complain(run, "on the underlay: %s", why);
		frame_print("got", got->bytes, got->length);
		return;
	}
	if (world.carrier == CARRIER_VLAN) { /* MACs were looked at */
		memcpy(run->out.bytes, inner.bytes, 12);
		compare(run, "tagged frame", inner.bytes, inner.length, run->out.bytes, run->out.length);
	} else {
		compare(run, "inner frame", inner.bytes, inner.length, run->out.bytes, run->out.length);
	}
}

static void wait_for_drop(void) {
	struct timespec start, now;
	uint32_t network, reason;
	clock_gettime(CLOCK_MONOTONIC, &start);
	do
		clock_gettime(CLOCK_MONOTONIC, &now);
	while (!world_drops(&network, &reason) && (now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000 < DEADLINE);
}

static void expect_silence(struct run *run) {
	static const char *const WIRE_NAMES[WIRES] = {"the Pod", "the peer", "the other VPC's Pod", "the underlay", "the outside"};
	static struct frame got;
	for (enum wire wire = 0; wire < WIRES; wire++)
		while (wire_receive(wire, &got, 0)) {
			complain(run, "%s got a frame", WIRE_NAMES[wire]);
			frame_print("got", got.bytes, got.length);
		}
}

static void check_live(struct run *run) {
	static struct frame got, first, marker;
	const struct row *row = run->row;
	uint32_t network, reason;
	if (row->first_other_way) {
		frame_build(row->first_other_way, run->family, &first);
		send_live(run, other_way(run->program), &first);
	}
	for (int i = 0; i < 3 && row->first[i]; i++) {
		frame_build(row->first[i], run->family, &first);
		send_live(run, run->program, &first);
	}
	if (row->first_other_way || row->first[0]) {
		send_marker(run->program, &marker);
		wire_receive(WIRE_PEER, &got, DEADLINE);
		for (enum wire wire = 0; wire < WIRES; wire++)
			while (wire_receive(wire, &got, 0))
				;
		world_forget_drops();
	}
	send_live(run, run->program, &run->in);
	bool may_be_dropped_before = run->program == FROM_VXLAN && is_cut_in_header(&run->in);
	bool is_expected = row->answered_by_host ? row->out != NULL : row->verdict == PASSED || row->verdict == REACHED;
	if (is_expected && !wire_receive(wire_of(run), &got, DEADLINE))
		complain(run, "nothing received");
	else if (is_expected)
		check_received(run, &got);
	if (row->verdict == DROPPED && !may_be_dropped_before)
		wait_for_drop();
	if (may_be_dropped_before || row->verdict == IGNORED || (row->answered_by_host && !row->out)) {
		send_marker(run->program, &marker);
		if (!wire_receive(WIRE_PEER, &got, DEADLINE) || got.length != marker.length || memcmp(got.bytes, marker.bytes, got.length))
			complain(run, "the frame sent after it did not arrive, or not as the first");
	}
	check_drops(run, may_be_dropped_before && !world_drops(&network, &reason) ? VPC_DROP_NONE : row->reason);
	expect_silence(run);
}

/* ---- variants ---- */

static void run_once(enum program program, const struct row *row, int family, bool is_live, int length) {
	static struct run run;
	memset(&run, 0, offsetof(struct run, in));
	run.row = row;
	run.program = program;
	run.family = family;
	run.is_live = is_live;
	build(&run);
	if (length)
		run.in.length = run.out.length = length;
	if (is_live && is_arrival(program) && run.program == FROM_TRUNK && row->sender == NOBODY)
		set_trunk_macs(&run);
	if (!is_live && !may_be_test_run(&run))
		return;
	world_forget();
	world_enter(world.node_namespace);
	is_live ? check_live(&run) : check_test_run(&run);
	report.runs++;
}

static void run_row(enum program program, const struct row *row) {
	int families = row->variants & BOTH ? row->variants & BOTH : BOTH;
	if ((row->variants & VXLAN_ONLY && world.carrier == CARRIER_VLAN) || (row->variants & VLAN_ONLY && world.carrier != CARRIER_VLAN))
		return;
	for (int family = 4; family <= 6; family += 2) {
		if (!(families & (family == 4 ? V4 : V6)))
			continue;
		for (int length = row->cut_from; length <= row->cut_to; length++) {
			run_once(program, row, family, false, length);
			if (!row->not_live)
				run_once(program, row, family, true, length);
		}
	}
}

int rows_run(enum program program, const struct row *rows, size_t count) {
	size_t before = report.failures;
	for (size_t i = 0; i < count; i++)
		run_row(program, &rows[i]);
	for (size_t i = 0; i < count; i++)
		report.rows += world.carrier == (rows[i].variants & VLAN_ONLY ? CARRIER_VLAN : CARRIER_VXLAN4);
	return report.failures - before;
}

void rows_report(void) {
	printf("%zu rows, run %zu times (families, encapsulations, lengths, test run and wire): %zu failed\n", report.rows, report.runs,
		report.failures);
	if (report.untold)
		printf("note: a test run of this kernel cannot be told how %zu frames arrive: %zu came by wire only, %zu not at all\n", report.untold,
			report.untold - report.left_out, report.left_out);
}
