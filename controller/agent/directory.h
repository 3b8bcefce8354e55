/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the source that reads a directory. People's files hold any number of objects; agents' files hold one each. What
 * the watcher is shown of a VPC or a Node is put together from people's file and the status folder's.
 *
 * One lock file orders the agents: UIDs are given and taken back, and objects changed, under it only.
 */
#ifndef AGENT_DIRECTORY_H
#define AGENT_DIRECTORY_H

#include "files.h"
#include "source.h"
#include "table.h"

#include <uv.h>

#define HALF_WRITTEN_MS 300 /* a file changed so lately may not be finished: a fault in it is not told yet */

enum folder { FOLDER_PEOPLE, FOLDER_CLAIMS, FOLDER_ENDPOINTS, FOLDER_STATUS, FOLDER_UIDS, FOLDER_EVENTS, FOLDERS };

/* One file, and what was read from it. */
struct source_file {
	enum folder folder;
	char *name;
	struct file_signature signature;
	bool broken;
	struct object **objects;
	size_t count;
};

/* One object by its key. */
struct entry {
	struct object *base;      /* as the file has it */
	struct source_file *file; /* which */
	struct object *status;    /* from the status folder */
	struct object *shown;     /* what the watcher knows */
};

struct directory_operation;

struct directory {
	struct source source;
	struct source_watcher watcher;
	const char *path;
	int folders[FOLDERS];
	int lock, lock_depth;
	struct table files;   /* "folder number/name" to struct source_file */
	struct table entries; /* key to struct entry */
	bool synced, sweep_wanted;
	struct table dirty; /* like files; the value says nothing */
	uint64_t retry_at;  /* uv_now of the next look at half-written files; 0: none */
	uint64_t expire_at; /* uv_now of the next look for old events */

	uv_loop_t *loop;
	uv_fs_event_t watches[FOLDER_UIDS];
	uv_timer_t soon, often;
	uv_idle_t idle;
	struct directory_operation *first, **last;
	size_t open_handles;
};

/* directory_scan.c */

/* Looks at one file and takes over what changed. */
void directory_refresh(struct directory *directory, enum folder folder, const char *name);
/* Looks at every file of a folder. */
void directory_scan(struct directory *directory, enum folder folder);
/* Takes over an object of an agent's folder that this process just wrote. */
void directory_install(
    struct directory *directory, enum folder folder, const char *name, const struct object *object, const struct file_signature *signature);
struct entry *directory_find(struct directory *directory, enum kind kind, const char *namespace, const char *name);
/* Names of files of a folder that are no temporary ones. */
int directory_names(struct directory *directory, enum folder folder, void (*visit)(void *context, const char *name), void *context);
bool directory_complete(struct directory *directory);
void directory_forget(struct directory *directory);
/* The folder of a kind, and a file's name there; FOLDER_STATUS for VPC and Node. Caller frees the name. */
enum folder directory_place(enum kind kind, const char *name, char **ret_name);

/* directory_record.c */

void directory_lock(struct directory *directory);
void directory_unlock(struct directory *directory);
/* Gives an object of people its UID, if it has none, and its generation. 0 or negative errno. */
int directory_identify(struct directory *directory, struct object *object);
/* Events that nobody has repeated for an hour, as a cluster keeps them. */
void directory_expire_events(struct directory *directory);
/* Takes back UIDs and status of objects that are gone. Under the lock it looks again before it does. */
void directory_sweep(struct directory *directory);
void make_uid(char buffer[37]);

#endif
