"""Training: what a net should come to, what it is fed on the way, and what steps an engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netsurgery.lazy import face

if TYPE_CHECKING:
    from netsurgery.training.aims import (
        objectives_of as objectives_of,
    )
    from netsurgery.training.augmentation import (
        Augmentation as Augmentation,
        fitted_views as fitted_views,
    )
    from netsurgery.training.bank import (
        ViewBank as ViewBank,
        usual_views as usual_views,
    )
    from netsurgery.training.checkpoint import (
        Checkpoints as Checkpoints,
        TrainerState as TrainerState,
        claim_folder as claim_folder,
    )
    from netsurgery.training.deployed import (
        deployed_model as deployed_model,
        moved_layers as moved_layers,
    )
    from netsurgery.training.draws import (
        random_of as random_of,
    )
    from netsurgery.training.evaluation import (
        JUDGED as JUDGED,
        HeldOutJudge as HeldOutJudge,
        Measured as Measured,
        held_out_judge as held_out_judge,
        measured as measured,
    )
    from netsurgery.training.feed import (
        Feed as Feed,
        PlainRows as PlainRows,
        require_labels as require_labels,
    )
    from netsurgery.training.freezing import (
        names_selected as names_selected,
        new_layers as new_layers,
        only_new as only_new,
    )
    from netsurgery.training.given import (
        labels_as_targets as labels_as_targets,
        outputs_to_give as outputs_to_give,
    )
    from netsurgery.training.history import (
        History as History,
        Judged as Judged,
        Validation as Validation,
    )
    from netsurgery.training.length import (
        RunLength as RunLength,
        run_length as run_length,
        usual_batch as usual_batch,
        validation_interval as validation_interval,
    )
    from netsurgery.training.maps import (
        plain_samples as plain_samples,
    )
    from netsurgery.training.objectives import (
        GIVEN as GIVEN,
        LABELS as LABELS,
        TEMPERATURE as TEMPERATURE,
        DetectorObjective as DetectorObjective,
        GivenObjective as GivenObjective,
        GivenProbabilityObjective as GivenProbabilityObjective,
        GivenValueObjective as GivenValueObjective,
        HintObjective as HintObjective,
        LabelObjective as LabelObjective,
        Objective as Objective,
        TeacherClassObjective as TeacherClassObjective,
        TeacherObjective as TeacherObjective,
        TeacherProbabilityObjective as TeacherProbabilityObjective,
        TeacherValueObjective as TeacherValueObjective,
        given_role as given_role,
    )
    from netsurgery.training.opening import (
        open_training as open_training,
    )
    from netsurgery.training.own_objectives import (
        names_read as names_read,
    )
    from netsurgery.training.rate_trial import (
        RATES as RATES,
        TRIAL_STEPS as TRIAL_STEPS,
        RateTrial as RateTrial,
        find_rate as find_rate,
    )
    from netsurgery.training.settings import (
        PATIENCE as PATIENCE,
        TuningSettings as TuningSettings,
    )
    from netsurgery.training.solver_settings import (
        SolverSettings as SolverSettings,
        settings_of as settings_of,
        solver_text as solver_text,
        tuning_settings as tuning_settings,
        twin_of_solver as twin_of_solver,
    )
    from netsurgery.training.splitting import (
        Split as Split,
        split as split,
    )
    from netsurgery.training.teacher_targets import (
        TeacherTargets as TeacherTargets,
    )
    from netsurgery.training.teaching import (
        teacher_objectives as teacher_objectives,
    )
    from netsurgery.training.trainer import (
        Batches as Batches,
        BatchSource as BatchSource,
        Judge as Judge,
        Trained as Trained,
        Trainer as Trainer,
        TrainerHook as TrainerHook,
        TrainingPlan as TrainingPlan,
    )
    from netsurgery.training.training_net import (
        TrainingNet as TrainingNet,
        label_classes as label_classes,
        label_objective as label_objective,
    )
    from netsurgery.training.tuning import (
        Tuned as Tuned,
        parts_of as parts_of,
        tune as tune,
        tuning_digest as tuning_digest,
    )
    from netsurgery.training.twins import (
        TRAIN_VAL as TRAIN_VAL,
        training_text as training_text,
        write_twins as write_twins,
    )
    from netsurgery.training.zoom import (
        ZoomedViews as ZoomedViews,
    )

__getattr__, __dir__, __all__ = face(__name__)
