// SPDX-License-Identifier: Apache-2.0
#include "bpf_syscall.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "cleanup.h"

struct link_create {
	uint32_t program_fd;
	uint32_t ifindex;
	uint32_t attach_type;
	uint32_t flags;
	uint32_t relative; /* link or program before or after which to stand; 0: at the end of the chain that flags name */
	uint32_t zero;
	uint64_t expected_revision;
};
static_assert(offsetof(struct link_create, expected_revision) == 24, "union bpf_attr, link_create.tcx");

struct link_update {
	uint32_t link_fd;
	uint32_t program_fd;
	uint32_t flags;
	uint32_t old_program_fd;
};

struct link_detach {
	uint32_t link_fd;
};

struct query {
	uint32_t ifindex;
	uint32_t attach_type;
	uint32_t query_flags;
	uint32_t attach_flags;
	uint64_t program_ids;
	uint32_t count; /* in: room in the arrays; out: programs on the hook */
	uint32_t zero;
	uint64_t program_attach_flags;
	uint64_t link_ids;
	uint64_t link_attach_flags;
	uint64_t revision;
};
static_assert(offsetof(struct query, revision) == 56, "union bpf_attr, query.revision");

struct object {
	uint64_t path;
	uint32_t fd;
	uint32_t flags;
};

struct info {
	uint32_t fd;
	uint32_t length;
	uint64_t buffer;
};

/* struct bpf_link_info as far as tcx and XDP use it. */
struct link_info {
	uint32_t type;
	uint32_t id;
	uint32_t program_id;
	uint32_t zero;
	uint32_t ifindex;
	uint32_t attach_type;
};
static_assert(offsetof(struct link_info, ifindex) == 16, "struct bpf_link_info, tcx.ifindex and xdp.ifindex");

static int bpf(int command, void *attributes, size_t size) {
	long result = syscall(SYS_bpf, command, attributes, size);
	return result < 0 ? -errno : (int)result;
}

static uint64_t address(const void *pointer) {
	return (uint64_t)(uintptr_t)pointer;
}

int vpc_bpf_link_create(int program_fd, uint32_t ifindex, uint32_t attach_type, uint32_t flags) {
	struct link_create create = {.program_fd = (uint32_t)program_fd, .ifindex = ifindex, .attach_type = attach_type, .flags = flags};
	/* Kernels before 6.6 refuse bytes that they do not know only if these are not zero. */
	return bpf(BPF_LINK_CREATE, &create, sizeof create);
}

int vpc_bpf_link_update(int link_fd, int program_fd) {
	struct link_update update = {.link_fd = (uint32_t)link_fd, .program_fd = (uint32_t)program_fd};
	return bpf(BPF_LINK_UPDATE, &update, sizeof update);
}

int vpc_bpf_link_detach(int link_fd) {
	struct link_detach detach = {.link_fd = (uint32_t)link_fd};
	return bpf(BPF_LINK_DETACH, &detach, sizeof detach);
}

int vpc_bpf_link_info(int link_fd, struct vpc_bpf_link *ret_link) {
	struct link_info link = {0};
	struct info info = {.fd = (uint32_t)link_fd, .length = sizeof link, .buffer = address(&link)};

	int result = bpf(BPF_OBJ_GET_INFO_BY_FD, &info, sizeof info);
	if (result)
		return result;
	*ret_link = (struct vpc_bpf_link){link.type, link.id, link.program_id, link.ifindex, link.attach_type};
	return 0;
}

int vpc_bpf_link_program(int link_fd, uint32_t *ret_id, uint64_t *ret_tag) {
	char path[64], text[1024];
	snprintf(path, sizeof path, "/proc/thread-self/fdinfo/%d", link_fd);
	_cleanup_(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ssize_t length = read(fd, text, sizeof text - 1);
	if (length < 0)
		return -errno;
	text[length] = '\0';

	const char *tag_line = strstr(text, "\nprog_tag:"), *id_line = strstr(text, "\nprog_id:");
	uint32_t id;
	uint64_t tag;
	if (!tag_line || !id_line || sscanf(tag_line, "\nprog_tag: %" SCNx64, &tag) != 1 || sscanf(id_line, "\nprog_id: %" SCNu32, &id) != 1)
		return -EPROTO;
	*ret_id = id;
	*ret_tag = tag;
	return 0;
}

int vpc_bpf_chain_query(uint32_t ifindex, uint32_t attach_type, struct vpc_bpf_chain *ret_chain) {
	struct vpc_bpf_chain chain = {0};
	struct query query = {
		.ifindex = ifindex,
		.attach_type = attach_type,
		.program_ids = address(chain.program_ids),
		.count = VPC_BPF_CHAIN_LIMIT,
		.link_ids = address(chain.link_ids),
	};
	int result = bpf(BPF_PROG_QUERY, &query, sizeof query);
	if (result)
		return result;
	chain.count = query.count;
	chain.revision = query.revision;
	*ret_chain = chain;
	return 0;
}

static uint64_t read_tag(const uint8_t bytes[8]) {
	uint64_t tag = 0;
	for (int i = 0; i < 8; i++)
		tag = tag << 8 | bytes[i];
	return tag;
}

int vpc_bpf_program_info(int program_fd, uint32_t *ret_type, uint32_t *ret_id, uint64_t *ret_tag) {
	struct bpf_prog_info program = {0};
	uint32_t length = offsetof(struct bpf_prog_info, jited_prog_len);
	struct info info = {.fd = (uint32_t)program_fd, .length = length, .buffer = address(&program)};

	int result = bpf(BPF_OBJ_GET_INFO_BY_FD, &info, sizeof info);
	if (result)
		return result;
	if (ret_type)
		*ret_type = program.type;
	if (ret_id)
		*ret_id = program.id;
	if (ret_tag)
		*ret_tag = read_tag(program.tag);
	return 0;
}

int vpc_bpf_pin(int fd, const char *path) {
	struct object pin = {.path = address(path), .fd = (uint32_t)fd};
	return bpf(BPF_OBJ_PIN, &pin, sizeof pin);
}

int vpc_bpf_get(const char *path) {
	struct object get = {.path = address(path)};
	return bpf(BPF_OBJ_GET, &get, sizeof get);
}
