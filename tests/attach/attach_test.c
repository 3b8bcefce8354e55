// SPDX-License-Identifier: Apache-2.0
#include "instance_double.h"
#include "topology.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <cmocka.h>

static struct topology topology;

static const struct {
	const char *description;
	enum vpc_hook hook;
	enum vpc_direction direction;
} HOOKS[] = {
	{"tcx ingress", VPC_HOOK_TCX, VPC_INGRESS},
	{"tcx egress", VPC_HOOK_TCX, VPC_EGRESS},
	{"clsact ingress", VPC_HOOK_CLSACT, VPC_INGRESS},
	{"clsact egress", VPC_HOOK_CLSACT, VPC_EGRESS},
	{"native XDP", VPC_HOOK_XDP_NATIVE, VPC_XDP},
	{"generic XDP", VPC_HOOK_XDP_GENERIC, VPC_XDP},
};

static void attaches_replaces_and_detaches(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof HOOKS / sizeof *HOOKS; i++) {
		enum vpc_direction direction = HOOKS[i].direction;
		struct vpc_attach_options options = {.size = sizeof options, .hook = HOOKS[i].hook, .pin_directory = PIN_DIRECTORY};
		struct vpc_error error = {""};
		struct vpc_attachment attachment;
		struct stat status;
		struct vpc_instance *drop = load_verdict(direction, DROP), *pass = load_verdict(direction, PASS);

		print_message("  %s\n", HOOKS[i].description);
		uint32_t ifindex = topology_add_pair(&topology);
		struct flow flow = flow_open(&topology, direction);
		assert_true(flow_passes(&flow));

		if (vpc_attach(drop, ifindex, direction, &options, &error))
			fail_msg("%s", error.text);
		assert_false(flow_passes(&flow));
		assert_int_equal(vpc_attachment_check(ifindex, direction, &options, &attachment, &error), 0);
		assert_int_equal(attachment.program_id, vpc_instance_id(drop));

		assert_int_equal(vpc_attach(pass, ifindex, direction, &options, &error), 0);
		assert_true(flow_passes(&flow));
		assert_int_equal(vpc_attachment_check(ifindex, direction, &options, &attachment, &error), 0);
		assert_int_equal(attachment.program_id, vpc_instance_id(pass));
		assert_string_equal(attachment.owner, "vpcctl");

		assert_int_equal(vpc_detach(ifindex, direction, &options, &error), 0);
		assert_true(flow_passes(&flow));
		assert_int_equal(vpc_attachment_check(ifindex, direction, &options, &attachment, &error), -ENOENT);
		assert_int_equal(stat("/sys/fs/bpf/libvpc", &status), -1);

		flow_close(&flow);
		topology_delete_pair();
		vpc_instance_free(drop);
		vpc_instance_free(pass);
	}
}

int main(void) {
	if (!topology_enter(&topology))
		return 77;
	const struct CMUnitTest tests[] = {cmocka_unit_test(attaches_replaces_and_detaches)};
	return cmocka_run_group_tests_name("attach", tests, NULL, NULL);
}
