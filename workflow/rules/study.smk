rule study:
    input:
        metrics="results/{dataset}/evaluation/metrics.tsv",
        comparisons="results/{dataset}/evaluation/comparisons.tsv",
        windows="results/{dataset}/windows.tsv",
        labels="results/{dataset}/targets.npy",
        targets="results/{dataset}/targets.tsv",
        splits=lambda wildcards: expand(
            "results/{{dataset}}/splits/{split}.tsv", split=config["datasets"][wildcards.dataset]["splits"]
        ),
        leakage=lambda wildcards: [table["path"] for table in get_leakage_tables(wildcards.dataset)],
        features=lambda wildcards: expand(
            "results/{{dataset}}/features/{extractor}/targets.tsv", extractor=get_study_features(wildcards.dataset)
        ),
        published=PUBLISHED,
        manifests=get_logistic_manifests,
        figures=get_dataset_figures,
    output:
        report(
            "results/{dataset}/study.md",
            caption="../report/study.rst",
            category="Study",
            labels={"dataset": "{dataset}"},
        ),
    log:
        "logs/{dataset}/study.log",
    conda:
        "../../envs/statistics.yaml"
    resources:
        mem_mb=2000,
        runtime="10m",
    params:
        code=code_digest("commands/study"),
        settings=lambda wildcards: study_settings(wildcards),
        folder=subpath(input.windows, parent=True),
    shell:
        "python -m cisflow study --folder {params.folder} --published {input.published} --settings {params.settings:q}"
        " --output {output} > {log} 2>&1"
