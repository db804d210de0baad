rule variants:
    input:
        unpack(get_variant_files),
        weights=get_variant_weights,
    output:
        table="results/variants/{job}/variants.tsv",
        arrays=expand("results/variants/{{job}}/{array}.npy", array=("ref", "alt", "diff")),
        targets="results/variants/{job}/targets.tsv",
        manifest="results/variants/{job}/manifest.json",
    log:
        "logs/variants/{job}.log",
    benchmark:
        "benchmarks/variants/{job}.tsv"
    wildcard_constraints:
        job=variant_jobs(classes=False),
    conda:
        "../../envs/torch.yaml"
    threads: 4
    resources:
        gpu=1,
        mem_mb=8000,
        runtime="12h",
    params:
        code=variants_code,
        extractor=lambda wildcards: to_json(get_variant_extractor(wildcards)),
        files=get_variant_arguments,
        folder=subpath(output.table, parent=True),
        device=config["device"],
    shell:
        "python -m cisflow variants {params.files} --weights {input.weights} --extractor {params.extractor:q}"
        " --device {params.device} --gpus {resources.gpu} --threads {threads} --output {params.folder} > {log} 2>&1"


use rule variants as class_variants with:
    output:
        table="results/variants/{job}/variants.tsv",
        arrays=expand("results/variants/{{job}}/{array}.npy", array=("ref", "alt", "diff", "class_scores")),
        classes="results/variants/{job}/class_scores.tsv",
        targets="results/variants/{job}/targets.tsv",
        manifest="results/variants/{job}/manifest.json",
    wildcard_constraints:
        job=variant_jobs(classes=True),


rule figure_variant_classes:
    input:
        "results/variants/{job}/class_scores.tsv",
    output:
        svg=report(
            "results/variants/{job}/figures/variant_classes.svg",
            caption="../report/variant_classes.rst",
            category="Figures",
            subcategory="variants",
            labels={"figure": "sequence classes of variants", "split": "{job}"},
        ),
        png="results/variants/{job}/figures/variant_classes.png",
    log:
        "logs/variants/variant_classes.{job}.log",
    conda:
        "../../envs/figures.yaml"
    resources:
        mem_mb=4000,
        runtime="30m",
    params:
        code=code_digest("commands/figure", "figures/variant_classes"),
        inputs=lambda wildcards, input: to_json({"scores": input[0]}),
        settings=lambda wildcards: figure_settings(wildcards, n=config["figures"]["n_variants"]),
    shell:
        "python -m cisflow figure variant_classes --inputs {params.inputs:q} --settings {params.settings:q}"
        " --output {output.svg} --png {output.png} > {log} 2>&1"
