// SPDX-License-Identifier: Apache-2.0
#include "datapath_layout.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "datapath_maps.h"

#define DEFAULT_PARENT "/sys/fs/bpf/libvpc"

/* The number of "v<number>", 0 if the name is no version. */
static unsigned version_of(const char *name) {
	unsigned version = 0;
	int used = 0;
	return sscanf(name, "v%9u%n", &version, &used) == 1 && !name[used] ? version : 0;
}

static void close_directory(DIR **directory) {
	if (*directory)
		closedir(*directory);
}

int vpc_layout_check(const char *directory, struct vpc_error *error) {
	_cleanup_(free_memory) char *parent = strdup(directory ? directory : DEFAULT_PARENT);
	if (!parent)
		return vpc_fail(error, -ENOMEM, "no memory for the name of a directory");
	if (directory) {
		char *last = strrchr(parent, '/');
		if (!last || !version_of(last + 1))
			return 0;
		if (version_of(last + 1) != VPC_LAYOUT_VERSION)
			return vpc_fail(error, -EINVAL, "pin directory %s: this library writes layout %d; end the name in v%d", directory, VPC_LAYOUT_VERSION,
				VPC_LAYOUT_VERSION);
		*last = '\0';
	}
	_cleanup_(close_directory) DIR *siblings = opendir(parent);
	for (struct dirent *entry; siblings && (entry = readdir(siblings));)
		if (version_of(entry->d_name) > VPC_LAYOUT_VERSION)
			return vpc_fail(error, -EPROTO, "%s/%s holds pins of a newer layout than %d, which were left as they are; run the newer version", parent,
				entry->d_name, VPC_LAYOUT_VERSION);
	return 0;
}
