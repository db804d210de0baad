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


rule split:
    input:
        windows="results/{dataset}/windows.tsv",
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
    shell:
        "python -m cisflow split --windows {input.windows} --name {wildcards.split} --settings {params.settings:q}"
        " --output {output} > {log} 2>&1"
