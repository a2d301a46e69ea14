"""What a network is: its graph, shapes, cost, and what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netsurgery.lazy import face

if TYPE_CHECKING:
    from netsurgery.layers import (
        CARRIES as CARRIES,
        MAKES as MAKES,
        READS as READS,
        Layer as Layer,
        Shape as Shape,
        Value as Value,
        show as show,
    )
    from netsurgery.network.batches import (
        with_open_batch as with_open_batch,
    )
    from netsurgery.network.channels.canonical import (
        canonical_weights as canonical_weights,
        is_scalable as is_scalable,
    )
    from netsurgery.network.channels.groups import (
        ChannelGroup as ChannelGroup,
        Cut as Cut,
        ValueCut as ValueCut,
        channel_groups as channel_groups,
    )
    from netsurgery.network.channels.readers import (
        first_reader as first_reader,
        weights_reading as weights_reading,
    )
    from netsurgery.network.channels.relations import (
        ChannelRelation as ChannelRelation,
        channel_relations as channel_relations,
    )
    from netsurgery.network.channels.successive import (
        GroupCut as GroupCut,
        Thinning as Thinning,
    )
    from netsurgery.network.channels.thinning import (
        put_back as put_back,
        thin_edits as thin_edits,
        thin_model as thin_model,
    )
    from netsurgery.network.cost import (
        LayerCost as LayerCost,
        Totals as Totals,
        bytes_of as bytes_of,
        cost_of_regions as cost_of_regions,
        count_cost as count_cost,
        sum_up as sum_up,
        total_cost as total_cost,
    )
    from netsurgery.network.dead import (
        Dead as Dead,
        Reading as Reading,
        find_dead as find_dead,
    )
    from netsurgery.network.deploy import (
        other_phases as other_phases,
        without_other_phases as without_other_phases,
    )
    from netsurgery.network.detectors import (
        CORNERS as CORNERS,
        Detector as Detector,
        detectors_of as detectors_of,
    )
    from netsurgery.network.doctor.checked_model import (
        CheckedModel as CheckedModel,
        Finding as Finding,
    )
    from netsurgery.network.doctor.examination import (
        examine as examine,
    )
    from netsurgery.network.doctor.fit import (
        find_misfits as find_misfits,
        require_fit as require_fit,
        require_inputs as require_inputs,
        troubles_of as troubles_of,
    )
    from netsurgery.network.edits import (
        GraphEdit as GraphEdit,
        InsertAfter as InsertAfter,
        LayerEdit as LayerEdit,
        LayerKey as LayerKey,
        RemoveBlobs as RemoveBlobs,
        RemoveLayer as RemoveLayer,
        ReplaceLayer as ReplaceLayer,
        SetBlobs as SetBlobs,
        SetFields as SetFields,
        apply_edits as apply_edits,
        describe_edits as describe_edits,
        edit_text as edit_text,
        new_layers as new_layers,
        replay_edits as replay_edits,
        require_edits as require_edits,
        weight_changes as weight_changes,
    )
    from netsurgery.network.feeding import (
        declaration as declaration,
    )
    from netsurgery.network.fillers import (
        Begun as Begun,
        with_fillers as with_fillers,
    )
    from netsurgery.network.foreign_fields import (
        Foreign as Foreign,
        foreign_to as foreign_to,
        why_foreign as why_foreign,
    )
    from netsurgery.network.graph import (
        Network as Network,
    )
    from netsurgery.network.inplace import (
        as_built as as_built,
        take_apart as take_apart,
    )
    from netsurgery.network.loss import (
        IGNORED as IGNORED,
        LossNet as LossNet,
        own_losses as own_losses,
        scores_before_softmax as scores_before_softmax,
        with_loss as with_loss,
    )
    from netsurgery.network.masks import (
        without_masks as without_masks,
    )
    from netsurgery.network.memory import (
        peak_bytes as peak_bytes,
    )
    from netsurgery.network.model import (
        Model as Model,
        load as load,
    )
    from netsurgery.network.names import (
        fresh_name as fresh_name,
        names_taken as names_taken,
    )
    from netsurgery.network.parameters import (
        blob_shapes as blob_shapes,
        layers_with as layers_with,
        owners_of_shared as owners_of_shared,
    )
    from netsurgery.network.phases import (
        PHASES as PHASES,
        State as State,
    )
    from netsurgery.network.pycaffe import (
        from_pycaffe as from_pycaffe,
    )
    from netsurgery.network.reach import (
        layers_behind as layers_behind,
        layers_to as layers_to,
        reached_by as reached_by,
    )
    from netsurgery.network.scores import (
        compared_outputs as compared_outputs,
        score_values as score_values,
        scores_of as scores_of,
    )
    from netsurgery.network.section import (
        cut_section as cut_section,
        without_what_follows as without_what_follows,
    )
    from netsurgery.network.selecting import (
        layers_selected as layers_selected,
        selects as selects,
    )
    from netsurgery.network.shapes import (
        Shapes as Shapes,
        infer_shapes as infer_shapes,
        trace_shapes as trace_shapes,
    )
    from netsurgery.network.sharing import (
        borrowed_blobs as borrowed_blobs,
    )
    from netsurgery.network.sparse import (
        Masks as Masks,
        ParameterKey as ParameterKey,
        as_stored as as_stored,
        masks_of as masks_of,
        outputs_first as outputs_first,
        prunable as prunable,
        require_masks_fit as require_masks_fit,
        require_zero_under as require_zero_under,
        sparsity_of as sparsity_of,
        with_masks as with_masks,
        zeros_of as zeros_of,
    )
    from netsurgery.network.spreading import (
        in_stock_form as in_stock_form,
    )
    from netsurgery.network.stock import (
        Translation as Translation,
        described as described,
        in_stock_words as in_stock_words,
        is_otherwise as is_otherwise,
        lacking as lacking,
    )
    from netsurgery.network.unknown import (
        known_costs as known_costs,
        unknown_reason as unknown_reason,
    )

__getattr__, __dir__, __all__ = face(__name__)
