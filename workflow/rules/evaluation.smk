rule evaluate:
    input:
        predictions=lambda wildcards: [run["predictions"] for run in get_runs(wildcards.dataset)],
        windows="results/{dataset}/windows.tsv",
        sequences="results/{dataset}/sequences.npy",
    output:
        metrics="results/{dataset}/evaluation/metrics.tsv",
        curves="results/{dataset}/evaluation/curves.tsv",
        comparisons="results/{dataset}/evaluation/comparisons.tsv",
        strata="results/{dataset}/evaluation/strata.tsv",
        calibration="results/{dataset}/evaluation/calibration.tsv",
    log:
        "logs/{dataset}/evaluate.log",
    benchmark:
        "benchmarks/{dataset}/evaluate.tsv"
    conda:
        "../../envs/statistics.yaml"
    resources:
        mem_mb=4000,
        runtime="1h",
    params:
        code=code_digest("commands/evaluate"),
        runs=lambda wildcards: to_json(get_runs(wildcards.dataset)),
        baselines=lambda wildcards: get_baseline_option(wildcards.dataset),
        seed=config["evaluation"]["seed"],
        resamples=config["evaluation"]["resamples"],
        folder=subpath(output.metrics, parent=True),
    shell:
        "python -m cisflow evaluate --dataset {wildcards.dataset} --runs {params.runs:q} {params.baselines}"
        " --windows {input.windows} --sequences {input.sequences} --seed {params.seed}"
        " --resamples {params.resamples} --output {params.folder} > {log} 2>&1"


rule stack_metrics:
    input:
        get_metric_tables(),
    output:
        report("results/metrics.tsv", caption="../report/tables.rst", category="Tables"),
    log:
        "logs/stack_metrics.log",
    localrule: True
    conda:
        "../../envs/data.yaml"
    resources:
        mem_mb=1000,
        runtime="10m",
    params:
        code=code_digest("commands/stack_tables"),
    shell:
        "python -m cisflow stack-tables --tables {input} --output {output} > {log} 2>&1"
