"""What the original did otherwise, of the models and features that this run has."""

from cisflow.features import families
from cisflow.report.tables import baselines
from cisflow.report.words import code, plural

# How the study trained each network.
OPTIMIZERS = {"FSei": "sgd", "DNABERT2": "sgd", "BassetLike": "adamw", "ConvNet": "adamw", "AttentionConv": "adamw"}
WORDS = {"sgd": "SGD", "adamw": "AdamW"}
PUBLISHED_SCHEDULE = "the published one rose from 1e-4 and fell in a cosine to 1e-5, epoch by epoch."
SCHEDULES = {
    "warmup_cosine": f"the learning rate rises from 0 and falls to 0, batch by batch; {PUBLISHED_SCHEDULE}",
    "constant": f"the learning rate is constant; {PUBLISHED_SCHEDULE}",
}
APPENDED = "the published training had both strands of every window as rows of their own."
# By how training shows a window: `reverse_complement` of a network's settings.
TRAINING_STRANDS = {
    "random": f"each window is shown on a random strand; {APPENDED}",
    "none": f"windows are shown on their own strand alone; {APPENDED}",
}
# By the settings of an extractor: `context`, and the `strands` whose outputs it keeps.
CONTEXTS = {
    "genome": "the genome's own sequence around it",
    "pad": "unknown bases around it, each 0.25 of every base",
    "zeros": "zeros around it",
    "none": "nothing around it",
}
FEATURE_STRANDS = {
    "both": "the mean over both strands",
    "forward": "the forward strand alone",
    "separate": "each strand as a row of its own",
}
DNABERT2 = (
    "The published DNABERT-2 was very probably trained with most of its encoder at random, as the class that loaded "
    "the checkpoint has no place for its fused weights: its number is no fair baseline."
)


def notes(tables):
    """What the original did otherwise, for the models and features that this run has."""
    models = {name: entry for name, entry in tables.settings["models"].items() if name not in baselines(tables)}
    lines = [*networks(models), *training(models), *classifiers(tables, models)]
    lines += [*inputs(tables, models), *targets(tables)]
    return [*lines, ""] if lines else []


def networks(models):
    """What sets the original of an architecture apart, a sentence a network."""
    lines = []
    for name, entry in models.items():
        architecture = entry.get("architecture")
        if architecture == "AttentionConv" and entry.get("settings", {}).get("attention") == "batch":
            lines.append(
                f"- `{name}` attends across the batch, as published: a prediction depends on the other sequences of "
                "its batch."
            )
        elif architecture == "AttentionConv":
            lines.append(
                f"- `{name}` attends along the sequence. The published AttentionConv attended across the batch, so "
                "that a prediction depended on the other sequences of its batch."
            )
        if architecture == "DNABERT2":
            lines.append(f"- `{name}` {starts(entry)}. " + DNABERT2)
        if architecture == "FSei":
            lines.append(
                f"- `{name}` {starts(entry)}. The published program trains from random weights unless an option says "
                "otherwise."
            )
    return lines


def starts(entry):
    """What a network starts from, as the config says."""
    frozen = ", which stay as they are" if entry.get("freeze") else ""
    if "pretrained" in entry:
        return f"starts from the weights of `{entry['pretrained']}`{frozen}"
    if "trained_on" in entry:
        start = entry["trained_on"]
        return f"starts from `{start['model']}` as trained here on `{start['dataset']}`{frozen}"
    return "starts from random weights"


def training(models):
    """One sentence for each way in which networks are laid out or trained unlike the published ones."""
    found = {}
    for name, entry in models.items():
        if entry.get("architecture") not in OPTIMIZERS:
            continue
        given, optimizer = entry.get("training", {}), OPTIMIZERS[entry["architecture"]]
        layout = entry.get("settings", {})
        sizes = [key for key in layout if key not in ("two_logits", "attention")]
        shift = given.get("shift", 0)
        texts = [
            SCHEDULES.get(given.get("schedule")),
            TRAINING_STRANDS.get(given.get("reverse_complement")),
            f"windows are moved by up to {shift} bases at random in training; the published ones stayed."
            if shift
            else "",
            "" if layout.get("two_logits") else "the last layer has one logit a target; the published one had two.",
            f"the sizes of the network are its own ({code(sizes)}), not the published ones." if sizes else "",
        ]
        if given.get("optimizer", optimizer) != optimizer:
            texts.append(f"trained by {WORDS[given['optimizer']]}, the published network by {WORDS[optimizer]}.")
        for text in filter(None, texts):
            found.setdefault(text, []).append(name)
    return [f"- {code(names)}: {text}" for text, names in found.items()]


def classifiers(tables, models):
    """How classifiers are fitted, and which of them stopped short."""
    lines = []
    logistic = [name for name, entry in models.items() if entry.get("classifier") == "logistic_regression"]
    if logistic:
        lines.append(
            f"- {code(logistic)}: fitted to the optimum by L-BFGS, with an L2 penalty chosen on the validation fold. "
            "The published logistic regression was trained epoch by epoch by AdamW, with a weight decay of 0.01."
        )
    if tables.unconverged:
        runs = ", ".join(f"`{model}` on `{split}` with seed {seed}" for model, split, seed in tables.unconverged)
        lines.append(f"- **Stopped short of the optimum**: {runs}. A higher `max_iter` in the settings may reach it.")
    standard = [name for name in logistic if models[name].get("settings", {}).get("standardise", True)]
    if standard:
        lines.append(f"- {code(standard)}: features are standardised; the published ones were not.")
    tuned = [name for name, entry in models.items() if "tune" in entry]
    if tuned:
        lines.append(
            f"- {code(tuned)}: the folds of the search keep a window and its reverse complement together; the "
            "published search split them."
        )
    return lines


def inputs(tables, models):
    """What the extractors that classifiers read are given, against the published features."""
    lines = []
    for name, entry in sorted(tables.settings.get("extractors", {}).items()):
        readers = [model for model, other in models.items() if other.get("features") == name]
        if not readers or "context" not in entry:
            continue
        length = f", {entry['length']:,} bases in all" if entry.get("length") else ""
        strands = FEATURE_STRANDS[entry.get("strands", "both")]
        surroundings = CONTEXTS["zeros" if entry.get("padding") == "zeros" else entry["context"]]
        lines.append(
            f"- Features `{name}`, which {code(readers)} read{'s' if len(readers) == 1 else ''}: the window with "
            f"{surroundings}{length}, and {strands}. The published "
            "features very probably had zeros around the window, and had each strand as a row of its own."
        )
    return lines


def targets(tables):
    """Tracks that the published rule files under the wrong group, counted in the list of targets."""
    lines = []
    for name, table in sorted(tables.features.items()):
        factors = table[table["group"] == "TF"]["name"]
        kinds = [families.family(target) for target in factors if "|" in target]
        counted = {kind: kinds.count(kind) for kind in ("accessibility", "histone") if kind in kinds}
        if counted:
            wrong = " and ".join(plural(n, f"{kind} track", f"{kind} tracks") for kind, n in counted.items())
            lines.append(
                f"- Features `{name}`: the {len(factors):,} targets of group TF hold {wrong}, by the published rule of "
                "grouping; `groups: corrected` files them where they belong."
            )
    return lines
