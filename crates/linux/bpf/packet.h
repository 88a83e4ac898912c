/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The wall: every packet of every socket, also of those opened before a block, of raw sockets and
 * of io_uring. On the way it counts UDP bytes and hands DNS answers and clients' first words up. */
#pragma once

#define DROP 0
#define PASS 1
#define DNS_PORT 53

struct packet {
	struct tp_peer peer;
	struct tp_peer local;
	__u32 payload; /* offset of the transport payload; 0 when not parsed */
	__u8 protocol;
};

/* Reads addresses and ports. Extension headers of IPv6 are not walked: the address is what
 * blocks, and it is always read. */
static __always_inline bool parse(struct __sk_buff *skb, bool ingress, struct packet *packet)
{
	__u8 head[40];
	__u16 ports[2] = {};
	__u32 transport;

	if (skb->protocol == bpf_htons(0x0800)) {
		if (bpf_skb_load_bytes(skb, 0, head, 20))
			return false;
		__builtin_memcpy(&packet->peer.word[3], head + (ingress ? 12 : 16), 4);
		packet->peer.word[2] = MAPPED;
		__builtin_memcpy(&packet->local.word[3], head + (ingress ? 16 : 12), 4);
		packet->local.word[2] = MAPPED;
		packet->protocol = head[9];
		transport = (head[0] & 15) * 4;
		/* A later fragment has no ports; its address is blocked all the same. */
		if ((((__u16)head[6] << 8 | head[7]) & 0x1fff))
			return true;
	} else if (skb->protocol == bpf_htons(0x86dd)) {
		if (bpf_skb_load_bytes(skb, 0, head, 40))
			return false;
		__builtin_memcpy(packet->peer.word, head + (ingress ? 8 : 24), 16);
		fold(&packet->peer);
		__builtin_memcpy(packet->local.word, head + (ingress ? 24 : 8), 16);
		packet->protocol = head[6];
		transport = 40;
	} else {
		return false;
	}
	if (packet->protocol != 6 && packet->protocol != 17)
		return true;
	if (bpf_skb_load_bytes(skb, transport, ports, 4))
		return true;
	packet->peer.port = bpf_ntohs(ports[ingress ? 0 : 1]);
	packet->local.port = bpf_ntohs(ports[ingress ? 1 : 0]);
	packet->payload = transport + 8;
	return true;
}

/* The common case without a helper call: IPv4 without options, not a later fragment, its head in
 * the linear part. Says whether it was that. */
static __always_inline bool parse_plain(struct __sk_buff *skb, bool ingress, struct packet *packet)
{
	__u8 *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	__u32 near, far;
	__u16 first, second;

	if (skb->protocol != bpf_htons(0x0800) || data + 28 > end || data[0] != 0x45)
		return false;
	if ((data[9] != 6 && data[9] != 17) || (*(__u16 *)(data + 6) & bpf_htons(0x1fff)))
		return false;
	near = *(__u32 *)(data + (ingress ? 16 : 12));
	far = *(__u32 *)(data + (ingress ? 12 : 16));
	first = bpf_ntohs(*(__u16 *)(data + 20));
	second = bpf_ntohs(*(__u16 *)(data + 22));
	set_v4(&packet->peer, far);
	set_v4(&packet->local, near);
	packet->peer.port = ingress ? first : second;
	packet->local.port = ingress ? second : first;
	packet->protocol = data[9];
	packet->payload = 28;
	return true;
}

static __always_inline struct tp_owner *owner_of(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;

	if (!sk)
		return NULL;
	sk = bpf_sk_fullsock(sk);
	return sk ? bpf_sk_storage_get(&sockets, sk, 0, 0) : NULL;
}

/* Whether a packet of TCP may hold the first words of a client. Only one with payload looks up its
 * socket, and from the second on it finds nothing due. */
static __always_inline bool greets(struct tp_config *config, struct __sk_buff *skb, __u32 headers)
{
	struct tp_owner *owner;

	if (!config->hello || skb->len <= headers)
		return false;
	owner = owner_of(skb);
	return owner && (owner->flags & TP_HELLO_DUE);
}

/* TCP while nothing is blocked: only DNS answers and first words concern us. */
static __always_inline bool passes(struct tp_config *config, struct __sk_buff *skb, bool ingress)
{
	__u8 *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;

	if (config->blocking || config->isolated_until_ns || data + 44 > end)
		return false;
	if (data[0] == 0x45 && data[9] == 6) {
		if (ingress)
			return *(__u16 *)(data + 20) != bpf_htons(DNS_PORT);
		return !greets(config, skb, 20 + (data[32] >> 4) * 4);
	}
	if ((data[0] >> 4) == 6 && data[6] == 6) {
		if (ingress)
			return *(__u16 *)(data + 40) != bpf_htons(DNS_PORT);
		return data + 53 <= end && !greets(config, skb, 40 + (data[52] >> 4) * 4);
	}
	return false;
}

static __always_inline bool read_packet(struct __sk_buff *skb, bool ingress, struct packet *packet)
{
	if (parse_plain(skb, ingress, packet))
		return true;
	__builtin_memset(packet, 0, sizeof(*packet));
	return parse(skb, ingress, packet);
}

static __always_inline bool wall(struct tp_config *config, struct __sk_buff *skb,
				 struct packet *packet, __u32 counter)
{
	struct tp_block *block;

	if (cut_off(config, &packet->peer)) {
		count(counter);
		return true;
	}
	if (!config->blocking)
		return false;
	block = blocked_in(config, &packet->peer, 0);
	if (!block && config->blocking_apps)
		block = blocked_in(config, &packet->peer, bpf_skb_cgroup_id(skb));
	if (!block)
		return false;
	__sync_fetch_and_add(&block->hits, 1);
	count(counter);
	return true;
}

/* A UDP socket has no state changes to learn its own end from; its first packet tells. */
static __always_inline void learn_local(struct tp_owner *owner, struct packet *packet)
{
	if (owner->local_port)
		return;
	__builtin_memcpy(owner->local, packet->local.word, 16);
	owner->local_port = packet->local.port;
}

/* Something passes between a connected UDP socket and its listed peer. */
static __always_inline void tell(struct tp_owner *owner)
{
	if (!(owner->flags & TP_UNTOLD))
		return;
	owner->flags &= ~TP_UNTOLD;
	report_owner(owner, TP_CONN_OPEN);
}

static __always_inline void report_dns(struct __sk_buff *skb, struct packet *packet,
				       struct tp_owner *owner)
{
	__u32 zero = 0, offset = packet->payload, tcp = packet->protocol == 6;
	struct tp_dns *dns = bpf_map_lookup_elem(&dns_scratch, &zero);
	__u64 length;
	__u8 words;

	if (!dns)
		return;
	if (tcp) {
		if (bpf_skb_load_bytes(skb, offset + 4, &words, 1))
			return;
		offset += (words >> 4) * 4 - 8;
	}
	if (skb->len <= offset + 12)
		return;
	length = skb->len - offset;
	if (length > TP_DNS)
		length = TP_DNS;
	/* Keeps the compiler from dropping the lower bound that the verifier has to see. */
	asm volatile("" : "+r"(length));
	if (length < 12)
		return;
	if (bpf_skb_load_bytes(skb, offset, dns->message, length))
		return;
	dns->kind = TP_DNS_ANSWER;
	dns->length = (__u32)length;
	dns->at_ns = bpf_ktime_get_boot_ns();
	dns->netns = owner ? owner->netns : 0;
	dns->tgid = owner ? owner->tgid : 0;
	dns->tcp = tcp;
	dns->pad = 0;
	length += __builtin_offsetof(struct tp_dns, message);
	if (length > sizeof(*dns))
		return;
	if (bpf_ringbuf_output(&events, dns, length, wake_events()))
		count(TP_LOST_DNS);
	else
		count(TP_SENT_DNS);
}

SEC("cgroup_skb/egress")
int tp_egress(struct __sk_buff *skb)
{
	struct tp_config *config = get_config();
	struct tp_owner *owner;
	struct packet packet;

	if (!config || passes(config, skb, false) || !read_packet(skb, false, &packet))
		return PASS;
	if (wall(config, skb, &packet, TP_DROPPED_EGRESS))
		return DROP;
	if (packet.protocol == 6) {
		if (config->hello && packet.payload)
			report_hello(skb, owner_of(skb), packet.payload - 8);
		return PASS;
	}
	/* Not only UDP by its header: it may stand behind extension headers of IPv6. */
	owner = owner_of(skb);
	if (!owner)
		return PASS;
	if (packet.payload && skb->len > packet.payload) {
		learn_local(owner, &packet);
		owner->bytes_out += skb->len - packet.payload;
	}
	tell(owner);
	return PASS;
}

SEC("cgroup_skb/ingress")
int tp_ingress(struct __sk_buff *skb)
{
	struct tp_config *config = get_config();
	struct tp_owner *owner = NULL;
	struct packet packet;

	if (!config || passes(config, skb, true) || !read_packet(skb, true, &packet))
		return PASS;
	if (wall(config, skb, &packet, TP_DROPPED_INGRESS))
		return DROP;
	owner = packet.protocol == 6 ? NULL : owner_of(skb);
	if (owner) {
		if (packet.payload && skb->len > packet.payload)
			owner->bytes_in += skb->len - packet.payload;
		tell(owner);
	}
	/* TCP answers are rare enough to ask whose they are. */
	if (config->dns && packet.payload && packet.peer.port == DNS_PORT)
		report_dns(skb, &packet, owner ? owner : owner_of(skb));
	return PASS;
}
