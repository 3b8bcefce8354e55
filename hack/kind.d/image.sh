# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # names of the cluster and its folders are hack/kind's
# The own Docker and the nodes' image, made of Debian's packages and of commands built here, once; sourced by hack/kind.
#
#   $made/engine/    a Debian with Docker: what hack/kind.d/engine makes its root
#   $made/store/     Docker's data, with the nodes' image in it; a cluster works on a copy
#
# The nodes' image is laid out by kind's own files, which its module carries, as kind's Dockerfile does it.

suite=bookworm # of the own Docker and of the nodes, whatever this machine runs
node_image=kindest/node:own

node_packages=(systemd systemd-sysv dbus containerd runc containernetworking-plugins iproute2 iptables nftables conntrack ethtool
	socat mount procps kmod jq curl ca-certificates openssl iputils-ping tcpdump)
engine_packages=(docker.io tini)

# Whatever changes what is made changes its name.
made_name() {
	cat image.sh archive node_runtime ../cluster/{kubernetes,etcd,kind,coredns}/go.{mod,sum} | sha256sum | cut -c 1-16
}

debian_mirror() {
	local mirror=${LIBVPC_DEBIAN_MIRROR:-}
	# shellcheck disable=SC2016
	[[ -n $mirror ]] || mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' 2>/dev/null | head -n 1)
	echo "${mirror:-http://deb.debian.org/debian}"
}

# logged NAME COMMAND...: its output only if it fails
logged() {
	local name=$1
	shift
	"$@" >"$making/$name.log" 2>&1 </dev/null || { tail -n 30 "$making/$name.log" >&2; fail "$name: failed"; }
}

make_engine() {
	say "fetching a Debian with Docker (a few minutes, once)"
	logged debootstrap debootstrap --variant=minbase --include="$(IFS=, && echo "${node_packages[*]},${engine_packages[*]}")" \
		"$suite" "$making/engine" "$(debian_mirror)"
	rm -rf "$making"/engine/var/{cache/apt/archives,lib/apt/lists}/*
	make_node_root "$making/engine"
	install -m 0755 node_runtime "$making/engine/usr/local/sbin/"
	install -m 0755 "$tools/kind" "$making/engine/usr/local/bin/"
	mkdir -p "$making/engine/etc/docker" "$making/engine/lib/modules"
	cat >"$making/engine/etc/docker/daemon.json" <<-'END'
		{
			"runtimes": {"node": {"path": "/usr/local/sbin/node_runtime"}}, "default-runtime": "node",
			"exec-opts": ["native.cgroupdriver=cgroupfs"], "oom-score-adjust": 0, "storage-driver": "overlay2"
		}
	END
}

# make_node_root ENGINE: the same Debian without Docker, and with kind's and Kubernetes' files
make_node_root() {
	local root=$making/node files
	say "making the nodes' image"
	cp -a "$1" "$root"
	logged purge chroot "$root" apt-get purge --yes --auto-remove "${engine_packages[@]}"
	files=$(cd ../cluster/kind && go list -m -f '{{.Dir}}' sigs.k8s.io/kind)/images/base/files
	[[ -d $files ]] || fail "kind's module has no images/base/files"
	cp -r --no-preserve=mode,ownership "$files/." "$root/"
	chmod 0755 "$root"/usr/local/bin/* "$root"/kind/bin "$root"/kind/bin/*
	boot_kubelet_only "$root"
	mkdir -p "$root"/etc/kubernetes/manifests "$root"/kind/manifests "$root"/opt/cni/bin "$root"/etc/cni/net.d
	configure_containerd "$root"
	install_kubernetes "$root"
	make_component_images "$root"
	preload_images "$root"
}

# Of systemd's units those of a container that runs a kubelet, and nothing else.
boot_kubelet_only() {
	local units=$1/lib/systemd/system
	rm -f "$units"/sysinit.target.wants/systemd-tmpfiles-setup.service "$units"/{multi-user,local-fs,basic}.target.wants/* \
		"$1"/etc/systemd/system/*.wants/* "$units"/sockets.target.wants/*{udev,initctl}*
	echo ReadKMsg=no >>"$1/etc/systemd/journald.conf"
	logged enable chroot "$1" systemctl enable kubelet.service containerd.service undo-mount-hacks.service
	logged mask chroot "$1" systemctl mask systemd-binfmt.service
}

# Debian's containerd and runc where kind's configuration looks for its own. OOM scores below the own need CAP_SYS_RESOURCE,
# which not every machine grants.
configure_containerd() {
	local root=$1 name configuration=$1/etc/containerd/config.toml
	for name in containerd ctr containerd-shim-runc-v2; do ln -s "/usr/bin/$name" "$root/usr/local/bin/$name"; done
	ln -s /usr/sbin/runc "$root/usr/local/sbin/runc"
	cp -a "$root"/usr/lib/cni/. "$root"/opt/cni/bin/
	chroot "$root" ctr oci spec | jq '.hooks.createContainer += [{path: "/kind/bin/mount-product-files.sh"}] | del(.process.rlimits)' \
		>"$root/etc/containerd/cri-base.json"
	sed -i -e 's/restrict_oom_score_adj = false/restrict_oom_score_adj = true/' -e 's/^version = 2$/&\noom_score = 0/' \
		-e "s|sandbox_image = .*|sandbox_image = \"$(image_named pause)\"|" "$configuration"
	sed -i '/^OOMScoreAdjust/d' "$root/etc/systemd/system/containerd.service"
}

# image_named COMPONENT: the name under which kubeadm asks for it
image_named() { "$binaries/kubeadm" config images list --kubernetes-version "$version" | grep -E "/$1:"; }

install_kubernetes() {
	local root=$1
	install -m 0755 "$binaries"/{kubeadm,kubelet,kubectl} "$root/usr/bin/"
	printf %s "$version" >"$root/kind/version"
	cat >"$root/kind/manifests/default-storage.yaml" <<-'END'
		apiVersion: storage.k8s.io/v1
		kind: StorageClass
		metadata: {name: standard, annotations: {storageclass.kubernetes.io/is-default-class: "true"}}
		provisioner: kubernetes.io/no-provisioner
		volumeBindingMode: WaitForFirstConsumer
	END
	# kind wants to find one; which main plugin there is, hack/kind says.
	printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: no-default-cni, namespace: kube-system}\n' >"$root/kind/manifests/default-cni.yaml"
}

# ---- images of Kubernetes' components ----

make_component_images() {
	local root=$1 name
	mkdir -p "$making/images"
	for name in kube-apiserver kube-controller-manager kube-scheduler etcd; do make_command_image "$name" "$binaries/$name"; done
	make_command_image coredns "$tools/coredns" /usr/local/bin/coredns
	make_pause
	make_command_image pause "$making/pause" /usr/local/bin/pause
	make_kube_proxy_image "$root"
}

# make_command_image NAME FILE [ENTRYPOINT]
make_command_image() {
	local root=$making/image
	mkdir -p "$root"/{etc,tmp,usr/local/bin}
	ln "$2" "$root/usr/local/bin/" 2>/dev/null || cp "$2" "$root/usr/local/bin/"
	./archive "$making/images/$1.tar" "$root" "$(image_named "$1")" "${@:3}"
	rm -rf "${root:?}"
}

make_pause() {
	local source
	source=$(cd ../cluster/kubernetes && go list -m -f '{{.Dir}}' k8s.io/kubernetes)/build/pause/linux/pause.c
	logged pause gcc -Os -static -o "$making/pause" "$source"
}

# kube-proxy calls iptables, nft and conntrack: these of the node, with the libraries that they and their plugins need.
make_kube_proxy_image() {
	local node=$1 root=$making/image file folder
	local programs=(/usr/sbin/xtables-nft-multi /usr/sbin/xtables-legacy-multi /usr/sbin/nft /usr/sbin/conntrack /usr/bin/dash)
	mkdir -p "$root"/{usr/{bin,sbin,lib,lib64,local/bin},etc/alternatives,run,tmp}
	for folder in bin sbin lib lib64; do ln -s "usr/$folder" "$root/$folder"; done
	for file in "${programs[@]}" $(libraries_of "$node" "${programs[@]}" "$(xtables_folder "$node")"/*.so); do
		copy_resolved "$node" "$file" "$root"
	done
	cp -a "$node$(xtables_folder "$node")" "$root$(xtables_folder "$node")"
	cp "$node"/etc/{protocols,ethertypes} "$root/etc/" 2>/dev/null || true
	ln -s dash "$root/usr/bin/sh"
	for file in {iptables,ip6tables}{,-save,-restore}; do ln -s xtables-nft-multi "$root/usr/sbin/$file"; done
	install -m 0755 "$binaries/kube-proxy" "$root/usr/local/bin/"
	logged kube-proxy chroot "$root" iptables --version
	./archive "$making/images/kube-proxy.tar" "$root" "$(image_named kube-proxy)"
	rm -rf "${root:?}"
}

xtables_folder() { (cd "$1" && echo /usr/lib/*/xtables); }
libraries_of() { chroot "$1" sh -c 'for file; do ldd "$file"; done' - "${@:2}" 2>/dev/null | grep -o '/[^ ]*' | sort -u; }

# copy_resolved FROM FILE TO: what the name leads to, under that name
copy_resolved() {
	mkdir -p "$3$(dirname "$2")"
	cp -L "$1$2" "$3$2"
}

# ---- the nodes' image ----

# A containerd of the moment, whose data become the nodes': so no node unpacks anything.
preload_images() {
	rm -rf "$1/var/lib/containerd"
	mkdir -p "$1/var/lib/containerd"
	logged preload unshare --mount --pid --fork --kill-child bash -euc '
		root=$1 images=$2
		mount -t proc proc "$root/proc"
		mount --rbind /dev "$root/dev"
		mount -t tmpfs tmpfs "$root/run"
		mount --bind "$images" "$root/mnt"
		printf "version = 2\noom_score = 0\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n" >"$root/run/preload.toml"
		chroot "$root" containerd --config /run/preload.toml &
		deadline=$((SECONDS + 60))
		until chroot "$root" ctr version; do
			((SECONDS < deadline))
			sleep 0.1
		done
		for image in "$images"/*.tar; do chroot "$root" ctr -n k8s.io images import --all-platforms "/mnt/${image##*/}"; done
		chroot "$root" ctr -n k8s.io images list -q
		kill $!
		wait $! || true' - "$1" "$making/images"
	rm -rf "$1"/var/lib/containerd/tmpmounts "$making/images"
}

# Docker itself imports it, in the store that clusters will be copies of.
make_store() {
	say "importing the nodes' image"
	mkdir -p "$making/store"
	start_engine "$making/engine" "$making/store"
	tar --directory "$making/node" --numeric-owner --xattrs --one-file-system --create . |
		in_engine docker import --change 'ENV container=docker' --change 'ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]' - node-parts >/dev/null
	# docker import knows no STOPSIGNAL.
	printf 'FROM node-parts\nSTOPSIGNAL SIGRTMIN+3\n' | in_engine env DOCKER_BUILDKIT=0 docker build --quiet --tag "$node_image" - >/dev/null
	stop_engine
	rm -rf "$making/node"
}

# make_image: sets made; the first time takes minutes
make_image() {
	local lock
	made=$cache/kind-$(made_name)
	[[ ! -d $made ]] || return 0
	check_can_make
	binaries=$(../cluster/binaries)
	tools=$(../cluster/tools kind coredns)
	version=$("$binaries/kubeadm" version -o short)
	mkdir -p "$cache"
	exec {lock}>"$made.lock"
	flock "$lock"
	if [[ ! -d $made ]]; then
		making=$made.making
		remove_tree "$making"
		mkdir -p "$making"
		undo_later "remove_tree '$making'"
		make_engine
		make_store
		rm -f "$making"/*.log "$making/pause"
		mv "$making" "$made"
	fi
	exec {lock}>&-
}
