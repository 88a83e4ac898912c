/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Which name does a client give its peer? The first payload of an outbound connection, where it is
 * a TLS ClientHello or a request of HTTP: nothing else is copied, and nothing of what follows. */
#pragma once

#define SYN 2
#define HEAD 9

static __always_inline bool is_request(const __u8 *head)
{
	switch ((__u32)head[0] << 24 | (__u32)head[1] << 16 | (__u32)head[2] << 8 | head[3]) {
	case 0x47455420: /* "GET " */
	case 0x504f5354: /* "POST" */
	case 0x48454144: /* "HEAD" */
	case 0x50555420: /* "PUT " */
	case 0x44454c45: /* "DELE" */
	case 0x4f505449: /* "OPTI" */
	case 0x50415443: /* "PATC" */
	case 0x434f4e4e: /* "CONN" */
		return true;
	}
	return false;
}

/* Bytes of the record that holds a ClientHello; 0: it is none. Early data stands behind it. */
static __always_inline __u32 tls_bytes(const __u8 *head)
{
	__u32 record = (__u32)head[3] << 8 | head[4];
	__u32 message = (__u32)head[6] << 16 | (__u32)head[7] << 8 | head[8];

	if (head[0] != 0x16 || head[1] != 3 || head[5] != 1)
		return 0;
	/* Spread over several records: where the last ends is not known here. */
	if (message + 4 > record || record + 5 > TP_HELLO_MAX)
		return TP_HELLO_MAX;
	return record + 5;
}

/* Wipes what follows the headers of a request; returns the length of what is left. */
static __always_inline __u32 cut_body(__u8 *bytes, __u32 length)
{
	__u32 last = 0, left = 0, at;
	bool over = false;

#pragma clang loop unroll(disable)
	for (at = 0; at < TP_HELLO_SHORT; at++) {
		if (at >= length)
			break;
		if (over) {
			bytes[at] = 0;
			continue;
		}
		left = at + 1;
		last = last << 8 | bytes[at];
		over = last == 0x0d0a0d0a;
	}
	return left;
}

/* Reserves what it fills, never a scratch: an interrupt may send on the same processor meanwhile. */
static __always_inline void send_hello(struct __sk_buff *skb, struct tp_owner *owner, __u32 offset,
				       __u64 length, __u32 part, bool request, __u64 room)
{
	bool matched = owner->flags & TP_MATCHED;
	struct tp_hello *hello;
	__u64 size = __builtin_offsetof(struct tp_hello, bytes) + room;

	hello = matched ? bpf_ringbuf_reserve(&matches, size, 0) : bpf_ringbuf_reserve(&events, size, 0);
	if (!hello) {
		count(TP_LOST_HELLO);
		return;
	}
	/* Keeps the compiler from dropping the bounds that the verifier has to see. */
	asm volatile("" : "+r"(length));
	if (length < 1 || length > room || bpf_skb_load_bytes(skb, offset, hello->bytes, length)) {
		bpf_ringbuf_discard(hello, BPF_RB_NO_WAKEUP);
		count(TP_LOST_HELLO);
		return;
	}
	fill_record(&hello->conn, owner, TP_HELLO);
	hello->part = part;
	hello->length = request ? cut_body(hello->bytes, length) : length;
	bpf_ringbuf_submit(hello, matched ? 0 : wake_events());
	count(TP_SENT_HELLO);
}

/* The first payload of a connection, or its rest. A packet that is sent again has another sequence
 * number than the one waited for, and changes nothing. */
static __always_inline void report_hello(struct __sk_buff *skb, struct tp_owner *owner, __u32 transport)
{
	__u32 offset, sequence, wanted, part = 0;
	bool request = false;
	__u8 tcp[20], head[HEAD];
	__u64 length;

	if (!owner || !(owner->flags & TP_HELLO_DUE) || bpf_skb_load_bytes(skb, transport, tcp, 20))
		return;
	offset = transport + (tcp[12] >> 4) * 4;
	if (skb->len <= offset)
		return;
	length = skb->len - offset;
	sequence = (__u32)tcp[4] << 24 | (__u32)tcp[5] << 16 | (__u32)tcp[6] << 8 | tcp[7];
	/* Payload may come with the first packet of all, which counts for one byte. */
	sequence += (tcp[13] & SYN) >> 1;
	if (owner->flags & TP_HELLO_REST) {
		if (sequence != owner->hello_next)
			return;
		wanted = owner->hello_rest;
		owner->flags &= ~(TP_HELLO_DUE | TP_HELLO_REST);
		part = 1;
	} else {
		owner->flags &= ~TP_HELLO_DUE;
		if (length < HEAD || bpf_skb_load_bytes(skb, offset, head, HEAD))
			return;
		wanted = tls_bytes(head);
		request = !wanted && is_request(head);
		if (request)
			wanted = TP_HELLO_SHORT;
		else if (wanted > length) {
			owner->flags |= TP_HELLO_DUE | TP_HELLO_REST;
			owner->hello_next = sequence + (__u32)length;
			owner->hello_rest = wanted - (__u32)length;
		}
	}
	if (!wanted)
		return;
	if (length > wanted)
		length = wanted;
	if (length <= TP_HELLO_SHORT)
		send_hello(skb, owner, offset, length, part, request, TP_HELLO_SHORT);
	else
		send_hello(skb, owner, offset, length, part, false, TP_HELLO_MAX);
}
