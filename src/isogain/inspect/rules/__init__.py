"""The rules of each code: functions from a Table to findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from isogain.inspect.findings import Finding
from isogain.inspect.rules.adapters import adapter_not_neutral, drawn_factors
from isogain.inspect.rules.attention import attention_collapse
from isogain.inspect.rules.axes import kept_company, mixed_samples
from isogain.inspect.rules.balances import summed_penalties
from isogain.inspect.rules.banks import uniform_banks
from isogain.inspect.rules.blended import blended_positions
from isogain.inspect.rules.buffers import (
    buffer_precision,
    foreign_statistics,
    nan_buffers,
    stale_buffers,
)
from isogain.inspect.rules.clipped import clipped_signals, clipped_weights
from isogain.inspect.rules.codebooks import idle_codes
from isogain.inspect.rules.crossed import crossed_targets
from isogain.inspect.rules.cut_ids import cut_ids
from isogain.inspect.rules.cut_steps import detached_steps
from isogain.inspect.rules.drowned import drowned_data, drowned_places, drowned_positions, loud_tables
from isogain.inspect.rules.empty import empty_signals
from isogain.inspect.rules.exponentials import loud_logarithms, narrow_bells
from isogain.inspect.rules.faint import faint_losses, rounded_weights, silent_losses
from isogain.inspect.rules.floors import loss_floor
from isogain.inspect.rules.frozen import frozen_answers
from isogain.inspect.rules.gates import saturated_gates
from isogain.inspect.rules.gradients import exploding_backward, vanishing_backward
from isogain.inspect.rules.hidden import hidden_signals
from isogain.inspect.rules.kernels import narrow_kernels, wide_kernels
from isogain.inspect.rules.laws import wrong_fans
from isogain.inspect.rules.losses import initial_loss
from isogain.inspect.rules.loud_branches import loud_branches
from isogain.inspect.rules.masks import inverted_masks
from isogain.inspect.rules.misused import (
    drawn_norms,
    dropped_branches,
    dropped_signals,
    lonely_norms,
    loud_noise,
)
from isogain.inspect.rules.mixtures import loud_mixtures, shut_mixtures
from isogain.inspect.rules.offsets import missing_offsets
from isogain.inspect.rules.outliers import outlying_weights
from isogain.inspect.rules.peers import off_peers
from isogain.inspect.rules.places import one_distance, outside_grids, same_places
from isogain.inspect.rules.propagation import exploding_forward, vanishing_forward
from isogain.inspect.rules.quiet_products import quiet_products
from isogain.inspect.rules.recurrences import forgotten_states
from isogain.inspect.rules.repeats import repeated_layers
from isogain.inspect.rules.representation import constant_output, rank_collapse
from isogain.inspect.rules.reservoirs import frozen_states
from isogain.inspect.rules.rotations import turning_maps
from isogain.inspect.rules.saddles import saddles
from isogain.inspect.rules.settled import cold_choices, hard_choices, settled_shares
from isogain.inspect.rules.silences import (
    empty_features,
    erased_signals,
    frozen_zeros,
    masked_weights,
    shut_branches,
    zero_parts,
    zero_rows,
)
from isogain.inspect.rules.sines import flat_sines
from isogain.inspect.rules.slices import idle_slices, odd_slices, same_slices
from isogain.inspect.rules.softmaxes import (
    lone_classes,
    lone_places,
    lone_shares,
    shared_by_samples,
    wrong_classes,
)
from isogain.inspect.rules.symmetry import copied_rows, identical_layers, same_rows, symmetric_units
from isogain.inspect.rules.temperatures import inverse_temperatures, shrunk_logits
from isogain.inspect.rules.timescales import time_scale
from isogain.inspect.rules.unbent import unbent_layers
from isogain.inspect.rules.units import dead_units, saturated_units
from isogain.inspect.rules.units_of_data import (
    faint_inputs,
    foreign_units,
    offset_inputs,
    raw_inputs,
    same_inputs,
)
from isogain.inspect.rules.usage import plain_weights, unregistered, unused_parameter
from isogain.inspect.rules.values import dtype_headroom, non_finite, uninitialized
from isogain.inspect.table import Table

__all__ = ["RULES"]

Rule = Callable[[Table], Iterator[Finding]]
RULES: dict[str, tuple[Rule, ...]] = {
    "non-finite": (nan_buffers, non_finite),
    "uninitialized": (stale_buffers, uninitialized),
    "symmetric-units": (symmetric_units, same_rows, copied_rows, saddles, uniform_banks),
    "off-peers": (off_peers, odd_slices, wrong_fans, outlying_weights),
    "exploding-forward": (
        raw_inputs,
        exploding_forward,
        loud_logarithms,
        loud_noise,
        loud_tables,
        loud_branches,
        turning_maps,
    ),
    "vanishing-forward": (
        vanishing_forward,
        drowned_data,
        drowned_places,
        drowned_positions,
        foreign_statistics,
        foreign_units,
        offset_inputs,
        faint_inputs,
        quiet_products,
        narrow_bells,
        narrow_kernels,
        outside_grids,
        drawn_norms,
        dropped_signals,
        dropped_branches,
        lonely_norms,
        masked_weights,
        zero_rows,
        zero_parts,
        frozen_zeros,
        erased_signals,
        empty_features,
        empty_signals,
    ),
    "time-scale": (time_scale, flat_sines, forgotten_states, frozen_states),
    "attention-collapse": (
        inverted_masks,
        attention_collapse,
        loud_mixtures,
        cold_choices,
        hard_choices,
        lone_places,
    ),
    "exploding-backward": (exploding_backward,),
    "vanishing-backward": (
        vanishing_backward,
        rounded_weights,
        faint_losses,
        silent_losses,
        hidden_signals,
        shut_branches,
        detached_steps,
    ),
    "saturated-units": (
        saturated_units,
        saturated_gates,
        shut_mixtures,
        settled_shares,
        lone_shares,
        clipped_weights,
        clipped_signals,
    ),
    "dead-units": (dead_units,),
    "rank-collapse": (blended_positions, rank_collapse, same_places, one_distance, wide_kernels),
    "constant-output": (same_inputs, constant_output, mixed_samples, shared_by_samples, kept_company),
    "adapter-not-neutral": (adapter_not_neutral, drawn_factors),
    "initial-loss": (initial_loss, summed_penalties, missing_offsets),
    "loss-floor": (
        loss_floor,
        crossed_targets,
        wrong_classes,
        lone_classes,
        inverse_temperatures,
        shrunk_logits,
        unbent_layers,
    ),
    "identical-layers": (identical_layers, repeated_layers, same_slices),
    "idle-slices": (cut_ids, idle_slices, idle_codes),
    "unused-parameter": (unregistered, plain_weights, unused_parameter, frozen_answers),
    "dtype-headroom": (dtype_headroom, buffer_precision),
}
