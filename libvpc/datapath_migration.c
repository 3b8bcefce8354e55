// SPDX-License-Identifier: Apache-2.0
#include "datapath_migration.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bpf_syscall.h"
#include "cleanup.h"
#include "datapath_conversion.h"
#include "datapath_layout.h"

#define UNFINISHED "+" /* behind the name of a directory that is being filled */
#define MOST_ROUNDS 8 /* of catching up, should flows come faster than they are copied */

struct vpc_migration {
	struct vpc_layouts layouts;
	struct vpc_conversion conversion;
	struct vpc_pins other;            /* locked */
	struct vpc_map maps[VPC_MAP_COUNT]; /* the other layout's; fd -1 if there is none */
	bool is_fresh;                    /* no program has used our maps yet */
};

/* Entries that programs make. */
static const enum vpc_datapath_map GROWING[] = {VPC_MAP_flows, VPC_MAP_network_flows, VPC_MAP_fragments, VPC_MAP_paths};

static bool is_growing(size_t map) {
	for (size_t i = 0; i < sizeof GROWING / sizeof *GROWING; i++)
		if (GROWING[i] == map)
			return true;
	return false;
}

/* ---- entries ---- */

static int write_entry(const struct vpc_migration *migration, const struct vpc_map *from, const struct vpc_map *to, const void *key,
	const void *value, uint64_t flag) {
	uint64_t new_key[(to->key_size + 7) / 8], new_value[(to->read_size + 7) / 8];
	vpc_conversion_key(&migration->conversion, from, to, key, new_key);
	vpc_conversion_value(&migration->conversion, from, to, value, new_value);
	if (bpf_map_update_elem(to->fd, new_key, new_value, flag) == 0)
		return 1;
	return errno == EEXIST ? 0 : -errno;
}

/* Returns how many entries were written. What programs made and has no room is left behind, as they would leave it. */
static int copy(const struct vpc_migration *migration, size_t index, const struct vpc_map *to, uint64_t flag, struct vpc_error *error) {
	const struct vpc_map *from = &migration->maps[index];
	_cleanup_(vpc_entries_free) struct vpc_entries entries = VPC_ENTRIES_EMPTY(from);
	int written = 0, result = vpc_map_read(from, NULL, NULL, &entries, error);
	for (size_t i = 0; i < entries.count && !result; i++) {
		int one = write_entry(migration, from, to, vpc_entry_key(&entries, i), vpc_entry_value(&entries, i), flag);
		if (one < 0 && !(is_growing(index) && (one == -E2BIG || one == -ENOMEM)))
			result = vpc_map_fail(to, one, "copying from another layout", error);
		written += one > 0;
	}
	return result ?: written;
}

/* ---- v<own> ---- */

static int pin_at(int fd, const char *directory, const char *folder, const char *name, struct vpc_error *error) {
	char path[VPC_PIN_PATH];
	snprintf(path, sizeof path, "%.255s/%s%s%.100s", directory, folder, folder[0] ? "/" : "", name);
	int result = vpc_bpf_pin(fd, path);
	return result && result != -EEXIST ? vpc_fail(error, result, "%s cannot be pinned: %s", path, strerror(-result)) : 0;
}

static int get_at(const char *directory, const char *folder, const char *name) {
	char path[VPC_PIN_PATH];
	snprintf(path, sizeof path, "%.255s/%s%s%.100s", directory, folder, folder[0] ? "/" : "", name);
	return vpc_bpf_get(path);
}

static bool is_same(const struct vpc_map *a, const struct vpc_map *b) {
	return a->type == b->type && a->key_size == b->key_size && a->value_size == b->value_size && a->max_entries == b->max_entries &&
		a->flags == b->flags;
}

/* Finds or makes the map in the directory. `made` is an empty one that nobody uses yet. */
static int fill_map(const struct vpc_migration *migration, const char *directory, size_t index, const struct vpc_map *made, struct vpc_error *error) {
	const struct vpc_map *from = &migration->maps[index];
	struct vpc_map to = *made;
	if (from->fd < 0)
		return 0;
	_cleanup_(close_fd) int present_fd = get_at(directory, "", made->name);
	bool is_there = present_fd >= 0;
	int result = is_there ? vpc_map_describe(made->name, present_fd, &to, error) : 0;
	if (result || to.id == from->id)
		return result;
	if (!is_there && is_same(from, made) && !vpc_conversion_changes(&migration->conversion, made->name))
		return pin_at(from->fd, directory, "", made->name, error);
	if (made->type != BPF_MAP_TYPE_PROG_ARRAY) {
		result = vpc_conversion_check(&migration->conversion, from, &to, error);
		result = result ?: copy(migration, index, &to, is_there ? BPF_NOEXIST : BPF_ANY, error);
	}
	return result < 0 ? result : pin_at(to.fd, directory, "", made->name, error);
}

/* Maps that nobody uses yet, by the definitions of this layout; those of flows as large as before. */
static int make_maps(const struct vpc_migration *migration, uint32_t flow_entries, struct vpc_template **ret_template, struct vpc_error *error) {
	const struct vpc_map *flows = &migration->maps[VPC_MAP_flows];
	const struct vpc_map_size size = {"flows", flows->fd >= 0 ? flows->max_entries : flow_entries};
	const struct vpc_prepare_options options = {
		.size = sizeof options, .direction = VPC_INGRESS, .map_sizes = &size, .map_size_count = size.max_entries ? 1 : 0};
	struct vpc_template *template_ = NULL;
	int result = vpc_template_open_builtin("pod", NULL, &template_, error);
	result = result ?: vpc_template_prepare(template_, &options, error);
	if (result) {
		vpc_template_free(template_);
		return result;
	}
	*ret_template = template_;
	return 0;
}

static int fill_maps(const struct vpc_migration *migration, const char *directory, uint32_t flow_entries, struct vpc_error *error) {
	struct vpc_template *template_ = NULL;
	struct vpc_map made;
	int result = make_maps(migration, flow_entries, &template_, error);
	for (size_t i = 0; i < VPC_MAP_COUNT && !result; i++) {
		const char *name = vpc_datapath_map_name(i);
		result = vpc_map_describe(name, vpc_template_map_fd(template_, name), &made, error);
		result = result ?: fill_map(migration, directory, i, &made, error);
	}
	vpc_template_free(template_);
	return result;
}

static void close_directory(DIR **directory) {
	if (*directory)
		closedir(*directory);
}

static DIR *open_folder(const char *directory, const char *folder) {
	char path[VPC_PIN_PATH];
	snprintf(path, sizeof path, "%.255s/%s", directory, folder);
	return opendir(path);
}

/* Pins of programs and links: of the same objects, under the same names. */
static int fill_folder(const struct vpc_migration *migration, const char *directory, const char *folder, struct vpc_error *error) {
	char path[VPC_PIN_PATH];
	_cleanup_(close_directory) DIR *pins = open_folder(migration->layouts.other, folder);
	snprintf(path, sizeof path, "%.255s/%s", directory, folder);
	if (pins && mkdir(path, 0700) && errno != EEXIST)
		return vpc_fail(error, -errno, "directory %s cannot be made: %s", path, strerror(errno));
	int result = 0;
	for (struct dirent *entry; pins && !result && (entry = readdir(pins));) {
		if (entry->d_name[0] == '.')
			continue;
		_cleanup_(close_fd) int fd = get_at(migration->layouts.other, folder, entry->d_name);
		if (fd >= 0)
			result = pin_at(fd, directory, folder, entry->d_name, error);
	}
	return result;
}

static int fill_records(const struct vpc_migration *migration, const char *directory, struct vpc_error *error) {
	_cleanup_(close_fd) int fd = get_at(migration->layouts.other, "", "records");
	int result = fd >= 0 ? pin_at(fd, directory, "", "records", error) : 0;
	result = result ?: fill_folder(migration, directory, "links", error);
	return result ?: fill_folder(migration, directory, "programs", error);
}

static int fill(const struct vpc_migration *migration, const char *directory, uint32_t flow_entries, struct vpc_error *error) {
	struct vpc_conversion back;
	int result = fill_maps(migration, directory, flow_entries, error);
	result = result ?: fill_records(migration, directory, error);
	if (result || migration->layouts.other_version > VPC_LAYOUT_VERSION)
		return result;
	vpc_conversion_back(&back);
	return vpc_conversion_pin(directory, &back, error);
}

/* ---- removal ---- */

static void unlink_all(const char *directory, const char *folder, const char *last) {
	char path[VPC_PIN_PATH];
	_cleanup_(close_directory) DIR *pins = open_folder(directory, folder);
	for (struct dirent *entry; pins && (entry = readdir(pins));)
		if (entry->d_name[0] != '.' && strcmp(entry->d_name, last)) {
			snprintf(path, sizeof path, "%.255s/%s%s%.100s", directory, folder, folder[0] ? "/" : "", entry->d_name);
			unlink(path);
		}
	snprintf(path, sizeof path, "%.255s/%s", directory, folder);
	if (folder[0])
		rmdir(path);
}

/* Whoever may take over from the directory may do so until it is gone. */
static void remove_directory(const char *directory) {
	char path[VPC_PIN_PATH];
	unlink_all(directory, "links", "");
	unlink_all(directory, "programs", "");
	unlink_all(directory, "", VPC_CONVERSION_PIN);
	snprintf(path, sizeof path, "%.255s/" VPC_CONVERSION_PIN, directory);
	unlink(path);
	rmdir(directory);
}

static void unpin_release(const char *directory) {
	char path[VPC_PIN_PATH];
	snprintf(path, sizeof path, "%.255s/" VPC_CONVERSION_PIN, directory);
	unlink(path);
}

/* ---- begin ---- */

static int load_once(struct vpc_template *template_, const char *program, const struct vpc_pod_values *values, struct vpc_error *error) {
	struct vpc_instance *instance = NULL;
	int result = vpc_instance_load(template_, program, values ? values->settings : NULL, values ? values->count : 0, &instance, error);
	vpc_instance_free(instance);
	return result;
}

/* A Pod that is nobody's: the instructions are those of all. */
static int try_pod(struct vpc_datapath *trial, enum vpc_encapsulation encapsulation, const char *program, struct vpc_error *error) {
	const struct vpc_pod pod = {.ifindex = 1, .encapsulation = encapsulation, .network_id = 2, .mac = {2}, .ipv4 = {10}, .ipv6 = {0xfd}, .mtu = 1280};
	struct vpc_pod_values values;
	vpc_pod_values_make(trial, &pod, program, &values);
	return load_once(trial->pod, program, &values, error);
}

/* Every program of this layout with the maps that lie in the directory. */
static int try_programs(const struct vpc_datapath *datapath, const char *directory, struct vpc_error *error) {
	struct vpc_datapath *trial = calloc(1, sizeof *trial);
	if (!trial)
		return vpc_fail(error, -ENOMEM, "no memory for a datapath");
	trial->state_fd = -1;
	trial->uplink = datapath->uplink;
	trial->vxlan_ifindex = trial->uplink_ifindex = datapath->uplink_ifindex;
	memcpy(trial->underlay, datapath->underlay, sizeof trial->underlay);
	snprintf(trial->pin_directory, sizeof trial->pin_directory, "%s", directory);
	int result = vpc_datapath_open_maps(trial, 0, error);
	for (size_t i = 0; !result && i < vpc_template_program_count(trial->steps); i++)
		result = load_once(trial->steps, vpc_template_program_name(trial->steps, i), NULL, error);
	for (size_t i = 0; !result && i < vpc_template_program_count(trial->node); i++)
		result = load_once(trial->node, vpc_template_program_name(trial->node, i), NULL, error);
	result = result ?: load_once(trial->confine, "confine", NULL, error);
	for (enum vpc_encapsulation encapsulation = VPC_VXLAN; !result && encapsulation <= VPC_VLAN; encapsulation++) {
		result = try_pod(trial, encapsulation, "from_pod", error);
		result = result ?: try_pod(trial, encapsulation, "to_pod", error);
	}
	vpc_datapath_free(trial);
	return result;
}

static int open_other_maps(struct vpc_migration *migration, struct vpc_error *error) {
	int result = 0;
	for (size_t i = 0; i < VPC_MAP_COUNT && !result; i++) {
		const char *name = vpc_datapath_map_name(i);
		int fd = get_at(migration->layouts.other, "", name);
		migration->maps[i].fd = fd;
		if (fd < 0)
			result = fd == -ENOENT ? 0 : vpc_fail(error, fd, "%s/%s: %s", migration->layouts.other, name, strerror(-fd));
		else
			result = vpc_map_describe(name, fd, &migration->maps[i], error);
	}
	return result;
}

/* Makes our directory of the other layout's, or fills up the one that is there. */
static int fill_own(struct vpc_datapath *datapath, struct vpc_migration *migration, uint32_t flow_entries, struct vpc_error *error) {
	const char *own = migration->layouts.own;
	char next[sizeof migration->layouts.own];
	if (access(own, F_OK) == 0)
		return fill(migration, own, flow_entries, error);
	snprintf(next, sizeof next, "%.240s" UNFINISHED, own);
	remove_directory(next);
	if (mkdir(next, 0700))
		return vpc_fail(error, -errno, "directory %s cannot be made: %s", next, strerror(errno));
	int result = fill(migration, next, flow_entries, error);
	result = result ?: try_programs(datapath, next, error);
	if (!result && rename(next, own))
		result = vpc_fail(error, -errno, "%s cannot be renamed %s: %s", next, own, strerror(errno));
	if (result)
		remove_directory(next);
	migration->is_fresh = !result;
	return result;
}

int vpc_migration_begin(struct vpc_datapath *datapath, const struct vpc_datapath_options *options, struct vpc_error *error) {
	struct vpc_migration *migration = calloc(1, sizeof *migration);
	if (!migration)
		return vpc_fail(error, -ENOMEM, "no memory for a migration");
	datapath->migration = migration;
	migration->other.fd = -1;
	for (size_t i = 0; i < VPC_MAP_COUNT; i++)
		migration->maps[i].fd = -1;
	int result = vpc_layout_find(options->pin_directory, &migration->layouts, &migration->conversion, error);
	if (!result && migration->layouts.other[0])
		result = vpc_pins_open(migration->layouts.other, VPC_PINS_CHANGE, &migration->other, error);
	if (result == -ENOENT || (!result && !migration->layouts.other[0])) {
		vpc_migration_free(datapath); /* there is none, or another process has just removed it */
		return 0;
	}
	result = result ?: open_other_maps(migration, error);
	return result ?: fill_own(datapath, migration, options->flow_entries, error);
}

/* A directory that a process was filling when it died. */
static void remove_unfinished(const char *directory) {
	char parent[256], path[sizeof parent + 300];
	snprintf(parent, sizeof parent, "%s", directory);
	*strrchr(parent, '/') = '\0';
	_cleanup_(close_directory) DIR *siblings = opendir(parent);
	for (struct dirent *entry; siblings && (entry = readdir(siblings));) {
		unsigned version;
		int used = 0;
		if (sscanf(entry->d_name, "v%9u" UNFINISHED "%n", &version, &used) != 1 || !used || entry->d_name[used])
			continue;
		snprintf(path, sizeof path, "%s/%s", parent, entry->d_name);
		remove_directory(path);
	}
}

int vpc_migration_confirm(const struct vpc_datapath *datapath, const struct vpc_datapath_options *options, struct vpc_error *error) {
	struct vpc_layouts layouts;
	struct vpc_conversion conversion;
	int result = vpc_layout_find(options->pin_directory, &layouts, &conversion, error);
	if (result)
		return result;
	if (!datapath->migration && layouts.other[0])
		return vpc_fail(error, -EAGAIN, "%s has just been made by another process; try again", layouts.other);
	remove_unfinished(datapath->pin_directory);
	return 0;
}

/* ---- switch ---- */

int vpc_migration_catch_up(struct vpc_datapath *datapath, struct vpc_error *error) {
	const struct vpc_migration *migration = datapath->migration;
	int result = 0;
	for (int round = 0, written = 1; migration && written && !result && round < MOST_ROUNDS; round++) {
		uint64_t flag = migration->is_fresh && round == 0 ? BPF_ANY : BPF_NOEXIST;
		written = 0;
		for (size_t i = 0; i < VPC_MAP_COUNT && result >= 0; i++) {
			const struct vpc_map *own = vpc_datapath_map(datapath, (enum vpc_datapath_map)i);
			if (!is_growing(i) || migration->maps[i].fd < 0 || migration->maps[i].id == own->id)
				continue;
			result = copy(migration, i, own, flag, error);
			written += result > 0 ? result : 0;
		}
		result = result < 0 ? result : 0;
	}
	return result;
}

int vpc_migration_put_step(struct vpc_datapath *datapath, uint32_t step, int program_fd, struct vpc_error *error) {
	struct vpc_migration *migration = datapath->migration;
	if (!migration)
		return 0;
	const struct vpc_map *steps = &migration->maps[VPC_MAP_steps];
	migration->is_fresh = false;
	if (steps->fd < 0 || steps->id == vpc_datapath_map(datapath, VPC_MAP_steps)->id || step >= steps->max_entries)
		return 0;
	return bpf_map_update_elem(steps->fd, &step, &program_fd, BPF_ANY) ? vpc_map_fail(steps, -errno, "exchanging a program", error) : 0;
}

/* ---- end ---- */

/* A Pod without an interface is for whoever knows that it has gone; one that refuses is repaired, or confined, as at any time. */
static void put_pods(struct vpc_datapath *datapath) {
	for (size_t i = 0; i < datapath->pods.count; i++) {
		struct vpc_known_pod *known = &datapath->pods.list[i];
		struct vpc_timing timing = {0};
		if (!known->is_stale && vpc_pod_check_programs(datapath, &known->pod, NULL) == 0)
			continue;
		known->is_stale = vpc_pod_put_programs(datapath, &known->pod, &timing, NULL) != 0;
	}
}

static int confine_again(const struct vpc_attachment *attachment, void *context) {
	struct vpc_datapath *datapath = context;
	if (strcmp(attachment->owner, VPC_DATAPATH_OWNER) == 0 && strcmp(attachment->program, "confine") == 0 && attachment->direction == VPC_INGRESS)
		vpc_pod_confine_programs(datapath, attachment->ifindex, NULL);
	return 0;
}

int vpc_migration_end(struct vpc_datapath *datapath, struct vpc_error *error) {
	const struct vpc_attach_options options = vpc_datapath_attach_options(datapath);
	if (!datapath->migration)
		return 0;
	const struct vpc_layouts layouts = datapath->migration->layouts;
	put_pods(datapath);
	int result = vpc_attachment_each(&options, confine_again, datapath, error);
	result = result ?: vpc_migration_catch_up(datapath, error);
	if (result)
		return result;
	unpin_release(layouts.own);
	remove_directory(layouts.other);
	datapath->migrated_from = layouts.other_version;
	vpc_migration_free(datapath);
	return 0;
}

void vpc_migration_free(struct vpc_datapath *datapath) {
	struct vpc_migration *migration = datapath->migration;
	if (!migration)
		return;
	for (size_t i = 0; i < VPC_MAP_COUNT; i++)
		close_fd(&migration->maps[i].fd);
	vpc_pins_close(&migration->other);
	free(migration);
	datapath->migration = NULL;
}

/* ---- the way back ---- */

int vpc_datapath_release(const char *pin_directory, uint32_t layout, struct vpc_error *error) {
	_cleanup_(vpc_pins_close) struct vpc_pins pins = VPC_PINS_CLOSED;
	struct vpc_conversion back;
	if (layout != VPC_LAYOUT_VERSION - 1 || layout == 0)
		return vpc_fail(error, -EINVAL, "this version writes layout %d and can release its pins to layout %d only%s", VPC_LAYOUT_VERSION,
			VPC_LAYOUT_VERSION - 1, VPC_LAYOUT_VERSION == 1 ? ", which never was: it is the first one" : "");
	int result = vpc_pins_open(pin_directory, VPC_PINS_CHANGE, &pins, error);
	if (result)
		return result;
	vpc_conversion_back(&back);
	return vpc_conversion_pin(pins.directory, &back, error);
}

uint32_t vpc_datapath_migrated_from(const struct vpc_datapath *datapath) {
	return datapath->migrated_from;
}
