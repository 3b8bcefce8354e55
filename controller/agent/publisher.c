// SPDX-License-Identifier: Apache-2.0
#include "publisher.h"
#include "address.h"
#include "allocation.h"
#include "../cleanup.h"
#include "log.h"
#include "queue.h"
#include "text.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define BACKOFF_FIRST_MS 500
#define BACKOFF_LAST_MS 4000
#define SETTLE_MS 20 /* Pods that come together are published together */
#define ROUND ""     /* the key of a look at all records and objects, for VPCs that are not published yet, or no longer */
#define ROUND_MS 30000
/* Of many Pods that takes its time, so it rests in proportion: else every few ADDs one would wait behind it. */
#define REST_FACTOR 100
#define LONGEST_REST_MS 200

/* One VPC with Pods, or Pods to be, on this node. */
struct publication {
	struct publisher *publisher;
	char *vpc_uid, *vpc_name, *object_name;
	enum vpc_encapsulation encapsulation;
	uint32_t id;
	unsigned reservations;
	bool deleting;
};

struct publisher {
	struct agent *agent;
	struct queue *queue;       /* of UIDs of VPCs */
	struct table publications; /* by the same */
};

static struct publication *add_publication(
    struct publisher *publisher, const char *vpc_uid, const char *vpc_name, enum vpc_encapsulation encapsulation, uint32_t id) {
	char claim[20];
	struct publication *publication = table_get(&publisher->publications, vpc_uid);
	if (publication)
		return publication;
	publication = allocate(sizeof *publication);
	*publication = (struct publication){.publisher = publisher,
	    .vpc_uid = duplicate(vpc_uid),
	    .vpc_name = duplicate(vpc_name),
	    .encapsulation = encapsulation,
	    .id = id,
	    .object_name = format_text("%s.%s", claim_name(encapsulation, id, claim), publisher->agent->options.node)};
	table_put(&publisher->publications, vpc_uid, publication);
	publisher->agent->source->verbs->follow(publisher->agent->source, vpc_uid, true);
	return publication;
}

static void free_publication(struct publication *publication) {
	free(publication->vpc_uid);
	free(publication->vpc_name);
	free(publication->object_name);
	free(publication);
}

static void add_endpoint(struct endpoints_object *endpoints, const struct record *record) {
	static const uint8_t no_ipv4[4], no_ipv6[16];
	char text[INET6_ADDRSTRLEN], mac[18];
	endpoints->pods.items = reallocate(endpoints->pods.items, (endpoints->pods.count + 1) * sizeof *endpoints->pods.items);
	struct endpoint *endpoint = &endpoints->pods.items[endpoints->pods.count++];
	*endpoint = (struct endpoint){.uid = duplicate(record->uid),
	    .namespace = duplicate(record->namespace),
	    .name = duplicate(record->name),
	    .mac = duplicate(mac_format(record->pod.mac, mac)),
	    .created = *record->created ? duplicate(record->created) : NULL};
	if (memcmp(record->pod.ipv4, no_ipv4, 4))
		texts_add(&endpoint->addresses, inet_ntop(AF_INET, record->pod.ipv4, text, sizeof text));
	if (memcmp(record->pod.ipv6, no_ipv6, 16))
		texts_add(&endpoint->addresses, inet_ntop(AF_INET6, record->pod.ipv6, text, sizeof text));
}

/* Completed: what it had others may have by now, though its DEL is still to come. */
static bool pod_is_over(const struct agent *agent, const struct record *record) {
	const struct object *pod = agent_find(agent, KIND_POD, record->namespace, record->name);
	return pod && pod->metadata.uid && !strcmp(pod->metadata.uid, record->uid) && pod_completed(pod);
}

static int compare_endpoints(const void *a, const void *b) {
	const struct endpoint *left = a, *right = b;
	int order = strcmp(left->uid, right->uid);
	return order ? order : strcmp(left->mac, right->mac);
}

static struct object *wanted_object(const struct publication *publication) {
	char text[INET6_ADDRSTRLEN], mac[18];
	struct agent *agent = publication->publisher->agent;
	struct object *object = object_new(KIND_ENDPOINTS, NULL, publication->object_name);
	struct endpoints_object *endpoints = &object->endpoints;
	endpoints->node = duplicate(agent->options.node);
	endpoints->vpc_name = duplicate(publication->vpc_name);
	endpoints->vpc_uid = duplicate(publication->vpc_uid);
	endpoints->encapsulation = duplicate(encapsulation_text(publication->encapsulation));
	endpoints->id = publication->id;
	texts_add(&endpoints->underlay, address_format(agent->underlay, text));
	endpoints->uplink_mac = duplicate(mac_format(agent->uplink_mac, mac));
	map_set(&object->metadata.labels, UID_LABEL, publication->vpc_uid);
	TABLE_EACH(&agent->records, entry) {
		const struct record *record = entry->value;
		if (record->attached && !strcmp(record->vpc_uid, publication->vpc_uid) && !pod_is_over(agent, record))
			add_endpoint(endpoints, record);
	}
	if (endpoints->pods.count)
		qsort(endpoints->pods.items, endpoints->pods.count, sizeof *endpoints->pods.items, compare_endpoints);
	const struct object *node = agent_find(agent, KIND_NODE, NULL, agent->options.node);
	if (node && node->metadata.uid) {
		object->metadata.owners.items = allocate(sizeof *object->metadata.owners.items);
		object->metadata.owners.items[object->metadata.owners.count++] =
		    (struct owner){duplicate("v1"), duplicate("Node"), duplicate(node->metadata.name), duplicate(node->metadata.uid)};
	}
	return object;
}

static bool is_used(const struct publication *publication) {
	if (publication->reservations)
		return true;
	TABLE_EACH(&publication->publisher->agent->records, entry) {
		const struct record *record = entry->value;
		if (!record->closed && !strcmp(record->vpc_uid, publication->vpc_uid))
			return true;
	}
	return false;
}

static void note_answer(void *context, int result, const struct object *object, const struct vpc_error *error) {
	struct publication *publication = context;
	struct queue *queue = publication->publisher->queue;
	(void)object;
	publication->deleting = false;
	if (result < 0 && result != -ENOENT)
		log_event(queue_failures(queue, publication->vpc_uid) ? LOG_DETAIL : LOG_WARNING, publication->object_name, "NotPublished",
		    "%s; trying again", error->text);
	queue_done(queue, publication->vpc_uid, result == -ENOENT ? 0 : result);
	queue_add(queue, publication->vpc_uid);
}

/* Another state stands there than memory has: a live read brings it, the next look decides on it. */
static void look_again(void *context, int result, const struct object *object, const struct vpc_error *error) {
	struct publication *publication = context;
	struct source *source = publication->publisher->agent->source;
	if (result == -EEXIST || result == -EAGAIN)
		source->verbs->get(source, KIND_ENDPOINTS, NULL, publication->object_name, note_answer, publication);
	else
		note_answer(context, result, object, error);
}

static void write_publication(struct publication *publication, const struct object *existing) {
	struct publisher *publisher = publication->publisher;
	struct source *source = publisher->agent->source;
	struct object *wanted = wanted_object(publication);
	if (!existing) {
		queue_hold(publisher->queue, publication->vpc_uid);
		source->verbs->create(source, wanted, look_again, publication);
	} else if (object_spec_hash(existing) != object_spec_hash(wanted)) {
		set_text(&wanted->metadata.uid, existing->metadata.uid);
		set_text(&wanted->metadata.resource_version, existing->metadata.resource_version);
		queue_hold(publisher->queue, publication->vpc_uid);
		source->verbs->update(source, wanted, look_again, publication);
	}
	object_unref(wanted);
}

static void forget(struct publication *publication) {
	struct publisher *publisher = publication->publisher;
	publisher->agent->source->verbs->follow(publisher->agent->source, publication->vpc_uid, false);
	table_remove(&publisher->publications, publication->vpc_uid);
	free_publication(publication);
}

static void look_at(struct publication *publication) {
	struct publisher *publisher = publication->publisher;
	struct source *source = publisher->agent->source;
	const struct object *existing = agent_find(publisher->agent, KIND_ENDPOINTS, NULL, publication->object_name);
	if (is_used(publication)) {
		write_publication(publication, existing);
	} else if (existing) {
		publication->deleting = true;
		queue_hold(publisher->queue, publication->vpc_uid);
		source->verbs->delete (source, existing, look_again, publication);
	} else {
		forget(publication);
	}
}

/* Objects of this node that an earlier run left, and records that were read from disk. */
static void add_known(struct publisher *publisher) {
	struct agent *agent = publisher->agent;
	TABLE_EACH(&agent->records, entry) {
		const struct record *record = entry->value;
		if (!record->closed)
			add_publication(publisher, record->vpc_uid, record->vpc_name, record->pod.encapsulation, record->pod.network_id);
	}
	TABLE_EACH(&agent->objects[KIND_ENDPOINTS], entry) {
		const struct object *object = entry->value;
		if (!strcmp(object->endpoints.node, agent->options.node))
			add_publication(publisher, object->endpoints.vpc_uid, object->endpoints.vpc_name,
			    encapsulation_of(object->endpoints.encapsulation), object->endpoints.id);
	}
}

static bool is_ready(const struct agent *agent) {
	/* With records the underlay address must be known, which the datapath brings. */
	return agent->synced && (agent->datapath || !*agent->not_ready || !agent->records.count);
}

static void look_at_all(struct publisher *publisher) {
	add_known(publisher);
	TABLE_EACH(&publisher->publications, entry)
	queue_add_after(publisher->queue, entry->key, 0);
	queue_add_after(publisher->queue, ROUND, ROUND_MS);
}

static void look(void *context, const char *key) {
	struct publisher *publisher = context;
	struct publication *publication = table_get(&publisher->publications, key);
	uint64_t start = uv_hrtime();
	if (!is_ready(publisher->agent)) {
		queue_add_after(publisher->queue, key, BACKOFF_FIRST_MS);
		return;
	}
	if (!*key)
		look_at_all(publisher);
	else if (publication)
		look_at(publication);
	uint64_t rest = (uv_hrtime() - start) * REST_FACTOR / 1000000;
	queue_pause(publisher->queue, key, rest < LONGEST_REST_MS ? rest : LONGEST_REST_MS);
}

void publisher_wake(struct publisher *publisher) {
	if (publisher)
		queue_add(publisher->queue, ROUND);
}

void publisher_note(struct publisher *publisher, const struct object *object) {
	const char *node = publisher ? publisher->agent->options.node : NULL;
	if (!publisher)
		return;
	if ((object->kind == KIND_POD && pod_completed(object)) || (object->kind == KIND_NODE && !strcmp(object->metadata.name, node)) ||
	    (object->kind == KIND_ENDPOINTS && !strcmp(object->endpoints.node, node)))
		queue_add(publisher->queue, ROUND);
}

void publisher_reserve(struct publisher *publisher, const struct object *vpc, enum vpc_encapsulation encapsulation, uint32_t id) {
	struct publication *publication = add_publication(publisher, vpc->metadata.uid, vpc->metadata.name, encapsulation, id);
	publication->reservations++;
	if (!publisher_exists(publisher, vpc->metadata.uid))
		queue_add_after(publisher->queue, vpc->metadata.uid, 0); /* an ADD waits */
}

void publisher_unreserve(struct publisher *publisher, const char *vpc_uid) {
	struct publication *publication = table_get(&publisher->publications, vpc_uid);
	if (publication && publication->reservations)
		publication->reservations--;
	queue_add(publisher->queue, vpc_uid);
}

bool publisher_exists(const struct publisher *publisher, const char *vpc_uid) {
	const struct publication *publication = table_get(&publisher->publications, vpc_uid);
	return publication && !publication->deleting && agent_find(publisher->agent, KIND_ENDPOINTS, NULL, publication->object_name);
}

struct publisher *publisher_open(struct agent *agent) {
	struct publisher *publisher = allocate(sizeof *publisher);
	struct queue_options options = {
	    .settle = SETTLE_MS, .backoff_first = BACKOFF_FIRST_MS, .backoff_last = BACKOFF_LAST_MS, .work = look, .context = publisher};
	publisher->agent = agent;
	publisher->queue = queue_open(&agent->loop, &options);
	queue_add(publisher->queue, ROUND);
	return publisher;
}
