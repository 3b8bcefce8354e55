// SPDX-License-Identifier: Apache-2.0
/* The verbs of a source over a directory: queued, and done from the event loop. */
#include "../cleanup.h"
#include "directory.h"
#include "document.h"
#include "log.h"
#include "text.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SETTLE_MS 5    /* events of one change come together */
#define RESCAN_MS 5000 /* notices what inotify did not tell */
#define EXPIRE_MS 60000

enum verb { VERB_GET, VERB_LIST, VERB_CREATE, VERB_UPDATE, VERB_DELETE };

struct directory_operation {
	struct directory_operation *next;
	enum verb verb;
	struct object *object; /* for VERB_GET: kind, namespace and name only */
	char *label, *value;   /* of VERB_LIST */
	void (*visit)(void *context, const struct object *object);
	source_answer answer;
	void *context;
};

static struct directory *directory_of(struct source *source) {
	return (struct directory *)source; /* the first member */
}

/* Folders that agents write whole objects into. */
static bool is_for_agents(enum folder folder) {
	return folder == FOLDER_CLAIMS || folder == FOLDER_ENDPOINTS || folder == FOLDER_EVENTS;
}

/* Looks at the files where the object is, or may be, so that its entry is as the directory has it now. */
static struct entry *look(struct directory *directory, const struct object *object) {
	const struct metadata *metadata = &object->metadata;
	_cleanup_(free_memory) char *name = NULL;
	enum folder place = directory_place(object->kind, metadata->name, &name);
	if (place != FOLDERS)
		directory_refresh(directory, place, name);
	if (place == FOLDER_STATUS || place == FOLDERS) {
		struct entry *entry = directory_find(directory, object->kind, metadata->namespace, metadata->name);
		_cleanup_(free_memory) char *file = entry && entry->file ? duplicate(entry->file->name) : NULL;
		if (file)
			directory_refresh(directory, FOLDER_PEOPLE, file);
		entry = directory_find(directory, object->kind, metadata->namespace, metadata->name);
		if (!entry || !entry->base)
			directory_scan(directory, FOLDER_PEOPLE);
	}
	return directory_find(directory, object->kind, metadata->namespace, metadata->name);
}

static int do_get(struct directory *directory, const struct object *wanted, struct object **ret_object, struct vpc_error *error) {
	struct entry *entry = look(directory, wanted);
	if (!entry || !entry->shown)
		return fail(error, -ENOENT, "there is no %s '%s'", kind_name(wanted->kind), wanted->metadata.name);
	*ret_object = object_ref(entry->shown);
	return 0;
}

static int write_object(struct directory *directory, enum folder folder, const char *name, struct object *object, enum file_mode mode,
    struct vpc_error *error) {
	struct buffer text = {0};
	struct file_signature signature;
	object->status_only = folder == FOLDER_STATUS;
	document_write(&text, object);
	int result = file_write(directory->folders[folder], name, text.bytes, text.length, mode, &signature);
	buffer_release(&text);
	if (result < 0)
		return fail(error, result, "cannot write %s: %s", name, strerror(-result));
	directory_install(directory, folder, name, object, &signature);
	return 0;
}

static int do_create(struct directory *directory, const struct object *wanted, struct object **ret_object, struct vpc_error *error) {
	char uid[37];
	_cleanup_(free_memory) char *name = NULL;
	_cleanup_(object_release) struct object *object = object_clone(wanted);
	enum folder folder = directory_place(object->kind, object->metadata.name, &name);
	if (!is_for_agents(folder))
		return fail(error, -EPERM, "%s objects are for people to write", kind_name(object->kind));
	make_uid(uid);
	set_text(&object->metadata.uid, uid);
	set_text(&object->metadata.resource_version, "1");
	int result = write_object(directory, folder, name, object, folder == FOLDER_EVENTS ? FILE_CREATE_UNFLUSHED : FILE_CREATE, error);
	if (result < 0)
		return result;
	*ret_object = object_ref(directory_find(directory, object->kind, object->metadata.namespace, object->metadata.name)->shown);
	return 0;
}

static int check_precondition(const struct entry *entry, const struct object *wanted, struct vpc_error *error) {
	const struct metadata *have = entry && entry->shown ? &entry->shown->metadata : NULL, *want = &wanted->metadata;
	if (!have)
		return fail(error, -ENOENT, "there is no %s '%s'", kind_name(wanted->kind), want->name);
	if (strcmp(have->uid ? have->uid : "", want->uid ? want->uid : ""))
		return fail(error, -EAGAIN, "%s '%s' was made anew meanwhile", kind_name(wanted->kind), want->name);
	if (strcmp(have->resource_version ? have->resource_version : "0", want->resource_version ? want->resource_version : "0"))
		return fail(error, -EAGAIN, "%s '%s' was changed meanwhile", kind_name(wanted->kind), want->name);
	return 0;
}

static int do_update(struct directory *directory, const struct object *wanted, struct object **ret_object, struct vpc_error *error) {
	_cleanup_(free_memory) char *name = NULL, *version = NULL;
	_cleanup_(object_release) struct object *object = object_clone(wanted);
	enum folder folder = directory_place(object->kind, object->metadata.name, &name);
	if (folder == FOLDERS)
		return fail(error, -EPERM, "%s objects are for people to write", kind_name(object->kind));
	int result = check_precondition(look(directory, object), object, error);
	if (result < 0)
		return result;
	version = format_text("%llu", strtoull(object->metadata.resource_version ? object->metadata.resource_version : "0", NULL, 10) + 1);
	set_text(&object->metadata.resource_version, version);
	result = write_object(directory, folder, name, object, folder == FOLDER_EVENTS ? FILE_REPLACE_UNFLUSHED : FILE_REPLACE, error);
	if (result < 0)
		return result;
	*ret_object = object_ref(directory_find(directory, object->kind, object->metadata.namespace, object->metadata.name)->shown);
	return 0;
}

static int do_delete(struct directory *directory, const struct object *wanted, struct vpc_error *error) {
	_cleanup_(free_memory) char *name = NULL;
	_cleanup_(object_release) struct object *object = object_clone(wanted);
	enum folder folder = directory_place(object->kind, object->metadata.name, &name);
	if (!is_for_agents(folder))
		return fail(error, -EPERM, "%s objects are for people to delete", kind_name(object->kind));
	struct entry *entry = look(directory, object);
	if (entry && entry->shown && (!object->metadata.resource_version || !*object->metadata.resource_version))
		set_text(&object->metadata.resource_version, entry->shown->metadata.resource_version);
	int result = check_precondition(entry, object, error);
	if (result < 0)
		return result;
	if (unlinkat(directory->folders[folder], name, 0) < 0)
		return fail(error, -errno, "cannot remove %s: %s", name, strerror(errno));
	directory_refresh(directory, folder, name);
	return 0;
}

static void scan_all(struct directory *directory) {
	for (enum folder folder = FOLDER_PEOPLE; folder < FOLDER_UIDS; folder++)
		directory_scan(directory, folder);
	if (directory->sweep_wanted)
		directory_sweep(directory);
}

static bool is_listed(const struct directory_operation *operation, const struct object *object) {
	const char *value = operation->label ? map_get(&object->metadata.labels, operation->label) : NULL;
	return object->kind == operation->object->kind && (!operation->label || (value && !strcmp(value, operation->value)));
}

static int do_list(struct directory *directory, const struct directory_operation *operation, struct vpc_error *error) {
	scan_all(directory);
	if (!directory_complete(directory))
		return fail(error, -EBADMSG, "not every file can be read");
	TABLE_EACH(&directory->entries, entry) {
		const struct entry *one = entry->value;
		if (one->shown && is_listed(operation, one->shown))
			operation->visit(operation->context, one->shown);
	}
	return 0;
}

static void free_operation(struct directory_operation *operation) {
	object_unref(operation->object);
	free(operation->label);
	free(operation->value);
	free(operation);
}

static void perform(struct directory *directory, struct directory_operation *operation) {
	struct vpc_error error = {""};
	_cleanup_(object_release) struct object *object = NULL;
	int result = 0;
	directory_lock(directory);
	switch (operation->verb) {
	case VERB_GET: result = do_get(directory, operation->object, &object, &error); break;
	case VERB_LIST: result = do_list(directory, operation, &error); break;
	case VERB_CREATE: result = do_create(directory, operation->object, &object, &error); break;
	case VERB_UPDATE: result = do_update(directory, operation->object, &object, &error); break;
	case VERB_DELETE: result = do_delete(directory, operation->object, &error); break;
	}
	directory_unlock(directory);
	operation->answer(operation->context, result, object, &error);
	free_operation(operation);
}

static void perform_all(uv_idle_t *idle) {
	struct directory *directory = idle->data;
	struct directory_operation *operation = directory->first;
	directory->first = NULL;
	directory->last = &directory->first;
	while (operation) {
		struct directory_operation *next = operation->next;
		perform(directory, operation);
		operation = next;
	}
	if (!directory->first)
		uv_idle_stop(idle);
}

static struct directory_operation *enqueue(
    struct source *source, enum verb verb, struct object *object, source_answer answer, void *context) {
	struct directory *directory = directory_of(source);
	struct directory_operation *operation = allocate(sizeof *operation);
	*operation = (struct directory_operation){.verb = verb, .object = object, .answer = answer, .context = context};
	*directory->last = operation;
	directory->last = &operation->next;
	uv_idle_start(&directory->idle, perform_all);
	return operation;
}

static void get_object(
    struct source *source, enum kind kind, const char *namespace, const char *name, source_answer answer, void *context) {
	enqueue(source, VERB_GET, object_new(kind, namespace, name), answer, context);
}

static void create_object(struct source *source, const struct object *object, source_answer answer, void *context) {
	enqueue(source, VERB_CREATE, object_ref(object), answer, context);
}

static void update_object(struct source *source, const struct object *object, source_answer answer, void *context) {
	enqueue(source, VERB_UPDATE, object_ref(object), answer, context);
}

static void delete_object(struct source *source, const struct object *object, source_answer answer, void *context) {
	enqueue(source, VERB_DELETE, object_ref(object), answer, context);
}

static void list_objects(struct source *source, enum kind kind, const char *label, const char *value,
    void (*visit)(void *context, const struct object *object), source_answer answer, void *context) {
	struct directory_operation *operation = enqueue(source, VERB_LIST, object_new(kind, NULL, NULL), answer, context);
	operation->label = duplicate(label);
	operation->value = duplicate(value);
	operation->visit = visit;
}

/* All are told of anyway. */
static void follow_all(struct source *source, const char *vpc_uid, bool wanted) {
	(void)source, (void)vpc_uid, (void)wanted;
}

static bool is_complete(struct source *source) {
	return directory_of(source)->synced && directory_complete(directory_of(source));
}

/* ---- watching ---- */

static void look_at_dirty(uv_timer_t *timer) {
	struct directory *directory = timer->data;
	struct table dirty = directory->dirty;
	directory->dirty = (struct table){0};
	TABLE_EACH(&dirty, file) {
		char *name;
		enum folder folder = strtoul(file->key, &name, 10);
		if (name[1])
			directory_refresh(directory, folder, name + 1);
		else
			directory_scan(directory, folder);
	}
	table_release(&dirty);
	if (directory->retry_at && directory->retry_at <= uv_now(directory->loop)) {
		directory->retry_at = 0;
		directory_scan(directory, FOLDER_PEOPLE);
	}
	if (directory->sweep_wanted && directory_complete(directory))
		directory_sweep(directory);
	if (directory->retry_at)
		uv_timer_start(&directory->soon, look_at_dirty, 1 + directory->retry_at - uv_now(directory->loop), 0);
}

static void note_change(uv_fs_event_t *watch, const char *name, int events, int status) {
	(void)events;
	struct directory *directory = watch->data;
	enum folder folder = watch - directory->watches;
	if (name && name[0] == '.')
		return; /* temporary files, the lock */
	_cleanup_(free_memory) char *key = format_text("%d/%s", folder, status == 0 && name ? name : "");
	table_put(&directory->dirty, key, directory);
	if (!uv_is_active((uv_handle_t *)&directory->soon) || directory->retry_at)
		uv_timer_start(&directory->soon, look_at_dirty, SETTLE_MS, 0);
}

static void rescan(uv_timer_t *timer) {
	struct directory *directory = timer->data;
	scan_all(directory);
	if (uv_now(directory->loop) >= directory->expire_at) {
		directory->expire_at = uv_now(directory->loop) + EXPIRE_MS;
		directory_expire_events(directory);
	}
}

static void start(uv_timer_t *timer) {
	struct directory *directory = timer->data;
	directory->sweep_wanted = true;
	scan_all(directory);
	directory->synced = true;
	if (directory->watcher.synced)
		directory->watcher.synced(directory->watcher.context);
	uv_timer_start(&directory->often, rescan, RESCAN_MS, RESCAN_MS);
	if (directory->retry_at)
		uv_timer_start(&directory->soon, look_at_dirty, HALF_WRITTEN_MS + 1, 0);
}

/* ---- opening and closing ---- */

static void free_directory(struct directory *directory) {
	for (struct directory_operation *operation = directory->first, *next; operation; operation = next) {
		next = operation->next;
		free_operation(operation);
	}
	directory_forget(directory);
	for (size_t i = 0; i < FOLDERS; i++)
		close_fd(&directory->folders[i]);
	close_fd(&directory->lock);
	free((char *)directory->path);
	free(directory);
}

static void note_closed(uv_handle_t *handle) {
	struct directory *directory = handle->data;
	if (--directory->open_handles == 0)
		free_directory(directory);
}

static struct source *close_source(struct source *source) {
	if (!source)
		return NULL;
	struct directory *directory = directory_of(source);
	directory->watcher = (struct source_watcher){0};
	for (size_t i = 0; i < COUNT_OF(directory->watches); i++)
		uv_close((uv_handle_t *)&directory->watches[i], note_closed);
	uv_close((uv_handle_t *)&directory->soon, note_closed);
	uv_close((uv_handle_t *)&directory->often, note_closed);
	uv_close((uv_handle_t *)&directory->idle, note_closed);
	return NULL;
}

static const struct source_verbs VERBS = {get_object, list_objects, create_object, update_object, delete_object, NULL, follow_all, is_complete, close_source};

static const char *const FOLDER_NAMES[FOLDERS] = {"", "networkids", "vpcendpoints", "status", "uids", "events"};

static int open_folders(struct directory *directory, struct vpc_error *error) {
	for (enum folder folder = 0; folder < FOLDERS; folder++) {
		_cleanup_(free_memory) char *path = format_text("%s/%s", directory->path, FOLDER_NAMES[folder]);
		directory->folders[folder] = folder_open(path, folder != FOLDER_PEOPLE);
		if (directory->folders[folder] < 0)
			return fail(error, directory->folders[folder], "%s: %s; --manifests names a folder that exists and can be written", path,
			    strerror(-directory->folders[folder]));
		files_sweep(directory->folders[folder]);
	}
	directory->lock = openat(directory->folders[FOLDER_PEOPLE], ".lock", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	return directory->lock < 0 ? fail(error, -errno, "%s/.lock: %s", directory->path, strerror(errno)) : 0;
}

static void init_handles(struct directory *directory, uv_loop_t *loop) {
	uv_timer_init(loop, &directory->soon);
	uv_timer_init(loop, &directory->often);
	uv_idle_init(loop, &directory->idle);
	directory->soon.data = directory->often.data = directory->idle.data = directory;
	for (size_t i = 0; i < COUNT_OF(directory->watches); i++) {
		uv_fs_event_init(loop, &directory->watches[i]);
		directory->watches[i].data = directory;
	}
	directory->open_handles = COUNT_OF(directory->watches) + 3;
}

int source_directory_open(
    uv_loop_t *loop, const char *folder, const struct source_watcher *watcher, struct source **ret_source, struct vpc_error *error) {
	struct directory *directory = allocate(sizeof *directory);
	*directory = (struct directory){.source = {&VERBS}, .watcher = *watcher, .path = duplicate(folder), .lock = -1, .loop = loop};
	directory->last = &directory->first;
	for (size_t i = 0; i < FOLDERS; i++)
		directory->folders[i] = -1;
	int result = open_folders(directory, error);
	if (result < 0) {
		free_directory(directory);
		return result;
	}
	init_handles(directory, loop);
	for (size_t i = 0; i < COUNT_OF(directory->watches) && result == 0; i++) {
		_cleanup_(free_memory) char *path = format_text("%s/%s", folder, FOLDER_NAMES[i]);
		result = uv_fs_event_start(&directory->watches[i], note_change, path, 0);
		if (result < 0)
			fail(error, result, "%s: cannot watch it: %s", path, uv_strerror(result));
	}
	if (result < 0) {
		close_source(&directory->source);
		return result;
	}
	uv_timer_start(&directory->soon, start, 0, 0);
	*ret_source = &directory->source;
	return 0;
}
