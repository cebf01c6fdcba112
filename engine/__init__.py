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
    from engine.answer_types import (
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
    from engine.answers import attention, attention_for, profile, recommend, recommend_for
    from engine.attention_heads import HeadRole, HeadRoles, head_roles
    from engine.catalogue import (
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
    from engine.confidence import Confidence, Temperatures, fitted_temperatures
    from engine.config import RunConfig, describe_config, load_config
    from engine.cross_validation import CrossValidation, Spread, cross_validate
    from engine.data.cleaning import load_dataset
    from engine.data.dataset import Dataset
    from engine.data.files import ReadLimit
    from engine.data.oracle import fair_ceiling
    from engine.data.public import fetch_public
    from engine.data.report import CleaningIssue, CleaningReport
    from engine.data.schema import display_columns
    from engine.diagnosis import Diagnosis, diagnose_evaluation, diagnose_run, is_diagnosed
    from engine.disk import write_text
    from engine.ensemble.ensemble import Blend
    from engine.errors import ConfigError, DataError, EngineError, Message, RunError, TrainingError, UnknownIdError
    from engine.evaluation.agreement import WholeGap, whole_gap
    from engine.evaluation.ceiling import Ceiling, CohortCeiling
    from engine.evaluation.changes import GapChange, Served, gap_change, movers
    from engine.evaluation.compare import (
        ComparedModel,
        Difference,
        Measured,
        RunComparison,
        comparable_models,
        compare,
    )
    from engine.evaluation.curve import quality_curve
    from engine.evaluation.disparity import Disparity, GroupRange, disparity
    from engine.evaluation.fairness import Comparison, Gap, gap, paired_difference, quality_by_length
    from engine.evaluation.gap_parts import GapParts
    from engine.evaluation.glossary import GLOSSARY, Term, term_of
    from engine.evaluation.group_figures import GroupTables, group_figures, group_gaps, group_tables, paired_in_groups
    from engine.evaluation.groups import Group, group_sizes, item_groups, standard_groups
    from engine.evaluation.reasons import EqualTargets, TargetGroup, Targets
    from engine.evaluation.report import CohortReport, Estimate, Evaluation, ModelReport
    from engine.evaluation.rules import Between, OneOf, Rule, members
    from engine.evaluation.separation import magnitude
    from engine.evaluation.truncation import Truncation
    from engine.evidence import (
        Counterfactual,
        FeatureAttribution,
        FeatureValue,
        HiddenEvent,
        Place,
        explain_features,
        explain_without,
    )
    from engine.explained_users import ExplainedUsers, explain_users, held_explained_users, value_sizes, values_by
    from engine.explaining import Newcomer, explain, explain_for, explain_instead, explain_list, to_shap, warm_up
    from engine.explanation.attention import CategoryMap, by_category, lift_over_uniform
    from engine.faithful import faithfulness_of, held_faithfulness, retraining
    from engine.finding import find_users, random_user
    from engine.growth import Growth, GrowthPoint, Reliability, held_growth, measure_growth
    from engine.outside import Outside, columns_of_lists, diagnose_lists
    from engine.persons import (
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
    from engine.pipeline import changed_files, document, evaluate_run, resume_run, train_run
    from engine.progress import OnProgress, Progress
    from engine.projection import ItemMap, Method, has_tsne, item_map
    from engine.run_groups import about_users, delete_group, facts_of, load_groups, run_facts, save_group
    from engine.run_place import check_free
    from engine.runs import DamagedRun, Run, RunSummary, compare_runs, damaged_runs, list_runs, load_run, measured_run
    from engine.scoreboard import Aucs, Faithfulness, MethodScore, Retraining
    from engine.search import Search, Trial, train_best, tune

_HOMES = {
    "engine.answer_types": (
        "Against AttentionMap Attribution Cohort Contrast Event Player RankedItem Recommendations UserProfile View"
    ),
    "engine.answers": "attention attention_for profile recommend recommend_for",
    "engine.catalogue": (
        "ItemProfile Neighbour Space find_items has_content item_profile item_table neighbours receivers"
    ),
    "engine.confidence": "Confidence Temperatures fitted_temperatures",
    "engine.config": "RunConfig describe_config load_config",
    "engine.cross_validation": "CrossValidation Spread cross_validate",
    "engine.data.dataset": "Dataset",
    "engine.data.files": "ReadLimit",
    "engine.data.oracle": "fair_ceiling",
    "engine.data.public": "fetch_public",
    "engine.data.cleaning": "load_dataset",
    "engine.data.report": "CleaningIssue CleaningReport",
    "engine.data.schema": "display_columns",
    "engine.diagnosis": "Diagnosis diagnose_evaluation diagnose_run is_diagnosed",
    "engine.disk": "write_text",
    "engine.ensemble.ensemble": "Blend",
    "engine.errors": "ConfigError DataError EngineError Message RunError TrainingError UnknownIdError",
    "engine.evaluation.agreement": "WholeGap whole_gap",
    "engine.evaluation.ceiling": "Ceiling CohortCeiling",
    "engine.evaluation.changes": "GapChange Served gap_change movers",
    "engine.evaluation.compare": "ComparedModel Difference Measured RunComparison comparable_models compare",
    "engine.evaluation.curve": "quality_curve",
    "engine.evaluation.disparity": "Disparity GroupRange disparity",
    "engine.evaluation.fairness": "Comparison Gap gap paired_difference quality_by_length",
    "engine.evaluation.gap_parts": "GapParts",
    "engine.evaluation.glossary": "GLOSSARY Term term_of",
    "engine.evaluation.group_figures": "GroupTables group_figures group_gaps group_tables paired_in_groups",
    "engine.evaluation.groups": "Group group_sizes item_groups standard_groups",
    "engine.evaluation.reasons": "EqualTargets TargetGroup Targets",
    "engine.evaluation.report": "CohortReport Estimate Evaluation ModelReport",
    "engine.evaluation.rules": "Between OneOf Rule members",
    "engine.evaluation.separation": "magnitude",
    "engine.evaluation.truncation": "Truncation",
    "engine.evidence": (
        "Counterfactual FeatureAttribution FeatureValue HiddenEvent Place explain_features explain_without"
    ),
    "engine.explained_users": "ExplainedUsers explain_users held_explained_users value_sizes values_by",
    "engine.explaining": "Newcomer explain explain_for explain_instead explain_list to_shap warm_up",
    "engine.explanation.attention": "CategoryMap by_category lift_over_uniform",
    "engine.attention_heads": "HeadRole HeadRoles head_roles",
    "engine.faithful": "faithfulness_of held_faithfulness retraining",
    "engine.finding": "find_users random_user",
    "engine.growth": "Growth GrowthPoint Reliability held_growth measure_growth",
    "engine.projection": "ItemMap Method has_tsne item_map",
    "engine.outside": "Outside columns_of_lists diagnose_lists",
    "engine.pipeline": "changed_files document evaluate_run resume_run train_run",
    "engine.progress": "OnProgress Progress",
    "engine.scoreboard": "Aucs Faithfulness MethodScore Retraining",
    "engine.search": "Search Trial train_best tune",
    "engine.run_groups": "about_users delete_group facts_of load_groups run_facts save_group",
    "engine.run_place": "check_free",
    "engine.runs": "DamagedRun Run RunSummary compare_runs damaged_runs list_runs load_run measured_run",
    "engine.persons": "Moved Person Reasons ScoredPerson WhatIf attributes_of attributes_read confidence_by_event "
    "person_of reasons score_person what_if",
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
