// SPDX-License-Identifier: Apache-2.0
#include "command_line.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum exit_status report(int code, const struct vpc_error *error) {
	fprintf(stderr, "vpcctl: %s\n", error->text[0] ? error->text : strerror(-code));
	switch (code) {
	case -EBUSY: return EXIT_HELD;
	case -ENOENT:
	case -ENODEV: return EXIT_NOT_FOUND;
	case -EPERM:
	case -ENOSYS:
	case -EACCES: return EXIT_NOT_PERMITTED;
	default: return EXIT_FAILED;
	}
}

static bool is_word(const char *word, const char *name, char letter) {
	return strcmp(word, name) == 0 || (word[0] == '-' && word[1] == letter && !word[2]);
}

/* A full disk or a closed pipe must not look like success. */
static enum exit_status close_output(enum exit_status status) {
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	fprintf(stderr, "vpcctl: the output could not be written: %s\n", strerror(errno));
	return EXIT_FAILED;
}

int main(int argc, char **argv) {
	struct command_line command_line;
	struct vpc_error error = {""};

	if (argc == 2 && is_word(argv[1], "--help", 'h')) {
		print_help(NULL);
		return close_output(EXIT_DONE);
	}
	if (argc == 2 && is_word(argv[1], "--version", 'V')) {
		printf("vpcctl %s\n", vpc_version());
		return close_output(EXIT_DONE);
	}
	enum exit_status status = read_command_line(argc, argv, &command_line, &error);
	if (status != EXIT_DONE) {
		fprintf(stderr, "vpcctl: %s\n", error.text);
		return status;
	}
	if (command_line.values[OPTION_HELP]) {
		print_help(command_line.verb);
		return close_output(EXIT_DONE);
	}
	return close_output(command_line.verb->run(&command_line));
}
