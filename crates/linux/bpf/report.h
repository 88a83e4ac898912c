/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* How a record reaches user space: matches at once, the rest without waking anybody. */
#pragma once

/* The event ring's reader polls; it is woken only when the ring fills, by the few records that cross
 * the mark: while it catches up, the ones above need not call again. */
#define WAKE_BYTES (1 << 20)
#define WAKE_SPAN (1 << 16)

static __always_inline __u64 wake_events(void)
{
	__u64 above = bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) - WAKE_BYTES;

	return above < WAKE_SPAN ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
}

static __always_inline void fill_record(struct tp_conn *record, struct tp_owner *owner, __u32 kind)
{
	record->kind = kind;
	record->flags = owner->flags;
	record->at_ns = bpf_ktime_get_boot_ns();
	record->cookie = owner->cookie;
	record->opened_ns = owner->opened_ns;
	record->start_ns = owner->start_ns;
	record->cgroup_id = owner->cgroup_id;
	record->exe_inode = owner->exe_inode;
	record->bytes_in = owner->bytes_in;
	record->bytes_out = owner->bytes_out;
	record->tgid = owner->tgid;
	record->parent = owner->parent;
	record->uid = owner->uid;
	record->login_uid = owner->login_uid;
	record->exe_device = owner->exe_device;
	record->netns = owner->netns;
	__builtin_memcpy(record->local, owner->local, 16);
	__builtin_memcpy(record->remote, owner->remote, 16);
	record->local_port = owner->local_port;
	record->remote_port = owner->remote_port;
	record->protocol = owner->protocol;
	record->direction = owner->direction;
	record->state = owner->state;
	record->pad = 0;
	__builtin_memcpy(record->comm, owner->comm, TP_COMM);
}

static __always_inline void report_owner(struct tp_owner *owner, __u32 kind)
{
	struct tp_conn *record;

	if (owner->flags & TP_MATCHED) {
		record = bpf_ringbuf_reserve(&matches, sizeof(*record), 0);
		if (!record) {
			count(TP_LOST_MATCH);
			return;
		}
		fill_record(record, owner, kind);
		bpf_ringbuf_submit(record, 0);
		count(TP_SENT_MATCH);
		return;
	}
	record = bpf_ringbuf_reserve(&events, sizeof(*record), 0);
	if (!record) {
		count(TP_LOST_EVENT);
		return;
	}
	fill_record(record, owner, kind);
	bpf_ringbuf_submit(record, wake_events());
	count(TP_SENT_EVENT);
}

/* From here on the conversation is accounted for: its end is a record, or a counted loss. */
static __always_inline void begun(struct tp_owner *owner)
{
	owner->flags |= TP_LIVE;
	count(TP_BEGUN);
}

/* Ends whatever conversation the socket had; without one there is nothing to tell. */
static __always_inline void finish(struct tp_owner *owner)
{
	__u32 live = owner->flags & TP_LIVE;

	if (!(owner->flags & (TP_LIVE | TP_WAS_ESTABLISHED)))
		return;
	/* Not one packet went to the listed peer: no match, but the record is written all the same. */
	if (owner->flags & TP_UNTOLD)
		owner->flags &= ~(TP_UNTOLD | TP_MATCHED);
	report_owner(owner, TP_CONN_CLOSE);
	owner->flags = 0;
	owner->cookie = 0;
	if (live)
		count(TP_ENDED);
}
