/* SPDX-License-Identifier: Apache-2.0 */
/* One hook of a fresh veth pair with two programs at hand; closing it asserts that nothing is left behind. */
#ifndef TEST_ATTACH_SCENE_H
#define TEST_ATTACH_SCENE_H

#include "hooks.h"
#include "topology.h"
#include "verdict.h"

struct scene {
	const struct hook *hook;
	enum vpc_direction direction;
	uint32_t ifindex;
	struct vpc_attach_options options;
	struct vpc_instance *drop, *pass;
	struct flow flow;
	unsigned descriptors; /* open before */
};

extern struct topology topology;

struct scene scene_open(const struct hook *hook);
void scene_close(struct scene *scene);

/* Fail the test with the library's words if it fails. */
void attach(const struct scene *scene, const struct vpc_instance *instance);
void detach(const struct scene *scene);
/* What vpc_attachment_check() returns. */
int check(const struct scene *scene);

/* Expects the call's result, and words in its error. */
#define ASSERT_FAILS(call_, code_, words_) do { \
	struct vpc_error error_ = {""}, *error = &error_; \
	assert_int_equal(call_, code_); \
	if (!strstr(error_.text, words_)) \
		fail_msg("'%s' is not in: %s", words_, error_.text); \
} while (0)

#endif
