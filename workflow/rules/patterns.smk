# Patterns of all explanations of a dataset together.
# Which there are is told by a table, as they may be too many for a command line.
rule motif_runs:
    input:
        ancient(TEXT),
    output:
        paths.MERGED_RUNS,
    log:
        "logs/{dataset}/motif_runs.log",
    localrule: True
    params:
        text=study.motif_runs,
    template_engine:
        "jinja2"


rule merge_patterns:
    input:
        study.motif_files(paths.MODISCO),
        study.motif_files(paths.ATTRIBUTIONS),
        study.motif_files(paths.PATTERNS),
        study.motif_files(paths.HITS),
        runs=paths.MERGED_RUNS,
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
    resources:
        mem_mb=growing(8000),
        runtime="1h",
    params:
        code=code.command("merge_patterns"),
        settings=to_json(study.motifs["merging"]),
        folder=subpath(output.patterns, parent=True),
    shell:
        "python -m cisflow merge-patterns --runs {input.runs:q} --hits --database {input.database:q}"
        " --settings {params.settings:q} --output {params.folder:q} > {log:q} 2>&1"


rule motif_spacing:
    input:
        study.motif_files(paths.MODISCO),
        study.motif_files(paths.ATTRIBUTIONS),
        runs=paths.MERGED_RUNS,
        patterns=paths.MERGED_PATTERNS,
        instances=paths.MERGED_INSTANCES,
    output:
        together=report(
            paths.TOGETHER,
            caption="../report/tables.rst",
            category="Motifs",
            subcategory="{dataset}",
            labels={"model": "all", "method": "all", "content": "patterns in the same sequences"},
        ),
        spacing=report(
            paths.SPACING,
            caption="../report/tables.rst",
            category="Motifs",
            subcategory="{dataset}",
            labels={"model": "all", "method": "all", "content": "spacing of patterns"},
        ),
        distances=paths.DISTANCES,
    log:
        "logs/{dataset}/motif_spacing.log",
    conda:
        "../../envs/motifs.yaml"
    resources:
        mem_mb=growing(4000),
        runtime="1h",
    params:
        code=code.command("motif_spacing"),
        settings=to_json(study.motifs["spacing"]),
    shell:
        "python -m cisflow motif-spacing --runs {input.runs:q} --patterns {input.patterns:q}"
        " --instances {input.instances:q} --settings {params.settings:q}"
        " --together {output.together:q} --spacing {output.spacing:q} --distances {output.distances:q}"
        " > {log:q} 2>&1"


rule motif_clusters:
    input:
        study.motif_files(paths.ATTRIBUTIONS),
        runs=paths.MERGED_RUNS,
        instances=paths.MERGED_INSTANCES,
    output:
        clusters=report(
            paths.CLUSTERS,
            caption="../report/tables.rst",
            category="Motifs",
            subcategory="{dataset}",
            labels={"model": "all", "method": "all", "content": "patterns by effect"},
        ),
        enrichment=report(
            paths.ENRICHMENT,
            caption="../report/tables.rst",
            category="Motifs",
            subcategory="{dataset}",
            labels={"model": "all", "method": "all", "content": "patterns of two models"},
        ),
        matrix=paths.MOTIF_MATRIX,
    log:
        "logs/{dataset}/motif_clusters.log",
    conda:
        "../../envs/motifs.yaml"
    resources:
        mem_mb=growing(8000),
        runtime="1h",
    params:
        code=code.command("motif_clusters"),
        settings=to_json(study.motifs["clusters"]),
        seed=study.motifs["seed"],
    shell:
        "python -m cisflow motif-clusters --runs {input.runs:q} --instances {input.instances:q}"
        " --settings {params.settings:q} --seed {params.seed} --clusters {output.clusters:q}"
        " --enrichment {output.enrichment:q} --matrix {output.matrix:q} > {log:q} 2>&1"
