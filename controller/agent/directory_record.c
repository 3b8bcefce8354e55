// SPDX-License-Identifier: Apache-2.0
/* UIDs and generations of objects that people wrote: one record file each, `uids/vpc-red`: "UID GENERATION HASH". */
#include "../cleanup.h"
#include "directory.h"
#include "log.h"
#include "text.h"

#include <ctype.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>

void directory_lock(struct directory *directory) {
	if (directory->lock_depth++ == 0)
		while (flock(directory->lock, LOCK_EX) < 0 && errno == EINTR)
			;
}

void directory_unlock(struct directory *directory) {
	if (--directory->lock_depth == 0)
		flock(directory->lock, LOCK_UN);
}

void make_uid(char buffer[37]) {
	uint8_t b[16];
	if (getrandom(b, sizeof b, 0) != sizeof b)
		abort(); /* 16 bytes are never given in part once the kernel's generator is up */
	b[6] = (b[6] & 0x0f) | 0x40;
	b[8] = (b[8] & 0x3f) | 0x80;
	snprintf(buffer, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2], b[3], b[4], b[5], b[6],
	    b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

/* Names hold no '_', so it keeps namespace and name apart. */
static char *record_name(const struct object *object) {
	char *name = object->metadata.namespace
	                 ? format_text("%s-%s_%s", kind_name(object->kind), object->metadata.namespace, object->metadata.name)
	                 : format_text("%s-%s", kind_name(object->kind), object->metadata.name);
	for (char *letter = name; *letter && *letter != '-'; letter++)
		*letter = tolower((unsigned char)*letter);
	return name;
}

static bool has_record(const struct object *object) {
	if (object->kind == KIND_VPC)
		return true;
	return (object->kind == KIND_POD || object->kind == KIND_NODE) && !object->uid_given;
}

int directory_identify(struct directory *directory, struct object *object) {
	if (!has_record(object))
		return 0;
	_cleanup_(free_memory) char *name = record_name(object);
	_cleanup_(free_memory) char *text = NULL;
	char uid[65] = "", line[160];
	int64_t generation = 0;
	uint64_t hash = 0, wanted = object_spec_hash(object);
	size_t length;
	int result = 0;

	directory_lock(directory);
	if (file_read(directory->folders[FOLDER_UIDS], name, &text, &length, NULL) < 0 ||
	    sscanf(text, "%64s %" SCNd64 " %" SCNx64, uid, &generation, &hash) != 3) {
		make_uid(uid);
		generation = 0;
	}
	if (object->uid_given)
		snprintf(uid, sizeof uid, "%s", object->metadata.uid);
	if (generation == 0 || hash != wanted) {
		generation++;
		int count = snprintf(line, sizeof line, "%s %" PRId64 " %016" PRIx64 "\n", uid, generation, wanted);
		result = file_write(directory->folders[FOLDER_UIDS], name, line, count, FILE_REPLACE, NULL);
	}
	directory_unlock(directory);
	if (result < 0)
		return result;
	set_text(&object->metadata.uid, uid);
	object->metadata.generation = generation;
	return 0;
}

struct sweep {
	struct directory *directory;
	struct table wanted; /* names of records */
};

static void remove_unwanted(void *context, const char *name) {
	struct sweep *sweep = context;
	if (!table_get(&sweep->wanted, name))
		unlinkat(sweep->directory->folders[FOLDER_UIDS], name, 0);
}

/* Is a Node of that UID there? */
static bool has_node(const struct directory *directory, const char *uid) {
	TABLE_EACH(&directory->entries, entry) {
		const struct entry *one = entry->value;
		if (one->shown && one->shown->kind == KIND_NODE && one->shown->metadata.uid && !strcmp(one->shown->metadata.uid, uid))
			return true;
	}
	return false;
}

/* As a cluster's garbage collection: VPCEndpoints end with the Node that owns them. */
static void collect_garbage(struct directory *directory) {
	struct table orphans = {0};
	TABLE_EACH(&directory->entries, entry) {
		const struct entry *one = entry->value;
		const struct owner *owner = one->shown && one->shown->kind == KIND_ENDPOINTS && one->shown->metadata.owners.count
		                                ? one->shown->metadata.owners.items
		                                : NULL;
		if (owner && owner->uid && owner->kind && !strcmp(owner->kind, "Node") && !has_node(directory, owner->uid))
			table_put(&orphans, one->shown->metadata.name, directory);
	}
	TABLE_EACH(&orphans, orphan) {
		_cleanup_(free_memory) char *name = NULL;
		enum folder folder = directory_place(KIND_ENDPOINTS, orphan->key, &name);
		log_event(LOG_INFO, name, "NodeGone", "its Node is no more");
		unlinkat(directory->folders[folder], name, 0);
		directory_refresh(directory, folder, name);
	}
	table_release(&orphans);
}

void directory_sweep(struct directory *directory) {
	struct sweep sweep = {.directory = directory};
	struct table orphans = {0};

	directory_lock(directory);
	directory->sweep_wanted = false;
	directory_scan(directory, FOLDER_PEOPLE);
	if (!directory_complete(directory)) {
		directory->sweep_wanted = true;
		directory_unlock(directory);
		return;
	}
	TABLE_EACH(&directory->entries, entry) {
		struct entry *one = entry->value;
		if (one->base && has_record(one->base)) {
			_cleanup_(free_memory) char *name = record_name(one->base);
			table_put(&sweep.wanted, name, one);
		}
		if (!one->base && one->status) {
			_cleanup_(free_memory) char *name = NULL;
			if (directory_place(one->status->kind, one->status->metadata.name, &name) == FOLDER_STATUS)
				table_put(&orphans, name, one);
		}
	}
	directory_names(directory, FOLDER_UIDS, remove_unwanted, &sweep);
	TABLE_EACH(&orphans, orphan) {
		unlinkat(directory->folders[FOLDER_STATUS], orphan->key, 0);
		directory_refresh(directory, FOLDER_STATUS, orphan->key);
	}
	collect_garbage(directory);
	directory_unlock(directory);
	table_release(&sweep.wanted);
	table_release(&orphans);
}
