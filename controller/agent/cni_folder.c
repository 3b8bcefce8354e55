// SPDX-License-Identifier: Apache-2.0
#include "cni_folder.h"
#include "../cleanup.h"
#include "files.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define STAGED ".libvpc-list"     /* no runtime takes such an ending, nor the next one */
#define KEPT ".before-libvpc"     /* behind the name of a single configuration that a list was made of */
#define ATTEMPTS 10

static const char *ending_of(const char *name) {
	const char *dot = strrchr(name, '.');
	return dot ? dot : "";
}

static bool is_list(const char *name) {
	return !strcmp(ending_of(name), ".conflist");
}

static bool is_single(const char *name) {
	return !strcmp(ending_of(name), ".conf") || !strcmp(ending_of(name), ".json");
}

static bool exists(int folder, const char *name) {
	struct stat status;
	return fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

/* NAME.conf and NAME.json give NAME.conflist. */
static char *list_name_of(const char *single) {
	return format_text("%.*s.conflist", (int)(ending_of(single) - single), single);
}

static char *kept_name_of(const char *single) {
	return format_text("%s" KEPT, single);
}

/* True if ours was made of that one, and kept it. */
static bool is_kept(int folder, const char *single) {
	_cleanup_(free_memory) char *kept = kept_name_of(single);
	return exists(folder, kept);
}

static int is_candidate(const struct dirent *entry) {
	return entry->d_type != DT_DIR && (is_list(entry->d_name) || is_single(entry->d_name));
}

static int compare_names(const struct dirent **a, const struct dirent **b) {
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* Calls visit for each by name, until it returns non-zero, which is returned. */
static int each_candidate(int folder, int (*visit)(void *context, const char *name), void *context) {
	struct dirent **entries;
	int result = 0, count = scandirat(folder, ".", &entries, is_candidate, compare_names);
	if (count < 0)
		return -errno;
	for (int i = 0; i < count; i++) {
		result = result ? result : visit(context, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return result;
}

static int take_first(void *context, const char *name) {
	char **first = context;
	*first = duplicate(name);
	return 1;
}

/* A single configuration that somebody wrote anew, of which ours in front of it was made, counts instead of that. */
static char *choose(int folder) {
	char *first = NULL;
	each_candidate(folder, take_first, &first);
	if (!first || !is_list(first))
		return first;
	_cleanup_(free_memory) char *json = format_text("%.*s.json", (int)(ending_of(first) - first), first);
	if (!exists(folder, json) || !is_kept(folder, json))
		return first;
	free(first);
	return steal_memory(&json);
}

/* ---- writing ---- */

/* As the old one has it: some keep these files from other users. */
static int copy_mode(int folder, const char *from, const char *to) {
	struct stat status;
	if (fstatat(folder, from, &status, 0) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (fchmodat(folder, to, status.st_mode & 07777, 0) < 0 || fchownat(folder, to, status.st_uid, status.st_gid, 0) < 0)
		return -errno;
	return 0;
}

static bool stands_still(int folder, const char *name, const struct file_signature *read) {
	struct file_signature now;
	return file_sign(folder, name, &now) == 0 && file_signature_equal(&now, read);
}

/*
 * The new text in place of what was read. The two are exchanged, and what was displaced is compared with what was read: if
 * somebody has written meanwhile, theirs is put back, and the answer is -EAGAIN.
 */
static int exchange(int folder, const char *name, const struct file_signature *read, const struct buffer *text) {
	int result = file_write(folder, STAGED, text->bytes, text->length, FILE_REPLACE, NULL);
	result = result < 0 ? result : copy_mode(folder, name, STAGED);
	if (result < 0)
		goto out;
	if (renameat2(folder, STAGED, folder, name, RENAME_EXCHANGE) == 0) {
		if (!stands_still(folder, STAGED, read)) {
			result = -EAGAIN;
			renameat2(folder, STAGED, folder, name, RENAME_EXCHANGE);
		}
	} else if (errno != EINVAL && errno != ENOSYS) {
		result = errno == ENOENT ? -EAGAIN : -errno;
	} else if (!stands_still(folder, name, read)) { /* a file system that cannot exchange */
		result = -EAGAIN;
	} else if (renameat(folder, STAGED, folder, name) < 0) {
		result = -errno;
	}
out:
	unlinkat(folder, STAGED, 0);
	fsync(folder);
	return result;
}

/* While the single one is there, a runtime takes that (*.conf) or the whole list (*.json); at no moment is there none. */
static int write_list_of_single(int folder, const char *single, const struct buffer *text, struct vpc_error *error) {
	_cleanup_(free_memory) char *list = list_name_of(single), *kept = kept_name_of(single);
	if (exists(folder, list) && !exists(folder, kept))
		return fail(error, -EEXIST, "%s is no list, and %s, which would be made of it, stands there already", single, list);
	int result = file_write(folder, list, text->bytes, text->length, FILE_REPLACE, NULL);
	result = result < 0 ? result : copy_mode(folder, single, list);
	if (result == 0 && renameat(folder, single, folder, kept) < 0)
		result = -errno;
	fsync(folder);
	return result < 0 ? fail(error, result, "%s: %s", list, strerror(-result)) : 0;
}

/* ---- merging ---- */

static int give_reason(struct cni_finding *finding, const char *reason, int code) {
	finding->reason = reason;
	return code;
}

static int read_configuration(int folder, const char *name, char **ret_text, size_t *ret_length, struct file_signature *ret_signature,
    struct cni_finding *finding, struct vpc_error *error) {
	struct stat status;
	if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(status.st_mode))
		return fail(error, give_reason(finding, "ListUnreadable", -ELOOP), "%s is a symbolic link, behind which nothing is written", name);
	int result = file_read(folder, name, ret_text, ret_length, ret_signature);
	if (result == -ENOENT)
		return give_reason(finding, "ListUnreadable", -EAGAIN); /* gone meanwhile */
	return result < 0 ? fail(error, give_reason(finding, "ListUnreadable", result), "%s: %s", name, strerror(-result)) : 0;
}

static int merge_once(int folder, const struct cni_entry *entry, bool may_write, struct cni_finding *finding, struct vpc_error *error) {
	_cleanup_(free_memory) char *name = choose(folder), *text = NULL;
	_cleanup_(buffer_release) struct buffer list = {0}, merged = {0};
	struct file_signature signature;
	struct vpc_error why = {""};
	size_t length = 0;
	if (!name)
		return fail(error, give_reason(finding, "NoConfigurationList", -ENOENT), "no *.conf, *.conflist or *.json is there: the main plugin has not written its yet");
	snprintf(finding->list, sizeof finding->list, "%s", name);
	int result = read_configuration(folder, name, &text, &length, &signature, finding, error);
	if (result < 0)
		return result;
	bool single = is_single(name);
	result = single ? cni_list_of_single(text, length, &list, &why) : 0;
	if (!single)
		buffer_append(&list, text, length);
	result = result < 0 ? result : cni_list_merge(list.bytes, list.length, entry, &merged, &why);
	if (result < 0)
		return fail(error, give_reason(finding, "ListMalformed", result), "%s is left as it is: %s", name, why.text);
	cni_list_main(list.bytes, list.length, finding->main, NULL);
	if (result == 0 && !single)
		return 0;
	if (!may_write)
		return give_reason(finding, "ListNotMerged", -EAGAIN);
	result = single ? write_list_of_single(folder, name, result ? &merged : &list, error) : exchange(folder, name, &signature, &merged);
	finding->written = result == 0;
	if (result < 0 && result != -EAGAIN && !single)
		fail(error, result, "%s: %s", name, strerror(-result));
	return result < 0 ? give_reason(finding, "ListNotWritten", result) : 0;
}

int cni_folder_merge(int folder, const struct cni_entry *entry, bool may_write, struct cni_finding *ret_finding, struct vpc_error *error) {
	int result = -EAGAIN;
	struct cni_finding finding;
	for (int i = 0; i < ATTEMPTS && result == -EAGAIN; i++) {
		finding = (struct cni_finding){.reason = "ListMerged"};
		result = merge_once(folder, entry, may_write, &finding, error);
		if (!may_write)
			break;
	}
	if (result == -EAGAIN)
		fail(error, -EAGAIN, "%s: %s", finding.list, may_write ? "somebody else writes it all the time" : "vpc-cni is not in it");
	*ret_finding = finding;
	return result;
}

/* ---- leaving ---- */

struct leaving {
	int folder, result;
	struct vpc_error *error;
};

/* A list that somebody else broke cannot be changed; one in which our name does not stand is nobody's trouble. */
static int leave_list(int folder, const char *name, struct vpc_error *error) {
	struct vpc_error why = {""};
	int result = -EAGAIN;
	for (int i = 0; i < ATTEMPTS && result == -EAGAIN; i++) {
		_cleanup_(free_memory) char *text = NULL;
		_cleanup_(buffer_release) struct buffer rest = {0};
		struct file_signature signature;
		size_t length = 0;
		result = file_read(folder, name, &text, &length, &signature);
		if (result == -ENOENT)
			return 0;
		if (result < 0)
			return fail(error, result, "%s: %s", name, strerror(-result));
		result = cni_list_remove(text, length, &rest, &why);
		if (result < 0)
			return memmem(text, length, "vpc-cni", 7) ? fail(error, result, "vpc-cni stands in %s, which cannot be changed: %s", name, why.text) : 0;
		result = result ? exchange(folder, name, &signature, &rest) : 0;
	}
	return result < 0 ? fail(error, result, "%s: %s", name, strerror(-result)) : 0;
}

static int leave_one(void *context, const char *name) {
	struct leaving *leaving = context;
	int result = is_list(name) ? leave_list(leaving->folder, name, leaving->result ? NULL : leaving->error) : 0;
	leaving->result = leaving->result ? leaving->result : result;
	return 0;
}

static int is_kept_one(const struct dirent *entry) {
	return !strcmp(ending_of(entry->d_name), KEPT);
}

/* The single one first, so that there is one at any moment; if its owner wrote it anew, that one counts. */
static int put_back(int folder, const char *kept, struct vpc_error *error) {
	_cleanup_(free_memory) char *single = format_text("%.*s", (int)(ending_of(kept) - kept), kept);
	_cleanup_(free_memory) char *list = list_name_of(single);
	if (renameat2(folder, kept, folder, single, RENAME_NOREPLACE) < 0 && errno != EEXIST)
		return fail(error, -errno, "%s: %s", single, strerror(errno));
	if ((unlinkat(folder, list, 0) < 0 && errno != ENOENT) || (unlinkat(folder, kept, 0) < 0 && errno != ENOENT))
		return fail(error, -errno, "%s: %s", list, strerror(errno));
	return 0;
}

int cni_folder_leave(int folder, struct vpc_error *error) {
	struct dirent **entries;
	struct leaving leaving = {folder, 0, error};
	int count = scandirat(folder, ".", &entries, is_kept_one, compare_names);
	for (int i = 0; i < count; i++) {
		int result = put_back(folder, entries[i]->d_name, leaving.result ? NULL : error);
		leaving.result = leaving.result ? leaving.result : result;
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	int result = each_candidate(folder, leave_one, &leaving);
	unlinkat(folder, STAGED, 0);
	fsync(folder);
	return leaving.result ? leaving.result : result;
}
