"""The names of the facade and their homes: what type checkers read, and what `engine` loads its names by."""

from .analyses.cold_start import (
    ColdStartCurve as ColdStartCurve,
    ColdStartPoint as ColdStartPoint,
    Reliability as Reliability,
    kept_cold_start as kept_cold_start,
    measure_cold_start as measure_cold_start,
)
from .analyses.diagnosis import (
    Diagnosis as Diagnosis,
    diagnose_evaluation as diagnose_evaluation,
    diagnose_run as diagnose_run,
    is_diagnosed as is_diagnosed,
)
from .analyses.explained_users import (
    ExplainedUsers as ExplainedUsers,
    explain_users as explain_users,
    kept_explained_users as kept_explained_users,
    value_sizes as value_sizes,
    values_by as values_by,
)
from .analyses.external_lists import (
    ExternalDiagnosis as ExternalDiagnosis,
    columns_of_lists as columns_of_lists,
    diagnose_lists as diagnose_lists,
)
from .analyses.faithfulness_check import (
    faithfulness_of as faithfulness_of,
    kept_faithfulness as kept_faithfulness,
    retraining as retraining,
)
from .analyses.faithfulness_scores import (
    Aucs as Aucs,
    Faithfulness as Faithfulness,
    MethodScore as MethodScore,
    Retraining as Retraining,
)
from .analyses.head_roles import HeadRole as HeadRole, HeadRoles as HeadRoles, head_roles as head_roles
from .analyses.item_map import ItemMap as ItemMap, Method as Method, has_tsne as has_tsne, item_map as item_map
from .config import RunConfig as RunConfig, describe_config as describe_config, load_config as load_config
from .data.cleaning import load_dataset as load_dataset
from .data.cleaning_report import CleaningIssue as CleaningIssue, CleaningReport as CleaningReport
from .data.dataset import Dataset as Dataset
from .data.formats.files import ReadLimit as ReadLimit
from .data.public import fetch_public as fetch_public
from .data.schema import display_columns as display_columns
from .data.splits import untrainable as untrainable
from .disk import write_text as write_text
from .ensemble.ensemble import EnsembleWeights as EnsembleWeights
from .errors import (
    ConfigError as ConfigError,
    DataError as DataError,
    EngineError as EngineError,
    Message as Message,
    RunError as RunError,
    TrainingError as TrainingError,
    UnknownIdError as UnknownIdError,
)
from .evaluation.compare import (
    ComparedModel as ComparedModel,
    Difference as Difference,
    Measured as Measured,
    RunComparison as RunComparison,
    comparable_models as comparable_models,
    compare as compare,
)
from .evaluation.fairness.agreement import GapByAllMetrics as GapByAllMetrics, gap_by_all_metrics as gap_by_all_metrics
from .evaluation.fairness.ceiling import (
    Ceiling as Ceiling,
    CohortCeiling as CohortCeiling,
    oracle_figures as oracle_figures,
)
from .evaluation.fairness.disparity import Disparity as Disparity, GroupRange as GroupRange, disparity as disparity
from .evaluation.fairness.gap import (
    Comparison as Comparison,
    Gap as Gap,
    gap as gap,
    paired_difference as paired_difference,
    quality_by_length as quality_by_length,
)
from .evaluation.fairness.gap_change import (
    GapChange as GapChange,
    ModelRun as ModelRun,
    gap_change as gap_change,
    rank_changes as rank_changes,
)
from .evaluation.fairness.gap_decomposition import GapDecomposition as GapDecomposition
from .evaluation.fairness.group_table import (
    GroupTables as GroupTables,
    group_figures as group_figures,
    group_gaps as group_gaps,
    group_tables as group_tables,
    paired_in_groups as paired_in_groups,
)
from .evaluation.fairness.length_curve import quality_curve as quality_curve
from .evaluation.fairness.target_mix import EqualTargets as EqualTargets, TargetGroup as TargetGroup, Targets as Targets
from .evaluation.fairness.truncation import Truncation as Truncation
from .evaluation.groups.rules import Between as Between, OneOf as OneOf, Rule as Rule, members as members
from .evaluation.groups.standard import (
    Group as Group,
    group_sizes as group_sizes,
    item_groups as item_groups,
    standard_groups as standard_groups,
)
from .evaluation.metrics.glossary import GLOSSARY as GLOSSARY, Term as Term, term_of as term_of
from .evaluation.report import (
    CohortReport as CohortReport,
    Estimate as Estimate,
    Evaluation as Evaluation,
    ModelReport as ModelReport,
)
from .evaluation.stats.hypothesis_tests import magnitude as magnitude
from .explanation.attention import (
    CategoryMap as CategoryMap,
    by_category as by_category,
    lift_over_uniform as lift_over_uniform,
)
from .pipeline.cross_validation import (
    CrossValidation as CrossValidation,
    Spread as Spread,
    cross_validate as cross_validate,
)
from .pipeline.evaluate import document as document, evaluate_run as evaluate_run
from .pipeline.train import resume_run as resume_run, train_run as train_run
from .pipeline.tuning import Search as Search, Trial as Trial, train_best as train_best, tune as tune
from .pipeline.unfinished import changed_files as changed_files
from .progress import OnProgress as OnProgress, Progress as Progress
from .queries.confidence import (
    Confidence as Confidence,
    Temperatures as Temperatures,
    fitted_temperatures as fitted_temperatures,
)
from .queries.explain import (
    NewUser as NewUser,
    explain as explain,
    explain_for as explain_for,
    explain_instead as explain_instead,
    explain_list as explain_list,
    to_shap as to_shap,
    warm_up as warm_up,
)
from .queries.explain_features import (
    FeatureAttribution as FeatureAttribution,
    FeatureValue as FeatureValue,
    explain_features as explain_features,
)
from .queries.explain_without import (
    Counterfactual as Counterfactual,
    HiddenEvent as HiddenEvent,
    Place as Place,
    explain_without as explain_without,
)
from .queries.items import (
    ItemProfile as ItemProfile,
    Neighbour as Neighbour,
    Space as Space,
    find_items as find_items,
    has_content as has_content,
    item_profile as item_profile,
    item_table as item_table,
    neighbours as neighbours,
    receivers as receivers,
)
from .queries.recommend import (
    attention as attention,
    attention_for as attention_for,
    profile as profile,
    recommend as recommend,
    recommend_for as recommend_for,
)
from .queries.types import (
    AttentionMap as AttentionMap,
    Attribution as Attribution,
    Cohort as Cohort,
    Contrast as Contrast,
    Event as Event,
    Player as Player,
    RankedItem as RankedItem,
    Recommendations as Recommendations,
    ScoreDifference as ScoreDifference,
    UserProfile as UserProfile,
    View as View,
)
from .queries.users import find_users as find_users, random_user as random_user
from .queries.what_if import (
    HypotheticalUser as HypotheticalUser,
    MovedItem as MovedItem,
    QuickExplanation as QuickExplanation,
    ScoredUser as ScoredUser,
    WhatIf as WhatIf,
    attributes_of as attributes_of,
    attributes_used as attributes_used,
    confidence_by_event as confidence_by_event,
    explain_quick as explain_quick,
    hypothetical_user as hypothetical_user,
    score_hypothetical as score_hypothetical,
    what_if as what_if,
)
from .runs.listing import (
    DamagedRun as DamagedRun,
    RunSummary as RunSummary,
    damaged_runs as damaged_runs,
    list_runs as list_runs,
)
from .runs.place import check_free as check_free
from .runs.saved_groups import (
    delete_group as delete_group,
    facts_of as facts_of,
    load_groups as load_groups,
    run_facts as run_facts,
    save_group as save_group,
    user_columns as user_columns,
)
from .runs.store import (
    Run as Run,
    compare_runs as compare_runs,
    load_run as load_run,
    measured_run as measured_run,
)
