rule discover_motifs:
    input:
        "results/{dataset}/attributions/{model}/{split}/seed{seed}/{method}.npz",
    output:
        modisco="results/{dataset}/motifs/{model}/{split}/seed{seed}/{method}/modisco.h5",
        control="results/{dataset}/motifs/{model}/{split}/seed{seed}/{method}/control.h5",
        summary="results/{dataset}/motifs/{model}/{split}/seed{seed}/{method}/discovery.json",
    log:
        "logs/{dataset}/discover.{model}.{split}.seed{seed}.{method}.log",
    benchmark:
        "benchmarks/{dataset}/discover.{model}.{split}.seed{seed}.{method}.tsv"
    conda:
        "../../envs/motifs.yaml"
    threads: 4
    resources:
        mem_mb=8000,
        runtime="6h",
    params:
        code=code_digest("commands/discover"),
        settings=to_json(config["motifs"]["discovery"]),
        seed=config["motifs"]["seed"],
    shell:
        "python -m cisflow discover --attributions {input} --settings {params.settings:q} --seed {params.seed}"
        " --threads {threads} --output {output.modisco} --control {output.control} --summary {output.summary}"
        " > {log} 2>&1"


rule name_motifs:
    input:
        modisco="results/{dataset}/motifs/{model}/{split}/seed{seed}/{method}/modisco.h5",
        control="results/{dataset}/motifs/{model}/{split}/seed{seed}/{method}/control.h5",
        database=get_motif_database(),
    output:
        report(
            "results/{dataset}/motifs/{model}/{split}/seed{seed}/{method}/patterns.tsv",
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
        mem_mb=4000,
        runtime="1h",
    params:
        code=code_digest("commands/name_motifs"),
    shell:
        "python -m cisflow name-motifs --modisco {input.modisco} --control {input.control}"
        " --database {input.database} --threads {threads} --output {output} > {log} 2>&1"


rule motif_report:
    input:
        modisco="results/{dataset}/motifs/{model}/{split}/seed{seed}/{method}/modisco.h5",
        summary="results/{dataset}/motifs/{model}/{split}/seed{seed}/{method}/discovery.json",
        # Not read: names first, so that their comparison is compiled once and not in two jobs at a time.
        patterns="results/{dataset}/motifs/{model}/{split}/seed{seed}/{method}/patterns.tsv",
        database=get_motif_database(),
    output:
        report(
            directory("results/{dataset}/motifs/{model}/{split}/seed{seed}/{method}/report"),
            htmlindex="motifs.html",
            caption="../report/motif_report.rst",
            category="Motifs",
            subcategory="{dataset}",
            labels={"model": "{model} ({split}, seed {seed})", "method": "{method}", "content": "TF-MoDISco report"},
        ),
    log:
        "logs/{dataset}/motif_report.{model}.{split}.seed{seed}.{method}.log",
    conda:
        "../../envs/motifs.yaml"
    resources:
        mem_mb=4000,
        runtime="1h",
    params:
        code=code_digest("commands/motif_report"),
    shell:
        "python -m cisflow motif-report --modisco {input.modisco} --summary {input.summary}"
        " --database {input.database} --output {output} > {log} 2>&1"


rule scan_hotspots:
    input:
        attributions="results/{dataset}/attributions/{model}/{split}/seed{seed}/{method}.npz",
        database=get_motif_database(),
    output:
        hotspots="results/{dataset}/motifs/{model}/{split}/seed{seed}/{method}/hotspots.tsv",
        scores="results/{dataset}/motifs/{model}/{split}/seed{seed}/{method}/motif_scores.tsv",
    log:
        "logs/{dataset}/scan_hotspots.{model}.{split}.seed{seed}.{method}.log",
    conda:
        "../../envs/motifs.yaml"
    threads: 2
    resources:
        mem_mb=4000,
        runtime="1h",
    params:
        code=code_digest("commands/scan_hotspots"),
        settings=to_json(config["motifs"]["hotspots"]),
        seed=config["motifs"]["seed"],
    shell:
        "python -m cisflow scan-hotspots --attributions {input.attributions} --database {input.database}"
        " --settings {params.settings:q} --seed {params.seed} --threads {threads} --hotspots {output.hotspots}"
        " --scores {output.scores} > {log} 2>&1"


rule recovery:
    input:
        patterns="results/{dataset}/motifs/{model}/{split}/seed{seed}/{method}/patterns.tsv",
        truth="results/{dataset}/truth.tsv",
        database=get_motif_database(),
    output:
        report(
            "results/{dataset}/motifs/{model}/{split}/seed{seed}/{method}/recovery.tsv",
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
        mem_mb=4000,
        runtime="30m",
    params:
        code=code_digest("commands/recovery"),
    shell:
        "python -m cisflow recovery --patterns {input.patterns} --truth {input.truth} --database {input.database}"
        " --output {output} > {log} 2>&1"
