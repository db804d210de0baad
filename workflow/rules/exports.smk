rule export_motifs:
    input:
        attributions=paths.ATTRIBUTIONS,
        windows=paths.WINDOWS,
        tracks=paths.TRACKS,
        seqlets=paths.SEQLETS,
        hits=paths.HITS,
        modisco=paths.MODISCO,
        patterns=paths.PATTERNS,
    output:
        seqlets=paths.SEQLET_BED,
        hits=paths.HIT_BED,
        meme=paths.PATTERN_MATRICES,
    log:
        "logs/{dataset}/export_motifs.{model}.{split}.seed{seed}.{method}.log",
    conda:
        "../../envs/motifs.yaml"
    resources:
        mem_mb=growing(4000),
        runtime="30m",
    params:
        code=code.command("export_motifs"),
        dataset=subpath(input.windows, parent=True),
    shell:
        "python -m cisflow export-motifs --attributions {input.attributions:q} --dataset {params.dataset:q}"
        " --tracks {input.tracks:q} --seqlets {input.seqlets:q} --hits {input.hits:q} --modisco {input.modisco:q}"
        " --patterns {input.patterns:q} --seqlet-bed {output.seqlets:q} --hit-bed {output.hits:q}"
        " --meme {output.meme:q} > {log:q} 2>&1"


rule genome_page:
    input:
        unpack(study.page_files),
        windows=paths.WINDOWS,
    output:
        report(
            paths.GENOME_PAGE,
            caption="../report/genome_page.rst",
            category="Motifs",
            subcategory="{dataset}",
            labels={"model": "{model} ({split}, seed {seed})", "method": "all", "content": "regions of the genome"},
        ),
    log:
        "logs/{dataset}/genome_page.{model}.{split}.seed{seed}.log",
    conda:
        "../../envs/data.yaml"
    resources:
        mem_mb=growing(8000),
        runtime="30m",
    params:
        code=code.command("genome_page"),
        dataset=subpath(input.windows, parent=True),
        files=study.page_arguments,
        title="{dataset}: {model}, {split}, seed {seed}",
        regions=study.figure_counts["n_regions"],
    shell:
        "python -m cisflow genome-page {params.files:q} --dataset {params.dataset:q} --title {params.title:q}"
        " --regions {params.regions} --output {output:q} > {log:q} 2>&1"
