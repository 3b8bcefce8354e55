# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What passes between the nodes, as captured on n1's port of the underlay; sourced by inside.

start_capture() {
	nsenter --net=/run/netns/underlay tcpdump -i n1 -n -U --immediate-mode -B 8192 -w /run/underlay.pcap </dev/null 2>/run/tcpdump.log &
	capture=$!
	wait_for 30 "capture of the underlay" grep -q 'listening on' /run/tcpdump.log
}

end_capture() {
	kill -INT "$capture"
	wait "$capture" || true
	"$tools/underlay" /run/underlay.pcap "$vxlan_port" | sort | uniq -c >/run/underlay.frames
}

# What a frame with these addresses inside must be labelled, by who sent it; "" for frames that concern no Pod.
label_of() {
	local from=${pod_at[$1]:-} to=${pod_at[$2]:-}
	local vpc=''
	[[ -z $from ]] || vpc=${vpc_of[$from]}
	if [[ -n $vpc ]]; then echo "${id_of[$vpc]}"; elif [[ -n $from$to ]]; then echo untagged; fi
}

# Frames between a Pod and somebody of another VPC, or under a wrong label, are told one by one.
show_underlay() {
	local count label source destination vpc
	declare -A frames
	for pod in "${pods[@]}"; do pod_at[${ipv4_of[$pod]}]=$pod pod_at[${ipv6_of[$pod]}]=$pod; done
	heading "What the underlay saw" "frames captured on n1's port"
	while read -r count label source destination; do
		frames[$label]=$((${frames[$label]:-0} + count))
		[[ $source != - && -n $(label_of "$source" "$destination") ]] || continue
		expect "$count frames from $source to $destination as $label" test "$label" = "$(label_of "$source" "$destination")"
	done </run/underlay.frames
	{
		printf 'TAG\tVPC\tFRAMES\n'
		for vpc in "${vpcs[@]}"; do
			label=${id_of[$vpc]}
			printf '%s\t%s\t%s\n' "$(name_of_tag "$label")" "$vpc" "${frames[$label]:-0}"
		done
		printf 'none\tplain Pods and nodes\t%s\n' "${frames[untagged]:-0}"
	} | table
	for vpc in "${vpcs[@]}"; do expect "frames of $vpc on the underlay" test "${frames[${id_of[$vpc]}]:-0}" -gt 0; done
	for label in "${!frames[@]}"; do
		expect "frames of nobody's $label" is_known_label "$label"
	done
}

name_of_tag() { sed 's/^vxlan-/VNI /; s/^vlan-/VLAN /' <<<"$1"; }
is_known_label() { [[ " untagged ${id_of[*]} " == *" $1 "* ]]; }
