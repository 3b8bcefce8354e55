# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Which tests run in a machine, by their names in ctest; sourced by hack/kernels.

guest_tests='^(verifier_|packet_|attach_|datapath_|library_(instance|patch|loaders)$)'

# What is emulated is slower than what was measured when a test got its limit.
slowness() { if [[ $accelerator == kvm ]]; then echo 1; else echo 10; fi; }

# make_plan BUILD: lines of name, seconds, command, split by tabs
make_plan() {
	if [[ -n $run ]]; then
		printf 'run\t30\t%s\n' "$run"
		return
	fi
	ctest --test-dir "$1" --show-only=json-v1 | jq -r --arg chosen "$guest_tests" --arg only "$only" --argjson slowness "$(slowness)" '
		def property($name): first(.properties[] | select(.name == $name) | .value) // null;
		.tests[] | select(.name | test($chosen)) | select(.name | test($only)) |
		[.name, (property("TIMEOUT") // 60) * $slowness, ((property("ENVIRONMENT") // []) | map(@sh + " ") | add // "" | if . == "" then "" else "env " + . end) + (.command | @sh)] | @tsv'
}

# cross_build ARCHITECTURE BUILD: with the root that was fetched as what it is compiled against
cross_build() {
	local log=$work/cross_build.log
	say "building for $1"
	cmake -S . -B "$2" -G Ninja --toolchain "$here/$1.cmake" -DLIBVPC_SYSROOT="$root" >"$log" 2>&1 &&
		nice cmake --build "$2" --parallel "$(nproc)" >"$log" 2>&1 && return
	tail -n 40 "$log"
	verdict="${red}FAILED$plain: does not build for $1"
	return 1
}
