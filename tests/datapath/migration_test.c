// SPDX-License-Identifier: Apache-2.0
//
// From one layout of the maps to another and back: every entry comes along, whoever dies or fails on the way leaves a state
// from which either version goes on, and what is nobody's to touch is left alone. Each version is a command of its own
// (tests/layout/layout_tool.c), since two libraries do not fit into one process.
//
//	migration_test FOLDER_OF_THE_COMMANDS [all]     all: dies before each system call that changes something, not 12 of them
#include <dirent.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <unistd.h>
#include "kernel_state.h"
#include "traffic.h"

enum { RED = 4097, BLUE = 4098, GREEN = 100, POINTS = 12, MOST_CALLS = 2000, REFUSED = 3 };

static const char *folder;
static bool kills_everywhere;
static struct vpc_error error;

/* ---- the commands ---- */

/* Runs layout_tool of that layout in node 0; what it prints, also as an error, goes to `ret_output` (may be NULL). Returns its status. */
static int tool(int layout, char **ret_output, const char *words) {
	char command[512], *text = NULL;
	size_t size = 0, used = 0;
	enter(nodes[0].netns);
	snprintf(command, sizeof command, "%s/layout_tool_%d /sys/fs/bpf/n0/v%d %s 2>&1", folder, layout, layout, words);
	FILE *pipe = popen(command, "r");
	do {
		text = realloc(text, size += 65536);
		used += fread(text + used, 1, size - used - 1, pipe);
	} while (!feof(pipe));
	text[used] = '\0';
	int status = pclose(pipe);
	if (ret_output)
		*ret_output = text;
	else {
		if (status)
			print_message("    %s\n", text);
		free(text);
	}
	return WEXITSTATUS(status);
}

#define OPEN "open uplink 172.30.0.1"

static void open_with(int layout) {
	assert_int_equal(tool(layout, NULL, OPEN), 0);
}

static void go_back(void) {
	assert_int_equal(tool(2, NULL, "release 1"), 0);
	open_with(1);
}

static char *dump(int layout) {
	char *text;
	assert_int_equal(tool(layout, &text, "dump"), 0);
	return text;
}

/* ---- the node ---- */

static struct pod pods[3], confined;

static int call(int result) {
	if (result < 0)
		fail_msg("%s", error.text);
	return result;
}

/* Every kind of map has entries, in layout 1. Returns them. */
static char *make_full_node(void) {
	const uint8_t addresses[2][16] = {{[10] = 0xff, 0xff, 172, 30, 0, 1}, {0xfd, 0x30, [15] = 1}};
	const struct vpc_rule_spec rule = {.address = {[10] = 0xff, [11] = 0xff, 192, 168}, .prefix = 16, .is_ipv4 = true, .last_port = 65535};
	for (int i = 0; i < NODES; i++)
		node_open(&nodes[i], false);
	pods[0] = pod_add(&nodes[0], 1, VPC_VXLAN, RED);
	pods[1] = pod_add(&nodes[1], 2, VPC_VXLAN, RED);
	pods[2] = pod_add(&nodes[0], 3, VPC_VLAN, GREEN);
	confined = pod_add(&nodes[0], 4, VPC_VXLAN, BLUE);
	for (int i = 0; i < 3; i++)
		put_pod(&pods[i]);
	tell_remotes(pods, 3);
	enter(nodes[0].netns);
	call(vpc_datapath_confine(nodes[0].datapath, confined.vpc.ifindex, &error));
	call(vpc_datapath_set_rules(nodes[0].datapath, VPC_VXLAN, RED, &rule, 1, &error));
	call(vpc_datapath_set_node_addresses(nodes[0].datapath, addresses, 2, &error));
	node_close(&nodes[0]);
	assert_int_equal(tool(1, NULL, "fill 1"), 0);
	return dump(1);
}

static void remove_node(int layout) {
	if (layout == 2)
		go_back();
	node_open(&nodes[0], false);
	for (int i = 0; i < NODES; i++)
		node_remove(&nodes[i]);
	for (int i = 0; i < 3; i++)
		pod_remove(&pods[i]);
	pod_remove(&confined);
}

static bool is_there(const char *name) {
	char path[64];
	struct stat status;
	snprintf(path, sizeof path, "/sys/fs/bpf/n0/%s", name);
	return stat(path, &status) == 0;
}

/* Nothing but the directory of this layout is there, with these entries, and packets pass. */
static void expect_whole(int layout, const char *entries) {
	char own[32];
	unsigned count = 0;
	DIR *directory = opendir("/sys/fs/bpf/n0");
	assert_non_null(directory);
	for (struct dirent *entry; (entry = readdir(directory));)
		count += entry->d_name[0] != '.';
	closedir(directory);
	snprintf(own, sizeof own, "v%d", layout);
	assert_true(is_there(own));
	assert_int_equal(count, 1);
	char *now = dump(layout);
	if (strcmp(now, entries))
		fail_msg("entries of layout %d:\n%s\ninstead of:\n%s", layout, now, entries);
	free(now);
	assert_true(passes(&pods[0], &pods[1], UDP, false, true));
	assert_true(passes(&pods[1], &pods[0], UDP, true, true));
	enter(nodes[0].netns);
	run("tc filter show dev pod4 ingress | grep -q confine && tc filter show dev pod4 egress | grep -q confine");
}

/* The older one may have to be told: once nothing of its own directory is needed any more. */
static void recover(int layout) {
	char *said;
	int status = tool(layout, &said, OPEN);
	if (status == REFUSED && layout == 1) {
		assert_non_null(strstr(said, "newer layout"));
		open_with(2);
		go_back();
	} else if (status) {
		fail_msg("layout %d: %s", layout, said);
	}
	free(said);
}

/* ---- tests ---- */

static void all_entries_come_along(void **state) {
	(void)state;
	char *entries = make_full_node();
	assert_non_null(strstr(entries, "flows 4098 17 4 1 "));
	open_with(2);
	expect_whole(2, entries);
	assert_false(is_there("v2/release"));
	open_with(2); /* a restart */
	expect_whole(2, entries);
	assert_int_equal(tool(2, NULL, "fill 2"), 0); /* what begins in layout 2 */
	free(entries);
	entries = dump(2);
	assert_non_null(strstr(entries, "flows 4098 17 4 2 "));
	go_back();
	expect_whole(1, entries);
	free(entries);
	remove_node(1);
}

/* Programs and links that refer to the map `drops`, which is the same one in both layouts. */
static bool has_no_more_programs(void *before) {
	strcpy(nodes[0].pins, "/sys/fs/bpf/n0/v2");
	struct kernel_objects now = count_objects(&nodes[0]);
	strcpy(nodes[0].pins, "/sys/fs/bpf/n0/v1");
	return now.links == ((struct kernel_objects *)before)->links && now.programs <= ((struct kernel_objects *)before)->programs;
}

static void programs_of_the_other_layout_are_gone(void **state) {
	(void)state;
	free(make_full_node());
	struct kernel_objects before = count_objects(&nodes[0]);
	open_with(2);
	assert_true(wait_for(has_no_more_programs, &before));
	remove_node(2);
}

static void a_newer_layout_is_left_untouched(void **state) {
	(void)state;
	char *entries = make_full_node(), *said;
	open_with(2);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(tool(1, &said, OPEN), REFUSED);
		assert_non_null(strstr(said, "/sys/fs/bpf/n0/v2 holds pins of a newer layout than 1, which were left as they are"));
		assert_non_null(strstr(said, "--release-layout 1"));
		free(said);
		expect_whole(2, entries);
	}
	enter(nodes[0].netns);
	run("bpftool map pin pinned /sys/fs/bpf/n0/v2/nodes /sys/fs/bpf/n0/v2/release");
	assert_int_equal(tool(1, &said, OPEN), REFUSED);
	assert_non_null(strstr(said, "does not understand"));
	free(said);
	go_back(); /* which puts a right one in its place */
	expect_whole(1, entries);
	free(entries);
	remove_node(1);
}

/* Two agents on one node: the older one leaves the field to the newer. */
static void who_was_taken_over_from_repairs_nothing(void **state) {
	(void)state;
	char *entries = make_full_node();
	node_open(&nodes[0], false);
	assert_int_equal(call(vpc_datapath_repair(nodes[0].datapath, &error)), 0);
	open_with(2);
	assert_int_equal(vpc_datapath_repair(nodes[0].datapath, &error), -EPROTO);
	assert_non_null(strstr(error.text, "newer layout"));
	expect_whole(2, entries);
	node_close(&nodes[0]);
	free(entries);
	remove_node(2);
}

static void only_the_layout_before_can_be_released_to(void **state) {
	static const struct {
		int layout;
		const char *words, *says;
	} CASES[] = {
		{1, "release 0", "first one"},
		{1, "release 1", "first one"},
		{2, "release 2", "to layout 1 only"},
		{2, "release 3", "to layout 1 only"},
	};
	(void)state;
	char *entries = make_full_node(), *said;
	for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
		print_message("  layout %d, %s\n", CASES[i].layout, CASES[i].words);
		assert_int_equal(tool(CASES[i].layout, &said, CASES[i].words), 1);
		assert_non_null(strstr(said, CASES[i].says));
		free(said);
	}
	assert_int_equal(tool(2, &said, "release 1"), 1); /* there is no v2 */
	assert_non_null(strstr(said, "/sys/fs/bpf/n0/v2"));
	free(said);
	expect_whole(1, entries);
	free(entries);
	remove_node(1);
}

/* A version ends on the way for want of descriptors: whatever it says, the next start of either has everything. */
static void what_fails_can_be_begun_again(void **state) {
	char command[512];
	int failures = 0, status = 1;
	(void)state;
	char *entries = make_full_node();
	for (int limit = 4; status; limit += 5) {
		assert_true(limit < 400);
		snprintf(command, sizeof command, "prlimit --nofile=%d %s/layout_tool_2 /sys/fs/bpf/n0/v2 " OPEN " >/dev/null 2>&1", limit, folder);
		enter(nodes[0].netns);
		status = WEXITSTATUS(system(command));
		failures += status != 0;
		if (!status)
			break;
		recover(limit % 2 ? 1 : 2);
		expect_whole(limit % 2 ? 1 : 2, entries);
		if (limit % 2 == 0)
			go_back();
	}
	print_message("    %d failures\n", failures);
	assert_true(failures > 10);
	expect_whole(2, entries);
	free(entries);
	remove_node(2);
}

/* ---- death ---- */

static bool changes_something(const struct ptrace_syscall_info *info) {
	switch (info->entry.nr) {
	case SYS_bpf:
		switch (info->entry.args[0]) {
		case BPF_MAP_UPDATE_ELEM:
		case BPF_MAP_DELETE_ELEM:
		case BPF_OBJ_PIN:
		case BPF_LINK_CREATE:
		case BPF_LINK_UPDATE: return true;
		default: return false;
		}
#ifdef SYS_rename
	case SYS_rename:
	case SYS_unlink:
	case SYS_rmdir:
	case SYS_mkdir:
#endif
	case SYS_renameat2:
	case SYS_unlinkat:
	case SYS_mkdirat:
	case SYS_sendmsg:
	case SYS_sendto: return true;
	default: return false;
	}
}

/*
 * Opens with that layout in a child that is killed before its changing system call of that number. Returns the number of
 * such calls if it was finished before, else -1.
 */
static int open_killed(int layout, int number) {
	char path[256], pins[64];
	snprintf(path, sizeof path, "%s/layout_tool_%d", folder, layout);
	snprintf(pins, sizeof pins, "/sys/fs/bpf/n0/v%d", layout);
	enter(nodes[0].netns);
	pid_t child = fork();
	if (child == 0) {
		setenv("ASAN_OPTIONS", "detect_leaks=0", 1); /* who is traced cannot trace itself for leaks */
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		fclose(stdout);
		execl(path, path, pins, "open", "uplink", "172.30.0.1", NULL);
		_exit(127);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	ptrace(PTRACE_SETOPTIONS, child, NULL, (void *)(PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD));
	for (int calls = 0;;) {
		struct ptrace_syscall_info info = {0};
		ptrace(PTRACE_SYSCALL, child, NULL, NULL);
		assert_int_equal(waitpid(child, &status, 0), child);
		if (WIFEXITED(status)) {
			assert_int_equal(WEXITSTATUS(status), 0);
			return calls;
		}
		ptrace(PTRACE_GET_SYSCALL_INFO, child, (void *)sizeof info, &info);
		if (info.op == PTRACE_SYSCALL_INFO_ENTRY && changes_something(&info) && calls++ == number)
			break;
	}
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	return -1;
}

static void die_everywhere(int from, int to) {
	char *entries = make_full_node();
	if (from == 2)
		open_with(2);
	if (from == 2)
		assert_int_equal(tool(2, NULL, "release 1"), 0);
	int calls = open_killed(to, MOST_CALLS);
	assert_in_range(calls, 10, MOST_CALLS - 1);
	int step = kills_everywhere || calls < POINTS ? 1 : calls / POINTS;
	print_message("    %d calls, every %d.\n", calls, step);
	expect_whole(to, entries);
	for (int number = 0; number < calls; number += step) {
		int next = number / step % 2 ? 1 : 2;
		if (from == 1 && is_there("v2"))
			go_back();
		else if (from == 2) {
			if (is_there("v1"))
				open_with(2);
			assert_int_equal(tool(2, NULL, "release 1"), 0);
		}
		print_message("    before call %d, then layout %d\n", number, next);
		assert_int_equal(open_killed(to, number), -1);
		assert_true(passes(&pods[0], &pods[1], UDP, false, true)); /* also before anybody starts again */
		recover(next);
		expect_whole(next, entries);
		assert_true(from == 2 || !is_there("v2/release")); /* nobody asked for it */
	}
	free(entries);
	remove_node(is_there("v2") ? 2 : 1);
}

static void death_on_the_way_there_can_be_repaired(void **state) {
	(void)state;
	die_everywhere(1, 2);
}

static void death_on_the_way_back_can_be_repaired(void **state) {
	(void)state;
	die_everywhere(2, 1);
}

int main(int count, char **words) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(all_entries_come_along, world_renew),
		cmocka_unit_test_setup(programs_of_the_other_layout_are_gone, world_renew),
		cmocka_unit_test_setup(a_newer_layout_is_left_untouched, world_renew),
		cmocka_unit_test_setup(who_was_taken_over_from_repairs_nothing, world_renew),
		cmocka_unit_test_setup(only_the_layout_before_can_be_released_to, world_renew),
		cmocka_unit_test_setup(what_fails_can_be_begun_again, world_renew),
		cmocka_unit_test_setup(death_on_the_way_there_can_be_repaired, world_renew),
		cmocka_unit_test_setup(death_on_the_way_back_can_be_repaired, world_renew),
	};
	if (count < 2) {
		fprintf(stderr, "usage: migration_test FOLDER_OF_THE_COMMANDS [all]\n");
		return 2;
	}
	folder = words[1];
	kills_everywhere = count > 2;
	if (!world_enter())
		return 77;
	return cmocka_run_group_tests_name("datapath migration", tests, NULL, NULL);
}
