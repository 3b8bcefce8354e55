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

/* claims: NetworkID objects by name. */
void allocation_decide(const struct object *vpc, const struct config *config, const struct table *claims, struct decision *ret_decision);

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

#endif
