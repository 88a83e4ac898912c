/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The contract between the kernel programs and user space: every record, limit and counter.
 * `src/contract.rs` mirrors it; a test compares sizes and offsets through the object's BTF. */
#pragma once

#define TP_COMM 16
/* Longer command lines are cut and flagged: 4 KiB is what any output shows of one. */
#define TP_ARGV 4096
#define TP_PATH 512
/* A runtime's scope name (docker-<64 hex>.scope, cri-containerd-…) fits; systemd's longest too. */
#define TP_CGROUP_NAME 128
/* Leaf, its parent and grandparent: enough for container id and pod. */
#define TP_CGROUP_LEVELS 3
/* One DNS answer over UDP without EDNS is 512 bytes, with it 1232 by recommendation. */
#define TP_DNS 1232

#define TP_CELLS 262144 /* 2^24 /24 networks, 64 to a word */

enum tp_kind {
	TP_CONN_OPEN = 1,        /* asked for (outbound) or accepted (inbound) */
	TP_CONN_ESTABLISHED = 2,
	TP_CONN_CLOSE = 3,       /* the only record of a connection that matched nothing */
	TP_CONN_REFUSED = 4,     /* refused by us before the first packet */
	TP_CONN_FOUND = 5,       /* was open when the sensor started */
	TP_CONN_LISTENER = 6,    /* a listening socket found by the iterator */
	TP_EXEC = 16,
	TP_FORK = 17,
	TP_EXIT = 18,
	TP_DNS_ANSWER = 32,
};

enum tp_flag {
	TP_MATCHED = 1,          /* the peer is (or for IPv6 may be) on a list */
	TP_LISTENER = 2,
	TP_WAS_ESTABLISHED = 4,
	TP_PREDATES = 8,         /* found by the iterator: owner is who held the file */
	TP_FLOW = 16,            /* a UDP conversation with one peer is being counted */
	TP_OWNER_UNSURE = 32,    /* no owner storage: taken from the current task */
};

enum tp_direction { TP_IN = 1, TP_OUT = 2 };

/* One counter for each way in which something can be lost or refused. */
enum tp_counter {
	TP_LOST_MATCH = 0,       /* match ring full */
	TP_LOST_EVENT = 1,       /* event ring full: connections that matched nothing */
	TP_LOST_PROCESS = 2,     /* event ring full: exec, fork, exit */
	TP_LOST_DNS = 3,         /* event ring full: DNS answers */
	TP_LOST_STORAGE = 4,     /* no memory for a socket's owner */
	TP_SENT_MATCH = 5,
	TP_SENT_EVENT = 6,
	TP_SENT_PROCESS = 7,
	TP_SENT_DNS = 8,
	TP_REFUSED_CONNECT = 9,
	TP_REFUSED_SEND = 10,
	TP_DROPPED_EGRESS = 11,
	TP_DROPPED_INGRESS = 12,
	TP_CUT_ARGV = 13,        /* command lines longer than TP_ARGV */
	TP_FOLDED_UDP = 14,      /* datagrams folded into a conversation already reported */
	TP_LOST_BEGIN = 15,      /* a connect or datagram without a socket to remember it by */
	TP_LOST_END = 16,        /* an end of which the beginning is not known */
	TP_LOST_EXEC = 17,       /* no room to build the record of a program start, or it did not fit */
	TP_BEGUN = 18,           /* beginnings remembered: each has one record at its end */
	TP_COUNTERS = 19,
};

/* Written by user space through a shared mapping. */
struct tp_config {
	__u32 generation;        /* which half of the set maps is live: 0 or 1 */
	__u32 exact4;            /* 0: the set did not fit, every /24 hit is a candidate */
	__u32 nodes_capacity;    /* entries of one half of nodes4 */
	__u32 blocks_capacity;   /* 32-byte blocks of one half of blocks4 */
	__u32 active;            /* 0: no set loaded */
	__u32 blocking;          /* 1: at least one block is in force */
	__u32 blocking_nets;     /* 1: at least one blocked network */
	__u32 enforce;           /* 1: refuse listed peers for vulnerable processes */
	__u32 dns;               /* 1: report DNS answers */
	__u32 blocking_apps;     /* 1: at least one block is scoped to a cgroup */
	__u32 self_tgid;         /* the agent itself: its own connections are not reported */
	__u32 blocking_ports;    /* 1: at least one block is for a single port */
};

struct tp_conn {
	__u32 kind;
	__u32 flags;
	__u64 at_ns;             /* boot clock */
	__u64 cookie;
	__u64 opened_ns;         /* boot clock */
	__u64 start_ns;          /* boot clock start of the process */
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
	__u8 local[16];          /* IPv4 as ::ffff:a.b.c.d */
	__u8 remote[16];
	__u16 local_port;
	__u16 remote_port;
	__u8 protocol;
	__u8 direction;
	__u8 state;              /* TCP state before the one that caused the record */
	__u8 pad;
	char comm[TP_COMM];
};

struct tp_exec {
	__u32 kind;
	__u32 tgid;
	__u64 at_ns;
	__u64 start_ns;
	__u64 parent_start_ns;
	__u64 cgroup_id;
	__u64 exe_inode;
	__u32 exe_device;
	__u32 parent;
	__u32 uid;
	__u32 login_uid;
	__u32 netns;
	__u32 argv_length;       /* bytes that follow; NUL separated */
	__u32 argv_whole;        /* bytes the process really has */
	__u32 pad;
	char comm[TP_COMM];
	char exe[TP_PATH];
	char cgroup[TP_CGROUP_LEVELS][TP_CGROUP_NAME];
	char argv[TP_ARGV];
};

struct tp_fork {
	__u32 kind;
	__u32 tgid;
	__u64 at_ns;
	__u64 start_ns;
	__u64 parent_start_ns;
	__u32 parent;
	__u32 pad;
};

struct tp_exit {
	__u32 kind;
	__u32 tgid;
	__u64 at_ns;
	__u64 start_ns;
};

struct tp_dns {
	__u32 kind;
	__u32 length;            /* bytes that follow */
	__u64 at_ns;
	__u32 netns;             /* 0 when the socket has no owner storage */
	__u32 tgid;
	__u32 tcp;               /* 1: the message starts with its two-byte length */
	__u32 pad;
	__u8 message[TP_DNS];
};

/* Keys and values of the block maps. Port 0 = every port. */
struct tp_block4_key { __u32 address; __u16 port; __u16 pad; __u64 cgroup_id; };
struct tp_block6_key { __u8 address[16]; __u16 port; __u16 pad; __u32 pad2; __u64 cgroup_id; };
struct tp_net4_key { __u32 length; __u32 address; };
struct tp_net6_key { __u32 length; __u8 address[16]; };
struct tp_block {
	__u64 expires_ns;        /* boot clock; the kernel lifts it, whether or not an agent lives */
	__u64 hits;
	__u64 reported_ns;       /* last time a refusal was reported */
	__u64 id;
};
