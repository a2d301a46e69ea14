"""What a network is run on: arrays, images prepared as Caffe does it, random values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netsurgery.lazy import face

if TYPE_CHECKING:
    from netsurgery.calibration.arrays import (
        fit_arrays as fit_arrays,
        read_npz as read_npz,
    )
    from netsurgery.calibration.batching import (
        batch_size as batch_size,
        input_shapes as input_shapes,
        largest_batch as largest_batch,
        samples_are_apart as samples_are_apart,
    )
    from netsurgery.calibration.calibrator import (
        FOLDER as FOLDER,
        Calibrator as Calibrator,
    )
    from netsurgery.calibration.closing import (
        closed_behind as closed_behind,
    )
    from netsurgery.calibration.data_layers import (
        DeclaredViews as DeclaredViews,
        declared_views as declared_views,
    )
    from netsurgery.calibration.gradients import (
        GradientObserver as GradientObserver,
    )
    from netsurgery.calibration.held_samples import (
        HeldSamples as HeldSamples,
    )
    from netsurgery.calibration.inputs import (
        Batch as Batch,
        Inputs as Inputs,
        Samples as Samples,
    )
    from netsurgery.calibration.losses import (
        LossRunner as LossRunner,
        judged_by as judged_by,
        open_loss as open_loss,
    )
    from netsurgery.calibration.measuring import (
        ObservedValue as ObservedValue,
        Seen as Seen,
        measure as measure,
    )
    from netsurgery.calibration.observers import (
        ChannelObserver as ChannelObserver,
        OutputObserver as OutputObserver,
        Part as Part,
        ProductObserver as ProductObserver,
        ResidualBranch as ResidualBranch,
        Target as Target,
        entries_by_turn as entries_by_turn,
    )
    from netsurgery.calibration.preprocessing import (
        Preprocessing as Preprocessing,
    )
    from netsurgery.calibration.preset import (
        ALIASES as ALIASES,
        Preset as Preset,
        find_preset as find_preset,
        known_presets as known_presets,
        prepared as prepared,
    )
    from netsurgery.calibration.random_values import (
        random_inputs as random_inputs,
    )
    from netsurgery.calibration.roles import (
        Role as Role,
        input_roles as input_roles,
    )
    from netsurgery.calibration.running import (
        Runner as Runner,
        common_batch as common_batch,
        in_words_of as in_words_of,
        is_large as is_large,
        place_weights as place_weights,
        renamed as renamed,
    )
    from netsurgery.calibration.session_pool import (
        SessionPool as SessionPool,
        open_model as open_model,
    )
    from netsurgery.calibration.sources import (
        held as held,
        read_inputs as read_inputs,
    )
    from netsurgery.calibration.weight_gradients import (
        mean_weight_gradients as mean_weight_gradients,
        row_products as row_products,
    )

__getattr__, __dir__, __all__ = face(__name__)
