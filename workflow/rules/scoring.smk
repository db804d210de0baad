rule scan_seqlets:
    input:
        unpack(study.scanned_files),
        attributions=paths.ATTRIBUTIONS,
        windows=paths.WINDOWS,
        sequences=paths.SEQUENCES,
        labels=paths.LABELS,
        targets=paths.TARGETS,
        database=study.database,
    output:
        seqlets=paths.SEQLETS,
        scores=paths.MOTIF_SCORES,
        background=paths.BACKGROUND,
        nulls=paths.MOTIF_NULLS,
    log:
        "logs/{dataset}/scan_seqlets.{model}.{split}.seed{seed}.{method}.log",
    conda:
        TORCH
    threads: 2
    resources:
        mem_mb=growing(4000),
        runtime="1h",
    params:
        code=code.command("scan_seqlets"),
        settings=to_json(study.motifs["seqlets"]),
        seed=study.motifs["seed"],
        dataset=subpath(input.windows, parent=True),
        files=study.scanned_arguments,
    shell:
        "python -m cisflow scan-seqlets --attributions {input.attributions:q} {params.files:q}"
        " --dataset {params.dataset:q} --database {input.database:q} --settings {params.settings:q}"
        " --seed {params.seed} --threads {threads} --seqlets {output.seqlets:q} --scores {output.scores:q}"
        " --background {output.background:q} --nulls {output.nulls:q} > {log:q} 2>&1"


rule published_scores:
    input:
        attributions=paths.CLASS_ATTRIBUTIONS,
        predictions=paths.PREDICTIONS,
        sequences=paths.SEQUENCES,
        windows=paths.WINDOWS,
        labels=paths.LABELS,
        targets=paths.TARGETS,
        database=study.published_motifs,
        matched=study.matched_scores,
    output:
        scores=report(
            paths.PUBLISHED_SCORES,
            caption="../report/tables.rst",
            category="Motifs",
            subcategory="{dataset}",
            labels={"model": "{model} ({split}, seed {seed})", "method": "{method}", "content": "published scoring"},
        ),
        classes=paths.PUBLISHED_CLASSES,
    log:
        "logs/{dataset}/published_scores.{model}.{split}.seed{seed}.{method}.log",
    conda:
        "../../envs/motifs.yaml"
    resources:
        mem_mb=growing(8000),
        runtime="1h",
    params:
        code=study.code("published_scores"),
        settings=study.published_settings,
        seed=study.motifs["seed"],
        dataset=subpath(input.windows, parent=True),
        matched=lambda wildcards, input: option("matched", input.get("matched", [])),
    shell:
        "python -m cisflow published-scores --attributions {input.attributions:q} --predictions {input.predictions:q}"
        " --dataset {params.dataset:q} --database {input.database:q} {params.matched:q}"
        " --settings {params.settings:q} --seed {params.seed} --output {output.scores:q}"
        " --classes {output.classes:q} > {log:q} 2>&1"


rule kernels:
    input:
        windows=paths.WINDOWS,
        sequences=paths.SEQUENCES,
        labels=paths.LABELS,
        targets=paths.TARGETS,
        split=paths.SPLIT,
        weights=paths.WEIGHTS,
        database=study.database,
    output:
        table=report(
            paths.KERNEL_TABLE,
            caption="../report/tables.rst",
            category="Motifs",
            subcategory="{dataset}",
            labels={"model": "{model} ({split}, seed {seed})", "method": "none", "content": "first-layer kernels"},
        ),
        matrices=paths.KERNEL_MATRICES,
        raw=paths.KERNEL_WEIGHTS,
        summary=paths.KERNEL_SUMMARY,
    log:
        "logs/{dataset}/kernels.{model}.{split}.seed{seed}.log",
    benchmark:
        "benchmarks/{dataset}/kernels.{model}.{split}.seed{seed}.tsv"
    wildcard_constraints:
        model=study.models_of(entries.Network),
    conda:
        TORCH
    threads: 4
    resources:
        gpu=1,
        mem_mb=growing(8000),
        runtime="4h",
    params:
        code=study.code("kernels", study.architecture),
        settings=to_json(study.motifs["kernels"]),
        seed=study.motifs["seed"],
        dataset=subpath(input.windows, parent=True),
        device=study.device,
    shell:
        "python -m cisflow kernels --dataset {params.dataset:q} --split {input.split:q} --weights {input.weights:q}"
        " --database {input.database:q} --settings {params.settings:q} --seed {params.seed} --device {params.device}"
        " --gpus {resources.gpu} --threads {threads} --output {output.table:q} --matrices {output.matrices:q}"
        " --raw {output.raw:q} --summary {output.summary:q} > {log:q} 2>&1"
