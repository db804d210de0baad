rule attribute:
    input:
        unpack(study.explained_files),
        windows=paths.WINDOWS,
        sequences=paths.SEQUENCES,
        labels=paths.LABELS,
        targets=paths.TARGETS,
    output:
        paths.ATTRIBUTIONS,
    log:
        "logs/{dataset}/attribute.{model}.{split}.seed{seed}.{method}.log",
    benchmark:
        "benchmarks/{dataset}/attribute.{model}.{split}.seed{seed}.{method}.tsv"
    wildcard_constraints:
        dataset=study.explained_datasets(sharded=False),
    # The longest chain of jobs starts here.
    priority: 1
    conda:
        TORCH
    threads: 4
    resources:
        gpu=1,
        mem_mb=growing(8000),
        runtime="12h",
    params:
        code=study.code("attribute", study.method, study.architecture),
        method=lambda wildcards: to_json(study.methods[wildcards.method].described),
        selection=lambda wildcards: to_json(study.explanation(wildcards).asked),
        subject=study.explained_arguments,
        shard=study.shard_arguments,
        dataset=subpath(input.windows, parent=True),
        # Finished rows live where Snakemake does not delete them when the job fails, so that it goes on with the rest.
        work=lambda wildcards, output: Path(output[0]).with_suffix(".work").as_posix(),
        device=study.device,
    shell:
        "python -m cisflow attribute --dataset {params.dataset:q} --weights {input.weights:q}"
        " {params.subject:q} --method {params.method:q} --selection {params.selection:q} --seed {wildcards.seed}"
        " {params.shard:q} --code {params.code} --device {params.device} --gpus {resources.gpu} --threads {threads}"
        " --work {params.work:q} --output {output:q} > {log:q} 2>&1"


use rule attribute as attribute_shard with:
    output:
        paths.ATTRIBUTION_SHARD,
    log:
        "logs/{dataset}/attribute.{model}.{split}.seed{seed}.{method}.{part}.log",
    benchmark:
        "benchmarks/{dataset}/attribute.{model}.{split}.seed{seed}.{method}.{part}.tsv"
    wildcard_constraints:
        dataset=study.explained_datasets(sharded=True),


# What the network makes of sequences that keep dinucleotides and nothing else: the null of seqlets and hits.
use rule attribute as attribute_shuffled with:
    output:
        paths.NULL_ATTRIBUTIONS,
    log:
        "logs/{dataset}/attribute_shuffled.{model}.{split}.seed{seed}.{method}.log",
    benchmark:
        "benchmarks/{dataset}/attribute_shuffled.{model}.{split}.seed{seed}.{method}.tsv"
    wildcard_constraints:
        dataset="[A-Za-z0-9_-]+",
    params:
        shard=["--shuffled", str(study.motifs["n_shuffled"])],


# As in the intron retention study: the logit of a class, on each strand.
use rule attribute as attribute_classes with:
    output:
        paths.CLASS_ATTRIBUTIONS,
    log:
        "logs/{dataset}/attribute_classes.{model}.{split}.seed{seed}.{method}.log",
    benchmark:
        "benchmarks/{dataset}/attribute_classes.{model}.{split}.seed{seed}.{method}.tsv"
    wildcard_constraints:
        dataset="[A-Za-z0-9_-]+",
    params:
        selection="{}",
        shard=study.class_arguments,


rule gather_attributions:
    input:
        study.attribution_shards,
    output:
        paths.ATTRIBUTIONS,
    log:
        "logs/{dataset}/gather_attributions.{model}.{split}.seed{seed}.{method}.log",
    wildcard_constraints:
        dataset=study.explained_datasets(sharded=True),
    conda:
        "../../envs/data.yaml"
    resources:
        mem_mb=growing(8000),
        runtime="1h",
    params:
        code=code.command("gather_attributions"),
    shell:
        "python -m cisflow gather-attributions --shards {input:q} --output {output:q} > {log:q} 2>&1"


rule explained_ledger:
    input:
        unpack(study.explained_choice),
        windows=paths.WINDOWS,
        sequences=paths.SEQUENCES,
        labels=paths.LABELS,
        targets=paths.TARGETS,
    output:
        paths.EXPLAINED_LEDGER,
    log:
        "logs/{dataset}/explained_ledger.{model}.{split}.seed{seed}.log",
    conda:
        "../../envs/data.yaml"
    resources:
        mem_mb=growing(4000),
        runtime="30m",
    params:
        code=study.code("explained_ledger"),
        selection=lambda wildcards: to_json(study.explanation(wildcards).asked),
        choice=study.choice_arguments,
        dataset=subpath(input.windows, parent=True),
    shell:
        "python -m cisflow explained-ledger --dataset {params.dataset:q} {params.choice:q}"
        " --selection {params.selection:q} --output {output:q} > {log:q} 2>&1"


rule export_tracks:
    input:
        attributions=paths.ATTRIBUTIONS,
        windows=paths.WINDOWS,
        genomes=study.window_genomes,
    output:
        directory(paths.TRACKS),
    log:
        "logs/{dataset}/export_tracks.{model}.{split}.seed{seed}.{method}.log",
    conda:
        "../../envs/data.yaml"
    resources:
        mem_mb=growing(8000),
        runtime="1h",
    params:
        code=code.command("export_tracks"),
        dataset=subpath(input.windows, parent=True),
        genomes=study.genome_arguments,
    shell:
        "python -m cisflow export-tracks --attributions {input.attributions:q} --dataset {params.dataset:q}"
        " {params.genomes:q} --output {output:q} > {log:q} 2>&1"


rule compare_attributions:
    input:
        unpack(study.compared_files),
        truth=study.truth,
    output:
        expand(paths.COMPARISON_TABLE, table=COMPARISON_TABLES[:-1], allow_missing=True),
        summary=report(
            paths.fill(paths.COMPARISON_TABLE, dataset="{dataset}", model="{model}", split="{split}", table="summary"),
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
        TORCH
    threads: 4
    resources:
        gpu=1,
        mem_mb=growing(8000),
        runtime="6h",
    params:
        code=study.compared_code,
        compared=study.compared_arguments,
        device=study.device,
        folder=subpath(output.summary, parent=True),
    shell:
        "python -m cisflow compare-attributions {params.compared:q} --device {params.device}"
        " --gpus {resources.gpu} --threads {threads} --output {params.folder:q} > {log:q} 2>&1"


rule time_attributions:
    output:
        paths.TIMING,
    log:
        "logs/time_attributions.log",
    benchmark:
        "benchmarks/time_attributions.tsv"
    conda:
        TORCH
    threads: 4
    resources:
        gpu=1,
        mem_mb=growing(16000),
        runtime="6h",
    params:
        code=study.timing_code,
        model=lambda wildcards: to_json(study.networks[study.timing.model].layout),
        methods=lambda wildcards: to_json(study.timed_methods()),
        sizes=lambda wildcards: to_json(study.timing.sizes),
        repeats=lambda wildcards: study.timing.repeats,
        device=study.device,
    shell:
        "python -m cisflow time-attributions --model {params.model:q} --methods {params.methods:q}"
        " --sizes {params.sizes:q} --repeats {params.repeats} --device {params.device} --gpus {resources.gpu}"
        " --threads {threads} --output {output:q} > {log:q} 2>&1"
