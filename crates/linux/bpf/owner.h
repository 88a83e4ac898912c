/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Who owns a socket, and who is its peer: read at event time, never looked up later. */
#pragma once

struct tp_peer {
	__u32 word[4]; /* network order; IPv4 as ::ffff:a.b.c.d */
	__u16 port;    /* host order */
};

#define MAPPED bpf_htonl(0xffff)
#define NAT64 bpf_htonl(0x64ff9b)

static __always_inline void set_v4(struct tp_peer *peer, __u32 address)
{
	peer->word[0] = 0;
	peer->word[1] = 0;
	peer->word[2] = MAPPED;
	peer->word[3] = address;
}

static __always_inline bool is_v4(struct tp_peer *peer)
{
	return peer->word[0] == 0 && peer->word[1] == 0 && peer->word[2] == MAPPED;
}

/* 64:ff9b::/96 is the IPv4 address it carries. Mapped addresses already have the IPv4 form. */
static __always_inline void fold(struct tp_peer *peer)
{
	if (peer->word[0] == NAT64 && peer->word[1] == 0 && peer->word[2] == 0)
		set_v4(peer, peer->word[3]);
}

static __always_inline void copy_peer(struct tp_owner *owner, struct tp_peer *peer)
{
	owner->remote[0] = peer->word[0];
	owner->remote[1] = peer->word[1];
	owner->remote[2] = peer->word[2];
	owner->remote[3] = peer->word[3];
	owner->remote_port = peer->port;
}

static __always_inline bool same_peer(struct tp_owner *owner, struct tp_peer *peer)
{
	return owner->remote[3] == peer->word[3] && owner->remote[2] == peer->word[2] &&
	       owner->remote[1] == peer->word[1] && owner->remote[0] == peer->word[0];
}

static __always_inline void fill_exe(struct tp_owner *owner, struct task_struct *task)
{
	struct mm_struct *mm = task->mm;
	struct file *exe = mm ? mm->exe_file : NULL;
	struct inode *inode = exe ? exe->f_inode : NULL;

	if (!inode)
		return;
	owner->exe_inode = inode->i_ino;
	owner->exe_device = inode->i_sb->s_dev;
}

/* Everything identifying about the running task. */
static __always_inline void fill_owner(struct tp_owner *owner)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_struct *leader = task->group_leader;

	owner->opened_ns = bpf_ktime_get_boot_ns();
	owner->tgid = task->tgid;
	owner->start_ns = leader->start_boottime;
	owner->parent = leader->real_parent->tgid;
	owner->uid = (__u32)bpf_get_current_uid_gid();
	owner->login_uid = task->loginuid.val;
	owner->cgroup_id = bpf_get_current_cgroup_id();
	if (task->nsproxy)
		owner->netns = task->nsproxy->net_ns->ns.inum;
	fill_exe(owner, task);
	bpf_get_current_comm(owner->comm, sizeof(owner->comm));
}

static __always_inline void peer_of_sock(struct sock *sk, struct tp_peer *peer)
{
	if (sk->__sk_common.skc_family == 2) {
		set_v4(peer, sk->__sk_common.skc_daddr);
	} else {
		peer->word[0] = sk->__sk_common.skc_v6_daddr.in6_u.u6_addr32[0];
		peer->word[1] = sk->__sk_common.skc_v6_daddr.in6_u.u6_addr32[1];
		peer->word[2] = sk->__sk_common.skc_v6_daddr.in6_u.u6_addr32[2];
		peer->word[3] = sk->__sk_common.skc_v6_daddr.in6_u.u6_addr32[3];
		fold(peer);
	}
	peer->port = bpf_ntohs(sk->__sk_common.skc_dport);
}

static __always_inline void local_of_sock(struct sock *sk, struct tp_owner *owner)
{
	if (sk->__sk_common.skc_family == 2) {
		owner->local[0] = 0;
		owner->local[1] = 0;
		owner->local[2] = MAPPED;
		owner->local[3] = sk->__sk_common.skc_rcv_saddr;
	} else {
		owner->local[0] = sk->__sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32[0];
		owner->local[1] = sk->__sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32[1];
		owner->local[2] = sk->__sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32[2];
		owner->local[3] = sk->__sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32[3];
	}
	owner->local_port = sk->__sk_common.skc_num;
}

#define SOCK_DONE 1

/* Payload only: the peer's FIN counts as a received byte, resent bytes count as sent ones. */
static __always_inline void tcp_bytes(struct tp_owner *owner, struct tcp_sock *tcp, __u64 fin)
{
	__u64 received = tcp->bytes_received;

	owner->bytes_in = received > fin ? received - fin : 0;
	owner->bytes_out = tcp->bytes_sent - tcp->bytes_retrans;
}
