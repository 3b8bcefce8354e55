// SPDX-License-Identifier: Apache-2.0
#include "filter_place.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "record.h"

static void close_directory(DIR **directory) {
	if (*directory)
		closedir(*directory);
}

const char *vpc_filter_pin_directory(const char *directory) {
	return directory ? directory : VPC_PORT_FILTER_DIRECTORY;
}

struct vpc_attach_options vpc_filter_attach_options(enum vpc_hook hook) {
	return (struct vpc_attach_options){.size = sizeof(struct vpc_attach_options), .hook = hook, .owner = VPC_FILTER_OWNER};
}

int vpc_filter_find(struct vpc_session *session, uint32_t ifindex, struct vpc_attachment *ret_attachment, struct vpc_error *error) {
	const struct vpc_attach_options options = vpc_filter_attach_options(VPC_HOOK_AUTO);
	return vpc_session_check(session, ifindex, VPC_XDP, &options, ret_attachment, error);
}

void vpc_filter_maps_path(const struct vpc_session *session, uint32_t ifindex, char path[VPC_FILTER_PATH]) {
	snprintf(path, VPC_FILTER_PATH, "%s/maps/%" PRIu32 "@%" PRIu64, session->pins.directory, ifindex, session->netns);
}

int vpc_filter_make_maps_directory(const struct vpc_session *session, uint32_t ifindex, struct vpc_error *error) {
	char path[VPC_FILTER_PATH];
	vpc_filter_maps_path(session, ifindex, path);
	if ((mkdirat(session->pins.fd, "maps", 0700) && errno != EEXIST) || (mkdir(path, 0700) && errno != EEXIST))
		return vpc_fail(error, -errno, "directory %s cannot be made: %s", path, strerror(errno));
	return 0;
}

/* A folder of pins, with all of them. */
static void remove_folder(int parent_fd, const char *name) {
	int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_(close_directory) DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
	if (!directory)
		return close_fd(&fd);
	for (struct dirent *entry; (entry = readdir(directory));)
		if (entry->d_name[0] != '.')
			unlinkat(fd, entry->d_name, 0);
	unlinkat(parent_fd, name, AT_REMOVEDIR);
}

void vpc_filter_remove_maps(const struct vpc_session *session, uint32_t ifindex) {
	char name[64];
	snprintf(name, sizeof name, "maps/%" PRIu32 "@%" PRIu64, ifindex, session->netns);
	remove_folder(session->pins.fd, name);
	unlinkat(session->pins.fd, "maps", AT_REMOVEDIR);
}

static bool has_record(const struct vpc_session *session, const char *name) {
	struct vpc_place place = {.pins = &session->pins, .direction = VPC_XDP};
	struct vpc_record record;
	int used = 0;
	if (sscanf(name, "%" SCNu32 "@%" SCNu64 "%n", &place.ifindex, &place.netns, &used) != 2 || name[used])
		return true; /* not ours */
	return vpc_record_get(session->records_fd, &place, false, &record) == 0;
}

void vpc_filter_sweep_maps(const struct vpc_session *session) {
	int fd = openat(session->pins.fd, "maps", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_(close_directory) DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
	if (!directory)
		return close_fd(&fd);
	for (struct dirent *entry; (entry = readdir(directory));)
		if (entry->d_name[0] != '.' && !has_record(session, entry->d_name))
			remove_folder(fd, entry->d_name);
	unlinkat(session->pins.fd, "maps", AT_REMOVEDIR);
}

int vpc_filter_remove(struct vpc_session *session, uint32_t ifindex, struct vpc_error *error) {
	const struct vpc_attach_options options = vpc_filter_attach_options(VPC_HOOK_AUTO);
	_cleanup_(vpc_filter_maps_close) struct vpc_filter_maps maps = VPC_FILTER_MAPS_CLOSED;
	char path[VPC_FILTER_PATH];
	vpc_filter_maps_path(session, ifindex, path);
	bool has_maps = vpc_filter_maps_open_pinned(path, &maps, NULL) == 0;
	int result = vpc_session_detach(session, ifindex, VPC_XDP, &options, error);
	if (result == 0 && has_maps)
		vpc_filter_set_deadline(&maps, 0); /* whoever watches it has nothing to wait for any more */
	if (result == 0 || result == -ENOENT)
		vpc_filter_remove_maps(session, ifindex);
	vpc_session_remove_empty(session);
	return result;
}

int vpc_filter_settle(const struct vpc_filter_maps *maps) {
	if (vpc_filter_time_left(maps) > 0)
		return 0;
	if (!maps->settings->earlier)
		return 1;
	vpc_filter_restore_ports(maps);
	maps->settings->holder = 0;
	vpc_filter_set_deadline(maps, 0);
	return 0;
}

int vpc_filter_refuse_offload(uint32_t ifindex, struct vpc_error *error) {
	static const struct bpf_insn PASS[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = XDP_PASS}, {.code = BPF_JMP | BPF_EXIT}};
	LIBBPF_OPTS(bpf_prog_load_opts, options, .prog_ifindex = ifindex);
	char interface[VPC_INTERFACE_TEXT];
	_cleanup_(close_fd) int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "pass", "GPL", PASS, sizeof PASS / sizeof *PASS, &options);
	vpc_interface_text(ifindex, interface);
	if (fd < 0)
		return vpc_fail(error, -ENOTSUP, "interface %s takes no programs into the device (%s); use native or generic mode", interface,
			strerror(errno));
	return vpc_fail(error, -ENOTSUP,
		"interface %s takes programs into the device, but not the maps of this one (AF_XDP sockets, counters by CPU); use native or generic "
		"mode", interface);
}
