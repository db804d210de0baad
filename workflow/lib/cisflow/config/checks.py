"""Checks of what no schema can say: every name that one part of a config uses is defined by another, and fits there."""

from cisflow.config import architectures, declared, entries, naming, ranges, settings, vectors
from cisflow.config.gathering import genomes
from cisflow.config.refusals import expect, refuse

# Groups of targets that `features.arrays` files a list of names under, and what it writes without such a list.
GROUPS, UNGROUPED = ("TF", "histone", "accessibility"), "all"


def check(study):
    """Refuse a config whose parts do not fit together (InputError)."""
    naming.check(study)
    ranges.check(study)
    if (study.device, study.torch) == ("cuda", "cpu"):
        refuse("torch", "found cpu, a build without CUDA, and device: cuda; expected torch: cuda, or another device")
    if study.container is not None and study.torch == "cpu":
        refuse("torch", "found cpu, which the image of the key container does not hold; expected torch: cuda")
    for model in study.models.values():
        (check_network if isinstance(model, entries.Network) else check_classifier)(study, model)
    for extractor in study.extractors.values():
        if isinstance(extractor, entries.Extractor):
            check_extractor(study, extractor)
        if isinstance(extractor, entries.Motifs):
            expect(extractor.database, study.resources, f"features.{extractor.name}.database")
    for job in study.variants.values():
        check_variants(study, job)
    for dataset in study.datasets.values():
        check_dataset(study, dataset)
    for what, asked in study.generalisation.items():
        for name in asked.get("datasets", ()):
            expect(name, study.datasets, f"generalisation.{what}.datasets")
        if "database" in asked:
            expect(asked["database"], study.resources, f"generalisation.{what}.database")
    if "cut" in study.evaluation and "cut_quantile" in study.evaluation:
        refuse("evaluation", "found cut and cut_quantile; expected one of them at most")
    if study.timing:
        expect(study.timing.model, study.networks, "timing.model")
        if study.networks[study.timing.model].reads_tokens:
            refuse("timing.model", f"'{study.timing.model}' reads tokens, so that it cannot be attributed to bases")
        for method in study.timing.methods:
            expect(method, study.methods, "timing.methods")
    for where, entry in (("motifs", study.motifs), ("motifs.published", study.motifs["published"])):
        if "database" in entry:
            expect(entry["database"], study.resources, f"{where}.database")
    if study.motifs["seqlets"]["background"] == "genome":
        for dataset in study.datasets.values():
            if dataset.explain and study.motif_database(dataset.name) is not None and not genomes(dataset):
                found = f"found genome, and dataset '{dataset.name}' reads none; expected sequences or other"
                refuse("motifs.seqlets.background", found)


def check_network(study, network):
    where = f"models.{network.name}"
    architectures.check(network, f"{where}.settings")
    for key in ("weights", "pretrained", "motifs", "tokenizer"):
        if getattr(network, key) is not None:
            expect(getattr(network, key), study.resources, f"{where}.{key}")
    if network.trained_on is not None:
        if network.pretrained is not None:
            refuse(where, "found pretrained and trained_on; expected one of them at most")
        expect(network.trained_on.model, study.networks, f"{where}.trained_on.model")
        check_training(study, network.trained_on, f"{where}.trained_on")
        chain = [network.name]
        while (start := study.networks[chain[-1]].trained_on) is not None:
            chain.append(start.model)
            if chain[-1] in chain[:-1]:
                refuse(f"{where}.trained_on", f"{' starts from '.join(chain)}; expected a chain that ends")
    elif network.pretrained is None and (network.freeze or network.finetune is not None):
        key = "freeze" if network.freeze else "finetune"
        refuse(f"{where}.{key}", "needs the key pretrained or trained_on")


def check_classifier(study, classifier):
    where = f"models.{classifier.name}"
    expect(classifier.features, study.extractors, f"{where}.features")
    for group in classifier.groups or ():
        expect(group, groups_of(study.extractors[classifier.features]), f"{where}.groups")
    if classifier.tune is not None and classifier.classifier != "lightgbm":
        refuse(f"{where}.tune", f"the classifier is {classifier.classifier}; only lightgbm is tuned")
    known = declared.classes(f"classifiers/{classifier.classifier}")["Settings"].block()
    if found := settings.complaint(classifier.settings, known):
        refuse(f"{where}.settings{found[0]}", found[1])


def groups_of(extractor):
    """Groups of the targets that an extractor gives."""
    if isinstance(extractor, entries.Extractor):
        return GROUPS if extractor.names is not None else (UNGROUPED,)
    return (extractor.described["kind"],)


def check_training(study, training, where):
    """A training that something starts from is one that the config names."""
    expect(training.dataset, study.datasets, f"{where}.dataset")
    dataset = study.datasets[training.dataset]
    expect(training.model, dataset.models, f"{where}.dataset ({training.dataset}): models")
    expect(training.split, dataset.splits, f"{where}.split")
    expect(training.seed, study.models[training.model].seeds, f"{where}.seed")


def check_extractor(study, extractor):
    where = f"features.{extractor.name}"
    expect(extractor.model, study.networks, f"{where}.model")
    network = study.networks[extractor.model]
    if network.reads_tokens:
        refuse(f"{where}.model", f"'{extractor.model}' reads tokens; expected a network on one-hot sequence")
    for key, resource in extractor.resources.items():
        expect(resource, study.resources, f"{where}.{key}")
    if (extractor.classes is None) != (extractor.class_names is None):
        refuse(where, "found one of the keys classes, class_names; expected both or neither")
    if extractor.classes is not None and extractor.strands == "separate":
        refuse(f"{where}.strands", "found separate and classes; expected both or forward, of which classes have scores")
    if extractor.padding == "zeros" and extractor.context != "pad":
        refuse(f"{where}.padding", f"found zeros and context {extractor.context}; expected context pad")
    if extractor.context == "genome" and extractor.genome is None:
        refuse(where, "context: genome needs the key genome, a resource")
    if not network.is_published:
        if extractor.trained_on is None:
            refuse(where, f"model '{extractor.model}' has no published weights, so the key trained_on is needed")
        check_training(study, extractor.trained_on, f"{where}.trained_on")


def check_variants(study, job):
    where = f"variants.{job.name}"
    for key in ("vcf", "genome"):
        expect(getattr(job, key), study.resources, f"{where}.{key}")
    expect(job.features, study.extractors, f"{where}.features")
    extractor = study.extractors[job.features]
    if not isinstance(extractor, entries.Extractor):
        what = "counts k-mers" if isinstance(extractor, entries.Composition) else "scores motifs"
        refuse(f"{where}.features", f"features.{job.features} {what}; expected an extractor on a network")
    if extractor.strands == "separate":
        refuse(f"{where}.features", f"features.{job.features} keeps strands separate; expected both or forward")
    if extractor.classes is not None and extractor.histone is None and extractor.names is None:
        refuse(where, f"features.{job.features} has classes but neither histone nor names; expected one of them")


def check_dataset(study, dataset):
    where = f"datasets.{dataset.name}"
    for resource in declared.classes(dataset.source_module)["Settings"].resources(dataset.source):
        expect(resource, study.resources, f"{where}.source")
    check_inputs(dataset.source, dataset.window, f"{where}.source")
    check_targets(study, dataset, where)
    if dataset.motifs is not None:
        expect(dataset.motifs, study.resources, f"{where}.motifs")
    if dataset.genes is not None:
        expect(dataset.genes, study.resources, f"{where}.genes")
        if dataset.kind == "genomes":
            refuse(f"{where}.genes", "windows are of several genomes, one annotation is not; expected no such key")
    check_task(study, dataset, where)
    for model in dataset.models:
        expect(model, study.models, f"{where}.models")
        entry = study.models[model]
        if isinstance(entry, entries.Network):
            if entry.is_published:
                text = f"'{model}' has published weights and is not trained; use it in features or explain"
                refuse(f"{where}.models", text)
            check_modalities(dataset, entry)
        elif dataset.task == "binary" and dataset.n_targets is not None and dataset.n_targets > 1:
            text = f"'{model}' is a classifier, which expects one target; the source has several"
            refuse(f"{where}.models", text)
    vectors.check(study, dataset, where)
    check_explanations(study, dataset)
    if dataset.study is not None:
        check_study(dataset, f"{where}.study")


def check_modalities(dataset, network):
    """What a network and its training say of single modalities is of those of its dataset."""
    known = [entry["name"] for entry in dataset.targets] or [declared.literal("data/dataset", "ONLY")]
    where = f"models.{network.name} (of datasets.{dataset.name})"
    for name in network.training.get("modalities") or ():
        expect(name, known, f"{where}.training.modalities")
    # A network may have modalities of its own, whatever the dataset calls them.
    modular = architectures.is_modular(network.module, network.architecture)
    if modular and "modalities" not in network.settings:
        for key in ("heads", "joins"):
            for name in network.settings.get(key) or ():
                expect(name, known, f"{where}.settings.{key}")


def check_inputs(source, window, where):
    """The windows of several inputs add up to that of the dataset."""
    if source["kind"] == "inputs":
        sizes = [part["window"] for part in source["inputs"]]
        if sum(sizes) != window:
            sizes = " + ".join(map(str, sizes))
            refuse(f"{where}.inputs", f"windows are {sizes} bases, that of the dataset {window}; expected their sum")
    elif source["kind"] == "genomes":
        for number, part in enumerate(source["genomes"]):
            check_inputs(part["source"], window, f"{where}.genomes[{number}].source")


def check_targets(study, dataset, where):
    """The numbers of a dataset: their files, the names of modalities, and a source that leaves labels to them."""
    names = [entry["name"] for entry in dataset.targets]
    for number, entry in enumerate(dataset.targets):
        for resource in declared.classes(f"data/targets/{entry['kind']}")["Settings"].resources(entry):
            expect(resource, study.resources, f"{where}.targets[{number}]")
        if entry["name"] in names[:number]:
            refuse(f"{where}.targets[{number}].name", f"'{entry['name']}' is of an entry above; expected another name")
    if any(entry["kind"] == "columns" for entry in dataset.targets) and not declared.literal(
        dataset.source_module, "COLUMNS", False
    ):
        refuse(f"{where}.targets", f"kind columns is of a source of kind bed or table; found kind {dataset.kind}")
    if dataset.targets and dataset.is_labelled:
        kind = next(filter(entries.is_labelled, dataset.sources))["kind"]
        keys = declared.literal(f"data/sources/{kind}", "LABELS", ())
        how = f"; expected none of its keys {', '.join(keys)}" if keys else ""
        for key, values in declared.literal(f"data/sources/{kind}", "UNLABELLED", {}).items():
            how = f"; expected {key} {', '.join(values)}"
        refuse(f"{where}.targets", f"a source of kind {kind} labels its windows itself{how}")
    if not dataset.targets and not dataset.is_labelled:
        keys = declared.literal(dataset.source_module, "LABELS", ())
        labels = f"one of the keys {', '.join(keys)}, or " if keys else ""
        refuse(f"{where}.source", f"found no labels; expected {labels}the key targets beside it")


def check_task(study, dataset, where):
    """The metrics, models and the study of a dataset are of what its labels mean."""
    known = declared.tasks()
    for metric in dataset.metrics or ():
        if metric not in known[dataset.task]:
            owner = next((name for name, metrics in known.items() if metric in metrics), None)
            found = f"'{metric}' is of task {owner}" if owner else f"'{metric}' is not defined"
            expected = f"expected one of {', '.join(known[dataset.task])}, of task {dataset.task}"
            refuse(f"{where}.metrics", f"{found}; {expected}")
    labelled = [source["kind"] for source in dataset.sources if entries.is_labelled(source)]
    classes = [kind for kind in labelled if not declared.literal(f"data/sources/{kind}", "ANY_TASK", False)]
    if dataset.task != "binary" and not dataset.targets and classes:
        text = f"a source of kind {classes[0]} labels its windows 0 and 1; expected task binary"
        refuse(f"{where}.task", f"found {dataset.task}; {text}")
    for model in dataset.models:
        if isinstance(study.models.get(model), entries.Classifier):
            check_classifier_task(study.models[model], dataset.task, where)
    if dataset.task != "binary" and dataset.study is not None:
        refuse(f"{where}.study", f"the published study has task binary; found {dataset.task}")


def check_classifier_task(model, task, where):
    """A classifier has the task of the dataset; its search for settings is for two classes alone."""
    known = declared.literal(f"classifiers/{model.classifier}", "TASKS")
    if task not in known:
        expected = f"which expects task {' or '.join(known)}; found {task}"
        refuse(f"{where}.models", f"'{model.name}' is fitted by {model.classifier}, {expected}")
    if model.tune is not None and task != "binary":
        refuse(f"{where}.models", f"'{model.name}' has the key tune, which expects task binary; found {task}")


def check_explanations(study, dataset):
    explained, compared = set(), set()
    for number, job in enumerate(dataset.explain):
        where = f"datasets.{dataset.name}.explain[{number}]"
        known = [name for name, network in study.networks.items() if name in dataset.models or network.is_published]
        expect(job.model, known, f"{where}.model")
        network = study.networks[job.model]
        if network.reads_tokens:
            refuse(f"{where}.model", f"'{job.model}' reads tokens, so that it cannot be attributed to bases")
        expect(job.split, dataset.splits, f"{where}.split")
        check_published(study, dataset, job, network, where)
        for method in job.methods:
            expect(method, study.methods, f"{where}.methods")
        if job.reference is not None:
            expect(job.reference, job.methods, f"{where}.reference")
            if len(job.methods) < 2:
                refuse(f"{where}.reference", "found one method; expected another to compare with it")
        check_classes(study, dataset, job, network, where)
        for seed in job.seeds:
            expect(seed, network.seeds, f"{where}.seeds")
            if (job.model, job.split, seed) in explained:
                refuse(where, f"seed {seed} of this model and split is in an entry above; expected one entry")
            explained.add((job.model, job.split, seed))
        if job.reference is not None:
            if (job.model, job.split) in compared:
                refuse(f"{where}.reference", "this model and split have one in an entry above; expected one entry")
            compared.add((job.model, job.split))


def check_published(study, dataset, job, network, where):
    """What an explanation says of a network with published weights, and what only such a network may have."""
    if not network.is_published:
        if job.features is not None:
            refuse(f"{where}.features", f"'{job.model}' is trained here, on bare windows; expected no such key")
        return
    if job.outputs is None:
        refuse(where, f"'{job.model}' has published weights and no predictions to choose by; expected the key outputs")
    if job.features is not None:
        known = [name for name, entry in study.extractors.items() if getattr(entry, "model", None) == job.model]
        expect(job.features, known, f"{where}.features")
        if dataset.is_planted and study.extractors[job.features].context != "none":
            refuse(
                f"{where}.features",
                "planted motifs have their places in bare windows; expected an extractor of context none, or no such "
                "key, and windows as long as the network reads",
            )


def check_classes(study, dataset, job, network, where):
    """What is scored as in the intron retention study is of classes that a network predicts, and there are motifs."""
    if job.published is None:
        return
    where = f"{where}.published"
    expect(job.published, study.methods, where)
    if dataset.task != "binary":
        refuse(where, f"the dataset has task {dataset.task}; expected binary, whose classes are compared")
    if network.is_published:
        refuse(where, f"'{job.model}' has published weights and no predictions to choose by; expected no such key")
    if study.published_database(dataset.name) is None:
        refuse(where, "needs known motifs: the key database of motifs")


def check_study(dataset, where):
    """The models and splits that a comparison with a published study names are those of its dataset."""
    for role, split in dataset.study.splits.items():
        expect(split, dataset.splits, f"{where}.splits.{role}")
    for model in dataset.study.published:
        expect(model, dataset.models, f"{where}.published")
    for name, models in dataset.study.sets.items():
        for model in models:
            expect(model, dataset.models, f"{where}.sets.{name}")
