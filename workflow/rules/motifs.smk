rule discover_motifs:
    input:
        attributions=paths.ATTRIBUTIONS,
        null=paths.NULL_ATTRIBUTIONS,
    output:
        modisco=paths.MODISCO,
        control=paths.CONTROL,
        null=paths.NULL_MODISCO,
        summary=paths.DISCOVERY,
    log:
        "logs/{dataset}/discover.{model}.{split}.seed{seed}.{method}.log",
    benchmark:
        "benchmarks/{dataset}/discover.{model}.{split}.seed{seed}.{method}.tsv"
    conda:
        "../../envs/motifs.yaml"
    threads: 4
    resources:
        mem_mb=growing(8000),
        runtime="6h",
    params:
        code=code.command("discover"),
        settings=to_json(study.motifs["discovery"]),
        seed=study.motifs["seed"],
    shell:
        "python -m cisflow discover --attributions {input.attributions:q} --null {input.null:q}"
        " --settings {params.settings:q} --seed {params.seed} --threads {threads} --output {output.modisco:q}"
        " --control {output.control:q} --null-output {output.null:q} --summary {output.summary:q} > {log:q} 2>&1"


rule name_motifs:
    input:
        attributions=paths.ATTRIBUTIONS,
        windows=study.intron_windows,
        modisco=paths.MODISCO,
        control=paths.CONTROL,
        null=paths.NULL_MODISCO,
        database=study.database,
    output:
        report(
            paths.PATTERNS,
            caption="../report/tables.rst",
            category="Motifs",
            subcategory="{dataset}",
            labels={"model": "{model} ({split}, seed {seed})", "method": "{method}", "content": "patterns"},
        ),
    log:
        "logs/{dataset}/name_motifs.{model}.{split}.seed{seed}.{method}.log",
    conda:
        "../../envs/motifs.yaml"
    threads: 2
    resources:
        mem_mb=growing(4000),
        runtime="1h",
    params:
        code=code.command("name_motifs"),
        windows=lambda wildcards, input: option("windows", input.windows),
    shell:
        "python -m cisflow name-motifs --attributions {input.attributions:q} --modisco {input.modisco:q}"
        " --control {input.control:q} --null {input.null:q} {params.windows:q} --database {input.database:q}"
        " --threads {threads} --output {output:q} > {log:q} 2>&1"


rule motif_report:
    input:
        modisco=paths.MODISCO,
        summary=paths.DISCOVERY,
        patterns=paths.PATTERNS,
        database=study.database,
    output:
        report(
            directory(paths.MOTIF_REPORT),
            htmlindex="motifs.html",
            caption="../report/motif_report.rst",
            category="Motifs",
            subcategory="{dataset}",
            labels={"model": "{model} ({split}, seed {seed})", "method": "{method}", "content": "TF-MoDISco report"},
        ),
    log:
        "logs/{dataset}/motif_report.{model}.{split}.seed{seed}.{method}.log",
    conda:
        TORCH
    resources:
        mem_mb=growing(4000),
        runtime="1h",
    params:
        code=code.command("motif_report"),
    shell:
        "python -m cisflow motif-report --modisco {input.modisco:q} --summary {input.summary:q}"
        " --patterns {input.patterns:q} --database {input.database:q} --output {output:q} > {log:q} 2>&1"


rule call_hits:
    input:
        attributions=paths.ATTRIBUTIONS,
        null=paths.NULL_ATTRIBUTIONS,
        modisco=paths.MODISCO,
        patterns=paths.PATTERNS,
    output:
        paths.HITS,
    log:
        "logs/{dataset}/call_hits.{model}.{split}.seed{seed}.{method}.log",
    conda:
        "../../envs/motifs.yaml"
    threads: 2
    resources:
        mem_mb=growing(8000),
        runtime="1h",
    params:
        code=code.command("call_hits"),
        settings=to_json(study.motifs["hits"]),
    shell:
        "python -m cisflow call-hits --attributions {input.attributions:q} --null {input.null:q}"
        " --modisco {input.modisco:q} --patterns {input.patterns:q} --settings {params.settings:q}"
        " --output {output:q} > {log:q} 2>&1"


rule recovery:
    input:
        patterns=paths.PATTERNS,
        truth=paths.TRUTH,
        database=study.database,
    output:
        report(
            paths.RECOVERY,
            caption="../report/tables.rst",
            category="Motifs",
            subcategory="{dataset}",
            labels={"model": "{model} ({split}, seed {seed})", "method": "{method}", "content": "planted motifs"},
        ),
    log:
        "logs/{dataset}/recovery.{model}.{split}.seed{seed}.{method}.log",
    conda:
        "../../envs/motifs.yaml"
    resources:
        mem_mb=growing(4000),
        runtime="30m",
    params:
        code=code.command("recovery"),
    shell:
        "python -m cisflow recovery --patterns {input.patterns:q} --truth {input.truth:q} --database {input.database:q}"
        " --output {output:q} > {log:q} 2>&1"
