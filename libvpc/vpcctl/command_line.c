// SPDX-License-Identifier: Apache-2.0
#include "command_line.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct option_text {
	const char *name, *argument, *text;
};

#define OPTION_AS_TEXT(name, word, argument, text) {word, argument, text},
static const struct option_text OPTION_TEXTS[] = {OPTIONS(OPTION_AS_TEXT)};

__attribute__((format(printf, 2, 3)))
static enum exit_status wrong(struct vpc_error *error, const char *format, ...) {
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(error->text, sizeof error->text, format, arguments);
	va_end(arguments);
	return EXIT_USAGE;
}

size_t verb_first_length(const struct verb *verb) {
	return strcspn(verb->name, " ");
}

const char *verb_second(const struct verb *verb) {
	const char *space = strchr(verb->name, ' ');
	return space ? space + 1 : NULL;
}

static bool is_first_word(const struct verb *verb, const char *word, size_t length) {
	return length == verb_first_length(verb) && strncmp(word, verb->name, length) == 0;
}

bool verb_first_is_known(size_t index) {
	for (size_t i = 0; i < index; i++)
		if (is_first_word(&VERBS[i], VERBS[index].name, verb_first_length(&VERBS[index])))
			return true;
	return false;
}

/* The verb that the first words name; *ret_words is how many they are. */
static const struct verb *find_verb(int argc, char **argv, int *ret_words) {
	for (size_t i = 0; i < VERB_COUNT && argc > 1; i++) {
		const char *second = verb_second(&VERBS[i]);
		if (!is_first_word(&VERBS[i], argv[1], strlen(argv[1])) || (second && (argc < 3 || strcmp(argv[2], second))))
			continue;
		*ret_words = second ? 2 : 1;
		return &VERBS[i];
	}
	return NULL;
}

static enum exit_status unknown_verb(int argc, char **argv, struct vpc_error *error) {
	char seconds[256] = "";
	if (argc < 2)
		return wrong(error, "no verb; 'vpcctl --help' lists them");
	for (size_t i = 0; i < VERB_COUNT; i++) {
		size_t used = strlen(seconds);
		if (verb_second(&VERBS[i]) && is_first_word(&VERBS[i], argv[1], strlen(argv[1])))
			snprintf(seconds + used, sizeof seconds - used, "%s%s", used ? ", " : "", verb_second(&VERBS[i]));
	}
	if (seconds[0])
		return wrong(error, "%s: '%s' is none of: %s", argv[1], argc > 2 ? argv[2] : "", seconds);
	return wrong(error, "'%s' is no verb; 'vpcctl --help' lists them", argv[1]);
}

static int find_option(const char *word, size_t length) {
	if (length == 2 && strncmp(word, "-o", 2) == 0)
		return OPTION_OUTPUT;
	if (length == 2 && strncmp(word, "-h", 2) == 0)
		return OPTION_HELP;
	for (int i = 0; i < OPTION_COUNT; i++)
		if (length == strlen(OPTION_TEXTS[i].name) + 2 && strncmp(word, "--", 2) == 0 && strncmp(word + 2, OPTION_TEXTS[i].name, length - 2) == 0)
			return i;
	return -1;
}

/* "target_addr=0xFEDCBA98:2" */
static enum exit_status read_placeholder(const char *text, struct command_line *line, struct vpc_error *error) {
	if (line->placeholder_count == MOST_REPEATED)
		return wrong(error, "--placeholder: at most %d are possible", MOST_REPEATED);
	struct vpc_placeholder *placeholder = &line->placeholders[line->placeholder_count];
	char *name = line->placeholder_names[line->placeholder_count];
	const char *equals = strchr(text, '=');
	size_t length = equals ? (size_t)(equals - text) : 0;
	if (length == 0 || length >= sizeof line->placeholder_names[0])
		return wrong(error, "--placeholder %s: expected NAME=CONSTANT[:COUNT], like target_addr=0xFEDCBA98:1", text);

	char *end = NULL;
	errno = 0;
	placeholder->constant = strtoull(equals + 1, &end, strncmp(equals + 1, "0x", 2) == 0 ? 16 : 10);
	if (errno || end == equals + 1 || equals[1] == '-' || equals[1] == '+' || (*end && *end != ':'))
		return wrong(error, "--placeholder %s: '%s' is not a decimal or hexadecimal number of at most 64 bits", text, equals + 1);
	if (*end == ':') {
		const char *count = end + 1;
		long expected = strtol(count, &end, 10);
		if (errno || *count < '0' || *count > '9' || *end || expected < 1 || expected > 1000000)
			return wrong(error, "--placeholder %s: the count '%s' is not within 1 to 1000000", text, count);
		placeholder->expected = (int32_t)expected;
	}
	memcpy(name, text, length);
	placeholder->name = name;
	line->placeholder_count++;
	return EXIT_DONE;
}

static enum exit_status read_direction(const char *text, enum vpc_direction *ret_direction, struct vpc_error *error) {
	static const struct {
		const char *name;
		enum vpc_direction direction;
	} DIRECTIONS[] = {{"ingress", VPC_INGRESS}, {"egress", VPC_EGRESS}, {"xdp", VPC_XDP}};
	for (size_t i = 0; i < sizeof DIRECTIONS / sizeof *DIRECTIONS; i++)
		if (strcmp(text, DIRECTIONS[i].name) == 0)
			return *ret_direction = DIRECTIONS[i].direction, EXIT_DONE;
	return wrong(error, "--direction: '%s' is not ingress, egress or xdp", text);
}

/* Where the hook alone says the direction, "xdp" and "tc" are the best ones of their kind. */
static enum exit_status read_hook(const char *text, struct command_line *line, struct vpc_error *error) {
	static const struct {
		const char *name;
		enum vpc_hook hook;
		enum vpc_direction direction;
		bool is_kind;
	} HOOKS[] = {
		{"tcx", VPC_HOOK_TCX, VPC_INGRESS, false},
		{"clsact", VPC_HOOK_CLSACT, VPC_INGRESS, false},
		{"xdp-native", VPC_HOOK_XDP_NATIVE, VPC_XDP, false},
		{"xdp-generic", VPC_HOOK_XDP_GENERIC, VPC_XDP, false},
		{"xdp", VPC_HOOK_AUTO, VPC_XDP, true},
		{"tc", VPC_HOOK_AUTO, VPC_INGRESS, true},
	};
	bool tells_direction = !((line->verb->required | line->verb->optional) & WITH(DIRECTION));
	for (size_t i = 0; i < sizeof HOOKS / sizeof *HOOKS; i++) {
		if (strcmp(text, HOOKS[i].name) != 0 || (HOOKS[i].is_kind && !tells_direction))
			continue;
		line->hook = HOOKS[i].hook;
		if (tells_direction)
			line->direction = HOOKS[i].direction;
		return EXIT_DONE;
	}
	return wrong(error, "--hook: '%s' is not %stcx, clsact, xdp-native or xdp-generic", text, tells_direction ? "xdp, tc, " : "");
}

static enum exit_status read_value(int option, const char *value, struct command_line *line, struct vpc_error *error) {
	switch (option) {
	case OPTION_SET:
	case OPTION_ALLOW:
	case OPTION_REDIRECT:
	case OPTION_VIP:
	case OPTION_BACKEND:
	case OPTION_FROM:
		if (line->counts[option] == MOST_REPEATED)
			return wrong(error, "--%s: at most %d are possible", OPTION_TEXTS[option].name, MOST_REPEATED);
		line->all[option][line->counts[option]++] = value;
		return EXIT_DONE;
	case OPTION_PLACEHOLDER: return read_placeholder(value, line, error);
	case OPTION_DIRECTION: return read_direction(value, &line->direction, error);
	case OPTION_HOOK: return read_hook(value, line, error);
	case OPTION_OUTPUT:
		line->json = strcmp(value, "json") == 0;
		if (!line->json && !(line->verb->required & WITH(OUTPUT)))
			return wrong(error, "-o: '%s' is not a format of '%s'; json is", value, line->verb->name);
		return EXIT_DONE;
	default: return EXIT_DONE;
	}
}

/* One option at argv[*at], which moves past it. */
static enum exit_status read_option(int argc, char **argv, int *at, struct command_line *line, struct vpc_error *error) {
	const char *word = argv[*at], *equals = strncmp(word, "--", 2) == 0 ? strchr(word, '=') : NULL;
	int option = find_option(word, equals ? (size_t)(equals - word) : strlen(word));
	if (option < 0 || !((line->verb->required | line->verb->optional) & (UINT64_C(1) << option)))
		return wrong(error, "'%s' is no option of '%s'; 'vpcctl %s --help' lists them", word, line->verb->name, line->verb->name);
	if (!OPTION_TEXTS[option].argument) {
		if (equals)
			return wrong(error, "--%s takes no value", OPTION_TEXTS[option].name);
		line->values[option] = "";
		return EXIT_DONE;
	}
	const char *value = equals ? equals + 1 : *at + 1 < argc ? argv[++*at] : NULL;
	if (!value || !*value)
		return wrong(error, "--%s needs a value: %s", OPTION_TEXTS[option].name, OPTION_TEXTS[option].text);
	line->values[option] = value;
	return read_value(option, value, line, error);
}

static enum exit_status check_completeness(const struct command_line *line, struct vpc_error *error) {
	if (line->verb->operand && !line->operand)
		return wrong(error, "%s: %s is missing; for example: %s", line->verb->name, line->verb->operand, line->verb->example);
	for (int i = 0; i < OPTION_COUNT; i++)
		if ((line->verb->required & (UINT64_C(1) << i)) && !line->values[i])
			return wrong(error, "%s: --%s %s is missing; for example: %s", line->verb->name, OPTION_TEXTS[i].name, OPTION_TEXTS[i].argument, line->verb->example);
	return EXIT_DONE;
}

enum exit_status read_command_line(int argc, char **argv, struct command_line *ret_command_line, struct vpc_error *error) {
	struct command_line *line = ret_command_line;
	int words = 0;
	memset(line, 0, sizeof *line);
	line->verb = find_verb(argc, argv, &words);
	if (!line->verb)
		return unknown_verb(argc, argv, error);

	bool only_operands = false;
	for (int at = 1 + words; at < argc; at++) {
		const char *word = argv[at];
		if (!only_operands && strcmp(word, "--") == 0) {
			only_operands = true;
		} else if (!only_operands && word[0] == '-' && word[1]) {
			enum exit_status status = read_option(argc, argv, &at, line, error);
			if (status != EXIT_DONE)
				return status;
		} else if (line->operand || !line->verb->operand) {
			return wrong(error, "%s: '%s' is one word too many", line->verb->name, word);
		} else {
			line->operand = word;
		}
	}
	return line->values[OPTION_HELP] ? EXIT_DONE : check_completeness(line, error);
}

static void print_options(const struct verb *verb) {
	for (int i = 0; i < OPTION_COUNT; i++) {
		if (!((verb->required | verb->optional) & (UINT64_C(1) << i)))
			continue;
		char left[64];
		snprintf(left, sizeof left, "--%s %s", OPTION_TEXTS[i].name, OPTION_TEXTS[i].argument ? OPTION_TEXTS[i].argument : "");
		printf("  %-28s %s%s\n", left, OPTION_TEXTS[i].text, verb->required & (UINT64_C(1) << i) ? " (required)" : "");
	}
}

#define PRINT_STATUS(name, number, text) printf("  %d  %s\n", number, text);

void print_help(const struct verb *verb) {
	if (verb) {
		printf("vpcctl %s%s%s [OPTION...]: %s\n\n", verb->name, verb->operand ? " " : "", verb->operand ? verb->operand : "", verb->summary);
		print_options(verb);
		if (verb->print_more)
			verb->print_more();
		printf("\nExample: %s\n", verb->example);
		return;
	}
	printf("vpcctl VERB [OPTION...]: write values into compiled eBPF programs, load and attach them\n\nVerbs:\n");
	for (size_t i = 0; i < VERB_COUNT; i++)
		printf("  %-16s %s\n", VERBS[i].name, VERBS[i].summary);
	printf("\nValues are decimal, hexadecimal (0x), IPv4, IPv6 or MAC; addresses are stored in network byte order.\n\nExit status:\n");
	EXIT_STATUSES(PRINT_STATUS)
	printf("\nExample: %s\n'vpcctl VERB --help' tells the options of one; 'vpcctl --version' the version.\n", VERBS[2].example);
}
