// SPDX-License-Identifier: Apache-2.0
//
// Objects that lie: each is refused with a message that names the object and the place, or opened; nothing else happens.
// What the sanitizers see is half of this test.
#include "scene.h"

#include <elf.h>

#define NAME "hostile.o"
#define EM_AMD64 62

struct object {
	uint8_t *bytes;
	size_t length;
};

static Elf64_Ehdr *header_of(struct object *object) {
	return (Elf64_Ehdr *)object->bytes;
}

static Elf64_Shdr *sections_of(struct object *object) {
	return (Elf64_Shdr *)(object->bytes + header_of(object)->e_shoff);
}

static const char *section_name(struct object *object, unsigned index) {
	return (const char *)object->bytes + sections_of(object)[header_of(object)->e_shstrndx].sh_offset + sections_of(object)[index].sh_name;
}

static Elf64_Shdr *section_named(struct object *object, const char *name) {
	for (unsigned i = 1; i < header_of(object)->e_shnum; i++)
		if (strcmp(section_name(object, i), name) == 0)
			return &sections_of(object)[i];
	fail_msg("the object has no section %s", name);
	return NULL;
}

static Elf64_Sym *symbol_named(struct object *object, const char *name) {
	Elf64_Shdr *table = section_named(object, ".symtab"), *strings = &sections_of(object)[table->sh_link];
	Elf64_Sym *symbols = (Elf64_Sym *)(object->bytes + table->sh_offset);
	for (size_t i = 0; i < table->sh_size / sizeof *symbols; i++)
		if (strcmp((const char *)object->bytes + strings->sh_offset + symbols[i].st_name, name) == 0)
			return &symbols[i];
	fail_msg("the object has no symbol %s", name);
	return NULL;
}

static Elf64_Rel *relocation_of(struct object *object) {
	return (Elf64_Rel *)(object->bytes + section_named(object, ".reltc")->sh_offset);
}

static uint32_t *btf_word(struct object *object, size_t index) {
	return (uint32_t *)(object->bytes + section_named(object, ".BTF")->sh_offset) + index;
}

#define LIES(X) \
	X("no ELF magic",                 header_of(o)->e_ident[1] = 'e',                      -EINVAL,  "ELF") \
	X("32-bit",                       header_of(o)->e_ident[EI_CLASS] = ELFCLASS32,        -ENOTSUP, "64-bit") \
	X("big-endian",                   header_of(o)->e_ident[EI_DATA] = ELFDATA2MSB,        -ENOTSUP, "little-endian") \
	X("wrong machine",                header_of(o)->e_machine = EM_AMD64,                  -ENOTSUP, "machine 62") \
	X("an executable",                header_of(o)->e_type = ET_EXEC,                      -ENOTSUP, "relocatable") \
	X("no sections",                  header_of(o)->e_shnum = 0,                           -EINVAL,  "section headers") \
	X("65535 sections",               header_of(o)->e_shnum = 65535,                       -EINVAL,  "section headers") \
	X("section headers of 63 bytes",  header_of(o)->e_shentsize = 63,                      -EINVAL,  "63 bytes") \
	X("section headers at the end",   header_of(o)->e_shoff = o->length,                   -EINVAL,  "section headers") \
	X("section headers wrap around",  header_of(o)->e_shoff = UINT64_MAX - 8,              -EINVAL,  "section headers") \
	X("section headers over header",  header_of(o)->e_shoff = 0,                           -EINVAL,  "") \
	X("names in section 0",           header_of(o)->e_shstrndx = 0,                        -EINVAL,  "names") \
	X("names beyond the sections",    header_of(o)->e_shstrndx = 9999,                     -EINVAL,  "9999") \
	X("names in the code",            header_of(o)->e_shstrndx = 3,                        -EINVAL,  "string table") \
	X("code beyond the end",          section_named(o, "tc")->sh_offset = o->length,       -EINVAL,  "beyond the end") \
	X("code that wraps around",       section_named(o, "tc")->sh_size = UINT64_MAX - 7,    -EINVAL,  "beyond the end") \
	X("code over the header",         section_named(o, "tc")->sh_offset = 8,               -EINVAL,  "overlap") \
	X("code over the data",           section_named(o, "tc")->sh_size += 8,                -EINVAL,  "overlap") \
	X("code over section headers",    section_named(o, "license")->sh_offset = header_of(o)->e_shoff + 9, -EINVAL, "overlap") \
	X("name beyond the names",        section_named(o, "tc")->sh_name = 1 << 30,           -EINVAL,  "name") \
	X("no end of the names",          o->bytes[sections_of(o)[header_of(o)->e_shstrndx].sh_offset + sections_of(o)[header_of(o)->e_shstrndx].sh_size - 1] = 'x', -EINVAL, "NUL") \
	X("a huge .bss",                  section_named(o, ".bss")->sh_size = 1ull << 40,      -EINVAL,  "more than a map") \
	X("an executable .bss",           section_named(o, ".bss")->sh_flags |= SHF_EXECINSTR, -EINVAL, "executable") \
	X("no symbols",                   section_named(o, ".symtab")->sh_type = SHT_PROGBITS, -ENOTSUP, "symbol table") \
	X("symbols of 23 bytes",          section_named(o, ".symtab")->sh_entsize = 23,        -EINVAL,  "23 bytes") \
	X("half a symbol",                section_named(o, ".symtab")->sh_size -= 1,           -EINVAL,  "symbol table") \
	X("names of symbols nowhere",     section_named(o, ".symtab")->sh_link = 77,           -EINVAL,  "77") \
	X("symbol's name beyond",         symbol_named(o, "data_1")->st_name = 1 << 30,        -EINVAL,  "beyond the string table") \
	X("symbol in no section",         symbol_named(o, "data_1")->st_shndx = 999,           -EINVAL,  "data_1") \
	X("symbol beyond its section",    symbol_named(o, "data_1")->st_value = 1ull << 40,    -EINVAL,  "data_1") \
	X("symbol that wraps around",     symbol_named(o, "data_1")->st_size = UINT64_MAX,     -EINVAL,  "data_1") \
	X("program of half instructions", symbol_named(o, "count_up")->st_size -= 4,           -EINVAL,  "count_up") \
	X("program between instructions", symbol_named(o, "count_up")->st_value += 4,          -EINVAL,  "count_up") \
	X("program that ends in an lddw", symbol_named(o, "count_up")->st_size = 8,            -EINVAL,  "count_up") \
	X("program in the data",          symbol_named(o, "count_up")->st_shndx = symbol_named(o, "data_1")->st_shndx, -EINVAL, "count_up") \
	X("type and symbol disagree",     symbol_named(o, "data_8")->st_size = 4,              -EINVAL,  "data_8") \
	X("relocations of 15 bytes",      section_named(o, ".reltc")->sh_entsize = 15,         -EINVAL,  "15 bytes") \
	X("relocates nothing",            section_named(o, ".reltc")->sh_info = 0,             -EINVAL,  ".reltc") \
	X("relocates beyond",             section_named(o, ".reltc")->sh_info = 999,           -EINVAL,  "999") \
	X("relocation by no symbol",      relocation_of(o)->r_info = ELF64_R_INFO(99999, 1),   -EINVAL,  "99999") \
	X("relocation beyond the code",   relocation_of(o)->r_offset = 1 << 30,                -EINVAL,  "offset") \
	X("relocation within an insn",    relocation_of(o)->r_offset += 4,                     -EINVAL,  "offset") \
	X("relocation wraps around",      relocation_of(o)->r_offset = UINT64_MAX - 7,         -EINVAL,  "offset") \
	X("BTF of another magic",         *btf_word(o, 0) = 0,                                 -EINVAL,  ".BTF") \
	X("BTF with a huge header",       *btf_word(o, 1) = UINT32_MAX,                        -EINVAL,  ".BTF") \
	X("BTF types beyond",             *btf_word(o, 3) = UINT32_MAX,                        -EINVAL,  ".BTF") \
	X("BTF strings beyond",           *btf_word(o, 4) = 1 << 30,                           -EINVAL,  ".BTF") \
	X("BTF without strings",          *btf_word(o, 5) = 0,                                 -EINVAL,  ".BTF") \
	X("BTF type of unknown kind",     *btf_word(o, 7) |= 31u << 24,                        -EINVAL,  "kind") \
	X("BTF name beyond",              *btf_word(o, 6) = 1 << 30,                           -EINVAL,  "type 1") \
	X("BTF type that is not there",   *btf_word(o, 8) = 1 << 30,                           -EINVAL,  "type 1") \
	X(".BTF.ext of another magic",    o->bytes[section_named(o, ".BTF.ext")->sh_offset] = 0, -EINVAL, ".BTF.ext") \
	X(".BTF.ext that is too short",   section_named(o, ".BTF.ext")->sh_size = 9,           -EINVAL,  ".BTF.ext")

/* Numbered, since a lie is code. */
enum { FIRST_LIE = __COUNTER__ };
#define AS_CASE(description_, lie_, result_, says_) case __COUNTER__ - FIRST_LIE - 1: lie_; *ret_description = description_; *ret_result = result_; *ret_says = says_; return true;

/* Tells the lie of that number; false if there are no more. */
static bool tell_lie(int number, struct object *o, const char **ret_description, int *ret_result, const char **ret_says) {
	switch (number) {
		LIES(AS_CASE)
	}
	return false;
}

static struct object copy_of(const uint8_t *bytes, size_t length) {
	struct object object = {malloc(length ? length : 1), length};
	memcpy(object.bytes, bytes, length);
	return object;
}

/* Opens a copy of exactly that length, so that a sanitizer sees every step beyond it. */
static int open_copy(const uint8_t *bytes, size_t length, struct vpc_error *error) {
	struct object object = copy_of(bytes, length);
	struct vpc_template *untouched = (void *)0x5a5a, *template = untouched;
	int result = vpc_template_open_memory(NAME, object.bytes, length, NULL, &template, error);
	free(object.bytes);
	if (result == 0)
		vpc_template_free(template);
	else
		assert_ptr_equal(template, untouched);
	return result;
}

static void names_each_lie(void **state) {
	size_t length;
	uint8_t *bytes = read_object("test_globals", &length);
	const char *description, *says;
	int expected, number = 0;
	(void)state;
	for (;; number++) {
		struct object object = copy_of(bytes, length);
		struct vpc_error error = {""};
		bool is_told = tell_lie(number, &object, &description, &expected, &says);
		int result = is_told ? open_copy(object.bytes, object.length, &error) : 0;
		free(object.bytes);
		if (!is_told)
			break;
		print_message("  %s\n", description);
		if (result != expected || !strstr(error.text, says) || strncmp(error.text, NAME ": ", strlen(NAME ": ")))
			fail_msg("%d, expected %d and '%s': %s", result, expected, says, error.text);
	}
	assert_true(number > 40);
	free(bytes);
}

static const char *const OBJECTS[] = {"test_globals", "test_constants", "test_placeholders"};

static void refuses_every_truncation(void **state) {
	(void)state;
	for (size_t i = 0; i < COUNT(OBJECTS); i++) {
		size_t length;
		uint8_t *bytes = read_object(OBJECTS[i], &length);
		for (size_t shorter = 0; shorter < length; shorter++) {
			struct vpc_error error = {""};
			if (open_copy(bytes, shorter, &error) == 0 || strncmp(error.text, NAME ": ", strlen(NAME ": ")))
				fail_msg("%s, cut to %zu of %zu bytes: '%s'", OBJECTS[i], shorter, length, error.text);
		}
		assert_int_equal(open_copy(bytes, length, NULL), 0);
		free(bytes);
	}
}

/* Opens what a changed byte left of the object; what opens is asked about, and written. */
static void survive(const uint8_t *bytes, size_t length) {
	const struct vpc_placeholder placeholder = {.name = "place", .constant = 0xFEDCBA98};
	const struct vpc_template_options options = {.size = sizeof options, .placeholders = &placeholder, .placeholder_count = 1};
	struct object object = copy_of(bytes, length);
	struct vpc_error error = {""};
	struct vpc_template *template = NULL;
	struct vpc_setting settings[MOST_SETTINGS];
	size_t count = 0;
	if (vpc_template_open_memory(NAME, object.bytes, length, &options, &template, &error))
		assert_true(error.text[0]);
	for (size_t i = 0; template && i < vpc_template_parameter_count(template) && count < MOST_SETTINGS; i++) {
		const struct vpc_parameter *parameter = vpc_template_parameter(template, i);
		if (parameter->width <= VPC_VALUE_WIDTH)
			settings[count++] = (struct vpc_setting){.name = parameter->name, .value = {.bytes = {1}, .width = (uint8_t)parameter->width}};
	}
	void *patched = NULL;
	size_t patched_length;
	if (template && vpc_template_patch(template, settings, count, &patched, &patched_length, &error) == 0)
		free(patched);
	vpc_template_free(template);
	free(object.bytes);
}

static void survives_changed_bytes(void **state) {
	static const uint8_t CHANGES[] = {0x00, 0x01, 0x7f, 0xff};
	size_t length;
	uint8_t *bytes = read_object("test_placeholders", &length);
	(void)state;
	for (size_t at = 0; at < length; at++)
		for (size_t change = 0; change < COUNT(CHANGES); change++) {
			uint8_t before = bytes[at];
			bytes[at] = CHANGES[change];
			survive(bytes, length);
			bytes[at] = before;
		}
	free(bytes);
}

int main(int count, char **arguments) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_each_lie),
		cmocka_unit_test(refuses_every_truncation),
		cmocka_unit_test(survives_changed_bytes),
	};
	if (count > 1)
		object_directory = arguments[1];
	return cmocka_run_group_tests_name("hostile", tests, NULL, NULL);
}
