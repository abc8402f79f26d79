// SPDX-License-Identifier: GPL-2.0
/*
 * Who has written to a setting of speculative faults? For the operator, when a
 * value is not the one that we left. Called for each access to a sysctl by
 * anybody; remembers the last writer of each setting that is ours, other than
 * the process that writes for us. Refuses nothing.
 */
#include "vmlinux.h"
#include "faultline.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license")
= "GPL";

#define PREFIX	   "vm/spf_"
#define PREFIX_LEN (sizeof(PREFIX) - 1)
#define GO_ON	   1 /* 0 would refuse the access */

__u32 own_tgid; /* of faultline-knob */

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16);
	__type(key, char[FL_SETTING_LEN]);
	__type(value, struct fl_writer);
} writers SEC(".maps");

SEC("cgroup/sysctl")
int who_writes(struct bpf_sysctl *ctx)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	char name[FL_SETTING_LEN] = {};
	struct fl_writer writer = {};

	if (!ctx->write || tgid == own_tgid ||
	    bpf_sysctl_get_name(ctx, name, sizeof(name), 0) < (long)PREFIX_LEN ||
	    bpf_strncmp(name, PREFIX_LEN, PREFIX))
		return GO_ON;
	writer.ts_ns = bpf_ktime_get_ns();
	writer.tgid = tgid;
	writer.uid = bpf_get_current_uid_gid();
	bpf_get_current_comm(writer.comm, sizeof(writer.comm));
	bpf_map_update_elem(&writers, name, &writer, BPF_ANY);
	return GO_ON;
}
