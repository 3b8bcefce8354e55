// SPDX-License-Identifier: Apache-2.0
//
// link_objects OUTPUT INPUT...: one object of several, by libbpf's linker.
#include <bpf/libbpf.h>
#include <stdio.h>

int main(int argc, char **argv) {
	struct bpf_linker *linker = argc > 2 ? bpf_linker__new(argv[1], NULL) : NULL;
	int result = !linker;
	for (int i = 2; i < argc && !result; i++)
		result = bpf_linker__add_file(linker, argv[i], NULL);
	if (!result)
		result = bpf_linker__finalize(linker);
	bpf_linker__free(linker);
	return result != 0;
}
