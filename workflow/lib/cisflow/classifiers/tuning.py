"""The search for LightGBM's parameters by cross-validation within the training fold, with optuna."""

import hashlib
import json
from pathlib import Path

import lightgbm
import numpy as np
import optuna
import pandas as pd
from optuna.storages.journal import JournalStorage
from sklearn.model_selection import StratifiedGroupKFold
from tqdm import tqdm

from cisflow.classifiers import lightgbm as boosting
from cisflow.classifiers.data import labelled_rows
from cisflow.classifiers.journal import Journal
from cisflow.config import settings
from cisflow.config.settings import setting
from cisflow.errors import InputError, listing
from cisflow.io import work
from cisflow.io.tables import table
from cisflow.sequence import dna

# Settings that are the same in every trial: what the bins are made with, or what a fold without early stopping has no
# use for.
FIXED = ("is_unbalance", "max_bin", "histogram_pool_size", "early_stopping_rounds")


class Search(settings.Settings):
    """Search settings of LightGBM by cross-validation in the training fold; the best go over `settings`.

    The ranges, the number of trials and that of folds are those of Daoud & Ben-Hur (2025).
    """

    n_trials: int = setting(50, minimum=1, meaning="Settings that are tried.")
    n_startup: int = setting(
        30, minimum=1, meaning="Trials that are drawn at random before the search learns from them."
    )
    n_folds: int = setting(
        3,
        minimum=2,
        meaning="Folds of the cross-validation; a sequence, its copies and its reverse complement share one.",
    )
    space: dict[str, list[float]] = setting(
        {
            "n_estimators": [100, 1000],
            "num_leaves": [20, 50],
            "max_depth": [5, 25],
            "learning_rate": [0.001, 0.1],
            "reg_alpha": [0, 1],
            "reg_lambda": [0, 1],
            "feature_fraction": [0.5, 1],
            "bagging_fraction": [0.5, 1],
        },
        items={"min_items": 2, "max_items": 2},
        meaning="Lower and upper bound of each setting that is searched; the default ranges are the published ones.",
    )

    @classmethod
    def complete(cls, given, where="tune"):
        """As `Settings.complete`; a space of what is no setting to tune, or an empty range, is refused too."""
        search = super().complete(given, where)
        known = [name for name in boosting.Settings.schema() if name not in FIXED]
        for name, bounds in search.space.items():
            if name not in known:
                raise InputError(f"{where}: space: '{name}' is not a parameter to tune; expected {listing(known, 20)}")
            if not bounds[0] < bounds[1]:
                raise InputError(f"{where}: space: {name}: found {bounds}, expected a lower and a higher bound")
        return search


def sequence_groups(codes):
    """(n,) int: the same number for base codes (n, length) that are equal, or equal in reverse complement."""
    pairs = zip(codes, dna.reverse_complement(codes), strict=True)
    return pd.factorize(np.array([min(a.tobytes(), b.tobytes()) for a, b in pairs], dtype=object))[0]


def cross_validation(y, codes, n_folds, seed):
    """[(rows to train on, rows to score)] of each fold; y (m,) 0/1; codes (m, length).

    Classes are balanced as far as they can be, and a sequence, its copies and its reverse complement stay together.

    Raises
    ------
    InputError : a class has fewer distinct sequences than there are folds.
    """
    groups = sequence_groups(codes)
    fewest = min(len(set(groups[y == label])) for label in (0, 1))
    if fewest < n_folds:
        raise InputError(f"tune: n_folds is {n_folds}, but a class has {fewest} distinct sequences in the fold train")
    folds = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
    return list(folds.split(groups, y, groups))


def tune(x, y, folds, codes, settings, search, seed, threads, folder, inputs=()):
    """Trials of a Tree-structured Parzen Estimator for the mean AUROC of cross-validation.

    Finished trials are kept in a journal in `folder`: called again with the same arguments, the search goes on after
    them and finds what it would have found without the interruption. Every trial has a seed of its own.

    Parameters
    ----------
    x : data.Features of n rows. y : (n,) 0/1, NaN = missing. folds : (n,). codes : (n, length) uint8.
    settings : {name: value} of lightgbm.Settings: what is not searched. search : {name: value} of Search.
    folder : for the journal; the caller holds it, see `io.work`.
    inputs : what else a trial depends on, as strings (digests of files).

    Returns
    -------
    Data frame with one row per trial and parameter: trial (from 1), parameter, value, auroc and sd (over the folds),
    best (1 for the trial with the highest AUROC, the first of equals).
    """
    settings, search = boosting.Settings.complete(settings, "lightgbm").as_dict(), Search.complete(search)
    train, _ = labelled_rows(y, folds)
    parts = cross_validation(y[train], codes[train], search.n_folds, seed)
    # Bins are made once; a filter of features would tie them to one value of min_child_samples.
    parameters, _ = boosting.parameters_of(settings, seed, threads)
    whole = boosting.dataset(x, y, train, parameters | {"feature_pre_filter": False}).construct()
    study = _study(Path(folder), [settings, search.as_dict(), seed, x.columns.tolist(), list(inputs)])
    finished = study.get_trials(states=(optuna.trial.TrialState.COMPLETE,))
    with tqdm(total=search.n_trials * search.n_folds, desc="tuning LightGBM", unit="fit") as bar:
        bar.update(len(finished) * search.n_folds)
        for number in range(len(finished), search.n_trials):
            study.sampler = optuna.samplers.TPESampler(
                seed=int(np.random.default_rng([seed, number]).integers(2**31)), n_startup_trials=search.n_startup
            )
            trial = study.ask()
            chosen = {name: _suggest(trial, name, *bounds) for name, bounds in search.space.items()}
            scores = []
            for part in parts:
                scores.append(_auroc(whole, part, settings | chosen, seed, threads))
                bar.update()
            trial.set_user_attr("sd", float(np.std(scores, ddof=1)))
            study.tell(trial, float(np.mean(scores)))
    return _table(study.get_trials(states=(optuna.trial.TrialState.COMPLETE,)))


def _study(folder, identity):
    """The study in a work folder that belongs to these arguments, without the trial that an interruption cut short."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if not folder.is_dir():
        work.fresh(folder, "it is not a folder")
    name = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    storage = JournalStorage(Journal(folder / "journal.log"))
    study = optuna.create_study(storage=storage, study_name=name, direction="maximize", load_if_exists=True)
    for trial in study.get_trials(states=(optuna.trial.TrialState.RUNNING,)):
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
    return study


def _suggest(trial, name, low, high):
    return trial.suggest_int(name, int(low), int(high)) if _is_whole(name) else trial.suggest_float(name, low, high)


def _is_whole(name):
    """Whether a setting of LightGBM is a whole number."""
    return boosting.Settings.schema()[name]["type"] == "integer"


def _auroc(whole, part, settings, seed, threads):
    """AUROC of all trees on the rows that a fold holds out."""
    parameters, rounds = boosting.parameters_of(settings, seed, threads)
    fitted, held_out = (whole.subset(np.sort(rows).tolist()) for rows in part)
    curve = {}
    lightgbm.train(
        parameters | {"feature_pre_filter": False},
        fitted,
        num_boost_round=rounds,
        valid_sets=[held_out],
        callbacks=[lightgbm.record_evaluation(curve)],
    )
    return curve["valid_0"]["auc"][-1]


def _table(trials):
    best = max(range(len(trials)), key=lambda number: trials[number].value)
    rows = [
        {
            "trial": number + 1,
            "parameter": name,
            "value": value,
            "auroc": trial.value,
            "sd": trial.user_attrs["sd"],
            "best": int(number == best),
        }
        for number, trial in enumerate(trials)
        for name, value in trial.params.items()
    ]
    return pd.DataFrame(rows)


def read_best(path):
    """Settings of the best trial of a table that `tune` wrote (InputError: it has none)."""
    trials = table(path, ("parameter",), ("value", "best"))
    best = trials[trials["best"] == 1]
    unknown = set(best["parameter"]) - set(boosting.Settings.schema())
    if best.empty or unknown or best["parameter"].duplicated().any():
        raise InputError(f"{path}: parameters of the best trial are {listing(best['parameter'])}; expected each once")
    if not np.isfinite(best["value"]).all():
        raise InputError(f"{path}: values of the best trial are {listing(best['value'])}; expected numbers")
    values = zip(best["parameter"], best["value"], strict=True)
    return {name: int(value) if _is_whole(name) else float(value) for name, value in values}
