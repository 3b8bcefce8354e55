// SPDX-License-Identifier: Apache-2.0
#include "datapath_layout.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf_syscall.h"
#include "cleanup.h"
#include "datapath_conversion.h"
#include "datapath_maps.h"
#include "pins.h"

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

/* Writes both; parent is "" if the directory's name is no version. */
static int split(const char *directory, char own[256], char parent[256], struct vpc_error *error) {
	if (directory && strlen(directory) >= 240)
		return vpc_fail(error, -EINVAL, "pin directory '%.64s...' has more than 240 bytes", directory);
	parent[0] = '\0';
	if (!directory) {
		snprintf(parent, 256, DEFAULT_PARENT);
		snprintf(own, 256, DEFAULT_PARENT "/v%d", VPC_LAYOUT_VERSION);
		return 0;
	}
	snprintf(own, 256, "%s", directory);
	for (size_t length = strlen(own); length > 1 && own[length - 1] == '/';)
		own[--length] = '\0';
	const char *last = strrchr(own, '/');
	if (!last || !version_of(last + 1))
		return 0;
	if (version_of(last + 1) != VPC_LAYOUT_VERSION)
		return vpc_fail(error, -EINVAL, "pin directory %s: this library writes layout %d; end the name in v%d", directory, VPC_LAYOUT_VERSION,
			VPC_LAYOUT_VERSION);
	snprintf(parent, 256, "%.*s", (int)(last - own), own);
	return 0;
}

static int find_conversion(const char *directory, unsigned version, struct vpc_conversion *ret_conversion, struct vpc_error *error) {
	if (version + 1 < VPC_LAYOUT_VERSION)
		return vpc_fail(error, -EPROTO,
			"%s holds pins of a layout too old for this version, which were left as they are; run the version with layout %u first", directory,
			version + 1);
	if (version < VPC_LAYOUT_VERSION) {
		vpc_conversion_forth(ret_conversion);
		return 0;
	}
	int result = vpc_conversion_read(directory, ret_conversion, error);
	if (result == -ENOENT || (result == 0 && ret_conversion->to != VPC_LAYOUT_VERSION))
		return vpc_fail(error, -EPROTO,
			"%s holds pins of a newer layout than %d, which were left as they are; run the newer version, or let it release them: vpc-controller "
			"--release-layout %d",
			directory, VPC_LAYOUT_VERSION, VPC_LAYOUT_VERSION);
	return result;
}

int vpc_layout_find(const char *directory, struct vpc_layouts *ret_layouts, struct vpc_conversion *ret_conversion, struct vpc_error *error) {
	struct vpc_layouts layouts = {.other_version = 0};
	char parent[256], path[sizeof layouts.other];
	int result = split(directory, layouts.own, parent, error);
	if (result)
		return result;
	_cleanup_(close_directory) DIR *siblings = parent[0] ? opendir(parent) : NULL;
	for (struct dirent *entry; siblings && (entry = readdir(siblings));) {
		unsigned version = version_of(entry->d_name);
		if (!version || version == VPC_LAYOUT_VERSION || version < layouts.other_version)
			continue;
		snprintf(path, sizeof path, "%.240s/v%u", parent, version);
		result = find_conversion(path, version, ret_conversion, error);
		if (result)
			return result;
		snprintf(layouts.other, sizeof layouts.other, "%s", path);
		layouts.other_version = version;
	}
	*ret_layouts = layouts;
	return 0;
}

int vpc_layout_check(const char *directory, struct vpc_error *error) {
	struct vpc_layouts layouts;
	struct vpc_conversion conversion;
	return vpc_layout_find(directory, &layouts, &conversion, error);
}
