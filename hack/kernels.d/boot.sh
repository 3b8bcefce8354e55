# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# A machine from power-on to its end; sourced by hack/kernels.
# shellcheck disable=SC2154 # what it uses is set there
#
#   console   ttyS0 or ttyAMA0, a file: for people
#   results   a virtio port, the machine's standard output here: what guest/init says in its head, line by line
#
# The machine ends when the plan is carried out. If it ends before, it panicked or restarted; if it is silent for longer
# than the test at hand may take, it hangs; both are failures.

# emulator ARCHITECTURE ACCELERATOR: its command line up to what is the same for all
emulator() {
	case $1/$2 in
	amd64/kvm) echo qemu-system-x86_64 -machine q35 -accel kvm -cpu host ;;
	amd64/tcg) echo qemu-system-x86_64 -machine q35 -accel tcg,thread=single -cpu max ;;
	arm64/kvm) echo qemu-system-aarch64 -machine virt,gic-version=max -accel kvm -cpu host ;;
	arm64/tcg) echo qemu-system-aarch64 -machine virt -accel tcg,thread=single -cpu cortex-a72 ;;
	esac
}
console_of() { if [[ $1 == arm64 ]]; then echo ttyAMA0; else echo ttyS0; fi; }

# start_machine ARCHITECTURE ACCELERATOR KERNEL INITRAMFS CONSOLE_FILE: sets machine to its process, results to the descriptor to read
start_machine() {
	local command fifo
	read -ra command <<<"$(emulator "$1" "$2")"
	fifo=$work/results
	rm -f "$fifo"
	mkfifo "$fifo"
	setpriv --pdeathsig KILL "${command[@]}" -m 2048 -smp 1 -display none -nodefaults -no-user-config -no-reboot \
		-kernel "$3" -initrd "$4" -append "console=$(console_of "$1") panic=-1 oops=panic loglevel=5" -serial "file:$5" \
		-device virtio-serial-pci -chardev file,id=results,path=/dev/stdout -device virtserialport,chardev=results,name=libvpc \
		</dev/null >"$fifo" 2>"$work/emulator.log" &
	machine=$!
	exec {results}<"$fifo"
	rm -f "$fifo"
}

stop_machine() {
	[[ -z ${machine:-} ]] || { kill -KILL "$machine" && wait "$machine"; } 2>/dev/null || true
	machine=''
	[[ -z ${results:-} ]] || exec {results}<&-
	results=''
}

# Whether a virtual machine of the hardware gets as far as user space here. That /dev/kvm opens does not say so.
choose_accelerator() {
	local architecture=$1 line=''
	accelerator=tcg
	[[ $architecture == "$(dpkg --print-architecture)" && -w /dev/kvm ]] || return 0
	[[ $(cat "$cache/kvm" 2>/dev/null) != "no $(</proc/sys/kernel/random/boot_id)" ]] || return 0
	start_machine "$architecture" kvm "$2" "$3" /dev/null
	read -r -t 20 -u "$results" line || true
	stop_machine
	if [[ $line == ready* ]]; then accelerator=kvm; else echo "no $(</proc/sys/kernel/random/boot_id)" >"$cache/kvm"; fi
}

# follow FILE: notes all that is told, and shows how each test went. 0: carried out, all well; 1: a test failed; 2: panic; 3: hang
follow() {
	local kind name rest status took patience=$1 failed=0 file=$2
	while true; do
		IFS=' ' read -r -t "$patience" -u "$results" kind name rest || { (($? > 128)) && return 3 || return 2; }
		echo "$kind $name $rest" >>"$file"
		case $kind in
		ready) running="user space of $name"; say "$label: $name is up ($accelerator)" ;;
		begin) patience=$((rest + 30)) running=$name ;;
		line) echo "$rest" >>"$file.$name" ;;
		end)
			patience=60
			read -r status took <<<"$rest"
			show_result "$name" "$status" "$took" "$file.$name"
			[[ $status == 0 || $status == 77 ]] || failed=1
			;;
		done) return $failed ;;
		esac
	done
}

show_result() {
	local name=$1 status=$2 seconds="$(($3 / 1000)).$(($3 / 100 % 10)) s" output=$4
	case $status in
	0) printf '%-10s %-22s %sok%s       %8s\n' "$label" "$name" "$green" "$plain" "$seconds"; sed -n 's/^note: /           /p' "$output" 2>/dev/null || true ;;
	77) printf '%-10s %-22s %sskipped%s  %8s  %s\n' "$label" "$name" "$blue" "$plain" "$seconds" "$(head -n 1 "$output" 2>/dev/null)" ;;
	124 | 137) printf '%-10s %-22s %sFAILED%s   %8s  took too long\n' "$label" "$name" "$red" "$plain" "$seconds"; cat "$output" 2>/dev/null ;;
	*) printf '%-10s %-22s %sFAILED%s   %8s  exit status %s\n' "$label" "$name" "$red" "$plain" "$seconds" "$status"; cat "$output" 2>/dev/null ;;
	esac
}

show_console() {
	echo "--- the console's last lines ($1)"
	tail -c 20000 "$1" | tr -cd '\n\t -~' | tail -n 60
	cat "$work/emulator.log"
	echo "---"
}

# boot ARCHITECTURE KERNEL INITRAMFS: 0 if all went well; what was told is in $folder/told
boot() {
	local result=0 running='the boot' patience=60
	[[ $accelerator == kvm ]] || patience=300
	start_machine "$1" "$accelerator" "$2" "$3" "$folder/console"
	follow "$patience" "$folder/told" || result=$?
	stop_machine
	case $result in
	2) verdict="${red}FAILED$plain: panicked or restarted during $running" ;;
	3) verdict="${red}FAILED$plain: hangs in $running: silent for longer than that may take" ;;
	1) verdict="${red}FAILED$plain" ;;
	0) verdict="${green}ok$plain" ;;
	esac
	((result < 2)) || { echo "$label: $verdict"; show_console "$folder/console"; }
	return $result
}
