/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Which sockets were already open: walks every task's files once, gives each socket its owner and
 * writes one record per connection or listener to the reader of the iterator. */
#pragma once

static __always_inline void own(struct tp_owner *owner, struct task_struct *task, struct sock *sk)
{
	owner->opened_ns = bpf_ktime_get_boot_ns();
	owner->tgid = task->tgid;
	owner->start_ns = BPF_CORE_READ(task, group_leader, start_boottime);
	owner->parent = BPF_CORE_READ(task, real_parent, tgid);
	owner->uid = BPF_CORE_READ(task, cred, euid.val);
	owner->login_uid = BPF_CORE_READ(task, loginuid.val);
	owner->cgroup_id = 0;
	owner->exe_inode = BPF_CORE_READ(task, mm, exe_file, f_inode, i_ino);
	owner->exe_device = BPF_CORE_READ(task, mm, exe_file, f_inode, i_sb, s_dev);
	owner->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	owner->protocol = (__u8)sk->sk_protocol;
	owner->direction = 0;
	owner->state = 0;
}

SEC("iter/task_file")
int tp_found(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct tp_conn record = {};
	struct tp_owner *owner;
	struct tp_peer peer = {};
	struct socket *sock;
	struct sock *sk;
	__u16 family;
	__u8 state;

	if (!task || !file || task->pid != task->tgid)
		return 0;
	sock = bpf_sock_from_file(file);
	if (!sock)
		return 0;
	sk = sock->sk;
	if (!sk)
		return 0;
	family = sk->__sk_common.skc_family;
	if ((family != 2 && family != 10) || (sk->sk_protocol != 6 && sk->sk_protocol != 17))
		return 0;
	state = sk->__sk_common.skc_state;
	if (sk->sk_protocol == 6 && state == 7)
		return 0;
	owner = bpf_sk_storage_get(&sockets, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!owner) {
		count(TP_LOST_STORAGE);
		return 0;
	}
	if (!owner->tgid) {
		own(owner, task, sk);
		bpf_probe_read_kernel_str(owner->comm, TP_COMM, task->comm);
		owner->cookie = bpf_get_socket_cookie(sk);
		owner->flags = TP_PREDATES;
		if (sk->sk_protocol == 6)
			owner->flags |= state == 10 ? TP_LISTENER : TP_WAS_ESTABLISHED;
	}
	peer_of_sock(sk, &peer);
	/* An unconnected UDP socket has no peer here; the one it last talked to is kept. */
	if (sk->sk_protocol == 6 || peer.port)
		copy_peer(owner, &peer);
	local_of_sock(sk, owner);
	fill_record(&record, owner, state == 10 && sk->sk_protocol == 6 ? TP_CONN_LISTENER : TP_CONN_FOUND);
	record.state = state;
	if (sk->sk_protocol == 6 && state != 10) {
		struct tcp_sock *tcp = (struct tcp_sock *)sk;
		__u64 received = BPF_CORE_READ(tcp, bytes_received);
		__u64 fin = (sk->__sk_common.skc_flags >> SOCK_DONE) & 1;

		record.bytes_in = received > fin ? received - fin : 0;
		record.bytes_out = BPF_CORE_READ(tcp, bytes_sent) - BPF_CORE_READ(tcp, bytes_retrans);
	}
	bpf_seq_write(ctx->meta->seq, &record, sizeof(record));
	return 0;
}
