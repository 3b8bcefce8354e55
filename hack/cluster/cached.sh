# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Commands built once from the Go modules pinned here, and kept outside the tree; sourced after shell.sh, in hack/cluster.

cache=${LIBVPC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/libvpc}

# pins_hash ROOM...: of what these modules are pinned to
pins_hash() {
	local room
	for room in "$@"; do cat "$room/go.mod" "$room/go.sum"; done | sha256sum | cut -c 1-16
}

# A Go that can build all this: on PATH, or beside it as Debian keeps its versions. Go 1.21 and later fetch the Go that a
# module asks for by themselves, as a module.
require_go() {
	local folder minor
	for folder in '' /usr/lib/go-*/bin/; do
		minor=$("${folder}go" version 2>/dev/null | sed -n 's/^go version go1\.\([0-9]*\).*/\1/p')
		((${minor:-0} >= 24)) || { ((${minor:-0} >= 21)) && [[ $("${folder}go" env GOTOOLCHAIN) != local ]]; } || continue
		PATH=$folder${folder:+:}$PATH
		return
	done
	fail "needs Go 1.24 or later on PATH, or 1.21 or later with GOTOOLCHAIN=auto, to build $*: Debian 13 has golang-1.24-go," \
		"Debian 12 golang-1.23-go in its backports (apt-get install -t bookworm-backports golang-1.23-go)"
}

# build_command FOLDER ROOM PACKAGE NAME [LINKER-FLAG...]: by rename, so that nobody runs half a file
build_command() {
	local folder=$1 room=$2 package=$3 name=$4
	shift 4
	say "building $name"
	mkdir -p "$folder"
	(cd "$room" && CGO_ENABLED=0 go build -trimpath -o "$folder/.new-$name" -ldflags "-s -w $*" "$package") || fail "cannot build $name"
	mv "$folder/.new-$name" "$folder/$name"
}

# missing_commands FOLDER NAME...: those that are not built yet
missing_commands() {
	local folder=$1 name
	shift
	for name in "$@"; do [[ -x $folder/$name ]] || echo "$name"; done
}

# require_known NAMES NAME...: fails, telling what there is, if one is none of NAMES
require_known() {
	local known=$1 name
	shift
	for name in "$@"; do [[ " $known " == *" $name "* ]] || fail "no '$name'; there are: $known"; done
}
