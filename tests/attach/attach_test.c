// SPDX-License-Identifier: Apache-2.0
/* Attach, replace, read back, detach; no packet passes unfiltered meanwhile, none is lost. */
#include "scene.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define REPLACEMENTS 200

static void attaches_replaces_and_detaches(void **state) {
	(void)state;
	FOR_EACH_HOOK (hook) {
		struct scene scene = scene_open(hook);
		struct vpc_attachment attachment;

		assert_true(flow_passes(&scene.flow));
		assert_int_equal(check(&scene), -ENOENT);

		attach(&scene, scene.drop);
		assert_true(flow_is_stopped(&scene.flow));
		assert_int_equal(vpc_attachment_check(scene.ifindex, scene.direction, &scene.options, &attachment, NULL), 0);
		assert_int_equal(attachment.ifindex, scene.ifindex);
		assert_int_equal(attachment.direction, scene.direction);
		assert_int_equal(attachment.hook, hook->hook);
		assert_int_equal(attachment.program_id, vpc_instance_id(scene.drop));
		assert_int_equal(attachment.program_tag, vpc_instance_tag(scene.drop));
		assert_string_equal(attachment.owner, "vpcctl");
		assert_string_equal(attachment.program, vpc_instance_program(scene.drop));
		assert_string_equal(attachment.values, vpc_instance_values(scene.drop));
		assert_string_equal(attachment.template_hash, vpc_template_hash(vpc_instance_template(scene.drop)));

		attach(&scene, scene.pass);
		assert_true(flow_passes(&scene.flow));
		assert_int_equal(vpc_attachment_check(scene.ifindex, scene.direction, &scene.options, &attachment, NULL), 0);
		assert_int_equal(attachment.program_id, vpc_instance_id(scene.pass));

		attach(&scene, scene.pass); /* the same again */
		assert_int_equal(check(&scene), 0);

		detach(&scene);
		assert_true(flow_passes(&scene.flow));
		assert_int_equal(check(&scene), -ENOENT);
		ASSERT_FAILS(vpc_detach(scene.ifindex, scene.direction, &scene.options, error), -ENOENT, "othing");
		scene_close(&scene);
	}
}

/* Automatic choice takes tcx and native XDP where they are. */
static void chooses_a_hook(void **state) {
	(void)state;
	static const struct hook AUTOMATIC[] = {
		{"ingress", VPC_HOOK_AUTO, VPC_INGRESS}, {"egress", VPC_HOOK_AUTO, VPC_EGRESS}, {"xdp", VPC_HOOK_AUTO, VPC_XDP}};
	for (int i = 0; i < 3; i++) {
		struct scene scene = scene_open(&AUTOMATIC[i]);
		struct vpc_attachment attachment;
		attach(&scene, scene.drop);
		assert_true(flow_is_stopped(&scene.flow));
		assert_int_equal(vpc_attachment_check(scene.ifindex, scene.direction, &scene.options, &attachment, NULL), 0);
		assert_true(attachment.hook == VPC_HOOK_TCX || attachment.hook == VPC_HOOK_CLSACT || attachment.hook == VPC_HOOK_XDP_NATIVE ||
			attachment.hook == VPC_HOOK_XDP_GENERIC);
		detach(&scene);
		scene_close(&scene);
	}
}

static void lets_nothing_through_while_replacing(void **state) {
	(void)state;
	FOR_EACH_HOOK (hook) {
		struct scene scene = scene_open(hook);
		struct vpc_instance *other = load_verdict(hook->direction, DROP);
		struct stream stream;
		attach(&scene, scene.drop);
		stream_start(&stream, &topology, hook->direction);
		for (int i = 0; i < REPLACEMENTS; i++) {
			attach(&scene, i % 2 ? scene.drop : other);
			stream_await(&stream, 2);
		}
		stream_stop(&stream);
		print_message("    %u sent, %u received\n", stream.sent, stream.received);
		assert_int_equal(stream.received, 0);
		detach(&scene);
		vpc_instance_free(other);
		scene_close(&scene);
	}
}

static void loses_nothing_while_replacing(void **state) {
	(void)state;
	FOR_EACH_HOOK (hook) {
		struct scene scene = scene_open(hook);
		struct vpc_instance *other = load_verdict(hook->direction, PASS);
		struct stream stream;
		attach(&scene, scene.pass);
		stream_start(&stream, &topology, hook->direction);
		for (int i = 0; i < REPLACEMENTS; i++) {
			attach(&scene, i % 2 ? scene.pass : other);
			stream_await(&stream, 2);
		}
		stream_stop_after_arrival(&stream);
		print_message("    %u sent, %u received\n", stream.sent, stream.received);
		assert_int_equal(stream.received, stream.sent);
		detach(&scene);
		vpc_instance_free(other);
		scene_close(&scene);
	}
}

/* From one kind of hook to another and back: the new one stands before the old one goes. */
static void moves_between_hooks(void **state) {
	(void)state;
	static const struct hook DIRECTIONS[] = {{"ingress", VPC_HOOK_TCX, VPC_INGRESS}, {"egress", VPC_HOOK_TCX, VPC_EGRESS}};
	if (!hook_is_there(&DIRECTIONS[0]))
		skip(); /* there is one kind only */
	for (int i = 0; i < 2; i++) {
		struct scene scene = scene_open(&DIRECTIONS[i]);
		struct vpc_attachment attachment;
		struct stream stream;
		attach(&scene, scene.drop);
		stream_start(&stream, &topology, scene.direction);
		for (int move = 0; move < 20; move++) {
			scene.options.hook = move % 2 ? VPC_HOOK_TCX : VPC_HOOK_CLSACT;
			attach(&scene, scene.drop);
			assert_int_equal(vpc_attachment_check(scene.ifindex, scene.direction, &scene.options, &attachment, NULL), 0);
			assert_int_equal(attachment.hook, scene.options.hook);
			stream_await(&stream, 5);
		}
		stream_stop(&stream);
		assert_int_equal(stream.received, 0);
		detach(&scene);
		scene_close(&scene);
	}
}

int main(void) {
	if (!topology_enter(&topology))
		return 77;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(attaches_replaces_and_detaches),
		cmocka_unit_test(chooses_a_hook),
		cmocka_unit_test(lets_nothing_through_while_replacing),
		cmocka_unit_test(loses_nothing_while_replacing),
		cmocka_unit_test(moves_between_hooks),
	};
	return cmocka_run_group_tests_name("attach", tests, NULL, NULL);
}
