# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Several kernels at a time, each in a process group of its own; sourced by hack/kernels.
# shellcheck disable=SC2154 # what it uses is set there
#
# FOLDER/outcome has, line by line: the kernel's version, the verdict, seconds that it took, seconds of a processor that its
# processes took. FOLDER is build/kernels/KERNEL for tests, build/kernels/KERNEL.run for a command in their place.
folder_of() { echo "$build/kernels/$1${run:+.run}"; }

declare -A processes=() statuses=() # process: kernel; kernel: exit status

# A machine is emulated on one processor; it has 2 GiB, and its initramfs is in memory twice.
affordable_machines() {
	local processors gigabytes
	processors=$(nproc)
	gigabytes=$(awk '/^MemAvailable:/ { print int($2 / 1048576) }' /proc/meminfo)
	if ((gigabytes / 3 < 1)); then echo 1; elif ((gigabytes / 3 < processors)); then echo $((gigabytes / 3)); else echo "$processors"; fi
}

# start_job KERNEL: the group ends by one signal, whatever it is at: fetching, compiling, emulating
start_job() {
	local folder
	folder=$(folder_of "$1")
	rm -rf "${folder:?}"
	mkdir -p "$folder"
	set -m
	(run_job "$1") </dev/null &
	set +m
	processes[$!]=$1
}

run_job() {
	set +m
	label=$1 folder=$(folder_of "$1") reason='' verdict='' kernel_version='' started=$SECONDS
	undoing=()
	undo_at_end
	work=$(mktemp -d)
	undo_later "rm -rf '$work'"
	undo_later note_outcome
	undo_later stop_machine
	try_kernel
}

note_outcome() {
	local fields
	read -ra fields <"/proc/$BASHPID/stat" # of the processes that have ended: cutime, cstime (proc(5))
	[[ -z $reason ]] || verdict="${blue}skipped$plain: $reason"
	[[ -z $reason ]] || echo "$label: $verdict"
	printf '%s\n' "$kernel_version" "$verdict" $((SECONDS - started)) $(((fields[15] + fields[16]) / $(getconf CLK_TCK))) >"$folder/outcome"
}

await_job() {
	local process status=0
	wait -n -p process "${!processes[@]}" || status=$?
	statuses[${processes[$process]}]=$status
	unset "processes[$process]"
}

stop_jobs() {
	local process
	for process in "${!processes[@]}"; do kill -TERM -- "-$process" 2>/dev/null || true; done
	wait
}

tell_outcome() {
	local outcome=()
	mapfile -t outcome < <(cat "$(folder_of "$1")/outcome" 2>/dev/null)
	printf '%-10s %-14s %s (%s s, %s s of a processor)\n' "$1" "${outcome[0]:-}" \
		"${outcome[1]:-${red}FAILED$plain: exit status ${statuses[$1]}}" "${outcome[2]:-?}" "${outcome[3]:-?}"
}
