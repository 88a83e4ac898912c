/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Which processes begin, change their program and end, with all that identifies them. */
#pragma once

static __always_inline struct kernfs_node *parent_of(struct kernfs_node *node)
{
	struct kernfs_node___new *renamed = (void *)node;

	if (bpf_core_field_exists(renamed->__parent))
		return BPF_CORE_READ(renamed, __parent);
	return BPF_CORE_READ(node, parent);
}

static __always_inline void fill_cgroup(struct tp_exec *exec, struct task_struct *task)
{
	struct kernfs_node *node = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn);

#pragma unroll
	for (int level = 0; level < TP_CGROUP_LEVELS; level++) {
		exec->cgroup[level][0] = 0;
		if (!node)
			continue;
		bpf_probe_read_kernel_str(exec->cgroup[level], TP_CGROUP_NAME, BPF_CORE_READ(node, name));
		node = parent_of(node);
	}
}

static __always_inline void fill_argv(struct tp_exec *exec, struct task_struct *task)
{
	unsigned long start = BPF_CORE_READ(task, mm, arg_start);
	unsigned long whole = BPF_CORE_READ(task, mm, arg_end) - start;
	__u64 length = whole;

	if (length > TP_ARGV) {
		length = TP_ARGV;
		count(TP_CUT_ARGV);
	}
	exec->argv_whole = (__u32)whole;
	exec->argv_length = 0;
	if (length && !bpf_probe_read_user(exec->argv, length, (void *)start))
		exec->argv_length = (__u32)length;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(tp_exec, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	__u32 zero = 0;
	struct tp_scratch *space = bpf_map_lookup_elem(&scratch, &zero);
	struct inode *inode = BPF_CORE_READ(task, mm, exe_file, f_inode);
	struct tp_exec *exec;
	__u64 size;

	if (!space) {
		count(TP_LOST_EXEC);
		return 0;
	}
	exec = &space->exec;
	exec->kind = TP_EXEC;
	exec->tgid = task->tgid;
	exec->at_ns = bpf_ktime_get_boot_ns();
	exec->start_ns = BPF_CORE_READ(task, group_leader, start_boottime);
	exec->parent_start_ns = BPF_CORE_READ(task, real_parent, group_leader, start_boottime);
	exec->parent = BPF_CORE_READ(task, real_parent, tgid);
	exec->cgroup_id = bpf_get_current_cgroup_id();
	exec->exe_inode = BPF_CORE_READ(inode, i_ino);
	exec->exe_device = BPF_CORE_READ(inode, i_sb, s_dev);
	exec->uid = (__u32)bpf_get_current_uid_gid();
	exec->login_uid = task->loginuid.val;
	exec->netns = BPF_CORE_READ(task, nsproxy, net_ns, ns.inum);
	exec->pad = 0;
	bpf_get_current_comm(exec->comm, sizeof(exec->comm));
	/* `interp` is what really runs: for a script its interpreter, otherwise the file itself. */
	bpf_probe_read_kernel_str(exec->exe, TP_PATH, BPF_CORE_READ(bprm, interp));
	fill_cgroup(exec, task);
	fill_argv(exec, task);
	size = __builtin_offsetof(struct tp_exec, argv) + exec->argv_length;
	if (size > sizeof(*exec)) {
		count(TP_LOST_EXEC);
		return 0;
	}
	if (bpf_ringbuf_output(&events, exec, size, wake_events()))
		count(TP_LOST_PROCESS);
	else
		count(TP_SENT_PROCESS);
	return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(tp_fork, struct task_struct *parent, struct task_struct *child)
{
	struct tp_fork *record;
	__u32 from = parent->tgid, to = child->tgid;
	__u64 start = child->start_boottime / TP_TICK_NS * TP_TICK_NS;

	if (child->pid != child->tgid)
		return 0;
	/* A child runs its parent's code: it is as vulnerable until it is looked at itself. */
	if (bpf_map_lookup_elem(&vulnerable, &from))
		bpf_map_update_elem(&vulnerable, &to, &start, BPF_ANY);
	record = bpf_ringbuf_reserve(&events, sizeof(*record), 0);
	if (!record) {
		count(TP_LOST_PROCESS);
		return 0;
	}
	record->kind = TP_FORK;
	record->tgid = child->tgid;
	record->at_ns = bpf_ktime_get_boot_ns();
	record->start_ns = child->start_boottime;
	record->parent = parent->tgid;
	record->parent_start_ns = parent->group_leader->start_boottime;
	record->pad = 0;
	bpf_ringbuf_submit(record, wake_events());
	count(TP_SENT_PROCESS);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(tp_exit, struct task_struct *task)
{
	struct tp_exit *record;
	__u32 tgid = task->tgid;

	/* The last thread of the process; the leader may have gone before. */
	if (BPF_CORE_READ(task, signal, live.counter) > 0)
		return 0;
	bpf_map_delete_elem(&vulnerable, &tgid);
	record = bpf_ringbuf_reserve(&events, sizeof(*record), 0);
	if (!record) {
		count(TP_LOST_PROCESS);
		return 0;
	}
	record->kind = TP_EXIT;
	record->tgid = task->tgid;
	record->at_ns = bpf_ktime_get_boot_ns();
	record->start_ns = task->group_leader->start_boottime;
	bpf_ringbuf_submit(record, wake_events());
	count(TP_SENT_PROCESS);
	return 0;
}
