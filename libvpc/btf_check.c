// SPDX-License-Identifier: Apache-2.0
#include "btf_check.h"

#include <errno.h>
#include <linux/btf.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "error.h"

/* A section's types, walked twice: their number is known only at the end. */
struct types {
	const uint8_t *bytes;
	uint32_t length; /* bytes */
	uint32_t count;  /* with void, which is 0 */
	uint32_t string_length;
};

/* Bytes after struct btf_type; -1 for a kind that is not known. */
static int64_t detail_size(const struct btf_type *type) {
	int64_t count = BTF_INFO_VLEN(type->info);
	switch (BTF_INFO_KIND(type->info)) {
	case BTF_KIND_PTR:
	case BTF_KIND_FWD:
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_FUNC:
	case BTF_KIND_FLOAT:
	case BTF_KIND_TYPE_TAG: return 0;
	case BTF_KIND_INT:
	case BTF_KIND_VAR:
	case BTF_KIND_DECL_TAG: return 4;
	case BTF_KIND_ARRAY: return sizeof(struct btf_array);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION: return count * (int64_t)sizeof(struct btf_member);
	case BTF_KIND_ENUM: return count * (int64_t)sizeof(struct btf_enum);
	case BTF_KIND_FUNC_PROTO: return count * (int64_t)sizeof(struct btf_param);
	case BTF_KIND_DATASEC: return count * (int64_t)sizeof(struct btf_var_secinfo);
	case BTF_KIND_ENUM64: return count * 12;
	default: return -1;
	}
}

static bool has_inner_type(uint32_t kind) {
	switch (kind) {
	case BTF_KIND_PTR:
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_FUNC:
	case BTF_KIND_VAR:
	case BTF_KIND_DECL_TAG:
	case BTF_KIND_TYPE_TAG:
	case BTF_KIND_FUNC_PROTO: return true;
	default: return false;
	}
}

/* Where the entries after a type of this kind hold a name and a type id; -1: nowhere. */
struct entries {
	uint32_t stride;
	int name_at, type_at;
};

static struct entries entries_of(uint32_t kind) {
	switch (kind) {
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return (struct entries){sizeof(struct btf_member), offsetof(struct btf_member, name_off), offsetof(struct btf_member, type)};
	case BTF_KIND_ENUM: return (struct entries){sizeof(struct btf_enum), offsetof(struct btf_enum, name_off), -1};
	case BTF_KIND_ENUM64: return (struct entries){sizeof(struct btf_enum64), offsetof(struct btf_enum64, name_off), -1};
	case BTF_KIND_FUNC_PROTO:
		return (struct entries){sizeof(struct btf_param), offsetof(struct btf_param, name_off), offsetof(struct btf_param, type)};
	case BTF_KIND_DATASEC: return (struct entries){sizeof(struct btf_var_secinfo), -1, offsetof(struct btf_var_secinfo, type)};
	default: return (struct entries){0, -1, -1};
	}
}

static uint32_t word_at(const uint8_t *bytes) {
	uint32_t word;
	memcpy(&word, bytes, sizeof word);
	return word;
}

static bool are_references_valid(const struct types *types, const struct btf_type *type, const uint8_t *details) {
	uint32_t kind = BTF_INFO_KIND(type->info);
	struct entries entries = entries_of(kind);
	if (type->name_off >= types->string_length || (has_inner_type(kind) && type->type >= types->count))
		return false;
	if (kind == BTF_KIND_ARRAY)
		return word_at(details + offsetof(struct btf_array, type)) < types->count &&
		       word_at(details + offsetof(struct btf_array, index_type)) < types->count;
	for (uint32_t i = 0; entries.stride && i < BTF_INFO_VLEN(type->info); i++) {
		const uint8_t *entry = details + i * entries.stride;
		if (entries.name_at >= 0 && word_at(entry + entries.name_at) >= types->string_length)
			return false;
		if (entries.type_at >= 0 && word_at(entry + entries.type_at) >= types->count)
			return false;
	}
	return true;
}

/* Counts the types if types->count is 0, else holds what they refer to against it. */
static int walk_types(const char *object, const struct types *types, uint32_t *ret_count, struct vpc_error *error) {
	uint32_t id = 1;
	for (uint32_t at = 0; at < types->length; id++) {
		struct btf_type type;
		if (types->length - at < sizeof type)
			return vpc_fail(error, -EINVAL, "%s: section .BTF: type %u is truncated", object, id);
		memcpy(&type, types->bytes + at, sizeof type);
		at += sizeof type;
		int64_t size = detail_size(&type);
		if (size < 0)
			return vpc_fail(error, -EINVAL, "%s: section .BTF: type %u is of unknown kind %u", object, id, BTF_INFO_KIND(type.info));
		if (size > (int64_t)(types->length - at))
			return vpc_fail(error, -EINVAL, "%s: section .BTF: type %u is truncated", object, id);
		if (types->count && !are_references_valid(types, &type, types->bytes + at))
			return vpc_fail(error, -EINVAL, "%s: section .BTF: type %u names what is not there", object, id);
		at += (uint32_t)size;
	}
	*ret_count = id;
	return 0;
}

int vpc_btf_check(const char *object, const void *bytes, size_t length, struct vpc_error *error) {
	struct btf_header header;
	if (length < sizeof header)
		return vpc_fail(error, -EINVAL, "%s: section .BTF: %zu bytes are too few", object, length);
	memcpy(&header, bytes, sizeof header);
	if (header.magic != BTF_MAGIC || header.version != BTF_VERSION || header.hdr_len < sizeof header || header.hdr_len > length)
		return vpc_fail(error, -EINVAL, "%s: section .BTF: its header is malformed", object);
	size_t room = length - header.hdr_len;
	if (header.type_off > room || room - header.type_off < header.type_len || header.str_off > room ||
	    room - header.str_off < header.str_len || header.type_off % 4)
		return vpc_fail(error, -EINVAL, "%s: section .BTF: types or strings lie outside its %zu bytes", object, length);
	const uint8_t *data = (const uint8_t *)bytes + header.hdr_len, *strings = data + header.str_off;
	if (header.str_len == 0 || strings[0] || strings[header.str_len - 1])
		return vpc_fail(error, -EINVAL, "%s: section .BTF: its strings do not start and end with NUL", object);

	struct types types = {data + header.type_off, header.type_len, 0, header.str_len};
	int result = walk_types(object, &types, &types.count, error);
	return result < 0 ? result : walk_types(object, &types, &types.count, error);
}
