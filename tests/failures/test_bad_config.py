"""Configs with one mistake: each ends a run before it starts, in one line that says where, what and what else."""

import copy
import datetime

import pytest
import yaml

import pipeline
from cisflow.config import text
from cisflow.config.loading import load
from cisflow.errors import InputError


def remove(*keys):
    """An edit that deletes a key."""

    def edit(config):
        for key in keys[:-1]:
            config = config[key]
        del config[keys[-1]]

    return edit


def change(*keys, to):
    """An edit that sets a key."""

    def edit(config):
        for key in keys[:-1]:
            config = config[key]
        config[keys[-1]] = to

    return edit


def listed(keys):
    return ", ".join(map(str, keys))


DEMO = yaml.safe_load((pipeline.ROOT / "config" / "demo.yaml").read_text())
CTCF = ("datasets", "ctcf")
EXPLAIN = (*CTCF, "explain", 0)
MODULAR = ("models", "promoters", "settings")
TRAINED_ON = ("features", "factors", "trained_on")
START = {"model": "motif_cnn", "dataset": "factors", "split": "random", "seed": 1}
RESOURCES, DATASETS, MODELS = (listed(DEMO[key]) for key in ("resources", "datasets", "models"))
NETWORKS = [name for name, model in DEMO["models"].items() if "architecture" in model]
OWN = DEMO["datasets"]["ctcf"]
KINDS = "['annotation', 'bed', 'events', 'fasta', 'genomes', 'grammar', 'inputs', 'peaks', 'planted', 'table']"

NUMBERS = {"task": "regression", "source": {"kind": "table", "table": "hg19_fragments.fa"}}
PUBLISHED = {"architecture": "Sei", "weights": "hg19_fragments.fa"}
STUDY = {"splits": {"published": "random", "held_out": "chromosome"}}
ROW = {"model": "LR", "features": "TF"}

# What is wrong -> (edit of the demo's config, the line).
MISTAKES = {
    "study on a split that is not there": (
        change(*CTCF, "study", to={"splits": {"published": "published", "held_out": "chromosome"}}),
        f"datasets.ctcf.study.splits.published: 'published' is not defined; expected one of {listed(OWN['splits'])}",
    ),
    "published number of a model that is not there": (
        change(*CTCF, "study", to=STUDY | {"published": {"fsei": ROW}}),
        f"datasets.ctcf.study.published: 'fsei' is not defined; expected one of {listed(OWN['models'])}",
    ),
    "set with a model that is not there": (
        change(*CTCF, "study", to=STUDY | {"sets": {"both": ["basset", "motif_cnn"]}}),
        f"datasets.ctcf.study.sets.both: 'motif_cnn' is not defined; expected one of {listed(OWN['models'])}",
    ),
    "unknown key at the top": (
        change("dataset", to={}),
        "unknown key 'dataset'; expected keys: device, torch, container, shards, resources, datasets, models, "
        "features, variants, evaluation, generalisation, attribution, timing, motifs, figures",
    ),
    "unknown key below": (
        change("models", "basset", "training", "epochs", to=3),
        "models.basset.training: unknown key 'epochs'; expected keys: loss, max_epochs, batch_size, devices, "
        "accumulate, optimizer, learning_rate, weight_decay, betas, momentum, schedule, warmup_epochs, patience, "
        "watch, anneal, gradient_clip, modalities, reverse_complement, reverse_complement_labels, shift, precision",
    ),
    "unknown key of a source": (
        change(*CTCF, "source", "negative", to="x"),
        "datasets.ctcf.source: unknown key 'negative'; expected keys: kind, positives, negatives, background, target",
    ),
    "key of another kind of split": (
        change(*CTCF, "splits", "random", "kind", to="chromosome"),
        "datasets.ctcf.splits.random: unknown key 'seed'; expected keys: kind, tracks, valid, test",
    ),
    "unknown model": (
        change(*CTCF, "models", to=["baset"]),
        f"datasets.ctcf.models: 'baset' is not defined; expected one of {MODELS}",
    ),
    "unknown architecture": (
        change("models", "basset", "architecture", to="Basset"),
        "models.basset.architecture: 'Basset' is not one of ['AttentionConv', 'BPNet', 'BassetLike', 'Beluga', "
        "'ConvNet', 'DNABERT2', 'DRGATAC', 'DRGExpression', 'DeepSTARR', 'FSei', 'LegNet', 'Modular', 'MotifCNN', "
        "'Sei']",
    ),
    "unknown classifier": (
        change("models", "lightgbm", "classifier", to="svm"),
        "models.lightgbm.classifier: 'svm' is not one of ['lightgbm', 'logistic_regression', 'ridge']",
    ),
    "search for the settings of a regression": (
        change("models", "logistic_regression", "tune", to={"n_trials": 3}),
        "models.logistic_regression.tune: the classifier is logistic_regression; only lightgbm is tuned",
    ),
    "architecture and classifier": (
        change("models", "basset", "classifier", to="lightgbm"),
        "models.basset: found architecture and classifier; expected exactly one of the keys architecture, classifier",
    ),
    "neither architecture nor classifier": (
        remove("models", "basset", "architecture"),
        "models.basset: found neither; expected exactly one of the keys architecture, classifier",
    ),
    "unknown kind of source": (
        change(*CTCF, "source", "kind", to="vcf"),
        f"datasets.ctcf.source.kind: 'vcf' is not one of {KINDS}",
    ),
    "no kind of source": (
        remove(*CTCF, "source", "kind"),
        "datasets.ctcf.source: no key 'kind'; found keys: positives, background, target",
    ),
    "neither negatives nor background": (
        remove(*CTCF, "source", "background"),
        "datasets.ctcf.source: found neither; expected exactly one of the keys negatives, background",
    ),
    "negatives and background": (
        change(*CTCF, "source", "negatives", to="hg19_fragments.fa"),
        "datasets.ctcf.source: found negatives and background; expected exactly one of the keys negatives, background",
    ),
    "missing section": (
        remove("models"),
        f"no key 'models'; found keys: {listed(key for key in DEMO if key != 'models')}",
    ),
    "missing key": (
        remove(*CTCF, "splits"),
        f"datasets.ctcf: no key 'splits'; found keys: {listed(key for key in OWN if key != 'splits')}",
    ),
    "missing key of a source": (
        remove(*CTCF, "source", "positives"),
        "datasets.ctcf.source: no key 'positives'; found keys: kind, background, target",
    ),
    "empty section": (change("motifs", to=None), "motifs: None is not of type 'object'"),
    "resource of a source": (
        change(*CTCF, "source", "background", "genome", to="hg19.fa"),
        f"datasets.ctcf.source: 'hg19.fa' is not defined; expected one of {RESOURCES}",
    ),
    "resource of the motifs": (
        change("motifs", "database", to="jaspar"),
        f"motifs.database: 'jaspar' is not defined; expected one of {RESOURCES}",
    ),
    "a background of a genome that no source reads": (
        lambda config: [
            change("motifs", "seqlets", to={"background": "genome"})(config),
            change(*CTCF, "source", to={"kind": "table", "table": "ctcf_gm12878_peaks.fa", "target": "ctcf"})(config),
        ],
        "motifs.seqlets.background: found genome, and dataset 'ctcf' reads none; expected sequences or other",
    ),
    "resource of weights": (
        change("models", "sei", to={"architecture": "Sei", "weights": "sei.pth"}),
        f"models.sei.weights: 'sei.pth' is not defined; expected one of {RESOURCES}",
    ),
    "checksum": (
        change("resources", "hg19_fragments.fa", "sha256", to="abc"),
        "resources['hg19_fragments.fa'].sha256: 'abc' does not match '^[0-9a-f]{64}$'",
    ),
    "explained model that is a classifier": (
        change(*EXPLAIN, "model", to="lightgbm"),
        "datasets.ctcf.explain[0].model: 'lightgbm' is not defined; expected one of "
        f"{listed(name for name in OWN['models'] if name in NETWORKS)}",
    ),
    "explained split": (
        change(*EXPLAIN, "split", to="chrom"),
        f"datasets.ctcf.explain[0].split: 'chrom' is not defined; expected one of {listed(OWN['splits'])}",
    ),
    "explained seed": (
        change(*EXPLAIN, "seeds", to=[1, 99]),
        "datasets.ctcf.explain[0].seeds: '99' is not defined; expected one of "
        f"{listed(DEMO['models']['basset']['seeds'])}",
    ),
    "method": (
        change(*EXPLAIN, "methods", to=["deeplift"]),
        f"datasets.ctcf.explain[0].methods: 'deeplift' is not defined; expected one of {listed(DEMO['attribution'])}",
    ),
    "reference that is no method of the entry": (
        change(*EXPLAIN, "reference", to="gradient"),
        "datasets.ctcf.explain[0].reference: 'gradient' is not defined; expected one of "
        f"{listed(DEMO['datasets']['ctcf']['explain'][0]['methods'])}",
    ),
    "Taylor ISM without a layer": (
        change("attribution", "tism", "method", to="taylor_ism"),
        "attribution.tism: no key 'layer'; found keys: method",
    ),
    "timing of an unknown method": (
        change("timing", to={"model": "basset", "methods": ["deeplift"]}),
        f"timing.methods: 'deeplift' is not defined; expected one of {listed(DEMO['attribution'])}",
    ),
    "explained twice": (
        lambda config: config["datasets"]["ctcf"]["explain"].append(
            {"model": "basset", "split": "chromosome", "seeds": [2, 1], "methods": ["ism"]}
        ),
        "datasets.ctcf.explain[1]: seed 1 of this model and split is in an entry above; expected one entry",
    ),
    "training of published weights": (
        lambda config: (config["models"].update(sei=PUBLISHED), config["datasets"]["ctcf"]["models"].append("sei")),
        "datasets.ctcf.models: 'sei' has published weights and is not trained; use it in features or explain",
    ),
    "published weights without targets": (
        lambda config: (
            config["models"].update(sei=PUBLISHED),
            config["datasets"]["ctcf"]["explain"][0].update(model="sei"),
        ),
        "datasets.ctcf.explain[0]: 'sei' has published weights and no predictions to choose by; expected the key "
        "outputs",
    ),
    "planted motifs in the genome's surroundings": (
        lambda config: (
            config["models"].update(sei=PUBLISHED),
            config["features"].update(sei={"model": "sei", "context": "pad"}),
            config["datasets"]["factors"]["explain"][0].update(model="sei", outputs=["target_1"], features="sei"),
        ),
        "datasets.factors.explain[0].features: planted motifs have their places in bare windows; expected an "
        "extractor of context none, or no such key, and windows as long as the network reads",
    ),
    "explanation by the extractor of another network": (
        lambda config: (
            config["models"].update(sei=PUBLISHED),
            config["datasets"]["ctcf"]["explain"][0].update(model="sei", outputs=["target_1"], features="factors"),
        ),
        "datasets.ctcf.explain[0].features: 'factors' is not defined; expected one of (none)",
    ),
    "extractor of a network that is trained here": (
        change(*EXPLAIN, "features", to="factors"),
        "datasets.ctcf.explain[0].features: 'basset' is trained here, on bare windows; expected no such key",
    ),
    "classifier of several targets": (
        change("datasets", "factors", "models", to=["motif_cnn", "lightgbm"]),
        "datasets.factors.models: 'lightgbm' is a classifier, which expects one target; the source has several",
    ),
    "extractor without a training": (
        remove(*TRAINED_ON),
        "features.factors: model 'motif_cnn' has no published weights, so the key trained_on is needed",
    ),
    "extractor trained on no dataset": (
        change(*TRAINED_ON, "dataset", to="factor"),
        f"features.factors.trained_on.dataset: 'factor' is not defined; expected one of {DATASETS}",
    ),
    "extractor trained on a dataset without it": (
        change(*TRAINED_ON, "dataset", to="ctcf"),
        "features.factors.trained_on.dataset (ctcf): models: 'motif_cnn' is not defined; expected one of "
        f"{listed(OWN['models'])}",
    ),
    "extractor trained on a split that is not": (
        change(*TRAINED_ON, "split", to="chromosome"),
        "features.factors.trained_on.split: 'chromosome' is not defined; expected one of random",
    ),
    "extractor trained with a seed that is not": (
        change(*TRAINED_ON, "seed", to=2),
        "features.factors.trained_on.seed: '2' is not defined; expected one of 1",
    ),
    "extractor that is a classifier": (
        change("features", "factors", "model", to="lightgbm"),
        f"features.factors.model: 'lightgbm' is not defined; expected one of {listed(NETWORKS)}",
    ),
    "network that starts from no resource": (
        change("models", "basset", "pretrained", to="sei.pth"),
        f"models.basset.pretrained: 'sei.pth' is not defined; expected one of {RESOURCES}",
    ),
    "tokenizer of no resource": (
        change("models", "basset", "tokenizer", to="tokenizer.json"),
        f"models.basset.tokenizer: 'tokenizer.json' is not defined; expected one of {RESOURCES}",
    ),
    "explanation of a network that reads tokens": (
        change("models", "basset", "tokenizer", to="hg19_fragments.fa"),
        "datasets.ctcf.explain[0].model: 'basset' reads tokens, so that it cannot be attributed to bases",
    ),
    "extractor that reads tokens": (
        change("models", "motif_cnn", "tokenizer", to="hg19_fragments.fa"),
        "features.factors.model: 'motif_cnn' reads tokens; expected a network on one-hot sequence",
    ),
    "network that starts from a classifier": (
        change("models", "basset", "trained_on", to=START | {"model": "lightgbm"}),
        f"models.basset.trained_on.model: 'lightgbm' is not defined; expected one of {listed(NETWORKS)}",
    ),
    "network that starts from a training that is not": (
        change("models", "basset", "trained_on", to=START | {"seed": 2}),
        "models.basset.trained_on.seed: '2' is not defined; expected one of 1",
    ),
    "network with two starts": (
        lambda config: config["models"]["basset"].update(trained_on=START, pretrained="hg19_fragments.fa"),
        "models.basset: found pretrained and trained_on; expected one of them at most",
    ),
    "networks that start from each other": (
        lambda config: (
            config["models"]["basset"].update(trained_on=START),
            config["models"]["motif_cnn"].update(
                trained_on={"model": "basset", "dataset": "ctcf", "split": "random", "seed": 1}
            ),
        ),
        "models.motif_cnn.trained_on: motif_cnn starts from basset starts from motif_cnn; expected a chain that ends",
    ),
    "nothing to start from": (
        change("models", "basset", "finetune", to={"include": ["trunks.*"]}),
        "models.basset.finetune: needs the key pretrained or trained_on",
    ),
    "motifs that are not there": (
        change("models", "basset", "motifs", to="jaspar"),
        f"models.basset.motifs: 'jaspar' is not defined; expected one of {RESOURCES}",
    ),
    "nothing to freeze": (
        change("models", "basset", "freeze", to=True),
        "models.basset.freeze: needs the key pretrained or trained_on",
    ),
    "extractor of a network and of k-mers": (
        change("features", "factors", "kind", to="composition"),
        "features.factors: found model and kind; expected exactly one of the keys model, kind",
    ),
    "extractor of k-mers with a key of networks": (
        change("features", "factors", to={"kind": "composition", "strands": "both"}),
        "features.factors: unknown key 'strands'; expected keys: kind, k",
    ),
    "genes of no resource": (
        change(*CTCF, "genes", to="genes.gtf"),
        f"datasets.ctcf.genes: 'genes.gtf' is not defined; expected one of {RESOURCES}",
    ),
    "published split with a key": (
        change(*CTCF, "splits", "random", to={"kind": "published", "seed": 1}),
        "datasets.ctcf.splits.random: unknown key 'seed'; expected keys: kind, tracks",
    ),
    "features of no extractor": (
        change("models", "lightgbm", "features", to="sei"),
        f"models.lightgbm.features: 'sei' is not defined; expected one of {listed(DEMO['features'])}",
    ),
    "class scores of separate strands": (
        lambda config: config["features"]["factors"].update(
            strands="separate", classes="hg19_fragments.fa", class_names="hg19_fragments.fa"
        ),
        "features.factors.strands: found separate and classes; expected both or forward, of which classes have scores",
    ),
    "variants by separate strands": (
        lambda config: (
            config["features"]["factors"].update(strands="separate"),
            config.update(
                variants={"some": {key: "hg19_fragments.fa" for key in ("vcf", "genome")} | {"features": "factors"}}
            ),
        ),
        "variants.some.features: features.factors keeps strands separate; expected both or forward",
    ),
    "zeros around windows without padding": (
        change("features", "factors", "padding", to="zeros"),
        "features.factors.padding: found zeros and context none; expected context pad",
    ),
    "context without a genome": (
        change("features", "factors", "context", to="genome"),
        "features.factors: context: genome needs the key genome, a resource",
    ),
    "metric of another task": (
        change(*CTCF, "metrics", to=["auroc", "pearson"]),
        "datasets.ctcf.metrics: 'pearson' is of task regression; expected one of auroc, average_precision, accuracy, "
        "brier, auprc_trapezoid, calibration_error, calibration_slope, calibration_intercept, of task binary",
    ),
    "metric of classes on numbers": (
        lambda config: config["datasets"]["ctcf"].update(NUMBERS, metrics=["auroc"]),
        "datasets.ctcf.metrics: 'auroc' is of task binary; expected one of pearson, spearman, rmse, of task regression",
    ),
    "metric that is none": (
        change(*CTCF, "metrics", to=["auc"]),
        "datasets.ctcf.metrics: 'auc' is not defined; expected one of auroc, average_precision, accuracy, brier, "
        "auprc_trapezoid, calibration_error, calibration_slope, calibration_intercept, of task binary",
    ),
    "numbers from a source of classes": (
        change(*CTCF, "task", to="regression"),
        "datasets.ctcf.task: found regression; a source of kind fasta labels its windows 0 and 1; expected task binary",
    ),
    "classifier on numbers": (
        lambda config: config["datasets"]["ctcf"].update(NUMBERS),
        "datasets.ctcf.models: 'logistic_regression' is fitted by logistic_regression, which expects task binary; "
        "found regression",
    ),
    "regression of classes": (
        change("models", "logistic_regression", "classifier", to="ridge"),
        "datasets.ctcf.models: 'logistic_regression' is fitted by ridge, which expects task regression; found binary",
    ),
    "search for settings on numbers": (
        lambda config: (
            config["models"]["lightgbm"].update(tune={"n_trials": 3}),
            config["datasets"]["ctcf"].update(NUMBERS, models=["lightgbm"]),
        ),
        "datasets.ctcf.models: 'lightgbm' has the key tune, which expects task binary; found regression",
    ),
    "two cuts": (
        change("evaluation", to={"cut": 0, "cut_quantile": 0.9}),
        "evaluation: found cut and cut_quantile; expected one of them at most",
    ),
    "motifs of no resource": (
        change("features", "motifs", to={"kind": "motifs", "database": "jaspar"}),
        f"features.motifs.database: 'jaspar' is not defined; expected one of {RESOURCES}",
    ),
    "features of no kind": (
        change("features", "words", to={"kind": "words"}),
        "features.words.kind: 'words' is not one of ['composition', 'motifs']",
    ),
    "unknown task": (
        change(*CTCF, "task", to="ranking"),
        "datasets.ctcf.task: 'ranking' is not one of ['binary', 'regression']",
    ),
    "device": (change("device", to="gpu"), "device: 'gpu' is not one of ['auto', 'cpu', 'cuda']"),
    "build of torch": (change("torch", to="gpu"), "torch: 'gpu' is not one of ['cpu', 'cuda']"),
    "build of torch that knows no GPU": (
        lambda config: config.update(device="cuda", torch="cpu"),
        "torch: found cpu, a build without CUDA, and device: cuda; expected torch: cuda, or another device",
    ),
    "build of torch that no image holds": (
        lambda config: config.update(container="cisflow.sif", torch="cpu"),
        "torch: found cpu, which the image of the key container does not hold; expected torch: cuda",
    ),
    "window of nothing": (change(*CTCF, "window", to=0), "datasets.ctcf.window: 0 is less than the minimum of 1"),
    "window of text": (
        change(*CTCF, "window", to="200"),
        "datasets.ctcf.window: '200' is not of type 'integer'",
    ),
    "split without a test fold": (
        remove(*CTCF, "splits", "chromosome", "test"),
        "datasets.ctcf.splits.chromosome: no key 'test'; found keys: kind, valid",
    ),
    "fraction": (
        change(*CTCF, "splits", "random", "test", to=1.5),
        "datasets.ctcf.splits.random.test: 1.5 is greater than or equal to the maximum of 1",
    ),
    "name that is no folder": (
        change("datasets", "a/b", to={}),
        "datasets: 'a/b' does not match '^[A-Za-z0-9][A-Za-z0-9_-]*$'",
    ),
    "argument that a network does not take": (
        change("models", "basset", "settings", to={"widht": 3}),
        "models.basset.settings: unknown key 'widht'; expected keys: length, n_outputs, two_logits",
    ),
    "argument of another type": (
        change("models", "motif_cnn", "settings", to={"channels": "many"}),
        "models.motif_cnn.settings.channels: 'many' is not of type 'integer'",
    ),
    "layers of which one has no size": (
        change("models", "basset", to={"architecture": "ConvNet", "settings": {"pools": [[16, 8], [8, 0]]}}),
        "models.basset.settings.pools[1][1]: 0 is less than the minimum of 1",
    ),
    "argument of a stem": (
        change(*MODULAR, "stem", "kernel", to=3),
        "models.promoters.settings.stem: unknown key 'kernel'; expected keys: activation, dropout, normalise, bias, "
        "kernels, width, strands",
    ),
    "block of no kind": (
        change(*MODULAR, "blocks", to=[{"kind": "pool"}, {"kind": "dilatd"}]),
        "models.promoters.settings.blocks[1].kind: 'dilatd' is not one of ['attention', 'dilated', 'legnet', 'pool', "
        "'reducing']",
    ),
    "argument of a block": (
        change(*MODULAR, "blocks", to=[{"kind": "pool", "size": 0}]),
        "models.promoters.settings.blocks[0].size: 0 is less than the minimum of 1",
    ),
    "argument of a trunk": (
        change(*MODULAR, "trunks", to=[{"summary": {"kind": "median"}}]),
        "models.promoters.settings.trunks[0].summary.kind: 'median' is not one of ['max', 'mean', 'softmax', "
        "'attention', 'flatten']",
    ),
    "head of no modality": (
        change(*MODULAR, "heads", to={"signal": {"widths": [8]}}),
        "models.promoters (of datasets.cell_cycle).settings.heads: 'signal' is not defined; expected one of expression",
    ),
    "training of no modality": (
        change("models", "promoters", "training", "modalities", to={"signal": {"weight": 2}}),
        "models.promoters (of datasets.cell_cycle).training.modalities: 'signal' is not defined; expected one of "
        "expression",
    ),
    "search of what is no setting": (
        change("models", "lightgbm", "tune", to={"space": {"max_bin": [1, 2]}}),
        "models.lightgbm.tune.space: 'max_bin' is no setting that is searched; expected one of n_estimators, "
        "num_leaves, max_depth, learning_rate, reg_alpha, reg_lambda, feature_fraction, bagging_fraction, "
        "bagging_freq, min_child_samples, min_child_weight, min_split_gain",
    ),
    "search from high to low": (
        change("models", "lightgbm", "tune", to={"space": {"num_leaves": [50, 20]}}),
        "models.lightgbm.tune.space.num_leaves: found [50, 20]; expected a lower and a higher bound",
    ),
    "search out of a setting's range": (
        change("models", "lightgbm", "tune", to={"space": {"feature_fraction": [0.5, 1.5]}}),
        "models.lightgbm.tune.space.feature_fraction[1]: 1.5 is greater than the maximum of 1",
    ),
    "group that no target is in": (
        change("models", "lightgbm", "groups", to=["TF"]),
        "models.lightgbm.groups: 'TF' is not defined; expected one of all",
    ),
    "group of k-mers": (
        change("models", "five_mers", "groups", to=["TF"]),
        "models.five_mers.groups: 'TF' is not defined; expected one of composition",
    ),
    "fractions of everything": (
        change(*CTCF, "splits", "random", to={"kind": "random", "valid": 0.5, "test": 0.5}),
        "datasets.ctcf.splits.random: valid 0.5 and test 0.5 leave nothing to train on; expected a sum below 1",
    ),
    "fraction that is no number": (
        change(*CTCF, "splits", "random", "valid", to=float("nan")),
        "datasets.ctcf.splits.random.valid: found nan; expected a finite number",
    ),
    "chromosome in two folds": (
        change(*CTCF, "splits", "chromosome", "valid", to=["chr2", "chr1"]),
        "datasets.ctcf.splits.chromosome: 'chr1' is in valid and in test; expected it in one of them",
    ),
    "sixth of five folds": (
        change("datasets", "cell_cycle", "splits", "fold", "fold", to=6),
        "datasets.cell_cycle.splits.fold.fold: found 6; expected a number from 1 to k, 5",
    ),
    "warm-up without an end": (
        change("models", "promoters", "training", "warmup_epochs", to=12),
        "models.promoters.training.warmup_epochs: found 12; expected less than max_epochs, 12",
    ),
    "longest seqlet below the shortest": (
        change("motifs", "seqlets", to={"min_length": 12, "max_length": 11}),
        "motifs.seqlets.max_length: found 11; expected min_length, 12, or more",
    ),
    "learning rate without an end": (
        change("models", "basset", "training", "learning_rate", to=float("inf")),
        "models.basset.training.learning_rate: found inf; expected a finite number",
    ),
    "target with the name of a column": (
        change(*CTCF, "source", "target", to="id"),
        "datasets.ctcf.source.target: 'id' is a name of tables themselves; expected none of id, chrom, start, end, "
        "strand, mean, and no ''",
    ),
    "columns of an annotation": (
        change("datasets", "cell_cycle", "targets", to=[{"name": "x", "kind": "columns", "columns": ["a"]}]),
        "datasets.cell_cycle.targets: kind columns is of a source of kind bed or table; found kind annotation",
    ),
    "target with the name of a mean": (
        change("datasets", "cell_cycle", "targets", 0, "columns", to=["t50", "mean"]),
        "datasets.cell_cycle.targets[0].columns: 'mean' is a name of tables themselves; expected none of id, chrom, "
        "start, end, strand, mean, and no ''",
    ),
    "name with a line break": (
        change("datasets", "ctcf\n", to=OWN),
        "datasets: key 'ctcf\\n' holds a line break or another unprintable character; expected one line of text",
    ),
    "target with a line break": (
        change(*CTCF, "source", "target", to="ctcf\n"),
        "datasets.ctcf.source.target: 'ctcf\\n' holds a line break or another unprintable character; expected one line "
        "of text",
    ),
    "names that one file could have": (
        change("datasets", "CTCF", to=OWN),
        "datasets: 'ctcf' and 'CTCF' differ in upper and lower case alone; expected names that differ more",
    ),
    "dataset in the folder of variants": (
        change("datasets", "variants", to=OWN),
        "datasets: 'variants' is a folder of the workflow's own; expected another name",
    ),
    "resource in the folder of the demo": (
        change("resources", "demo", to={"url": "some.fa"}),
        "resources: 'demo' is a folder of the workflow's own; expected another name",
    ),
    "resource of itself": (
        change("resources", "a.fa", to={"url": "./resources/a.fa"}),
        "resources['a.fa'].url: a.fa is made of a.fa; expected another file or a URL",
    ),
    "resources of each other": (
        lambda config: config["resources"].update(a={"url": "resources/b"}, b={"url": "resources/a"}),
        "resources.a.url: a is made of b is made of a; expected another file or a URL",
    ),
    "source with a password": (
        change("resources", "a.fa", to={"url": "https://me:secret@some.org/a.fa"}),
        "resources['a.fa'].url: commands and logs would tell its password; expected ${NAME}, a variable of the "
        "environment, there",
    ),
    "source with braces": (
        change("resources", "a.fa", to={"url": "data/{a}.fa"}),
        "resources['a.fa'].url: found 'data/{a}.fa'; expected a path without braces, which Snakemake takes for "
        "wildcards",
    ),
    "source in a bucket": (
        change("resources", "a.fa", to={"url": "s3://some/a.fa"}),
        "resources['a.fa'].url: found 's3://some/a.fa'; expected a path, or a URL that begins with one of http://, "
        "https://, file://",
    ),
    "source at home": (
        change("resources", "a.fa", to={"url": "~/a.fa"}),
        "resources['a.fa'].url: found '~/a.fa'; expected a path without ~, which no shell expands here",
    ),
    "resource with a number for a name": (
        change("resources", 5, to={"url": "a.fa"}),
        "resources: key 5 is of type int; expected text, in quotes",
    ),
    "resource with a truth for a name": (
        change("resources", True, to={"url": "a.fa"}),
        "resources: key True is of type bool; expected text, in quotes",
    ),
    "window with a point": (change(*CTCF, "window", to=200.0), "datasets.ctcf.window: 200.0 is not of type 'integer'"),
    "seed of many digits": (
        change("models", "basset", "seeds", to=[1, 2**64]),
        "models.basset.seeds[1]: found a whole number of 65 bits; expected 63 at most",
    ),
    "date for a text": (
        change(*CTCF, "source", "target", to=datetime.date(2024, 5, 1)),
        "datasets.ctcf.source.target: '2024-05-01' is of type date; expected text, in quotes",
    ),
    "part of itself": (
        lambda config: config["models"].update(basset=config["models"]),
        "models.basset: found a part that holds itself; expected no alias of what it lies in",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_in_one_line(name):
    edit, line = MISTAKES[name]
    config = copy.deepcopy(DEMO)
    edit(config)
    with pytest.raises(InputError) as error:
        load(config, pipeline.ROOT)
    assert str(error.value) == f"config: {line}"


# What is wrong of a file -> (its bytes, the line, or None where nothing is).
TEXTS = {
    "Latin-1": (b"device: cpu\nmodels: caf\xe9\n", "line 2: byte 0xe9 is not of UTF-8; expected a config in UTF-8"),
    "no YAML": (
        b"device: cpu\nmodels: {a: 1\nshards: 2\n",
        "line 3: did not find expected ',' or '}'; expected YAML, indented by blanks and not by tabs",
    ),
    "nothing": (b"# device: cpu\n", "found nothing; expected keys and values, `datasets: …`"),
    "a list": (b"- a\n- b\n", "found a list; expected keys and values, `datasets: …`"),
    "a text": (b"device cpu\n", "found 'device cpu'; expected keys and values, `datasets: …`"),
    "a key twice": (
        b"models:\n  a: {seeds: [1]}\n  b: 1\n  a: {}\n",
        "line 4: key 'a' is in line 2 too; expected it once",
    ),
    "a key twice in a list": (b"a: [{b: 1,\n b: 2}]\n", "line 2: key 'b' is in line 1 too; expected it once"),
    "JSON with tabs": (b'{\n\t"device": "cpu"\n}\n', None),
    "aliases": (b"a: &a {b: &b [1]}\nc: {<<: *a, d: *b}\n", None),
    "templates": (b"__use_yte__: true\n?if True:\n  a: 1\n?if False:\n  b: 1\n?if True:\n  c: 1\n", None),
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_mistake_in_the_text_is_told_in_one_line(name, tmp_path):
    content, line = TEXTS[name]
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    if line is None:
        text.check(path)
        return
    with pytest.raises(InputError) as error:
        text.check(path)
    assert str(error.value) == f"{path}: {line}"


def test_a_mistake_ends_a_run_before_it_starts(tmp_path):
    folder = pipeline.copy(tmp_path / "workflow")
    (folder / "bad.yaml").write_text(yaml.safe_dump(DEMO | {"device": "gpu"}))
    again = "device: cpu\n" + yaml.safe_dump(DEMO)
    (folder / "twice.yaml").write_text(again)
    second = max(number for number, text in enumerate(again.splitlines(), 1) if text.startswith("device:"))
    (folder / "config" / "config.yaml").write_bytes(b"device: caf\xe9\n")
    bad = pipeline.snakemake(folder, "--configfile", "bad.yaml", "--cores", "1")
    twice = pipeline.snakemake(folder, "--configfile", "twice.yaml", "--cores", "1")
    latin = pipeline.snakemake(folder, "--cores", "1")
    for call, line in (
        (bad, "config: device: 'gpu' is not one of ['auto', 'cpu', 'cuda']"),
        (twice, f"twice.yaml: line {second}: key 'device' is in line 1 too; expected it once"),
        (latin, "config/config.yaml: line 1: byte 0xe9 is not of UTF-8; expected a config in UTF-8"),
    ):
        assert call.status == 1
        assert line in call.out + call.err
        assert "Traceback" not in call.out + call.err
    assert not (folder / "results").exists()
