/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which identifier a VPC gets: pure decisions, without the loop. A claim (NetworkID) made by name is the mutex; the VPC's
 * status says which claim counts. Only where both agree is the datapath programmed.
 */
#ifndef AGENT_ALLOCATION_H
#define AGENT_ALLOCATION_H

#include "config.h"
#include "table.h"

enum decision_kind {
	DECISION_AGREED, /* claim and status agree: the id may be used */
	DECISION_CLAIM,  /* create the claim of that id */
	DECISION_ADOPT,  /* the claim is this VPC's: write it into the status */
	DECISION_REVIVE, /* the claim is this VPC's, and a tombstone: take releasedAt away */
	DECISION_REFUSE, /* no identifier, for the reason given */
};

struct decision {
	enum decision_kind kind;
	enum vpc_encapsulation encapsulation;
	uint32_t id;
	const char *reason; /* CamelCase */
	char message[256];
};

/* What is known of all VPCs. Where vpcs is NULL none waits but the one decided on. */
struct allocation_view {
	const struct config *config;
	const struct table *claims; /* NetworkID objects by name */
	const struct table *owned;  /* UID of a VPC to the name of its claim, of several the first by claim_compare */
	const struct table *vpcs;   /* by name */
};

void allocation_decide(const struct object *vpc, const struct allocation_view *view, struct decision *ret_decision);
/* The first of all claims of the VPC of that UID, or NULL. */
const struct object *allocation_own_claim(const struct table *claims, const char *vpc_uid);
/* By encapsulation, then by identifier: like strcmp. All agents choose the same of several by it. */
int claim_compare(const char *left, const char *right);

/* "vxlan-4097"; buffer: 20 bytes. Returns it. */
const char *claim_name(enum vpc_encapsulation encapsulation, uint32_t id, char buffer[20]);
enum vpc_encapsulation encapsulation_of(const char *text);
const char *encapsulation_text(enum vpc_encapsulation encapsulation);
/* Identifiers that other software or the standards use: VNI 0, 1 and 4096; VLAN 0, 1 and 4095. */
bool id_is_reserved(enum vpc_encapsulation encapsulation, uint32_t id);

/*
 * The index-th of `count` candidates from first on, in an order that the UID alone decides; every candidate comes once
 * for index 0 to count - 1.
 */
uint32_t probe(const char *uid, uint32_t first, uint32_t count, uint32_t index);

/* What the node weighs for the VPC in rendezvous hashing: the greatest comes first. */
uint64_t rendezvous_weight(const char *uid, const char *node);
/* How many of the nodes come before this one for the VPC (rendezvous hashing). nodes: Node objects by name. */
uint32_t rendezvous_rank(const char *uid, const char *node, const struct table *nodes);
/*
 * How long one of that rank waits for those before it, `step` for each of the first sixteen, then for each of the next 32
 * half of it, and so on: also where most of 5,000 nodes have no agent yet somebody's turn comes soon.
 */
uint32_t rank_patience(uint32_t rank, uint32_t step);

#endif
