// SPDX-License-Identifier: Apache-2.0
/*
 * VPCEndpoints of other nodes, of the VPCs that have Pods here only. Some VPCs share a watch: an API server allows 100
 * streams on a connection, and a URL is not endless.
 */
#include "../../cleanup.h"
#include "kubernetes.h"

#include <string.h>

#define SETTLE_MS 10 /* VPCs that come together are asked for together */

struct shard {
	struct shard *next;
	struct kubernetes *kube;
	struct watch *watch;
	struct table uids;
	bool changed;
};

static bool is_followed(void *context, const struct object *object) {
	const struct shard *shard = context;
	return table_get(&shard->uids, object->endpoints.vpc_uid);
}

struct watch *shard_watch_of(struct kubernetes *kube, const struct object *object) {
	if (!strcmp(object->endpoints.node, kube->node))
		return kube->watches[KIND_ENDPOINTS];
	struct shard *shard = table_get(&kube->followed, object->endpoints.vpc_uid);
	return shard ? shard->watch : NULL;
}

static char *make_path(const struct shard *shard) {
	struct buffer selector = {0}, path = {0};
	_cleanup_(free_memory) char *base = api_path(KIND_ENDPOINTS, NULL, NULL, NULL);
	_cleanup_(free_memory) char *others = format_text("spec.node!=%s", shard->kube->node);
	buffer_text(&selector, UID_LABEL " in (");
	TABLE_EACH(&shard->uids, entry)
	buffer_format(&selector, "%s%s", selector.bytes[selector.length - 1] == '(' ? "" : ",", entry->key);
	buffer_text(&selector, ")");
	buffer_text(&path, base);
	api_query(&path, "fieldSelector", others);
	api_query(&path, "labelSelector", selector.bytes);
	buffer_release(&selector);
	return path.bytes;
}

static void drop_shard(struct kubernetes *kube, struct shard *shard) {
	struct shard **link = &kube->shards;
	while (*link != shard)
		link = &(*link)->next;
	*link = shard->next;
	watch_close(shard->watch);
	table_release(&shard->uids);
	free(shard);
}

static void settle(uv_timer_t *timer) {
	struct kubernetes *kube = timer->data;
	for (struct shard *shard = kube->shards, *next; shard; shard = next) {
		next = shard->next;
		if (!shard->changed)
			continue;
		shard->changed = false;
		watch_drop(shard->watch, is_followed, shard);
		if (!shard->uids.count) {
			drop_shard(kube, shard);
			continue;
		}
		_cleanup_(free_memory) char *path = make_path(shard);
		watch_move(shard->watch, path);
	}
	kubernetes_note_synced(kube);
}

static struct shard *find_room(struct kubernetes *kube) {
	struct shard *shard = kube->shards;
	while (shard && shard->uids.count >= SHARD_VPCS)
		shard = shard->next;
	if (shard)
		return shard;
	_cleanup_(free_memory) char *nothing_yet = api_path(KIND_ENDPOINTS, NULL, NULL, NULL);
	shard = allocate(sizeof *shard);
	*shard = (struct shard){.next = kube->shards, .kube = kube, .watch = watch_open(kube, KIND_ENDPOINTS, nothing_yet, 0)};
	kube->shards = shard;
	return shard;
}

void shard_follow(struct kubernetes *kube, const char *vpc_uid, bool wanted) {
	struct shard *shard = table_get(&kube->followed, vpc_uid);
	if (wanted == (shard != NULL))
		return;
	if (wanted) {
		shard = find_room(kube);
		table_put(&kube->followed, vpc_uid, shard);
		table_put(&shard->uids, vpc_uid, shard);
	} else {
		table_remove(&kube->followed, vpc_uid);
		table_remove(&shard->uids, vpc_uid);
	}
	shard->changed = true;
	if (kube->started && !uv_is_active((uv_handle_t *)&kube->settle))
		uv_timer_start(&kube->settle, settle, SETTLE_MS, 0);
}

bool shards_all(const struct kubernetes *kube, bool (*holds)(const struct watch *watch)) {
	for (const struct shard *shard = kube->shards; shard; shard = shard->next)
		if (!holds(shard->watch))
			return false;
	return true;
}

void shards_start(struct kubernetes *kube) {
	settle(&kube->settle);
}

void shards_close(struct kubernetes *kube) {
	while (kube->shards)
		drop_shard(kube, kube->shards);
	table_release(&kube->followed);
}
