#!/bin/sh
# A host of docs/contract.md that keeps the contract but for one thing: at the step $1 it does $2, a piece of shell. At
# the steps `alive` and `end` that is all it does. It serves nobody.
step=$1
action=$2
say() {
	# shellcheck disable=SC2059 # The messages are formats.
	printf "$@" >&3
}
at() {
	[ "$step" != "$1" ] || eval "$action"
}
at begin
# Payloads are not taken out of the lines: the last one of the settings stands before "start".
while read -r line <&3; do
	word=${line#* }
	slot=${word%% *}
	case $line in
	*start) at start; say 'ready #0\n'; at ready ;;
	'worker '*) say 'up %d 77%d\n' "$slot" "$slot"; at up ;;
	accept) at accept ;;
	'alive '*) at alive; [ "$step" = alive ] || say 'alive %s\n' "$word" ;;
	'end '*) at end; [ "$step" = end ] || say 'ended %d 77%d exit 0\n' "$slot" "$slot" ;;
	drain) at drain; say 'stopped\ndrained\n'; exit 0 ;;
	esac
done
