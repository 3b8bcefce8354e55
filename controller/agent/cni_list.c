// SPDX-License-Identifier: Apache-2.0
#include "cni_list.h"
#include "../cleanup.h"
#include "kubernetes/json_stream.h"

#include <string.h>

#define OURS "vpc-cni"

/* One plugin of the list, with where it stands in the text. */
struct item {
	size_t start, end; /* from '{' to behind '}' */
	char type[64], socket[256], queue[256];
};

struct list {
	struct item *items;
	size_t count;
	size_t open, close; /* of "plugins": '[' and ']' */
	bool has_plugins, twice, knows_version, has_type;
	char version[16], name[256];
};

/* ---- reading ---- */

struct reader {
	struct json_stream stream;
	struct list *list;
	unsigned depth, values;
	char key[2][32]; /* on the levels 1 and 3 */
	char outer;      /* what the level 2 belongs to: 'p'lugins, 'v'ersions, or something else */
};

/* Longer ones cannot be what is looked for, and are left empty. */
static void keep(char *place, size_t size, const char *text, size_t length) {
	place[0] = '\0';
	if (length < size)
		memcpy(place, text, length + 1);
}

static bool is_known_version(const char *version) {
	static const char *const VERSIONS[] = {"0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"};
	for (size_t i = 0; i < COUNT_OF(VERSIONS); i++)
		if (!strcmp(version, VERSIONS[i]))
			return true;
	return false;
}

static void open_level(struct reader *reader, bool is_list) {
	struct list *list = reader->list;
	unsigned depth = reader->depth++;
	if (depth == 1) {
		bool plugins = is_list && !strcmp(reader->key[0], "plugins");
		reader->outer = plugins ? 'p' : is_list && !strcmp(reader->key[0], "cniVersions") ? 'v' : ' ';
		list->twice |= plugins && list->has_plugins;
		list->has_plugins |= plugins;
		list->open = plugins ? reader->stream.consumed : list->open;
	} else if (depth == 2 && reader->outer == 'p' && !is_list) {
		list->items = reallocate(list->items, (list->count + 1) * sizeof *list->items);
		list->items[list->count++] = (struct item){.start = reader->stream.consumed};
	}
}

static void close_level(struct reader *reader) {
	struct list *list = reader->list;
	unsigned depth = --reader->depth;
	if (depth == 1 && reader->outer == 'p')
		list->close = reader->stream.consumed;
	else if (depth == 2 && reader->outer == 'p')
		list->items[list->count - 1].end = reader->stream.consumed + 1;
}

static void take_text(struct reader *reader, const char *text, size_t length) {
	struct list *list = reader->list;
	struct item *item = list->count ? &list->items[list->count - 1] : NULL;
	char version[16];
	if (reader->depth == 1 && !strcmp(reader->key[0], "cniVersion")) {
		keep(list->version, sizeof list->version, text, length);
		list->knows_version |= is_known_version(list->version);
	} else if (reader->depth == 1 && !strcmp(reader->key[0], "name")) {
		keep(list->name, sizeof list->name, text, length);
	} else if (reader->depth == 1 && !strcmp(reader->key[0], "type")) {
		list->has_type = length > 0;
	} else if (reader->depth == 2 && reader->outer == 'v') {
		keep(version, sizeof version, text, length);
		list->knows_version |= is_known_version(version);
	} else if (reader->depth == 3 && reader->outer == 'p') {
		if (!strcmp(reader->key[1], "type"))
			keep(item->type, sizeof item->type, text, length);
		else if (!strcmp(reader->key[1], "socket"))
			keep(item->socket, sizeof item->socket, text, length);
		else if (!strcmp(reader->key[1], "queue"))
			keep(item->queue, sizeof item->queue, text, length);
	}
}

static int take_token(void *context, enum json_token token, const char *text, size_t length) {
	struct reader *reader = context;
	if (reader->depth == 0 && (token != JSON_OBJECT || reader->values++))
		return -EBADMSG; /* one object, and nothing else */
	if (reader->depth == 2 && reader->outer == 'p' && token != JSON_OBJECT && token != JSON_LIST_END)
		return -EBADMSG; /* among the plugins is something that is none */
	switch (token) {
	case JSON_OBJECT: open_level(reader, false); break;
	case JSON_LIST: open_level(reader, true); break;
	case JSON_OBJECT_END:
	case JSON_LIST_END: close_level(reader); break;
	case JSON_KEY:
		if (reader->depth == 1 || reader->depth == 3)
			keep(reader->key[reader->depth / 2], sizeof reader->key[0], text, length);
		break;
	case JSON_TEXT: take_text(reader, text, length); break;
	default: break;
	}
	return 0;
}

static void list_release(struct list *list) {
	free(list->items);
}

/* Byte by byte, so that each token is told of with its place. */
static int read_list(const char *text, size_t length, struct list *list, struct vpc_error *error) {
	struct reader reader = {.list = list};
	struct vpc_error why = {""};
	int result = length > CNI_LIST_LIMIT ? fail(error, -EBADMSG, "larger than 1 MiB") : 0;
	if (result < 0)
		return result;
	json_stream_open(&reader.stream, take_token, &reader);
	for (size_t i = 0; i < length && result == 0; i++)
		result = json_stream_feed(&reader.stream, text + i, 1, &why);
	bool whole = result == 0 && json_stream_complete(&reader.stream) && reader.values;
	json_stream_close(&reader.stream);
	if (result < 0 || !whole)
		return fail(error, -EBADMSG, "%s", *why.text ? why.text : result < 0 ? "not as the CNI specification has it" : "it ends too early");
	return 0;
}

/* The same, and a list that a runtime takes. */
static int read_whole_list(const char *text, size_t length, struct list *list, struct vpc_error *error) {
	int result = read_list(text, length, list, error);
	if (result < 0)
		return result;
	if (!list->has_plugins || list->twice)
		return fail(error, -EBADMSG, list->twice ? "\"plugins\" stands in it twice" : "there is no list \"plugins\" in it");
	for (size_t i = 0; i < list->count; i++)
		if (!*list->items[i].type)
			return fail(error, -EBADMSG, "plugin %zu has no \"type\"", i + 1);
	return 0;
}

/* ---- writing ---- */

static bool is_ours(const struct item *item) {
	return !strcmp(item->type, OURS);
}

/*
 * Everything but our entries, and at the end of the plugins another one (NULL: none), indented as the first one is. Returns
 * how many others there are.
 */
static size_t write_others(const char *text, size_t length, const struct list *list, struct buffer *output, const char *another) {
	size_t left = 0, behind = list->open + 1;
	size_t first = list->count ? list->items[0].start : list->close;
	buffer_append(output, text, behind);
	for (size_t i = 0; i < list->count; i++) {
		const struct item *item = &list->items[i];
		size_t from = left ? behind : list->open + 1;
		if (!is_ours(item)) {
			buffer_append(output, text + from, (left ? item->start : first) - from);
			buffer_append(output, text + item->start, item->end - item->start);
			left++;
		}
		behind = item->end;
	}
	if (another) {
		buffer_append(output, ",", left > 0);
		buffer_append(output, text + list->open + 1, first - list->open - 1);
		buffer_text(output, another);
	}
	buffer_append(output, text + behind, length - behind);
	return left;
}

static bool same(const char *stands, const char *wanted) {
	return !strcmp(stands, wanted ? wanted : "");
}

/* Once, with what is wanted in it, behind what must come first. */
static bool is_in_order(const struct list *list, const struct cni_entry *entry) {
	static const char *const FIRST[] = {"tuning", "bandwidth"};
	size_t count = 0, place = 0;
	for (size_t i = 0; i < list->count; i++)
		if (is_ours(&list->items[i])) {
			count++;
			place = i;
		}
	if (count != 1 || place == 0 || !same(list->items[place].socket, entry->socket) || !same(list->items[place].queue, entry->queue))
		return false;
	for (size_t i = place + 1; i < list->count; i++)
		for (size_t j = 0; j < COUNT_OF(FIRST); j++)
			if (!strcmp(list->items[i].type, FIRST[j]))
				return false;
	return true;
}

static void write_entry(struct buffer *output, const struct cni_entry *entry) {
	buffer_text(output, "{\"type\": \"" OURS "\"");
	if (entry->socket) {
		buffer_text(output, ", \"socket\": ");
		buffer_quoted(output, entry->socket);
	}
	if (entry->queue) {
		buffer_text(output, ", \"queue\": ");
		buffer_quoted(output, entry->queue);
	}
	buffer_text(output, "}");
}

int cni_list_merge(const char *text, size_t length, const struct cni_entry *entry, struct buffer *ret_text, struct vpc_error *error) {
	_cleanup_(list_release) struct list list = {0};
	_cleanup_(buffer_release) struct buffer merged = {0}, ours = {0};
	int result = read_whole_list(text, length, &list, error);
	if (result < 0)
		return result;
	if (!list.knows_version)
		return fail(error, -EBADMSG, "its cniVersion '%s' is not supported; 0.3.0 to 1.1.0 are", list.version);
	if (is_in_order(&list, entry))
		return 0;
	write_entry(&ours, entry);
	if (!write_others(text, length, &list, &merged, ours.bytes))
		return fail(error, -EBADMSG, "there is no main plugin in it");
	*ret_text = merged;
	merged = (struct buffer){0};
	return 1;
}

int cni_list_remove(const char *text, size_t length, struct buffer *ret_text, struct vpc_error *error) {
	_cleanup_(list_release) struct list list = {0};
	_cleanup_(buffer_release) struct buffer rest = {0};
	int result = read_whole_list(text, length, &list, error);
	if (result < 0)
		return result;
	if (write_others(text, length, &list, &rest, NULL) == list.count)
		return 0;
	*ret_text = rest;
	rest = (struct buffer){0};
	return 1;
}

int cni_list_of_single(const char *text, size_t length, struct buffer *ret_text, struct vpc_error *error) {
	_cleanup_(list_release) struct list list = {0};
	_cleanup_(buffer_release) struct buffer made = {0};
	int result = read_list(text, length, &list, error);
	if (result < 0)
		return result;
	if (!list.has_type)
		return fail(error, -EBADMSG, "no \"type\" of a plugin stands in it");
	buffer_text(&made, "{\n  \"cniVersion\": ");
	buffer_quoted(&made, list.version);
	buffer_text(&made, ",\n  \"name\": ");
	buffer_quoted(&made, list.name);
	buffer_text(&made, ",\n  \"plugins\": [\n    ");
	buffer_append(&made, text, length);
	buffer_text(&made, "\n  ]\n}\n");
	*ret_text = made;
	made = (struct buffer){0};
	return 0;
}

int cni_list_main(const char *text, size_t length, char ret_type[64], struct vpc_error *error) {
	_cleanup_(list_release) struct list list = {0};
	int result = read_whole_list(text, length, &list, error);
	if (result < 0)
		return result;
	if (!list.count)
		return fail(error, -EBADMSG, "there is no main plugin in it");
	strcpy(ret_type, list.items[0].type);
	return 0;
}
