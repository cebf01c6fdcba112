"""The `tailscope` command against a real run: documents, tables, exit codes, and where each word goes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import engine
from dashboard.cli import main, server_process, train
from tests.conftest import BLENDED_RUN
from tests.unit.dashboard.conftest import Tailscope

RUN = "tiny"


@pytest.fixture(scope="module")
def run(tiny_run_dir: Path) -> engine.Run:
    return engine.load_run(RUN, tiny_run_dir)


@pytest.fixture(scope="module")
def someone(run: engine.Run) -> str:
    """A user with a held-out event and more than one other."""
    table = engine.find_users(run)
    return str(table.loc[table["history_length"] > 3, "user_id"].iloc[0])


def check_evaluation(document: dict, run: engine.Run) -> None:
    keys = ["run", "epochs", "seconds", "protocol", "answers", "models", "targets"]
    assert list(document) in (keys, [*keys, "cleaning"])
    assert document["run"] == run.name
    assert document["protocol"] == "leave-last-out"
    assert document["epochs"] == run.epochs
    assert set(document["seconds"]) - {"ensemble"} == {"train", "evaluate"}
    blended = [] if run.ensemble is None else ["ensemble"]
    assert list(document["models"]) == ["transformer", *blended, "popularity", "itemknn", "ease"]
    assert document["answers"] == run.answers
    for model in document["models"].values():
        parts = [model["overall"], *model["users"].values(), *model["items"].values()]
        assert list(model["users"]) == list(model["items"]) == ["head", "tail"]
        for part in parts:
            assert isinstance(part["n"], int)
            for k in (5, 10, 20):
                for metric in ("ndcg", "hr", "mrr", "precision", "recall", "f1", "map"):
                    figure = part[f"{metric}@{k}"]
                    assert 0 <= figure["low"] <= figure["value"] <= figure["high"] <= 1
        assert model["users"]["head"]["n"] + model["users"]["tail"]["n"] == model["overall"]["n"]
        assert 0 < model["coverage@10"] <= 1


class TestTrain:
    @pytest.fixture(scope="class")
    def fast(self) -> list[str]:
        changes = ("training.max_epochs=1", "model.d_model=8", "model.n_heads=2", "evaluation.bootstrap_samples=100")
        return [f"--set={change}" for change in changes]

    def test_json(self, tailscope: Tailscope, tiny_log_dir: Path, tmp_path: Path, fast: list[str]):
        done = tailscope(
            "train",
            tiny_log_dir,
            "--name",
            "one",
            "--seed",
            7,
            "--runs",
            tmp_path,
            *fast,
            "--set",
            "model.max_len=9",
            "--json",
        )
        assert done.code == 0, done.err
        made = engine.load_run("one", tmp_path)
        check_evaluation(done.document, made)
        assert done.document["cleaning"]["rows_kept"] == made.dataset.n_interactions
        assert made.ensemble is not None  # by default
        assert (made.config.training.seed, made.config.model.max_len) == (7, 9)
        assert "Training: epoch 1/1" in done.err

    def test_settings_file_then_set_then_named_options(self, tailscope: Tailscope, tmp_path: Path):
        table = pd.DataFrame(
            {"who": list("aaabbbccc"), "what": list("xyzyzxzxy"), "stars": [5, 4, 5, 1, 5, 5, 5, 5, 5]}
        )
        table.to_csv(tmp_path / "log.csv", index=False)
        settings = "[model]\nd_model = 12\nn_heads = 2\nmax_len = 4\n[training]\nmax_epochs = 1\nseed = 1\n"
        (tmp_path / "my.toml").write_text(settings)
        options = ["--user", "who", "--item", "what", "--rating", "stars", "--min-rating", 2, "--seed", 3]
        done = tailscope(
            "train", tmp_path / "log.csv", "--runs", tmp_path / "runs", "--config", tmp_path / "my.toml",
            "--set", "model.d_model=8", "--set", "training.seed=2", *options, "--name", "stars",
        )  # fmt: skip
        assert done.code == 0, done.err
        made = engine.load_run("stars", tmp_path / "runs")
        config = made.config
        assert (config.model.d_model, config.model.max_len, config.training.seed) == (8, 4, 3)
        assert made.dataset.n_interactions == 8
        assert "Next: tailscope serve" in done.out

    def test_a_taken_name_is_refused_before_any_work(
        self, tailscope: Tailscope, tiny_log_dir: Path, tiny_run_dir: Path
    ):
        done = tailscope("train", tiny_log_dir, "--name", RUN, "--runs", tiny_run_dir, "--json")
        assert (done.code, done.out) == (1, "")
        assert "tiny is there already" in done.err

    def test_overwrite_replaces(self, tailscope: Tailscope, tiny_log_dir: Path, tmp_path: Path, fast: list[str]):
        for _ in range(2):
            done = tailscope("train", tiny_log_dir, "--name", "again", "--runs", tmp_path, *fast, "--overwrite")
            assert done.code == 0, done.err
        assert [entry.name for entry in tmp_path.iterdir()] == ["again"]

    def test_ctrl_c_in_training_keeps_the_best_weights_and_says_so(
        self, tailscope: Tailscope, tiny_log_dir: Path, tmp_path: Path, fast: list[str], monkeypatch: pytest.MonkeyPatch
    ):
        view_type = train.ProgressView

        class Impatient(view_type):
            def __call__(self, progress: engine.Progress) -> None:
                super().__call__(progress)
                if progress.stage == "train" and (progress.epoch or 0) == 3:
                    raise KeyboardInterrupt

        monkeypatch.setattr(train, "ProgressView", Impatient)
        done = tailscope(
            "train", tiny_log_dir, "--name", "cut", "--runs", tmp_path, *fast, "--set=training.max_epochs=50"
        )
        assert done.code == 0, done.err
        assert engine.load_run("cut", tmp_path).stopped_by == "interrupted"
        assert "Interrupted after 3 epochs; the best weights so far" in done.err

    def test_ctrl_c_outside_training_names_the_way_on(
        self, tailscope: Tailscope, tiny_log_dir: Path, tmp_path: Path, fast: list[str], monkeypatch: pytest.MonkeyPatch
    ):
        def stop(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr("engine.pipeline.fitting.evaluate", stop)
            done = tailscope("train", tiny_log_dir, "--name", "cut", "--runs", tmp_path, *fast)
        assert (done.code, done.out) == (130, "")
        assert "the same command goes on with it" in done.err
        assert engine.list_runs(tmp_path) == ()
        resumed = tailscope("train", "--resume", "cut", "--runs", tmp_path, "--json")
        assert resumed.document["run"] == "cut"

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["train"], "give the PATH of a log"),
            (["train", "log.csv", "--resume", "x"], "a run resumes with its own data"),
            (["train", "log.csv", "--sed", "3"], "No such option: --sed"),
            (["trian", "log.csv"], "Did you mean 'train'"),
            (["recommend", RUN, "--user", "u", "-k", "0"], "--k"),
            (["evaluate", RUN, "--set", "model.d_model=8"], "by evaluation"),
            (["serve", "--port", "eighty"], "--port"),
        ],
    )
    def test_a_mistake_in_the_command_exits_with_two(
        self,
        tailscope: Tailscope,
        tiny_run_dir: Path,
        monkeypatch: pytest.MonkeyPatch,
        arguments: list[str],
        words: str,
    ):
        monkeypatch.setenv("TAILSCOPE_RUNS", str(tiny_run_dir))
        monkeypatch.setenv("COLUMNS", "200")
        done = tailscope(*arguments)
        assert (done.code, done.out) == (2, "")
        assert words in done.err


class TestProblems:
    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["evaluate", "nope"], "No run called 'nope'"),
            (["recommend", RUN, "--user", "nobody"], "No user 'nobody'"),
            (["explain", RUN, "--user", "nobody"], "No user 'nobody'"),
            (["train", "missing.csv"], "missing.csv"),
            (["validate", "missing.csv"], "missing.csv"),
            (["config", "--set", "model.d_modl=8"], "model.d_modl"),
            (
                ["config", "--set", "model.n_heads=3", "--set", "model.d_model=64"],
                "n_heads (3) must divide d_model (64)",
            ),
            (["config", "--config", "missing.toml"], "missing.toml cannot be read"),
            (["data", "ml-101k"], "ml-101k"),
        ],
    )
    def test_message_on_standard_error_alone_and_exit_code_one(
        self,
        tailscope: Tailscope,
        tiny_run_dir: Path,
        monkeypatch: pytest.MonkeyPatch,
        arguments: list[str],
        words: str,
    ):
        monkeypatch.setenv("TAILSCOPE_RUNS", str(tiny_run_dir))
        done = tailscope(*arguments, "--json")
        assert (done.code, done.out) == (1, "")
        assert words in done.err
        assert "Traceback" not in done.err

    def test_an_unknown_item_is_named(self, tailscope: Tailscope, tiny_run_dir: Path, someone: str):
        done = tailscope("explain", RUN, "--user", someone, "--item", "i99", "--runs", tiny_run_dir)
        assert (done.code, done.out) == (1, "")
        assert "'i99'" in done.err

    def test_a_bug_shows_as_a_bug_without_anyones_data(
        self, tailscope: Tailscope, tiny_run_dir: Path, monkeypatch: pytest.MonkeyPatch
    ):
        def broken(*_: object, **__: object) -> None:
            raise ZeroDivisionError("a bug")

        monkeypatch.setattr("engine.recommend", broken)
        with pytest.raises(ZeroDivisionError, match="a bug"):
            tailscope("recommend", RUN, "--user", "u002", "--runs", tiny_run_dir)
        assert main.app.pretty_exceptions_show_locals is False


class TestValidate:
    @pytest.mark.parametrize(
        ("lengths", "why"),
        [((1,), "the longest history has 1"), ((2, 2), "has 2"), ((3, 3), "two training interactions")],
    )
    def test_it_says_what_training_will_say(
        self, tailscope: Tailscope, tmp_path: Path, lengths: tuple[int, ...], why: str
    ):
        log = tmp_path / "short.csv"
        rows = "".join(f"u{user},i{event}\n" for user, n in enumerate(lengths) for event in range(n))
        log.write_text(f"user_id,item_id\n{rows}", encoding="utf-8")
        refused = tailscope("train", log, "--runs", tmp_path / "runs")
        assert (refused.code, why in refused.err) == (1, True)
        told = tailscope("validate", log)
        assert told.code == 1
        assert "Not usable: " in told.out
        assert why in " ".join(told.out.split())
        assert "tailscope train" not in told.out
        document = tailscope("validate", log, "--json").document
        assert document["usable"] is False
        assert why in document["why_not"]
        assert document["interactions"] == sum(lengths)

    def test_json_is_the_report_and_the_size(self, tailscope: Tailscope, tiny_log_dir: Path):
        document = tailscope("validate", tiny_log_dir, "--json").document
        dataset, report = engine.load_dataset(tiny_log_dir)
        assert document == report.to_dict() | {
            "users": dataset.n_users,
            "items": dataset.n_items,
            "interactions": dataset.n_interactions,
            "usable": True,
            "why_not": None,
        }
        assert document["rows_read"] == document["rows_kept"] + 2  # one without an item, one with no time

    def test_dropped_rows_are_shown_with_their_lines_and_exit_code_zero(self, tailscope: Tailscope, tiny_log_dir: Path):
        done = tailscope("validate", tiny_log_dir)
        _, report = engine.load_dataset(tiny_log_dir)
        assert done.code == 0
        dropped = next(issue for issue in report.issues if issue.action == "dropped")
        row = next(line for line in done.out.splitlines() if "dropped" in line)
        assert str(dropped.reason) in row
        assert str(dropped.lines[0]) in row
        assert f"tailscope train {tiny_log_dir}" in done.out

    def test_a_file_with_a_header_alone_is_refused(self, tailscope: Tailscope, tmp_path: Path):
        (tmp_path / "empty.csv").write_text("user_id,item_id\n")
        done = tailscope("validate", tmp_path / "empty.csv")
        assert (done.code, done.out) == (1, "")
        assert "empty.csv" in done.err


class TestEvaluate:
    def test_json_gives_the_runs_own_figures_again(self, tailscope: Tailscope, tiny_run_dir: Path, run: engine.Run):
        document = tailscope("evaluate", RUN, "--runs", tiny_run_dir, "--json").document
        check_evaluation(document, run)
        assert document["models"] == run.evaluation.to_dict()
        assert document["seconds"]["train"] == run.seconds["train"]

    def test_an_ensemble_is_measured_again_and_the_answering_model_named(
        self, tailscope: Tailscope, blended_run_dir: Path
    ):
        blended = engine.load_run(BLENDED_RUN, blended_run_dir)
        document = tailscope("evaluate", BLENDED_RUN, "--runs", blended_run_dir, "--json").document
        check_evaluation(document, blended)
        assert document["answers"] == "ensemble"
        assert document["models"]["ensemble"] == blended.evaluation.to_dict()["ensemble"]
        out = " ".join(tailscope("evaluate", BLENDED_RUN, "--runs", blended_run_dir).out.split())
        assert "The ensemble answers: on validation its NDCG@10 is" in out

    def test_other_cohorts_on_request(self, tailscope: Tailscope, tiny_run_dir: Path, run: engine.Run):
        done = tailscope("evaluate", RUN, "--runs", tiny_run_dir, "--set", "evaluation.head_share=0.5", "--json")
        given = done.document["models"]["transformer"]
        own = run.evaluation.to_dict()["transformer"]
        assert given["users"]["head"]["n"] > own["users"]["head"]["n"]
        assert given["overall"] == own["overall"]  # all else is the run's: bootstrap samples, seed, list lengths

    @pytest.mark.parametrize(
        ("change", "shown"),
        [
            (None, ["0.901", "0.902", "0.903"]),
            ("evaluation.head_share=0.5", ["0.901", "–", "–"]),
            ("evaluation.exclude_seen=false", None),
            ("evaluation.ks=[5]", None),
        ],
    )
    def test_a_ceiling_is_told_beside_what_it_is_the_ceiling_of(
        self, tailscope: Tailscope, tiny_run_dir: Path, tmp_path: Path, change: str | None, shown: list[str] | None
    ):
        """The oracle's figures are of one cut of users, one metric and one rule on seen items."""
        shutil.copytree(tiny_run_dir / RUN, tmp_path / RUN)
        about = json.loads((tmp_path / RUN / "config.json").read_text(encoding="utf-8"))
        users = engine.load_run(RUN, tmp_path).evaluation.models["transformer"].users
        n = {"all": users["head"].n + users["tail"].n, "head": users["head"].n, "tail": users["tail"].n}
        about["oracle"] = {"metric": "ndcg@10", "protocol": "leave-last-out", "head_share": 0.2} | {
            cohort: {"value": 0.901 + at / 1000, "n": size} for at, (cohort, size) in enumerate(n.items())
        }
        (tmp_path / RUN / "config.json").write_text(json.dumps(about), encoding="utf-8")
        out = tailscope("evaluate", RUN, "--runs", tmp_path, *([] if change is None else ["--set", change])).out
        told = next((line for line in out.splitlines() if "oracle (ceiling)" in line), None)
        assert (told and told.strip().removeprefix("oracle (ceiling)").split()[:3]) == shown

    def test_why_a_model_answers_is_not_told_by_figures_of_another_rule(
        self, tailscope: Tailscope, blended_run_dir: Path
    ):
        change = ("--set", "evaluation.exclude_seen=false")
        out = " ".join(tailscope("evaluate", BLENDED_RUN, "--runs", blended_run_dir, *change).out.split())
        assert "it was better on validation, by the settings that the run was trained with" in out
        assert "on validation its NDCG@10 is" not in out

    def test_table_names_models_and_sizes(self, tailscope: Tailscope, tiny_run_dir: Path, run: engine.Run):
        out = tailscope("evaluate", RUN, "--runs", tiny_run_dir).out
        report = run.evaluation.models["transformer"]
        for text in (
            "Transformer",
            "Popularity",
            "Item kNN",
            "EASE",
            f"n = {report.users['tail'].n:,}",
            "95% interval",
        ):
            assert text in out
        estimate = report.overall.metrics["ndcg@10"]
        assert f"{estimate.value:.4f}"[:5] in out
        assert f"{estimate.low:.4f}"[:5] in out  # low to high, since few intervals are even


class TestRecommend:
    def test_json(self, tailscope: Tailscope, tiny_run_dir: Path, run: engine.Run, someone: str):
        document = tailscope("recommend", RUN, "--user", someone, "-k", 4, "--runs", tiny_run_dir, "--json").document
        given = engine.recommend(run, someone, k=4, view="full")
        assert list(document) == ["user", "history", "items", "model"]
        assert document["user"] == someone
        assert [i["item_id"] for i in document["items"]] == [i.item_id for i in given.items]
        assert [i["score"] for i in document["items"]] == [i.score for i in given.items]
        assert [i["rank"] for i in document["items"]] == [1, 2, 3, 4]
        assert {e["item_id"] for e in document["history"]} == {e.item_id for e in given.history}
        assert set(document["items"][0]) == {"item_id", "title", "score", "rank"}

    def test_held_out_hides_the_last_event(self, tailscope: Tailscope, tiny_run_dir: Path, someone: str):
        command = ("recommend", RUN, "--user", someone, "--runs", tiny_run_dir, "--json")
        full, hidden = tailscope(*command).document, tailscope(*command, "--held-out").document
        assert hidden["history"] == full["history"][:-1]

    def test_hostile_titles_are_plain_text(self, tailscope: Tailscope, tiny_run_dir: Path, run: engine.Run):
        user = next(
            u for u in engine.find_users(run)["user_id"]
            if any(e.item_id in ("i03", "i04") for e in engine.profile(run, u, "full").events[-10:])
        )  # fmt: skip
        out = tailscope("recommend", RUN, "--user", user, "--runs", tiny_run_dir).out
        assert "<img src=x onerror=alert(1)>" in out or ":red[red]" in out
        assert "Recommended next" in out


class TestExplain:
    def test_json_adds_up(self, tailscope: Tailscope, tiny_run_dir: Path, run: engine.Run, someone: str):
        document = tailscope("explain", RUN, "--user", someone, "--runs", tiny_run_dir, "--json").document
        assert list(document) == [
            "user",
            "item",
            "score",
            "base",
            "attributions",
            "attention",
            "model",
            "shares",
            "against",
        ]
        assert document["attention"] == {"layers": 2, "heads": 2}
        total = document["base"] + sum(part["value"] for part in document["attributions"])
        assert total == pytest.approx(document["score"], abs=1e-4)
        assert document["item"] == engine.recommend(run, someone, k=1, view="full").items[0].item_id
        assert set(document["attributions"][0]) == {"item_id", "title", "position", "value"}
        assert all(part["title"] for part in document["attributions"])

    def test_an_ensemble_says_what_each_member_gave(self, tailscope: Tailscope, blended_run_dir: Path, someone: str):
        command = ("--user", someone, "--runs", blended_run_dir)
        document = tailscope("explain", BLENDED_RUN, *command, "--json").document
        assert document["model"] == "ensemble"
        assert list(document["shares"]) == ["transformer", "ease", "itemknn"]
        assert sum(document["shares"].values()) == pytest.approx(document["score"], abs=1e-4)
        assert tailscope("recommend", BLENDED_RUN, *command, "--json").document["model"] == "ensemble"
        out = tailscope("explain", BLENDED_RUN, *command).out
        assert f"= Transformer {document['shares']['transformer']:.4f} + EASE" in " ".join(out.split())

    def test_a_chosen_item_in_the_evaluated_view(
        self, tailscope: Tailscope, tiny_run_dir: Path, run: engine.Run, someone: str
    ):
        item = engine.recommend(run, someone, k=5).items[-1]
        done = tailscope(
            "explain", RUN, "--user", someone, "--item", item.item_id, "--held-out", "--runs", tiny_run_dir
        )
        assert f"{item.item_id}, rank 5" in done.out
        assert f"= score {item.score:.4f}" in done.out

    def test_further_questions_have_documents_and_lines(
        self, tailscope: Tailscope, tiny_run_dir: Path, run: engine.Run, someone: str
    ):
        first, second, third = (item.item_id for item in engine.recommend(run, someone, k=3, view="full").items)
        command = ("explain", RUN, "--user", someone, "--runs", tiny_run_dir)
        listed = tailscope(*command, "--list", "--json").document["items"]
        assert [one["item"] for one in listed][:3] == [first, second, third]
        apart = tailscope(*command, "--instead-of", third, "--json").document
        assert apart["difference"] == pytest.approx(listed[0]["score"] - listed[2]["score"], abs=1e-4)
        moved = sum(value["value"] for value in apart["attributions"])
        assert apart["base"] + moved == pytest.approx(apart["difference"], abs=1e-4)
        parts = tailscope(*command, "--features", "--json").document
        assert parts["base"] + sum(part["value"] for part in parts["features"]) == pytest.approx(
            parts["score"], abs=1e-4
        )
        gone = tailscope(*command, "--item", second, "--without", "3", "--json").document
        assert gone["rank"]["now"] == 2
        assert gone["rank"]["hidden"] > 3
        assert gone["events"]
        for option, line in ((("--list",), "moved most by"), (("--features",), "base "), (("--without", "2"), "top 2")):
            assert line in tailscope(*command, *option).out
        assert tailscope(*command, "--list", "--features").code == 2

    def test_many_users_side_by_side(self, tailscope: Tailscope, tiny_run_dir: Path, tmp_path: Path):
        shutil.copytree(tiny_run_dir / RUN, tmp_path / RUN)
        command = ("explain-users", RUN, "--users", "8", "--runs", tmp_path)
        document = tailscope(*command, "--by", "feature", "--json").document
        assert document["users"] == 8
        assert {"items:own", "user:region"} <= {group["group"] for group in document["groups"]}
        assert "earlier" in tailscope(*command).out or "6-10" in tailscope(*command).out

    def test_the_group_of_earlier_events_has_words_of_its_own(
        self, tailscope: Tailscope, tiny_run_dir: Path, monkeypatch: pytest.MonkeyPatch, run: engine.Run, someone: str
    ):
        few = engine.explain(run, someone, view="full", max_events=2)
        monkeypatch.setattr("engine.explain", lambda *_, **__: few)
        document = tailscope("explain", RUN, "--user", someone, "--runs", tiny_run_dir, "--json").document
        group = [part for part in document["attributions"] if part["item_id"] is None]
        assert len(group) == 1
        assert group[0]["position"] is None
        assert group[0]["title"].endswith(" earlier events")


class TestRuns:
    def test_json(self, tailscope: Tailscope, tiny_run_dir: Path, run: engine.Run):
        (entry,) = tailscope("runs", "--runs", tiny_run_dir, "--json").document["runs"]
        assert entry["name"] == RUN
        assert entry["users"] == run.dataset.n_users
        assert entry["ndcg@10"] == run.evaluation.to_dict()["transformer"]["overall"]["ndcg@10"]

    def test_table_and_environment_variable(
        self, tailscope: Tailscope, tiny_run_dir: Path, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setenv("TAILSCOPE_RUNS", str(tiny_run_dir))
        assert f"\n {RUN} " in tailscope("runs").out

    def test_no_runs_says_how_to_make_one(self, tailscope: Tailscope, tmp_path: Path):
        done = tailscope("runs", "--runs", tmp_path / "none")
        assert done.code == 0
        assert "tailscope train PATH" in done.out
        assert tailscope("runs", "--runs", tmp_path / "none", "--json").document == {"runs": []}


class TestData:
    def test_licence_on_standard_error_and_a_folder_of_its_own(
        self, tailscope: Tailscope, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        def write(ready: Path, *_: object) -> None:
            (ready / "ml-100k.inter").write_text("user_id:token\titem_id:token\n1\t2\n")

        monkeypatch.setattr("engine.data.public._fetch_movielens", write)
        monkeypatch.chdir(tmp_path)
        done = tailscope("data", "ml-100k", "--json")
        assert done.document == {"name": "ml-100k", "path": "downloads/ml-100k"}
        assert "no commercial use" in done.err
        assert (tmp_path / "downloads" / "ml-100k" / "LICENCE.txt").is_file()


class TestConfig:
    def test_text_can_be_given_back(self, tailscope: Tailscope, tmp_path: Path):
        done = tailscope("config", "--set", "model.d_model=96")
        (tmp_path / "my.toml").write_text(done.out, encoding="utf-8")
        assert tailscope("config", "--config", tmp_path / "my.toml").out == done.out
        assert engine.load_config(tmp_path / "my.toml").model.d_model == 96

    def test_json_has_every_setting_with_value_and_help(self, tailscope: Tailscope):
        document = tailscope("config", "--json").document
        assert list(document) == ["data", "model", "training", "augmentation", "evaluation"]
        assert document["evaluation"]["head_share"]["value"] == 0.2
        assert all(entry["help"] for section in document.values() for entry in section.values())


class TestDemo:
    def test_trains_once_then_only_serves(
        self, tailscope: Tailscope, tiny_log_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        trained: list[str] = []
        train_run = engine.train_run

        def fast(path: Path, **given: object) -> engine.Run:
            trained.append(str(given["name"]))
            changes = ["training.max_epochs=1", "model.d_model=8", "evaluation.bootstrap_samples=10"]
            return train_run(path, config=engine.load_config(changes=changes), **given)  # pyright: ignore[reportArgumentType]

        monkeypatch.setattr("engine.train_run", fast)
        monkeypatch.setattr(server_process, "sample_data", lambda: tiny_log_dir)
        monkeypatch.setattr(server_process, "require_free", lambda *_: None)
        served: list[tuple[Path, str, int]] = []

        def serve(runs: Path, address: str, port: int, browser: bool, on_ready: Callable[[str], None]) -> int:
            served.append((runs, address, port))
            on_ready("http://127.0.0.1:8501")
            return 0

        monkeypatch.setattr(server_process, "serve", serve)
        first = tailscope("demo", "--runs", tmp_path, "--json")
        assert first.document == {"url": "http://127.0.0.1:8501", "runs": str(tmp_path), "run": "sample-shop"}
        second = tailscope("demo", "--runs", tmp_path)
        assert "Dashboard: http://127.0.0.1:8501" in second.out
        assert trained == ["sample-shop"]
        assert served == [(tmp_path, "127.0.0.1", 8501)] * 2

    def test_a_taken_port_is_found_before_training(self, tailscope: Tailscope, tmp_path: Path):
        done = tailscope("demo", "--runs", tmp_path, "--address", "192.0.2.1")
        assert (done.code, done.out) == (1, "")
        assert list(tmp_path.iterdir()) == []


def test_a_damaged_run_is_named(tailscope: Tailscope, tiny_run_dir: Path, tmp_path: Path):
    shutil.copytree(tiny_run_dir / RUN, tmp_path / RUN)
    (tmp_path / RUN / "metrics.json").write_text("{")
    done = tailscope("evaluate", RUN, "--runs", tmp_path)
    assert (done.code, done.out) == (1, "")
    assert "metrics.json" in done.err
