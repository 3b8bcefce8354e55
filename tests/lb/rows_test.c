// SPDX-License-Identifier: Apache-2.0
//
// Each row's frame goes through the balancer by BPF_PROG_TEST_RUN, with tables as if it were the first one. Frames are
// compared byte by byte, counters with all others, and every checksum of what leaves is verified by other means than those
// that made what is expected.

#include <bpf/bpf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "checksums.h"
#include "frame.h"
#include "lb_maps.h"
#include "rows.h"
#include "scene.h"

enum { XDP_DROP_ = 1, XDP_PASS_ = 2, XDP_TX_ = 3, MOST_COUNTS = 64 };

static struct lb_scene scene;
static size_t rows_run;

struct count_seen {
	char name[32];
	uint64_t count;
};
struct counts {
	struct count_seen list[MOST_COUNTS];
	size_t count;
};

static int add_count(const struct vpc_lb_count *count, void *context) {
	struct counts *counts = context;
	for (size_t i = 0; i < counts->count; i++)
		if (strcmp(counts->list[i].name, count->name) == 0)
			return counts->list[i].count += count->count, 0;
	snprintf(counts->list[counts->count].name, sizeof counts->list[0].name, "%s", count->name);
	counts->list[counts->count++].count = count->count;
	return 0;
}

static int add_counts_of_vip(const struct vpc_lb_vip *vip, void *context) {
	struct vpc_error error;
	return vpc_lb_count_each(scene.lb, &vip->service, add_count, context, &error);
}

static void read_counts(struct counts *ret_counts) {
	struct vpc_error error = {""};
	ret_counts->count = 0;
	if (vpc_lb_count_each(scene.lb, NULL, add_count, ret_counts, &error) < 0 || vpc_lb_vip_each(scene.lb, add_counts_of_vip, ret_counts, &error) < 0)
		fail_msg("%s", error.text);
}

static uint64_t count_named(const struct counts *counts, const char *name) {
	for (size_t i = 0; i < counts->count; i++)
		if (strcmp(counts->list[i].name, name) == 0)
			return counts->list[i].count;
	return 0;
}

static void delete_all(int fd) {
	uint8_t key[64];
	while (bpf_map_get_next_key(fd, NULL, key) == 0)
		bpf_map_delete_elem(fd, key);
}

static void forget_flows(void) {
	static const char *const MAPS[] = {"connections4", "connections6"};
	delete_all(scene_map(&scene, "fragments"));
	for (size_t i = 0; i < 2; i++)
		for (uint32_t vip = 1; vip < 16; vip++) {
			uint32_t id;
			if (bpf_map_lookup_elem(scene_map(&scene, MAPS[i]), &vip, &id))
				continue;
			int inner = bpf_map_get_fd_by_id(id);
			assert_true(inner >= 0);
			delete_all(inner);
			close(inner);
		}
}

static int wrong(const struct row *row, const char *what, const struct frame *got, const struct frame *expected) {
	print_message("  %s: %s\n    %s\n", row->description, what, row->in);
	if (got)
		frame_print("got", got);
	if (expected)
		frame_print("expected", expected);
	return 1;
}

static int check_counts(const struct row *row, const struct counts *before) {
	struct counts after;
	char got[256] = "";
	read_counts(&after);
	for (size_t i = 0; i < after.count; i++)
		for (uint64_t n = count_named(before, after.list[i].name); n < after.list[i].count; n++)
			snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s", *got ? " " : "", after.list[i].name);
	if (strcmp(got, row->counts) == 0)
		return 0;
	print_message("  %s: counted '%s' instead of '%s'\n", row->description, got, row->counts);
	return 1;
}

static int check_row(const struct row *row) {
	static const uint32_t ACTIONS[] = {[PASS] = XDP_PASS_, [SEND] = XDP_TX_, [DROP] = XDP_DROP_};
	static struct frame in, out, expected;
	struct counts before;
	forget_flows();
	if (row->before)
		scene_send(&scene, row->before, &out);
	read_counts(&before);
	frame_build(row->in, &in);
	uint32_t action = scene_send(&scene, row->in, &out);
	rows_run++;
	if (action != ACTIONS[row->verdict])
		return wrong(row, action == XDP_PASS_ ? "passes" : action == XDP_TX_ ? "is sent" : "is dropped", &out, NULL);
	if (row->verdict == SEND)
		frame_build(row->out, &expected);
	else
		expected = in;
	if (row->verdict != DROP && (out.length != expected.length || memcmp(out.bytes, expected.bytes, out.length) != 0))
		return wrong(row, "another frame", &out, &expected);
	const char *checksum = row->verdict == SEND ? checksums_find_wrong(out.bytes, out.length) : NULL;
	if (checksum)
		return wrong(row, checksum, &out, NULL);
	return check_counts(row, &before);
}

static void check_table(void **state) {
	const struct table *table = *state;
	int failed = 0;
	for (size_t i = 0; i < table->count; i++)
		failed += check_row(&table->rows[i]);
	assert_int_equal(failed, 0);
}

/* As between two looks at the neighbours: who is chosen can no longer be reached. */
static void lose_next_hop(uint32_t vip) {
	for (uint32_t slot = 1; slot < 64; slot++) {
		struct lb_backend backend;
		assert_int_equal(bpf_map_lookup_elem(scene_map(&scene, "backends"), &slot, &backend), 0);
		if (backend.vip != vip)
			continue;
		memset(backend.destination_mac, 0, sizeof backend.destination_mac);
		assert_int_equal(bpf_map_update_elem(scene_map(&scene, "backends"), &slot, &backend, BPF_ANY), 0);
	}
}

static void make_vips(void) {
	static const struct {
		const char *vip, *backend;
	} VIPS[] = {
		{"40.1.1.1:80/tcp", "10.0.0.11"},
		{"40.1.1.1:53/udp", "10.0.0.12"},
		{"40.1.1.2:80/tcp", "2001:db8:10::13"},
		{"40.1.1.3:80/tcp", NULL},
		{"40.1.1.4:80/tcp", "10.0.0.15"},
		{"[2001:db8:40::1]:80/tcp", "2001:db8:10::11"},
		{"[2001:db8:40::1]:53/udp", "2001:db8:10::12"},
		{"[2001:db8:40::2]:80/tcp", "10.0.0.14"},
		{"[2001:db8:40::3]:80/tcp", NULL},
		{"[2001:db8:40::4]:80/tcp", "2001:db8:10::15"},
	};
	for (size_t i = 0; i < sizeof VIPS / sizeof *VIPS; i++) {
		struct vpc_lb_service service = scene_add_vip(&scene, VIPS[i].vip, 251, 1024, false);
		if (VIPS[i].backend)
			scene_set_backend(&scene, &service, VIPS[i].backend, 1, false);
		if (strstr(VIPS[i].vip, "40.1.1.4:") || strstr(VIPS[i].vip, "40::4]"))
			lose_next_hop((uint32_t)i + 1);
	}
}

#define SUBJECT(table_) {#table_, check_table, NULL, NULL, (void *)&table_}

int main(int argc, char **argv) {
	const struct CMUnitTest tests[] = {SUBJECT(ROWS_IPV4), SUBJECT(ROWS_IPV6), SUBJECT(ROWS_FRAGMENTS), SUBJECT(ROWS_ICMP), SUBJECT(ROWS_SIZES)};
	scene_make(argc > 1 ? argv[1] : NULL, &scene);
	make_vips();
	int failed = cmocka_run_group_tests_name("lb_rows", tests, NULL, NULL);
	printf("%zu rows\n", rows_run);
	scene_free(&scene);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
