// SPDX-License-Identifier: Apache-2.0
/*
 * Objects of all kinds: raw bytes, or one of ours with places changed. What opens is asked about, its placeholders are
 * sought, and it is written with every parameter set; what was written opens again.
 *
 * Input: which object (0: the rest is the object), then changes of 8 bytes: offset (3), width and end of file (1), value (4).
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <vpc/vpc.h>

#define MOST_SETTINGS 64

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length);

#define EMBED(name_) \
	__asm__(".pushsection .rodata\n" #name_ "_start: .incbin \"" VPC_OBJECT_DIRECTORY "/" #name_ ".bpf.o\"\n" #name_ "_end: .byte 0\n.popsection\n"); \
	extern const uint8_t name_##_start[], name_##_end[];
EMBED(ping_global)
EMBED(ping_placeholder)
EMBED(confine)
EMBED(pod)

static const uint8_t *const STARTS[] = {ping_global_start, ping_placeholder_start, confine_start, pod_start};
static const uint8_t *const ENDS[] = {ping_global_end, ping_placeholder_end, confine_end, pod_end};

/* The object that the input means, in memory of exactly its size. */
static uint8_t *make_object(const uint8_t *input, size_t length, size_t *ret_length) {
	size_t which = input[0] % 5;
	input++, length--;
	size_t size = which ? (size_t)(ENDS[which - 1] - STARTS[which - 1]) : length;
	uint8_t *bytes = malloc(size ? size : 1);
	if (size)
		memcpy(bytes, which ? STARTS[which - 1] : input, size);
	for (; which && length >= 8; input += 8, length -= 8) {
		size_t offset = (input[0] | (size_t)input[1] << 8 | (size_t)input[2] << 16) % size, width = (size_t)1 << (input[3] & 3);
		uint8_t value[8];
		memcpy(value, input + 4, 4);
		memset(value + 4, input[3] & 4 ? 0xff : 0, 4);
		memcpy(bytes + offset, value, width < size - offset ? width : size - offset);
		if (input[3] >= 0xf0)
			bytes = realloc(bytes, size = offset + 1);
	}
	*ret_length = size;
	return bytes;
}

/* `program` as the template was opened with: what is wrong with others was not looked at. */
static void write_and_open(const struct vpc_template *template, const char *program) {
	const struct vpc_template_options same = {.size = sizeof same, .program = program};
	struct vpc_setting settings[MOST_SETTINGS];
	struct vpc_error error;
	size_t count = 0, length;
	void *bytes;
	for (size_t i = 0; i < vpc_template_parameter_count(template) && count < MOST_SETTINGS; i++) {
		const struct vpc_parameter *parameter = vpc_template_parameter(template, i);
		char text[64];
		if (parameter->has_default && vpc_value_format(parameter, &parameter->default_value, text, sizeof text) < 0)
			abort();
		if (parameter->site == VPC_SITE_GLOBAL && parameter->sites == 0)
			continue;
		struct vpc_setting *setting = &settings[count++];
		*setting = (struct vpc_setting){.name = parameter->name, .element = parameter->elements - 1u, .value.width = (uint8_t)parameter->width};
		memcpy(setting->value.bytes, &parameter->lowest, sizeof parameter->lowest < parameter->width ? sizeof parameter->lowest : parameter->width);
		if (parameter->lowest == 0)
			setting->value.bytes[0] = parameter->highest > 0;
	}
	if (vpc_template_patch(template, settings, count, &bytes, &length, &error))
		return;
	struct vpc_template *again = NULL;
	if (vpc_template_open_memory("again", bytes, length, &same, &again, &error))
		abort();
	vpc_template_free(again);
	free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length) {
	const struct vpc_placeholder placeholder = {.name = "place", .constant = 0xFEDCBA98};
	const struct vpc_template_options options[] = {
		{.size = sizeof *options},
		{.size = sizeof *options, .placeholders = &placeholder, .placeholder_count = 1},
		{.size = sizeof *options, .program = "filter_out", .placeholders = &placeholder, .placeholder_count = 1},
	};
	if (length == 0)
		return 0;
	size_t size;
	uint8_t *bytes = make_object(input, length, &size);
	for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
		struct vpc_error error = {""};
		struct vpc_template *template = NULL;
		if (vpc_template_open_memory("object", bytes, size, &options[i], &template, &error) == 0)
			write_and_open(template, options[i].program);
		else if (template || strncmp(error.text, "object: ", 8) != 0)
			abort();
		vpc_template_free(template);
	}
	free(bytes);
	return 0;
}
