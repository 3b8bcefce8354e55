// SPDX-License-Identifier: Apache-2.0
#include "scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

struct topology topology;

struct scene scene_open(const struct hook *hook) {
	print_message("  %s\n", hook->description);
	verdict_prepare();
	struct scene scene = {.hook = hook, .direction = hook->direction, .descriptors = count_descriptors()};
	scene.options = (struct vpc_attach_options){.size = sizeof scene.options, .hook = hook->hook, .pin_directory = PIN_DIRECTORY};
	scene.ifindex = topology_add_pair(&topology);
	scene.drop = load_verdict(hook->direction, DROP);
	scene.pass = load_verdict(hook->direction, PASS);
	scene.flow = flow_open(&topology, hook->direction);
	return scene;
}

void scene_close(struct scene *scene) {
	uint32_t drop_id = vpc_instance_id(scene->drop), pass_id = vpc_instance_id(scene->pass);
	assert_nothing_pinned();
	run("! tc qdisc show dev host0 2>/dev/null | grep -q clsact");
	vpc_instance_free(scene->drop);
	vpc_instance_free(scene->pass);
	await_unloaded(drop_id);
	await_unloaded(pass_id);
	flow_close(&scene->flow);
	topology_delete_pair();
	assert_int_equal(count_descriptors(), scene->descriptors);
}

void attach(const struct scene *scene, const struct vpc_instance *instance) {
	struct vpc_error error = {""};
	if (vpc_attach(instance, scene->ifindex, scene->direction, &scene->options, &error))
		fail_msg("%s", error.text);
}

void detach(const struct scene *scene) {
	struct vpc_error error = {""};
	if (vpc_detach(scene->ifindex, scene->direction, &scene->options, &error))
		fail_msg("%s", error.text);
}

int check(const struct scene *scene) {
	return vpc_attachment_check(scene->ifindex, scene->direction, &scene->options, NULL, NULL);
}
