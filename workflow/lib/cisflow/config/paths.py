"""Where everything lies: each pattern of `results/` and `resources/` once. Names in braces are wildcards."""

RESOURCE = "resources/{name}"
INDEX = f"{RESOURCE}.fai"
# Numbers of the intron retention study, which ship with the repository.
PUBLISHED_METRICS = "resources/published/metrics.tsv"
PUBLISHED_TARGETS = "resources/published/top_targets.tsv"

DATASET = "results/{dataset}"
WINDOWS = f"{DATASET}/windows.tsv"
SEQUENCES = f"{DATASET}/sequences.npy"
LABELS = f"{DATASET}/targets.npy"
TARGETS = f"{DATASET}/targets.tsv"
MANIFEST = f"{DATASET}/manifest.json"
TRUTH = f"{DATASET}/truth.tsv"
LEDGER = f"{DATASET}/ledger.tsv"
MATCHING = f"{DATASET}/matching.tsv"
RUNS = f"{DATASET}/runs.tsv"
NEAR_DUPLICATES = f"{DATASET}/near_duplicates.tsv"
SPLIT = f"{DATASET}/splits/{{split}}.tsv"
LEAKAGE = f"{DATASET}/splits/{{split}}.leakage.tsv"

FEATURES = f"{DATASET}/features/{{extractor}}"
FEATURE_ARRAY = f"{FEATURES}/features.npy"
FEATURE_IDS = f"{FEATURES}/ids.tsv"
FEATURE_TARGETS = f"{FEATURES}/targets.tsv"
FEATURE_MANIFEST = f"{FEATURES}/manifest.json"
# `{scatteritem}` is Snakemake's own: a shard.
FEATURE_SHARD = f"{FEATURES}/shards/{{scatteritem}}.npz"
CLASS_SCORES = f"{FEATURES}/sequence_classes.npy"
CLASS_TABLE = f"{FEATURES}/sequence_classes.tsv"

MODEL = f"{DATASET}/models/{{model}}/{{split}}/seed{{seed}}"
WEIGHTS = f"{MODEL}/model.safetensors"
HISTORY = f"{MODEL}/history.tsv"
PREDICTIONS = f"{MODEL}/predictions.tsv"
MODEL_MANIFEST = f"{MODEL}/manifest.json"
CLASSIFIER = f"{MODEL}/model.txt"
CLASSIFIER_WEIGHTS = f"{MODEL}/weights.tsv"
TUNING = f"{MODEL}/tuning.tsv"
# What the network loses with each of several sequences of a sample exchanged; and of all trainings of a dataset.
INPUT_CONTRIBUTION = f"{MODEL}/inputs.tsv"
# What a network reads of the vectors of tracks; and all trainings of a dataset.
TRACK_WEIGHTS = f"{MODEL}/track_weights.tsv"
# How far a network looks; and all trainings of a dataset.
REACH = f"{MODEL}/reach.tsv"
# Checkpoints and trials live where Snakemake does not delete them when their job fails, so that it goes on from them.
TRAINING_WORK = f"{MODEL}/work"
TUNING_WORK = f"{MODEL}/trials"

EVALUATION = f"{DATASET}/evaluation"
EVALUATION_TABLE = f"{EVALUATION}/{{table}}.tsv"
STACKED_WEIGHTS = f"{EVALUATION}/track_weights.tsv"
UNSEEN_TRACKS = f"{EVALUATION}/unseen_tracks.tsv"
UNSEEN_COMPARISONS = f"{EVALUATION}/unseen_track_comparisons.tsv"
STACKED_REACH = f"{EVALUATION}/reach.tsv"
HOMOLOGY = f"{EVALUATION}/homology.tsv"
SPECIES_EFFECTS = f"{EVALUATION}/species_effects.tsv"
SPECIES_AGREEMENT = f"{EVALUATION}/species_agreement.tsv"
STACKED_INPUTS = f"{EVALUATION}/inputs.tsv"
STACKED_METRICS = "results/metrics.tsv"

EXPLAINED = f"{DATASET}/attributions/{{model}}/{{split}}/seed{{seed}}"
ATTRIBUTIONS = f"{EXPLAINED}/{{method}}.npz"
NULL_ATTRIBUTIONS = f"{EXPLAINED}/shuffled/{{method}}.npz"
CLASS_ATTRIBUTIONS = f"{EXPLAINED}/classes/{{method}}.npz"
EXPLAINED_LEDGER = f"{EXPLAINED}/ledger.tsv"
TRACKS = f"{EXPLAINED}/{{method}}.tracks"
GENOME_PAGE = f"{EXPLAINED}/genome.html"
ATTRIBUTION_SHARD = f"{EXPLAINED}/{{method}}.shards/{{part}}.npz"
COMPARISON = f"{DATASET}/comparisons/{{model}}/{{split}}"
COMPARISON_TABLE = f"{COMPARISON}/{{table}}.tsv"
TIMING = "results/timing.tsv"

MOTIFS = f"{DATASET}/motifs/{{model}}/{{split}}/seed{{seed}}/{{method}}"
MODISCO = f"{MOTIFS}/modisco.h5"
CONTROL = f"{MOTIFS}/control.h5"
NULL_MODISCO = f"{MOTIFS}/shuffled.h5"
DISCOVERY = f"{MOTIFS}/discovery.json"
PATTERNS = f"{MOTIFS}/patterns.tsv"
MOTIF_REPORT = f"{MOTIFS}/report"
SEQLETS = f"{MOTIFS}/seqlets.tsv"
MOTIF_SCORES = f"{MOTIFS}/motif_scores.tsv"
BACKGROUND = f"{MOTIFS}/background.bed"
MOTIF_NULLS = f"{MOTIFS}/motif_nulls.tsv"
PUBLISHED_SCORES = f"{MOTIFS}/published.tsv"
PUBLISHED_CLASSES = f"{MOTIFS}/published_classes.tsv"
HITS = f"{MOTIFS}/hits.tsv"
SEQLET_BED = f"{MOTIFS}/seqlets.bed"
HIT_BED = f"{MOTIFS}/hits.bed"
PATTERN_MATRICES = f"{MOTIFS}/patterns.meme"
RECOVERY = f"{MOTIFS}/recovery.tsv"

# Of all explanations of a dataset together.
MERGED = f"{DATASET}/patterns"
MERGED_RUNS = f"{MERGED}/runs.tsv"
MERGED_PATTERNS = f"{MERGED}/patterns.tsv"
MERGED_MEMBERS = f"{MERGED}/members.tsv"
MERGED_INSTANCES = f"{MERGED}/instances.tsv"
MERGED_MATRICES = f"{MERGED}/patterns.meme"
TOGETHER = f"{MERGED}/together.tsv"
SPACING = f"{MERGED}/spacing.tsv"
DISTANCES = f"{MERGED}/distances.tsv"
CLUSTERS = f"{MERGED}/clusters.tsv"
ENRICHMENT = f"{MERGED}/enrichment.tsv"
MOTIF_MATRIX = f"{MERGED}/matrix.tsv"

KERNELS = f"{DATASET}/kernels/{{model}}/{{split}}/seed{{seed}}"
KERNEL_TABLE = f"{KERNELS}/kernels.tsv"
# What excites each kernel, and its weights.
KERNEL_MATRICES = f"{KERNELS}/kernels.meme"
KERNEL_WEIGHTS = f"{KERNELS}/weights.meme"
KERNEL_SUMMARY = f"{KERNELS}/kernels.json"

# Of all seeds of a network together.
EFFECTS = f"{DATASET}/effects/{{model}}/{{split}}"
MOTIFS_SINGLY = f"{EFFECTS}/single.tsv"
MOTIF_POSITIONS = f"{EFFECTS}/positions.tsv"
MOTIF_PAIRS = f"{EFFECTS}/pairs.tsv"
MOTIF_INTERACTIONS = f"{EFFECTS}/interactions.tsv"
DESIGN = f"{DATASET}/designs/{{design}}/seed{{seed}}"
DESIGN_TABLE = f"{DESIGN}/{{table}}.tsv"
DESIGN_FASTA = f"{DESIGN}/designs.fa"

# Of networks that were trained here.
OWN_VARIANTS = f"{DATASET}/variants/{{job}}"
VARIANT_EFFECTS = f"{OWN_VARIANTS}/effects.tsv"
VARIANT_NULL = f"{OWN_VARIANTS}/null.tsv"
HAPLOTYPES = f"{OWN_VARIANTS}/haplotypes.tsv"
SATURATION = f"{DATASET}/saturation/{{job}}.tsv"

VARIANTS = "results/variants/{job}"
VARIANT_TABLE = f"{VARIANTS}/variants.tsv"
VARIANT_ARRAY = f"{VARIANTS}/{{array}}.npy"
VARIANT_CLASSES = f"{VARIANTS}/class_scores.tsv"
VARIANT_TARGETS = f"{VARIANTS}/targets.tsv"
VARIANT_MANIFEST = f"{VARIANTS}/manifest.json"

# What a run says of itself.
JOB_COSTS = "results/job_costs.tsv"
PROVENANCE = "results/provenance.yaml"
JOB_COSTS_FIGURE = "results/figures/job_costs.svg"

FIGURES = f"{DATASET}/figures"
STUDY_SETTINGS = f"{DATASET}/study.json"
STUDY_PAGE = f"{DATASET}/study.md"


def fill(pattern, **wildcards):
    """A path: a pattern with its wildcards, of which it may use some."""
    return pattern.format(**wildcards)


def escaped(pattern, but):
    """A pattern for a function that fills in the wildcard `but` and leaves the others to Snakemake."""
    return pattern.replace("{", "{{").replace("}", "}}").replace(f"{{{{{but}}}}}", f"{{{but}}}")
