// SPDX-License-Identifier: Apache-2.0
/*
 * A process is killed before its 1st, 2nd, 3rd ... system call inside the library, until it gets through. Whatever it
 * leaves: nothing passes that was filtered before and is to be filtered afterwards, the list tells what stands, the next
 * call finishes the work, and a detachment leaves nothing behind.
 */
#include "scene.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#define MOST_CALLS 400

enum step { ATTACH, REPLACE, REGAIN, MOVE, DETACH };

static const struct {
	const char *description;
	enum step step;
	bool filtered; /* before and after, so also in between */
} STEPS[] = {
	{"attach", ATTACH, false},
	{"replace", REPLACE, true},
	{"regain the head with the same program", REGAIN, true},
	{"move to the other hook", MOVE, true},
	{"detach", DETACH, false},
};

/* Runs the call in a child that is killed before its system call of that number. Returns whether the call was finished. */
static bool run_killed(int number, int (*call)(void *), void *context) {
	pid_t child = fork();
	if (child == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		_exit(call(context) ? 1 : 0);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	ptrace(PTRACE_SETOPTIONS, child, NULL, (void *)PTRACE_O_EXITKILL);
	for (int stops = 0; stops < 2 * number - 1; stops++) { /* one stop on the way in, one on the way out */
		ptrace(PTRACE_SYSCALL, child, NULL, NULL);
		assert_int_equal(waitpid(child, &status, 0), child);
		if (WIFEXITED(status)) {
			assert_int_equal(WEXITSTATUS(status), 0);
			return true;
		}
	}
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	return false;
}

struct change {
	struct scene *scene;
	const struct vpc_instance *instance; /* NULL: detach */
};

static int make_change(void *context) {
	struct change *change = context;
	struct scene *scene = change->scene;
	return change->instance ? vpc_attach(change->instance, scene->ifindex, scene->direction, &scene->options, NULL)
							: vpc_detach(scene->ifindex, scene->direction, &scene->options, NULL);
}

struct seen {
	unsigned count;
	uint32_t program_id;
};

static int see(const struct vpc_attachment *attachment, void *context) {
	struct seen *seen = context;
	seen->count++;
	seen->program_id = attachment->program_id;
	return 0;
}

/* Descriptors of the dead are closed a moment later. */
static void await_check(const struct scene *scene) {
	const struct timespec pause = {.tv_nsec = 1000000};
	for (int tries = 0; check(scene) != 0; tries++, nanosleep(&pause, NULL))
		assert_in_range(tries, 0, 1000);
}

/* The list after a new attachment or a detachment that was cut short: what it tells of stands; what it omits does not filter. */
static void assert_list_is_true(const struct scene *scene) {
	struct seen seen = {0};
	assert_int_equal(vpc_attachment_each(&scene->options, see, &seen, NULL), 0);
	if (seen.count == 0)
		assert_true(flow_passes(&scene->flow));
	else
		assert_int_equal(seen.program_id, vpc_instance_id(scene->drop));
}

/* After a replacement that was cut short the record is that of the program which stands. */
static void assert_record_is_true(const struct scene *scene) {
	struct seen seen = {0};
	assert_int_equal(vpc_attachment_each(&scene->options, see, &seen, NULL), 0);
	assert_int_equal(seen.count, 1);
	int result = check(scene);
	bool pin_may_differ = scene->hook->hook == VPC_HOOK_CLSACT; /* the program is pinned before the filter takes it */
	if (result != 0 && !(pin_may_differ && result == -ESTALE))
		fail_msg("the record is of another program: %d", result);
}

static void kill_everywhere(const struct hook *hook, enum step step, bool filtered) {
	if (step == MOVE && !hook_is_there(&HOOKS[0]))
		return; /* nowhere to */
	struct scene scene = scene_open(hook);
	struct vpc_instance *other = load_verdict(hook->direction, DROP);
	struct foreign foreign = foreign_load(hook->direction);
	bool done = false;
	int number;

	for (number = 1; !done && number < MOST_CALLS; number++) {
		struct change change = {&scene, step == DETACH ? NULL : step == REPLACE ? other : scene.drop};
		if (step != ATTACH)
			attach(&scene, scene.drop);
		if (step == REGAIN)
			foreign_put_first(&foreign, scene.ifindex, hook->direction, hook->hook);
		if (step == MOVE)
			scene.options.hook = hook->hook == VPC_HOOK_TCX ? VPC_HOOK_CLSACT : VPC_HOOK_TCX;

		struct stream stream;
		stream_start(&stream, &topology, hook->direction);
		done = run_killed(number, make_change, &change);
		stream_await(&stream, 3);
		stream_stop(&stream);
		if (step == REPLACE)
			assert_record_is_true(&scene);
		if (filtered)
			assert_int_equal(stream.received, 0);
		else
			assert_list_is_true(&scene);

		attach(&scene, change.instance ? change.instance : scene.drop);
		await_check(&scene);
		if (step == REGAIN)
			foreign_remove(&foreign, scene.ifindex, hook->direction, hook->hook);
		detach(&scene);
		assert_true(flow_passes(&scene.flow));
		assert_nothing_pinned();
		scene.options.hook = hook->hook;
	}
	print_message("    %d system calls\n", number - 2);
	assert_true(done);
	foreign_close(&foreign);
	vpc_instance_free(other);
	scene_close(&scene);
}

static void survives_being_killed(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof STEPS / sizeof *STEPS; i++) {
		print_message(" %s\n", STEPS[i].description);
		FOR_EACH_HOOK (hook) {
			bool chain = hook->direction != VPC_XDP, twin = hook->direction == VPC_EGRESS || hook->hook == VPC_HOOK_XDP_GENERIC;
			if (twin || (!chain && (STEPS[i].step == REGAIN || STEPS[i].step == MOVE)))
				continue;
			kill_everywhere(hook, STEPS[i].step, STEPS[i].filtered);
		}
	}
}

int main(void) {
	if (!topology_enter(&topology))
		return 77;
	const struct CMUnitTest tests[] = {cmocka_unit_test(survives_being_killed)};
	return cmocka_run_group_tests_name("kill", tests, NULL, NULL);
}
