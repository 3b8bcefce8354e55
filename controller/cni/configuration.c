// SPDX-License-Identifier: Apache-2.0
#include "configuration.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "../cni_protocol.h"

#define DEEPEST 64

struct text {
	const char *start, *at, *end;
	struct cni_error *error;
};

/* A string as it stands in the text, without its quotes. */
struct span {
	const char *bytes;
	size_t length;
	bool has_escapes;
};

/* Where a word of ours goes. */
struct word {
	const char *name;
	char *target;
	size_t size;
	bool is_path, seen;
};

static int broken(struct text *text, const char *expected) {
	return cni_fail(text->error, CNI_UNDECODABLE, "network configuration: byte %zu: expected %s", (size_t)(text->at - text->start), expected);
}

static void skip_blanks(struct text *text) {
	while (text->at < text->end && memchr(" \t\r\n", *text->at, 4))
		text->at++;
}

/* The next character that is no blank, or 0 at the end. */
static char peek(struct text *text) {
	skip_blanks(text);
	return text->at < text->end ? *text->at : 0;
}

static bool take(struct text *text, char wanted) {
	if (peek(text) != wanted || text->at == text->end)
		return false;
	text->at++;
	return true;
}

static int read_escape(struct text *text) {
	text->at++;
	if (text->at == text->end || !memchr("\"\\/bfnrtu", *text->at, 9))
		return broken(text, "an escape of JSON");
	if (*text->at++ != 'u')
		return 0;
	for (int i = 0; i < 4; i++, text->at++)
		if (text->at == text->end || !isxdigit((unsigned char)*text->at))
			return broken(text, "four hexadecimal digits");
	return 0;
}

static int read_string(struct text *text, struct span *ret_span) {
	struct span span = {0};
	if (!take(text, '"'))
		return broken(text, "a string");
	span.bytes = text->at;
	while (text->at < text->end && *text->at != '"') {
		int code = 0;
		if ((unsigned char)*text->at < 0x20)
			return broken(text, "no control character in a string");
		if (*text->at == '\\') {
			span.has_escapes = true;
			code = read_escape(text);
		} else {
			text->at++;
		}
		if (code)
			return code;
	}
	if (text->at == text->end)
		return broken(text, "the end of a string");
	span.length = text->at - span.bytes;
	text->at++;
	*ret_span = span;
	return 0;
}

static int read_digits(struct text *text) {
	if (text->at == text->end || !isdigit((unsigned char)*text->at))
		return broken(text, "a digit");
	while (text->at < text->end && isdigit((unsigned char)*text->at))
		text->at++;
	return 0;
}

static int read_number(struct text *text) {
	if (*text->at == '-')
		text->at++;
	bool leading_zero = text->at < text->end && *text->at == '0';
	const char *first = text->at;
	int code = read_digits(text);
	if (!code && leading_zero && text->at - first > 1)
		return broken(text, "a number without leading zero");
	if (!code && text->at < text->end && *text->at == '.') {
		text->at++;
		code = read_digits(text);
	}
	if (!code && text->at < text->end && (*text->at == 'e' || *text->at == 'E')) {
		text->at++;
		if (text->at < text->end && (*text->at == '+' || *text->at == '-'))
			text->at++;
		code = read_digits(text);
	}
	return code;
}

static int read_literal(struct text *text, const char *literal) {
	size_t length = strlen(literal);
	if ((size_t)(text->end - text->at) < length || memcmp(text->at, literal, length) != 0)
		return broken(text, "a value");
	text->at += length;
	return 0;
}

static bool spells(const struct span *span, const char *name) {
	return span->length == strlen(name) && memcmp(span->bytes, name, span->length) == 0;
}

static int keep_word(struct text *text, struct word *word) {
	struct span value;
	if (word->seen)
		return cni_fail(text->error, CNI_INVALID_CONFIGURATION, "network configuration: \"%s\" stands twice", word->name);
	if (peek(text) != '"')
		return cni_fail(text->error, CNI_INVALID_CONFIGURATION, "network configuration: \"%s\" must be a string", word->name);
	int code = read_string(text, &value);
	if (code)
		return code;
	if (value.has_escapes)
		return cni_fail(text->error, CNI_INVALID_CONFIGURATION, "network configuration: \"%s\" must be written without backslashes", word->name);
	if (value.length >= word->size)
		return cni_fail(text->error, CNI_INVALID_CONFIGURATION, "network configuration: \"%s\" is longer than %zu bytes", word->name, word->size - 1);
	if (word->is_path && (value.length < 2 || value.bytes[0] != '/'))
		return cni_fail(text->error, CNI_INVALID_CONFIGURATION, "network configuration: \"%s\" must be an absolute path", word->name);
	memcpy(word->target, value.bytes, value.length);
	word->target[value.length] = 0;
	word->seen = true;
	return 0;
}

static int read_value(struct text *text, int depth);

/* words: those looked for, ended by a name of NULL; NULL inside nested objects, whose contents are not ours. */
static int read_object(struct text *text, int depth, struct word *words) {
	if (!take(text, '{'))
		return broken(text, "an object");
	if (take(text, '}'))
		return 0;
	do {
		struct span name;
		struct word *word = words;
		int code = read_string(text, &name);
		if (code)
			return code;
		if (!take(text, ':'))
			return broken(text, "':'");
		while (word && word->name && !spells(&name, word->name))
			word++;
		code = word && word->name ? keep_word(text, word) : read_value(text, depth);
		if (code)
			return code;
	} while (take(text, ','));
	return take(text, '}') ? 0 : broken(text, "',' or '}'");
}

static int read_array(struct text *text, int depth) {
	text->at++;
	if (take(text, ']'))
		return 0;
	do {
		int code = read_value(text, depth);
		if (code)
			return code;
	} while (take(text, ','));
	return take(text, ']') ? 0 : broken(text, "',' or ']'");
}

static int read_value(struct text *text, int depth) {
	struct span ignored;
	if (depth == DEEPEST)
		return broken(text, "at most 64 levels");
	switch (peek(text)) {
	case '{': return read_object(text, depth + 1, NULL);
	case '[': return read_array(text, depth + 1);
	case '"': return read_string(text, &ignored);
	case 't': return read_literal(text, "true");
	case 'f': return read_literal(text, "false");
	case 'n': return read_literal(text, "null");
	case '-':
	case '0' ... '9': return read_number(text);
	default: return broken(text, "a value");
	}
}

struct cni_configuration cni_configuration_default(void) {
	return (struct cni_configuration){.socket = VPC_CNI_SOCKET, .queue = VPC_CNI_QUEUE};
}

int cni_configuration_read(const char *bytes, size_t length, struct cni_configuration *ret_configuration, struct cni_error *error) {
	struct cni_configuration configuration = cni_configuration_default();
	struct word words[] = {
		{"cniVersion", configuration.version, sizeof configuration.version, false, false},
		{"socket", configuration.socket, sizeof configuration.socket, true, false},
		{"queue", configuration.queue, sizeof configuration.queue, true, false},
		{0},
	};
	struct text text = {bytes, bytes, bytes + length, error};
	int code = read_object(&text, 0, words);
	if (!code && (peek(&text), text.at < text.end))
		code = broken(&text, "nothing after the object");
	if (!code)
		*ret_configuration = configuration;
	return code;
}
