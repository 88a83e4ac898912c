/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Every map of the sensor. Sizes of the set maps are chosen by user space before loading. */
#pragma once

struct tp_owner {
	__u64 cookie;
	__u64 opened_ns;
	__u64 start_ns;
	__u64 cgroup_id;
	__u64 exe_inode;
	__u64 bytes_in;
	__u64 bytes_out;
	__u32 tgid;
	__u32 parent;
	__u32 uid;
	__u32 login_uid;
	__u32 exe_device;
	__u32 netns;
	__u32 flags;
	__u32 serial; /* of the set that the peer was judged by (unconnected UDP) */
	__u32 hello_next; /* TP_HELLO_REST: the sequence number that the rest begins with, */
	__u32 hello_rest; /* and its bytes */
	__u32 local[4];
	__u32 remote[4];
	__u16 local_port;
	__u16 remote_port;
	__u8 protocol;
	__u8 direction;
	__u8 state;
	__u8 pad;
	char comm[TP_COMM];
};

struct tp_flow_key {
	__u64 cookie;
	__u8 address[16];
	__u16 port;
	__u16 pad;
	__u32 pad2;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct tp_config);
} config SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, TP_COUNTERS);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

/* Matches have a ring of their own, so that a flood of the rest cannot push one out. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} matches SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 23);
} events SEC(".maps");

/* Cloned from a listener to its children: an accepted connection knows its owner. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, struct tp_owner);
} sockets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct tp_flow_key);
	__type(value, __u32); /* serial of the set that judged it */
} flows SEC(".maps");

/* The set of listed addresses, in two halves; `config.generation` says which one is live. */
#define SET_MAP(name, value_type, entries)                 \
	struct {                                           \
		__uint(type, BPF_MAP_TYPE_ARRAY);          \
		__uint(max_entries, entries);              \
		__uint(map_flags, BPF_F_MMAPABLE);         \
		__type(key, __u32);                        \
		__type(value, value_type);                 \
	} name SEC(".maps")

struct tp_suffixes { __u64 word[4]; };

SET_MAP(bitmap4, __u64, 2 * TP_CELLS);
/* An array's elements are at least eight bytes apart: two 32-bit values share one. */
SET_MAP(rank4, __u64, TP_CELLS);
SET_MAP(nodes4, __u64, 2);
SET_MAP(blocks4, struct tp_suffixes, 2);
SET_MAP(filter6_32, __u64, 2 * TP_CELLS);
SET_MAP(filter6_48, __u64, 2 * TP_CELLS);

#define HASH_MAP(name, key_type, value_type, entries)      \
	struct {                                           \
		__uint(type, BPF_MAP_TYPE_HASH);           \
		__uint(max_entries, entries);              \
		__uint(map_flags, BPF_F_NO_PREALLOC);      \
		__type(key, key_type);                     \
		__type(value, value_type);                 \
	} name SEC(".maps")

struct tp_address6 { __u32 word[4]; };

HASH_MAP(vulnerable, __u32, __u64, 65536);
/* Even an empty hash has all its buckets: user space makes these two as large as they must be. */
HASH_MAP(enforce4, __u32, __u8, 1024);
HASH_MAP(enforce6, struct tp_address6, __u8, 1024);
/* As many blocks as the guard lets stand at once (120,000), a fourth of them of IPv6: each has its buckets from the
 * beginning. */
HASH_MAP(block4, struct tp_block4_key, struct tp_block, 131072);
HASH_MAP(block6, struct tp_block6_key, struct tp_block, 32768);

#define TRIE_MAP(name, key_type, entries)                  \
	struct {                                           \
		__uint(type, BPF_MAP_TYPE_LPM_TRIE);       \
		__uint(max_entries, entries);              \
		__uint(map_flags, BPF_F_NO_PREALLOC);      \
		__type(key, key_type);                     \
		__type(value, struct tp_block);            \
	} name SEC(".maps")

TRIE_MAP(block_net4, struct tp_net4_key, 16384);
TRIE_MAP(block_net6, struct tp_net6_key, 16384);
/* Who may still be spoken to while the host is isolated. */
TRIE_MAP(admit_net4, struct tp_net4_key, 4096);
TRIE_MAP(admit_net6, struct tp_net6_key, 4096);

struct tp_scratch {
	struct tp_exec exec;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tp_scratch);
} scratch SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tp_dns);
} dns_scratch SEC(".maps");

static __always_inline void count(__u32 which)
{
	__u64 *counter = bpf_map_lookup_elem(&counters, &which);

	/* An interrupt may count on the same processor between a read and a write. */
	if (counter)
		__sync_fetch_and_add(counter, 1);
}

static __always_inline struct tp_config *get_config(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&config, &zero);
}
