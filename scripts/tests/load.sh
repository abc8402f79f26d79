#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Does this kernel take every BPF object, fentry included? Each object is a
# feature of its own in a report; the kernels that we boot must have them all,
# on the running one a feature may be off for the reason that it gives.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

declare -A object=([wait]=wait.bpf.c [remote]=wait.bpf.c [stacks]=holder.bpf.c [earlier]=earlier.bpf.c
		   [release]=release.bpf.c [exact]=exact.bpf.c [user_stacks]=vmas.bpf.c)

plan $((1 + ${#object[@]}))
check "a report with everything on ends well" \
	"$FAULTLINE" report --direct --exact --user -p $$ -d 1s -o "$tmp/report" -O json
for feature in "${!object[@]}"; do
	name="${object[$feature]} loads and attaches ($feature)"
	IFS=$'\t' read -r state reason < <(jq -r --arg name "$feature" \
		'.features[] | select(.name == $name) | "\(.state)\t\(.reason // "")"' "$tmp/report")
	if [ "${state:-}" = on ]; then
		ok "$name"
	elif [ -z "${FAULTLINE_KERNEL:-}" ] && [ -n "${reason:-}" ]; then
		skip "$name" "$reason"
	else
		echo "${state:-not named}: ${reason:-no reason given}" >"$tmp/why"
		not_ok "$name" "$tmp/why"
	fi
done
finish
