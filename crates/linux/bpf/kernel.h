/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The few kernel structures that the programs read, by name: CO-RE finds the real offsets. */
#pragma once

#define __ksym_struct __attribute__((preserve_access_index))

#include <linux/bpf.h>

#define NULL ((void *)0)
typedef _Bool bool;
#define true 1
#define false 0

struct in6_addr { union { __u8 u6_addr8[16]; __u32 u6_addr32[4]; } in6_u; } __ksym_struct;
struct ns_common { unsigned int inum; } __ksym_struct;
struct net { struct ns_common ns; } __ksym_struct;
typedef struct { struct net *net; } __ksym_struct possible_net_t;

struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	possible_net_t skc_net;
	unsigned long skc_flags;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
} __ksym_struct;

struct sock {
	struct sock_common __sk_common;
	__u16 sk_protocol;
	__u16 sk_type;
} __ksym_struct;

struct inet_sock { __be16 inet_sport; } __ksym_struct;
struct inet_connection_sock { struct inet_sock icsk_inet; } __ksym_struct;
struct tcp_sock {
	struct inet_connection_sock inet_conn;
	__u64 bytes_received;
	__u64 bytes_sent;
	__u64 bytes_retrans;
} __ksym_struct;
struct socket { struct sock *sk; } __ksym_struct;

typedef struct { __u32 val; } __ksym_struct kuid_t;
struct super_block { __u32 s_dev; } __ksym_struct;
struct inode { unsigned long i_ino; struct super_block *i_sb; } __ksym_struct;
struct file { struct inode *f_inode; } __ksym_struct;
struct mm_struct { struct file *exe_file; unsigned long arg_start; unsigned long arg_end; } __ksym_struct;
struct kernfs_node { const char *name; struct kernfs_node *parent; } __ksym_struct;
/* Since 6.15 the parent pointer carries another name. */
struct kernfs_node___new { struct kernfs_node *__parent; } __ksym_struct;
struct cgroup { struct kernfs_node *kn; } __ksym_struct;
struct css_set { struct cgroup *dfl_cgrp; } __ksym_struct;
struct nsproxy { struct net *net_ns; } __ksym_struct;
struct cred { kuid_t euid; } __ksym_struct;
typedef struct { int counter; } __ksym_struct atomic_t;
struct signal_struct { atomic_t live; } __ksym_struct;
struct task_struct {
	int pid;
	int tgid;
	__u64 start_boottime;
	struct task_struct *group_leader;
	struct task_struct *real_parent;
	struct mm_struct *mm;
	struct css_set *cgroups;
	struct nsproxy *nsproxy;
	const struct cred *cred;
	struct signal_struct *signal;
	kuid_t loginuid;
	char comm[16];
} __ksym_struct;
struct linux_binprm { const char *filename; const char *interp; } __ksym_struct;

struct seq_file;
struct bpf_iter_meta { struct seq_file *seq; __u64 session_id; __u64 seq_num; } __ksym_struct;
struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
} __ksym_struct;
struct bpf_map;
struct bpf_iter__bpf_sk_storage_map {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
	struct sock *sk;
	void *value;
} __ksym_struct;
