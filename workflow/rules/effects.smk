# Motifs put into backgrounds, of all seeds of a network together.
rule motif_effects:
    input:
        unpack(study.motif_effect_files),
        windows=paths.WINDOWS,
        sequences=paths.SEQUENCES,
        labels=paths.LABELS,
        targets=paths.TARGETS,
    output:
        single=report(
            paths.MOTIFS_SINGLY,
            caption="../report/effects.rst",
            category="Effects",
            subcategory="{dataset}",
            labels={"model": "{model}", "split": "{split}", "content": "motifs, singly"},
        ),
        positions=paths.MOTIF_POSITIONS,
        pairs=paths.MOTIF_PAIRS,
        interactions=report(
            paths.MOTIF_INTERACTIONS,
            caption="../report/effects.rst",
            category="Effects",
            subcategory="{dataset}",
            labels={"model": "{model}", "split": "{split}", "content": "pairs of motifs"},
        ),
    log:
        "logs/{dataset}/motif_effects.{model}.{split}.log",
    benchmark:
        "benchmarks/{dataset}/motif_effects.{model}.{split}.tsv"
    conda:
        TORCH
    threads: 2
    resources:
        gpu=1,
        mem_mb=growing(4000),
        runtime="4h",
    params:
        code=study.motif_effect_code,
        settings=lambda wildcards: to_json(study.motif_effect_job(wildcards).settings),
        seed=lambda wildcards: study.motif_effect_job(wildcards).seed,
        subject=study.motif_effect_arguments,
        dataset=subpath(input.windows, parent=True),
        folder=subpath(output.single, parent=True),
        device=study.device,
    shell:
        "python -m cisflow motif-effects --dataset {params.dataset:q} --split {input.split_table:q}"
        " --weights {input.weights:q} {params.subject:q} --settings {params.settings:q} --seed {params.seed}"
        " --device {params.device} --gpus {resources.gpu} --threads {threads} --output {params.folder:q} > {log:q} 2>&1"


# Variants of a VCF by networks that were trained here, with what they are compared with.
rule variant_effects:
    input:
        unpack(study.variant_effect_files),
        windows=paths.WINDOWS,
        sequences=paths.SEQUENCES,
        labels=paths.LABELS,
        targets=paths.TARGETS,
    output:
        effects=report(
            paths.VARIANT_EFFECTS,
            caption="../report/own_variants.rst",
            category="Effects",
            subcategory="{dataset}",
            labels={"model": "{job}", "split": "all", "content": "variants"},
        ),
        null=paths.VARIANT_NULL,
        haplotypes=report(
            paths.HAPLOTYPES,
            caption="../report/own_variants.rst",
            category="Effects",
            subcategory="{dataset}",
            labels={"model": "{job}", "split": "all", "content": "haplotypes"},
        ),
    log:
        "logs/{dataset}/variant_effects.{job}.log",
    benchmark:
        "benchmarks/{dataset}/variant_effects.{job}.tsv"
    conda:
        TORCH
    threads: 2
    resources:
        gpu=1,
        mem_mb=growing(4000),
        runtime="4h",
    params:
        code=study.variant_effect_code,
        settings=lambda wildcards: to_json(study.variant_effect_job(wildcards).settings),
        seed=lambda wildcards: study.variant_effect_job(wildcards).seed,
        subject=study.variant_effect_arguments,
        dataset=subpath(input.windows, parent=True),
        folder=subpath(output.effects, parent=True),
        device=study.device,
    shell:
        "python -m cisflow variant-effects --dataset {params.dataset:q} --weights {input.weights:q} {params.subject:q}"
        " --settings {params.settings:q} --seed {params.seed} --device {params.device} --gpus {resources.gpu}"
        " --threads {threads} --output {params.folder:q} > {log:q} 2>&1"


rule saturate:
    input:
        unpack(study.saturation_files),
        windows=paths.WINDOWS,
        sequences=paths.SEQUENCES,
        labels=paths.LABELS,
        targets=paths.TARGETS,
    output:
        report(
            paths.SATURATION,
            caption="../report/own_variants.rst",
            category="Effects",
            subcategory="{dataset}",
            labels={"model": "{job}", "split": "all", "content": "saturation mutagenesis"},
        ),
    log:
        "logs/{dataset}/saturate.{job}.log",
    benchmark:
        "benchmarks/{dataset}/saturate.{job}.tsv"
    conda:
        TORCH
    threads: 2
    resources:
        gpu=1,
        mem_mb=growing(4000),
        runtime="4h",
    params:
        code=study.saturation_code,
        settings=lambda wildcards: to_json(study.saturation_job(wildcards).settings),
        subject=study.saturation_arguments,
        dataset=subpath(input.windows, parent=True),
        device=study.device,
    shell:
        "python -m cisflow saturate --dataset {params.dataset:q} --weights {input.weights:q} {params.subject:q}"
        " --settings {params.settings:q} --device {params.device} --gpus {resources.gpu} --threads {threads}"
        " --output {output:q} > {log:q} 2>&1"
