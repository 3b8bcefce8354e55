# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What a machine boots with: three archives one after the other, as the kernel takes them; sourced by hack/kernels.
# shellcheck disable=SC2154 # what it uses is set there

# Programs that the tests call in there, and the libraries of the build in the form that cross-building takes.
root_programs=(bash dash coreutils findutils grep sed mawk util-linux bsdextrautils mount procps kmod iproute2 iputils-ping nftables jq
	tcpdump ethtool bpftool containernetworking-plugins)
root_packages() {
	printf '%s\n' "${root_programs[@]}"
	awk '$1 == "build" && $2 ~ /^lib[^|]*-dev$/ {print $2}' <<<"$PACKAGES"
}

# Of this distribution where it is Debian, so that what was built here finds the libraries that it was built with.
root_suite() {
	# shellcheck source=/dev/null
	(. /etc/os-release && [[ $ID == debian && -n ${VERSION_CODENAME:-} ]] && echo "$VERSION_CODENAME" || echo trixie)
}

# pack FOLDER ARCHIVE: all that is in it, as root's
pack() { (cd "$1" && find . -print0 | LC_ALL=C sort -z | cpio --null --create --format=newc --owner=+0:+0 --quiet) >"$2"; }

# make_root_archive ROOT: beside it, once
make_root_archive() {
	local root=$1 stage
	root_archive=$root.cpio
	[[ ! -e $root_archive ]] || return 0
	stage=$(mktemp -d "$cache/packing.XXXXXX")
	undo_later "rm -rf '$stage' '$stage.cpio'"
	cp -a --reflink=auto "$root/." "$stage/"
	(cd "$stage" && rm -rf usr/{include,share,games,src} var/{cache,lib,log} usr/lib/{python*,valgrind,gcc,systemd,udev})
	find "$stage/usr/lib" \( -name '*.a' -o -name '*.o' \) -delete
	find "$stage/usr/lib/cni" -type f ! -name bridge ! -name ptp ! -name host-local -delete
	mkdir -p "$stage"/{dev,proc,sys,run,tmp,root,var/lib,var/log,libvpc}
	ln -s mawk "$stage/usr/bin/awk"
	ln -sf dash "$stage/usr/bin/sh"
	ln -s /run "$stage/var/run"
	printf 'root:x:0:0::/root:/bin/bash\ntcpdump:x:100:100::/:/bin/false\nnobody:x:65534:65534::/:/bin/false\n' >"$stage/etc/passwd"
	printf 'root:x:0:\ntcpdump:x:100:\nnogroup:x:65534:\n' >"$stage/etc/group"
	pack "$stage" "$stage.cpio" && mv "$stage.cpio" "$root_archive" && rm -rf "${stage:?}"
}

# The files of the modules in the list and of what these need, below lib/modules/RELEASE.
wanted_modules() {
	local modules=$1
	sed '/^#/d' "$here/modules" | while read -r name; do
		case $name in
		*/*) grep -E "^kernel/$name/" "$modules/modules.dep" ;;
		*) grep -E "/${name//_/[_-]}\.ko[^/:]*:" "$modules/modules.dep" || true ;;
		esac
	done | tr -d : | tr ' ' '\n' | grep . | sort -u
}

# make_module_archive KERNEL FILE: with what the machine starts first
make_module_archive() {
	local release modules stage
	release=$(ls "$1/lib/modules")
	modules=$1/lib/modules/$release
	stage=$(mktemp -d "$work/modules.XXXXXX")
	mkdir -p "$stage/usr/lib/modules/$release"
	wanted_modules "$modules" | (cd "$modules" && cpio --pass-through --make-directories --quiet "$stage/usr/lib/modules/$release")
	cp "$modules"/modules.{builtin,builtin.modinfo,order} "$stage/usr/lib/modules/$release/"
	depmod -b "$stage/usr" "$release"
	cp "$here/guest/init" "$stage/init"
	pack "$stage" "$2"
}

# make_test_archive BUILD PLAN FILE: what was built, and the scripts of the tree, each at its place, so that tests find them
make_test_archive() {
	local build=$1 stage
	stage=$(mktemp -d "$work/tests.XXXXXX")
	mkdir -p "$stage/libvpc" "$stage$build" "$stage$PWD"
	cp "$2" "$stage/libvpc/plan"
	cp -r hack tests "$stage$PWD/"
	(cd "$build" && find bin bpf tests -type f \( -perm /111 -o -name '*.bpf.o' \) ! -path '*/CMakeFiles/*' ! -name '*fuzz*' |
		cpio --pass-through --make-directories --quiet "$stage$build")
	find "$stage$build/bin" "$stage$build/tests" -type f -exec llvm-strip --strip-debug {} + 2>/dev/null || true
	pack "$stage" "$3"
}
