# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# A room of one's own for a test script that sources this file: it starts itself again in new mount, network and process
# namespaces with a bpffs, a tracefs and a /run/netns that nobody else sees. All of it ends with the script, whatever ends
# that: the script is the first process of its namespace, with which all others in there die.

if [[ -z ${LIBVPC_ROOM:-} ]]; then
	[[ $(id -u) == 0 ]] || { echo "skipped: needs root for namespaces and BPF"; exit 77; }
	LIBVPC_ROOM=1 exec unshare --mount --net --pid --fork --kill-child --mount-proc "$0" "$@"
fi

mount -t bpf bpf /sys/fs/bpf
mountpoint -q /sys/kernel/tracing || mount -t tracefs tracefs /sys/kernel/tracing
mkdir -p /run/netns
mount -t tmpfs tmpfs /run/netns
work=$(mktemp -d)
trap 'rmdir "$work" 2>/dev/null || find "$work" -delete' EXIT
trap 'exit 130' INT TERM

failures=0
passed() { printf 'ok    %s\n' "$1"; }
failed() {
	printf 'FAIL  %s\n' "$1"
	shift
	(($# == 0)) || printf '      %s\n' "$@"
	failures=$((failures + 1))
}

# expect DESCRIPTION STATUS TEXT COMMAND...: the exit status is STATUS and standard error or output holds TEXT ("" any)
expect() {
	local description=$1 wanted=$2 text=$3 status=0
	shift 3
	"$@" >"$work/out" 2>"$work/err" </dev/null || status=$?
	if ((status != wanted)); then
		failed "$description" "exit status $status instead of $wanted" "$(head -3 "$work/err")"
	elif [[ -n $text ]] && ! grep -qF -- "$text" "$work/out" "$work/err"; then
		failed "$description" "no '$text' in: $(cat "$work/out" "$work/err")"
	elif ((wanted != 0)) && [[ ! -s $work/err ]]; then
		failed "$description" "nothing on standard error"
	else
		passed "$description"
	fi
}

finish() {
	((failures == 0)) || { echo "$failures failed"; exit 1; }
	exit 0
}
