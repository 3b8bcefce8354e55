/* SPDX-License-Identifier: Apache-2.0 */
/* What must outlive the agent: one JSON file for each container, `STATE/pods/CONTAINER.json`. */
#ifndef AGENT_RECORD_H
#define AGENT_RECORD_H

#include <vpc/vpc.h>
#include <stdbool.h>

struct agent;

/* A Pod of this node in a VPC, by its container (sandbox). */
struct record {
	char *container; /* "" if only the kernel's records know it */
	char *interface; /* in the Pod: "eth0" */
	char *network_namespace;
	char *namespace, *name, *uid; /* of the Pod */
	char *vpc_name, *vpc_uid;
	char *created; /* the Pod, RFC 3339; "" if it is not known */
	struct vpc_pod pod;
	bool leaving;  /* DEL has come, its kernel state could not be removed yet */
	bool attached; /* put into the datapath by this process, or found there */
	bool closed;   /* its last ADD failed: nothing passes until DEL, GC or an ADD that succeeds */
	bool late;     /* it was started without an ADD, and is closed until what its ADD would have done is done; on no disk */
};

struct record *record_free(struct record *record);
/* The key in agent->records: the container, or "ifindex-7" without one. Caller frees. */
char *record_key(const struct record *record);

/*
 * Reads all files. A broken one is reported and moved to `NAME.broken`; what the kernel has of its Pod stays. Returns 0
 * or negative errno if the folder cannot be used.
 */
int records_load(struct agent *agent, struct vpc_error *error);
/*
 * Writes the file before anything is done about it. Not flushed to the disk, which would cost several milliseconds for each
 * Pod: a sandbox does not outlive a power cut either. 0, or -ENOSPC and others.
 */
int record_store(struct agent *agent, const struct record *record, struct vpc_error *error);
/* Removes the file only. */
void record_unlink(struct agent *agent, const struct record *record);
/* Removes the file and forgets the record. */
void record_remove(struct agent *agent, struct record *record);
/* NULL if there is none. */
struct record *record_find(const struct agent *agent, const char *container);
struct record *record_find_interface(const struct agent *agent, uint32_t ifindex);

#endif
