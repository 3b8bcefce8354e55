# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Which tests run in a machine, by their names in ctest; sourced by hack/kernels.
# shellcheck disable=SC2154 # what it uses is set there

short_tests='^(verifier_budget|library_(instance|patch|loaders)|packet_(rows|scenarios)|filter_packets|lb_(rows|rows_v1|changes|decap)|attach_(features|attach)|datapath_(traffic|life))$'
# What is long and finds the same on nearly any kernel.
long_tests='^(packet_random|filter_random|attach_(foreign|kill|refuse)|datapath_(crowd|sets|flows))$'

# What is emulated is slower than what was measured when a test got its limit.
slowness() { if [[ $accelerator == kvm ]]; then echo 1; else echo 10; fi; }

# make_plan BUILD: lines of name, seconds, command, split by tabs
make_plan() {
	if [[ -n $run ]]; then
		printf 'run\t%s\t%s\n' "${limit:-$((60 * $(slowness)))}" "$run"
		return
	fi
	local chosen=$short_tests
	$short || chosen+="|$long_tests"
	ctest --test-dir "$1" --show-only=json-v1 | jq -r --arg chosen "$chosen" --arg only "$only" --argjson slowness "$(slowness)" '
		def property($name): first(.properties[] | select(.name == $name) | .value) // null;
		.tests[] | select(.name | test($chosen)) | select(.name | test($only)) |
		[.name, (property("TIMEOUT") // 60) * $slowness, ((property("ENVIRONMENT") // []) | map(@sh + " ") | add // "" | if . == "" then "" else "env " + . end) + (.command | @sh)] | @tsv'
	[[ ! doctor =~ $only ]] || printf 'doctor\t%s\t%s\n' $((30 * $(slowness))) "$here/guest/doctor $1"
	[[ ! demo =~ $only ]] || printf 'demo\t%s\t%s\n' $((60 * $(slowness))) "cd $PWD && LIBVPC_BUILD=$1 hack/demo --no-build"
}

# cross_build ARCHITECTURE BUILD: with the root that was fetched as what it is compiled against
cross_build() {
	local log=$work/cross_build.log
	say "building for $1"
	cmake -S . -B "$2" -G Ninja --toolchain "$here/$1.cmake" -DLIBVPC_SYSROOT="$root" \
		-DLIBVPC_LINK_OBJECTS="$build/bin/link_objects" >"$log" 2>&1 &&
		cmake --build "$2" --parallel "$(nproc)" >"$log" 2>&1 && return
	tail -n 40 "$log"
	verdict="${red}FAILED$plain: does not build for $1"
	return 1
}
