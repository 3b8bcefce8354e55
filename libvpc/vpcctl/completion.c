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
		if ((verb->required | verb->optional) & (1u << i))
			printf(" --%s", OPTION_WORDS[i]);
}

/* The first words of all verbs, each once. */
static void print_first_words(void) {
	printf("template");
	for (size_t i = 0; i < VERB_COUNT; i++)
		if (!strchr(VERBS[i].name, ' '))
			printf(" %s", VERBS[i].name);
}

static void print_bash_body(void) {
	printf("\tlocal word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} verb=${COMP_WORDS[1]}\n"
		   "\t[[ $verb == template ]] && verb=\"$verb ${COMP_WORDS[2]}\"\n"
		   "\tCOMPREPLY=()\n"
		   "\tcase $before in\n"
		   "\t--interface) COMPREPLY=($(compgen -W \"$(ls /sys/class/net 2>/dev/null)\" -- \"$word\")); return ;;\n"
		   "\t--direction) COMPREPLY=($(compgen -W 'ingress egress xdp' -- \"$word\")); return ;;\n"
		   "\t--hook) COMPREPLY=($(compgen -W 'tcx clsact xdp-native xdp-generic' -- \"$word\")); return ;;\n"
		   "\t--bpffs) COMPREPLY=($(compgen -d -- \"$word\")); return ;;\n"
		   "\t-o | --output) COMPREPLY=($(compgen -f -W json -- \"$word\")); return ;;\n"
		   "\t--program | --set | --placeholder) return ;;\n"
		   "\tesac\n"
		   "\tif ((COMP_CWORD == 1)); then COMPREPLY=($(compgen -W '");
	print_first_words();
	printf(" --help --version' -- \"$word\")); return; fi\n"
		   "\tif ((COMP_CWORD == 2)) && [[ ${COMP_WORDS[1]} == template ]]; then COMPREPLY=($(compgen -W 'show patch' -- \"$word\")); return; fi\n"
		   "\tcase $verb in\n");
	for (size_t i = 0; i < VERB_COUNT; i++) {
		printf("\t'%s') [[ $word == -* ]] && COMPREPLY=($(compgen -W '", VERBS[i].name);
		print_option_words(&VERBS[i]);
		printf("' -- \"$word\"))%s ;;\n", VERBS[i].run == print_completion ? " || COMPREPLY=($(compgen -W 'bash zsh fish' -- \"$word\"))"
			: VERBS[i].operand ? " || COMPREPLY=($(compgen -f -- \"$word\"))" : "");
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

static void print_fish(void) {
	printf("# vpcctl completion for fish: save it as ~/.config/fish/completions/vpcctl.fish\n");
	printf("complete -c vpcctl -n __fish_use_subcommand -f -a '");
	print_first_words();
	printf("'\ncomplete -c vpcctl -n '__fish_seen_subcommand_from template; and not __fish_seen_subcommand_from show patch' -f -a 'show patch'\n");
	for (size_t i = 0; i < VERB_COUNT; i++) {
		const char *space = strchr(VERBS[i].name, ' ');
		for (int option = 0; option < OPTION_COUNT; option++)
			if ((VERBS[i].required | VERBS[i].optional) & (1u << option))
				printf("complete -c vpcctl -n '__fish_seen_subcommand_from %s' -l %s -d '%s'%s\n", space ? space + 1 : VERBS[i].name,
					OPTION_WORDS[option], OPTION_DESCRIPTIONS[option], option == OPTION_HELP ? "" : " -r");
	}
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
