// SPDX-License-Identifier: Apache-2.0
#include "allocation.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static void decide_chosen(struct decision *decision, const struct object *vpc, const struct config *config, const struct table *claims,
    const struct object *own) {
	bool vlan = decision->encapsulation == VPC_VLAN;
	uint32_t first = vlan ? config->vlan_first : config->vni_first, last = vlan ? config->vlan_last : config->vni_last, id = 0;
	if (own && claim_encapsulation(own->metadata.name) == decision->encapsulation) {
		decide_on(decision, vpc, own, claim_id(own->metadata.name));
		return;
	}
	if (vlan && !last) {
		refuse(decision, "NoVLANRange", "the operator has named no vlanRange in ConfigMap %s", CONFIG_NAME);
		return;
	}
	for (uint32_t index = 0; index <= last - first; index++) {
		id = probe(vpc->metadata.uid, first, last - first + 1, index);
		if (id_is_reserved(decision->encapsulation, id) || find_claim(claims, decision->encapsulation, id))
			continue;
		accept(decision, DECISION_CLAIM, id);
		return;
	}
	refuse(decision, "IdentifiersExhausted", "every %s identifier of %u-%u is in use or in its hold-down",
	    encapsulation_text(decision->encapsulation), first, last);
}

void allocation_decide(const struct object *vpc, const struct config *config, const struct table *claims, const struct object *own,
    struct decision *ret_decision) {
	*ret_decision = (struct decision){.encapsulation = encapsulation_of(vpc->vpc.encapsulation)};
	if (vpc->vpc.status.id)
		decide_recorded(ret_decision, vpc, claims);
	else if (vpc->vpc.id)
		decide_pinned(ret_decision, vpc, config, claims);
	else
		decide_chosen(ret_decision, vpc, config, claims, own);
}
