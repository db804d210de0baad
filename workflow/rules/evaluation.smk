# Which trainings there are: by name, since their files lie where the names say.
rule runs:
    input:
        ancient(TEXT),
    output:
        paths.RUNS,
    log:
        "logs/{dataset}/runs.log",
    localrule: True
    params:
        text=study.run_table,
    template_engine:
        "jinja2"


rule evaluate:
    input:
        study.predictions,
        runs=paths.RUNS,
        windows=paths.WINDOWS,
        sequences=paths.SEQUENCES,
        labels=paths.LABELS,
        targets=paths.TARGETS,
    output:
        **{name: paths.fill(paths.EVALUATION_TABLE, dataset="{dataset}", table=name) for name in EVALUATION_TABLES},
    log:
        "logs/{dataset}/evaluate.log",
    benchmark:
        "benchmarks/{dataset}/evaluate.tsv"
    conda:
        "../../envs/statistics.yaml"
    resources:
        mem_mb=growing(4000),
        runtime="1h",
    params:
        code=study.code("evaluate"),
        metrics=study.metric_arguments,
        seed=study.evaluation["seed"],
        resamples=study.evaluation["resamples"],
        dataset=subpath(input.windows, parent=True),
        folder=subpath(output.metrics, parent=True),
    shell:
        "python -m cisflow evaluate --dataset {wildcards.dataset} --folder {params.dataset:q} --runs {input.runs:q}"
        " {params.metrics:q} --seed {params.seed} --resamples {params.resamples} --output {params.folder:q}"
        " > {log:q} 2>&1"


rule evaluate_tracks:
    input:
        study.predictions,
        runs=paths.RUNS,
        windows=paths.WINDOWS,
        sequences=paths.SEQUENCES,
        labels=paths.LABELS,
        targets=paths.TARGETS,
    output:
        **{name: paths.fill(paths.EVALUATION_TABLE, dataset="{dataset}", table=name) for name in TRACK_TABLES},
    log:
        "logs/{dataset}/evaluate_tracks.log",
    benchmark:
        "benchmarks/{dataset}/evaluate_tracks.tsv"
    conda:
        "../../envs/statistics.yaml"
    resources:
        mem_mb=growing(8000),
        runtime="2h",
    params:
        code=study.code("evaluate_tracks"),
        settings=study.track_settings,
        dataset=subpath(input.windows, parent=True),
        folder=subpath(output.tracks, parent=True),
    shell:
        "python -m cisflow evaluate-tracks --dataset {wildcards.dataset} --folder {params.dataset:q}"
        " --runs {input.runs:q} --settings {params.settings:q} --output {params.folder:q} > {log:q} 2>&1"


rule stack_inputs:
    input:
        study.contributions,
    output:
        report(paths.STACKED_INPUTS, caption="../report/tables.rst", category="Tables", subcategory="{dataset}"),
    log:
        "logs/{dataset}/stack_inputs.log",
    localrule: True
    conda:
        "../../envs/data.yaml"
    resources:
        mem_mb=growing(1000),
        runtime="10m",
    params:
        code=code.command("stack_tables"),
    shell:
        "python -m cisflow stack-tables --tables {input:q} --output {output:q} > {log:q} 2>&1"


rule stack_metrics:
    input:
        study.metric_tables(),
    output:
        report(paths.STACKED_METRICS, caption="../report/tables.rst", category="Tables"),
    log:
        "logs/stack_metrics.log",
    localrule: True
    conda:
        "../../envs/data.yaml"
    resources:
        mem_mb=growing(1000),
        runtime="10m",
    params:
        code=code.command("stack_tables"),
    shell:
        "python -m cisflow stack-tables --tables {input:q} --output {output:q} > {log:q} 2>&1"
