// SPDX-License-Identifier: Apache-2.0
#include "json_stream.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum expectation { VALUE, VALUE_OR_END, KEY, KEY_OR_END, COLON, COMMA_OR_END };
enum lexeme { NOTHING, STRING, ESCAPE, UNICODE, NUMBER, WORD };

#define NUMBER_LIMIT 64
#define WORD_LIMIT 5

__attribute__((format(printf, 3, 4))) static int broken(
    const struct json_stream *stream, struct vpc_error *error, const char *format, ...) {
	char what[120];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(what, sizeof what, format, arguments);
	va_end(arguments);
	return fail(error, -EBADMSG, "no JSON at byte %" PRIu64 ": %s", stream->consumed, what);
}

static bool in_list(const struct json_stream *stream) {
	unsigned level = stream->depth - 1;
	return stream->lists[level / 8] & 1u << level % 8;
}

static int tell(struct json_stream *stream, enum json_token token) {
	const char *text = stream->text.length ? stream->text.bytes : "";
	return stream->visit(stream->context, token, text, stream->text.length);
}

static void end_value(struct json_stream *stream) {
	stream->expect = stream->depth ? COMMA_OR_END : VALUE;
	stream->text.length = 0;
}

static int begin_nest(struct json_stream *stream, bool list, struct vpc_error *error) {
	if (stream->depth == JSON_DEPTH_LIMIT)
		return broken(stream, error, "more than %d levels", JSON_DEPTH_LIMIT);
	uint8_t bit = 1u << stream->depth % 8, *bits = &stream->lists[stream->depth / 8];
	*bits = list ? *bits | bit : *bits & ~bit;
	stream->depth++;
	stream->expect = list ? VALUE_OR_END : KEY_OR_END;
	return tell(stream, list ? JSON_LIST : JSON_OBJECT);
}

static int end_nest(struct json_stream *stream, char byte, struct vpc_error *error) {
	bool list = byte == ']';
	bool may = stream->expect == COMMA_OR_END || stream->expect == (list ? VALUE_OR_END : KEY_OR_END);
	if (!stream->depth || !may || in_list(stream) != list)
		return broken(stream, error, "'%c' ends nothing", byte);
	stream->depth--;
	end_value(stream);
	return tell(stream, list ? JSON_LIST_END : JSON_OBJECT_END);
}

/* ---- words and numbers: they end where something else begins ---- */

static const char *skip_digits(const char *at) {
	while (isdigit((unsigned char)*at))
		at++;
	return at;
}

static bool is_number(const char *at) {
	at += *at == '-';
	const char *digits = at;
	at = skip_digits(at);
	if (at == digits || (*digits == '0' && at > digits + 1))
		return false;
	if (*at == '.') {
		digits = ++at;
		at = skip_digits(at);
		if (at == digits)
			return false;
	}
	if (*at == 'e' || *at == 'E') {
		at += 1 + (at[1] == '+' || at[1] == '-');
		digits = at;
		at = skip_digits(at);
		if (at == digits)
			return false;
	}
	return !*at;
}

static int end_bare(struct json_stream *stream, struct vpc_error *error) {
	static const char *const WORDS[] = {"true", "false", "null"};
	static const enum json_token TOKENS[] = {JSON_TRUE, JSON_FALSE, JSON_NULL};
	const char *text = stream->text.bytes;
	int result = -EBADMSG;
	bool known = false;
	if (stream->lexeme == NUMBER && (known = is_number(text)))
		result = tell(stream, JSON_NUMBER);
	for (size_t i = 0; i < 3 && !known; i++)
		if (!strcmp(text, WORDS[i])) {
			known = true;
			stream->text.length = 0;
			result = tell(stream, TOKENS[i]);
		}
	if (!known)
		return broken(stream, error, "'%.20s' is no value", text);
	stream->lexeme = NOTHING;
	end_value(stream);
	return result;
}

/* ---- strings ---- */

static int end_string(struct json_stream *stream) {
	stream->lexeme = NOTHING;
	if (!stream->text.bytes)
		buffer_append(&stream->text, "", 0);
	int result = tell(stream, stream->key ? JSON_KEY : JSON_TEXT);
	if (stream->key) {
		stream->expect = COLON;
		stream->text.length = 0;
	} else {
		end_value(stream);
	}
	return result;
}

static void append_rune(struct json_stream *stream, uint32_t rune) {
	char bytes[4];
	size_t length = 0;
	if (rune < 0x80) {
		bytes[length++] = (char)rune;
	} else if (rune < 0x800) {
		bytes[length++] = (char)(0xc0 | rune >> 6);
		bytes[length++] = (char)(0x80 | (rune & 0x3f));
	} else if (rune < 0x10000) {
		bytes[length++] = (char)(0xe0 | rune >> 12);
		bytes[length++] = (char)(0x80 | (rune >> 6 & 0x3f));
		bytes[length++] = (char)(0x80 | (rune & 0x3f));
	} else {
		bytes[length++] = (char)(0xf0 | rune >> 18);
		bytes[length++] = (char)(0x80 | (rune >> 12 & 0x3f));
		bytes[length++] = (char)(0x80 | (rune >> 6 & 0x3f));
		bytes[length++] = (char)(0x80 | (rune & 0x3f));
	}
	buffer_append(&stream->text, bytes, length);
}

static int end_unit(struct json_stream *stream, struct vpc_error *error) {
	uint32_t unit = stream->unit;
	bool second = unit >= 0xdc00 && unit <= 0xdfff, first = unit >= 0xd800 && unit <= 0xdbff;
	stream->lexeme = STRING;
	if (second != (stream->high != 0))
		return broken(stream, error, "half of a surrogate pair");
	if (first) {
		stream->high = unit;
		return 0;
	}
	append_rune(stream, second ? 0x10000 + ((stream->high - 0xd800) << 10) + (unit - 0xdc00) : unit);
	stream->high = 0;
	return 0;
}

static int take_escape(struct json_stream *stream, char byte, struct vpc_error *error) {
	static const char NAMES[] = "\"\\/bfnrt", BYTES[] = "\"\\/\b\f\n\r\t";
	const char *found = byte ? strchr(NAMES, byte) : NULL;
	if (byte == 'u') {
		stream->lexeme = UNICODE;
		stream->unit = stream->digits = 0;
		return 0;
	}
	if (!found || stream->high)
		return broken(stream, error, found ? "half of a surrogate pair" : "an unknown escape");
	buffer_append(&stream->text, &BYTES[found - NAMES], 1);
	stream->lexeme = STRING;
	return 0;
}

static int take_hexadecimal(struct json_stream *stream, char byte, struct vpc_error *error) {
	if (!isxdigit((unsigned char)byte))
		return broken(stream, error, "\\u wants four hexadecimal digits");
	stream->unit = stream->unit << 4 | (uint32_t)(isdigit((unsigned char)byte) ? byte - '0' : (byte | 0x20) - 'a' + 10);
	return ++stream->digits == 4 ? end_unit(stream, error) : 0;
}

/* The part of a string that means itself, as much as there is. */
static size_t take_plain(struct json_stream *stream, const char *bytes, size_t length) {
	size_t count = 0;
	while (count < length && (unsigned char)bytes[count] >= ' ' && bytes[count] != '"' && bytes[count] != '\\')
		count++;
	buffer_append(&stream->text, bytes, count);
	return count;
}

static int take_string(struct json_stream *stream, char byte, struct vpc_error *error) {
	if (stream->high && byte != '\\')
		return broken(stream, error, "half of a surrogate pair");
	if (byte == '"')
		return end_string(stream);
	if (byte != '\\')
		return broken(stream, error, "a control character in a text");
	stream->lexeme = ESCAPE;
	return 0;
}

/* ---- between tokens ---- */

static int begin_value(struct json_stream *stream, char byte, struct vpc_error *error) {
	if (stream->expect != VALUE && stream->expect != VALUE_OR_END)
		return broken(stream, error, "a value is not expected here");
	switch (byte) {
	case '{':
	case '[': return begin_nest(stream, byte == '[', error);
	case '"':
		stream->lexeme = STRING;
		stream->key = false;
		return 0;
	default:
		if (!isalnum((unsigned char)byte) && byte != '-')
			return broken(stream, error, "an unexpected byte 0x%02x", (unsigned char)byte);
		stream->lexeme = isalpha((unsigned char)byte) ? WORD : NUMBER;
		buffer_append(&stream->text, &byte, 1);
		return 0;
	}
}

static int take_structure(struct json_stream *stream, char byte, struct vpc_error *error) {
	switch (byte) {
	case ' ':
	case '\t':
	case '\r':
	case '\n': return 0;
	case '}':
	case ']': return end_nest(stream, byte, error);
	case ',':
		if (stream->expect != COMMA_OR_END)
			return broken(stream, error, "an unexpected comma");
		stream->expect = in_list(stream) ? VALUE : KEY;
		return 0;
	case ':':
		if (stream->expect != COLON)
			return broken(stream, error, "an unexpected colon");
		stream->expect = VALUE;
		return 0;
	case '"':
		if (stream->expect == KEY || stream->expect == KEY_OR_END) {
			stream->lexeme = STRING;
			stream->key = true;
			return 0;
		}
		return begin_value(stream, byte, error);
	default: return begin_value(stream, byte, error);
	}
}

static bool ends_bare(char byte) {
	return strchr(" \t\r\n,]}:\"[{", byte) != NULL;
}

/* Takes one byte or more. */
static int take(struct json_stream *stream, const char *bytes, size_t length, size_t *ret_taken, struct vpc_error *error) {
	int result = 0;
	*ret_taken = 1;
	switch (stream->lexeme) {
	case STRING:
		*ret_taken = stream->high ? 0 : take_plain(stream, bytes, length);
		if (stream->text.length > JSON_TEXT_LIMIT)
			return broken(stream, error, "a text of more than %u bytes", JSON_TEXT_LIMIT);
		if (*ret_taken)
			return 0;
		*ret_taken = 1;
		return take_string(stream, *bytes, error);
	case ESCAPE: return take_escape(stream, *bytes, error);
	case UNICODE: return take_hexadecimal(stream, *bytes, error);
	case NUMBER:
	case WORD:
		if (!ends_bare(*bytes)) {
			if (stream->text.length == (stream->lexeme == WORD ? WORD_LIMIT : NUMBER_LIMIT))
				return broken(stream, error, "'%.20s...' is no value", stream->text.bytes);
			buffer_append(&stream->text, bytes, 1);
			return 0;
		}
		result = end_bare(stream, error);
		return result < 0 ? result : take_structure(stream, *bytes, error);
	default: return take_structure(stream, *bytes, error);
	}
}

void json_stream_open(struct json_stream *stream, json_visit visit, void *context) {
	*stream = (struct json_stream){.visit = visit, .context = context, .expect = VALUE};
}

int json_stream_feed(struct json_stream *stream, const char *bytes, size_t length, struct vpc_error *error) {
	for (size_t taken; length; bytes += taken, length -= taken) {
		int result = take(stream, bytes, length, &taken, error);
		if (result < 0)
			return result;
		stream->consumed += taken;
	}
	return 0;
}

bool json_stream_complete(const struct json_stream *stream) {
	return stream->depth == 0 && stream->lexeme == NOTHING;
}

void json_stream_close(struct json_stream *stream) {
	buffer_release(&stream->text);
}
