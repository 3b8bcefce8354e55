// SPDX-License-Identifier: Apache-2.0
#include "kernel_state.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <ftw.h>
#include <unistd.h>

static const char *const MAPS[] = {"members", "nodes", "networks", "network_flows", "pods", "next_hops", "node_addresses", "rules", "steps", "records",
	"node"};

int open_map(const struct node *node, const char *name) {
	char path[128];
	snprintf(path, sizeof path, "%s/%s", node->pins, name);
	int fd = bpf_obj_get(path);
	if (fd < 0)
		fail_msg("%s: %s", path, strerror(errno));
	return fd;
}

unsigned count_entries(const struct node *node, const char *name) {
	uint8_t key[256], next[256];
	unsigned count = 0;
	int fd = open_map(node, name);
	for (bool first = true; bpf_map_get_next_key(fd, first ? NULL : key, next) == 0; first = false, count++)
		memcpy(key, next, sizeof key);
	close(fd);
	return count;
}

static uint32_t map_id(const struct node *node, const char *name) {
	struct bpf_map_info info = {0};
	uint32_t size = sizeof info;
	int fd = open_map(node, name);
	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &size), 0);
	close(fd);
	return info.id;
}

/* Whether the program refers to the map; false too if it has just gone. */
static bool uses_map(uint32_t program_id, uint32_t id) {
	uint32_t ids[32];
	struct bpf_prog_info info = {.nr_map_ids = 32, .map_ids = (uintptr_t)ids};
	uint32_t size = sizeof info;
	int fd = bpf_prog_get_fd_by_id(program_id);
	bool uses = false;
	if (fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &size) == 0)
		for (uint32_t i = 0; i < info.nr_map_ids && i < 32; i++)
			uses |= ids[i] == id;
	if (fd >= 0)
		close(fd);
	return uses;
}

static uint32_t program_of_link(uint32_t link_id) {
	struct bpf_link_info info = {0};
	uint32_t size = sizeof info;
	int fd = bpf_link_get_fd_by_id(link_id);
	if (fd < 0)
		return 0;
	bool known = bpf_obj_get_info_by_fd(fd, &info, &size) == 0;
	close(fd);
	return known ? info.prog_id : 0;
}

/* Every program of the datapath counts drops, or leaves that to a shared one. */
static bool is_of_node(uint32_t program_id, const uint32_t maps[2]) {
	return uses_map(program_id, maps[0]) || uses_map(program_id, maps[1]);
}

/* Calls visit for the id of each program and link of the node. */
static void each_object(const struct node *node, void (*visit)(const char *kind, uint32_t id, void *context), void *context) {
	const uint32_t maps[2] = {map_id(node, "drops"), map_id(node, "steps")};
	for (uint32_t id = 0; bpf_prog_get_next_id(id, &id) == 0;)
		if (is_of_node(id, maps))
			visit("program", id, context);
	for (uint32_t id = 0; bpf_link_get_next_id(id, &id) == 0;) {
		uint32_t program = program_of_link(id);
		if (program && is_of_node(program, maps))
			visit("link", id, context);
	}
}

static void count(const char *kind, uint32_t id, void *context) {
	struct kernel_objects *objects = context;
	(void)id;
	*(kind[0] == 'p' ? &objects->programs : &objects->links) += 1;
}

struct kernel_objects count_objects(const struct node *node) {
	struct kernel_objects objects = {0};
	each_object(node, count, &objects);
	return objects;
}

static void print_object(const char *kind, uint32_t id, void *context) {
	fprintf(context, "%s %u\n", kind, id);
}

static void print_bytes(FILE *out, const uint8_t *bytes, size_t length) {
	for (size_t i = 0; i < length; i++)
		fprintf(out, "%02x", bytes[i]);
}

static void print_map(FILE *out, const struct node *node, const char *name) {
	struct bpf_map_info info = {0};
	uint32_t size = sizeof info;
	uint8_t key[256], next[256], value[1024];
	int fd = open_map(node, name);
	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &size), 0);
	fprintf(out, "map %s %u\n", name, info.id);
	for (bool first = true; bpf_map_get_next_key(fd, first ? NULL : key, next) == 0; first = false) {
		memcpy(key, next, info.key_size);
		if (bpf_map_lookup_elem(fd, key, value))
			continue;
		print_bytes(out, key, info.key_size);
		fputc(' ', out);
		print_bytes(out, value, info.value_size);
		fputc('\n', out);
	}
	close(fd);
}

static FILE *listing;

static int print_path(const char *path, const struct stat *status, int type, struct FTW *position) {
	(void)status;
	(void)type;
	(void)position;
	fprintf(listing, "pin %s\n", path);
	return 0;
}

char *describe_node(const struct node *node) {
	char *text = NULL;
	size_t size = 0;
	FILE *out = listing = open_memstream(&text, &size);
	each_object(node, print_object, out);
	nftw(node->pins, print_path, 8, FTW_PHYS);
	for (size_t i = 0; i < sizeof MAPS / sizeof *MAPS; i++)
		print_map(out, node, MAPS[i]);
	fclose(out);
	return text;
}

unsigned count_descriptors(void) {
	DIR *directory = opendir("/proc/self/fd");
	unsigned count = 0;
	while (readdir(directory))
		count++;
	closedir(directory);
	return count - 3; /* ".", ".." and the directory itself */
}
