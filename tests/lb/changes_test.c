// SPDX-License-Identifier: Apache-2.0
//
// Backends come, go, drain and die while flows run; several programs open one balancer; limits hold.

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "frame.h"
#include "lb_maps.h"
#include "scene.h"

enum { FLOWS = 2000, SENT = 3, DROPPED = 1 };

static struct lb_scene scene;

/* The last byte of the backend's address to which a packet of that client port goes; 0 if it is dropped. */
static int backend_of(const char *vip, int port, const char *flags) {
	struct frame out;
	char text[128];
	snprintf(text, sizeof text, "eth ip4 20.1.1.100>%s tcp %d>80 %s", vip, port, flags);
	uint32_t action = scene_send(&scene, text, &out);
	if (action == DROPPED)
		return 0;
	assert_int_equal(action, SENT);
	return out.bytes[14 + 19];
}

static void look(const char *vip, const char *flags, int ret_backends[FLOWS]) {
	for (int i = 0; i < FLOWS; i++)
		ret_backends[i] = backend_of(vip, 1000 + i, flags);
}

static int count_of(const int backends[FLOWS], int backend) {
	int count = 0;
	for (int i = 0; i < FLOWS; i++)
		count += backends[i] == backend;
	return count;
}

static void set_down(const struct vpc_lb_service *service, const char *address, bool down, int result) {
	struct vpc_error error = {""};
	uint8_t bytes[16];
	scene_address(address, bytes);
	assert_int_equal(vpc_lb_backend_set_down(scene.lb, service, bytes, down, &error), result);
}

static void take_away(const struct vpc_lb_service *service, const char *address) {
	struct vpc_error error = {""};
	uint8_t bytes[16];
	scene_address(address, bytes);
	assert_int_equal(vpc_lb_backend_remove(scene.lb, service, bytes, &error), 0);
}

static int find_count(const struct vpc_lb_count *count, void *context) {
	struct {
		const char *name;
		uint64_t count;
	} *sought = context;
	if (strcmp(sought->name, count->name) == 0)
		sought->count = count->count;
	return 0;
}

static uint64_t counted(const struct vpc_lb_service *service, const char *name) {
	struct {
		const char *name;
		uint64_t count;
	} sought = {name, 0};
	struct vpc_error error = {""};
	assert_int_equal(vpc_lb_count_each(scene.lb, service, find_count, &sought, &error), 0);
	return sought.count;
}

static void set_limits(uint32_t new_flows, uint32_t too_big, bool drop_events) {
	struct lb_settings settings = {.new_flows_a_second = new_flows, .too_big_a_second = too_big, .drop_events = drop_events};
	uint32_t zero = 0;
	assert_int_equal(bpf_map_update_elem(scene_map(&scene, "settings"), &zero, &settings, BPF_ANY), 0);
}

/* A VIP with backends 10.0.0.11 to .14, and which of them serve its flows. */
static struct vpc_lb_service make_vip(const char *vip, int backends[FLOWS]) {
	char name[32], address[32];
	snprintf(name, sizeof name, "%s:80/tcp", vip);
	struct vpc_lb_service service = scene_add_vip(&scene, name, 16381, 65536, false);
	for (int i = 1; i <= 4; i++) {
		snprintf(address, sizeof address, "10.0.0.1%d", i);
		scene_set_backend(&scene, &service, address, 1, false);
	}
	look(vip, "S", backends);
	for (int i = 11; i <= 14; i++)
		assert_in_range(count_of(backends, i), FLOWS / 4 * 8 / 10, FLOWS / 4 * 12 / 10);
	return service;
}

static void remove_vip(const struct vpc_lb_service *service) {
	struct vpc_error error = {""};
	assert_int_equal(vpc_lb_vip_remove(scene.lb, service, &error), 0);
}

static void a_backend_that_joins_takes_no_flow(void **state) {
	int before[FLOWS], after[FLOWS], fresh[FLOWS];
	(void)state;
	struct vpc_lb_service service = make_vip("40.2.0.1", before);
	scene_set_backend(&scene, &service, "10.0.0.15", 1, false);
	look("40.2.0.1", "A", after);
	assert_memory_equal(before, after, sizeof before);
	for (int i = 0; i < FLOWS; i++)
		fresh[i] = backend_of("40.2.0.1", 10000 + i, "S");
	assert_in_range(count_of(fresh, 15), FLOWS / 5 * 8 / 10, FLOWS / 5 * 12 / 10);
	remove_vip(&service);
}

static void a_change_of_weight_moves_no_flow(void **state) {
	int before[FLOWS], after[FLOWS], fresh[FLOWS];
	(void)state;
	struct vpc_lb_service service = make_vip("40.2.0.2", before);
	scene_set_backend(&scene, &service, "10.0.0.11", 5, false);
	look("40.2.0.2", "A", after);
	assert_memory_equal(before, after, sizeof before);
	for (int i = 0; i < FLOWS; i++)
		fresh[i] = backend_of("40.2.0.2", 10000 + i, "S");
	assert_in_range(count_of(fresh, 11), FLOWS * 5 / 8 * 9 / 10, FLOWS * 5 / 8 * 11 / 10);
	remove_vip(&service);
}

static void a_draining_backend_keeps_its_flows_and_gets_no_other(void **state) {
	int before[FLOWS], after[FLOWS];
	(void)state;
	struct vpc_lb_service service = make_vip("40.2.0.3", before);
	scene_set_backend(&scene, &service, "10.0.0.12", 1, true);
	look("40.2.0.3", "A", after);
	assert_memory_equal(before, after, sizeof before);
	for (int i = 0; i < FLOWS; i++)
		assert_int_not_equal(backend_of("40.2.0.3", 10000 + i, "S"), 12);
	look("40.2.0.3", "S", after); /* ports that are used again: the flows of others stay even so */
	for (int i = 0; i < FLOWS; i++)
		if (before[i] == 12)
			assert_int_not_equal(after[i], 12);
		else
			assert_int_equal(after[i], before[i]);
	scene_set_backend(&scene, &service, "10.0.0.12", 1, false);
	int fresh = 0;
	for (int i = 0; i < FLOWS; i++)
		fresh += backend_of("40.2.0.3", 20000 + i, "S") == 12;
	assert_in_range(fresh, FLOWS / 4 * 8 / 10, FLOWS / 4 * 12 / 10);
	remove_vip(&service);
}

static void only_the_flows_of_a_dead_backend_move(void **state) {
	int before[FLOWS], after[FLOWS];
	(void)state;
	struct vpc_lb_service service = make_vip("40.2.0.4", before);
	set_down(&service, "10.0.0.13", true, 1);
	set_down(&service, "10.0.0.13", true, 0);
	look("40.2.0.4", "A", after);
	for (int i = 0; i < FLOWS; i++)
		if (before[i] == 13)
			assert_true(after[i] != 13 && after[i] != 0);
		else
			assert_int_equal(after[i], before[i]);
	set_down(&service, "10.0.0.13", false, 1);
	int again[FLOWS];
	look("40.2.0.4", "A", again);
	assert_memory_equal(after, again, sizeof after);
	remove_vip(&service);
}

static void all_backends_dead_is_a_drop_that_is_counted(void **state) {
	int before[FLOWS];
	(void)state;
	struct vpc_lb_service service = make_vip("40.2.0.5", before);
	set_down(&service, "10.0.0.11", true, 1);
	set_down(&service, "10.0.0.12", true, 1);
	set_down(&service, "10.0.0.13", true, 1);
	set_down(&service, "10.0.0.14", true, 1);
	assert_int_equal(backend_of("40.2.0.5", 1000, "A"), 0);
	assert_int_equal(counted(&service, "NO_BACKEND"), 1);
	set_down(&service, "10.0.0.14", false, 1);
	assert_int_equal(backend_of("40.2.0.5", 1000, "A"), 14);
	remove_vip(&service);
}

static void who_gets_the_place_of_another_does_not_get_his_flows(void **state) {
	int before[FLOWS], after[FLOWS];
	(void)state;
	struct vpc_lb_service service = make_vip("40.2.0.6", before);
	take_away(&service, "10.0.0.14");
	scene_set_backend(&scene, &service, "10.0.0.99", 1, false); /* takes the slot that has become free */
	look("40.2.0.6", "A", after);
	for (int i = 0; i < FLOWS; i++)
		if (before[i] != 14)
			assert_int_equal(after[i], before[i]);
	int inherited = 0, moved = count_of(before, 14);
	for (int i = 0; i < FLOWS; i++)
		inherited += before[i] == 14 && after[i] == 99;
	assert_true(inherited < moved * 9 / 10);
	assert_int_equal(count_of(after, 14), 0);
	remove_vip(&service);
}

static void a_flood_of_one_vip_evicts_no_flow_of_another(void **state) {
	int before[FLOWS], after[FLOWS];
	(void)state;
	struct vpc_lb_service service = make_vip("40.2.0.7", before), flooded = scene_add_vip(&scene, "40.2.0.8:80/tcp", 251, 1024, false);
	scene_set_backend(&scene, &flooded, "10.0.0.11", 1, false);
	for (int i = 0; i < 20000; i++)
		backend_of("40.2.0.8", 1 + i, "S");
	scene_set_backend(&scene, &service, "10.0.0.11", 1000, false); /* by the table nearly all would go there */
	look("40.2.0.7", "A", after);
	assert_memory_equal(before, after, sizeof before);
	remove_vip(&flooded);
	remove_vip(&service);
}

static void more_new_flows_than_allowed_are_not_remembered(void **state) {
	(void)state;
	struct vpc_lb_service service = scene_add_vip(&scene, "40.2.0.9:80/tcp", 251, 1024, false);
	scene_set_backend(&scene, &service, "10.0.0.11", 1, false);
	set_limits(10, 1000, false);
	for (int i = 0; i < 500; i++)
		assert_int_equal(backend_of("40.2.0.9", 1 + i, "S"), 11);
	set_limits(0, 1000, false);
	/* a second may end meanwhile, and test runs may go to another processor */
	assert_in_range(counted(&service, "UNRECORDED_FLOW"), 400, 490);
	assert_int_equal(counted(&service, "NEW_FLOW"), 500);
	remove_vip(&service);
}

static void affinity_keeps_a_client_together(void **state) {
	(void)state;
	struct vpc_lb_service service = scene_add_vip(&scene, "40.2.0.10:80/tcp", 16381, 1024, true);
	for (int i = 1; i <= 4; i++) {
		char address[32];
		snprintf(address, sizeof address, "10.0.0.1%d", i);
		scene_set_backend(&scene, &service, address, 1, false);
	}
	int backend = backend_of("40.2.0.10", 1000, "S");
	for (int i = 0; i < 200; i++)
		assert_int_equal(backend_of("40.2.0.10", 2000 + i, "S"), backend);
	assert_int_equal(counted(&service, "NEW_FLOW"), 1);
	remove_vip(&service);
}

static void answers_about_sizes_are_limited(void **state) {
	struct frame out;
	int answered = 0;
	(void)state;
	struct vpc_lb_service service = scene_add_vip(&scene, "40.2.0.11:80/tcp", 251, 1024, false);
	scene_set_backend(&scene, &service, "10.0.0.11", 1, false);
	set_limits(0, 5, false);
	for (int i = 0; i < 100; i++)
		answered += scene_send(&scene, "eth ip4 20.1.1.100>40.2.0.11 df tcp 1>80 A data=1460", &out) == SENT;
	set_limits(0, 1000, false);
	assert_in_range(answered, 5, 20);
	assert_int_equal(counted(&service, "TOO_BIG"), 100 - answered);
	remove_vip(&service);
}

static int take_event(void *context, void *bytes, size_t length) {
	struct lb_drop_event *event = context;
	assert_int_equal(length, sizeof *event);
	memcpy(event, bytes, sizeof *event);
	return 1;
}

static void tells_drops_only_if_asked(void **state) {
	struct lb_drop_event event = {0};
	struct frame out;
	struct vpc_error error = {""};
	(void)state;
	struct ring_buffer *ring = ring_buffer__new(scene_map(&scene, "drop_events"), take_event, &event, NULL);
	struct vpc_lb_service service = scene_add_vip(&scene, "40.2.0.12:80/tcp", 251, 1024, false);
	assert_non_null(ring);
	scene_send(&scene, "eth ip4 20.1.1.100>40.2.0.12 tcp 1>80 S data=100", &out);
	assert_int_equal(ring_buffer__consume(ring), 0);
	assert_int_equal(vpc_lb_set_drop_events(scene.lb, true, &error), 0);
	scene_send(&scene, "eth ip4 20.1.1.100>40.2.0.12 tcp 1>80 S data=100", &out);
	assert_int_equal(vpc_lb_set_drop_events(scene.lb, false, &error), 0);
	assert_int_equal(ring_buffer__consume(ring), 1);
	assert_int_equal(event.reason, LB_DROP_NO_BACKEND);
	assert_int_equal(event.length, 14 + 40 + 100);
	assert_memory_equal(event.head + 14 + 16, "\x28\x02\x00\x0c", 4);
	ring_buffer__free(ring);
	remove_vip(&service);
}

struct tally {
	size_t vips, backends;
};
static int tally_vip(const struct vpc_lb_vip *vip, void *context) {
	(void)vip;
	((struct tally *)context)->vips++;
	return 0;
}
static int tally_backend(const struct vpc_lb_backend *backend, void *context) {
	assert_true(backend->has_next_hop);
	assert_int_equal(backend->mtu, 1500);
	assert_memory_equal(backend->source + 12, "\x0a\x00\x00\x01", 4);
	((struct tally *)context)->backends++;
	return 0;
}

static void who_opens_it_next_finds_everything(void **state) {
	const struct vpc_lb_options options = {.size = sizeof options, .interface = "eth0", .must_exist = true};
	int before[FLOWS], after[FLOWS];
	struct tally tally = {0};
	struct vpc_error error = {""};
	struct vpc_lb *other;
	(void)state;
	struct vpc_lb_service service = make_vip("40.2.0.13", before);
	assert_int_equal(vpc_lb_open(&options, &other, &error), 0);
	assert_int_equal(vpc_lb_vip_each(other, tally_vip, &tally, &error), 0);
	assert_int_equal(vpc_lb_backend_each(other, &service, tally_backend, &tally, &error), 0);
	assert_int_equal(tally.vips, 1);
	assert_int_equal(tally.backends, 4);
	assert_int_equal(vpc_lb_refresh(other, &error), 0);
	/* attached, and replaced under traffic */
	assert_int_equal(vpc_lb_attach(other, VPC_HOOK_AUTO, &error), 0);
	assert_int_equal(vpc_lb_attach(scene.lb, VPC_HOOK_AUTO, &error), 0);
	vpc_lb_free(other);
	look("40.2.0.13", "A", after);
	assert_memory_equal(before, after, sizeof before);
	remove_vip(&service);
}

static void refuses_what_cannot_be(void **state) {
	static const uint8_t NONE[16], SOME[16] = {[10] = 0xff, [11] = 0xff, 10, 0, 0, 77};
	struct vpc_error error = {""};
	struct vpc_lb *lb = NULL;
	(void)state;
	struct vpc_lb_service service = scene_add_vip(&scene, "40.2.0.14:80/tcp", 251, 1024, false), absent = service;
	struct vpc_lb_vip vip = {.service = service, .table_size = 251, .connections = 1024};
	struct vpc_lb_backend backend = {.weight = 1};
	memcpy(backend.address, SOME, sizeof SOME);
	absent.port = 81;
#define REFUSES(call_, code_, says_) \
	do { \
		error.text[0] = '\0'; \
		assert_int_equal(call_, code_); \
		if (!strstr(error.text, says_)) \
			fail_msg("'%s' does not say '%s'", error.text, says_); \
	} while (0)
	assert_int_equal(vpc_lb_vip_add(scene.lb, &vip, &error), 0);
	vip.affinity = true;
	REFUSES(vpc_lb_vip_add(scene.lb, &vip, &error), -EEXIST, "40.2.0.14:80/tcp");
	vip.service.port = 82;
	vip.table_size = 252;
	REFUSES(vpc_lb_vip_add(scene.lb, &vip, &error), -EINVAL, "prime");
	vip.table_size = 251;
	vip.connections = 1;
	REFUSES(vpc_lb_vip_add(scene.lb, &vip, &error), -EINVAL, "connections");
	vip.service.protocol = 132;
	REFUSES(vpc_lb_vip_add(scene.lb, &vip, &error), -EINVAL, "132");
	REFUSES(vpc_lb_vip_remove(scene.lb, &absent, &error), -ENOENT, "40.2.0.14:81/tcp");
	REFUSES(vpc_lb_backend_set(scene.lb, &absent, &backend, &error), -ENOENT, "40.2.0.14:81/tcp");
	REFUSES(vpc_lb_backend_remove(scene.lb, &service, SOME, &error), -ENOENT, "10.0.0.77");
	REFUSES(vpc_lb_backend_set_down(scene.lb, &service, SOME, true, &error), -ENOENT, "10.0.0.77");
	backend.weight = 0;
	REFUSES(vpc_lb_backend_set(scene.lb, &service, &backend, &error), -EINVAL, "weight");
	backend.weight = 1001;
	REFUSES(vpc_lb_backend_set(scene.lb, &service, &backend, &error), -EINVAL, "1000");
	memcpy(backend.address, NONE, sizeof NONE);
	backend.weight = 1;
	REFUSES(vpc_lb_backend_set(scene.lb, &service, &backend, &error), -EINVAL, "address");
	const struct vpc_lb_options nowhere = {.size = sizeof nowhere, .interface = "nowhere"}, far = {.size = sizeof far, .interface = "far", .must_exist = true};
	REFUSES(vpc_lb_open(&nowhere, &lb, &error), -ENODEV, "nowhere");
	REFUSES(vpc_lb_open(&far, &lb, &error), -ENOENT, "far");
	REFUSES(vpc_lb_destroy(&far, &error), -ENOENT, "far");
	assert_null(lb);
	remove_vip(&service);
}

static void reads_services_as_people_write_them(void **state) {
	static const struct {
		const char *text, *again; /* NULL: refused */
	} TEXTS[] = {
		{"40.1.1.1:80/tcp", "40.1.1.1:80/tcp"}, {"40.1.1.1:80", "40.1.1.1:80/tcp"}, {"40.1.1.1:53/udp", "40.1.1.1:53/udp"},
		{"[2001:DB8::1]:443/tcp", "[2001:db8::1]:443/tcp"}, {"[::]:1/udp", "[::]:1/udp"}, {"40.1.1.1:65535/tcp", "40.1.1.1:65535/tcp"},
		{"40.1.1.1", NULL}, {"40.1.1.1:", NULL}, {"40.1.1.1:0", NULL}, {"40.1.1.1:65536", NULL}, {"40.1.1.1:80/sctp", NULL}, {"40.1.1.1:80/", NULL},
		{"40.1.1:80", NULL}, {"2001:db8::1:80", NULL}, {"[2001:db8::1]80", NULL}, {"[::ffff:1.2.3.4]:80", NULL}, {"[]:80", NULL}, {"", NULL},
		{":80", NULL}, {"40.1.1.1:+80", NULL}, {"40.1.1.1: 80", NULL}, {"40.1.1.1:80x", NULL}, {"a.b.c.d:80", NULL},
		{"111111111111111111111111111111111111111111111111111111111111111:80", NULL},
	};
	(void)state;
	for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) {
		struct vpc_lb_service service = {.port = 7};
		struct vpc_error error = {""};
		char again[VPC_LB_SERVICE_TEXT];
		int result = vpc_lb_service_parse(TEXTS[i].text, &service, &error);
		print_message("  '%s'\n", TEXTS[i].text);
		assert_int_equal(result, TEXTS[i].again ? 0 : -EINVAL);
		if (TEXTS[i].again)
			assert_string_equal(vpc_lb_service_format(&service, again), TEXTS[i].again);
		else
			assert_true(service.port == 7 && error.text[0]);
	}
}

static void nothing_is_left_when_it_is_destroyed(void **state) {
	const struct vpc_lb_options options = {.size = sizeof options, .interface = "eth0"};
	struct vpc_error error = {""};
	struct vpc_lb_vip vip = {.service = {.port = 80, .protocol = VPC_LB_TCP}};
	(void)state;
	assert_int_equal(vpc_lb_destroy(&options, &error), 0);
	assert_int_equal(vpc_lb_vip_add(scene.lb, &vip, &error), -ESTALE);
	scene_shell("test ! -e /sys/fs/bpf/libvpc && ! ip link show eth0 | grep -q xdp");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_services_as_people_write_them),
		cmocka_unit_test(a_backend_that_joins_takes_no_flow),
		cmocka_unit_test(a_change_of_weight_moves_no_flow),
		cmocka_unit_test(a_draining_backend_keeps_its_flows_and_gets_no_other),
		cmocka_unit_test(only_the_flows_of_a_dead_backend_move),
		cmocka_unit_test(all_backends_dead_is_a_drop_that_is_counted),
		cmocka_unit_test(who_gets_the_place_of_another_does_not_get_his_flows),
		cmocka_unit_test(a_flood_of_one_vip_evicts_no_flow_of_another),
		cmocka_unit_test(more_new_flows_than_allowed_are_not_remembered),
		cmocka_unit_test(affinity_keeps_a_client_together),
		cmocka_unit_test(answers_about_sizes_are_limited),
		cmocka_unit_test(tells_drops_only_if_asked),
		cmocka_unit_test(who_opens_it_next_finds_everything),
		cmocka_unit_test(refuses_what_cannot_be),
		cmocka_unit_test(nothing_is_left_when_it_is_destroyed),
	};
	scene_make(NULL, &scene);
	set_limits(0, 1000, false);
	int failed = cmocka_run_group_tests_name("lb_changes", tests, NULL, NULL);
	scene_free(&scene);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
