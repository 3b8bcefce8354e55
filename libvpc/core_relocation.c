// SPDX-License-Identifier: Apache-2.0
#include "core_relocation.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "error.h"

/* .BTF.ext: tables of a record size and then, for each section, its name, a count and the records. Source: kernel's
 * Documentation/bpf/btf.rst. */
struct extension_header {
	uint16_t magic;
	uint8_t version, flags;
	uint32_t header_length;
	uint32_t table[6]; /* offset and length of func_info, line_info and CO-RE relocations */
};
#define SHORTEST_HEADER 24 /* without CO-RE */
#define SMALLEST_RECORD 8
#define LARGEST_RECORD 4096
#define BTF_MAGIC_NUMBER 0xeB9F

enum { FUNC_INFO, LINE_INFO, CORE, TABLES };
static const char *const TABLE_NAMES[TABLES] = {"func_info", "line_info", "core_relo"};

static uint32_t word_at(const uint8_t *bytes) {
	uint32_t word;
	memcpy(&word, bytes, sizeof word);
	return word;
}

typedef int visit_record(const char *section, const uint8_t *record, void *context);

static int each_record_in(const struct vpc_template *template, int table, const uint8_t *at, const uint8_t *end, visit_record *visit,
    void *context, struct vpc_error *error) {
	uint32_t record_size = word_at(at);
	if (record_size < SMALLEST_RECORD || record_size > LARGEST_RECORD || record_size % 4)
		return vpc_fail(
		    error, -EINVAL, "%s: section .BTF.ext: %s has records of %" PRIu32 " bytes", template->name, TABLE_NAMES[table], record_size);
	for (at += 4; at < end;) {
		if (end - at < 8 || word_at(at + 4) == 0 || (uint64_t)(end - at - 8) / record_size < word_at(at + 4))
			return vpc_fail(error, -EINVAL, "%s: section .BTF.ext: %s is truncated", template->name, TABLE_NAMES[table]);
		const char *name = btf__name_by_offset(template->btf, word_at(at));
		uint32_t count = word_at(at + 4);
		at += 8;
		for (uint32_t i = 0; i < count; i++, at += record_size) {
			int result = visit(name ? name : "", at, context);
			if (result)
				return result;
		}
	}
	return 0;
}

/* Visits the records of a table until one returns non-zero, which is returned. */
static int each_record(const struct vpc_template *template, int table, visit_record *visit, void *context, struct vpc_error *error) {
	size_t section = vpc_elf_find_section(&template->elf, ".BTF.ext");
	const uint8_t *bytes = section ? vpc_elf_section_bytes(&template->elf, section) : NULL;
	uint64_t size = section ? template->elf.sections[section].sh_size : 0;
	struct extension_header header = {0};
	if (!bytes || !template->btf)
		return 0;
	memcpy(&header, bytes, size < sizeof header ? size : sizeof header);
	if (size < SHORTEST_HEADER || header.magic != BTF_MAGIC_NUMBER || header.header_length < SHORTEST_HEADER || header.header_length > size)
		return vpc_fail(error, -EINVAL, "%s: section .BTF.ext: its header is malformed", template->name);
	if (table == CORE && header.header_length < sizeof header)
		return 0;

	uint64_t room = size - header.header_length;
	uint32_t offset = header.table[2 * table], length = header.table[2 * table + 1];
	if (length == 0)
		return 0;
	if (offset > room || room - offset < length || length < 4 || offset % 4)
		return vpc_fail(error, -EINVAL, "%s: section .BTF.ext: %s lies outside", template->name, TABLE_NAMES[table]);
	const uint8_t *start = bytes + header.header_length + offset;
	return each_record_in(template, table, start, start + length, visit, context, error);
}

struct place {
	const char *section;
	uint64_t offset;
};

static int is_place(const char *section, const uint8_t *record, void *context) {
	const struct place *place = context;
	return word_at(record) == place->offset && strcmp(section, place->section) == 0;
}

int vpc_core_relocation_check(
    const struct vpc_template *template, size_t section, uint64_t offset, const char *what, struct vpc_error *error) {
	struct place place = {vpc_elf_section_name(&template->elf, section), offset};
	int result = each_record(template, CORE, is_place, &place, error);
	return result <= 0
	           ? result
	           : vpc_fail(error, -EINVAL, "%s: %s: the instruction at %s+%" PRIu64 " is rewritten for the running kernel (CO-RE) as well",
	                 template->name, what, place.section, offset);
}

static int accept(const char *section, const uint8_t *record, void *context) {
	(void)section, (void)record, (void)context;
	return 0;
}

int vpc_btf_extension_check(const struct vpc_template *template, struct vpc_error *error) {
	int result = 0;
	for (int table = 0; table < TABLES && result == 0; table++)
		result = each_record(template, table, accept, NULL, error);
	return result;
}
