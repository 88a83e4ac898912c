/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Which sockets were already open: walks every task's files once, gives each socket its owner and
 * writes one record per connection or listener to the reader of the iterator. */
#pragma once

static __always_inline void hold(struct tp_owner *owner, struct task_struct *task)
{
	owner->tgid = task->tgid;
	owner->start_ns = BPF_CORE_READ(task, group_leader, start_boottime);
	owner->parent = BPF_CORE_READ(task, real_parent, tgid);
	owner->uid = BPF_CORE_READ(task, cred, euid.val);
	owner->login_uid = BPF_CORE_READ(task, loginuid.val);
	owner->cgroup_id = 0;
	owner->exe_inode = BPF_CORE_READ(task, mm, exe_file, f_inode, i_ino);
	owner->exe_device = BPF_CORE_READ(task, mm, exe_file, f_inode, i_sb, s_dev);
	bpf_probe_read_kernel_str(owner->comm, TP_COMM, task->comm);
}

static __always_inline void own(struct tp_owner *owner, struct task_struct *task, struct sock *sk)
{
	hold(owner, task);
	owner->opened_ns = bpf_ktime_get_boot_ns();
	owner->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	owner->protocol = (__u8)sk->sk_protocol;
	owner->direction = 0;
	owner->state = 0;
	owner->cookie = bpf_get_socket_cookie(sk);
	owner->flags = TP_PREDATES;
}

/* A service manager opens sockets for its services: they belong to the service that holds them. */
static __always_inline bool is_activator(__u32 tgid, const char *comm)
{
	return tgid == 1 || (comm[0] == 's' && comm[1] == 'y' && comm[2] == 's' && comm[3] == 't' &&
			     comm[4] == 'e' && comm[5] == 'm' && comm[6] == 'd');
}

static __always_inline bool was_handed_over(struct tp_owner *owner, struct task_struct *task)
{
	char comm[TP_COMM] = {};

	if (owner->tgid == (__u32)task->tgid || !is_activator(owner->tgid, owner->comm))
		return false;
	bpf_probe_read_kernel_str(comm, TP_COMM, task->comm);
	return !is_activator(task->tgid, comm);
}

/* Accounts for a conversation older than the programs. One that closed meanwhile has told its end
 * to nobody and is left alone. */
static __always_inline void adopt(struct tp_owner *owner, struct sock *sk, __u8 state, __u16 port)
{
	if (sk->sk_protocol == 17) {
		if (port)
			begun(owner);
	} else if (state == 10) {
		owner->flags |= TP_LISTENER;
	} else if (sk->__sk_common.skc_state != 7) {
		owner->flags |= TP_WAS_ESTABLISHED;
		begun(owner);
	}
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
	peer_of_sock(sk, &peer);
	if (!owner->tgid) {
		own(owner, task, sk);
		adopt(owner, sk, state, peer.port);
	} else if (was_handed_over(owner, task)) {
		hold(owner, task);
	}
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

/* Which conversations are alive: the storage of every socket that has begun one and not ended it. */
SEC("iter/bpf_sk_storage_map")
int tp_alive(struct bpf_iter__bpf_sk_storage_map *ctx)
{
	struct tp_owner *owner = ctx->value;
	__u64 cookie;

	if (!owner || !(owner->flags & TP_LIVE))
		return 0;
	cookie = owner->cookie;
	bpf_seq_write(ctx->meta->seq, &cookie, sizeof(cookie));
	return 0;
}
