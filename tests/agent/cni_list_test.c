// SPDX-License-Identifier: Apache-2.0
#include "cni_list.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define HEAD "{\"cniVersion\": \"1.0.0\", \"name\": \"pods\", \"plugins\": ["
#define LIST(plugins) HEAD plugins "]}"
#define PTP "{\"type\": \"ptp\", \"ipam\": {\"type\": \"host-local\", \"plugins\": [{\"type\": \"no plugin\"}]}}"
#define OURS "{\"type\": \"vpc-cni\"}"

static const struct {
	const char *description;
	const char *text;
	const char *merged; /* NULL: nothing to change; "!...": refused, and the message has this in it */
	const char *removed; /* from the merged one (or from the text); NULL: the text again */
} CASES[] = {
	{"one plugin", LIST(PTP), LIST(PTP "," OURS), NULL},
	{"two, with blanks", LIST("\n  " PTP " ,\t{\"type\": \"portmap\"}\n"), LIST("\n  " PTP " ,\t{\"type\": \"portmap\"},\n  " OURS "\n"), NULL},
	{"there already", LIST(PTP "," OURS), NULL, LIST(PTP)},
	{"there, and others behind it", LIST(PTP "," OURS ",{\"type\": \"portmap\"}"), NULL, LIST(PTP ",{\"type\": \"portmap\"}")},
	{"tuning behind it", LIST(PTP ", " OURS ",  {\"type\": \"tuning\"}"), LIST(PTP ",  {\"type\": \"tuning\"}," OURS), LIST(PTP ",  {\"type\": \"tuning\"}")},
	{"bandwidth behind it", LIST(PTP "," OURS ",{\"type\": \"bandwidth\"}"), LIST(PTP ",{\"type\": \"bandwidth\"}," OURS), LIST(PTP ",{\"type\": \"bandwidth\"}")},
	{"twice", LIST(OURS "," PTP "," OURS), LIST(PTP "," OURS), LIST(PTP)},
	{"first", LIST(" " OURS ", " PTP), LIST(" " PTP ", " OURS), LIST(" " PTP)},
	{"another socket", LIST(PTP ",{\"type\":\"vpc-cni\",\"socket\":\"/x\"}"), LIST(PTP "," OURS), LIST(PTP)},
	{"fields of ours in another order, and of others", LIST(PTP ",{\"a\":1,\"type\":\"vpc-cni\",\"b\":{\"socket\":\"/x\"}}"), NULL, LIST(PTP)},
	{"numbers, escapes and characters stay", "{\"x\": 12345678901234567890.10, \"y\": \"\\u00e4\xc3\xa4\\/\", \"cniVersion\": \"0.3.1\", \"plugins\": [" PTP "]\n}\n\n",
		"{\"x\": 12345678901234567890.10, \"y\": \"\\u00e4\xc3\xa4\\/\", \"cniVersion\": \"0.3.1\", \"plugins\": [" PTP "," OURS "]\n}\n\n", NULL},
	{"version behind the plugins", "{\"plugins\":[" PTP "],\"cniVersion\":\"0.4.0\"}", "{\"plugins\":[" PTP "," OURS "],\"cniVersion\":\"0.4.0\"}", NULL},
	{"several versions", "{\"cniVersions\":[\"0.1.0\",\"1.1.0\"],\"plugins\":[" PTP "]}", "{\"cniVersions\":[\"0.1.0\",\"1.1.0\"],\"plugins\":[" PTP "," OURS "]}", NULL},
	{"a type that is written with escapes", LIST(PTP ",{\"type\":\"vpc\\u002dcni\"}"), NULL, LIST(PTP)},
	{"an old version", "{\"cniVersion\":\"0.2.0\",\"plugins\":[" PTP "]}", "!'0.2.0' is not supported", NULL},
	{"no version", "{\"plugins\":[" PTP "]}", "!cniVersion '' is not supported", NULL},
	{"no plugins", "{\"cniVersion\":\"1.0.0\"}", "!no list \"plugins\"", NULL},
	{"plugins are no list", "{\"cniVersion\":\"1.0.0\",\"plugins\":{}}", "!no list \"plugins\"", NULL},
	{"plugins twice", "{\"cniVersion\":\"1.0.0\",\"plugins\":[" PTP "],\"plugins\":[" PTP "]}", "!twice", NULL},
	{"an empty list", LIST(""), "!no main plugin", NULL},
	{"only ours", LIST(OURS), "!no main plugin", LIST("")},
	{"a plugin without type", LIST(PTP ",{}"), "!plugin 2 has no \"type\"", NULL},
	{"a type that is no text", LIST("{\"type\":1}"), "!plugin 1 has no \"type\"", NULL},
	{"a text among the plugins", LIST(PTP ",\"ptp\""), "!CNI specification", NULL},
	{"a list among the plugins", LIST("[" PTP "]"), "!CNI specification", NULL},
	{"empty", "", "!too early", NULL},
	{"blanks", " \n", "!too early", NULL},
	{"cut off", HEAD PTP, "!too early", NULL},
	{"a comma too much", LIST(PTP ","), "!byte", NULL},
	{"a comment", "// pods\n" LIST(PTP), "!byte", NULL},
	{"something behind", LIST(PTP) "x", "!", NULL},
	{"two lists", LIST(PTP) LIST(PTP), "!CNI specification", NULL},
	{"a list of lists", "[" LIST(PTP) "]", "!CNI specification", NULL},
	{"a text", "\"plugins\"", "!CNI specification", NULL},
};

static void is_buffer(const struct buffer *buffer, const char *text) {
	assert_int_equal(buffer->length, strlen(text));
	assert_string_equal(buffer->bytes, text);
}

static void puts_ours_into_the_list_and_takes_it_out(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
		const struct cni_entry entry = {0};
		struct buffer merged = {0}, removed = {0}, again = {0};
		struct vpc_error error = {""};
		const char *text = CASES[i].text, *wanted = CASES[i].merged;

		print_message("  %s\n", CASES[i].description);
		int result = cni_list_merge(text, strlen(text), &entry, &merged, &error);
		if (wanted && *wanted == '!') {
			assert_int_equal(result, -EBADMSG);
			assert_null(merged.bytes);
			assert_non_null(strstr(error.text, wanted + 1));
		} else {
			assert_int_equal(result, wanted ? 1 : 0);
			if (wanted)
				is_buffer(&merged, wanted);
			assert_int_equal(cni_list_merge(wanted ? wanted : text, strlen(wanted ? wanted : text), &entry, &again, &error), 0);
		}
		const char *from = merged.bytes ? merged.bytes : text;
		result = cni_list_remove(from, strlen(from), &removed, &error);
		if (result == 1)
			is_buffer(&removed, CASES[i].removed ? CASES[i].removed : text);
		else
			assert_true(!CASES[i].removed && !removed.bytes && (result == 0 || result == -EBADMSG));
		buffer_release(&merged);
		buffer_release(&removed);
	}
}

static void tells_where_the_agent_is(void **state) {
	(void)state;
	const struct cni_entry entry = {.socket = "/a \"b\"", .queue = "/q"};
	struct buffer merged = {0}, again = {0};
	struct vpc_error error = {""};
	assert_int_equal(cni_list_merge(LIST(PTP), strlen(LIST(PTP)), &entry, &merged, &error), 1);
	is_buffer(&merged, LIST(PTP ",{\"type\": \"vpc-cni\", \"socket\": \"/a \\\"b\\\"\", \"queue\": \"/q\"}"));
	assert_int_equal(cni_list_merge(merged.bytes, merged.length, &entry, &again, &error), 0);
	buffer_release(&merged);
}

static void makes_a_list_of_a_single_plugin(void **state) {
	(void)state;
	static const char SINGLE[] = "{\"cniVersion\": \"0.4.0\", \"name\": \"a\\\"b\", \"type\": \"bridge\", \"ipam\": {\"type\": \"x\"}}\n";
	char type[64];
	struct buffer list = {0}, untouched = {0};
	struct vpc_error error = {""};
	assert_int_equal(cni_list_of_single(SINGLE, strlen(SINGLE), &list, &error), 0);
	assert_non_null(strstr(list.bytes, SINGLE));
	assert_non_null(strstr(list.bytes, "\"cniVersion\": \"0.4.0\",\n  \"name\": \"a\\\"b\""));
	assert_int_equal(cni_list_main(list.bytes, list.length, type, &error), 0);
	assert_string_equal(type, "bridge");
	buffer_release(&list);
	assert_int_equal(cni_list_of_single(LIST(PTP), strlen(LIST(PTP)), &untouched, &error), -EBADMSG);
	assert_null(untouched.bytes);
}

int main(void) {
	const struct CMUnitTest tests[] = {cmocka_unit_test(puts_ours_into_the_list_and_takes_it_out), cmocka_unit_test(tells_where_the_agent_is),
		cmocka_unit_test(makes_a_list_of_a_single_plugin)};
	return cmocka_run_group_tests_name("cni list", tests, NULL, NULL);
}
