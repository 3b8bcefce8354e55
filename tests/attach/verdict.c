// SPDX-License-Identifier: Apache-2.0
#include "verdict.h"

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

static struct vpc_template *tc, *xdp;

static struct vpc_template *prepare(enum vpc_direction direction) {
	struct vpc_prepare_options options = {.size = sizeof options, .direction = direction};
	struct vpc_template *template_ = NULL;
	struct vpc_error error = {""};
	if (vpc_template_open_file(VERDICT_OBJECT, NULL, &template_, &error) || vpc_template_prepare(template_, &options, &error))
		fail_msg("%s", error.text);
	return template_;
}

void verdict_prepare(void) {
	tc = tc ? tc : prepare(VPC_INGRESS);
	xdp = xdp ? xdp : prepare(VPC_XDP);
}

struct vpc_instance *load_verdict(enum vpc_direction direction, enum verdict verdict) {
	static unsigned salt;
	struct vpc_template *template_ = direction == VPC_XDP ? xdp : tc;
	int code = direction == VPC_XDP ? (verdict == DROP ? XDP_DROP : XDP_PASS) : (verdict == DROP ? TC_ACT_SHOT : TC_ACT_UNSPEC);
	struct vpc_setting settings[2];
	struct vpc_instance *instance = NULL;
	struct vpc_error error = {""};
	char text[64];

	snprintf(text, sizeof text, "verdict=%u", (uint32_t)code);
	int result = vpc_template_parse_setting(template_, text, &settings[0], &error);
	snprintf(text, sizeof text, "salt=%u", ++salt);
	result = result ? result : vpc_template_parse_setting(template_, text, &settings[1], &error);
	result = result ? result : vpc_instance_load(template_, "answer", settings, 2, &instance, &error);
	if (result)
		fail_msg("%s", error.text);
	return instance;
}
