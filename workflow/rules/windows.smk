rule windows:
    input:
        get_source_files,
    output:
        windows="results/{dataset}/windows.tsv",
        sequences="results/{dataset}/sequences.npy",
        labels="results/{dataset}/targets.npy",
        targets="results/{dataset}/targets.tsv",
        manifest="results/{dataset}/manifest.json",
    log:
        "logs/{dataset}/windows.log",
    wildcard_constraints:
        dataset=datasets_of_kind(planted=False),
    conda:
        "../../envs/data.yaml"
    resources:
        mem_mb=4000,
        runtime="1h",
    params:
        code=source_code,
        source=lambda wildcards: to_json(config["datasets"][wildcards.dataset]["source"]),
        window=lambda wildcards: config["datasets"][wildcards.dataset]["window"],
        seed=lambda wildcards: config["datasets"][wildcards.dataset]["seed"],
        resources=get_source_arguments,
        folder=subpath(output.windows, parent=True),
    shell:
        "python -m cisflow windows --dataset {wildcards.dataset} --source {params.source:q} --window {params.window}"
        " --seed {params.seed} --inputs {params.resources:q} --output {params.folder} > {log} 2>&1"


use rule windows as planted_windows with:
    output:
        windows="results/{dataset}/windows.tsv",
        sequences="results/{dataset}/sequences.npy",
        labels="results/{dataset}/targets.npy",
        targets="results/{dataset}/targets.tsv",
        manifest="results/{dataset}/manifest.json",
        truth="results/{dataset}/truth.tsv",
    wildcard_constraints:
        dataset=datasets_of_kind(planted=True),


rule near_duplicates:
    input:
        windows="results/{dataset}/windows.tsv",
        sequences="results/{dataset}/sequences.npy",
    output:
        "results/{dataset}/near_duplicates.tsv",
    log:
        "logs/{dataset}/near_duplicates.log",
    benchmark:
        "benchmarks/{dataset}/near_duplicates.tsv"
    conda:
        "../../envs/data.yaml"
    resources:
        mem_mb=6000,
        runtime="2h",
    params:
        code=code_digest("commands/near_duplicates"),
        settings=lambda wildcards: to_json(config["datasets"][wildcards.dataset]["near_duplicates"]),
    shell:
        "python -m cisflow near-duplicates --windows {input.windows} --sequences {input.sequences}"
        " --settings {params.settings:q} --output {output} > {log} 2>&1"


rule split:
    input:
        windows="results/{dataset}/windows.tsv",
        near_duplicates=get_near_duplicates,
    output:
        "results/{dataset}/splits/{split}.tsv",
    log:
        "logs/{dataset}/split.{split}.log",
    localrule: True
    conda:
        "../../envs/data.yaml"
    resources:
        mem_mb=1000,
        runtime="10m",
    params:
        code=code_digest("commands/split"),
        settings=lambda wildcards: to_json(config["datasets"][wildcards.dataset]["splits"][wildcards.split]),
        near_duplicates=lambda wildcards, input: (
            f"--near-duplicates {shlex.quote(input.near_duplicates[0])}" if input.near_duplicates else ""
        ),
    shell:
        "python -m cisflow split --windows {input.windows} --name {wildcards.split} --settings {params.settings:q}"
        " {params.near_duplicates} --output {output} > {log} 2>&1"


rule leakage:
    input:
        windows="results/{dataset}/windows.tsv",
        split="results/{dataset}/splits/{split}.tsv",
        near_duplicates="results/{dataset}/near_duplicates.tsv",
        genes=get_genes,
    output:
        report("results/{dataset}/splits/{split}.leakage.tsv", caption="../report/tables.rst", category="Tables"),
    log:
        "logs/{dataset}/leakage.{split}.log",
    conda:
        "../../envs/data.yaml"
    resources:
        mem_mb=4000,
        runtime="1h",
    params:
        code=code_digest("commands/leakage"),
        genes=lambda wildcards, input: f"--genes {shlex.quote(input.genes[0])}" if input.genes else "",
    shell:
        "python -m cisflow leakage --windows {input.windows} --split {input.split}"
        " --near-duplicates {input.near_duplicates} {params.genes} --output {output} > {log} 2>&1"
