// SPDX-License-Identifier: Apache-2.0
#include "allocation.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCARCE_RANGE 4096 /* identifiers: larger ranges are never looked through as a whole */
#define SCARCE_FACTOR 4   /* fewer free ones for each VPC that waits are few */

const char *encapsulation_text(enum vpc_encapsulation encapsulation) {
	return encapsulation == VPC_VLAN ? "vlan" : "vxlan";
}

enum vpc_encapsulation encapsulation_of(const char *text) {
	return text && !strcmp(text, "vlan") ? VPC_VLAN : VPC_VXLAN;
}

const char *claim_name(enum vpc_encapsulation encapsulation, uint32_t id, char buffer[20]) {
	snprintf(buffer, 20, "%s-%u", encapsulation_text(encapsulation), id);
	return buffer;
}

bool id_is_reserved(enum vpc_encapsulation encapsulation, uint32_t id) {
	return id <= 1 || id == (encapsulation == VPC_VLAN ? 4095 : 4096);
}

static uint32_t common_divisor(uint32_t a, uint32_t b) {
	while (b) {
		uint32_t rest = a % b;
		a = b;
		b = rest;
	}
	return a;
}

uint32_t probe(const char *uid, uint32_t first, uint32_t count, uint32_t index) {
	uint64_t start = hash_text(1, uid) % count;
	uint32_t step = count > 1 ? 1 + hash_text(2, uid) % (count - 1) : 1;
	while (common_divisor(step, count) != 1)
		step++; /* prime to the count, so that the sequence meets every candidate */
	return first + (start + (uint64_t)index * step) % count;
}

uint64_t rendezvous_weight(const char *uid, const char *node) {
	return hash_text(hash_text(3, uid), node);
}

uint32_t rendezvous_rank(const char *uid, const char *node, const struct table *nodes) {
	uint64_t own = rendezvous_weight(uid, node);
	uint32_t rank = 0;
	if (!table_get(nodes, node))
		return own % 16; /* the others are not known either: spread by chance */
	TABLE_EACH(nodes, other)
	if (rendezvous_weight(uid, other->key) > own)
		rank++;
	return rank;
}

uint32_t rank_patience(uint32_t rank, uint32_t step) {
	uint32_t patience = 0;
	for (uint32_t span = 16; rank > span; span *= 2, step /= 2) {
		patience += span * step;
		rank -= span;
	}
	return patience + rank * step;
}

static const struct object *find_claim(const struct table *claims, enum vpc_encapsulation encapsulation, uint32_t id) {
	char name[20];
	return table_get(claims, claim_name(encapsulation, id, name));
}

static bool is_own(const struct object *claim, const struct object *vpc) {
	return !strcmp(claim->network_id.vpc_uid, vpc->metadata.uid);
}

__attribute__((format(printf, 3, 4))) static void refuse(struct decision *decision, const char *reason, const char *format, ...) {
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(decision->message, sizeof decision->message, format, arguments);
	va_end(arguments);
	decision->kind = DECISION_REFUSE;
	decision->reason = reason;
}

static void accept(struct decision *decision, enum decision_kind kind, uint32_t id) {
	decision->kind = kind;
	decision->id = id;
	decision->reason = "IdentifierAssigned";
	snprintf(decision->message, sizeof decision->message, "%s %u", encapsulation_text(decision->encapsulation), id);
}

/* The claim of one identifier, and what follows for this VPC. */
static void decide_on(struct decision *decision, const struct object *vpc, const struct object *claim, uint32_t id) {
	if (!claim)
		accept(decision, DECISION_CLAIM, id);
	else if (!is_own(claim, vpc))
		refuse(decision, "IdentifierTaken", "%s %u is held by VPC %.100s%s", encapsulation_text(decision->encapsulation), id,
		    claim->network_id.vpc_name, claim->network_id.released_at ? " (released, in its hold-down)" : "");
	else
		accept(decision, claim->network_id.released_at ? DECISION_REVIVE : DECISION_ADOPT, id);
}

static void decide_recorded(struct decision *decision, const struct object *vpc, const struct table *claims) {
	const struct vpc_object *spec = &vpc->vpc;
	bool other_kind = encapsulation_of(spec->encapsulation) != encapsulation_of(spec->status.encapsulation);
	decision->encapsulation = encapsulation_of(spec->status.encapsulation);
	decide_on(decision, vpc, find_claim(claims, decision->encapsulation, spec->status.id), spec->status.id);
	if (decision->kind != DECISION_ADOPT)
		return;
	decision->kind = DECISION_AGREED;
	if (other_kind || (spec->id && spec->id != spec->status.id)) {
		decision->reason = "ImmutableChanged";
		snprintf(decision->message, sizeof decision->message,
		    "encapsulation and id cannot change; %s %ld stays in use: put the old values back, or make a new VPC",
		    encapsulation_text(decision->encapsulation), (long)spec->status.id);
	}
}

static void decide_pinned(struct decision *decision, const struct object *vpc, const struct config *config, const struct table *claims) {
	uint32_t id = vpc->vpc.id;
	bool vlan = decision->encapsulation == VPC_VLAN;
	if (id_is_reserved(decision->encapsulation, id))
		refuse(decision, "IdentifierReserved", "%s %u is reserved", encapsulation_text(decision->encapsulation), id);
	else if (vlan && !config->vlan_last)
		refuse(decision, "NoVLANRange", "the operator has named no vlanRange in ConfigMap %s", CONFIG_NAME);
	else if (vlan && (id < config->vlan_first || id > config->vlan_last))
		refuse(decision, "IdentifierOutOfRange", "vlan %u is not within the operator's range %u-%u", id, config->vlan_first,
		    config->vlan_last);
	else
		decide_on(decision, vpc, find_claim(claims, decision->encapsulation, id), id);
}

static uint32_t claim_id(const char *name) {
	const char *dash = strchr(name, '-');
	return dash ? strtoul(dash + 1, NULL, 10) : 0;
}

static enum vpc_encapsulation claim_encapsulation(const char *name) {
	return strncmp(name, "vlan-", 5) ? VPC_VXLAN : VPC_VLAN;
}

int claim_compare(const char *left, const char *right) {
	uint32_t a = claim_id(left), b = claim_id(right);
	int order = (int)claim_encapsulation(left) - (int)claim_encapsulation(right);
	return order ? order : (a > b) - (a < b);
}

const struct object *allocation_own_claim(const struct table *claims, const char *vpc_uid) {
	const struct object *best = NULL;
	TABLE_EACH(claims, entry) {
		const struct object *claim = entry->value;
		if (!strcmp(claim->network_id.vpc_uid, vpc_uid) && (!best || claim_compare(entry->key, best->metadata.name) < 0))
			best = claim;
	}
	return best;
}

/* ---- an identifier that nobody asked for by number ---- */

struct range {
	enum vpc_encapsulation encapsulation;
	uint32_t first, last;
};

static bool is_free(const struct range *range, const struct table *claims, uint32_t id) {
	return !id_is_reserved(range->encapsulation, id) && !find_claim(claims, range->encapsulation, id);
}

/* A VPC that wants any identifier of that kind, and has not even a claim. */
static bool is_waiting(const struct object *vpc, enum vpc_encapsulation encapsulation, const struct table *owned) {
	return vpc->metadata.uid && !vpc->vpc.id && !vpc->vpc.status.id && encapsulation_of(vpc->vpc.encapsulation) == encapsulation &&
	       !table_get(owned, vpc->metadata.uid);
}

/*
 * Where few identifiers are left for those who wait, the n-th of them by UID gets the n-th that is free: else all would try
 * for each one that becomes free. False: there are enough. *ret_id: 0 if there is none for this VPC.
 */
static bool share_scarce(const struct range *range, const struct object *vpc, const struct allocation_view *view, uint32_t *ret_id) {
	uint32_t waiting = 0, before = 0, free = 0;
	if (range->last - range->first >= SCARCE_RANGE || !view->vpcs)
		return false;
	TABLE_EACH(view->vpcs, entry) {
		const struct object *other = entry->value;
		bool waits = is_waiting(other, range->encapsulation, view->owned);
		waiting += waits;
		before += waits && strcmp(other->metadata.uid, vpc->metadata.uid) < 0;
	}
	*ret_id = 0;
	for (uint32_t id = range->first; id <= range->last; id++)
		if (is_free(range, view->claims, id) && free++ == before)
			*ret_id = id;
	return free < waiting * SCARCE_FACTOR;
}

/* 0 if there is none. */
static uint32_t choose(const struct range *range, const struct object *vpc, const struct allocation_view *view) {
	uint32_t id = 0, count = range->last - range->first + 1;
	if (share_scarce(range, vpc, view, &id))
		return id;
	for (uint32_t index = 0; index < count; index++) {
		id = probe(vpc->metadata.uid, range->first, count, index);
		if (is_free(range, view->claims, id))
			return id;
	}
	return 0;
}

static void decide_chosen(struct decision *decision, const struct object *vpc, const struct allocation_view *view) {
	const struct config *config = view->config;
	bool vlan = decision->encapsulation == VPC_VLAN;
	struct range range = {decision->encapsulation, vlan ? config->vlan_first : config->vni_first, vlan ? config->vlan_last : config->vni_last};
	const char *own = table_get(view->owned, vpc->metadata.uid);
	if (own && claim_encapsulation(own) == decision->encapsulation) {
		decide_on(decision, vpc, table_get(view->claims, own), claim_id(own));
		return;
	}
	if (vlan && !range.last) {
		refuse(decision, "NoVLANRange", "the operator has named no vlanRange in ConfigMap %s", CONFIG_NAME);
		return;
	}
	uint32_t id = choose(&range, vpc, view);
	if (id)
		accept(decision, DECISION_CLAIM, id);
	else
		refuse(decision, "IdentifiersExhausted", "every %s identifier of %u-%u is in use or in its hold-down",
		    encapsulation_text(decision->encapsulation), range.first, range.last);
}

void allocation_decide(const struct object *vpc, const struct allocation_view *view, struct decision *ret_decision) {
	*ret_decision = (struct decision){.encapsulation = encapsulation_of(vpc->vpc.encapsulation)};
	if (vpc->vpc.status.id)
		decide_recorded(ret_decision, vpc, view->claims);
	else if (vpc->vpc.id)
		decide_pinned(ret_decision, vpc, view->config, view->claims);
	else
		decide_chosen(ret_decision, vpc, view);
}
