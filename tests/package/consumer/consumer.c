// SPDX-License-Identifier: Apache-2.0
#include <net/if.h>
#include <stdio.h>
#include <vpc/vpc.h>

/* Makes one address unpingable through an interface: consumer OBJECT INTERFACE ADDRESS */
int main(int argc, char **argv) {
	const struct vpc_prepare_options egress = {.size = sizeof egress, .direction = VPC_EGRESS};
	struct vpc_template *template = NULL;
	struct vpc_instance *instance = NULL;
	struct vpc_setting target;
	struct vpc_error error = {""};
	char text[64];

	if (argc != 4)
		return fprintf(stderr, "usage: consumer OBJECT INTERFACE ADDRESS\n"), 2;
	snprintf(text, sizeof text, "target_addr=%s", argv[3]);
	int failed = vpc_template_open_file(argv[1], NULL, &template, &error) < 0 ||
		vpc_template_parse_setting(template, text, &target, &error) < 0 ||
		vpc_template_prepare(template, &egress, &error) < 0 ||
		vpc_instance_load(template, "filter_out", &target, 1, &instance, &error) < 0 ||
		vpc_attach(instance, if_nametoindex(argv[2]), VPC_EGRESS, NULL, &error) < 0;
	if (failed)
		fprintf(stderr, "%s\n", error.text);
	vpc_instance_free(instance);
	vpc_template_free(template);
	return failed;
}
