# Patterns of all explanations of a dataset together.
rule merge_patterns:
    input:
        modisco=study.motif_files(paths.MODISCO),
        attributions=study.motif_files(paths.ATTRIBUTIONS),
        database=study.database,
    output:
        patterns=report(
            paths.MERGED_PATTERNS,
            caption="../report/tables.rst",
            category="Motifs",
            subcategory="{dataset}",
            labels={"model": "all", "method": "all", "content": "merged patterns"},
        ),
        members=paths.MERGED_MEMBERS,
        instances=paths.MERGED_INSTANCES,
        matrices=paths.MERGED_MATRICES,
    log:
        "logs/{dataset}/merge_patterns.log",
    conda:
        "../../envs/motifs.yaml"
    threads: 2
    resources:
        mem_mb=8000,
        runtime="1h",
    params:
        code=code.command("merge_patterns"),
        runs=study.motif_runs,
        settings=to_json(study.motifs["merging"]),
        folder=subpath(output.patterns, parent=True),
    shell:
        "python -m cisflow merge-patterns --runs {params.runs:q} --modisco {input.modisco:q}"
        " --attributions {input.attributions:q} --database {input.database:q} --settings {params.settings:q}"
        " --threads {threads} --output {params.folder:q} > {log:q} 2>&1"
