// SPDX-License-Identifier: Apache-2.0
#include "node_cleanup.h"
#include "../cleanup.h"
#include "cni_folder.h"
#include "cni_install.h"
#include "files.h"
#include "firewall.h"
#include "log.h"
#include "node_retract.h"
#include "text.h"
#include "vxlan.h"

#include <dirent.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#define PINS "/sys/fs/bpf/libvpc" /* of all layouts */

enum { ALL_GONE = 0, SOMETHING_LEFT = 1, REFUSED = 3 };

struct node {
	const struct options *options;
	int status;
	bool others; /* attachments of another owner, or of another network namespace, stand in the folder of pins at hand */
};

static void complain(struct node *node, const char *what, const char *why) {
	log_event(LOG_ERROR, what, "NotRemoved", "%s", why);
	node->status = SOMETHING_LEFT;
}

static void note(struct node *node, const char *what, int result, const struct vpc_error *error) {
	if (result < 0)
		complain(node, what, error->text);
	else
		log_event(LOG_INFO, what, "Removed", "nothing of libvpc is left there");
}

/* ---- folders ---- */

static void remove_file(struct node *node, int folder, const char *path, const char *name) {
	_cleanup_(free_memory) char *whole = format_text("%s/%s", path, name);
	if (unlinkat(folder, name, 0) < 0 && errno != ENOENT)
		complain(node, whole, strerror(errno));
}

/* One that others keep something in, or that is mounted, stays. */
static void remove_folder(struct node *node, const char *path) {
	if (rmdir(path) < 0 && errno != ENOENT && errno != ENOTEMPTY && errno != EBUSY && errno != EROFS)
		complain(node, path, strerror(errno));
}

/* Removes the files of which `is_ours` says so (NULL: all files), and the folder if nothing else is in it. */
static void empty_folder(struct node *node, const char *path, bool (*is_ours)(const struct node *node, const char *name)) {
	DIR *entries = opendir(path);
	if (!entries) {
		if (errno != ENOENT)
			complain(node, path, strerror(errno));
		return;
	}
	for (struct dirent *entry; (entry = readdir(entries));) {
		struct stat status;
		bool file = fstatat(dirfd(entries), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(status.st_mode);
		if (file && (!is_ours || is_ours(node, entry->d_name)))
			remove_file(node, dirfd(entries), path, entry->d_name);
	}
	closedir(entries);
	remove_folder(node, path);
}

/* ---- what may keep it from being done ---- */

/* Keeps agents from starting until the descriptor is closed. -EWOULDBLOCK if one runs; -ENOENT if none has ever run here. */
static int lock_state(const char *state) {
	_cleanup_(free_memory) char *path = format_text("%s/pods", state);
	_cleanup_(close_fd) int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return folder < 0 || flock(folder, LOCK_EX | LOCK_NB) < 0 ? -errno : steal_fd(&folder);
}

static bool is_of_pod(const struct vpc_attachment *attachment) {
	return !strcmp(attachment->owner, "agent") && attachment->direction == VPC_INGRESS && strcmp(attachment->program, "from_vxlan") &&
	       strcmp(attachment->program, "from_trunk");
}

/* ---- programs and pins ---- */

/* One folder of pins after the other. Calls visit until it returns non-zero, which is returned. */
static int each_pin_folder(struct node *node, int (*visit)(struct node *node, const char *path)) {
	int result = 0;
	if (node->options->bpffs)
		return visit(node, node->options->bpffs);
	DIR *entries = opendir(PINS);
	for (struct dirent *entry; entries && result == 0 && (entry = readdir(entries));) {
		_cleanup_(free_memory) char *path = format_text(PINS "/%s", entry->d_name);
		if (entry->d_name[0] == 'v')
			result = visit(node, path);
	}
	if (entries)
		closedir(entries);
	return result;
}

static struct vpc_attach_options attach_options(const char *path) {
	return (struct vpc_attach_options){.size = sizeof(struct vpc_attach_options), .pin_directory = path, .owner = "agent"};
}

static int count_pod(const struct vpc_attachment *attachment, void *context) {
	*(unsigned *)context += is_of_pod(attachment);
	return 0;
}

static int has_pods(struct node *node, const char *path) {
	const struct vpc_attach_options options = attach_options(path);
	struct vpc_error error = {""};
	unsigned count = 0;
	int result = vpc_attachment_each(&options, count_pod, &count, &error);
	if (result < 0 && result != -ENOENT) {
		complain(node, path, error.text);
		return 1; /* what cannot be read may be a Pod's */
	}
	if (count)
		log_event(LOG_ERROR, path, "PodsInVPCs", "%u interfaces of Pods are confined to VPCs", count);
	return count > 0;
}

/* The Pod keeps its interface, without a carrier. */
static int take_down(uint32_t ifindex) {
	struct ifreq request = {0};
	_cleanup_(close_fd) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || !if_indextoname(ifindex, request.ifr_name))
		return -errno;
	if (ioctl(fd, SIOCGIFFLAGS, &request) < 0)
		return -errno;
	request.ifr_flags &= ~IFF_UP;
	return ioctl(fd, SIOCSIFFLAGS, &request) < 0 ? -errno : 0;
}

struct found {
	struct vpc_attachment *items;
	size_t count;
};

static int note_found(const struct vpc_attachment *attachment, void *context) {
	struct found *found = context;
	found->items = reallocate(found->items, (found->count + 1) * sizeof *found->items);
	found->items[found->count++] = *attachment;
	return 0;
}

static void detach(struct node *node, const struct vpc_attach_options *options, const struct vpc_attachment *attachment) {
	char name[IF_NAMESIZE] = "an interface";
	struct vpc_error error = {""};
	if_indextoname(attachment->ifindex, name);
	int result = is_of_pod(attachment) ? take_down(attachment->ifindex) : 0;
	if (result < 0 && result != -ENXIO && result != -ENODEV) { /* that one is gone */
		complain(node, name, "it cannot be taken down, so its programs stay");
		return;
	}
	result = vpc_detach(attachment->ifindex, attachment->direction, options, &error);
	note(node, name, result == -ENOENT ? 0 : result, &error);
}

static bool is_map(const struct node *node, const char *name) {
	return !node->others || strcmp(name, "records");
}

/* A Pod's interface goes down with its first program, so all that is on it may go in any order. */
static int remove_pins(struct node *node, const char *path) {
	static const char *const FOLDERS[] = {"links", "programs"};
	const struct vpc_attach_options options = attach_options(path);
	struct found found = {0};
	struct vpc_error error = {""};
	int result = vpc_attachment_each(&options, note_found, &found, &error);
	if (result < 0 && result != -ENOENT)
		complain(node, path, error.text);
	for (int pods = 1; pods >= 0; pods--)
		for (size_t i = 0; i < found.count; i++)
			if (!strcmp(found.items[i].owner, "agent") && is_of_pod(&found.items[i]) == pods)
				detach(node, &options, &found.items[i]);
	free(found.items);
	node->others = false;
	for (size_t i = 0; i < COUNT_OF(FOLDERS); i++) {
		_cleanup_(free_memory) char *folder = format_text("%s/%s", path, FOLDERS[i]);
		node->others |= rmdir(folder) < 0 && errno == ENOTEMPTY;
	}
	if (node->others)
		complain(node, path, "attachments that are not the agent's, or of another network namespace, stand there: vpcctl status, vpcctl detach");
	empty_folder(node, path, is_map);
	return 0;
}

/* ---- files ---- */

static bool is_state(const struct node *node, const char *name) {
	(void)node;
	return strstr(name, ".json") || !strncmp(name, TEMPORARY_PREFIX, strlen(TEMPORARY_PREFIX));
}

static void remove_folder_of(struct node *node, const char *path) {
	_cleanup_(free_memory) char *folder = duplicate(path);
	char *slash = strrchr(folder, '/');
	if (!slash || slash == folder)
		return;
	*slash = '\0';
	remove_folder(node, folder);
}

static void remove_files(struct node *node) {
	const struct options *options = node->options;
	_cleanup_(free_memory) char *pods = format_text("%s/pods", options->state);
	_cleanup_(free_memory) char *bindings = format_text("%s/bindings", options->state);
	empty_folder(node, options->queue, NULL);
	remove_folder_of(node, options->queue);
	empty_folder(node, pods, is_state);
	empty_folder(node, bindings, NULL);
	empty_folder(node, options->state, is_state);
	if (unlink(options->socket) < 0 && errno != ENOENT)
		complain(node, options->socket, strerror(errno));
	remove_folder_of(node, options->socket);
}

static void leave_runtime(struct node *node, const char *path, int (*leave)(int folder, struct vpc_error *error)) {
	struct vpc_error error = {""};
	_cleanup_(close_fd) int folder = path ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (folder >= 0)
		note(node, path, leave(folder, &error), &error);
	else if (path && errno != ENOENT)
		complain(node, path, strerror(errno));
}

int node_cleanup(const struct options *options) {
	struct node node = {.options = options};
	struct vpc_error error = {""};
	_cleanup_(close_fd) int lock = lock_state(options->state);
	if (!options->force && lock == -EWOULDBLOCK) {
		log_event(LOG_ERROR, "cleanup", "Refused", "an agent works with %s: end it first, or it would put everything back", options->state);
		return REFUSED;
	}
	if (!options->force && each_pin_folder(&node, has_pods)) {
		log_event(LOG_ERROR, "cleanup", "Refused", "Pods of this node are in VPCs: drain the node, or give --force, which takes their network from them");
		return REFUSED;
	}
	/* The runtime first: else it would start Pods by a plugin that is gone, or in a VPC that is. */
	leave_runtime(&node, options->cni_conf_dir, cni_folder_leave);
	leave_runtime(&node, options->cni_bin_dir, cni_plugin_remove);
	each_pin_folder(&node, remove_pins);
	remove_folder(&node, PINS);
	note(&node, "VXLAN device", vxlan_remove(&error), &error);
	note(&node, "nftables", firewall_remove(&error), &error);
	if (options->node)
		note(&node, "Node", node_retract(options, &error), &error);
	remove_files(&node);
	return node.status;
}
