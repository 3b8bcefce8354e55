// SPDX-License-Identifier: Apache-2.0
#include "allocation.h"
#include "text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* Two VPCs: "red" with UID "r" is decided on, "blue" with UID "b" holds claims of its own. */
static const struct {
	const char *description, *encapsulation;
	int64_t pinned, recorded;
	const char *recorded_encapsulation;
	const char *own, *others, *own_tombstone; /* names of claims, joined by blanks */
	const char *vlan_range;
	enum decision_kind kind;
	uint32_t id; /* 0: any */
	const char *reason;
} CASES[] = {
	/* description                        encapsulation pinned recorded        own          others         tombstone    VLANs      kind              id    reason */
	{"nothing there: claim",              "vxlan", 0,    0,    NULL,    "",            "",            "",            "",        DECISION_CLAIM,   0,    NULL},
	{"own claim: adopt",                  "vxlan", 0,    0,    NULL,    "vxlan-77",    "",            "",            "",        DECISION_ADOPT,   77,   NULL},
	{"two own claims: the lower",         "vxlan", 0,    0,    NULL,    "vxlan-99 vxlan-77", "",      "",            "",        DECISION_ADOPT,   77,   NULL},
	{"own claim of the other kind",       "vxlan", 0,    0,    NULL,    "vlan-77",     "",            "",            "",        DECISION_CLAIM,   0,    NULL},
	{"own tombstone: revive",             "vxlan", 0,    0,    NULL,    "",            "",            "vxlan-77",    "",        DECISION_REVIVE,  77,   NULL},
	{"pinned and free",                   "vxlan", 500,  0,    NULL,    "",            "",            "",            "",        DECISION_CLAIM,   500,  NULL},
	{"pinned and taken",                  "vxlan", 500,  0,    NULL,    "",            "vxlan-500",   "",            "",        DECISION_REFUSE,  0,    "IdentifierTaken"},
	{"pinned, taken as the other kind",   "vxlan", 500,  0,    NULL,    "",            "vlan-500",    "",            "",        DECISION_CLAIM,   500,  NULL},
	{"pinned VNI 1",                      "vxlan", 1,    0,    NULL,    "",            "",            "",            "",        DECISION_REFUSE,  0,    "IdentifierReserved"},
	{"pinned VNI 4096",                   "vxlan", 4096, 0,    NULL,    "",            "",            "",            "",        DECISION_REFUSE,  0,    "IdentifierReserved"},
	{"pinned VNI 4095 is free to use",    "vxlan", 4095, 0,    NULL,    "",            "",            "",            "",        DECISION_CLAIM,   4095, NULL},
	{"pinned VLAN 4095",                  "vlan",  4095, 0,    NULL,    "",            "",            "",            "2-4094",  DECISION_REFUSE,  0,    "IdentifierReserved"},
	{"pinned VLAN without a range",       "vlan",  100,  0,    NULL,    "",            "",            "",            "",        DECISION_REFUSE,  0,    "NoVLANRange"},
	{"pinned VLAN outside the range",     "vlan",  100,  0,    NULL,    "",            "",            "",            "200-300", DECISION_REFUSE,  0,    "IdentifierOutOfRange"},
	{"pinned VLAN in the range",          "vlan",  100,  0,    NULL,    "",            "",            "",            "100-100", DECISION_CLAIM,   100,  NULL},
	{"VLAN without a range",              "vlan",  0,    0,    NULL,    "",            "",            "",            "",        DECISION_REFUSE,  0,    "NoVLANRange"},
	{"the only VLAN",                     "vlan",  0,    0,    NULL,    "",            "",            "",            "100-100", DECISION_CLAIM,   100,  NULL},
	{"VLANs exhausted",                   "vlan",  0,    0,    NULL,    "",            "vlan-100 vlan-101", "",      "100-101", DECISION_REFUSE,  0,    "IdentifiersExhausted"},
	{"the last free VLAN",                "vlan",  0,    0,    NULL,    "",            "vlan-100 vlan-102", "",      "100-102", DECISION_CLAIM,   101,  NULL},
	{"status and claim agree",            "vxlan", 0,    77,   "vxlan", "vxlan-77",    "",            "",            "",        DECISION_AGREED,  77,   "IdentifierAssigned"},
	{"status without its claim",          "vxlan", 0,    77,   "vxlan", "",            "",            "",            "",        DECISION_CLAIM,   77,   NULL},
	{"status, claim is another's",        "vxlan", 0,    77,   "vxlan", "",            "vxlan-77",    "",            "",        DECISION_REFUSE,  0,    "IdentifierTaken"},
	{"status, claim is a tombstone",      "vxlan", 0,    77,   "vxlan", "",            "",            "vxlan-77",    "",        DECISION_REVIVE,  77,   NULL},
	{"a loser's claim does not count",    "vxlan", 0,    77,   "vxlan", "vxlan-77 vxlan-5", "",       "",            "",        DECISION_AGREED,  77,   "IdentifierAssigned"},
	{"id changed later",                  "vxlan", 88,   77,   "vxlan", "vxlan-77",    "",            "",            "",        DECISION_AGREED,  77,   "ImmutableChanged"},
	{"id removed later",                  "vxlan", 0,    77,   "vxlan", "vxlan-77",    "",            "",            "",        DECISION_AGREED,  77,   "IdentifierAssigned"},
	{"encapsulation changed later",       "vlan",  0,    77,   "vxlan", "vxlan-77",    "",            "",            "",        DECISION_AGREED,  77,   "ImmutableChanged"},
};

static void add_claims(struct table *claims, const char *names, const char *uid, bool released) {
	char copy[64], *rest = copy;
	snprintf(copy, sizeof copy, "%s", names);
	for (char *name; (name = strsep(&rest, " "));) {
		if (!*name)
			continue;
		struct object *claim = object_new(KIND_NETWORK_ID, NULL, name);
		claim->network_id.vpc_name = strdup(*uid == 'r' ? "red" : "blue");
		claim->network_id.vpc_uid = strdup(uid);
		claim->network_id.released_at = released ? strdup("2026-01-01T00:00:00Z") : NULL;
		table_put(claims, name, claim);
	}
}

static void free_claims(struct table *claims) {
	TABLE_EACH(claims, entry)
		object_unref(entry->value);
	table_release(claims);
}

static void decides(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
		struct table claims = {0};
		struct config config;
		struct decision decision;
		struct text_map settings = {0};
		struct object *vpc = object_new(KIND_VPC, NULL, "red");
		print_message("  %s\n", CASES[i].description);
		map_set(&settings, "vlanRange", CASES[i].vlan_range);
		assert_int_equal(config_parse(&settings, &config, NULL), 0);
		vpc->metadata.uid = strdup("r");
		vpc->vpc.encapsulation = strdup(CASES[i].encapsulation);
		vpc->vpc.id = CASES[i].pinned;
		vpc->vpc.status.id = CASES[i].recorded;
		set_text(&vpc->vpc.status.encapsulation, CASES[i].recorded_encapsulation);
		add_claims(&claims, CASES[i].own, "r", false);
		add_claims(&claims, CASES[i].others, "b", false);
		add_claims(&claims, CASES[i].own_tombstone, "r", true);

		struct table owned = {0};
		const struct object *own = allocation_own_claim(&claims, "r");
		if (own)
			table_put(&owned, "r", own->metadata.name);
		allocation_decide(vpc, &(struct allocation_view){&config, &claims, &owned, NULL}, &decision);
		table_release(&owned);
		assert_int_equal(decision.kind, CASES[i].kind);
		if (CASES[i].id)
			assert_int_equal(decision.id, CASES[i].id);
		if (CASES[i].reason)
			assert_string_equal(decision.reason, CASES[i].reason);
		if (decision.reason && !strcmp(decision.reason, "IdentifierTaken"))
			assert_non_null(strstr(decision.message, "VPC blue"));
		object_unref(vpc);
		free_claims(&claims);
		free(settings.items[0].key);
		free(settings.items[0].value);
		free(settings.items);
	}
}

/* VPCs v0 to v9 and VLANs 100 to 100 + free - 1: each gets another one, and those that get none are told so. */
static void shares_what_is_scarce(void **state) {
	static const struct {
		unsigned free, served;
	} ROWS[] = {{0, 0}, {1, 1}, {3, 3}, {10, 10}, {39, 10}};
	(void)state;
	for (size_t row = 0; row < sizeof ROWS / sizeof *ROWS; row++) {
		struct table claims = {0}, owned = {0}, vpcs = {0};
		struct config config = {.vlan_first = 100, .vlan_last = 100 + 39};
		bool met[40] = {false};
		unsigned served = 0;
		for (unsigned id = 100 + ROWS[row].free; id < 140; id++) {
			char name[20];
			add_claims(&claims, claim_name(VPC_VLAN, id, name), "b", false);
		}
		for (unsigned i = 0; i < 10; i++) {
			char name[8];
			snprintf(name, sizeof name, "v%u", i);
			struct object *vpc = object_new(KIND_VPC, NULL, name);
			vpc->metadata.uid = strdup(name);
			vpc->vpc.encapsulation = strdup("vlan");
			table_put(&vpcs, name, vpc);
		}
		TABLE_EACH(&vpcs, entry) {
			struct decision decision;
			allocation_decide(entry->value, &(struct allocation_view){&config, &claims, &owned, &vpcs}, &decision);
			assert_int_equal(decision.kind, decision.id ? DECISION_CLAIM : DECISION_REFUSE);
			served += decision.id != 0;
			assert_false(decision.id && met[decision.id - 100]);
			met[decision.id ? decision.id - 100 : 39] = true;
		}
		assert_int_equal(served, ROWS[row].served);
		free_claims(&vpcs);
		free_claims(&claims);
	}
}

static void patience_grows_with_the_rank(void **state) {
	static const struct {
		uint32_t rank, patience;
	} ROWS[] = {{0, 0}, {1, 500}, {16, 8000}, {17, 8250}, {48, 16000}, {49, 16125}, {112, 24000}};
	(void)state;
	for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++)
		assert_int_equal(rank_patience(ROWS[i].rank, 500), ROWS[i].patience);
	assert_in_range(rank_patience(5000, 500), 60000, 80000);
}

static void probes_every_candidate_once(void **state) {
	static const uint32_t COUNTS[] = {1, 2, 3, 10, 97, 4093, 65536};
	(void)state;
	for (size_t i = 0; i < sizeof COUNTS / sizeof *COUNTS; i++) {
		bool *met = calloc(COUNTS[i], sizeof *met);
		for (uint32_t index = 0; index < COUNTS[i]; index++) {
			uint32_t id = probe("some uid", 100, COUNTS[i], index);
			assert_in_range(id, 100, 100 + COUNTS[i] - 1);
			assert_false(met[id - 100]);
			met[id - 100] = true;
		}
		free(met);
	}
}

static void ranks_are_a_permutation(void **state) {
	struct table nodes = {0};
	uint32_t ranks = 0;
	char name[8];
	(void)state;
	for (int i = 0; i < 16; i++) {
		snprintf(name, sizeof name, "n%d", i);
		table_put(&nodes, name, name);
	}
	for (int i = 0; i < 16; i++) {
		snprintf(name, sizeof name, "n%d", i);
		ranks |= 1u << rendezvous_rank("uid", name, &nodes);
	}
	assert_int_equal(ranks, 0xffff);
	table_release(&nodes);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decides), cmocka_unit_test(shares_what_is_scarce), cmocka_unit_test(patience_grows_with_the_rank),
		cmocka_unit_test(probes_every_candidate_once), cmocka_unit_test(ranks_are_a_permutation)};
	return cmocka_run_group_tests_name("allocation", tests, NULL, NULL);
}
