"""Arrays in, arrays out: factorisations and the numbers that choose their ranks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netsurgery.lazy import face

if TYPE_CHECKING:
    from netsurgery.linalg.blocks import (
        let_go as let_go,
        require_finite as require_finite,
    )
    from netsurgery.linalg.compensation import (
        reconstruction as reconstruction,
        refit as refit,
        refit_rows as refit_rows,
        ridge_for as ridge_for,
    )
    from netsurgery.linalg.convolution_factors import (
        factor_kernel as factor_kernel,
        join_groups as join_groups,
        multiply_out_chain as multiply_out_chain,
    )
    from netsurgery.linalg.cp import (
        Cp as Cp,
        cp_decomposition as cp_decomposition,
        cp_energies as cp_energies,
        full_rank as full_rank,
        multiply_out_cp as multiply_out_cp,
    )
    from netsurgery.linalg.elimination import (
        Reader as Reader,
        eliminate as eliminate,
    )
    from netsurgery.linalg.evbmf import (
        evbmf_rank as evbmf_rank,
    )
    from netsurgery.linalg.factored import (
        Factored as Factored,
    )
    from netsurgery.linalg.gram import (
        gram_of as gram_of,
        gram_work as gram_work,
    )
    from netsurgery.linalg.grids import (
        even_numbers as even_numbers,
    )
    from netsurgery.linalg.kernel_chain import (
        KernelChain as KernelChain,
        chain_energies as chain_energies,
    )
    from netsurgery.linalg.kernel_ridge import (
        GridDictionary as GridDictionary,
        fitted_weights as fitted_weights,
        grid_dictionary as grid_dictionary,
        grid_losses as grid_losses,
        ridge_dictionary as ridge_dictionary,
        spread_places as spread_places,
        squared_distance as squared_distance,
        squared_exponential as squared_exponential,
        squared_norm as squared_norm,
        with_ridge as with_ridge,
    )
    from netsurgery.linalg.moments import (
        Moments as Moments,
    )
    from netsurgery.linalg.nested import (
        explained as explained,
    )
    from netsurgery.linalg.parts import (
        Parts as Parts,
        smallest_sets as smallest_sets,
    )
    from netsurgery.linalg.passing import (
        kept_by_chains as kept_by_chains,
    )
    from netsurgery.linalg.patches import (
        Geometry as Geometry,
        extract_patches as extract_patches,
        gather_index as gather_index,
        gather_patches as gather_patches,
        windows_over as windows_over,
    )
    from netsurgery.linalg.ranking import (
        geometric_median_distance as geometric_median_distance,
        random_ranking as random_ranking,
        row_norms as row_norms,
    )
    from netsurgery.linalg.rectified import (
        fit_rectified as fit_rectified,
    )
    from netsurgery.linalg.residual import (
        distance_of_fitted as distance_of_fitted,
        relative_distance as relative_distance,
    )
    from netsurgery.linalg.responses import (
        FullRankSolution as FullRankSolution,
        Mixing as Mixing,
        Responses as Responses,
        as_it_is as as_it_is,
        fitted_to_outputs as fitted_to_outputs,
        fitted_to_rows as fitted_to_rows,
        mixed as mixed,
        principal as principal,
        stored as stored,
    )
    from netsurgery.linalg.scatter import (
        Scatter as Scatter,
    )
    from netsurgery.linalg.selection import (
        Selection as Selection,
        select as select,
    )
    from netsurgery.linalg.selection_constraints import (
        Blocks as Blocks,
        keep_best as keep_best,
    )
    from netsurgery.linalg.sparsity import (
        Pattern as Pattern,
        choose_open as choose_open,
    )
    from netsurgery.linalg.spectrum import (
        lost_energy as lost_energy,
        singular_values as singular_values,
    )
    from netsurgery.linalg.svd import (
        SPLITS as SPLITS,
        truncated_svd as truncated_svd,
    )
    from netsurgery.linalg.tensor_train import (
        Digits as Digits,
        balanced_digits as balanced_digits,
        full_ranks as full_ranks,
        kronecker_energies as kronecker_energies,
        multiply_out_tensor_train as multiply_out_tensor_train,
        tensor_train_decomposition as tensor_train_decomposition,
    )
    from netsurgery.linalg.threads import (
        blas_variables as blas_variables,
        in_parallel as in_parallel,
        keep_blas_single as keep_blas_single,
        outer_environment as outer_environment,
        single_blas as single_blas,
        thread_count as thread_count,
    )
    from netsurgery.linalg.tradeoff import (
        Cost as Cost,
        Energies as Energies,
        Ranks as Ranks,
        Tradeoff as Tradeoff,
        plain_ranks as plain_ranks,
        rank_text as rank_text,
    )
    from netsurgery.linalg.trifactor import (
        FactoredRelation as FactoredRelation,
        TriFactors as TriFactors,
        tri_factorise as tri_factorise,
        units_as_taps as units_as_taps,
    )
    from netsurgery.linalg.tucker import (
        kept_energies as kept_energies,
    )
    from netsurgery.linalg.weight_surgeon import (
        WeightSurgeon as WeightSurgeon,
    )

__getattr__, __dir__, __all__ = face(__name__)
