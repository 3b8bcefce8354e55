# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What was found on each kernel, as a table in Markdown; sourced by hack/kernels.
# shellcheck disable=SC2154 # what it uses is set there
#
# Made of the lines "program NAME COUNT FORM" and "feature NAME VALUE" in build/kernels/KERNEL/told.

# The kernels whose results are at hand, in the order of the catalogue.
measured_kernels() {
	local name
	for name in "${order[@]}"; do [[ ! -s $build/kernels/$name/told ]] || echo "$name"; done
}

lines_of() { sed -n "s/^line [a-z_]* $2 //p" "$build/kernels/$1/told"; }

# The most instructions of a program in any form; in "Pod" the sums of its two programs, of which the largest.
count_of() {
	local kernel=$1 program=$2
	if [[ $program == Pod ]]; then
		lines_of "$kernel" program | awk '$1 == "from_pod" || $1 == "to_pod" {
			count = $2; $1 = $2 = ""; sum[$0] += count; if (sum[$0] > most) most = sum[$0] } END { print most ? most : "-" }'
	else
		lines_of "$kernel" program | awk -v program="$program" '
			{ name = $1; if (/ sample, /) name = ($0 ~ /placeholder/ ? "ping_placeholder" : "ping_global") }
			name == program && $2 > most { most = $2 } END { print most ? most : "-" }'
	fi
}

# with_commas NUMBER
with_commas() { sed ':a; s/^\([0-9]*[0-9]\)\([0-9]\{3\}\)/\1,\2/; ta' <<<"$1"; }

# feature_of KERNEL NAME
feature_of() { lines_of "$1" feature | awk -v name="$2" '$1 == name { print $2; found = 1 } END { if (!found) print "-" }'; }

# passed_of KERNEL REGEX: whether all tests of that name passed
passed_of() {
	awk -v name="$2" '$1 == "end" && $2 ~ name { if ($3 == 77) skipped = 1; else if ($3) failed = 1; found = 1 }
		END { print !found ? "-" : failed ? "**no**" : skipped ? "skipped" : "yes" }' "$build/kernels/$1/told"
}

row() { local cells; cells=$(printf ' %s |' "$@"); echo "|$cells"; }

# row_of TITLE COMMAND ARGUMENT: what the command says for each kernel; none of what was not tried on any
row_of() {
	local title=$1 cells=() kernel text
	shift
	for kernel in "${columns[@]}"; do cells+=("$(with_commas "$("$1" "$kernel" "${@:2}")")"); done
	text=${cells[*]}
	[[ -n ${text//[- ]/} ]] || return 0
	row "$title" "${cells[@]}"
}

version_of() { sed 's/-[^-]*$//' "$build/kernels/$1/version"; }
architecture_of() { case $1 in arm64-*) echo arm64 ;; *) echo x86-64 ;; esac; }

print_table() {
	local columns programs program budget
	mapfile -t columns < <(measured_kernels)
	((${#columns[@]})) || return 0
	mapfile -t programs < <(for kernel in "${columns[@]}"; do lines_of "$kernel" program; done |
		awk '/ sample, / { $1 = ($0 ~ /placeholder/ ? "ping_placeholder" : "ping_global") } !seen[$1]++ { print $1 }')
	row_of "Debian's kernel" version_of
	row "---" "${columns[@]//*/---:}"
	row_of "architecture" architecture_of
	for program in "${programs[@]}"; do row_of "\`$program\`" count_of "$program"; done
	row_of "\`from_pod\` and \`to_pod\` of a Pod, at most 1,400" count_of Pod
	row_of "hook of a Pod" feature_of pod_ingress
	row_of "hook of \`vpcctl attach\`" feature_of ingress
	row_of "a replacement there keeps its" feature_of ingress_replacement
	row_of "XDP on a veth" feature_of xdp
	row_of "a replacement there keeps its" feature_of xdp_replacement
	row_of "\`redirect_peer\`" feature_of redirect_peer
	row_of "\`vpcctl doctor\`: everything works" passed_of '^doctor$'
	row_of "attach, replace, pin, read back" passed_of '^(attach_attach|datapath_life)$'
	row_of "packet tables and scenarios" passed_of '^packet_(rows|scenarios)$'
	row_of "two nodes, VXLAN and VLAN (\`hack/demo\`)" passed_of '^(demo|datapath_traffic)$'
}

# Into build/kernels/table.md, and between its marks in the README if that was asked for.
write_table() {
	local table=$build/kernels/table.md marked
	print_table >"$table"
	$readme || return 0
	((failed == 0 && skipped == 0)) || { say "README.md stays as it is: not all is well"; return 0; }
	grep -q '^<!-- kernels: begin' README.md && grep -q '^<!-- kernels: end' README.md || fail "README.md has no marks <!-- kernels: begin --> and <!-- kernels: end -->"
	marked=$(awk -v table="$table" '/^<!-- kernels: end/ { inside = 0; print "" } !inside { print }
		/^<!-- kernels: begin/ { inside = 1; print ""; while ((getline line < table) > 0) print line }' README.md)
	printf '%s\n' "$marked" >README.md
}
