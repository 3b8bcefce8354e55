// SPDX-License-Identifier: Apache-2.0
/* Programs of other tools stay and run; ours regains its place, or says who is in the way; what people remove comes back. */
#include "scene.h"

#include <errno.h>
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static void runs_beside_a_foreign_program(void **state) {
	(void)state;
	FOR_EACH_CHAIN (hook) {
		struct scene scene = scene_open(hook);
		struct foreign foreign = foreign_load(hook->direction);
		foreign_put_first(&foreign, scene.ifindex, hook->direction, hook->hook);

		attach(&scene, scene.pass);
		assert_int_equal(check(&scene), 0);
		uint64_t before = foreign_count(&foreign);
		assert_true(flow_passes(&scene.flow));
		assert_true(foreign_count(&foreign) > before);

		attach(&scene, scene.drop); /* ours comes first: the other one sees nothing any more */
		before = foreign_count(&foreign);
		assert_true(flow_is_stopped(&scene.flow));
		assert_int_equal(foreign_count(&foreign), before);

		detach(&scene);
		assert_true(flow_passes(&scene.flow));
		assert_true(foreign_count(&foreign) > before);
		foreign_remove(&foreign, scene.ifindex, hook->direction, hook->hook);
		run("tc qdisc del dev host0 clsact 2>/dev/null || true");
		foreign_close(&foreign);
		scene_close(&scene);
	}
}

/* Also with the very program that stands there, which a tcx chain does not take twice. */
static void regains_the_head(void **state) {
	(void)state;
	FOR_EACH_CHAIN (hook) {
		for (int same = 0; same < 2; same++) {
			struct scene scene = scene_open(hook);
			struct vpc_instance *other = load_verdict(hook->direction, DROP);
			struct foreign foreign = foreign_load(hook->direction);
			struct stream stream;

			attach(&scene, scene.drop);
			stream_start(&stream, &topology, hook->direction);
			for (int i = 0; i < 5; i++) {
				foreign_put_first(&foreign, scene.ifindex, hook->direction, hook->hook);
				char words[32];
				snprintf(words, sizeof words, hook->hook == VPC_HOOK_TCX ? "program %u" : "handle 0x1", foreign.id);
				ASSERT_FAILS(vpc_attachment_check(scene.ifindex, hook->direction, &scene.options, NULL, error), -ESTALE, words);
				stream_await(&stream, 5);
				assert_true(foreign_count(&foreign) > 0);
				attach(&scene, same || i % 2 ? scene.drop : other);
				assert_int_equal(check(&scene), 0);
				stream_await(&stream, 5);
				foreign_remove(&foreign, scene.ifindex, hook->direction, hook->hook);
			}
			stream_stop(&stream);
			assert_int_equal(stream.received, 0);
			detach(&scene);
			vpc_instance_free(other);
			foreign_close(&foreign);
			scene_close(&scene);
		}
	}
}

static void names_what_cannot_be_passed(void **state) {
	(void)state;
	FOR_EACH_CHAIN (hook) {
		const char *direction = hook->direction == VPC_INGRESS ? "ingress" : "egress";
		if (hook->hook != VPC_HOOK_CLSACT)
			continue;
		struct scene scene = scene_open(hook);
		struct foreign foreign = foreign_load(hook->direction);
		char words[32];

		run("tc qdisc add dev host0 clsact && tc filter add dev host0 %s prio 1 protocol ip u32 match u8 0 0 flowid 1:1", direction);
		ASSERT_FAILS(vpc_attach(scene.drop, scene.ifindex, scene.direction, &scene.options, error), -EBUSY, "'u32'");
		assert_true(flow_passes(&scene.flow));
		run("tc filter show dev host0 %s | grep -q u32", direction);
		assert_nothing_pinned();
		run("tc qdisc del dev host0 clsact");

		if (hook_is_there(&HOOKS[0])) {
			foreign_put_first(&foreign, scene.ifindex, hook->direction, VPC_HOOK_TCX);
			snprintf(words, sizeof words, "program %u", foreign.id);
			ASSERT_FAILS(vpc_attach(scene.drop, scene.ifindex, scene.direction, &scene.options, error), -EBUSY, words);
			foreign_remove(&foreign, scene.ifindex, hook->direction, VPC_HOOK_TCX);
		}

		run("tc qdisc add dev host0 ingress");
		ASSERT_FAILS(vpc_attach(scene.drop, scene.ifindex, scene.direction, &scene.options, error), -EBUSY, "'ingress'");
		run("tc qdisc del dev host0 ingress");
		foreign_close(&foreign);
		scene_close(&scene);
	}
	FOR_EACH_HOOK (hook) {
		if (hook->direction != VPC_XDP)
			continue;
		struct scene scene = scene_open(hook);
		struct vpc_instance *other = load_verdict(VPC_XDP, PASS);
		struct vpc_attach_options elsewhere = scene.options;
		char words[32];
		elsewhere.pin_directory = "/sys/fs/bpf/elsewhere";
		assert_int_equal(vpc_attach(other, scene.ifindex, VPC_XDP, &elsewhere, NULL), 0);
		snprintf(words, sizeof words, "program %u", vpc_instance_id(other));
		ASSERT_FAILS(vpc_attach(scene.drop, scene.ifindex, scene.direction, &scene.options, error), -EBUSY, words);
		assert_int_equal(vpc_detach(scene.ifindex, VPC_XDP, &elsewhere, NULL), 0);
		vpc_instance_free(other);
		scene_close(&scene);
	}
}

/* A clsact qdisc is taken away only by who made it, and only when nobody uses it. */
static void leaves_the_qdisc_of_others(void **state) {
	(void)state;
	static const struct hook CLSACT = {"clsact ingress", VPC_HOOK_CLSACT, VPC_INGRESS};
	struct scene scene = scene_open(&CLSACT);

	run("tc qdisc add dev host0 clsact");
	attach(&scene, scene.drop);
	detach(&scene);
	run("tc qdisc show dev host0 | grep -q clsact && tc qdisc del dev host0 clsact");

	attach(&scene, scene.drop);
	run("tc filter add dev host0 egress prio 9 protocol ip u32 match u8 0 0 flowid 1:1");
	detach(&scene);
	run("tc filter show dev host0 egress | grep -q u32 && tc qdisc del dev host0 clsact");

	struct vpc_instance *egress = load_verdict(VPC_EGRESS, PASS);
	attach(&scene, scene.drop);
	assert_int_equal(vpc_attach(egress, scene.ifindex, VPC_EGRESS, &scene.options, NULL), 0);
	detach(&scene);
	assert_int_equal(vpc_attachment_check(scene.ifindex, VPC_EGRESS, &scene.options, NULL, NULL), 0);
	assert_int_equal(vpc_detach(scene.ifindex, VPC_EGRESS, &scene.options, NULL), 0);
	vpc_instance_free(egress);
	scene_close(&scene);
}

/* In a hurry: on clsact as long as nobody stands on tcx, which runs before; at the head of tcx when somebody does. */
static void moves_to_tcx_when_overtaken_there(void **state) {
	(void)state;
	static const struct hook QUICK[] = {{"quick ingress", VPC_HOOK_QUICK, VPC_INGRESS}, {"quick egress", VPC_HOOK_QUICK, VPC_EGRESS}};
	if (!hook_is_there(&HOOKS[0]))
		skip(); /* nobody can overtake */
	for (int i = 0; i < 2; i++) {
		struct scene scene = scene_open(&QUICK[i]);
		struct foreign foreign = foreign_load(scene.direction);
		struct vpc_attachment attachment;
		struct stream stream;

		attach(&scene, scene.drop);
		stream_start(&stream, &topology, scene.direction);
		assert_int_equal(vpc_attachment_check(scene.ifindex, scene.direction, &scene.options, &attachment, NULL), 0);
		assert_int_equal(attachment.hook, VPC_HOOK_CLSACT);
		foreign_put_first(&foreign, scene.ifindex, scene.direction, VPC_HOOK_TCX);
		ASSERT_FAILS(vpc_attachment_check(scene.ifindex, scene.direction, &scene.options, NULL, error), -ESTALE, "on tcx");
		for (int again = 0; again < 2; again++) {
			attach(&scene, scene.drop);
			assert_int_equal(vpc_attachment_check(scene.ifindex, scene.direction, &scene.options, &attachment, NULL), 0);
			assert_int_equal(attachment.hook, VPC_HOOK_TCX);
			stream_await(&stream, 5);
		}
		stream_stop(&stream);
		assert_int_equal(stream.received, 0);
		foreign_remove(&foreign, scene.ifindex, scene.direction, VPC_HOOK_TCX);
		detach(&scene);
		foreign_close(&foreign);
		scene_close(&scene);
	}
}

static const struct removal {
	const char *description;
	enum vpc_hook hook; /* AUTO: all with a link */
	const char *command;
	int result; /* of the check afterwards */
	bool still_drops;
} REMOVALS[] = {
	{"pin removed", VPC_HOOK_AUTO, "rm " PIN_DIRECTORY "/links/*", -ENOENT, false},
	{"link detached", VPC_HOOK_AUTO, "bpftool link detach pinned " PIN_DIRECTORY "/links/*", -ENOENT, false},
	{"filter deleted", VPC_HOOK_CLSACT, "for d in ingress egress; do tc filter del dev host0 $d; done", -ENOENT, false},
	{"qdisc deleted", VPC_HOOK_CLSACT, "tc qdisc del dev host0 clsact", -ENOENT, false},
	{"pinned program removed", VPC_HOOK_CLSACT, "rm " PIN_DIRECTORY "/programs/*", -ESTALE, true},
	{"records removed", VPC_HOOK_AUTO, "rm " PIN_DIRECTORY "/records", -ENOENT, true},
	{"records removed", VPC_HOOK_CLSACT, "rm " PIN_DIRECTORY "/records", -ENOENT, true},
};

static void await_verdict(const struct scene *scene, bool passes) {
	for (int tries = 0; flow_is_stopped(&scene->flow) == passes; tries++) /* the kernel frees a link without descriptors late */
		assert_in_range(tries, 0, 50);
}

static void repairs_what_people_removed(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof REMOVALS / sizeof *REMOVALS; i++) {
		const struct removal *removal = &REMOVALS[i];
		print_message("  %s\n", removal->description);
		FOR_EACH_HOOK (hook) {
			if ((removal->hook == VPC_HOOK_CLSACT) != (hook->hook == VPC_HOOK_CLSACT))
				continue;
			struct scene scene = scene_open(hook);
			attach(&scene, scene.drop);
			run("%s", removal->command);
			await_verdict(&scene, !removal->still_drops);
			assert_int_equal(check(&scene), removal->result);
			attach(&scene, scene.drop);
			assert_int_equal(check(&scene), 0);
			assert_true(flow_is_stopped(&scene.flow));

			run("%s", removal->command); /* and without a repair before the detachment */
			detach(&scene);
			await_verdict(&scene, true);
			if (strstr(removal->command, "records")) /* nobody knows any more whose qdisc it was */
				run("tc qdisc del dev host0 clsact 2>/dev/null || true");
			scene_close(&scene);
		}
	}
}

int main(void) {
	if (!topology_enter(&topology))
		return 77;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_beside_a_foreign_program),
		cmocka_unit_test(regains_the_head),
		cmocka_unit_test(moves_to_tcx_when_overtaken_there),
		cmocka_unit_test(names_what_cannot_be_passed),
		cmocka_unit_test(leaves_the_qdisc_of_others),
		cmocka_unit_test(repairs_what_people_removed),
	};
	return cmocka_run_group_tests_name("foreign", tests, NULL, NULL);
}
