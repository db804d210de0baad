rule study_settings:
    input:
        ancient(TEXT),
    output:
        paths.STUDY_SETTINGS,
    log:
        "logs/{dataset}/study_settings.log",
    localrule: True
    params:
        text=study.study_settings,
    template_engine:
        "jinja2"


rule study:
    input:
        unpack(study.study_files),
        settings=paths.STUDY_SETTINGS,
        metrics=paths.fill(paths.EVALUATION_TABLE, dataset="{dataset}", table="metrics"),
        comparisons=paths.fill(paths.EVALUATION_TABLE, dataset="{dataset}", table="comparisons"),
        windows=paths.WINDOWS,
        sequences=paths.SEQUENCES,
        labels=paths.LABELS,
        targets=paths.TARGETS,
    output:
        report(
            paths.STUDY_PAGE,
            caption="../report/study.rst",
            category="Study",
            labels={"dataset": "{dataset}"},
        ),
    log:
        "logs/{dataset}/study.log",
    conda:
        "../../envs/statistics.yaml"
    resources:
        mem_mb=growing(2000),
        runtime="10m",
    params:
        code=study.code("study"),
        folder=subpath(input.windows, parent=True),
    shell:
        "python -m cisflow study --folder {params.folder:q} --published {input.published:q}"
        " --settings {input.settings:q} --output {output:q} > {log:q} 2>&1"
