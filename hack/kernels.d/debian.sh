# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Packages of any Debian release and architecture, fetched and unpacked, never installed; sourced by hack/kernels.
# shellcheck disable=SC2154 # what it uses is set there
#
#   $cache/apt/SUITE-ARCH/     lists and configuration of an apt of our own: versions are whatever the release offers
#   $cache/PACKAGE_VERSION/    a kernel: vmlinuz, lib/modules/RELEASE
#   $cache/root-KEY/           a root file system: programs and libraries that tests use in there; KEY: all its packages

# The archive that this machine's own sources name; elsewhere than on Debian somebody has to.
find_mirror() {
	[[ -z ${LIBVPC_DEBIAN_MIRROR:-} ]] || { echo "$LIBVPC_DEBIAN_MIRROR"; return; }
	# shellcheck disable=SC2016
	apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' 2>/dev/null | head -n 1
}

# apt_for SUITE ARCHITECTURE COMMAND...: apt with that release and architecture and nothing installed
apt_for() {
	local folder=$cache/apt/$1-$2
	shift 2
	APT_CONFIG=$folder/apt.conf "$@"
}

configure_apt() {
	local suite=$1 architecture=$2 folder=$cache/apt/$1-$2 keyring
	mirror=${mirror:-$(find_mirror)}
	[[ -n $mirror ]] || { reason="no Debian archive in this machine's sources of apt; name one by LIBVPC_DEBIAN_MIRROR"; return 1; }
	for keyring in /usr/share/keyrings/debian-archive-keyring.{gpg,pgp}; do [[ ! -e $keyring ]] || break; done
	mkdir -p "$folder"/{lists,archives}/partial
	: >"$folder/status"
	echo "deb [signed-by=$keyring arch=$architecture] $mirror $suite main" >"$folder/sources.list"
	cat >"$folder/apt.conf" <<-END
		Dir::Etc::SourceList "$folder/sources.list";
		Dir::Etc::SourceParts "/dev/null";
		Dir::Etc::Preferences "/dev/null";
		Dir::Etc::PreferencesParts "/dev/null";
		Dir::State "$folder";
		Dir::State::Lists "$folder/lists";
		Dir::State::status "$folder/status";
		Dir::Cache "$folder";
		Dir::Cache::Archives "$folder/archives";
		APT::Architecture "$architecture";
		APT::Architectures { "$architecture"; };
		APT::Sandbox::User "root";
		APT::Install-Recommends "false";
		Acquire::Languages "none";
		Acquire::PDiffs "false";
		Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
		Acquire::Retries "2";
	END
}

# Lists of today are fresh; older ones serve where the archive cannot be reached.
update_lists() {
	local suite=$1 architecture=$2 folder=$cache/apt/$1-$2
	configure_apt "$suite" "$architecture" || return
	[[ -z $(find "$folder/updated" -mmin -1440 2>/dev/null) ]] || return 0
	say "reading what Debian's $suite offers for $architecture"
	if apt_for "$suite" "$architecture" apt-get update -qq >"$folder/log" 2>&1 && ! grep -q '^[WE]:' "$folder/log"; then
		touch "$folder/updated"
	elif [[ ! -e $folder/updated ]]; then
		reason="the archive does not offer $suite: $(grep -m 1 '^[WE]:' "$folder/log" || tail -n 1 "$folder/log")"
		return 1
	fi
}

# The packages that make up a kernel: an image alone, or since 7 its parts.
kernel_packages() {
	apt_for "$1" "$2" apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances "$3" |
		grep -E '^linux-(image|binary|modules|base)-[0-9]'
}

# Into the current folder. The checksums of the lists, which are signed, are apt's business.
download() {
	local suite=$1 architecture=$2 log
	shift 2
	log=$cache/apt/$suite-$architecture/log
	apt_for "$suite" "$architecture" apt-get download -qq "$@" >"$log" 2>&1 || { reason="could not fetch $*: $(tail -n 1 "$log")"; return 1; }
}

# unpack FOLDER PACKAGE_FILE...: with the links by which /bin, /lib and the like are parts of /usr
unpack() {
	local folder=$1 name package
	shift
	for name in bin sbin lib lib64; do
		mkdir -p "$folder/usr/$name"
		[[ -e $folder/$name ]] || ln -s "usr/$name" "$folder/$name"
	done
	for package in "$@"; do dpkg-deb --fsys-tarfile "$package" | tar -x --keep-directory-symlink -C "$folder" || return; done
}

# fetch_kernel SUITE ARCHITECTURE PACKAGE: sets kernel to its folder, kernel_version to the package's version
fetch_kernel() {
	local suite=$1 architecture=$2 package=$3 packages image temporary
	update_lists "$suite" "$architecture" || return
	mapfile -t packages < <(kernel_packages "$suite" "$architecture" "$package")
	image=$(printf '%s\n' "${packages[@]}" | grep -m 1 '^linux-image-') || { reason="Debian's $suite has no package $package"; return 1; }
	kernel_version=$(apt_for "$suite" "$architecture" apt-cache show --no-all-versions "$image" | sed -n 's/^Version: //p')
	kernel=$cache/${image}_$kernel_version
	[[ ! -d $kernel ]] || return 0

	say "fetching $image $kernel_version"
	temporary=$(mktemp -d "$cache/fetching.XXXXXX")
	undo_later "rm -rf '$temporary'"
	mkdir "$temporary/packages" "$temporary/kernel"
	(cd "$temporary/packages" && download "$suite" "$architecture" "${packages[@]}" || { echo "$reason" >../reason; exit 1; }) ||
		{ reason=$(<"$temporary/reason"); return 1; }
	unpack "$temporary/kernel" "$temporary"/packages/*.deb &&
		mv "$(find "$temporary/kernel/" -type f -name 'vmlinuz*' | head -n 1)" "$temporary/vmlinuz" &&
		mv "$temporary/vmlinuz" "$temporary/kernel/vmlinuz" &&
		rm -rf "$temporary/kernel/boot" "$temporary/kernel/usr/share" &&
		depmod -b "$temporary/kernel" "$(ls "$temporary/kernel/lib/modules")" &&
		mv "$temporary/kernel" "$kernel" && rm -rf "${temporary:?}"
}

# fetch_root SUITE ARCHITECTURE PACKAGE...: these and all that they need; sets root to its folder
fetch_root() {
	local suite=$1 architecture=$2 folder=$cache/apt/$1-$2 temporary key
	shift 2
	update_lists "$suite" "$architecture" || return
	apt_for "$suite" "$architecture" apt-get install -qq -y --print-uris "$@" >"$folder/uris" 2>"$folder/log" ||
		{ reason="Debian's $suite lacks a package for the tests: $(tail -n 1 "$folder/log")"; return 1; }
	key=$(awk '{print $2}' "$folder/uris" | sort | sha256sum | cut -c 1-16)
	root=$cache/root-$suite-$architecture-$key
	[[ ! -d $root ]] || return 0

	say "fetching $(wc -l <"$folder/uris") packages of $suite for $architecture"
	apt_for "$suite" "$architecture" apt-get install -qq -y --download-only "$@" >"$folder/log" 2>&1 ||
		{ reason="could not fetch them: $(tail -n 1 "$folder/log")"; return 1; }
	temporary=$(mktemp -d "$cache/fetching.XXXXXX")
	undo_later "rm -rf '$temporary'"
	mkdir "$temporary/root"
	unpack "$temporary/root" "$folder"/archives/*.deb && mv "$temporary/root" "$root" && rm -rf "${temporary:?}" "$folder"/archives/*.deb
}
