/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The contract between the kernel programs and user space: every record, limit and counter.
 * `src/contract.rs` mirrors it. At the end stands where each field lies: this compiler asserts it for
 * these structures, a test of the mirror reads the same lines. */
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
/* A ClientHello with post-quantum keys has 1.7 KiB, one without 0.5; headers of HTTP name the host early. */
#define TP_HELLO_MAX 2048
#define TP_HELLO_SHORT 1024

/* Process start times are compared in clock ticks, as `/proc` tells them. */
#define TP_TICK_NS 10000000ULL

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
	TP_HELLO = 33,           /* what a client says first, where it may name its peer */
};

enum tp_flag {
	TP_MATCHED = 1,          /* the peer is (or for IPv6 may be) on a list */
	TP_LISTENER = 2,
	TP_WAS_ESTABLISHED = 4,
	TP_PREDATES = 8,         /* found by the iterator: owner is who held the file */
	TP_LIVE = 16,            /* begun and not ended: `begun` counted it, `ended` will */
	TP_OWNER_UNSURE = 32,    /* no owner storage: taken from the current task */
	TP_UNTOLD = 64,          /* a connected UDP socket with a listed peer: told with its first packet */
	TP_HELLO_DUE = 128,      /* outbound TCP whose first payload has not passed yet */
	TP_HELLO_REST = 256,     /* and that has passed in part: the next one holds the rest */
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
	TP_LOST_END = 16,        /* an end without a known beginning; also of one older than the sensor that no process held */
	TP_LOST_EXEC = 17,       /* no room to build the record of a program start, or it did not fit */
	TP_BEGUN = 18,           /* beginnings remembered: each has one record at its end */
	TP_ENDED = 19,           /* ends of those: begun - ended = those alive, or something was lost unseen */
	TP_LOST_HELLO = 20,      /* ring full: first words of clients */
	TP_SENT_HELLO = 21,
	TP_COUNTERS = 22,
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
	__u32 serial;            /* grows with each new set: what was judged by an older one is judged anew */
	__u32 blocking_ports;    /* 1: at least one block is for a single port */
	__u32 packets;           /* 1: every packet is looked at, so that the first of a UDP socket is seen */
	__u32 hello;             /* 1: report what clients of outbound TCP say first */
	__u64 isolated_until_ns; /* boot clock; until then only admitted peers pass. 0: not isolated */
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

struct tp_hello {
	struct tp_conn conn;     /* its kind is TP_HELLO */
	__u32 length;            /* bytes that follow */
	__u32 part;              /* 0: from the beginning, 1: what follows the part before */
	__u8 bytes[TP_HELLO_MAX];
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
	__u64 covered_ns;        /* boot clock; when the last wider block around this one ends, 0 without */
};

/* `pad` fields too: a field that is only in one of the two is an error. */
#define TP_AT(type, field, at) \
	_Static_assert(__builtin_offsetof(struct type, field) == (at), #type "." #field)

TP_AT(tp_config, generation, 0);
TP_AT(tp_config, exact4, 4);
TP_AT(tp_config, nodes_capacity, 8);
TP_AT(tp_config, blocks_capacity, 12);
TP_AT(tp_config, active, 16);
TP_AT(tp_config, blocking, 20);
TP_AT(tp_config, blocking_nets, 24);
TP_AT(tp_config, enforce, 28);
TP_AT(tp_config, dns, 32);
TP_AT(tp_config, blocking_apps, 36);
TP_AT(tp_config, serial, 40);
TP_AT(tp_config, blocking_ports, 44);
TP_AT(tp_config, packets, 48);
TP_AT(tp_config, hello, 52);
TP_AT(tp_config, isolated_until_ns, 56);
TP_AT(tp_conn, kind, 0);
TP_AT(tp_conn, flags, 4);
TP_AT(tp_conn, at_ns, 8);
TP_AT(tp_conn, cookie, 16);
TP_AT(tp_conn, opened_ns, 24);
TP_AT(tp_conn, start_ns, 32);
TP_AT(tp_conn, cgroup_id, 40);
TP_AT(tp_conn, exe_inode, 48);
TP_AT(tp_conn, bytes_in, 56);
TP_AT(tp_conn, bytes_out, 64);
TP_AT(tp_conn, tgid, 72);
TP_AT(tp_conn, parent, 76);
TP_AT(tp_conn, uid, 80);
TP_AT(tp_conn, login_uid, 84);
TP_AT(tp_conn, exe_device, 88);
TP_AT(tp_conn, netns, 92);
TP_AT(tp_conn, local, 96);
TP_AT(tp_conn, remote, 112);
TP_AT(tp_conn, local_port, 128);
TP_AT(tp_conn, remote_port, 130);
TP_AT(tp_conn, protocol, 132);
TP_AT(tp_conn, direction, 133);
TP_AT(tp_conn, state, 134);
TP_AT(tp_conn, pad, 135);
TP_AT(tp_conn, comm, 136);
TP_AT(tp_exec, kind, 0);
TP_AT(tp_exec, tgid, 4);
TP_AT(tp_exec, at_ns, 8);
TP_AT(tp_exec, start_ns, 16);
TP_AT(tp_exec, parent_start_ns, 24);
TP_AT(tp_exec, cgroup_id, 32);
TP_AT(tp_exec, exe_inode, 40);
TP_AT(tp_exec, exe_device, 48);
TP_AT(tp_exec, parent, 52);
TP_AT(tp_exec, uid, 56);
TP_AT(tp_exec, login_uid, 60);
TP_AT(tp_exec, netns, 64);
TP_AT(tp_exec, argv_length, 68);
TP_AT(tp_exec, argv_whole, 72);
TP_AT(tp_exec, pad, 76);
TP_AT(tp_exec, comm, 80);
TP_AT(tp_exec, exe, 96);
TP_AT(tp_exec, cgroup, 608);
TP_AT(tp_fork, kind, 0);
TP_AT(tp_fork, tgid, 4);
TP_AT(tp_fork, at_ns, 8);
TP_AT(tp_fork, start_ns, 16);
TP_AT(tp_fork, parent_start_ns, 24);
TP_AT(tp_fork, parent, 32);
TP_AT(tp_fork, pad, 36);
TP_AT(tp_exit, kind, 0);
TP_AT(tp_exit, tgid, 4);
TP_AT(tp_exit, at_ns, 8);
TP_AT(tp_exit, start_ns, 16);
TP_AT(tp_dns, kind, 0);
TP_AT(tp_dns, length, 4);
TP_AT(tp_dns, at_ns, 8);
TP_AT(tp_dns, netns, 16);
TP_AT(tp_dns, tgid, 20);
TP_AT(tp_dns, tcp, 24);
TP_AT(tp_dns, pad, 28);
TP_AT(tp_hello, conn, 0);
TP_AT(tp_hello, length, 152);
TP_AT(tp_hello, part, 156);
TP_AT(tp_block4_key, address, 0);
TP_AT(tp_block4_key, port, 4);
TP_AT(tp_block4_key, pad, 6);
TP_AT(tp_block4_key, cgroup_id, 8);
TP_AT(tp_block6_key, address, 0);
TP_AT(tp_block6_key, port, 16);
TP_AT(tp_block6_key, pad, 18);
TP_AT(tp_block6_key, pad2, 20);
TP_AT(tp_block6_key, cgroup_id, 24);
TP_AT(tp_block, expires_ns, 0);
TP_AT(tp_block, hits, 8);
TP_AT(tp_block, reported_ns, 16);
TP_AT(tp_block, id, 24);
TP_AT(tp_block, covered_ns, 32);
