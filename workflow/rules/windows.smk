rule windows:
    input:
        study.source_files,
    output:
        windows=paths.WINDOWS,
        sequences=paths.SEQUENCES,
        labels=paths.LABELS,
        targets=paths.TARGETS,
        ledger=paths.LEDGER,
        manifest=paths.MANIFEST,
    log:
        "logs/{dataset}/windows.log",
    wildcard_constraints:
        dataset=study.datasets_with(),
    conda:
        "../../envs/data.yaml"
    resources:
        mem_mb=growing(4000),
        runtime="1h",
    params:
        code=study.source_code,
        source=lambda wildcards: to_json(study.dataset(wildcards).source),
        window=lambda wildcards: study.dataset(wildcards).window,
        seed=lambda wildcards: study.dataset(wildcards).seed,
        task=lambda wildcards: study.dataset(wildcards).task,
        resources=study.source_arguments,
        targets=study.target_arguments,
        folder=subpath(output.windows, parent=True),
    shell:
        "python -m cisflow windows --dataset {wildcards.dataset} --source {params.source:q} --window {params.window}"
        " --task {params.task} --seed {params.seed} {params.targets:q} --inputs {params.resources:q} --output {params.folder:q}"
        " > {log:q} 2>&1"


use rule windows as planted_windows with:
    output:
        windows=paths.WINDOWS,
        sequences=paths.SEQUENCES,
        labels=paths.LABELS,
        targets=paths.TARGETS,
        ledger=paths.LEDGER,
        manifest=paths.MANIFEST,
        truth=paths.TRUTH,
    wildcard_constraints:
        dataset=study.datasets_with(planted=True),


use rule windows as matched_windows with:
    output:
        windows=paths.WINDOWS,
        sequences=paths.SEQUENCES,
        labels=paths.LABELS,
        targets=paths.TARGETS,
        ledger=paths.LEDGER,
        manifest=paths.MANIFEST,
        matching=paths.MATCHING,
    wildcard_constraints:
        dataset=study.datasets_with(matched=True),


rule near_duplicates:
    input:
        windows=paths.WINDOWS,
        sequences=paths.SEQUENCES,
    output:
        paths.NEAR_DUPLICATES,
    log:
        "logs/{dataset}/near_duplicates.log",
    benchmark:
        "benchmarks/{dataset}/near_duplicates.tsv"
    conda:
        "../../envs/data.yaml"
    resources:
        # 26 kB a window of 600 bp (docs/scaling.md).
        mem_mb=growing(2000, each=45),
        runtime="2h",
    params:
        code=study.code("near_duplicates"),
        settings=lambda wildcards: to_json(study.dataset(wildcards).near_duplicates),
    shell:
        "python -m cisflow near-duplicates --windows {input.windows:q} --sequences {input.sequences:q}"
        " --settings {params.settings:q} --output {output:q} > {log:q} 2>&1"


rule split:
    input:
        windows=paths.WINDOWS,
        sequences=paths.SEQUENCES,
        labels=paths.LABELS,
        targets=paths.TARGETS,
        near_duplicates=study.near_duplicates,
    output:
        paths.SPLIT,
    log:
        "logs/{dataset}/split.{split}.log",
    localrule: True
    conda:
        "../../envs/data.yaml"
    resources:
        mem_mb=growing(1000),
        runtime="10m",
    params:
        code=study.code("split"),
        settings=lambda wildcards: to_json(study.split_settings(wildcards)),
        near_duplicates=lambda wildcards, input: option("near-duplicates", input.near_duplicates),
    shell:
        "python -m cisflow split --windows {input.windows:q} --name {wildcards.split} --settings {params.settings:q}"
        " {params.near_duplicates:q} --output {output:q} > {log:q} 2>&1"


rule leakage:
    input:
        windows=paths.WINDOWS,
        split=paths.SPLIT,
        near_duplicates=paths.NEAR_DUPLICATES,
        genes=study.genes,
    output:
        report(paths.LEAKAGE, caption="../report/tables.rst", category="Tables"),
    log:
        "logs/{dataset}/leakage.{split}.log",
    conda:
        "../../envs/data.yaml"
    resources:
        mem_mb=growing(4000),
        runtime="1h",
    params:
        code=study.code("leakage"),
        genes=lambda wildcards, input: option("genes", input.genes),
    shell:
        "python -m cisflow leakage --windows {input.windows:q} --split {input.split:q}"
        " --near-duplicates {input.near_duplicates:q} {params.genes:q} --output {output:q} > {log:q} 2>&1"
