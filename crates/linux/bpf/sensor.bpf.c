// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Who talks to whom, decided in the kernel at the moment it happens: sees every connection with
// its owner, knows listed peers, refuses blocked ones, and reports one record per connection
// that matched nothing.
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>
#include "contract.h"
#include "maps.h"
#include "owner.h"
#include "listed.h"
#include "blocked.h"
#include "report.h"

#define AF_INET 2
#define AF_INET6 10
#define SOCK_STREAM 1
#define SOCK_DGRAM 2
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define TCP_ESTABLISHED 1
#define TCP_SYN_SENT 2
#define TCP_SYN_RECV 3
#define TCP_CLOSE 7
#define TCP_LISTEN 10

#define ALLOW 1
#define REFUSE 0

static __always_inline void peer_of(struct bpf_sock_addr *ctx, bool v6, struct tp_peer *peer)
{
	if (v6) {
		peer->word[0] = ctx->user_ip6[0];
		peer->word[1] = ctx->user_ip6[1];
		peer->word[2] = ctx->user_ip6[2];
		peer->word[3] = ctx->user_ip6[3];
		fold(peer);
	} else {
		set_v4(peer, ctx->user_ip4);
	}
	peer->port = bpf_ntohs((__u16)ctx->user_port);
}

/* Whether policy refuses a listed peer to this process: enforce mode, a peer on the enforced part
 * of the list, a process that user space has found vulnerable. */
static __always_inline bool enforced(struct tp_config *config, struct tp_peer *peer)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct task_struct *task;
	__u64 *start;

	if (!config->enforce)
		return false;
	start = bpf_map_lookup_elem(&vulnerable, &tgid);
	if (!start)
		return false;
	/* Never the one who has the pid now. */
	task = bpf_get_current_task_btf();
	if (task->group_leader->start_boottime / TP_TICK_NS != *start / TP_TICK_NS)
		return false;
	if (is_v4(peer))
		return bpf_map_lookup_elem(&enforce4, &peer->word[3]) != NULL;
	return bpf_map_lookup_elem(&enforce6, peer->word) != NULL;
}

/* Starts counting a conversation on this socket; returns what is known of its owner. */
static __always_inline struct tp_owner *begin(struct bpf_sock_addr *ctx, struct tp_peer *peer,
					      __u32 flags, __u8 direction)
{
	struct tp_owner *owner;

	if (!ctx->sk) {
		count(TP_LOST_BEGIN);
		return NULL;
	}
	owner = bpf_sk_storage_get(&sockets, ctx->sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!owner) {
		count(TP_LOST_STORAGE);
		return NULL;
	}
	/* A UDP socket turns to another peer, or a TCP one tries again after a connect that failed
	 * before its first packet. */
	finish(owner);
	fill_owner(owner);
	owner->cookie = bpf_get_socket_cookie(ctx);
	owner->flags = flags;
	owner->direction = direction;
	owner->protocol = (__u8)ctx->protocol;
	owner->bytes_in = 0;
	owner->bytes_out = 0;
	owner->local_port = 0;
	copy_peer(owner, peer);
	begun(owner);
	return owner;
}

static __always_inline int refuse(struct bpf_sock_addr *ctx, struct tp_peer *peer,
				  struct tp_block *block, __u32 flags, __u32 counter)
{
	struct tp_owner owner = {};

	count(counter);
	if (block) {
		__u64 now = bpf_ktime_get_boot_ns();

		__sync_fetch_and_add(&block->hits, 1);
		/* A retry loop must not flood the match ring: ten reports a second per block. */
		if (now - block->reported_ns < 100000000ULL)
			return REFUSE;
		block->reported_ns = now;
	}
	fill_owner(&owner);
	owner.cookie = bpf_get_socket_cookie(ctx);
	owner.flags = flags;
	owner.direction = TP_OUT;
	owner.protocol = (__u8)ctx->protocol;
	copy_peer(&owner, peer);
	report_owner(&owner, TP_CONN_REFUSED);
	return REFUSE;
}

static __always_inline int on_connect(struct bpf_sock_addr *ctx, bool v6)
{
	struct tp_config *config = get_config();
	struct tp_peer peer = {};
	struct tp_owner *owner;
	struct tp_block *block;
	__u32 flags = 0;

	if (!config || (ctx->type != SOCK_STREAM && ctx->type != SOCK_DGRAM))
		return ALLOW;
	peer_of(ctx, v6, &peer);
	/* connect(AF_UNSPEC-like, port 0) is how resolvers test routes: nothing is sent. */
	if (peer.port == 0 && ctx->type == SOCK_DGRAM)
		return ALLOW;
	if (listed(config, &peer))
		flags |= TP_MATCHED;
	block = blocked(config, &peer);
	if (block)
		return refuse(ctx, &peer, block, flags | TP_MATCHED, TP_REFUSED_CONNECT);
	if (cut_off(config, &peer))
		return refuse(ctx, &peer, NULL, flags, TP_REFUSED_CONNECT);
	if ((flags & TP_MATCHED) && enforced(config, &peer))
		return refuse(ctx, &peer, NULL, flags, TP_REFUSED_CONNECT);
	/* Resolvers connect UDP sockets to every answer only to learn a route, and send nothing. */
	if (ctx->type == SOCK_DGRAM && (flags & TP_MATCHED) && config->packets)
		flags |= TP_UNTOLD;
	if (ctx->type == SOCK_STREAM && config->hello)
		flags |= TP_HELLO_DUE;
	owner = begin(ctx, &peer, flags, TP_OUT);
	if (owner && (flags & (TP_MATCHED | TP_UNTOLD)) == TP_MATCHED)
		report_owner(owner, TP_CONN_OPEN);
	return ALLOW;
}

SEC("cgroup/connect4")
int tp_connect4(struct bpf_sock_addr *ctx)
{
	return on_connect(ctx, false);
}

SEC("cgroup/connect6")
int tp_connect6(struct bpf_sock_addr *ctx)
{
	return on_connect(ctx, true);
}

/* A datagram past the peer that a socket is connected to is a conversation of its own. */
static __always_inline void report_aside(struct bpf_sock_addr *ctx, struct tp_config *config,
					 struct tp_peer *peer, __u8 direction, __u64 cookie)
{
	struct tp_owner aside = {};

	fill_owner(&aside);
	aside.cookie = cookie;
	aside.flags = TP_WAS_ESTABLISHED | (listed(config, peer) ? TP_MATCHED : 0);
	aside.direction = direction;
	aside.protocol = IPPROTO_UDP;
	copy_peer(&aside, peer);
	report_owner(&aside, TP_CONN_OPEN);
}

/* One datagram of an unconnected socket. The socket's storage remembers the last peer, a small
 * table all recent ones: each (socket, peer) is reported once. */
static __always_inline void on_datagram(struct bpf_sock_addr *ctx, struct tp_config *config,
					struct tp_peer *peer, __u8 direction)
{
	struct tp_flow_key key = {};
	struct tp_owner *owner;
	__u32 serial = config->serial, *judged;

	if (!ctx->sk) {
		count(TP_LOST_BEGIN);
		return;
	}
	owner = bpf_sk_storage_get(&sockets, ctx->sk, 0, 0);
	if (owner && owner->remote_port == peer->port && same_peer(owner, peer) &&
	    ((owner->flags & TP_LIVE) ||
	     ((owner->flags & TP_WAS_ESTABLISHED) && owner->serial == serial))) {
		count(TP_FOLDED_UDP);
		return;
	}
	key.cookie = bpf_get_socket_cookie(ctx);
	__builtin_memcpy(key.address, peer->word, 16);
	key.port = peer->port;
	judged = bpf_map_lookup_elem(&flows, &key);
	if (judged && *judged == serial) {
		count(TP_FOLDED_UDP);
		return;
	}
	bpf_map_update_elem(&flows, &key, &serial, BPF_ANY);
	owner = bpf_sk_storage_get(&sockets, ctx->sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!owner) {
		count(TP_LOST_STORAGE);
		return;
	}
	if (owner->flags & TP_LIVE) {
		report_aside(ctx, config, peer, direction, key.cookie);
		return;
	}
	/* The conversation with the former peer ends here; its bytes are not the next one's. */
	if ((owner->flags & TP_MATCHED) && !same_peer(owner, peer))
		report_owner(owner, TP_CONN_CLOSE);
	fill_owner(owner);
	owner->cookie = key.cookie;
	owner->serial = serial;
	owner->bytes_in = 0;
	owner->bytes_out = 0;
	owner->flags = TP_WAS_ESTABLISHED | (listed(config, peer) ? TP_MATCHED : 0);
	owner->direction = direction;
	owner->protocol = IPPROTO_UDP;
	copy_peer(owner, peer);
	report_owner(owner, TP_CONN_OPEN);
}

static __always_inline int on_send(struct bpf_sock_addr *ctx, bool v6)
{
	struct tp_config *config = get_config();
	struct tp_peer peer = {};
	struct tp_block *block;

	if (!config)
		return ALLOW;
	peer_of(ctx, v6, &peer);
	block = blocked(config, &peer);
	if (block)
		return refuse(ctx, &peer, block, TP_MATCHED, TP_REFUSED_SEND);
	if (cut_off(config, &peer))
		return refuse(ctx, &peer, NULL, 0, TP_REFUSED_SEND);
	if (config->enforce && listed(config, &peer) && enforced(config, &peer))
		return refuse(ctx, &peer, NULL, TP_MATCHED, TP_REFUSED_SEND);
	on_datagram(ctx, config, &peer, TP_OUT);
	return ALLOW;
}

SEC("cgroup/sendmsg4")
int tp_sendmsg4(struct bpf_sock_addr *ctx)
{
	return on_send(ctx, false);
}

SEC("cgroup/sendmsg6")
int tp_sendmsg6(struct bpf_sock_addr *ctx)
{
	return on_send(ctx, true);
}

static __always_inline int on_receive(struct bpf_sock_addr *ctx, bool v6)
{
	struct tp_config *config = get_config();
	struct tp_peer peer = {};

	if (!config)
		return ALLOW;
	peer_of(ctx, v6, &peer);
	on_datagram(ctx, config, &peer, TP_IN);
	return ALLOW;
}

SEC("cgroup/recvmsg4")
int tp_recvmsg4(struct bpf_sock_addr *ctx)
{
	return on_receive(ctx, false);
}

SEC("cgroup/recvmsg6")
int tp_recvmsg6(struct bpf_sock_addr *ctx)
{
	return on_receive(ctx, true);
}

/* The end of a socket, in the caller's context. UDP has no other sign; TCP tells by its states,
 * unless the connect failed before the first of them. */
SEC("cgroup/sock_release")
int tp_release(struct bpf_sock *ctx)
{
	struct tp_owner *owner;

	if (ctx->protocol != IPPROTO_UDP && ctx->state != TCP_CLOSE)
		return ALLOW;
	owner = bpf_sk_storage_get(&sockets, ctx, 0, 0);
	if (owner)
		finish(owner);
	else if (ctx->protocol == IPPROTO_UDP && ctx->dst_port)
		/* It has a peer and nobody saw it turn to it. */
		count(TP_LOST_END);
	return ALLOW;
}

static __always_inline void on_listen(struct sock *sk)
{
	struct tp_owner *owner = bpf_sk_storage_get(&sockets, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);

	if (!owner) {
		count(TP_LOST_STORAGE);
		return;
	}
	finish(owner);
	fill_owner(owner);
	owner->flags = TP_LISTENER;
	owner->protocol = IPPROTO_TCP;
}

/* A client finished its handshake with a listener of ours: the child carries the listener's owner. */
static __always_inline void on_accept(struct sock *sk)
{
	struct tp_config *config = get_config();
	struct tp_owner *owner;
	struct tp_peer peer = {};

	owner = bpf_sk_storage_get(&sockets, sk, 0, 0);
	if (!owner) {
		/* The listener predates us and the iterator has not met it. */
		owner = bpf_sk_storage_get(&sockets, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
		if (!owner) {
			count(TP_LOST_STORAGE);
			return;
		}
		owner->flags = TP_OWNER_UNSURE;
		owner->netns = sk->__sk_common.skc_net.net->ns.inum;
	}
	owner->flags = (owner->flags & TP_OWNER_UNSURE) | TP_WAS_ESTABLISHED;
	owner->direction = TP_IN;
	owner->protocol = IPPROTO_TCP;
	owner->cookie = bpf_get_socket_cookie(sk);
	owner->opened_ns = bpf_ktime_get_boot_ns();
	peer_of_sock(sk, &peer);
	copy_peer(owner, &peer);
	local_of_sock(sk, owner);
	begun(owner);
	if (config && listed(config, &peer)) {
		owner->flags |= TP_MATCHED;
		report_owner(owner, TP_CONN_OPEN);
	}
}

static __always_inline void on_established(struct sock *sk)
{
	struct tp_owner *owner = bpf_sk_storage_get(&sockets, sk, 0, 0);

	if (!owner)
		return;
	owner->flags |= TP_WAS_ESTABLISHED;
	local_of_sock(sk, owner);
	if (owner->flags & TP_MATCHED)
		report_owner(owner, TP_CONN_ESTABLISHED);
}

static __always_inline void on_close(struct sock *sk, int before)
{
	struct tp_owner *owner = bpf_sk_storage_get(&sockets, sk, 0, 0);
	struct tcp_sock *tcp;

	/* No owner, or that of a listener: nobody saw it begin. A socket that ended twice has none. */
	if (!owner || !(owner->flags & TP_LIVE)) {
		if (before != TCP_SYN_RECV && before != TCP_CLOSE)
			count(TP_LOST_END);
		return;
	}
	tcp = bpf_skc_to_tcp_sock(sk);
	if (tcp)
		tcp_bytes(owner, tcp, (sk->__sk_common.skc_flags >> SOCK_DONE) & 1);
	/* The port is already given back; a connection that was never answered still has it here. */
	if (!owner->local_port) {
		local_of_sock(sk, owner);
		if (tcp)
			owner->local_port = bpf_ntohs(tcp->inet_conn.icsk_inet.inet_sport);
	}
	owner->state = (__u8)before;
	finish(owner);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(tp_state, struct sock *sk, int before, int after)
{
	if (after == TCP_CLOSE) {
		if (before != TCP_LISTEN && sk->sk_protocol == IPPROTO_TCP)
			on_close(sk, before);
	} else if (after == TCP_ESTABLISHED) {
		if (sk->sk_protocol != IPPROTO_TCP)
			return 0;
		if (before == TCP_SYN_RECV)
			on_accept(sk);
		else
			on_established(sk);
	} else if (after == TCP_LISTEN) {
		on_listen(sk);
	}
	return 0;
}

#include "process.h"
#include "hello.h"
#include "packet.h"
#include "found.h"

char _license[] SEC("license") = "Dual BSD/GPL";
