rule attribute:
    input:
        unpack(get_explained_files),
        windows="results/{dataset}/windows.tsv",
        sequences="results/{dataset}/sequences.npy",
        labels="results/{dataset}/targets.npy",
        targets="results/{dataset}/targets.tsv",
    output:
        "results/{dataset}/attributions/{model}/{split}/seed{seed}/{method}.npz",
    log:
        "logs/{dataset}/attribute.{model}.{split}.seed{seed}.{method}.log",
    benchmark:
        "benchmarks/{dataset}/attribute.{model}.{split}.seed{seed}.{method}.tsv"
    wildcard_constraints:
        dataset=explained_datasets(sharded=False),
    # The longest chain of jobs starts here.
    priority: 1
    conda:
        "../../envs/torch.yaml"
    threads: 4
    resources:
        gpu=1,
        mem_mb=8000,
        runtime="12h",
    params:
        code=network_code("attribute"),
        method=lambda wildcards: to_json(get_method(wildcards.method)),
        selection=lambda wildcards: to_json(get_selection(wildcards)),
        subject=get_explained_arguments,
        shard=get_shard_option,
        dataset=subpath(input.windows, parent=True),
        # Finished rows live where Snakemake does not delete them when the job fails, so that it goes on with the rest.
        work=lambda wildcards, output: Path(output[0]).with_suffix(".work").as_posix(),
        device=config["device"],
    shell:
        "python -m cisflow attribute --dataset {params.dataset} --weights {input.weights}"
        " {params.subject} --method {params.method:q} --selection {params.selection:q} --seed {wildcards.seed}"
        " {params.shard} --code {params.code} --device {params.device} --gpus {resources.gpu} --threads {threads}"
        " --work {params.work} --output {output} > {log} 2>&1"


use rule attribute as attribute_shard with:
    output:
        "results/{dataset}/attributions/{model}/{split}/seed{seed}/{method}.shards/{part}.npz",
    log:
        "logs/{dataset}/attribute.{model}.{split}.seed{seed}.{method}.{part}.log",
    benchmark:
        "benchmarks/{dataset}/attribute.{model}.{split}.seed{seed}.{method}.{part}.tsv"
    wildcard_constraints:
        dataset=explained_datasets(sharded=True),


rule gather_attributions:
    input:
        get_attribution_shards,
    output:
        "results/{dataset}/attributions/{model}/{split}/seed{seed}/{method}.npz",
    log:
        "logs/{dataset}/gather_attributions.{model}.{split}.seed{seed}.{method}.log",
    wildcard_constraints:
        dataset=explained_datasets(sharded=True),
    conda:
        "../../envs/data.yaml"
    resources:
        mem_mb=8000,
        runtime="1h",
    params:
        code=code_digest("commands/gather_attributions"),
    shell:
        "python -m cisflow gather-attributions --shards {input} --output {output} > {log} 2>&1"


rule compare_attributions:
    input:
        get_compared_files,
        truth=get_truth,
        names=get_compared_names,
    output:
        expand("results/{{dataset}}/comparisons/{{model}}/{{split}}/{name}.tsv", name=COMPARISONS[:-1]),
        summary=report(
            "results/{dataset}/comparisons/{model}/{split}/summary.tsv",
            caption="../report/tables.rst",
            category="Tables",
            subcategory="{dataset}",
            labels={"content": "attribution methods compared", "model": "{model}", "split": "{split}"},
        ),
    log:
        "logs/{dataset}/compare_attributions.{model}.{split}.log",
    benchmark:
        "benchmarks/{dataset}/compare_attributions.{model}.{split}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 4
    resources:
        gpu=1,
        mem_mb=8000,
        runtime="6h",
    params:
        code=network_code("compare_attributions"),
        runs=lambda wildcards: to_json(get_compared_runs(wildcards)),
        methods=lambda wildcards: to_json(get_compared_methods(wildcards)),
        reference=lambda wildcards: get_comparison(wildcards)["reference"],
        targets=get_compared_targets,
        subject=get_compared_subject,
        truth=lambda wildcards, input: option("truth", input.truth),
        device=config["device"],
        folder=subpath(output.summary, parent=True),
    shell:
        "python -m cisflow compare-attributions --runs {params.runs:q} --methods {params.methods:q}"
        " --reference {params.reference} {params.targets} {params.subject} {params.truth} --device {params.device}"
        " --gpus {resources.gpu} --threads {threads} --output {params.folder} > {log} 2>&1"


rule time_attributions:
    output:
        "results/timing.tsv",
    log:
        "logs/time_attributions.log",
    benchmark:
        "benchmarks/time_attributions.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 4
    resources:
        gpu=1,
        mem_mb=16000,
        runtime="6h",
    params:
        code=timing_code,
        model=lambda wildcards: to_json(get_layout(config["timing"]["model"])),
        methods=lambda wildcards: to_json(get_timed_methods()),
        sizes=lambda wildcards: to_json({key: config["timing"][key] for key in ("lengths", "sequences", "targets")}),
        repeats=lambda wildcards: config["timing"]["repeats"],
        device=config["device"],
    shell:
        "python -m cisflow time-attributions --model {params.model:q} --methods {params.methods:q}"
        " --sizes {params.sizes:q} --repeats {params.repeats} --device {params.device} --gpus {resources.gpu}"
        " --threads {threads} --output {output} > {log} 2>&1"
