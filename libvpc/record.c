// SPDX-License-Identifier: Apache-2.0
#include "record.h"

#include <assert.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "bpf_syscall.h"
#include "cleanup.h"
#include "probe.h"

static_assert(sizeof(struct vpc_record_key) == 16, "pinned layout without padding");
static_assert(sizeof(struct vpc_record) == 608, "pinned layout without padding");

static void map_path(const struct vpc_pins *pins, char path[VPC_PIN_PATH]) {
	snprintf(path, VPC_PIN_PATH, "%s/records", pins->directory);
}

static int make_map(const char *path, struct vpc_error *error) {
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_NO_PREALLOC);
	char permission[VPC_PERMISSION_TEXT];
	_cleanup_(close_fd) int fd = bpf_map_create(
		BPF_MAP_TYPE_HASH, "vpc_records", sizeof(struct vpc_record_key), sizeof(struct vpc_record), VPC_RECORD_LIMIT, &options);
	if (fd < 0 && errno == EPERM)
		return vpc_fail(error, -EPERM, "the map of records cannot be made: BPF is not permitted: %s", vpc_probe_permission(permission));
	if (fd < 0)
		return vpc_fail(error, -errno, "the map of records cannot be made: %s", strerror(errno));
	int result = vpc_bpf_pin(fd, path);
	if (result)
		return vpc_fail(error, result, "%s cannot be pinned: %s", path, strerror(-result));
	return steal_fd(&fd);
}

static int check_layout(int fd, const char *path, struct vpc_error *error) {
	struct bpf_map_info info = {0};
	uint32_t length = sizeof info;
	if (bpf_obj_get_info_by_fd(fd, &info, &length))
		return vpc_fail(error, -errno, "%s: %s", path, strerror(errno));
	if (info.type != BPF_MAP_TYPE_HASH || info.key_size != sizeof(struct vpc_record_key) || info.value_size != sizeof(struct vpc_record))
		return vpc_fail(error, -EPROTO,
			"%s has another layout (keys of %u and values of %u bytes): it was made by another version of libvpc", path, info.key_size,
			info.value_size);
	return 0;
}

int vpc_records_open(const struct vpc_pins *pins, bool make, struct vpc_error *error) {
	char path[VPC_PIN_PATH], permission[VPC_PERMISSION_TEXT];
	map_path(pins, path);
	_cleanup_(close_fd) int fd = vpc_bpf_get(path);
	if (fd == -ENOENT && make)
		return make_map(path, error);
	if (fd == -ENOENT)
		return vpc_fail(error, -ENOENT, "nothing is attached: there is no %s", path);
	if (fd == -EPERM)
		return vpc_fail(error, -EPERM, "%s cannot be opened: BPF is not permitted: %s", path, vpc_probe_permission(permission));
	if (fd < 0)
		return vpc_fail(error, fd, "%s cannot be opened: %s", path, strerror(-fd));
	int result = check_layout(fd, path, error);
	return result ?: steal_fd(&fd);
}

uint64_t vpc_records_inode(const struct vpc_pins *pins) {
	struct stat status;
	return fstatat(pins->fd, "records", &status, AT_SYMLINK_NOFOLLOW) ? 0 : status.st_ino;
}

void vpc_records_remove_empty(const struct vpc_pins *pins, int records_fd) {
	struct vpc_record_key key;
	char path[VPC_PIN_PATH];
	if (bpf_map_get_next_key(records_fd, NULL, &key) == 0 || errno != ENOENT)
		return;
	map_path(pins, path);
	unlink(path);
}

static struct vpc_record_key key_of(const struct vpc_place *place, bool staged) {
	return (struct vpc_record_key){.netns = place->netns, .ifindex = place->ifindex, .direction = place->direction, .staged = staged};
}

int vpc_record_get(int records_fd, const struct vpc_place *place, bool staged, struct vpc_record *ret_record) {
	struct vpc_record_key key = key_of(place, staged);
	struct vpc_record record;
	if (bpf_map_lookup_elem(records_fd, &key, &record))
		return -errno;
	*ret_record = record;
	return 0;
}

static int put(int records_fd, const struct vpc_place *place, bool staged, const struct vpc_record *record, struct vpc_error *error) {
	struct vpc_record_key key = key_of(place, staged);
	if (bpf_map_update_elem(records_fd, &key, record, BPF_ANY) == 0)
		return 0;
	if (errno == E2BIG)
		return vpc_fail(error, -ENOSPC, "%s/records is full (%d attachments); detach some", place->pins->directory, VPC_RECORD_LIMIT);
	return vpc_fail(error, -errno, "%s/records: %s", place->pins->directory, strerror(errno));
}

int vpc_record_stage(int records_fd, const struct vpc_place *place, const struct vpc_record *record, struct vpc_error *error) {
	return put(records_fd, place, true, record, error);
}

int vpc_record_commit(int records_fd, const struct vpc_place *place, const struct vpc_record *record, struct vpc_error *error) {
	int result = put(records_fd, place, false, record, error);
	if (result == 0)
		vpc_record_unstage(records_fd, place);
	return result;
}

void vpc_record_unstage(int records_fd, const struct vpc_place *place) {
	struct vpc_record_key key = key_of(place, true);
	bpf_map_delete_elem(records_fd, &key);
}

int vpc_record_delete(int records_fd, const struct vpc_place *place) {
	struct vpc_record_key key = key_of(place, false);
	vpc_record_unstage(records_fd, place);
	return bpf_map_delete_elem(records_fd, &key) && errno != ENOENT ? -errno : 0;
}

int vpc_record_keys(int records_fd, struct vpc_record_key **ret_keys, size_t *ret_count) {
	_cleanup_(free_memory) struct vpc_record_key *keys = calloc(VPC_RECORD_LIMIT, sizeof *keys);
	if (!keys)
		return -ENOMEM;
	size_t count = 0;
	while (count < VPC_RECORD_LIMIT && bpf_map_get_next_key(records_fd, count ? &keys[count - 1] : NULL, &keys[count]) == 0)
		count++;
	*ret_keys = keys;
	keys = NULL;
	*ret_count = count;
	return 0;
}

static void copy_text(char *target, size_t size, const char *text) {
	snprintf(target, size, "%s", text ? text : "");
}

static void copy_values(char target[512], const char *values) {
	static const char MORE[] = " ...";
	copy_text(target, 512, values);
	if (values && strlen(values) >= 512)
		memcpy(target + 512 - sizeof MORE, MORE, sizeof MORE);
}

static const char DIGITS[] = "0123456789abcdef";

/* 64 hexadecimal digits; zeros if the text is none. */
static void read_hash(const char *text, uint8_t hash[32]) {
	for (int i = 0; text && i < 64; i++) {
		const char *digit = text[i] ? strchr(DIGITS, text[i]) : NULL;
		if (!digit)
			return;
		hash[i / 2] = (uint8_t)(hash[i / 2] << 4 | (digit - DIGITS));
	}
}

void vpc_record_fill(const struct vpc_instance *instance, enum vpc_hook hook, const char *owner, struct vpc_record *ret_record) {
	struct vpc_record record = {
		.program_tag = vpc_instance_tag(instance),
		.program_id = vpc_instance_id(instance),
		.hook = (uint16_t)hook,
	};
	copy_text(record.owner, sizeof record.owner, owner);
	copy_text(record.program, sizeof record.program, vpc_instance_program(instance));
	copy_values(record.values, vpc_instance_values(instance));
	read_hash(vpc_template_hash(vpc_instance_template(instance)), record.template_hash);
	*ret_record = record;
}

void vpc_record_tell(const struct vpc_place *place, const struct vpc_record *record, struct vpc_attachment *ret_attachment) {
	struct vpc_attachment attachment = {
		.ifindex = place->ifindex,
		.direction = place->direction,
		.hook = (enum vpc_hook)record->hook,
		.program_id = record->program_id,
		.program_tag = record->program_tag,
	};
	copy_text(attachment.owner, sizeof attachment.owner, record->owner);
	copy_text(attachment.program, sizeof attachment.program, record->program);
	copy_text(attachment.values, sizeof attachment.values, record->values);
	for (int i = 0; i < 64; i++)
		attachment.template_hash[i] = DIGITS[record->template_hash[i / 2] >> (i % 2 ? 0 : 4) & 15];
	*ret_attachment = attachment;
}
