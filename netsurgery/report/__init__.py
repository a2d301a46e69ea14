"""What was found and done, for people: text, JSON and HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netsurgery.lazy import face

if TYPE_CHECKING:
    from netsurgery.report.batch import (
        print_comparison as print_comparison,
        print_index as print_index,
        told_outcome as told_outcome,
    )
    from netsurgery.report.bisection import (
        print_bisection as print_bisection,
    )
    from netsurgery.report.cache import (
        print_cache as print_cache,
        size as size,
    )
    from netsurgery.report.channels import (
        describe_group as describe_group,
    )
    from netsurgery.report.compression import (
        print_compression as print_compression,
        read_back as read_back,
    )
    from netsurgery.report.curves import (
        plot_curves as plot_curves,
        plot_rounds as plot_rounds,
        plot_training as plot_training,
    )
    from netsurgery.report.explain import (
        print_explanation as print_explanation,
    )
    from netsurgery.report.found_models import (
        print_batch as print_batch,
    )
    from netsurgery.report.glossary import (
        explain_word as explain_word,
        glossary_terms as glossary_terms,
        is_term as is_term,
    )
    from netsurgery.report.html.compression_page import (
        write_page as write_page,
    )
    from netsurgery.report.html.document import (
        require_pages as require_pages,
    )
    from netsurgery.report.html.ranking_page import (
        write_ranking_page as write_ranking_page,
    )
    from netsurgery.report.html.sweep_page import (
        write_sweep_page as write_sweep_page,
    )
    from netsurgery.report.html.verification_page import (
        write_verification_page as write_verification_page,
    )
    from netsurgery.report.html.zoo_page import (
        write_zoo_page as write_zoo_page,
    )
    from netsurgery.report.inspection import (
        print_inspection as print_inspection,
    )
    from netsurgery.report.junit import (
        JUnitReport as JUnitReport,
        junit_of_bisection as junit_of_bisection,
        junit_of_verification as junit_of_verification,
    )
    from netsurgery.report.plan import (
        print_plan as print_plan,
    )
    from netsurgery.report.plots import (
        require_plots as require_plots,
    )
    from netsurgery.report.pruning import (
        print_pruned as print_pruned,
    )
    from netsurgery.report.ranking import (
        print_ranking as print_ranking,
    )
    from netsurgery.report.sweep import (
        plot_sweep as plot_sweep,
        print_sweep as print_sweep,
    )
    from netsurgery.report.timings import (
        print_timings as print_timings,
    )
    from netsurgery.report.training import (
        print_finetuned as print_finetuned,
        print_history as print_history,
    )
    from netsurgery.report.verification import (
        print_verification as print_verification,
    )

__getattr__, __dir__, __all__ = face(__name__)
