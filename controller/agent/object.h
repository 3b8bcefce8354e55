/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The objects that the agent reads and writes. Their fields are declared once, in object_fields.c; decoding, encoding,
 * copying and freeing follow that table. An integer that may be left out is 0 then, a text NULL. A list that may be left out
 * has no items then; where an empty one says something else (`allow`), it has a place for items, and a count of 0.
 */
#ifndef AGENT_OBJECT_H
#define AGENT_OBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vpc/vpc.h>

#define API_GROUP "libvpc.io/v1alpha1"
#define VPC_ANNOTATION "libvpc.io/vpc"
#define UID_LABEL "libvpc.io/vpc-uid"
#define CONFIG_NAME "libvpc-config"
#define DNS_SERVICE "kube-dns" /* the cluster's, in SYSTEM_NAMESPACE */
#define SYSTEM_NAMESPACE "kube-system"

enum kind { KIND_VPC, KIND_POD, KIND_NAMESPACE, KIND_NODE, KIND_CONFIG, KIND_NETWORK_POLICY, KIND_SERVICE, KIND_NETWORK_ID, KIND_ENDPOINTS, KIND_EVENT, KINDS };

struct texts {
	char **items;
	size_t count;
};

struct text_pair {
	char *key, *value;
};

struct text_map {
	struct text_pair *items;
	size_t count;
};

struct owner {
	char *api_version, *kind, *name, *uid;
};

struct metadata {
	char *name, *namespace, *uid, *resource_version;
	char *created, *deleted; /* RFC 3339; deleted: since when it is about to go */
	int64_t generation;
	struct text_map annotations, labels;
	struct {
		struct owner *items;
		size_t count;
	} owners;
};

struct condition {
	char *type, *status, *reason, *message;
	int64_t observed_generation;
	char *last_transition;
};

struct conditions {
	struct condition *items;
	size_t count;
};

struct rule_port {
	char *protocol; /* TCP, UDP, SCTP, ICMP, ICMPv6 */
	int64_t port, end_port;
};

struct rule {
	char *cidr;
	struct {
		struct rule_port *items;
		size_t count;
	} ports;
};

struct rules {
	struct rule *items;
	size_t count;
};

struct vpc_object {
	char *encapsulation; /* "vxlan" or "vlan" */
	int64_t id;
	struct texts namespaces;
	struct rules allow, allow_from;
	struct {
		char *encapsulation;
		int64_t id;
		int64_t pods, nodes;
		struct conditions conditions;
	} status;
};

struct pod_address {
	char *ip;
};

struct pod_object {
	bool host_network;
	char *node_name;
	char *phase; /* "Pending", "Running", "Succeeded", "Failed", "Unknown" */
	struct {
		struct pod_address *items;
		size_t count;
	} addresses;
};

struct service_object {
	struct texts cluster_ips; /* "None" and "" where there are none */
};

struct node_address {
	char *type, *address;
};

struct taint {
	char *key, *effect;
};

struct node_object {
	struct {
		struct taint *items;
		size_t count;
	} taints;
	struct {
		struct node_address *items;
		size_t count;
	} addresses;
	struct conditions conditions;
};

struct label_requirement {
	char *key, *operator;
	struct texts values;
};

struct label_selector {
	struct text_map labels;
	struct {
		struct label_requirement *items;
		size_t count;
	} expressions;
};

struct network_id_object {
	char *vpc_name, *vpc_uid;
	char *released_at; /* RFC 3339; set: a tombstone */
};

struct endpoint {
	char *uid, *namespace, *name;
	struct texts addresses;
	char *mac;
	char *created; /* RFC 3339: of two Pods with one address the newer one has it */
};

struct endpoints_object {
	char *node, *vpc_name, *vpc_uid, *encapsulation;
	int64_t id;
	struct texts underlay;
	char *uplink_mac;
	struct {
		struct endpoint *items;
		size_t count;
	} pods;
};

/* Of the core API (v1). Agents write them and read none. */
struct event_object {
	struct {
		char *api_version, *kind, *namespace, *name, *uid;
	} involved;
	char *type; /* "Normal" or "Warning" */
	char *reason, *message;
	int64_t count;
	char *first, *last; /* RFC 3339 */
	char *component, *instance;
};

struct object {
	enum kind kind;
	unsigned references;
	bool uid_given;   /* the UID stood in the manifest; else the source gave one */
	bool status_only; /* a file of the status folder */
	struct metadata metadata;
	union {
		struct vpc_object vpc;
		struct pod_object pod;
		struct node_object node;
		struct text_map config;
		struct label_selector policy;
		struct service_object service;
		struct network_id_object network_id;
		struct endpoints_object endpoints;
		struct event_object event;
	};
};

/* "VPC", and "libvpc.io/v1alpha1". */
const char *kind_name(enum kind kind);
const char *kind_api_version(enum kind kind);
/* KINDS if there is none of these names. */
enum kind kind_find(const char *api_version, const char *name);
/* False for cluster-scoped kinds. */
bool kind_namespaced(enum kind kind);

/* A new object with one reference. */
struct object *object_new(enum kind kind, const char *namespace, const char *name);
struct object *object_ref(const struct object *object);
/* Accepts NULL and returns NULL. */
struct object *object_unref(const struct object *object);
static inline void object_release(struct object **object) {
	object_unref(*object);
}
struct object *object_clone(const struct object *object);
/* Hash of all that stands in the spec. */
uint64_t object_spec_hash(const struct object *object);

/* "VPC/red", "Pod/default/a": as in logs, and the key in tables. Caller frees. */
char *object_key(enum kind kind, const char *namespace, const char *name);
char *key_of(const struct object *object);

/* NULL if there is none. */
const char *map_get(const struct text_map *map, const char *key);
void map_set(struct text_map *map, const char *key, const char *value);
void texts_add(struct texts *texts, const char *text);
/* Frees what *text held and stores a copy. */
void set_text(char **text, const char *value);

/*
 * Sets the condition of that type; the transition time moves with the status only. Returns true if anything changed.
 * status: "True", "False" or "Unknown".
 */
bool condition_set(
    struct conditions *conditions, const char *type, const char *status, const char *reason, const char *message, int64_t generation);
const struct condition *condition_find(const struct conditions *conditions, const char *type);

/* True once all its containers have ended for good. */
bool pod_completed(const struct object *pod);

/* Seconds since 1970 as RFC 3339, UTC, and back (-EINVAL). 32 bytes are enough. */
void time_format(int64_t seconds, char *buffer, size_t size);
int time_parse(const char *text, int64_t *ret_seconds);

#endif
