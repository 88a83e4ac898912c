/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Is the peer blocked now? Expiry is tested here, so that a dead agent cannot block for ever. */
#pragma once

static __always_inline struct tp_block *in_force(struct tp_block *block)
{
	__u64 now;

	if (!block)
		return NULL;
	now = bpf_ktime_get_boot_ns();
	/* The narrowest network is found: one that has ended must not hide a wider one that has not. */
	return now < block->expires_ns || now < block->covered_ns ? block : NULL;
}

static __always_inline struct tp_block *blocked4(struct tp_config *config, struct tp_peer *peer,
						 __u64 cgroup_id)
{
	struct tp_block4_key key = { .address = peer->word[3], .cgroup_id = cgroup_id };
	struct tp_block *block = in_force(bpf_map_lookup_elem(&block4, &key));

	if (!block && config->blocking_ports) {
		key.port = peer->port;
		block = in_force(bpf_map_lookup_elem(&block4, &key));
	}
	if (!block && !cgroup_id && config->blocking_nets) {
		struct tp_net4_key net = { .length = 32, .address = peer->word[3] };

		block = in_force(bpf_map_lookup_elem(&block_net4, &net));
	}
	return block;
}

static __always_inline struct tp_block *blocked6(struct tp_config *config, struct tp_peer *peer,
						 __u64 cgroup_id)
{
	struct tp_block6_key key = { .cgroup_id = cgroup_id };
	struct tp_block *block;

	__builtin_memcpy(key.address, peer->word, 16);
	block = in_force(bpf_map_lookup_elem(&block6, &key));
	if (!block && config->blocking_ports) {
		key.port = peer->port;
		block = in_force(bpf_map_lookup_elem(&block6, &key));
	}
	if (!block && !cgroup_id && config->blocking_nets) {
		struct tp_net6_key net = { .length = 128 };

		__builtin_memcpy(net.address, peer->word, 16);
		block = in_force(bpf_map_lookup_elem(&block_net6, &net));
	}
	return block;
}

static __always_inline struct tp_block *blocked_in(struct tp_config *config, struct tp_peer *peer,
						   __u64 cgroup_id)
{
	return is_v4(peer) ? blocked4(config, peer, cgroup_id) : blocked6(config, peer, cgroup_id);
}

/* Whether the host is isolated and this peer not admitted. The end is tested here for the same reason. */
static __always_inline bool cut_off(struct tp_config *config, struct tp_peer *peer)
{
	if (!config->isolated_until_ns || bpf_ktime_get_boot_ns() >= config->isolated_until_ns)
		return false;
	if (is_v4(peer)) {
		struct tp_net4_key net = { .length = 32, .address = peer->word[3] };

		return !bpf_map_lookup_elem(&admit_net4, &net);
	} else {
		struct tp_net6_key net = { .length = 128 };

		__builtin_memcpy(net.address, peer->word, 16);
		return !bpf_map_lookup_elem(&admit_net6, &net);
	}
}

/* For the running task: host-wide first, then its own cgroup. */
static __always_inline struct tp_block *blocked(struct tp_config *config, struct tp_peer *peer)
{
	struct tp_block *block;

	if (!config->blocking)
		return NULL;
	block = blocked_in(config, peer, 0);
	if (!block && config->blocking_apps)
		block = blocked_in(config, peer, bpf_get_current_cgroup_id());
	return block;
}
