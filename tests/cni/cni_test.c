// SPDX-License-Identifier: Apache-2.0
/*
 * The plugin between a runtime and an agent that fails in every way:
 *
 *	this test -- environment, stdin --> vpc-cni -- Unix socket --> agent double (a thread of this test)
 */
#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "../../controller/cni_protocol.h"
#include "agent_double.h"
#include "plugin.h"

#define RESULT "{\"cniVersion\":\"1.1.0\",\"ips\":[{\"address\":\"10.244.1.2/24\"}]}"
#define REFUSAL "{\"cniVersion\":\"1.1.0\",\"code\":104,\"msg\":\"VPC red does not admit namespace default\"}"
#define PATIENCE 20000

static char folder[] = "/tmp/vpc-cni-test-XXXXXX";
static bool private; /* has a mount namespace, where the default paths are nobody else's */

struct room {
	struct agent_double agent;
	char queue[256], configuration[1024], command[64];
	const char *variables[8];
};

static void fill_room(struct room *room, const char *command, enum fault fault) {
	*room = (struct room){.agent = {.fault = fault, .body = RESULT}};
	snprintf(room->agent.path, sizeof room->agent.path, "%s/sock", folder);
	snprintf(room->queue, sizeof room->queue, "%s/deep/queue", folder);
	snprintf(room->configuration, sizeof room->configuration,
		"{\"cniVersion\":\"1.1.0\",\"name\":\"pods\",\"type\":\"vpc-cni\",\"socket\":\"%s\",\"queue\":\"%s\",\"prevResult\":" RESULT "}", room->agent.path, room->queue);
	snprintf(room->command, sizeof room->command, "CNI_COMMAND=%s", command);
	const char *const variables[] = {room->command, "CNI_CONTAINERID=abc", "CNI_NETNS=/proc/self/ns/net", "CNI_IFNAME=lo", "CNI_ARGS=K8S_POD_NAME=red-1", "PATH=/bin"};
	memcpy(room->variables, variables, sizeof variables);
}

static void run(struct room *room, struct outcome *ret_outcome) {
	agent_double_start(&room->agent);
	run_plugin(room->variables, room->configuration, strlen(room->configuration), ret_outcome);
	agent_double_stop(&room->agent);
}

/* Calls visit with each file's name; removes it. Returns the number of files. */
static unsigned empty_queue(const char *queue, char *ret_first, size_t size) {
	unsigned count = 0;
	char path[600];
	DIR *directory = opendir(queue);
	for (struct dirent *entry; directory && (entry = readdir(directory));) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		snprintf(path, sizeof path, "%s/%s", queue, entry->d_name);
		if (count++ == 0)
			snprintf(ret_first, size, "%s", entry->d_name);
		unlink(path);
	}
	if (directory)
		closedir(directory);
	return count;
}

static const struct {
	const char *description, *command;
	enum fault fault;
	uint32_t code; /* of the agent's reply */
	const char *body;
	int status;
	const char *output; /* what stdout contains; "" for nothing */
	unsigned queued;
} FAULTS[] = {
	/* description                        command   agent          code body     status output            queued */
	{"ADD is answered",                   "ADD",    ANSWERS,       0,   RESULT,  0,     RESULT,           0},
	{"ADD, a byte at a time",             "ADD",    TRICKLES,      0,   RESULT,  0,     RESULT,           0},
	{"ADD is refused",                    "ADD",    ANSWERS,       104, REFUSAL, 1,     REFUSAL,          0},
	{"ADD is refused without a word",     "ADD",    ANSWERS,       104, "",      1,     "\"code\":104",   0},
	{"ADD, no agent",                     "ADD",    HAS_NO_SOCKET, 0,   "",      1,     "\"code\":11,",   0},
	{"ADD, a dead agent's socket",        "ADD",    LEFT_SOCKET,   0,   "",      1,     "\"code\":11,",   0},
	{"ADD, closed before the request",    "ADD",    IGNORES,       0,   "",      1,     "\"code\":1",     0},
	{"ADD, closed without an answer",     "ADD",    SAYS_NOTHING,  0,   "",      1,     "\"code\":100",   0},
	{"ADD, half a header",                "ADD",    CUTS_HEADER,   0,   RESULT,  1,     "\"code\":100",   0},
	{"ADD, half a body",                  "ADD",    CUTS_BODY,     0,   RESULT,  1,     "\"code\":100",   0},
	{"ADD, garbage",                      "ADD",    TALKS_GARBAGE, 0,   RESULT,  1,     "\"code\":100",   0},
	{"ADD, a length of 4 GiB",            "ADD",    CLAIMS_MUCH,   0,   RESULT,  1,     "\"code\":100",   0},
	{"ADD, an impossible MTU",            "ADD",    CLAIMS_MTU,    0,   RESULT,  1,     "\"code\":100",   0},
	{"CHECK is answered",                 "CHECK",  ANSWERS,       0,   "",      0,     "",               0},
	{"CHECK is refused",                  "CHECK",  ANSWERS,       104, REFUSAL, 1,     REFUSAL,          0},
	{"CHECK, no agent",                   "CHECK",  HAS_NO_SOCKET, 0,   "",      1,     "\"code\":11,",   0},
	{"STATUS is answered",                "STATUS", ANSWERS,       0,   "",      0,     "",               0},
	{"STATUS, no agent",                  "STATUS", HAS_NO_SOCKET, 0,   "",      1,     "\"code\":50,",   0},
	{"GC is answered",                    "GC",     ANSWERS,       0,   "",      0,     "",               0},
	{"GC, no agent",                      "GC",     HAS_NO_SOCKET, 0,   "",      1,     "\"code\":11,",   0},
	{"VERSION needs no agent",            "VERSION", HAS_NO_SOCKET, 0,  "",      0,     "\"supportedVersions\":[\"0.3.0\",\"0.3.1\",\"0.4.0\",\"1.0.0\",\"1.1.0\"]", 0},
	{"DEL is answered",                   "DEL",    ANSWERS,       0,   "",      0,     "",               0},
	{"DEL, no agent",                     "DEL",    HAS_NO_SOCKET, 0,   "",      0,     "",               1},
	{"DEL, a dead agent's socket",        "DEL",    LEFT_SOCKET,   0,   "",      0,     "",               1},
	{"DEL, closed before the request",    "DEL",    IGNORES,       0,   "",      0,     "",               1},
	{"DEL, closed without an answer",     "DEL",    SAYS_NOTHING,  0,   "",      0,     "",               1},
	{"DEL, half a header",                "DEL",    CUTS_HEADER,   0,   "",      0,     "",               1},
	{"DEL, garbage",                      "DEL",    TALKS_GARBAGE, 0,   "",      0,     "",               1},
	{"DEL, a length of 4 GiB",            "DEL",    CLAIMS_MUCH,   0,   "",      0,     "",               1},
};

static void survives_every_agent(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof FAULTS / sizeof *FAULTS; i++) {
		struct room room;
		struct outcome outcome;
		char name[256] = "";
		fill_room(&room, FAULTS[i].command, FAULTS[i].fault);
		room.agent.code = FAULTS[i].code;
		room.agent.body = FAULTS[i].body;

		print_message("  %s\n", FAULTS[i].description);
		run(&room, &outcome);
		assert_int_equal(outcome.status, FAULTS[i].status);
		if (*FAULTS[i].output)
			assert_non_null(strstr(outcome.output, FAULTS[i].output));
		else
			assert_string_equal(outcome.output, "");
		assert_int_equal(empty_queue(room.queue, name, sizeof name), FAULTS[i].queued);
		assert_true(outcome.milliseconds < PATIENCE / 2);
	}
}

#define BASE "\"cniVersion\":\"1.1.0\",\"name\":\"pods\",\"type\":\"vpc-cni\""
static const struct {
	const char *description, *configuration;
	int code; /* of the error; DEL succeeds with all of them */
} CONFIGURATIONS[] = {
	{"empty", "", 6},
	{"no object", "[1]", 6},
	{"cut off", "{" BASE, 6},
	{"more than an object", "{" BASE "}}", 6},
	{"nested too deep", "{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}", 6},
	{"leading zero", "{" BASE ",\"a\":01}", 6},
	{"bad escape", "{" BASE ",\"a\":\"\\x\"}", 6},
	{"control character", "{" BASE ",\"a\":\"\x01\"}", 6},
	{"no version", "{\"name\":\"pods\"}", 1},
	{"version of the past", "{\"cniVersion\":\"0.2.0\"}", 1},
	{"version of the future", "{\"cniVersion\":\"2.0.0\"}", 1},
	{"version is a number", "{\"cniVersion\":1}", 7},
	{"socket is a number", "{" BASE ",\"socket\":1}", 7},
	{"socket is relative", "{" BASE ",\"socket\":\"run/x\"}", 7},
	{"socket is empty", "{" BASE ",\"socket\":\"\"}", 7},
	{"socket with escapes", "{" BASE ",\"socket\":\"\\/x\"}", 7},
	{"socket twice", "{" BASE ",\"socket\":\"/x\",\"socket\":\"/y\"}", 7},
	{"socket too long", "{" BASE ",\"socket\":\"/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}", 7},
	{"queue is null", "{" BASE ",\"queue\":null}", 7},
	{"words of nested objects are not ours", "{" BASE ",\"socket\":\"/nowhere\",\"a\":{\"socket\":1,\"b\":[{\"queue\":2}]}}", 11},
	{"all of JSON", "{" BASE ",\"socket\":\"/nowhere\",\"a\":[null,true,false,-0.5e+3,\"\\u00e9\\n\",{}],\"b\":{\"c\":[]}}", 11},
};

static void refuses_bad_configurations(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof CONFIGURATIONS / sizeof *CONFIGURATIONS; i++) {
		struct room room;
		struct outcome outcome;
		char code[32];
		fill_room(&room, "ADD", HAS_NO_SOCKET);
		snprintf(code, sizeof code, "\"code\":%d,", CONFIGURATIONS[i].code);

		print_message("  %s\n", CONFIGURATIONS[i].description);
		run_plugin(room.variables, CONFIGURATIONS[i].configuration, strlen(CONFIGURATIONS[i].configuration), &outcome);
		assert_int_equal(outcome.status, 1);
		assert_non_null(strstr(outcome.output, code));
	}
}

static const struct {
	const char *description;
	const char *variables[6];
	int code;
} ENVIRONMENTS[] = {
	{"nothing", {NULL}, 4},
	{"unknown command", {"CNI_COMMAND=EAT", NULL}, 4},
	{"no container", {"CNI_COMMAND=ADD", "CNI_NETNS=/x", "CNI_IFNAME=eth0", NULL}, 4},
	{"no namespace", {"CNI_COMMAND=ADD", "CNI_CONTAINERID=a", "CNI_IFNAME=eth0", NULL}, 4},
	{"no interface", {"CNI_COMMAND=CHECK", "CNI_CONTAINERID=a", "CNI_NETNS=/x", NULL}, 4},
	{"empty container", {"CNI_COMMAND=ADD", "CNI_CONTAINERID=", "CNI_NETNS=/x", "CNI_IFNAME=eth0", NULL}, 4},
};

static void refuses_bad_environments(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof ENVIRONMENTS / sizeof *ENVIRONMENTS; i++) {
		struct outcome outcome;
		print_message("  %s\n", ENVIRONMENTS[i].description);
		run_plugin(ENVIRONMENTS[i].variables, "{" BASE "}", strlen("{" BASE "}"), &outcome);
		assert_int_equal(outcome.status, 1);
		assert_non_null(strstr(outcome.output, "\"code\":4,"));
	}
}

static void relays_what_it_got(void **state) {
	(void)state;
	struct room room;
	struct outcome outcome;
	fill_room(&room, "ADD", ANSWERS);
	run(&room, &outcome);
	assert_int_equal(room.agent.requests, 1);
	assert_int_equal(room.agent.commands[0], VPC_CNI_ADD);
	static const char ENVIRONMENT[] = "CNI_COMMAND=ADD\0CNI_CONTAINERID=abc\0CNI_NETNS=/proc/self/ns/net\0CNI_IFNAME=lo\0CNI_ARGS=K8S_POD_NAME=red-1";
	assert_int_equal(room.agent.environment_length, sizeof ENVIRONMENT);
	assert_memory_equal(room.agent.environment, ENVIRONMENT, sizeof ENVIRONMENT);
	assert_int_equal(room.agent.configuration_length, strlen(room.configuration));
	assert_memory_equal(room.agent.configuration, room.configuration, strlen(room.configuration));
}

static void gives_up_on_a_silent_agent(void **state) {
	(void)state;
	struct room room;
	struct outcome outcome;
	fill_room(&room, "ADD", HANGS);
	run(&room, &outcome);
	assert_int_equal(outcome.status, 1);
	assert_non_null(strstr(outcome.output, "\"code\":11,"));
	assert_in_range(outcome.milliseconds, PATIENCE - 100, PATIENCE + 2000);
}

static void refuses_more_than_a_mebibyte(void **state) {
	(void)state;
	struct room room;
	struct outcome outcome;
	size_t length = VPC_CNI_LIMIT + 1;
	char *configuration = malloc(length);
	memset(configuration, ' ', length);
	fill_room(&room, "ADD", HAS_NO_SOCKET);
	run_plugin(room.variables, configuration, length, &outcome);
	assert_non_null(strstr(outcome.output, "\"code\":7,"));
	free(configuration);
}

static void delete_succeeds_with_anything(void **state) {
	(void)state;
	struct outcome outcome;
	if (!private)
		skip();
	const char *const full[] = {"CNI_COMMAND=DEL", "CNI_CONTAINERID=abc", "CNI_IFNAME=eth0", NULL};
	for (size_t i = 0; i < sizeof CONFIGURATIONS / sizeof *CONFIGURATIONS; i++) {
		char text[2048];
		snprintf(text, sizeof text, "%s", CONFIGURATIONS[i].configuration);
		run_plugin(full, text, strlen(text), &outcome);
		assert_int_equal(outcome.status, 0);
		assert_string_equal(outcome.output, "");
		assert_string_not_equal(outcome.messages, "");
	}
	run_plugin((const char *const[]){"CNI_COMMAND=DEL", NULL}, "", 0, &outcome);
	assert_int_equal(outcome.status, 0);
	assert_non_null(strstr(outcome.messages, "CNI_CONTAINERID"));
}

static void delete_waits_on_disk_in_order(void **state) {
	(void)state;
	struct room room;
	struct outcome outcome;
	struct vpc_cni_header header;
	struct dirent **names;
	fill_room(&room, "DEL", HAS_NO_SOCKET);
	char container[64], path[600], bytes[4096];
	for (int i = 0; i < 20; i++) {
		snprintf(container, sizeof container, "CNI_CONTAINERID=c%02d", i);
		room.variables[1] = container;
		run(&room, &outcome);
		assert_int_equal(outcome.status, 0);
		assert_non_null(strstr(outcome.messages, "queued"));
	}
	int count = scandir(room.queue, &names, NULL, alphasort);
	assert_int_equal(count, 22); /* with . and .. */
	for (int i = 2; i < count; i++) {
		snprintf(path, sizeof path, "%s/%s", room.queue, names[i]->d_name);
		snprintf(container, sizeof container, "CNI_CONTAINERID=c%02d", i - 2);
		FILE *file = fopen(path, "r");
		size_t length = fread(bytes, 1, sizeof bytes, file);
		fclose(file);
		memcpy(&header, bytes, sizeof header);
		assert_int_equal(strlen(names[i]->d_name), 24);
		assert_int_equal(header.magic, VPC_CNI_MAGIC);
		assert_int_equal(header.code, VPC_CNI_DEL);
		assert_int_equal(length, sizeof header + header.first + header.second);
		assert_non_null(memmem(bytes + sizeof header, header.first, container, strlen(container) + 1));
		assert_memory_equal(bytes + sizeof header + header.first, room.configuration, header.second);
		free(names[i]);
	}
	free(names[0]);
	free(names[1]);
	free(names);
	empty_queue(room.queue, path, sizeof path);
}

/* A full disk: a file system of one page. */
static void delete_survives_a_full_disk(void **state) {
	(void)state;
	struct room room;
	struct outcome outcome;
	char name[256];
	if (!private)
		skip();
	fill_room(&room, "DEL", HAS_NO_SOCKET);
	assert_int_equal(mount("tmpfs", room.queue, "tmpfs", 0, "size=4k,nr_inodes=3"), 0);
	run(&room, &outcome);
	assert_int_equal(outcome.status, 0);
	run(&room, &outcome);
	assert_int_equal(outcome.status, 0);
	assert_non_null(strstr(outcome.messages, "No space left"));
	assert_int_equal(empty_queue(room.queue, name, sizeof name), 1); /* nothing half-written beside the first */
	assert_int_equal(umount(room.queue), 0);
}

static int mtu_of_loopback(void) {
	struct ifreq request = {.ifr_name = "lo"};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(ioctl(fd, SIOCGIFMTU, &request), 0);
	close(fd);
	return request.ifr_mtu;
}

static void sets_the_mtu(void **state) {
	(void)state;
	static const struct {
		const char *description, *network_namespace, *interface, *output;
		uint32_t mtu;
		int status, loopback;
		unsigned requests;
	} CASES[] = {
		/* description            namespace              interface          output         mtu   status then requests */
		{"none is given",         "/proc/self/ns/net",   "CNI_IFNAME=lo",   RESULT,        0,    0,     65536, 1},
		{"set",                   "/proc/self/ns/net",   "CNI_IFNAME=lo",   RESULT,        1450, 0,     1450, 1},
		{"no such interface",     "/proc/self/ns/net",   "CNI_IFNAME=eth9", "\"code\":101", 1400, 1,    1450, 2},
		{"name too long",         "/proc/self/ns/net",   "CNI_IFNAME=interface-eth-15", "\"code\":101", 1400, 1, 1450, 2},
		{"no such namespace",     "/nowhere",            "CNI_IFNAME=lo",   "\"code\":101", 1400, 1,    1450, 2},
		{"file is no namespace",  "/proc/self/status",   "CNI_IFNAME=lo",   "\"code\":101", 1400, 1,    1450, 2},
		{"the largest",           "/proc/self/ns/net",   "CNI_IFNAME=lo",   RESULT,        65535, 0,    65535, 1},
	};
	if (!private || unshare(CLONE_NEWNET) < 0)
		skip();
	for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
		struct room room;
		struct outcome outcome;
		char namespace_[64];
		fill_room(&room, "ADD", ANSWERS);
		snprintf(namespace_, sizeof namespace_, "CNI_NETNS=%s", CASES[i].network_namespace);
		room.variables[2] = namespace_;
		room.variables[3] = CASES[i].interface;
		room.agent.mtu = CASES[i].mtu;

		print_message("  %s\n", CASES[i].description);
		run(&room, &outcome);
		assert_int_equal(outcome.status, CASES[i].status);
		assert_non_null(strstr(outcome.output, CASES[i].output));
		assert_int_equal(mtu_of_loopback(), CASES[i].loopback);
		assert_int_equal(room.agent.requests, CASES[i].requests);
		if (CASES[i].requests == 2) /* a Pod that cannot have its MTU does not stay in the VPC */
			assert_int_equal(room.agent.commands[1], VPC_CNI_DEL);
	}
}

static void is_small(void **state) {
	(void)state;
	struct stat file;
	assert_int_equal(stat(plugin_path, &file), 0);
	assert_in_range(file.st_size, 1, 1 << 20);
}

static int make_folder(void **state) {
	(void)state;
	private = unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
		mount("tmpfs", "/run", "tmpfs", 0, NULL) == 0 && mount("tmpfs", "/var/lib", "tmpfs", 0, NULL) == 0;
	if (!private)
		print_message("skipped in part: a mount namespace of its own needs CAP_SYS_ADMIN\n");
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
	(void)state;
	char path[256];
	for (const char *const *part = (const char *const[]){"/deep/queue", "/deep", "", NULL}; *part; part++) {
		snprintf(path, sizeof path, "%s%s", folder, *part);
		if (rmdir(path) < 0 && errno != ENOENT)
			return -1;
	}
	return 0;
}

int main(int count, char **arguments) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(survives_every_agent),
		cmocka_unit_test(refuses_bad_configurations),
		cmocka_unit_test(refuses_bad_environments),
		cmocka_unit_test(relays_what_it_got),
		cmocka_unit_test(gives_up_on_a_silent_agent),
		cmocka_unit_test(refuses_more_than_a_mebibyte),
		cmocka_unit_test(delete_waits_on_disk_in_order),
		cmocka_unit_test(delete_succeeds_with_anything),
		cmocka_unit_test(delete_survives_a_full_disk),
		cmocka_unit_test(sets_the_mtu),
		cmocka_unit_test(is_small),
	};
	plugin_path = count == 2 ? arguments[1] : "vpc-cni";
	return cmocka_run_group_tests_name("cni", tests, make_folder, remove_folder);
}
