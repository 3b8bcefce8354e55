# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # names of the cluster and its folders are hack/kind's
# What a machine must grant for a cluster of our own making; sourced by hack/kind.

# lacking REASON: whoever tests can tell this end from a failure
lacking() {
	say "cannot run here: $*"
	exit 77
}

# gibibytes_free FOLDER
gibibytes_free() { df --output=avail --block-size=1G "$1" | tail -n 1 | tr -d ' '; }

check_disk() {
	mkdir -p "$cache"
	(($(gibibytes_free "$cache") >= $1)) || lacking "$cache has $(gibibytes_free "$cache") GiB free, $1 are needed (LIBVPC_CACHE names another folder)"
}

check_can_make() {
	check_disk 10
	command -v debootstrap >/dev/null || lacking "no debootstrap (a package of Debian), to make the nodes' image"
	command -v gcc >/dev/null || lacking "no gcc, to make the nodes' image"
}

# Each is tried as it will be used, in namespaces that are gone afterwards.
check_can_run() {
	local kind
	check_disk 5
	(($(awk '/^MemAvailable/ { print int($2 / 1024) }' /proc/meminfo) >= 2048)) || lacking "less than 2 GiB of memory are available"
	unshare --mount --net --pid --fork true 2>/dev/null || lacking "no mount, network and PID namespaces may be made (needs CAP_SYS_ADMIN)"
	for kind in bridge 'veth peer name try1' 'vxlan external dstport 14789'; do
		# shellcheck disable=SC2086
		unshare --net ip link add name try0 type $kind 2>/dev/null || lacking "the kernel makes no network device of type ${kind%% *}"
	done
	can_make_cgroups || lacking "no cgroups may be made below /sys/fs/cgroup"
	can_overlay || lacking "no overlay file system lies on $cache (LIBVPC_CACHE names another folder)"
}

# Version 2, or version 1 with its hierarchies side by side.
can_make_cgroups() {
	local folder
	for folder in /sys/fs/cgroup /sys/fs/cgroup/memory; do
		[[ ! -e $folder/cgroup.procs ]] || { mkdir "$folder/$label.try" && rmdir "$folder/$label.try"; return; } 2>/dev/null
	done
	return 1
}

can_overlay() {
	local folder result=0
	folder=$(mktemp -d "$cache/overlay.XXXXXX")
	mkdir "$folder"/{lower,upper,work,root}
	unshare --mount mount -t overlay overlay -o "lowerdir=$folder/lower,upperdir=$folder/upper,workdir=$folder/work" "$folder/root" 2>/dev/null || result=1
	remove_tree "$folder"
	return $result
}
