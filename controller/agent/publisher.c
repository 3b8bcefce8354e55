// SPDX-License-Identifier: Apache-2.0
#include "publisher.h"
#include "address.h"
#include "allocation.h"
#include "../cleanup.h"
#include "log.h"
#include "text.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_MS 1000
#define SETTLE_MS 20 /* Pods that come together are published together */
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
	bool busy, deleting;
	uint64_t not_before; /* uv_now of the next try after a failure */
};

struct publisher {
	struct agent *agent;
	uv_timer_t soon, often;
	uint64_t rests_until; /* uv_now */
	struct table publications; /* UID of the VPC to struct publication */
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
	(void)object;
	publication->busy = publication->deleting = false;
	if (result < 0 && result != -ENOENT) {
		log_event(LOG_WARNING, publication->object_name, "NotPublished", "%s", error->text);
		publication->not_before = uv_now(&publication->publisher->agent->loop) + RETRY_MS;
	}
	publisher_wake(publication->publisher);
}

static void write_publication(struct publication *publication, const struct object *existing) {
	struct source *source = publication->publisher->agent->source;
	struct object *wanted = wanted_object(publication);
	if (!existing) {
		publication->busy = true;
		source->verbs->create(source, wanted, note_answer, publication);
	} else if (object_spec_hash(existing) != object_spec_hash(wanted)) {
		set_text(&wanted->metadata.uid, existing->metadata.uid);
		set_text(&wanted->metadata.resource_version, existing->metadata.resource_version);
		publication->busy = true;
		source->verbs->update(source, wanted, note_answer, publication);
	}
	object_unref(wanted);
}

/* True if the publication is done with and can be forgotten. */
static bool look_at(struct publication *publication) {
	struct agent *agent = publication->publisher->agent;
	if (publication->busy || uv_now(&agent->loop) < publication->not_before)
		return false;
	const struct object *existing = agent_find(agent, KIND_ENDPOINTS, NULL, publication->object_name);
	if (is_used(publication)) {
		write_publication(publication, existing);
		return false;
	}
	if (!existing)
		return true;
	publication->busy = publication->deleting = true;
	agent->source->verbs->delete (agent->source, existing, note_answer, publication);
	return false;
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

static void look_at_all(struct publisher *publisher) {
	struct publication *finished = NULL;
	add_known(publisher);
	TABLE_EACH(&publisher->publications, entry)
	if (look_at(entry->value))
		finished = entry->value;
	if (finished) {
		publisher->agent->source->verbs->follow(publisher->agent->source, finished->vpc_uid, false);
		table_remove(&publisher->publications, finished->vpc_uid);
		free_publication(finished);
		publisher_wake(publisher);
	}
}

static void look_and_rest(uv_timer_t *timer) {
	struct publisher *publisher = timer->data;
	uint64_t start = uv_hrtime();
	if (!publisher->agent->synced || (!publisher->agent->datapath && *publisher->agent->not_ready && publisher->agent->records.count))
		return; /* the underlay address is not known yet */
	look_at_all(publisher);
	uint64_t rest = (uv_hrtime() - start) * REST_FACTOR / 1000000;
	publisher->rests_until = uv_now(&publisher->agent->loop) + (rest < LONGEST_REST_MS ? rest : LONGEST_REST_MS);
}

void publisher_wake(struct publisher *publisher) {
	if (!publisher || uv_is_active((uv_handle_t *)&publisher->soon))
		return;
	uint64_t now = uv_now(&publisher->agent->loop), rest = publisher->rests_until > now ? publisher->rests_until - now : 0;
	uv_timer_start(&publisher->soon, look_and_rest, rest > SETTLE_MS ? rest : SETTLE_MS, 0);
}

void publisher_reserve(struct publisher *publisher, const struct object *vpc, enum vpc_encapsulation encapsulation, uint32_t id) {
	struct publication *publication = add_publication(publisher, vpc->metadata.uid, vpc->metadata.name, encapsulation, id);
	publication->reservations++;
	if (!publisher_exists(publisher, vpc->metadata.uid))
		look_at(publication);
}

void publisher_unreserve(struct publisher *publisher, const char *vpc_uid) {
	struct publication *publication = table_get(&publisher->publications, vpc_uid);
	if (publication && publication->reservations)
		publication->reservations--;
	publisher_wake(publisher);
}

bool publisher_exists(const struct publisher *publisher, const char *vpc_uid) {
	const struct publication *publication = table_get(&publisher->publications, vpc_uid);
	return publication && !publication->deleting && agent_find(publisher->agent, KIND_ENDPOINTS, NULL, publication->object_name);
}

struct publisher *publisher_open(struct agent *agent) {
	struct publisher *publisher = allocate(sizeof *publisher);
	publisher->agent = agent;
	uv_timer_init(&agent->loop, &publisher->soon);
	uv_timer_init(&agent->loop, &publisher->often);
	publisher->soon.data = publisher->often.data = publisher;
	uv_timer_start(&publisher->often, look_and_rest, RETRY_MS, RETRY_MS);
	return publisher;
}
