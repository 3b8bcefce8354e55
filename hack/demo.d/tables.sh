# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What the demo measures, beside what it expects; sourced by inside.

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

# Each Pod's values are those of its from_pod.
has_constants() {
	local pod=$1 values=" $2 "
	[[ $values == *" network_id=${id_of[${vpc_of[$pod]}]#*-} "* && $values == *" pod_ipv4=${ipv4_of[$pod]} "* &&
		$values == *" pod_ipv6=${ipv6_of[$pod]} "* && $values == *" pod_mac=${mac_of[$pod]} "* ]]
}

show_constants() {
	local node pod values rows=$'POD\tPROGRAM\tID\tTAG\tCONSTANTS\n'
	heading "Constants" "written into each Pod's copy of from_pod, as the kernel's records tell"
	for node in "${nodes[@]}"; do on "$node" "$bin/vpcctl" status -o json >"/run/$node.status"; done
	for pod in "${vpc_pods[@]}"; do
		local row
		row=$(jq -r --arg values "pod_mac=${mac_of[$pod]}" '.attachments[] | select(.program == "from_pod" and (.values | tostring | contains($values))) |
			[.program, .program_id, .program_tag, .values] | @tsv' "/run/${node_of[$pod]}.status")
		values=${row##*$'\t'}
		expect "constants of $pod: $values" has_constants "$pod" "$values"
		rows+="$pod"$'\t'"$row"$'\n'
	done
	printf '%s' "$rows" | table
}

# ---- injections ----

show_injections() { :; }

# ---- who reaches whom ----

# A Pod of a VPC: its VPC, and its own node may probe it. Everybody else: whoever is in no VPC.
may_reach() {
	local source=$1 target=$2
	local from=${vpc_of[$source]:-} to=${vpc_of[$target]:-}
	[[ $from == "$to" ]] || [[ -n $to && $source == "${node_of[$target]:-}" ]]
}

measure() {
	local targets=() name
	for name in "${everybody[@]}"; do
		[[ $name == "$1" ]] || targets+=("$name=${ipv4_of[$name]}" "$name=${ipv6_of[$name]}")
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
