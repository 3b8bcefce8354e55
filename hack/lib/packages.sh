# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What Debian 12 and 13 and Ubuntu 24.04 must have, and why. Sourced after shell.sh.
#
# A line: set, package, reason. `a|b` takes the first that the distribution offers; `?a` is left out where it has none.
PACKAGES="
build  gcc                        C compiler
build  g++                        CMake's C++ part, and the header's test as C++
build  libc6-dev                  C library, also static: vpc-cni needs nothing of the node it runs on
build  cmake                      builds
build  ninja-build                builds faster
build  make                       plain cmake -B build, and what others build against the installed library
build  pkg-config|pkgconf         finds the libraries below
build  clang                      compiles the BPF programs, once
build  llvm                       strips them
build  libbpf-dev                 relocation, CO-RE
build  libxdp-dev                 AF_XDP sockets of vpcctl
build  libelf-dev                 ELF
build  libmnl-dev                 netlink
build  libmd-dev                  SHA-256 of templates
build  libnftables-dev            the node's one firewall rule
build  libuv1-dev                 the agent's event loop
build  libyaml-dev                manifests
build  libcurl4-openssl-dev       requests to the Kubernetes API, and the balancer's health checks
build  libcjson-dev               JSON of the agent and vpcctl
build  libwebsockets-dev          health, readiness and metrics of the agent
build  libcmocka-dev              C tests
demo   iproute2                   namespaces, veths, bridges
demo   nftables                   reads the firewall rule back
demo   containernetworking-plugins main CNI plugins: ptp, bridge, host-local
demo   tcpdump                    what the underlay saw
demo   jq                         JSON in scripts
demo   iputils-ping               probes
demo   procps                     sysctl, pgrep
demo   ?bpftool|linux-tools-common looks at what the kernel has; in tests, loads patched objects
demo   bsdextrautils              column
test   iptables                   CNI plugins portmap and firewall, chained before ours
test   ethtool                    offloads of test interfaces
test   iperf3                     throughput
test   shellcheck                 scripts
test   clang-format               C sources
test   clang-tidy                 C sources
test   ?libclang-rt-dev           libFuzzer and the sanitizers of clang
test   binutils                   nm, for the archive's symbols
test   python3-jsonschema         documents of vpcctl against their schemas
test   python3-yaml               the manifests in deploy/
test   python3-prometheus-client  parses the metrics
test   openssl                    certificates of API servers in tests
test   curl                       asks whether they are ready
test   mandoc                     the man page
test   zsh                        its completion script
test   fish                       the same
test   python3                    terminals and sockets in tests of commands
test   ?clang-13                  placeholders are looked for in the output of every clang that there is
test   ?clang-14                  the same
test   ?clang-15                  the same
test   ?clang-16                  the same
test   ?clang-17                  the same
test   ?clang-18                  the same
test   ?clang-19                  the same
kernels qemu-system-x86           machines for other kernels
kernels qemu-system-arm           machines of another architecture
kernels gcc-aarch64-linux-gnu|gcc builds for it; on it, the compiler is there
kernels g++-aarch64-linux-gnu|g++ the same for CMake's C++ part
kernels cpio                      what a machine boots with
kernels kmod                      which module needs which
kernels debian-archive-keyring    the signatures of Debian's kernels
kernels jq                        which tests there are
kind   ?golang-1.24-go|golang-1.23-go|golang-1.22-go|golang-1.21-go  Kubernetes' commands; unless a Go is there that can
kind   debootstrap                 the Debian that nodes and their Docker are made of
kind   debian-archive-keyring      its packages' signatures
kind   jq                          JSON in scripts
kind   gcc                         the pause command of Pods
kind   libc6-dev                   the same
kind   procps                      pgrep
kind   util-linux                  namespaces
kind   busybox-static              what runs in the Pods of tests
"

is_installed() { [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]; }
is_offered() { [[ -n $(apt-cache madison "$1" 2>/dev/null) ]]; }

any_installed() {
	local name
	for name in ${1//|/ }; do is_installed "$name" && return; done
	return 1
}

# Packages of the given sets of which no alternative is installed.
missing_packages() {
	local set package _reason
	while read -r set package _reason; do
		[[ " $* " == *" $set "* ]] && ! any_installed "${package#\?}" && echo "$package"
	done <<<"$PACKAGES"
	return 0
}

choose_offered() {
	local name
	for name in ${1//|/ }; do is_offered "$name" && echo "$name" && return; done
	return 1
}

# install_packages SET...: what is missing of these sets; touches the network only if something is
install_packages() {
	local missing package chosen=() wanted=()
	mapfile -t missing < <(missing_packages "$@")
	for package in "${missing[@]}"; do
		# What the last run found nowhere is not worth another update.
		[[ $package == \?* ]] && grep -qxF -- "$package" "$nowhere" 2>/dev/null || wanted+=("$package")
	done
	((${#wanted[@]})) || return 0
	command -v apt-get >/dev/null || fail "needs ${wanted[*]}; install them with this distribution's tool, or give --no-install"

	apt-get update -qq
	for package in "${wanted[@]}"; do
		if choose_offered "${package#\?}" >/dev/null; then
			chosen+=("$(choose_offered "${package#\?}")")
		elif [[ $package == \?* ]]; then
			mkdir -p "${nowhere%/*}" && echo "$package" >>"$nowhere"
		else
			fail "no package ${package} in this distribution's sources"
		fi
	done
	((${#chosen[@]})) || return 0
	say "installing ${chosen[*]}"
	local log
	log=$(mktemp)
	if ! DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends -o Dpkg::Use-Pty=0 "${chosen[@]}" </dev/null >"$log" 2>&1; then
		cat "$log" >&2
		rm -f "$log"
		fail "apt-get could not install them"
	fi
	rm -f "$log"
}
nowhere=$(realpath -m "${build:-build}")/not-offered # absolute: hack/kind goes elsewhere
