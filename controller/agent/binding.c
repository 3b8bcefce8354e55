// SPDX-License-Identifier: Apache-2.0
#include "binding.h"
#include "../cleanup.h"
#include "files.h"
#include "log.h"
#include "membership.h"
#include "schema.h"
#include "text.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

static struct binding *binding_free(struct binding *binding) {
	if (!binding)
		return NULL;
	free(binding->vpc_name);
	free(binding->vpc_uid);
	free(binding);
	return NULL;
}

/* It becomes a file's name. */
static bool is_uid(const char *uid) {
	size_t length = strlen(uid);
	for (size_t i = 0; i < length; i++)
		if (!isalnum((unsigned char)uid[i]) && uid[i] != '-')
			return false;
	return length > 0 && length <= 63;
}

/* NULL if the text is not whole. */
static struct binding *parse_binding(char *text) {
	char *end = strchr(text, '\n'), *rest = text;
	if (!end || end[1])
		return NULL;
	*end = '\0';
	if (!strcmp(text, "none"))
		return allocate(sizeof(struct binding));
	const char *word = strsep(&rest, " "), *name = strsep(&rest, " "), *uid = rest;
	if (strcmp(word, "vpc") || !name || check_name(name, NULL) < 0 || !uid || !is_uid(uid))
		return NULL;
	struct binding *binding = allocate(sizeof *binding);
	*binding = (struct binding){duplicate(name), duplicate(uid)};
	return binding;
}

static void load_one(struct agent *agent, const char *uid) {
	_cleanup_(free_memory) char *text = NULL;
	size_t length;
	int result = file_read(agent->bindings_folder, uid, &text, &length, NULL);
	struct binding *binding = result == 0 && is_uid(uid) ? parse_binding(text) : NULL;
	if (binding) {
		binding_free(table_put(&agent->bindings, uid, binding));
		return;
	}
	log_event(LOG_ERROR, uid, "BrokenState", "%s/bindings/%s: %s; removed", agent->options.state, uid, result < 0 ? strerror(-result) : "no binding");
	unlinkat(agent->bindings_folder, uid, 0);
}

int bindings_load(struct agent *agent, struct vpc_error *error) {
	_cleanup_(free_memory) char *path = format_text("%s/bindings", agent->options.state);
	agent->bindings_folder = folder_open(path, true);
	if (agent->bindings_folder < 0)
		return fail(error, agent->bindings_folder, "%s: %s; --state names a folder that can be written", path, strerror(-agent->bindings_folder));
	files_sweep(agent->bindings_folder);
	DIR *files = opendir(path);
	if (!files)
		return fail(error, -errno, "%s: %s", path, strerror(errno));
	for (struct dirent *file; (file = readdir(files));)
		if (file->d_name[0] != '.')
			load_one(agent, file->d_name);
	closedir(files);
	return 0;
}

const struct binding *binding_find(const struct agent *agent, const char *uid) {
	return table_get(&agent->bindings, uid);
}

const struct binding *binding_of(const struct agent *agent, const struct object *pod) {
	const char *hash = membership_static_uid(pod);
	const struct binding *binding = pod->metadata.uid ? binding_find(agent, pod->metadata.uid) : NULL;
	return binding || !hash ? binding : binding_find(agent, hash);
}

int binding_store(struct agent *agent, const char *uid, const char *vpc_name, const char *vpc_uid, struct vpc_error *error) {
	const struct binding *old = binding_find(agent, uid);
	if (!is_uid(uid))
		return fail(error, -EINVAL, "'%.70s' is no UID of a Pod", uid);
	if (old && (old->vpc_uid && vpc_uid ? !strcmp(old->vpc_uid, vpc_uid) : old->vpc_uid == vpc_uid))
		return 0;
	_cleanup_(free_memory) char *text = vpc_name ? format_text("vpc %s %s\n", vpc_name, vpc_uid) : duplicate("none\n");
	int result = file_write(agent->bindings_folder, uid, text, strlen(text), FILE_REPLACE_UNFLUSHED, NULL);
	if (result < 0)
		return fail(error, result, "cannot write %s/bindings/%s: %s", agent->options.state, uid, strerror(-result));
	struct binding *binding = allocate(sizeof *binding);
	*binding = (struct binding){duplicate(vpc_name), duplicate(vpc_uid)};
	binding_free(table_put(&agent->bindings, uid, binding));
	return 0;
}

void bindings_sweep(struct agent *agent) {
	struct table kept = {0};
	TABLE_EACH(&agent->objects[KIND_POD], entry) {
		const struct object *pod = entry->value;
		const char *uids[] = {pod->metadata.uid, membership_static_uid(pod)};
		for (size_t i = 0; i < COUNT_OF(uids); i++) {
			void *binding = uids[i] ? table_remove(&agent->bindings, uids[i]) : NULL;
			if (binding)
				table_put(&kept, uids[i], binding);
		}
	}
	TABLE_EACH(&agent->bindings, entry) {
		unlinkat(agent->bindings_folder, entry->key, 0);
		binding_free(entry->value);
	}
	table_release(&agent->bindings);
	agent->bindings = kept;
}
