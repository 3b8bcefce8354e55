// SPDX-License-Identifier: Apache-2.0
/* Objects as JSON: strict, whatever pieces the bytes come in; and lists and watches of them. */
#include "kubernetes/api_stream.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define VPC(spec) "{\"apiVersion\":\"libvpc.io/v1alpha1\",\"kind\":\"VPC\",\"metadata\":{\"name\":\"red\"},\"spec\":" spec "}"
#define GOOD "{\"encapsulation\":\"vxlan\",\"namespaces\":[\"*\"]}"
#define POD(metadata) "{\"metadata\":{\"name\":\"a\",\"namespace\":\"b\"" metadata "},\"spec\":{\"nodeName\":\"n\",\"containers\":[{\"x\":[1,{}]}]}}"

static const struct {
	const char *description;
	enum kind kind;
	const char *text;
	int result;
	const char *says;
} CASES[] = {
	{"a VPC", KIND_VPC, VPC(GOOD), 0, NULL},
	{"blanks everywhere", KIND_VPC, " \t\r\n{ \"metadata\" : { \"name\" : \"a\" } , \"spec\" : " GOOD " } \n", 0, NULL},
	{"fields of others in a Pod", KIND_POD, POD(",\"managedFields\":[{\"f\":{\"g\":[null,true,-1.5e+3]}}]"), 0, NULL},
	{"null for what may be left out", KIND_VPC, VPC("{\"encapsulation\":\"vxlan\",\"namespaces\":[\"*\"],\"allow\":null,\"id\":null}"), 0, NULL},
	{"null for what is required", KIND_VPC, VPC("{\"encapsulation\":null,\"namespaces\":[\"*\"]}"), -EINVAL, "VPC red: spec.encapsulation: must be a text"},
	{"escapes", KIND_POD, POD(",\"annotations\":{\"a\":\"\\u00e9\\ud83d\\ude00\\n\\/\\\\\"}"), 0, NULL},
	{"unknown field", KIND_VPC, VPC("{\"encapsulation\":\"vxlan\",\"namespaces\":[],\"cidr\":{\"a\":[1]}}"), -EINVAL, "VPC red: spec: there is no field 'cidr'"},
	{"missing field", KIND_VPC, VPC("{\"encapsulation\":\"vxlan\"}"), -EINVAL, "spec: 'namespaces' is missing"},
	{"no spec", KIND_VPC, "{\"metadata\":{\"name\":\"red\"}}", -EINVAL, "'spec' is missing"},
	{"field twice", KIND_VPC, VPC("{\"encapsulation\":\"vxlan\",\"encapsulation\":\"vlan\",\"namespaces\":[]}"), -EINVAL, "spec.encapsulation: stands there twice"},
	{"no such choice", KIND_VPC, VPC("{\"encapsulation\":\"geneve\",\"namespaces\":[]}"), -EINVAL, "not one of vxlan|vlan"},
	{"id as a text", KIND_VPC, VPC("{\"encapsulation\":\"vxlan\",\"namespaces\":[],\"id\":\"5\"}"), -EINVAL, "spec.id: must be an integer"},
	{"id with a fraction", KIND_VPC, VPC("{\"encapsulation\":\"vxlan\",\"namespaces\":[],\"id\":5.0}"), -EINVAL, "not an integer"},
	{"id with an exponent", KIND_VPC, VPC("{\"encapsulation\":\"vxlan\",\"namespaces\":[],\"id\":1e3}"), -EINVAL, "not an integer"},
	{"id beyond 64 bits", KIND_VPC, VPC("{\"encapsulation\":\"vxlan\",\"namespaces\":[],\"id\":99999999999999999999}"), -EINVAL, "not within"},
	{"host bits in a list in a list", KIND_VPC, VPC("{\"encapsulation\":\"vxlan\",\"namespaces\":[],\"allow\":[{\"cidr\":\"10.0.0.0/8\"},{\"cidr\":\"10.0.0.1/8\"}]}"), -EINVAL, "spec.allow[1].cidr: '10.0.0.1/8'"},
	{"endPort below port", KIND_VPC, VPC("{\"encapsulation\":\"vxlan\",\"namespaces\":[],\"allow\":[{\"cidr\":\"0.0.0.0/0\",\"ports\":[{\"port\":9,\"endPort\":8}]}]}"), -EINVAL, "spec.allow[0].ports[0].endPort"},
	{"a list in place of an object", KIND_VPC, VPC("[]"), -EINVAL, "spec: must be an object"},
	{"a text in place of a list", KIND_VPC, VPC("{\"encapsulation\":\"vxlan\",\"namespaces\":\"*\"}"), -EINVAL, "spec.namespaces: must be a list"},
	{"an object in a list of texts", KIND_VPC, VPC("{\"encapsulation\":\"vxlan\",\"namespaces\":[\"a\",{\"b\":[]}]}"), -EINVAL, "spec.namespaces[1]: must be a text"},
	{"a NUL in a text", KIND_POD, POD(",\"annotations\":{\"a\":\"b\\u0000c\"}"), -EINVAL, "metadata.annotations[a]: has a NUL"},
	{"annotation as a number", KIND_POD, POD(",\"annotations\":{\"a\":1}"), -EINVAL, "Pod b/a: metadata.annotations[a]: must be a text"},
	{"annotation twice", KIND_POD, POD(",\"annotations\":{\"a\":\"b\",\"a\":\"c\"}"), -EINVAL, "twice"},
	{"another kind", KIND_POD, VPC(GOOD), -EINVAL, "'libvpc.io/v1alpha1' stands there, not v1"},
	{"name with a slash", KIND_POD, "{\"metadata\":{\"name\":\"../a\",\"namespace\":\"b\"}}", -EINVAL, "metadata.name"},
	{"not an object", KIND_VPC, "[1]", -EINVAL, "must be an object"},
	{"two objects", KIND_VPC, VPC(GOOD) VPC(GOOD), -EBADMSG, "more follows"},
	{"cut off", KIND_VPC, "{\"metadata\":{", -EBADMSG, "cut off"},
	{"nothing", KIND_VPC, "", -EBADMSG, "cut off"},
	{"trailing comma", KIND_VPC, "{\"metadata\":{\"name\":\"a\",},\"spec\":" GOOD "}", -EBADMSG, "ends nothing"},
	{"trailing comma in a list", KIND_VPC, VPC("{\"encapsulation\":\"vxlan\",\"namespaces\":[\"a\",]}"), -EBADMSG, "ends nothing"},
	{"brackets crossed", KIND_VPC, "{\"a\":[}]", -EBADMSG, "ends nothing"},
	{"no colon", KIND_VPC, "{\"a\" 1}", -EBADMSG, "value is not expected"},
	{"no comma", KIND_VPC, "{\"a\":1 \"b\":2}", -EBADMSG, "value is not expected"},
	{"key that is no text", KIND_VPC, "{1:2}", -EBADMSG, "value is not expected"},
	{"leading zero", KIND_VPC, "{\"a\":01}", -EBADMSG, "'01' is no value"},
	{"plus", KIND_VPC, "{\"a\":+1}", -EBADMSG, "unexpected byte"},
	{"dot without digits", KIND_VPC, "{\"a\":1.}", -EBADMSG, "no value"},
	{"exponent without digits", KIND_VPC, "{\"a\":1e}", -EBADMSG, "no value"},
	{"NaN", KIND_VPC, "{\"a\":NaN}", -EBADMSG, "no value"},
	{"True", KIND_VPC, "{\"a\":True}", -EBADMSG, "no value"},
	{"a long word", KIND_VPC, "{\"a\":trueeeeee}", -EBADMSG, "no value"},
	{"single quotes", KIND_VPC, "{'a':1}", -EBADMSG, "value is not expected"},
	{"a comment", KIND_VPC, "{/* */}", -EBADMSG, "value is not expected"},
	{"unknown escape", KIND_VPC, "{\"a\":\"\\x\"}", -EBADMSG, "unknown escape"},
	{"short \\u", KIND_VPC, "{\"a\":\"\\u12g4\"}", -EBADMSG, "hexadecimal"},
	{"half of a pair", KIND_VPC, "{\"a\":\"\\ud800\"}", -EBADMSG, "surrogate"},
	{"second half alone", KIND_VPC, "{\"a\":\"\\udc00\"}", -EBADMSG, "surrogate"},
	{"first half, then an escape", KIND_VPC, "{\"a\":\"\\ud800\\n\"}", -EBADMSG, "surrogate"},
	{"a line break in a text", KIND_VPC, "{\"a\":\"b\nc\"}", -EBADMSG, "control character"},
	{"a byte order mark", KIND_VPC, "\xef\xbb\xbf{}", -EBADMSG, "unexpected byte"},
};

static void reads_strictly(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
		struct object *object = NULL;
		struct vpc_error error = {""};
		print_message("  %s\n", CASES[i].description);
		assert_int_equal(json_read_object(CASES[i].kind, CASES[i].text, strlen(CASES[i].text), &object, &error), CASES[i].result);
		assert_int_equal(object == NULL, CASES[i].result < 0);
		if (CASES[i].says && !strstr(error.text, CASES[i].says))
			fail_msg("'%s' does not say '%s'", error.text, CASES[i].says);
		object_unref(object);
	}
}

static void keeps_every_bit(void **state) {
	struct object *object = NULL;
	struct vpc_error error = {""};
	const char *text = "{\"metadata\":{\"name\":\"a\",\"namespace\":\"b\",\"generation\":9223372036854775807,\"resourceVersion\":\"18446744073709551617\","
	                   "\"annotations\":{\"a\":\"\\u00e9\\ud83d\\ude00\"}}}";
	(void)state;
	assert_int_equal(json_read_object(KIND_POD, text, strlen(text), &object, &error), 0);
	assert_true(object->metadata.generation == INT64_MAX);
	assert_string_equal(object->metadata.resource_version, "18446744073709551617");
	assert_string_equal(map_get(&object->metadata.annotations, "a"), "\xc3\xa9\xf0\x9f\x98\x80");
	object_unref(object);
}

static void compares_versions_of_any_length(void **state) {
	static const struct {
		const char *left, *right;
		int order;
	} PAIRS[] = {{"9", "10", -1}, {"10", "9", 1}, {"10", "10", 0}, {"010", "10", 0}, {"0", "1", -1}, {"18446744073709551616", "18446744073709551615", 1}};
	(void)state;
	for (size_t i = 0; i < sizeof PAIRS / sizeof *PAIRS; i++)
		assert_int_equal(api_version_compare(PAIRS[i].left, PAIRS[i].right), PAIRS[i].order);
}

static void writes_what_it_reads(void **state) {
	struct buffer text = {0}, again_text = {0};
	struct object *object = NULL;
	struct vpc_error error = {""};
	const char *good = VPC("{\"encapsulation\":\"vxlan\",\"id\":77,\"namespaces\":[\"a\\\"b\\\\\",\"c\"],\"allow\":[{\"cidr\":\"10.0.0.0/8\",\"ports\":[{\"port\":1},{\"protocol\":\"ICMP\"}]}]}");
	(void)state;
	assert_int_equal(json_read_object(KIND_VPC, good, strlen(good), &object, &error), -EINVAL); /* no name of a namespace */
	good = VPC("{\"encapsulation\":\"vxlan\",\"id\":77,\"namespaces\":[\"a\",\"c\"],\"allow\":[{\"cidr\":\"10.0.0.0/8\",\"ports\":[{\"port\":1},{\"protocol\":\"ICMP\"}]}]}");
	assert_int_equal(json_read_object(KIND_VPC, good, strlen(good), &object, &error), 0);
	map_set(&object->metadata.annotations, "quote \" and \\", "line \n and tab \t");
	json_write_object(&text, object);
	object_unref(object);
	assert_int_equal(json_read_object(KIND_VPC, text.bytes, text.length, &object, &error), 0);
	assert_string_equal(map_get(&object->metadata.annotations, "quote \" and \\"), "line \n and tab \t");
	json_write_object(&again_text, object);
	assert_string_equal(text.bytes, again_text.bytes);
	object_unref(object);
	buffer_release(&text);
	buffer_release(&again_text);
}

static void writes_nulls_for_a_merge_patch(void **state) {
	struct buffer text = {0};
	struct object *object = object_new(KIND_NETWORK_ID, NULL, "vxlan-5");
	(void)state;
	json_write_fields(&text, kind_field(KIND_NETWORK_ID, "status")->nested, object, true);
	assert_string_equal(text.bytes, "{\"releasedAt\":null}");
	buffer_release(&text);
	object_unref(object);
}

/* ---- streams ---- */

#define NODE(name) "{\"metadata\":{\"name\":\"" name "\",\"resourceVersion\":\"7\"}}"
#define EVENT(type, object) "{\"type\":\"" type "\",\"object\":" object "}\n"

static const struct {
	const char *description;
	bool watch;
	const char *text;
	int result;
	bool complete;
	const char *seen; /* "+" listed or added, "~" modified, "-" deleted, "*" bookmark, "!" error, "?" does not fit */
} STREAMS[] = {
	{"a list", false, "{\"kind\":\"NodeList\",\"metadata\":{\"resourceVersion\":\"9\"},\"items\":[" NODE("a") "," NODE("b") "]}", 0, true, "+a+b"},
	{"a list whose version comes last", false, "{\"items\":[" NODE("a") "],\"x\":[{\"y\":1}],\"metadata\":{\"resourceVersion\":\"9\"}}\n", 0, true, "+a"},
	{"an empty list", false, "{\"metadata\":{\"resourceVersion\":\"9\"},\"items\":[]}", 0, true, ""},
	{"no items", false, "{\"metadata\":{\"resourceVersion\":\"9\"},\"items\":null}", 0, true, ""},
	{"one of a list does not fit", false, "{\"metadata\":{\"resourceVersion\":\"9\"},\"items\":[" NODE("a") ",{\"metadata\":{\"name\":\"b\",\"labels\":[]}}," NODE("c") "]}", 0, true, "+a?b+c"},
	{"numbers in a list", false, "{\"metadata\":{\"resourceVersion\":\"9\"},\"items\":[1,\"a\"," NODE("c") "]}", 0, true, "??+c"},
	{"a list without a version", false, "{\"items\":[" NODE("a") "]}", -EBADMSG, false, "+a"},
	{"a list cut off", false, "{\"metadata\":{\"resourceVersion\":\"9\"},\"items\":[" NODE("a") ",", 0, false, "+a"},
	{"something after a list", false, "{\"metadata\":{\"resourceVersion\":\"9\"},\"items\":[]}{}", -EBADMSG, true, ""},
	{"no list", false, "[]", -EBADMSG, false, ""},
	{"events", true, EVENT("ADDED", NODE("a")) EVENT("MODIFIED", NODE("a")) EVENT("DELETED", NODE("a")), 0, true, "+a~a-a"},
	{"a bookmark", true, EVENT("BOOKMARK", "{\"metadata\":{\"resourceVersion\":\"12\"}}"), 0, true, "*12"},
	{"a bookmark without a version", true, EVENT("BOOKMARK", "{\"metadata\":{}}"), -EBADMSG, false, ""},
	{"an error", true, EVENT("ERROR", "{\"code\":410,\"reason\":\"Expired\"}"), -EREMOTEIO, false, "!410"},
	{"an event cut off", true, EVENT("ADDED", NODE("a")) "{\"type\":\"ADDED\",\"obj", 0, false, "+a"},
	{"an unknown type", true, EVENT("CHANGED", NODE("a")), -EBADMSG, false, ""},
	{"an object before its type", true, "{\"object\":" NODE("a") ",\"type\":\"ADDED\"}", -EBADMSG, false, ""},
	{"an event without an object", true, "{\"type\":\"ADDED\"}", -EBADMSG, true, ""},
	{"an event that does not fit", true, EVENT("ADDED", "{\"metadata\":{\"name\":\"a\"},\"status\":5}") EVENT("ADDED", NODE("b")), 0, true, "?a+b"},
	{"an event of another kind", true, EVENT("ADDED", "{\"kind\":\"Pod\",\"metadata\":{\"name\":\"a\"}}"), -EBADMSG, false, ""},
	{"a value that is no event", true, "5 ", -EBADMSG, true, ""},
};

static int note(void *context, enum api_event event, struct object *object, const char *fault) {
	char *seen = context;
	size_t length = strlen(seen);
	const struct api_stream *stream = *(struct api_stream **)(seen + 64);
	if (event == API_BOOKMARK)
		sprintf(seen + length, "*%s", stream->bookmark.resource_version);
	else if (event == API_ERROR)
		sprintf(seen + length, "!%d", (int)stream->status.code);
	else
		sprintf(seen + length, "%c%s", fault ? '?' : "++~-"[event], object->metadata.name ? object->metadata.name : "");
	return event == API_ERROR ? -EREMOTEIO : 0;
}

static void reads_streams_in_any_pieces(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof STREAMS / sizeof *STREAMS; i++)
		for (size_t piece = 1; piece < 40; piece += 6) {
			struct api_stream stream;
			struct {
				char seen[64];
				struct api_stream *stream;
			} context = {"", &stream};
			struct vpc_error error = {""};
			int result = 0;
			size_t length = strlen(STREAMS[i].text);
			print_message("  %s, %zu bytes at a time\n", STREAMS[i].description, piece);
			api_stream_open(&stream, KIND_NODE, STREAMS[i].watch, false, note, &context);
			for (size_t at = 0; at < length && result == 0; at += piece)
				result = api_stream_feed(&stream, STREAMS[i].text + at, length - at < piece ? length - at : piece, &error);
			assert_int_equal(result, STREAMS[i].result);
			assert_string_equal(context.seen, STREAMS[i].seen);
			if (result == 0)
				assert_int_equal(api_stream_complete(&stream), STREAMS[i].complete);
			else
				assert_true(result != -EBADMSG || *error.text);
			api_stream_close(&stream);
		}
}

static void refuses_what_is_too_deep_or_too_long(void **state) {
	(void)state;
	for (int deep = 0; deep < 2; deep++) {
		struct api_stream stream;
		struct vpc_error error = {""};
		char ignored[72] = "";
		int result = 0;
		api_stream_open(&stream, KIND_NODE, true, false, note, ignored);
		assert_int_equal(api_stream_feed(&stream, "{\"type\":\"ADDED\",\"object\":{\"a\":", 30, &error), 0);
		if (!deep)
			result = api_stream_feed(&stream, "\"", 1, &error);
		for (int i = 0; i < 3 << 20 && result == 0; i++)
			result = api_stream_feed(&stream, deep ? "[" : "x", 1, &error);
		assert_int_equal(result, -EBADMSG);
		assert_non_null(strstr(error.text, deep ? "levels" : "bytes"));
		api_stream_close(&stream);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {cmocka_unit_test(reads_strictly), cmocka_unit_test(keeps_every_bit),
	    cmocka_unit_test(compares_versions_of_any_length), cmocka_unit_test(writes_what_it_reads), cmocka_unit_test(writes_nulls_for_a_merge_patch),
	    cmocka_unit_test(reads_streams_in_any_pieces), cmocka_unit_test(refuses_what_is_too_deep_or_too_long)};
	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
