// SPDX-License-Identifier: Apache-2.0
#include "log.h"

#include <cjson/cJSON.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define JWT "eyJhbGciOiJSUzI1NiIsImtpZCI6IiJ9.eyJpc3MiOiJrdWJlcm5ldGVzIn0.c2lnbmF0dXJl"

static const struct {
	const char *description, *message, *written;
} CASES[] = {
	{"as it is", "VPC red: 4097", "VPC red: 4097"},
	{"a line more", "a\n2026-01-01T00:00:00.000Z error agent Forged: b", "a?2026-01-01T00:00:00.000Z error agent Forged: b"},
	{"colours of a terminal", "\x1b[31mred\x7f", "?[31mred?"},
	{"quotes", "he said \"no\\yes\"", "he said \"no\\yes\""},
	{"UTF-8", "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\xb3", "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\xb3"},
	{"a byte that is none", "a\xff" "b", "a?b"},
	{"cut in a character", "a\xe2\x82", "a??"},
	{"a surrogate", "\xed\xa0\x80", "???"},
	{"longer than needed", "\xc0\xaf\xe0\x80\xaf", "?????"},
	{"beyond Unicode", "\xf4\x90\x80\x80", "????"},
	{"a header that a server repeats", "HTTP 400: bad header 'Authorization: Bearer s3cret-token' of you", "HTTP 400: bad header 'Authorization: Bearer ***' of you"},
	{"in another case", "authorization: bearer abc", "authorization: bearer ***"},
	{"two of them", "Bearer a, Bearer bc", "Bearer *, Bearer **"},
	{"a service account's token", "token " JWT "!", "token ***!"},
	{"a word that begins like one", "eyJust", "eyJust"},
	{"a certificate or a key", "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END", "***"},
	{"a password", "Basic dXNlcjpwYXNzd29yZA==", "Basic ***"},
	{"no password", "Basic checks", "Basic checks"},
};

/* What log_event() writes, until the next call. */
static char *written(enum log_level level, const char *object, const char *message) {
	static char text[8192];
	FILE *file = tmpfile();
	int before = dup(STDERR_FILENO);
	dup2(fileno(file), STDERR_FILENO);
	log_event(level, object, "Reason", "%s", message);
	dup2(before, STDERR_FILENO);
	close(before);
	rewind(file);
	text[fread(text, 1, sizeof text - 1, file)] = '\0';
	fclose(file);
	return text;
}

static void writes_text(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
		print_message("  %s\n", CASES[i].description);
		const char *line = written(LOG_INFO, "VPC/red", CASES[i].message);
		assert_non_null(strstr(line, "Z info VPC/red Reason: "));
		const char *message = strstr(line, "Reason: ") + strlen("Reason: ");
		assert_int_equal(strlen(message), strlen(CASES[i].written) + 1);
		assert_memory_equal(message, CASES[i].written, strlen(CASES[i].written));
		assert_int_equal(line[strlen(line) - 1], '\n');
	}
}

static void leaves_out_what_is_below_the_level_and_counts_it(void **state) {
	(void)state;
	unsigned long before = log_count(LOG_DETAIL);
	assert_string_equal(written(LOG_DETAIL, "agent", "a"), "");
	assert_int_equal(log_count(LOG_DETAIL), before + 1);
	log_set_level(LOG_DETAIL);
	assert_string_not_equal(written(LOG_DETAIL, "agent", "a"), "");
	log_set_level(LOG_INFO);
}

static void cuts_what_is_too_long(void **state) {
	(void)state;
	static char message[100000], object[5000];
	memset(message, '"', sizeof message - 1);
	memset(object, '\\', sizeof object - 1);
	assert_true(strlen(written(LOG_ERROR, object, message)) < 4096);
}

/* Last: there is no way back to text. */
static void writes_json(void **state) {
	(void)state;
	log_set_json();
	cuts_what_is_too_long(state);
	for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
		print_message("  %s\n", CASES[i].description);
		cJSON *line = cJSON_Parse(written(LOG_WARNING, "Pod/a/\"b", CASES[i].message));
		assert_non_null(line);
		assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(line, "level")), "warning");
		assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(line, "object")), "Pod/a/\"b");
		assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(line, "reason")), "Reason");
		assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(line, "message")), CASES[i].written);
		assert_int_equal(strlen(cJSON_GetStringValue(cJSON_GetObjectItem(line, "time"))), strlen("2026-01-01T00:00:00.000Z"));
		assert_int_equal(cJSON_GetArraySize(line), 5);
		cJSON_Delete(line);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {cmocka_unit_test(writes_text), cmocka_unit_test(leaves_out_what_is_below_the_level_and_counts_it),
		cmocka_unit_test(cuts_what_is_too_long), cmocka_unit_test(writes_json)};
	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
