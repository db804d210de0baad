rule design:
    input:
        unpack(study.design_files),
        windows=paths.WINDOWS,
        sequences=paths.SEQUENCES,
        labels=paths.LABELS,
        targets=paths.TARGETS,
    output:
        fasta=paths.DESIGN_FASTA,
        tables=expand(paths.DESIGN_TABLE, table=designs.TABLES[2:], allow_missing=True),
        steps=paths.fill(
            paths.DESIGN_TABLE, dataset="{dataset}", design="{design}", seed="{seed}", table=designs.TABLES[1]
        ),
        designs=report(
            paths.fill(
                paths.DESIGN_TABLE, dataset="{dataset}", design="{design}", seed="{seed}", table=designs.TABLES[0]
            ),
            caption="../report/designs.rst",
            category="Tables",
            subcategory="{dataset}",
            labels={"content": "designed sequences", "design": "{design} (seed {seed})"},
        ),
    log:
        "logs/{dataset}/design.{design}.seed{seed}.log",
    benchmark:
        "benchmarks/{dataset}/design.{design}.seed{seed}.tsv"
    conda:
        TORCH
    threads: 4
    resources:
        gpu=1,
        mem_mb=growing(8000),
        runtime="12h",
    params:
        code=study.design_code,
        arguments=study.design_arguments,
        dataset=subpath(input.windows, parent=True),
        folder=subpath(output.designs, parent=True),
        device=study.device,
    shell:
        "python -m cisflow design --dataset {params.dataset:q} --weights {input.weights:q}"
        " --split {input.split_table:q} {params.arguments:q} --seed {wildcards.seed} --device {params.device}"
        " --gpus {resources.gpu} --threads {threads} --output {params.folder:q} > {log:q} 2>&1"
