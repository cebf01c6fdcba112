"""Tailscope's engine: train a Transformer recommender on an interaction log, and see whom it fails and why.

These names are all that a front end or a notebook needs; they are loaded when first used, so `import engine` is free.

    import engine
    run = engine.load_run("sample-shop")
    engine.recommend(run, "c0007", k=5).items
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.analyses.cold_start import Growth, GrowthPoint, Reliability, held_growth, measure_growth
    from engine.analyses.diagnosis import Diagnosis, diagnose_evaluation, diagnose_run, is_diagnosed
    from engine.analyses.explained_users import (
        ExplainedUsers,
        explain_users,
        held_explained_users,
        value_sizes,
        values_by,
    )
    from engine.analyses.external_lists import Outside, columns_of_lists, diagnose_lists
    from engine.analyses.faithfulness_check import faithfulness_of, held_faithfulness, retraining
    from engine.analyses.faithfulness_scores import Aucs, Faithfulness, MethodScore, Retraining
    from engine.analyses.head_roles import HeadRole, HeadRoles, head_roles
    from engine.analyses.item_map import ItemMap, Method, has_tsne, item_map
    from engine.config import RunConfig, describe_config, load_config
    from engine.data.cleaning import load_dataset
    from engine.data.cleaning_report import CleaningIssue, CleaningReport
    from engine.data.dataset import Dataset
    from engine.data.formats.files import ReadLimit
    from engine.data.oracle import fair_ceiling
    from engine.data.public import fetch_public
    from engine.data.schema import display_columns
    from engine.disk import write_text
    from engine.ensemble.ensemble import Blend
    from engine.errors import ConfigError, DataError, EngineError, Message, RunError, TrainingError, UnknownIdError
    from engine.evaluation.compare import (
        ComparedModel,
        Difference,
        Measured,
        RunComparison,
        comparable_models,
        compare,
    )
    from engine.evaluation.fairness.agreement import WholeGap, whole_gap
    from engine.evaluation.fairness.ceiling import Ceiling, CohortCeiling
    from engine.evaluation.fairness.disparity import Disparity, GroupRange, disparity
    from engine.evaluation.fairness.gap import Comparison, Gap, gap, paired_difference, quality_by_length
    from engine.evaluation.fairness.gap_change import GapChange, Served, gap_change, movers
    from engine.evaluation.fairness.gap_decomposition import GapParts
    from engine.evaluation.fairness.group_table import (
        GroupTables,
        group_figures,
        group_gaps,
        group_tables,
        paired_in_groups,
    )
    from engine.evaluation.fairness.length_curve import quality_curve
    from engine.evaluation.fairness.target_mix import EqualTargets, TargetGroup, Targets
    from engine.evaluation.fairness.truncation import Truncation
    from engine.evaluation.groups.rules import Between, OneOf, Rule, members
    from engine.evaluation.groups.standard import Group, group_sizes, item_groups, standard_groups
    from engine.evaluation.metrics.glossary import GLOSSARY, Term, term_of
    from engine.evaluation.report import CohortReport, Estimate, Evaluation, ModelReport
    from engine.evaluation.stats.hypothesis_tests import magnitude
    from engine.explanation.attention import CategoryMap, by_category, lift_over_uniform
    from engine.pipeline.cross_validation import CrossValidation, Spread, cross_validate
    from engine.pipeline.train import changed_files, document, evaluate_run, resume_run, train_run
    from engine.pipeline.tuning import Search, Trial, train_best, tune
    from engine.progress import OnProgress, Progress
    from engine.queries.confidence import Confidence, Temperatures, fitted_temperatures
    from engine.queries.explain import Newcomer, explain, explain_for, explain_instead, explain_list, to_shap, warm_up
    from engine.queries.explain_features import FeatureAttribution, FeatureValue, explain_features
    from engine.queries.explain_without import Counterfactual, HiddenEvent, Place, explain_without
    from engine.queries.items import (
        ItemProfile,
        Neighbour,
        Space,
        find_items,
        has_content,
        item_profile,
        item_table,
        neighbours,
        receivers,
    )
    from engine.queries.recommend import attention, attention_for, profile, recommend, recommend_for
    from engine.queries.types import (
        Against,
        AttentionMap,
        Attribution,
        Cohort,
        Contrast,
        Event,
        Player,
        RankedItem,
        Recommendations,
        UserProfile,
        View,
    )
    from engine.queries.users import find_users, random_user
    from engine.queries.what_if import (
        Moved,
        Person,
        Reasons,
        ScoredPerson,
        WhatIf,
        attributes_of,
        attributes_read,
        confidence_by_event,
        person_of,
        reasons,
        score_person,
        what_if,
    )
    from engine.runs.place import check_free
    from engine.runs.saved_groups import about_users, delete_group, facts_of, load_groups, run_facts, save_group
    from engine.runs.store import (
        DamagedRun,
        Run,
        RunSummary,
        compare_runs,
        damaged_runs,
        list_runs,
        load_run,
        measured_run,
    )

_HOMES = {
    "engine.queries.types": (
        "Against AttentionMap Attribution Cohort Contrast Event Player RankedItem Recommendations UserProfile View"
    ),
    "engine.queries.recommend": "attention attention_for profile recommend recommend_for",
    "engine.queries.items": (
        "ItemProfile Neighbour Space find_items has_content item_profile item_table neighbours receivers"
    ),
    "engine.queries.confidence": "Confidence Temperatures fitted_temperatures",
    "engine.config": "RunConfig describe_config load_config",
    "engine.pipeline.cross_validation": "CrossValidation Spread cross_validate",
    "engine.data.dataset": "Dataset",
    "engine.data.formats.files": "ReadLimit",
    "engine.data.oracle": "fair_ceiling",
    "engine.data.public": "fetch_public",
    "engine.data.cleaning": "load_dataset",
    "engine.data.cleaning_report": "CleaningIssue CleaningReport",
    "engine.data.schema": "display_columns",
    "engine.analyses.diagnosis": "Diagnosis diagnose_evaluation diagnose_run is_diagnosed",
    "engine.disk": "write_text",
    "engine.ensemble.ensemble": "Blend",
    "engine.errors": "ConfigError DataError EngineError Message RunError TrainingError UnknownIdError",
    "engine.evaluation.fairness.agreement": "WholeGap whole_gap",
    "engine.evaluation.fairness.ceiling": "Ceiling CohortCeiling",
    "engine.evaluation.fairness.gap_change": "GapChange Served gap_change movers",
    "engine.evaluation.compare": "ComparedModel Difference Measured RunComparison comparable_models compare",
    "engine.evaluation.fairness.length_curve": "quality_curve",
    "engine.evaluation.fairness.disparity": "Disparity GroupRange disparity",
    "engine.evaluation.fairness.gap": "Comparison Gap gap paired_difference quality_by_length",
    "engine.evaluation.fairness.gap_decomposition": "GapParts",
    "engine.evaluation.metrics.glossary": "GLOSSARY Term term_of",
    "engine.evaluation.fairness.group_table": "GroupTables group_figures group_gaps group_tables paired_in_groups",
    "engine.evaluation.groups.standard": "Group group_sizes item_groups standard_groups",
    "engine.evaluation.fairness.target_mix": "EqualTargets TargetGroup Targets",
    "engine.evaluation.report": "CohortReport Estimate Evaluation ModelReport",
    "engine.evaluation.groups.rules": "Between OneOf Rule members",
    "engine.evaluation.stats.hypothesis_tests": "magnitude",
    "engine.evaluation.fairness.truncation": "Truncation",
    "engine.queries.explain_features": (
        "Counterfactual FeatureAttribution FeatureValue HiddenEvent Place explain_features explain_without"
    ),
    "engine.analyses.explained_users": "ExplainedUsers explain_users held_explained_users value_sizes values_by",
    "engine.queries.explain": "Newcomer explain explain_for explain_instead explain_list to_shap warm_up",
    "engine.explanation.attention": "CategoryMap by_category lift_over_uniform",
    "engine.analyses.head_roles": "HeadRole HeadRoles head_roles",
    "engine.analyses.faithfulness_check": "faithfulness_of held_faithfulness retraining",
    "engine.queries.users": "find_users random_user",
    "engine.analyses.cold_start": "Growth GrowthPoint Reliability held_growth measure_growth",
    "engine.analyses.item_map": "ItemMap Method has_tsne item_map",
    "engine.analyses.external_lists": "Outside columns_of_lists diagnose_lists",
    "engine.pipeline.train": "changed_files document evaluate_run resume_run train_run",
    "engine.progress": "OnProgress Progress",
    "engine.analyses.faithfulness_scores": "Aucs Faithfulness MethodScore Retraining",
    "engine.pipeline.tuning": "Search Trial train_best tune",
    "engine.runs.saved_groups": "about_users delete_group facts_of load_groups run_facts save_group",
    "engine.runs.place": "check_free",
    "engine.runs.store": "DamagedRun Run RunSummary compare_runs damaged_runs list_runs load_run measured_run",
    "engine.queries.what_if": "Moved Person Reasons ScoredPerson WhatIf attributes_of attributes_read "
    "confidence_by_event person_of reasons score_person what_if",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = [
    "GLOSSARY",
    "Against",
    "AttentionMap",
    "Attribution",
    "Aucs",
    "Between",
    "Blend",
    "CategoryMap",
    "Ceiling",
    "CleaningIssue",
    "CleaningReport",
    "Cohort",
    "CohortCeiling",
    "CohortReport",
    "ComparedModel",
    "Comparison",
    "Confidence",
    "ConfigError",
    "Contrast",
    "Counterfactual",
    "CrossValidation",
    "DamagedRun",
    "DataError",
    "Dataset",
    "Diagnosis",
    "Difference",
    "Disparity",
    "EngineError",
    "EqualTargets",
    "Estimate",
    "Evaluation",
    "Event",
    "ExplainedUsers",
    "Faithfulness",
    "FeatureAttribution",
    "FeatureValue",
    "Gap",
    "GapChange",
    "GapParts",
    "Group",
    "GroupRange",
    "GroupTables",
    "Growth",
    "GrowthPoint",
    "HeadRole",
    "HeadRoles",
    "HiddenEvent",
    "ItemMap",
    "ItemProfile",
    "Measured",
    "Message",
    "Method",
    "MethodScore",
    "ModelReport",
    "Moved",
    "Neighbour",
    "Newcomer",
    "OnProgress",
    "OneOf",
    "Outside",
    "Person",
    "Place",
    "Player",
    "Progress",
    "RankedItem",
    "ReadLimit",
    "Reasons",
    "Recommendations",
    "Reliability",
    "Retraining",
    "Rule",
    "Run",
    "RunComparison",
    "RunConfig",
    "RunError",
    "RunSummary",
    "ScoredPerson",
    "Search",
    "Served",
    "Space",
    "Spread",
    "TargetGroup",
    "Targets",
    "Temperatures",
    "Term",
    "TrainingError",
    "Trial",
    "Truncation",
    "UnknownIdError",
    "UserProfile",
    "View",
    "WhatIf",
    "WholeGap",
    "about_users",
    "attention",
    "attention_for",
    "attributes_of",
    "attributes_read",
    "by_category",
    "changed_files",
    "check_free",
    "columns_of_lists",
    "comparable_models",
    "compare",
    "compare_runs",
    "confidence_by_event",
    "cross_validate",
    "damaged_runs",
    "delete_group",
    "describe_config",
    "diagnose_evaluation",
    "diagnose_lists",
    "diagnose_run",
    "disparity",
    "display_columns",
    "document",
    "evaluate_run",
    "explain",
    "explain_features",
    "explain_for",
    "explain_instead",
    "explain_list",
    "explain_users",
    "explain_without",
    "facts_of",
    "fair_ceiling",
    "faithfulness_of",
    "fetch_public",
    "find_items",
    "find_users",
    "fitted_temperatures",
    "gap",
    "gap_change",
    "group_figures",
    "group_gaps",
    "group_sizes",
    "group_tables",
    "has_content",
    "has_tsne",
    "head_roles",
    "held_explained_users",
    "held_faithfulness",
    "held_growth",
    "is_diagnosed",
    "item_groups",
    "item_map",
    "item_profile",
    "item_table",
    "lift_over_uniform",
    "list_runs",
    "load_config",
    "load_dataset",
    "load_groups",
    "load_run",
    "magnitude",
    "measure_growth",
    "measured_run",
    "members",
    "movers",
    "neighbours",
    "paired_difference",
    "paired_in_groups",
    "person_of",
    "profile",
    "quality_by_length",
    "quality_curve",
    "random_user",
    "reasons",
    "receivers",
    "recommend",
    "recommend_for",
    "resume_run",
    "retraining",
    "run_facts",
    "save_group",
    "score_person",
    "standard_groups",
    "term_of",
    "to_shap",
    "train_best",
    "train_run",
    "tune",
    "value_sizes",
    "values_by",
    "warm_up",
    "what_if",
    "whole_gap",
    "write_text",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"engine has no {name!r}; it offers {', '.join(sorted(_HOME_OF))}")
    return getattr(import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return sorted(_HOME_OF)
