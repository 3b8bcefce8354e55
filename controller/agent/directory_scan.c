// SPDX-License-Identifier: Apache-2.0
/* From files to objects, and from objects to what the watcher is shown. */
#include "../cleanup.h"
#include "directory.h"
#include "document.h"
#include "log.h"
#include "text.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define EVENT_SECONDS 3600

static const enum kind KIND_OF_FOLDER[] = {[FOLDER_CLAIMS] = KIND_NETWORK_ID, [FOLDER_ENDPOINTS] = KIND_ENDPOINTS, [FOLDER_EVENTS] = KIND_EVENT};

enum folder directory_place(enum kind kind, const char *name, char **ret_name) {
	switch (kind) {
	case KIND_NETWORK_ID: *ret_name = format_text("%s.yaml", name); return FOLDER_CLAIMS;
	case KIND_ENDPOINTS: *ret_name = format_text("%s.yaml", name); return FOLDER_ENDPOINTS;
	case KIND_EVENT: *ret_name = format_text("%s.yaml", name); return FOLDER_EVENTS;
	case KIND_VPC: *ret_name = format_text("vpc-%s.yaml", name); return FOLDER_STATUS;
	case KIND_NODE: *ret_name = format_text("node-%s.yaml", name); return FOLDER_STATUS;
	default: return FOLDERS;
	}
}

struct entry *directory_find(struct directory *directory, enum kind kind, const char *namespace, const char *name) {
	_cleanup_(free_memory) char *key = object_key(kind, namespace, name);
	return table_get(&directory->entries, key);
}

bool directory_complete(struct directory *directory) {
	TABLE_EACH(&directory->files, file)
	if (((struct source_file *)file->value)->broken && ((struct source_file *)file->value)->folder != FOLDER_EVENTS)
		return false;
	return true;
}

static void merge_status(struct object *object, const struct object *status) {
	struct object *copy = object_clone(status);
	set_text(&object->metadata.resource_version, status->metadata.resource_version);
	if (object->kind == KIND_VPC) {
		object->vpc.status = copy->vpc.status;
		memset(&copy->vpc.status, 0, sizeof copy->vpc.status);
	} else {
		object->node.conditions = copy->node.conditions;
		memset(&copy->node.conditions, 0, sizeof copy->node.conditions);
	}
	object_unref(copy);
}

/* What people wrote under status is not theirs to say, but for a Node's addresses, which no agent knows better. */
static void clear_status(struct object *object) {
	const struct object nothing = {0};
	struct object *old = object_new(object->kind, NULL, NULL);
	if (object->kind == KIND_VPC) {
		old->vpc.status = object->vpc.status;
		object->vpc.status = nothing.vpc.status;
	} else if (object->kind == KIND_NODE) {
		old->node.conditions = object->node.conditions;
		object->node.conditions = nothing.node.conditions;
	}
	object_unref(old);
}

static bool same_text(const char *a, const char *b) {
	return a && b ? !strcmp(a, b) : a == b;
}

static void tell(struct directory *directory, enum source_event event, const struct object *object) {
	if (directory->watcher.event)
		directory->watcher.event(directory->watcher.context, event, object);
}

static void show(struct directory *directory, struct entry *entry, struct object *object) {
	_cleanup_(object_release) struct object *before = entry->shown;
	entry->shown = object;
	if (before && (!object || !same_text(before->metadata.uid, object->metadata.uid)))
		tell(directory, SOURCE_DELETED, before);
	if (object)
		tell(directory, before && same_text(before->metadata.uid, object->metadata.uid) ? SOURCE_MODIFIED : SOURCE_ADDED, object);
}

/* A file may have been at fault only for an object that stood in another file, too. */
static void read_broken_again(struct directory *directory) {
	TABLE_EACH(&directory->files, file) {
		struct source_file *one = file->value;
		if (one->broken)
			one->signature = (struct file_signature){0};
	}
}

/* The entry's base or status changed: shows the watcher what the object is now. */
static void show_entry(struct directory *directory, const char *key, struct entry *entry) {
	struct object *object = NULL;
	if (entry->base) {
		object = object_clone(entry->base);
		if (entry->status && same_text(entry->status->metadata.uid, object->metadata.uid))
			merge_status(object, entry->status);
	} else {
		directory->sweep_wanted = true;
		read_broken_again(directory);
	}
	show(directory, entry, object);
	if (!entry->base && !entry->status) {
		table_remove(&directory->entries, key);
		free(entry);
	}
}

/* Gathers the objects of one file while it is read. */
struct gathering {
	struct directory *directory;
	struct source_file *file;
	struct object **objects;
	size_t count;
	char **errors;
	size_t error_count;
};

static void gather_error(struct gathering *gathering, char *message) {
	gathering->errors = reallocate(gathering->errors, (gathering->error_count + 1) * sizeof *gathering->errors);
	gathering->errors[gathering->error_count++] = message;
}

static const char *misplaced(const struct source_file *file, const struct object *object) {
	if (file->folder == FOLDER_PEOPLE)
		return object->kind == KIND_NETWORK_ID || object->kind == KIND_ENDPOINTS || object->kind == KIND_EVENT ? "is for agents to write" : NULL;
	_cleanup_(free_memory) char *name = NULL;
	if (file->folder != FOLDER_STATUS && object->kind != KIND_OF_FOLDER[file->folder])
		return "does not belong into this folder";
	return directory_place(object->kind, object->metadata.name, &name) == file->folder && !strcmp(name, file->name)
	           ? NULL
	           : "does not belong into this file";
}

static void gather(void *context, const struct object *object, const char *error) {
	struct gathering *gathering = context;
	if (!object) {
		gather_error(gathering, duplicate(error));
		return;
	}
	_cleanup_(free_memory) char *key = key_of(object);
	struct entry *entry = table_get(&gathering->directory->entries, key);
	const char *fault = misplaced(gathering->file, object);
	if (!fault && gathering->file->folder != FOLDER_STATUS && entry && entry->file && entry->file != gathering->file)
		fault = "stands in another file already";
	for (size_t i = 0; i < gathering->count && !fault; i++) {
		_cleanup_(free_memory) char *other = key_of(gathering->objects[i]);
		if (!strcmp(other, key))
			fault = "stands in this file twice";
	}
	if (fault) {
		gather_error(gathering, format_text("%s: %s %s", gathering->file->name, key, fault));
		return;
	}
	gathering->objects = reallocate(gathering->objects, (gathering->count + 1) * sizeof *gathering->objects);
	gathering->objects[gathering->count++] = object_ref(object);
}

static void put_object(struct directory *directory, struct source_file *file, struct object *object) {
	_cleanup_(free_memory) char *key = key_of(object);
	struct entry *entry = table_get(&directory->entries, key);
	if (!entry) {
		entry = allocate(sizeof *entry);
		table_put(&directory->entries, key, entry);
	}
	struct object **place = file->folder == FOLDER_STATUS ? &entry->status : &entry->base;
	object_unref(*place);
	*place = object_ref(object);
	if (file->folder != FOLDER_STATUS)
		entry->file = file;
	show_entry(directory, key, entry);
}

static void drop_object(struct directory *directory, struct source_file *file, const struct object *object) {
	_cleanup_(free_memory) char *key = key_of(object);
	struct entry *entry = table_get(&directory->entries, key);
	if (!entry)
		return;
	if (file->folder == FOLDER_STATUS) {
		entry->status = object_unref(entry->status);
	} else {
		entry->base = object_unref(entry->base);
		entry->file = NULL;
	}
	show_entry(directory, key, entry);
}

static bool gathered(const struct gathering *gathering, const struct object *object) {
	for (size_t i = 0; i < gathering->count; i++)
		if (gathering->objects[i]->kind == object->kind && same_text(gathering->objects[i]->metadata.name, object->metadata.name) &&
		    same_text(gathering->objects[i]->metadata.namespace, object->metadata.namespace))
			return true;
	return false;
}

/* Replaces the file's objects by the gathered ones; those that a broken file no longer shows stay. */
static void take_over(struct gathering *gathering) {
	struct directory *directory = gathering->directory;
	struct source_file *file = gathering->file;
	for (size_t i = 0; i < file->count; i++) {
		if (!gathered(gathering, file->objects[i]) && file->broken) {
			gathering->objects = reallocate(gathering->objects, (gathering->count + 1) * sizeof *gathering->objects);
			gathering->objects[gathering->count++] = object_ref(file->objects[i]);
		} else if (!gathered(gathering, file->objects[i])) {
			drop_object(directory, file, file->objects[i]);
		}
		object_unref(file->objects[i]);
	}
	free(file->objects);
	file->objects = gathering->objects;
	file->count = gathering->count;
	gathering->objects = NULL;
	for (size_t i = 0; i < file->count; i++) {
		int result = file->folder == FOLDER_PEOPLE ? directory_identify(directory, file->objects[i]) : 0;
		if (file->folder == FOLDER_PEOPLE)
			clear_status(file->objects[i]);
		if (result < 0) {
			log_event(LOG_ERROR, file->name, "NoRecord", "cannot write the record of %s's UID: %s", file->objects[i]->metadata.name,
			    strerror(-result));
			file->signature = (struct file_signature){0};
			file->broken = true;
			continue;
		}
		put_object(directory, file, file->objects[i]);
	}
}

static bool is_fresh(const struct file_signature *signature) {
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	int64_t age = now.tv_sec * 1000000000ll + now.tv_nsec - signature->modified;
	return age >= 0 && age < HALF_WRITTEN_MS * 1000000ll;
}

static void read_source_file(struct directory *directory, struct source_file *file) {
	_cleanup_(free_memory) char *text = NULL;
	size_t length = 0;
	struct gathering gathering = {.directory = directory, .file = file};
	int result = file_read(directory->folders[file->folder], file->name, &text, &length, &file->signature);
	if (result < 0)
		gather_error(&gathering, format_text("%s: %s", file->name, strerror(-result)));
	else
		documents_read(file->name, text, length, file->folder == FOLDER_STATUS, gather, &gathering);
	file->broken = gathering.error_count > 0;
	if (file->broken && is_fresh(&file->signature)) {
		file->signature = (struct file_signature){0};
		directory->retry_at = uv_now(directory->loop) + HALF_WRITTEN_MS;
	} else {
		for (size_t i = 0; i < gathering.error_count; i++)
			log_event(LOG_ERROR, file->name, "BrokenManifest", "%s", gathering.errors[i]);
	}
	take_over(&gathering);
	for (size_t i = 0; i < gathering.error_count; i++)
		free(gathering.errors[i]);
	free(gathering.errors);
}

static void forget_file(struct directory *directory, const char *key, struct source_file *file) {
	for (size_t i = 0; i < file->count; i++) {
		drop_object(directory, file, file->objects[i]);
		object_unref(file->objects[i]);
	}
	table_remove(&directory->files, key);
	free(file->objects);
	free(file->name);
	free(file);
}

static struct source_file *file_of(struct directory *directory, const char *key, enum folder folder, const char *name) {
	struct source_file *file = table_get(&directory->files, key);
	if (file)
		return file;
	file = allocate(sizeof *file);
	file->folder = folder;
	file->name = duplicate(name);
	table_put(&directory->files, key, file);
	return file;
}

static bool is_manifest(const char *name) {
	const char *ending = strrchr(name, '.');
	return name[0] != '.' && ending && (!strcmp(ending, ".yaml") || !strcmp(ending, ".yml") || !strcmp(ending, ".json"));
}

void directory_refresh(struct directory *directory, enum folder folder, const char *name) {
	struct file_signature signature;
	if (!is_manifest(name))
		return;
	_cleanup_(free_memory) char *key = format_text("%d/%s", folder, name);
	int result = file_sign(directory->folders[folder], name, &signature);
	if (result == -ENOENT) {
		struct source_file *file = table_get(&directory->files, key);
		if (file)
			forget_file(directory, key, file);
		return;
	}
	struct source_file *file = file_of(directory, key, folder, name);
	if (result < 0 || !file_signature_equal(&file->signature, &signature))
		read_source_file(directory, file);
}

void directory_install(struct directory *directory, enum folder folder, const char *name, const struct object *object,
    const struct file_signature *signature) {
	_cleanup_(free_memory) char *key = format_text("%d/%s", folder, name);
	struct source_file *file = file_of(directory, key, folder, name);
	struct gathering gathering = {.directory = directory, .file = file, .objects = allocate(sizeof *gathering.objects), .count = 1};
	gathering.objects[0] = object_clone(object);
	gathering.objects[0]->status_only = folder == FOLDER_STATUS;
	file->signature = *signature;
	file->broken = false;
	take_over(&gathering);
}

int directory_names(struct directory *directory, enum folder folder, void (*visit)(void *context, const char *name), void *context) {
	int copy = openat(directory->folders[folder], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *entries = copy < 0 ? NULL : fdopendir(copy);
	if (!entries)
		return -errno;
	for (struct dirent *entry; (entry = readdir(entries));)
		if (entry->d_name[0] != '.')
			visit(context, entry->d_name);
	closedir(entries);
	return 0;
}

struct scan {
	struct directory *directory;
	enum folder folder;
	struct table names;
};

static void note_name(void *context, const char *name) {
	struct scan *scan = context;
	if (is_manifest(name))
		table_put(&scan->names, name, scan);
}

/* In the order of names, so that every agent meets two objects of one name in the same order. */
static int compare_names(const void *a, const void *b) {
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void directory_scan(struct directory *directory, enum folder folder) {
	struct scan scan = {.directory = directory, .folder = folder};
	if (directory_names(directory, folder, note_name, &scan) < 0) {
		log_event(LOG_ERROR, directory->path, "Unreadable", "cannot read the folder: %s", strerror(errno));
		return;
	}
	TABLE_EACH(&directory->files, file) {
		struct source_file *known = file->value;
		if (known->folder == folder && !table_get(&scan.names, known->name))
			table_put(&scan.names, known->name, &scan);
	}
	size_t count = 0;
	const char **names = allocate((scan.names.count + 1) * sizeof *names);
	TABLE_EACH(&scan.names, name)
	names[count++] = name->key;
	qsort(names, count, sizeof *names, compare_names);
	for (size_t i = 0; i < count; i++)
		directory_refresh(directory, folder, names[i]);
	free(names);
	table_release(&scan.names);
}

static void expire_event(void *context, const char *name) {
	struct directory *directory = context;
	struct timespec now;
	struct stat status;
	clock_gettime(CLOCK_REALTIME, &now);
	if (fstatat(directory->folders[FOLDER_EVENTS], name, &status, AT_SYMLINK_NOFOLLOW) < 0 ||
	    now.tv_sec - status.st_mtim.tv_sec < EVENT_SECONDS)
		return;
	unlinkat(directory->folders[FOLDER_EVENTS], name, 0);
	directory_refresh(directory, FOLDER_EVENTS, name);
}

void directory_expire_events(struct directory *directory) {
	directory_names(directory, FOLDER_EVENTS, expire_event, directory);
}

void directory_forget(struct directory *directory) {
	TABLE_EACH(&directory->entries, entry) {
		struct entry *one = entry->value;
		object_unref(one->base);
		object_unref(one->status);
		object_unref(one->shown);
		free(one);
	}
	TABLE_EACH(&directory->files, file) {
		struct source_file *one = file->value;
		for (size_t i = 0; i < one->count; i++)
			object_unref(one->objects[i]);
		free(one->objects);
		free(one->name);
		free(one);
	}
	table_release(&directory->entries);
	table_release(&directory->files);
	table_release(&directory->dirty);
}
