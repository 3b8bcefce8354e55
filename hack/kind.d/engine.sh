# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # names of the cluster and its folders are hack/kind's
# The own Docker of a cluster: one process tree in namespaces of its own; sourced by hack/kind.
#
#   $state/     below /run: the cluster's kubeconfig and logs
#   $data/      in the cache: Docker's data while the cluster lives

engine_process() { pgrep -f -o "^$label( |\$)"; }
engine_is_up() { engine_process >/dev/null; }
engine_has_ended() { ! engine_is_up; }

# in_engine COMMAND...: in its namespaces and its root
in_engine() {
	local process
	process=$(engine_process) || fail "no cluster is up; hack/kind up makes one"
	nsenter --target "$process" --mount --net --pid --wd=/ -- /usr/bin/env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		KIND_EXPERIMENTAL_DOCKER_NETWORK="$network" "$@"
}

# One "up" or "down" of a cluster at a time; it ends with the process that took it.
# take_turn [SECONDS]: waits that long for another, or not at all
take_turn() {
	mkdir -p "$cache"
	exec {up_lock}>"$cache/running-$name.lock"
	flock --timeout "${1:-0}" "$up_lock"
}

# start_engine ROOT DATA
start_engine() {
	mkdir -p "$state"
	setsid unshare --mount --net --pid --fork --kill-child -- bash -c 'exec -a "$1" bash "${@:2}"' - \
		"$label" "$PWD/engine" "$1" "$2" "$state" "$label" </dev/null >"$state/docker.log" 2>&1 {up_lock}>&- &
	undo_later stop_engine
	if ! wait_for 60 "answer from Docker" has_ended_or_answers $! || ! docker_answers; then
		tail -n 20 "$state/docker.log" >&2
		fail "the own Docker does not start"
	fi
}

docker_answers() { engine_is_up && (in_engine docker info) >/dev/null 2>&1; }
has_ended_or_answers() { ! kill -0 "$1" || docker_answers; }

stop_engine() {
	local process
	if process=$(engine_process); then
		kill -KILL "$process"
		wait_for 60 "end of the own Docker" engine_has_ended
	fi
	remove_cgroups
}

# The kernel lets go of a cgroup a moment after its last process.
remove_cgroups() {
	wait_for 60 "end of the cluster's cgroups" are_cgroups_gone
}
are_cgroups_gone() {
	local folder left=false
	for folder in /sys/fs/cgroup/{,*/}"$label"; do
		[[ -d $folder ]] || continue
		find "$folder" -depth -type d -exec rmdir {} \; 2>/dev/null || true
		[[ ! -d $folder ]] || left=true
	done
	! $left
}

# Of what Docker holds, layers are never written to: names suffice. All else is copied.
copy_store() {
	mkdir -p "$2"
	cp -al "$1/overlay2" "$2/"
	(cd "$1" && find . -mindepth 1 -maxdepth 1 ! -name overlay2 -exec cp -a -t "$2" {} +)
}

# remove_tree FOLDER: one of ours in the cache, and nothing that is mounted below
remove_tree() {
	[[ $1 == "$cache"/?* ]] || fail "not removing $1: not below $cache"
	[[ ! -e $1 ]] || rm -rf --one-file-system "${1:?}"
}
