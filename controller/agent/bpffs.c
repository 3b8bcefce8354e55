// SPDX-License-Identifier: Apache-2.0
#include "bpffs.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/vfs.h>

#define STANDARD_PLACE "/sys/fs/bpf"

static int complain(const char *folder, int error, const char *remedy) {
	fprintf(stderr, "vpc-controller: mount-bpffs: %s: %s; %s\n", folder, strerror(error), remedy);
	return 1;
}

int bpffs_command(int count, char **arguments) {
	const char *folder = count > 2 ? arguments[2] : STANDARD_PLACE;
	struct statfs status;
	if (count > 3 || *folder != '/') {
		fputs("Usage: vpc-controller mount-bpffs [DIR]\nMounts a BPF file system on DIR (default: " STANDARD_PLACE ") unless there is one.\n",
		    count > 2 && !strcmp(folder, "--help") ? stdout : stderr);
		return count > 2 && !strcmp(folder, "--help") ? 0 : 2;
	}
	if (statfs(folder, &status))
		return complain(folder, errno, "it must be there; the kernel makes " STANDARD_PLACE " where it knows BPF");
	if (status.f_type == BPF_FS_MAGIC)
		return 0;
	if (mount("bpf", folder, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700"))
		return complain(folder, errno, "mount one on the node: mount -t bpf bpf " STANDARD_PLACE);
	printf("mounted a BPF file system on %s\n", folder);
	return 0;
}
