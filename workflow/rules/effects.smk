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
