rule features_shard:
    input:
        windows="results/{dataset}/windows.tsv",
        sequences="results/{dataset}/sequences.npy",
        weights=get_extractor_weights,
        genome=get_extractor_genome,
    output:
        "results/{dataset}/features/{extractor}/shards/{scatteritem}.npz",
    log:
        "logs/{dataset}/features.{extractor}.{scatteritem}.log",
    benchmark:
        "benchmarks/{dataset}/features.{extractor}.{scatteritem}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 4
    resources:
        gpu=1,
        mem_mb=8000,
        runtime="12h",
    params:
        code=extractor_code,
        extractor=lambda wildcards: to_json(get_extractor(wildcards)),
        genome=lambda wildcards, input: f"--genome {shlex.quote(input.genome[0])}" if input.genome else "",
        dataset=subpath(input.windows, parent=True),
        shard=lambda wildcards: wildcards.scatteritem.replace("-of-", " --shards "),
        device=config["device"],
    shell:
        "python -m cisflow features --dataset {params.dataset} --weights {input.weights}"
        " --extractor {params.extractor:q} {params.genome} --shard {params.shard} --device {params.device}"
        " --gpus {resources.gpu} --threads {threads} --output {output} > {log} 2>&1"


rule features:
    input:
        shards=gather.shard("results/{{dataset}}/features/{{extractor}}/shards/{scatteritem}.npz"),
        windows="results/{dataset}/windows.tsv",
        sequences="results/{dataset}/sequences.npy",
        weights=get_extractor_weights,
        names=get_extractor_names,
    output:
        features="results/{dataset}/features/{extractor}/features.npy",
        ids="results/{dataset}/features/{extractor}/ids.tsv",
        targets="results/{dataset}/features/{extractor}/targets.tsv",
        manifest="results/{dataset}/features/{extractor}/manifest.json",
    log:
        "logs/{dataset}/features.{extractor}.log",
    wildcard_constraints:
        extractor=extractors_of_kind(composition=False),
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=4000,
        runtime="1h",
    params:
        code=code_digest("commands/gather_features"),
        extractor=lambda wildcards: to_json(get_extractor(wildcards)),
        names=lambda wildcards, input: f"--names {shlex.quote(input.names[0])}" if input.names else "",
        dataset=subpath(input.windows, parent=True),
        folder=subpath(output.features, parent=True),
    shell:
        "python -m cisflow gather-features --shards {input.shards} --dataset {params.dataset}"
        " --weights {input.weights} --extractor {params.extractor:q} {params.names} --output {params.folder}"
        " > {log} 2>&1"


rule sequence_classes:
    input:
        unpack(get_class_files),
        features="results/{dataset}/features/{extractor}/features.npy",
        ids="results/{dataset}/features/{extractor}/ids.tsv",
    output:
        scores="results/{dataset}/features/{extractor}/sequence_classes.npy",
        table="results/{dataset}/features/{extractor}/sequence_classes.tsv",
    log:
        "logs/{dataset}/sequence_classes.{extractor}.log",
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=4000,
        runtime="1h",
    params:
        code=code_digest("commands/sequence_classes"),
        folder=subpath(input.features, parent=True),
    shell:
        "python -m cisflow sequence-classes --features {params.folder} --classes {input.classes}"
        " --class-names {input.class_names} --output {output.scores} --table {output.table} > {log} 2>&1"


rule composition:
    input:
        windows="results/{dataset}/windows.tsv",
        sequences="results/{dataset}/sequences.npy",
    output:
        features="results/{dataset}/features/{extractor}/features.npy",
        ids="results/{dataset}/features/{extractor}/ids.tsv",
        targets="results/{dataset}/features/{extractor}/targets.tsv",
        manifest="results/{dataset}/features/{extractor}/manifest.json",
    log:
        "logs/{dataset}/composition.{extractor}.log",
    wildcard_constraints:
        extractor=extractors_of_kind(composition=True),
    conda:
        "../../envs/data.yaml"
    resources:
        mem_mb=4000,
        runtime="1h",
    params:
        code=code_digest("commands/composition"),
        extractor=lambda wildcards: to_json(config["features"][wildcards.extractor]),
        folder=subpath(output.features, parent=True),
    shell:
        "python -m cisflow composition --windows {input.windows} --sequences {input.sequences}"
        " --extractor {params.extractor:q} --output {params.folder} > {log} 2>&1"
