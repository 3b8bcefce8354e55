// SPDX-License-Identifier: Apache-2.0
/* Completion scripts, made from the lists of verbs and options. */
#include "command_line.h"

#include <stdio.h>
#include <string.h>

#define OPTION_AS_WORD(name, word, argument, text) word,
static const char *const OPTION_WORDS[] = {OPTIONS(OPTION_AS_WORD)};
#define OPTION_AS_DESCRIPTION(name, word, argument, text) text,
static const char *const OPTION_DESCRIPTIONS[] = {OPTIONS(OPTION_AS_DESCRIPTION)};

static void print_option_words(const struct verb *verb) {
	for (int i = 0; i < OPTION_COUNT; i++)
		if ((verb->required | verb->optional) & (UINT64_C(1) << i))
			printf(" --%s", OPTION_WORDS[i]);
}

/* The first words of all verbs, each once. */
static void print_first_words(void) {
	for (size_t i = 0; i < VERB_COUNT; i++)
		if (!verb_first_is_known(i))
			printf("%s%.*s", i ? " " : "", (int)verb_first_length(&VERBS[i]), VERBS[i].name);
}

static void print_second_words(size_t first) {
	size_t length = verb_first_length(&VERBS[first]);
	for (size_t i = first; i < VERB_COUNT; i++)
		if (verb_first_length(&VERBS[i]) == length && strncmp(VERBS[i].name, VERBS[first].name, length) == 0)
			printf("%s%s", i > first ? " " : "", verb_second(&VERBS[i]));
}

/* Once for each first word that has second words: its index in the list. */
static void each_group(void (*print)(size_t first)) {
	for (size_t i = 0; i < VERB_COUNT; i++)
		if (verb_second(&VERBS[i]) && !verb_first_is_known(i))
			print(i);
}

static void print_bash_group(size_t first) {
	int length = (int)verb_first_length(&VERBS[first]);
	printf("\t%.*s)\n\t\tif ((COMP_CWORD == 2)); then COMPREPLY=($(compgen -W '", length, VERBS[first].name);
	print_second_words(first);
	printf("' -- \"$word\")); return; fi\n\t\tverb=\"$verb ${COMP_WORDS[2]}\" ;;\n");
}

static void print_bash_body(void) {
	printf("\tlocal word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} verb=${COMP_WORDS[1]}\n"
		   "\tCOMPREPLY=()\n"
		   "\tcase $before in\n"
		   "\t--interface) COMPREPLY=($(compgen -W \"$(ls /sys/class/net 2>/dev/null)\" -- \"$word\")); return ;;\n"
		   "\t--direction) COMPREPLY=($(compgen -W 'ingress egress xdp' -- \"$word\")); return ;;\n"
		   "\t--hook) COMPREPLY=($(compgen -W 'tcx clsact xdp-native xdp-generic' -- \"$word\")); return ;;\n"
		   "\t--mode) COMPREPLY=($(compgen -W 'auto native generic offload' -- \"$word\")); return ;;\n"
		   "\t--on-exit) COMPREPLY=($(compgen -W 'keep detach' -- \"$word\")); return ;;\n"
		   "\t--bpffs) COMPREPLY=($(compgen -d -- \"$word\")); return ;;\n"
		   "\t-o | --output) COMPREPLY=($(compgen -f -W json -- \"$word\")); return ;;\n"
		   "\t--program | --set | --placeholder | --allow | --redirect | --udp-replies | --confirm-within | --count) return ;;\n"
		   "\tesac\n"
		   "\tif ((COMP_CWORD == 1)); then COMPREPLY=($(compgen -W '");
	print_first_words();
	printf(" --help --version' -- \"$word\")); return; fi\n\tcase $verb in\n");
	each_group(print_bash_group);
	printf("\tesac\n\tcase $verb in\n");
	for (size_t i = 0; i < VERB_COUNT; i++) {
		printf("\t'%s') [[ $word == -* ]] && COMPREPLY=($(compgen -W '", VERBS[i].name);
		print_option_words(&VERBS[i]);
		printf("' -- \"$word\"))%s ;;\n", VERBS[i].run == print_completion ? " || COMPREPLY=($(compgen -W 'bash zsh fish' -- \"$word\"))"
			: VERBS[i].operand && strcmp(VERBS[i].operand, "PORTS") ? " || COMPREPLY=($(compgen -f -- \"$word\"))" : "");
	}
	printf("\tesac\n");
}

static void print_bash(void) {
	printf("# vpcctl completion for bash: source it, or save it as /etc/bash_completion.d/vpcctl\n_vpcctl() {\n");
	print_bash_body();
	printf("}\ncomplete -o filenames -F _vpcctl vpcctl\n");
}

/* zsh runs the same function through its bash emulation. */
static void print_zsh(void) {
	printf("#compdef vpcctl\n# vpcctl completion for zsh: source it after compinit\nautoload -U +X bashcompinit && bashcompinit\n_vpcctl() {\n");
	print_bash_body();
	printf("}\ncomplete -o filenames -F _vpcctl vpcctl\n");
}

static void print_fish_group(size_t first) {
	printf("complete -c vpcctl -n '__fish_seen_subcommand_from %.*s; and not __fish_seen_subcommand_from ", (int)verb_first_length(&VERBS[first]),
		VERBS[first].name);
	print_second_words(first);
	printf("' -f -a '");
	print_second_words(first);
	printf("'\n");
}

/* Options of a verb with two words are offered after both, since another verb may have the same second word. */
static void print_fish_options(const struct verb *verb) {
	const char *second = verb_second(verb);
	for (int option = 0; option < OPTION_COUNT; option++)
		if ((verb->required | verb->optional) & (UINT64_C(1) << option))
			printf("complete -c vpcctl -n '__fish_seen_subcommand_from %.*s%s%s' -l %s -d '%s'%s\n", (int)verb_first_length(verb), verb->name,
				second ? "; and __fish_seen_subcommand_from " : "", second ? second : "", OPTION_WORDS[option], OPTION_DESCRIPTIONS[option],
				option == OPTION_HELP ? "" : " -r");
}

static void print_fish(void) {
	printf("# vpcctl completion for fish: save it as ~/.config/fish/completions/vpcctl.fish\n");
	printf("complete -c vpcctl -n __fish_use_subcommand -f -a '");
	print_first_words();
	printf("'\n");
	each_group(print_fish_group);
	for (size_t i = 0; i < VERB_COUNT; i++)
		print_fish_options(&VERBS[i]);
	printf("complete -c vpcctl -n '__fish_seen_subcommand_from completion' -f -a 'bash zsh fish'\n");
}

enum exit_status print_completion(const struct command_line *command_line) {
	static const struct {
		const char *shell;
		void (*print)(void);
	} SHELLS[] = {{"bash", print_bash}, {"zsh", print_zsh}, {"fish", print_fish}};
	for (size_t i = 0; i < sizeof SHELLS / sizeof *SHELLS; i++)
		if (strcmp(command_line->operand, SHELLS[i].shell) == 0)
			return SHELLS[i].print(), EXIT_DONE;
	fprintf(stderr, "vpcctl: completion: '%s' is not bash, zsh or fish\n", command_line->operand);
	return EXIT_USAGE;
}
