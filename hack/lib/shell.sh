# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What every command here needs; sourced.

# Colours for people only: a terminal, and no NO_COLOR (no-color.org).
if [[ -t 1 && -z ${NO_COLOR:-} && ${TERM:-dumb} != dumb ]]; then
	bold=$'\e[1m' dim=$'\e[2m' red=$'\e[31m' green=$'\e[32m' blue=$'\e[34m' plain=$'\e[0m'
else
	bold='' dim='' red='' green='' blue='' plain=''
fi
export bold dim red green blue plain

command_name=hack/$(basename "$0")

# Progress goes to stderr, results to stdout.
say() { echo "$command_name: $*" >&2; }
fail() {
	echo "$command_name: $*" >&2
	exit 1
}

# Every change registers its undoing; however the script ends, all of it is carried out, last first.
undoing=()
undo_later() { undoing+=("$*"); }
undo_all() {
	local i
	trap '' INT TERM HUP
	for ((i = ${#undoing[@]} - 1; i >= 0; i--)); do eval "${undoing[i]}" || true; done
	undoing=()
}
undo_at_end() {
	trap undo_all EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
}

# wait_for SECONDS WHAT COMMAND...: until the command succeeds, or fails naming what was waited for
wait_for() {
	local deadline=$((${EPOCHREALTIME/[.,]/} + $1 * 1000000)) what=$2
	shift 2
	until "$@" >/dev/null 2>&1; do
		((${EPOCHREALTIME/[.,]/} < deadline)) || { say "no $what in time"; return 1; }
		sleep 0.02
	done
}

# as_root "$@": starts the command again by sudo if it needs to
as_root() {
	((EUID == 0)) && return
	command -v sudo >/dev/null || fail "needs root (network namespaces, BPF), and there is no sudo"
	exec sudo --preserve-env=NO_COLOR,TERM "$0" "$@"
}
