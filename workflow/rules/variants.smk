rule variants:
    input:
        unpack(study.variant_files),
    output:
        table=paths.VARIANT_TABLE,
        arrays=expand(paths.VARIANT_ARRAY, array=("ref", "alt", "diff"), allow_missing=True),
        targets=paths.VARIANT_TARGETS,
        manifest=paths.VARIANT_MANIFEST,
    log:
        "logs/variants/{job}.log",
    benchmark:
        "benchmarks/variants/{job}.tsv"
    wildcard_constraints:
        job=study.variant_jobs(classes=False),
    conda:
        TORCH
    threads: 4
    resources:
        gpu=1,
        mem_mb=growing(8000),
        runtime="12h",
    params:
        code=study.variant_code,
        extractor=lambda wildcards: to_json(study.variant_reading(wildcards)),
        files=study.variant_arguments,
        folder=subpath(output.table, parent=True),
        device=study.device,
    shell:
        "python -m cisflow variants {params.files:q} --extractor {params.extractor:q}"
        " --device {params.device} --gpus {resources.gpu} --threads {threads} --output {params.folder:q} > {log:q} 2>&1"


use rule variants as class_variants with:
    output:
        table=paths.VARIANT_TABLE,
        arrays=expand(paths.VARIANT_ARRAY, array=("ref", "alt", "diff", "class_scores"), allow_missing=True),
        classes=paths.VARIANT_CLASSES,
        targets=paths.VARIANT_TARGETS,
        manifest=paths.VARIANT_MANIFEST,
    wildcard_constraints:
        job=study.variant_jobs(classes=True),
