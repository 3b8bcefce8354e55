// SPDX-License-Identifier: Apache-2.0
#include "api_stream.h"
#include "../../cleanup.h"

#include <errno.h>
#include <string.h>

#define OBJECT_LIMIT (8u << 20) /* bytes of JSON; an API server stores no object of more than 1.5 MiB */

/* What a name of the event or list announces. */
enum stream_field { FIELD_OTHER, FIELD_EVENT_TYPE, FIELD_EVENT_OBJECT, FIELD_LIST_ITEMS, FIELD_LIST_METADATA };

static const struct field DETAIL_FIELDS[] = {
    {"retryAfterSeconds", FIELD_INTEGER, offsetof(struct api_status, retry_after), .lowest = 0, .highest = 86400,
        .text = "when to ask again"},
};
static const struct schema DETAILS = {.fields = DETAIL_FIELDS, .count = COUNT_OF(DETAIL_FIELDS), .open = true};
static const struct field STATUS_FIELDS[] = {
    {"code", FIELD_INTEGER, offsetof(struct api_status, code), .lowest = 0, .highest = 999, .text = "HTTP's"},
    {"reason", FIELD_TEXT, offsetof(struct api_status, reason), .text = "one word"},
    {"message", FIELD_TEXT, offsetof(struct api_status, message), .text = "for people"},
    {"details", FIELD_STRUCT, 0, &DETAILS, .text = "more"},
};
static const struct schema STATUS = {
    .size = sizeof(struct api_status), .fields = STATUS_FIELDS, .count = COUNT_OF(STATUS_FIELDS), .open = true};

static const struct field BOOKMARK_METADATA_FIELDS[] = {
    {"resourceVersion", FIELD_TEXT, offsetof(struct metadata, resource_version), .required = true, .text = "all before it was told"},
    {"annotations", FIELD_MAP, offsetof(struct metadata, annotations), .text = "whether the first state ends here"},
};
static const struct schema BOOKMARK_METADATA = {
    .fields = BOOKMARK_METADATA_FIELDS, .count = COUNT_OF(BOOKMARK_METADATA_FIELDS), .open = true};
static const struct field BOOKMARK_FIELDS[] = {{"metadata", FIELD_STRUCT, 0, &BOOKMARK_METADATA, .required = true, .text = "of the mark"}};
static const struct schema BOOKMARK = {.size = sizeof(struct metadata), .fields = BOOKMARK_FIELDS, .count = 1, .open = true};

static const struct field LIST_METADATA_FIELDS[] = {
    {"resourceVersion", FIELD_TEXT, offsetof(struct api_stream, version), .required = true, .text = "of the list"},
    {"continue", FIELD_TEXT, offsetof(struct api_stream, more), .text = "how to ask for the rest"},
};
static const struct schema LIST_METADATA = {.fields = LIST_METADATA_FIELDS, .count = COUNT_OF(LIST_METADATA_FIELDS), .open = true};

static const char *const EVENT_NAMES[API_EVENTS] = {NULL, "ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"};

void api_status_release(struct api_status *status) {
	schema_free(&STATUS, status);
	*status = (struct api_status){0};
}

static int broken(struct api_stream *stream, const char *what) {
	return fail(&stream->why, -EBADMSG, "%s, at byte %llu", what, (unsigned long long)stream->json.consumed);
}

static int tell(struct api_stream *stream, enum api_event event, const char *fault) {
	return stream->visit(stream->context, event, stream->object, fault);
}

/* ---- an object in it ---- */

static void begin_object(struct api_stream *stream) {
	stream->object_at = stream->json.consumed;
	stream->object = object_new(stream->kind, NULL, NULL);
	json_reader_open(&stream->reader, kind_schema(stream->kind), stream->object,
	    stream->metadata_only ? "meta.k8s.io/v1" : kind_api_version(stream->kind),
	    stream->metadata_only ? "PartialObjectMetadata" : kind_name(stream->kind));
}

static int begin_event_object(struct api_stream *stream) {
	stream->has_object = stream->reading = true;
	switch (stream->event) {
	case -1: return broken(stream, "an event without a type");
	case API_BOOKMARK:
		schema_free(&BOOKMARK, &stream->bookmark);
		json_reader_open(&stream->reader, &BOOKMARK, &stream->bookmark, NULL, NULL);
		return 0;
	case API_ERROR:
		api_status_release(&stream->status);
		json_reader_open(&stream->reader, &STATUS, &stream->status, NULL, NULL);
		return 0;
	default: begin_object(stream); return 0;
	}
}

static int tell_object(struct api_stream *stream, enum api_event event) {
	struct vpc_error fault = {""};
	int wrong = json_finish_object(&stream->reader, stream->object, &fault);
	int result =
	    stream->reader.head_wrong ? broken(stream, "an object of another kind") : tell(stream, event, wrong < 0 ? fault.text : NULL);
	stream->object = object_unref(stream->object);
	return result;
}

/* The reader has read its value to the end. */
static int end_reading(struct api_stream *stream) {
	bool fits = !*stream->reader.error.text;
	int result = 0;
	stream->reading = false;
	if (stream->in_items)
		result = tell_object(stream, API_LISTED);
	else if (stream->field == FIELD_LIST_METADATA || stream->event == API_BOOKMARK)
		result = fits ? 0 : broken(stream, "metadata that do not fit");
	else if (stream->event != API_ERROR)
		result = tell_object(stream, stream->event);
	if (result == 0 && stream->watch && (stream->event == API_BOOKMARK || stream->event == API_ERROR))
		result = tell(stream, stream->event, NULL);
	json_reader_close(&stream->reader);
	return result;
}

/* ---- what is around it ---- */

static int take_name(struct api_stream *stream, const char *name) {
	static const struct {
		const char *name;
		bool watch;
		enum stream_field field;
	} NAMES[] = {{"type", true, FIELD_EVENT_TYPE}, {"object", true, FIELD_EVENT_OBJECT}, {"items", false, FIELD_LIST_ITEMS},
	    {"metadata", false, FIELD_LIST_METADATA}};
	stream->field = FIELD_OTHER;
	for (size_t i = 0; i < COUNT_OF(NAMES); i++)
		if (NAMES[i].watch == stream->watch && !strcmp(NAMES[i].name, name))
			stream->field = NAMES[i].field;
	return 0;
}

static int take_type(struct api_stream *stream, enum json_token token, const char *text) {
	for (int event = API_ADDED; event < API_EVENTS && token == JSON_TEXT; event++)
		if (!strcmp(EVENT_NAMES[event], text)) {
			stream->event = event;
			return 0;
		}
	return broken(stream, "an event of an unknown type");
}

static int take_value(struct api_stream *stream, enum json_token token, const char *text, size_t length) {
	int result = 0;
	switch (stream->field) {
	case FIELD_EVENT_TYPE: return take_type(stream, token, text);
	case FIELD_EVENT_OBJECT:
		if (stream->has_object)
			return broken(stream, "an event with two objects");
		result = begin_event_object(stream);
		break;
	case FIELD_LIST_METADATA:
		json_reader_open(&stream->reader, &LIST_METADATA, stream, NULL, NULL);
		stream->reading = true;
		break;
	case FIELD_LIST_ITEMS:
		stream->in_items = token == JSON_LIST;
		return token == JSON_LIST || token == JSON_NULL ? 0 : broken(stream, "items that are no list");
	default: stream->skipped = token == JSON_OBJECT || token == JSON_LIST; return 0;
	}
	if (result == 0 && json_reader_take(&stream->reader, token, text, length))
		result = end_reading(stream);
	return result;
}

static int end_around(struct api_stream *stream) {
	stream->inside = false;
	if (stream->watch ? !stream->has_object : !stream->version)
		return broken(stream, stream->watch ? "an event without an object" : "a list without a version");
	stream->ended = true;
	stream->has_object = false;
	stream->event = -1;
	return 0;
}

static int take_item(struct api_stream *stream, enum json_token token, const char *text, size_t length) {
	if (token == JSON_LIST_END) {
		stream->in_items = false;
		return 0;
	}
	begin_object(stream);
	stream->reading = true;
	return json_reader_take(&stream->reader, token, text, length) ? end_reading(stream) : 0;
}

static int take(void *context, enum json_token token, const char *text, size_t length) {
	struct api_stream *stream = context;
	if (stream->reading && stream->object && stream->json.consumed - stream->object_at > OBJECT_LIMIT)
		return broken(stream, "an object that is too large");
	if (stream->reading)
		return json_reader_take(&stream->reader, token, text, length) ? end_reading(stream) : 0;
	if (stream->skipped) {
		stream->skipped += token == JSON_OBJECT || token == JSON_LIST;
		stream->skipped -= token == JSON_OBJECT_END || token == JSON_LIST_END;
		return 0;
	}
	if (stream->in_items)
		return take_item(stream, token, text, length);
	if (!stream->inside) {
		stream->inside = token == JSON_OBJECT && (stream->watch || !stream->ended);
		return stream->inside ? 0 : broken(stream, "an object is expected");
	}
	if (token == JSON_OBJECT_END)
		return end_around(stream);
	return token == JSON_KEY ? take_name(stream, text) : take_value(stream, token, text, length);
}

void api_stream_open(struct api_stream *stream, enum kind kind, bool watch, bool metadata_only, api_visit visit, void *context) {
	*stream =
	    (struct api_stream){.kind = kind, .watch = watch, .metadata_only = metadata_only, .event = -1, .visit = visit, .context = context};
	json_stream_open(&stream->json, take, stream);
}

int api_stream_feed(struct api_stream *stream, const char *bytes, size_t length, struct vpc_error *error) {
	stream->why.text[0] = '\0';
	int result = json_stream_feed(&stream->json, bytes, length, error);
	if (result < 0 && *stream->why.text)
		*error = stream->why;
	return result;
}

bool api_stream_complete(const struct api_stream *stream) {
	return json_stream_complete(&stream->json) && (stream->watch || stream->ended);
}

void api_stream_close(struct api_stream *stream) {
	json_stream_close(&stream->json);
	json_reader_close(&stream->reader);
	stream->object = object_unref(stream->object);
	api_status_release(&stream->status);
	schema_free(&BOOKMARK, &stream->bookmark);
	schema_free(&LIST_METADATA, stream);
}

/* ---- status and version ---- */

struct status_reading {
	struct json_reader reader;
	bool done;
};

static int take_status(void *context, enum json_token token, const char *text, size_t length) {
	struct status_reading *reading = context;
	if (!reading->done)
		reading->done = json_reader_take(&reading->reader, token, text, length);
	return 0;
}

void api_status_read(const char *body, size_t length, struct api_status *ret_status) {
	struct vpc_error ignored;
	struct status_reading reading = {0};
	struct json_stream json;
	*ret_status = (struct api_status){0};
	json_reader_open(&reading.reader, &STATUS, ret_status, "v1", "Status");
	json_stream_open(&json, take_status, &reading);
	if (json_stream_feed(&json, body, length, &ignored) < 0 || !reading.done || *reading.reader.error.text)
		api_status_release(ret_status);
	json_stream_close(&json);
	json_reader_close(&reading.reader);
}

int api_version_compare(const char *left, const char *right) {
	left += strspn(left, "0");
	right += strspn(right, "0");
	size_t a = strlen(left), b = strlen(right);
	int order = a == b ? strcmp(left, right) : a < b ? -1 : 1;
	return (order > 0) - (order < 0);
}
