# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What the demo measures, beside what it expects; sourced by inside.
# shellcheck disable=SC2154,SC2055 # what it uses is set there; "unless both" is meant

held=0 failed=0 told=0
most_told=10 # under one heading

# expect DESCRIPTION COMMAND...: counts, and names what did not hold
expect() {
	local description=$1
	shift
	if "$@"; then
		held=$((held + 1))
		return
	fi
	failed=$((failed + 1))
	told=$((told + 1))
	((told > most_told)) || echo "  ${red}not as expected:$plain $description"
	((told != most_told + 1)) || echo "  ${red}and more$plain"
}

heading() {
	told=0
	echo
	echo "$bold$1$plain${2:+ $dim$2$plain}"
}

# Columns from tab-separated lines; the first is the head.
table() { column -t -s $'\t' | sed "1s/.*/  $dim&$plain/; 2,\$s/^/  /"; }

# ---- identifiers ----

# identifier VPC: "vxlan-4097", from the agents' claims
identifier() {
	grep -lE "name: \"?$1\"?$" /run/manifests/networkids/*.yaml 2>/dev/null | sed 's#.*/##; s#\.yaml$##'
}

show_identifiers() {
	local vpc
	heading "Identifiers" "claimed by the agents, without a leader"
	for vpc in "${vpcs[@]}"; do
		id_of[$vpc]=$(identifier "$vpc")
		expect "VPC $vpc has one identifier" test "$(wc -w <<<"${id_of[$vpc]}")" = 1
	done
	{
		printf 'VPC\tENCAPSULATION\tIDENTIFIER\n'
		for vpc in "${vpcs[@]}"; do printf '%s\t%s\t%s\n' "$vpc" "${id_of[$vpc]%-*}" "${id_of[$vpc]#*-}"; done
	} | table
	expect "no two VPCs share an identifier" test "$(printf '%s\n' "${id_of[@]}" | sort -u | wc -l)" = "${#vpcs[@]}"
}

# ---- constants ----

# has VALUES NAME=VALUE...: whether "network_id=4097 pod_mac=..." holds them all
has() {
	local values=" $1 "
	shift
	for value in "$@"; do [[ $values == *" $value "* ]] || return; done
}

# attached NODE INTERFACE PROGRAM: id, tag and values
attached() {
	jq -r --argjson interface "${2:-0}" --arg program "$3" \
		'.attachments[] | select(.ifindex == $interface and .program == $program) | [.id, .tag, .values] | @tsv' "/run/$1.status"
}

# show_program POD INTERFACE PROGRAM NAME=VALUE...: a row, and whether it has these constants
show_program() {
	local pod=$1 interface=$2 program=$3 row
	shift 3
	row=$(attached "${node_of[$pod]}" "$interface" "$program")
	expect "$program of $pod: $row" has "${row##*$'\t'}" "$@" >>/run/results/unexpected
	printf '%s\t%s\t%s\n' "$pod" "$program" "$row" >>/run/results/programs
}

show_constants() {
	local node pod network interface
	heading "Constants" "written into each Pod's own copy of the programs, as the kernel's records tell; equal copies are one program"
	for node in "${nodes[@]}"; do on "$node" "$bin/vpcctl" status -o json >"/run/$node.status"; done
	printf 'POD\tPROGRAM\tID\tTAG\tCONSTANTS\n' >/run/results/programs
	for pod in "${vpc_pods[@]}"; do
		network=network_id=${id_of[${vpc_of[$pod]}]#*-}
		interface=$(nsenter --net="/run/netns/$pod" ip -j link show eth0 | jq '.[0].link_index')
		show_program "$pod" "$interface" from_pod "$network" "pod_mac=${mac_of[$pod]}" "pod_ipv4=${ipv4_of[$pod]}" "pod_ipv6=${ipv6_of[$pod]}"
		show_program "$pod" "$interface" to_pod "$network"
	done
	table </run/results/programs
	cat /run/results/unexpected
}

# ---- injections ----

# From the agents' log: "PodAttached: ... container red-1-sandbox, interface 5, 812 us (patch 0, load 300, attach 400)"
show_injections() {
	local pod times
	heading "Injection" "microseconds that writing, loading, attaching and reading back both programs of a Pod took"
	{
		printf 'POD\tALL\tPATCH\tLOAD\tATTACH\n'
		for pod in "${vpc_pods[@]}"; do
			times=$(sed -n "s/.* container $pod-sandbox, .* \([0-9]*\) us (patch \([0-9]*\), load \([0-9]*\), attach \([0-9]*\)).*/\1\t\2\t\3\t\4/p" "/run/${node_of[$pod]}.log")
			printf '%s\t%s\n' "$pod" "${times:-?}"
		done
	} | table >/run/results/injections
	cat /run/results/injections
	expect "a time for each injection" sh -c '! grep -q "?" /run/results/injections'
}

# ---- who reaches whom ----

# A Pod of a VPC: its VPC, and its own node may probe it. Everybody else: whoever is in no VPC.
may_reach() {
	local source=$1 target=$2
	local from=${vpc_of[$source]:-} to=${vpc_of[$target]:-}
	[[ $from == "$to" ]] || [[ -n $to && $source == "${node_of[$target]:-}" ]]
}

measure() {
	local targets=() name awaited
	for name in "${everybody[@]}"; do
		awaited=''
		! may_reach "$1" "$name" || awaited=+
		[[ $name == "$1" ]] || targets+=("$awaited$name=${ipv4_of[$name]}" "$awaited$name=${ipv6_of[$name]}")
	done
	nsenter --net="/run/netns/$1" "$probe" ask "$patience" "$port" "${targets[@]}" >"/run/results/$1.reach"
}

# cell SOURCE TARGET: what the matrix shows for a pair
cell() {
	local answers expected=0
	[[ $1 != "$2" ]] || { echo -; return; }
	answers=$(grep -c "^$2 .* yes$" "/run/results/$1.reach" || true)
	! may_reach "$1" "$2" || expected=6
	case $answers in
	0) echo -n . ;;
	6) echo -n yes ;;
	*) echo -n "$answers/6" ;;
	esac
	if ((answers == expected)); then echo; else echo !; fi
}

show_reachability() {
	local source target row
	heading "Who reaches whom" "yes: ICMP, TCP and UDP over IPv4 and IPv6, all six; .: none of them; 3/6!: not as expected"
	{
		(IFS=$'\t' && echo "from \\ to"$'\t'"${everybody[*]}")
		for source in "${everybody[@]}"; do
			row=$source
			for target in "${everybody[@]}"; do row+=$'\t'$(cell "$source" "$target"); done
			echo "$row"
		done
	} | table | sed "s/ yes\b/ ${green}yes$plain/g; s/[^ ]*!/$red&$plain/g"
	check_reachability
}

# Every probe is an expectation of its own; the sums are shown by protocol.
check_reachability() {
	local source target family protocol answer expected
	declare -A answered apart
	for source in "${everybody[@]}"; do
		while read -r target family protocol answer; do
			protocol="$family $protocol" expected=no
			! may_reach "$source" "$target" || expected=yes
			expect "$source to $target, $protocol: $answer" test "$answer" = $expected
			[[ $answer != "$expected" || $answer != yes ]] || answered[$protocol]=$((${answered[$protocol]:-0} + 1))
			[[ $answer != "$expected" || $answer != no ]] || apart[$protocol]=$((${apart[$protocol]:-0} + 1))
		done <"/run/results/$source.reach"
	done
	{
		printf 'AS EXPECTED\tANSWERED\tKEPT APART\n'
		for protocol in 'IPv4 ICMP' 'IPv4 TCP' 'IPv4 UDP' 'IPv6 ICMP' 'IPv6 TCP' 'IPv6 UDP'; do
			printf '%s\t%s\t%s\n' "$protocol" "${answered[$protocol]:-0}" "${apart[$protocol]:-0}"
		done
	} | table
}

# ---- drops ----

show_drops() {
	local node
	heading "Drops" "counted by reason and VPC on both nodes, since what is kept apart is never just gone"
	{
		printf 'VPC\tFRAMES\tREASON\tMEANING\n'
		for node in "${nodes[@]}"; do on "$node" "$bin/vpcctl" drops -o json; done | jq -rs '[.[].drops[]] | group_by([.id, .reason])[] |
			[.[0].encapsulation + "-" + (.[0].id | tostring), (map(.count) | add), .[0].reason, .[0].description] | @tsv' | name_vpcs | sort
	} | table
}

# Identifiers at the start of lines become names of VPCs.
name_vpcs() {
	local script=()
	for vpc in "${vpcs[@]}"; do script+=(-e "s/^${id_of[$vpc]}\t/$vpc\t/"); done
	sed "${script[@]}"
}
