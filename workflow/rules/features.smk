rule features_shard:
    input:
        windows=paths.WINDOWS,
        sequences=paths.SEQUENCES,
        weights=study.extractor_weights,
        genome=study.extractor_genome,
    output:
        paths.FEATURE_SHARD,
    log:
        "logs/{dataset}/features.{extractor}.{scatteritem}.log",
    benchmark:
        "benchmarks/{dataset}/features.{extractor}.{scatteritem}.tsv"
    conda:
        TORCH
    threads: 4
    resources:
        gpu=1,
        mem_mb=growing(8000),
        runtime="12h",
    params:
        code=study.extractor_code,
        extractor=lambda wildcards: to_json(study.reading(study.extractor(wildcards))),
        genome=lambda wildcards, input: option("genome", input.genome),
        dataset=subpath(input.windows, parent=True),
        shard=lambda wildcards: wildcards.scatteritem.replace("-of-", " --shards "),
        device=study.device,
    shell:
        "python -m cisflow features --dataset {params.dataset:q} --weights {input.weights:q}"
        " --extractor {params.extractor:q} {params.genome:q} --shard {params.shard} --device {params.device}"
        " --gpus {resources.gpu} --threads {threads} --output {output:q} > {log:q} 2>&1"


rule features:
    input:
        shards=gather.shard(paths.escaped(paths.FEATURE_SHARD, but="scatteritem")),
        windows=paths.WINDOWS,
        sequences=paths.SEQUENCES,
        weights=study.extractor_weights,
        names=study.extractor_names,
    output:
        features=paths.FEATURE_ARRAY,
        ids=paths.FEATURE_IDS,
        targets=paths.FEATURE_TARGETS,
        manifest=paths.FEATURE_MANIFEST,
    log:
        "logs/{dataset}/features.{extractor}.log",
    wildcard_constraints:
        extractor=study.extractors_of(entries.Extractor),
    conda:
        TORCH
    resources:
        mem_mb=growing(4000),
        runtime="1h",
    params:
        code=code.command("gather_features"),
        extractor=lambda wildcards: to_json(study.reading(study.extractor(wildcards))),
        names=lambda wildcards, input: option("names", input.names),
        dataset=subpath(input.windows, parent=True),
        folder=subpath(output.features, parent=True),
    shell:
        "python -m cisflow gather-features --shards {input.shards:q} --dataset {params.dataset:q}"
        " --weights {input.weights:q} --extractor {params.extractor:q} {params.names:q} --output {params.folder:q}"
        " > {log:q} 2>&1"


rule sequence_classes:
    input:
        unpack(study.class_files),
        features=paths.FEATURE_ARRAY,
        ids=paths.FEATURE_IDS,
    output:
        scores=paths.CLASS_SCORES,
        table=paths.CLASS_TABLE,
    log:
        "logs/{dataset}/sequence_classes.{extractor}.log",
    conda:
        "../../envs/data.yaml"
    resources:
        mem_mb=growing(4000),
        runtime="1h",
    params:
        code=code.command("sequence_classes"),
        folder=subpath(input.features, parent=True),
    shell:
        "python -m cisflow sequence-classes --features {params.folder:q} --classes {input.classes:q}"
        " --class-names {input.class_names:q} --output {output.scores:q} --table {output.table:q} > {log:q} 2>&1"


rule composition:
    input:
        windows=paths.WINDOWS,
        sequences=paths.SEQUENCES,
    output:
        features=paths.FEATURE_ARRAY,
        ids=paths.FEATURE_IDS,
        targets=paths.FEATURE_TARGETS,
        manifest=paths.FEATURE_MANIFEST,
    log:
        "logs/{dataset}/composition.{extractor}.log",
    wildcard_constraints:
        extractor=study.extractors_of(entries.Composition),
    conda:
        "../../envs/data.yaml"
    resources:
        mem_mb=growing(4000),
        runtime="1h",
    params:
        code=code.command("composition"),
        extractor=lambda wildcards: to_json(study.extractor(wildcards).described),
        folder=subpath(output.features, parent=True),
    shell:
        "python -m cisflow composition --windows {input.windows:q} --sequences {input.sequences:q}"
        " --extractor {params.extractor:q} --output {params.folder:q} > {log:q} 2>&1"


rule motif_features:
    input:
        windows=paths.WINDOWS,
        sequences=paths.SEQUENCES,
        database=study.extractor_database,
    output:
        features=paths.FEATURE_ARRAY,
        ids=paths.FEATURE_IDS,
        targets=paths.FEATURE_TARGETS,
        manifest=paths.FEATURE_MANIFEST,
    log:
        "logs/{dataset}/motif_features.{extractor}.log",
    wildcard_constraints:
        extractor=study.extractors_of(entries.Motifs),
    conda:
        "../../envs/data.yaml"
    resources:
        mem_mb=growing(4000),
        runtime="2h",
    params:
        code=code.command("motif_features"),
        extractor=lambda wildcards: to_json(study.extractor(wildcards).described),
        folder=subpath(output.features, parent=True),
    shell:
        "python -m cisflow motif-features --windows {input.windows:q} --sequences {input.sequences:q}"
        " --database {input.database:q} --extractor {params.extractor:q} --output {params.folder:q} > {log:q} 2>&1"
