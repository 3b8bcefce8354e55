// SPDX-License-Identifier: Apache-2.0
/*
 * Declarations and values as people write them: a parameter's declaration in the object is replaced by the input's first
 * line, the second is a setting of it. What is read can be printed and read again, within the declared range.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <vpc/vpc.h>

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length);

__asm__(".pushsection .rodata\nnode_start: .incbin \"" VPC_OBJECT_DIRECTORY "/node.bpf.o\"\nnode_end: .byte 0\n.popsection\n");
extern const uint8_t node_start[], node_end[];

static uint64_t number_of(const struct vpc_value *value) {
	uint64_t number = 0;
	memcpy(&number, value->bytes, value->width < sizeof number ? value->width : sizeof number);
	return number;
}

static void read_value(const struct vpc_parameter *parameter, const char *text) {
	struct vpc_value value, again;
	struct vpc_error error = {""};
	char printed[64];
	if (vpc_value_parse(parameter, text, &value, &error)) {
		if (!error.text[0])
			abort();
		return;
	}
	if (value.width != parameter->width || vpc_value_format(parameter, &value, printed, sizeof printed) < 0)
		abort();
	if (vpc_value_parse(parameter, printed, &again, &error) || memcmp(again.bytes, value.bytes, value.width))
		abort();
	if (parameter->type == VPC_VALUE_INTEGER && parameter->width <= 8 &&
		(number_of(&value) < parameter->lowest || number_of(&value) > parameter->highest))
		abort();
}

static void read_setting(const char *declaration, const char *text) {
	static const char OURS[] = "vpc:type=integer;";
	size_t size = (size_t)(node_end - node_start);
	uint8_t *bytes = malloc(size);
	memcpy(bytes, node_start, size);
	char *tag = memmem(bytes, size, OURS, sizeof OURS - 1);
	if (!tag)
		abort();
	size_t room = strlen(tag + 4), length = strlen(declaration);
	memset(tag + 4, 0, room);
	memcpy(tag + 4, declaration, length < room ? length : room);

	struct vpc_template *template = NULL;
	struct vpc_setting setting;
	struct vpc_error error = {""};
	int result = vpc_template_open_memory("object", bytes, size, NULL, &template, &error);
	if (result == 0)
		result = vpc_template_parse_setting(template, text, &setting, &error);
	if (result == 0 && (setting.element != 0 || setting.value.width != 4))
		abort();
	if (result < 0 && strncmp(error.text, "object: ", 8) != 0)
		abort();
	vpc_template_free(template);
	free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length) {
	if (length < 2)
		return 0;
	struct vpc_parameter parameter = {.name = "p", .type = (enum vpc_value_type)(input[0] % 7), .width = input[1] % 20, .elements = 1};
	parameter.highest = parameter.width >= 8 ? UINT64_MAX : (UINT64_C(1) << 8 * parameter.width) - 1;
	char *text = strndup((const char *)input + 2, length - 2), *line = strchr(text, '\n');
	read_value(&parameter, text);
	if (line) {
		*line = '\0';
		read_setting(text, line + 1);
	}
	free(text);
	return 0;
}
