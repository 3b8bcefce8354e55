// SPDX-License-Identifier: Apache-2.0
//
// usage: placeholder_matrix_test ORACLE_DIRECTORY OBJECT...
//
// Every pattern of every object (KIND.PLACEHOLDER.ANYTHING.o), patched with every value for which the oracle directory has
// KIND.VALUE.o, is run on the same frames as the oracle's pattern of that name, and must leave the same frame and answer,
// or have been refused: with -EILSEQ, or because the scan told that the constant is not there as such. See pattern.h for
// the classes of patterns.
#include "frame.h"
#include "placeholder.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define MOST_VALUES 32
#define FRAMES 14

struct answer {
	struct frame frame;
	uint32_t result;
};

/* One program compiled with one value. */
struct oracle {
	uint64_t value;
	struct bpf_object *object;
};

static struct oracle oracles[2][MOST_VALUES]; /* narrow, wide */
static size_t oracle_counts[2];
static size_t failures, checked, refused, patterns, unfound;

static void free_object(struct bpf_object **object) {
	if (*object)
		bpf_object__close(*object);
}

static void fail(const char *where, const char *pattern, const char *format, uint64_t value, const char *why) {
	failures++;
	printf("FAILED %s %s: ", where, pattern);
	printf(format, value, why);
	printf("\n");
}

static struct bpf_object *load(const char *path) {
	struct bpf_object *object = bpf_object__open_file(path, NULL);
	if (!object)
		return NULL;
	if (bpf_object__load(object) == 0)
		return object;
	bpf_object__close(object);
	return NULL;
}

static void fill(struct frame *frame, uint64_t value, unsigned number) {
	uint32_t low = (uint32_t)value;
	const uint32_t words[FRAMES][2] = {
		{low, 1}, {1, low}, {low, low}, {low - 1, low + 1}, {low + 1, low ^ 1}, {~low, -low}, {__builtin_bswap32(low), 3},
		{3, __builtin_bswap32(low)}, {0, 0}, {0x7fffffff, 0x80000001}, {0xfffffffe, 0xffffffff}, {0x12345679, 0x80000000},
			{low & 0xffff, 7}, {5, 0xc0a80101},
	};
	const uint64_t longs[FRAMES][2] = {
		{value, low}, {low, value}, {(uint64_t)(int64_t)(int32_t)low, value + 1}, {value - 1, 0}, {(uint64_t)low << 32, 1}, {~value, 1},
		{(uint64_t)low << 32 | low, 2}, {0xffffffff00000000 | low, 1}, {0, UINT64_MAX}, {0x80000000, 1}, {UINT64_MAX, 2}, {INT64_MAX, 1},
		{0x1234567800000000 | low, 0}, {__builtin_bswap64(value), value},
	};
	memset(frame, 0, sizeof *frame);
	memset(frame->ethernet, 0x5a, sizeof frame->ethernet);
	frame->a = words[number][0];
	frame->b = words[number][1];
	frame->c = longs[number][0];
	frame->d = longs[number][1];
	for (unsigned i = 0; i < 4; i++)
		frame->out[i] = longs[(number + i) % FRAMES][0];
	/* What structures of two words look like in memory. */
	if (number & 1)
		frame->out[2] = (uint64_t)(number & 2 ? 0xffffffff : 0x11223344) << 32 | low;
	for (unsigned i = 0; i < sizeof frame->bytes; i++)
		frame->bytes[i] = (uint8_t)(value >> 8 * i) ^ (uint8_t)(number >> 2);
}

static int run(int fd, uint64_t value, unsigned number, struct answer *answer) {
	struct frame frame;
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = &frame, .data_size_in = sizeof frame, .data_out = &answer->frame,
		.data_size_out = sizeof answer->frame);

	fill(&frame, value, number);
	memset(answer, 0, sizeof *answer);
	int result = bpf_prog_test_run_opts(fd, &options);
	answer->result = options.retval;
	return result;
}

static int load_patched(const struct bpf_insn *insns, size_t count) {
	return bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "patched", "Dual BSD/GPL", insns, count, NULL);
}

/* The verifier's last words, for a program that was patched into something that does not load. */
static void explain(const struct bpf_insn *insns, size_t count) {
	static char log[1 << 16];
	LIBBPF_OPTS(bpf_prog_load_opts, options, .log_buf = log, .log_size = sizeof log, .log_level = 1);
	int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "patched", "Dual BSD/GPL", insns, count, &options);
	if (fd >= 0)
		close(fd);
	printf("%s\n", log);
}

static void compare(const char *where, const char *pattern, int patched, const struct oracle *oracle) {
	const struct bpf_program *wanted = bpf_object__find_program_by_name(oracle->object, pattern);

	for (unsigned i = 0; i < FRAMES; i++) {
		struct answer is, should;
		if (run(patched, oracle->value, i, &is) < 0 || run(bpf_program__fd(wanted), oracle->value, i, &should) < 0) {
			fail(where, pattern, "0x%" PRIx64 " does not run: %s", oracle->value, strerror(errno));
			return;
		}
		if (memcmp(&is, &should, sizeof is)) {
			char text[160];
			snprintf(text, sizeof text, "frame %u: %x %" PRIx64 " %" PRIx64 " instead of %x %" PRIx64 " %" PRIx64, i, is.result,
				(uint64_t)is.frame.out[0], (uint64_t)is.frame.out[1], should.result, (uint64_t)should.frame.out[0],
					(uint64_t)should.frame.out[1]);
			fail(where, pattern, "0x%" PRIx64 " was written wrongly, %s", oracle->value, text);
			return;
		}
	}
	checked++;
}

static bool is_of_class(const char *pattern, const char *class) {
	return strncmp(pattern, class, strlen(class)) == 0 && pattern[strlen(class)] == '_';
}

/* An 8-byte placeholder that fits 4 bytes is encoded in 4, and carries no more; in pieces, its zeros are those of others. */
static bool is_never_refused(const char *pattern, const struct vpc_placeholder *placeholder) {
	return is_of_class(pattern, "plain") && (placeholder->width == 4 || placeholder->constant >> 32);
}

static void check_value(const char *where, const char *pattern, bool never_refused, const struct bpf_insn *insns, size_t count,
	const struct vpc_placeholder_sites *sites, const struct oracle *oracle) {
	_cleanup_(free_memory) struct bpf_insn *copy = malloc(count * sizeof *copy);
	_cleanup_(close_fd) int fd = -1;
	struct vpc_error error = {""};

	memcpy(copy, insns, count * sizeof *copy);
	int result = vpc_placeholder_write(copy, count, sites, oracle->value, &error);
	if (result < 0) {
		refused++;
		if (result != -EILSEQ || never_refused)
			fail(where, pattern, "0x%" PRIx64 " was refused: %s", oracle->value, error.text);
		else if (memcmp(copy, insns, count * sizeof *copy))
			fail(where, pattern, "0x%" PRIx64 " was refused, but something was written: %s", oracle->value, error.text);
		return;
	}
	fd = load_patched(copy, count);
	if (fd < 0) {
		fail(where, pattern, "0x%" PRIx64 " does not load: %s", oracle->value, strerror(errno));
		explain(copy, count);
		return;
	}
	compare(where, pattern, fd, oracle);
}

static void check_pattern(const char *where, const struct bpf_program *program, const struct vpc_placeholder *placeholder, bool is_wide) {
	const char *pattern = bpf_program__name(program);
	const struct bpf_insn *insns = bpf_program__insns(program);
	size_t count = bpf_program__insn_cnt(program);
	_cleanup_(free_placeholder_sites) struct vpc_placeholder_sites *sites = NULL;
	struct vpc_error error = {""};
	bool is_negative = placeholder->constant >> 31 & 1;

	patterns++;
	int result = vpc_placeholder_scan(insns, count, placeholder, &sites, &error);
	if (result < 0) {
		unfound++;
		if (is_never_refused(pattern, placeholder) || (result != -EILSEQ && result != -ENOENT))
			fail(where, pattern, "0x%" PRIx64 " is not found: %s", placeholder->constant, error.text);
		return;
	}
	for (size_t i = 0; i < oracle_counts[is_wide]; i++) {
		const struct oracle *oracle = &oracles[is_wide][i];
		if (is_of_class(pattern, "signed") && !is_negative && oracle->value >> 31 & 1)
			continue;
		check_value(where, pattern, is_never_refused(pattern, placeholder), insns, count, sites, oracle);
	}
}

/* An ICMP packet to an address, as the sample sees it. */
static uint32_t ping(int fd, uint32_t address) {
	uint8_t packet[64] = {0}, out[64];
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet, .data_size_in = sizeof packet, .data_out = out, .data_size_out = sizeof out);

	packet[12] = 0x08; /* IPv4 */
	packet[14] = 0x45;
	packet[23] = 1; /* ICMP */
	memcpy(packet + 30, &address, sizeof address);
	return bpf_prog_test_run_opts(fd, &options) < 0 ? UINT32_MAX - 1 : options.retval;
}

static void check_ping_address(const char *where, const struct bpf_program *program, const struct vpc_placeholder_sites *sites,
		uint32_t address) {
	size_t count = bpf_program__insn_cnt(program);
	_cleanup_(free_memory) struct bpf_insn *copy = malloc(count * sizeof *copy);
	_cleanup_(close_fd) int fd = -1;
	struct vpc_error error = {""};

	memcpy(copy, bpf_program__insns(program), count * sizeof *copy);
	if (vpc_placeholder_write(copy, count, sites, address, &error) < 0) {
		fail(where, "ping", "0x%" PRIx64 " was refused: %s", address, error.text);
		return;
	}
	fd = load_patched(copy, count);
	if (fd < 0 || ping(fd, address) != 2 || ping(fd, address ^ 1) != UINT32_MAX || ping(fd, address ^ 0x80000000) != UINT32_MAX)
		fail(where, "ping", "0x%" PRIx64 " is not what is stopped%s", address, "");
	checked++;
}

static void check_ping(const char *where, struct bpf_object *object, const struct vpc_placeholder *placeholder) {
	static const uint32_t ADDRESSES[] = {0x0200000a, 0x0101a8c0, 0xffffffff, 0, 0xc0a80101, 0x80000000, 0x7fffffff, 1, 0xfedcba98};
	const struct bpf_program *program = bpf_object__find_program_by_name(object, "filter_out");
	_cleanup_(free_placeholder_sites) struct vpc_placeholder_sites *sites = NULL;
	struct vpc_error error = {""};

	patterns++;
	if (vpc_placeholder_scan(bpf_program__insns(program), bpf_program__insn_cnt(program), placeholder, &sites, &error) < 0) {
		fail(where, "ping", "0x%" PRIx64 " is not found: %s", placeholder->constant, error.text);
		return;
	}
	for (size_t i = 0; i < sizeof ADDRESSES / sizeof *ADDRESSES; i++)
		check_ping_address(where, program, sites, ADDRESSES[i]);
}

static void check_object(const char *path) {
	_cleanup_(free_object) struct bpf_object *object = load(path);
	const char *where = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	struct vpc_placeholder placeholder = {.name = "placeholder"};
	struct bpf_program *program;
	char kind[16];

	if (!object || sscanf(where, "%15[a-z].0x%" SCNx64, kind, &placeholder.constant) != 2) {
		fail(where, "", "0x%" PRIx64 " does not load: %s", 0, strerror(errno));
		return;
	}
	if (strcmp(kind, "ping") == 0) {
		check_ping(where, object, &placeholder);
		return;
	}
	bool is_wide = strcmp(kind, "wide") == 0;
	placeholder.width = is_wide ? 8 : 4;
	bpf_object__for_each_program(program, object)
		check_pattern(where, program, &placeholder, is_wide);
}

static int read_oracles(const char *directory) {
	DIR *entries = opendir(directory);
	struct dirent *entry;

	if (!entries)
		return -errno;
	while ((entry = readdir(entries))) {
		char kind[16], path[512];
		uint64_t value;
		if (sscanf(entry->d_name, "%15[a-z].0x%" SCNx64, kind, &value) != 2)
			continue;
		bool is_wide = strcmp(kind, "wide") == 0;
		snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
		struct bpf_object *object = load(path);
		if (!object || oracle_counts[is_wide] == MOST_VALUES) {
			printf("%s does not load\n", path);
			closedir(entries);
			return -EINVAL;
		}
		oracles[is_wide][oracle_counts[is_wide]++] = (struct oracle){value, object};
	}
	closedir(entries);
	return 0;
}

static int silent(enum libbpf_print_level level, const char *format, va_list arguments) {
	return level == LIBBPF_WARN ? vfprintf(stderr, format, arguments) : 0;
}

int main(int argc, char **argv) {
	libbpf_set_print(silent);
	if (argc < 3)
		return 2;
	int probe = bpf_map_create(BPF_MAP_TYPE_ARRAY, "probe", 4, 4, 1, NULL);
	if (probe < 0) {
		printf("the kernel refuses BPF here: %s\n", strerror(errno));
		return 77;
	}
	close(probe);
	if (read_oracles(argv[1]) < 0)
		return 1;
	for (int i = 2; i < argc; i++)
		check_object(argv[i]);
	for (size_t kind = 0; kind < 2; kind++)
		for (size_t i = 0; i < oracle_counts[kind]; i++)
			bpf_object__close(oracles[kind][i].object);
	printf("%d objects, %zu patterns: %zu not there as such, %zu values written and right, %zu refused, %zu wrong\n", argc - 2, patterns,
		unfound, checked, refused, failures);
	return failures || !checked;
}
