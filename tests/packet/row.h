/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A row says what becomes of one frame. It is run twice: by BPF_PROG_TEST_RUN, which shows verdict, bytes and counter,
 * and as a real frame on the wires of world.h, where the receiving interface is asserted, and the silence of all others.
 */
#ifndef ROW_H
#define ROW_H

#include <stdbool.h>
#include "frame.h"
#include "world.h"

enum variant { V4 = 1, V6 = 2, VXLAN_ONLY = 4, VLAN_ONLY = 8, BOTH = 3 };

enum verdict {
	DROPPED,  /* and counted with the reason, once */
	IGNORED,  /* dropped, nothing counted */
	PASSED,   /* to the host's stack (from_pod), to the Pod (to_pod) */
	REACHED,  /* redirected to the target */
	VERDICTS,
};

enum identifier { RED, BLUE, UNUSED, IDENTIFIER_0 };

struct step {
	enum program program;
	const struct layer *frame;
};

struct row {
	const char *description;
	int variants;         /* of enum variant; families without a bit are left out; no encapsulation bit: both */
	const struct layer *in;
	enum verdict verdict;
	enum vpc_drop_reason reason;
	enum who target;      /* REACHED: POD, PEER, OTHER, or a member on another node */
	const struct layer *out; /* NULL: as it came, with the MAC of the target as destination if redirected */
	const struct layer *first[3]; /* sent before, through the same program; their verdict is not looked at */
	const struct layer *first_other_way; /* sent before those: through to_pod for rows of from_pod, and vice versa */
	int cut_from, cut_to; /* truncated to each of these lengths in turn */
	int append;           /* bytes of padding behind the frame */
	enum who sender;      /* arrivals: node from which the frame comes; NOBODY: NODE_B */
	enum identifier identifier; /* arrivals */
	int tag_protocol, tag; /* arrives with a tag: 0x8100, 0x88a8 */
	bool forwarded;       /* to_pod: comes from another interface; else the node itself made it */
	bool not_live;        /* cannot be put on a wire: by test run only */
	int counted_in_none;  /* the drop is counted for network 0 */
	bool answered_by_host; /* PASSED, and stays with the host, which answers with `out` or not at all */
};

#define DROPS(reason_) .verdict = DROPPED, .reason = VPC_DROP_##reason_
#define PASSES .verdict = PASSED
#define HOST_ANSWERS(...) .verdict = PASSED, .answered_by_host = true, .out = FRAME(__VA_ARGS__)
#define HOST_TAKES .verdict = PASSED, .answered_by_host = true
#define TOO_BIG_ANSWERED(...) .verdict = REACHED, .target = POD, .reason = VPC_DROP_TOO_BIG, .out = FRAME(__VA_ARGS__)
#define SILENTLY_GONE .verdict = IGNORED
#define REACHES(target_) .verdict = REACHED, .target = target_
#define ANSWERED(...) .verdict = REACHED, .target = POD, .out = FRAME(__VA_ARGS__)

/* Runs the rows in every variant that they name. Returns the number of failures. */
int rows_run(enum program program, const struct row *rows, size_t count);
/* Rows run and variants thereof, since the start. */
void rows_report(void);

/* Waits for a frame on a wire; a tag is put back into the bytes. Returns false at the deadline. */
bool wire_receive(enum wire wire, struct frame *ret_frame, int milliseconds);
void wire_send(enum wire wire, const struct frame *frame);
/* Takes the tunnel or tag off a frame from the underlay. Returns false if it is not as this node must send it to `to`. */
bool wire_open_underlay(const struct frame *wire, enum who node, uint32_t identifier, struct frame *ret_inner, char *why, size_t why_size);
/* Puts an inner frame into what `sender` would send to this node. */
void wire_wrap_underlay(const struct frame *inner, enum who sender, uint32_t identifier, struct frame *ret_frame);
/* The node of a member on another one. */
enum who node_of(enum who member);

#endif
