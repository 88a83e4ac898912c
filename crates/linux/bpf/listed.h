/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Is the peer on a list? IPv4 exactly, IPv6 without false negatives. A miss costs one read.
 * The layout is built by `intel/src/table/v4_build.rs`. */
#pragma once

static __always_inline __u32 ones(__u64 word)
{
	word -= (word >> 1) & 0x5555555555555555ULL;
	word = (word & 0x3333333333333333ULL) + ((word >> 2) & 0x3333333333333333ULL);
	word = (word + (word >> 4)) & 0x0f0f0f0f0f0f0f0fULL;
	return (word * 0x0101010101010101ULL) >> 56;
}

/* Element `index` of an array of 32-bit values stored in pairs. */
static __always_inline bool half_word(void *map, __u32 index, __u32 *value)
{
	__u32 key = index >> 1;
	__u64 *pair = bpf_map_lookup_elem(map, &key);

	if (!pair)
		return false;
	*value = (__u32)(index & 1 ? *pair >> 32 : *pair);
	return true;
}

/* Kinds of a node beside 1 to 3 inline hosts, and 0 for a block. */
#define TP_NODE_RANGE 4
#define TP_NODE_WHOLE 255

static __always_inline bool listed4(struct tp_config *config, __u32 address)
{
	__u32 half = config->generation & 1;
	__u32 cell = address >> 8, key = half * TP_CELLS + (cell >> 6), bit = cell & 63;
	__u32 suffix = address & 255, kind;
	__u64 *word = bpf_map_lookup_elem(&bitmap4, &key);
	struct tp_suffixes *block;
	__u32 rank, node;

	if (!word || !((*word >> bit) & 1))
		return false;
	if (!config->exact4)
		return true;
	if (!half_word(&rank4, key, &rank))
		return true;
	key = half * config->nodes_capacity + rank + ones(*word & ((1ULL << bit) - 1));
	if (!half_word(&nodes4, key, &node))
		return true;
	kind = node >> 24;
	if (kind == TP_NODE_WHOLE)
		return true;
	if (kind == TP_NODE_RANGE)
		return suffix >= (node & 255) && suffix <= ((node >> 8) & 255);
	if (kind) {
		if ((node & 255) == suffix)
			return true;
		if (kind > 1 && ((node >> 8) & 255) == suffix)
			return true;
		return kind > 2 && ((node >> 16) & 255) == suffix;
	}
	key = half * config->blocks_capacity + (node & 0xffffff);
	block = bpf_map_lookup_elem(&blocks4, &key);
	if (!block)
		return true;
	return (block->word[(suffix >> 6) & 3] >> (suffix & 63)) & 1;
}

static __always_inline bool listed6(struct tp_config *config, struct tp_peer *peer)
{
	__u32 base = (config->generation & 1) * TP_CELLS;
	__u64 top32 = bpf_ntohl(peer->word[0]);
	__u64 top48 = (top32 << 16) | (bpf_ntohl(peer->word[1]) >> 16);
	__u32 hash48 = (top48 * 0x9E3779B97F4A7C15ULL) >> 40;
	__u32 hash32 = ((__u32)top32 * 0x9E3779B1U) >> 8;
	__u32 key = base + (hash48 >> 6);
	__u64 *word = bpf_map_lookup_elem(&filter6_48, &key);

	if (word && ((*word >> (hash48 & 63)) & 1))
		return true;
	key = base + (hash32 >> 6);
	word = bpf_map_lookup_elem(&filter6_32, &key);
	return word && ((*word >> (hash32 & 63)) & 1);
}

static __always_inline bool listed(struct tp_config *config, struct tp_peer *peer)
{
	if (!config->active)
		return false;
	if (is_v4(peer))
		return listed4(config, bpf_ntohl(peer->word[3]));
	return listed6(config, peer);
}
