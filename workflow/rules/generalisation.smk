rule evaluate_unseen_tracks:
    input:
        study.predictions,
        runs=paths.RUNS,
        windows=paths.WINDOWS,
        sequences=paths.SEQUENCES,
        labels=paths.LABELS,
        targets=paths.TARGETS,
        vectors=study.vector_table,
    output:
        tracks=report(paths.UNSEEN_TRACKS, caption="../report/tables.rst", category="Tables", subcategory="{dataset}"),
        comparisons=report(
            paths.UNSEEN_COMPARISONS, caption="../report/tables.rst", category="Tables", subcategory="{dataset}"
        ),
    log:
        "logs/{dataset}/evaluate_unseen_tracks.log",
    conda:
        "../../envs/statistics.yaml"
    resources:
        mem_mb=growing(8000),
        runtime="1h",
    params:
        code=study.code("evaluate_unseen_tracks"),
        held=study.held_tracks,
        seed=study.evaluation["seed"],
        resamples=study.evaluation["resamples"],
        dataset=subpath(input.windows, parent=True),
        folder=subpath(output.tracks, parent=True),
    shell:
        "python -m cisflow evaluate-unseen-tracks --dataset {wildcards.dataset} --folder {params.dataset:q}"
        " --runs {input.runs:q} --track-features {input.vectors:q} --held-tracks {params.held:q} --seed {params.seed}"
        " --resamples {params.resamples} --output {params.folder:q} > {log:q} 2>&1"


rule track_weights:
    input:
        windows=paths.WINDOWS,
        sequences=paths.SEQUENCES,
        labels=paths.LABELS,
        targets=paths.TARGETS,
        split=paths.SPLIT,
        weights=paths.WEIGHTS,
    output:
        paths.TRACK_WEIGHTS,
    log:
        "logs/{dataset}/track_weights.{model}.{split}.seed{seed}.log",
    wildcard_constraints:
        model=study.models_of(entries.Network),
    conda:
        TORCH
    threads: 4
    resources:
        gpu=1,
        mem_mb=growing(8000),
        runtime="2h",
    params:
        code=study.code("track_weights", study.architecture),
        names=lambda wildcards: to_json(dict(wildcards.items())),
        seed=study.evaluation["seed"],
        resamples=study.evaluation["resamples"],
        dataset=subpath(input.windows, parent=True),
        device=study.device,
    shell:
        "python -m cisflow track-weights --dataset {params.dataset:q} --split {input.split:q}"
        " --weights {input.weights:q} --names {params.names:q} --seed {params.seed} --resamples {params.resamples}"
        " --device {params.device} --gpus {resources.gpu} --threads {threads} --output {output:q} > {log:q} 2>&1"


rule stack_track_weights:
    input:
        study.track_weights,
    output:
        report(paths.STACKED_WEIGHTS, caption="../report/tables.rst", category="Tables", subcategory="{dataset}"),
    log:
        "logs/{dataset}/stack_track_weights.log",
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


rule evaluate_homology:
    input:
        study.predictions,
        runs=paths.RUNS,
        windows=paths.WINDOWS,
        sequences=paths.SEQUENCES,
        labels=paths.LABELS,
        targets=paths.TARGETS,
    output:
        report(paths.HOMOLOGY, caption="../report/tables.rst", category="Tables", subcategory="{dataset}"),
    log:
        "logs/{dataset}/evaluate_homology.log",
    conda:
        "../../envs/statistics.yaml"
    resources:
        mem_mb=growing(8000),
        runtime="2h",
    params:
        code=study.code("evaluate_homology"),
        settings=study.asked("homology"),
        k=study.kmers,
        seed=study.evaluation["seed"],
        dataset=subpath(input.windows, parent=True),
    shell:
        "python -m cisflow evaluate-homology --dataset {wildcards.dataset} --folder {params.dataset:q}"
        " --runs {input.runs:q} --settings {params.settings:q} --k {params.k:q} --seed {params.seed}"
        " --output {output:q} > {log:q} 2>&1"


rule compare_species:
    input:
        study.predictions,
        runs=paths.RUNS,
        windows=paths.WINDOWS,
        sequences=paths.SEQUENCES,
        labels=paths.LABELS,
        targets=paths.TARGETS,
        motifs=study.species_motifs,
    output:
        effects=report(
            paths.SPECIES_EFFECTS, caption="../report/tables.rst", category="Tables", subcategory="{dataset}"
        ),
        agreement=report(
            paths.SPECIES_AGREEMENT, caption="../report/tables.rst", category="Tables", subcategory="{dataset}"
        ),
    log:
        "logs/{dataset}/compare_species.log",
    conda:
        "../../envs/statistics.yaml"
    resources:
        mem_mb=growing(8000),
        runtime="2h",
    params:
        code=study.code("compare_species"),
        settings=study.asked("species"),
        seed=study.evaluation["seed"],
        dataset=subpath(input.windows, parent=True),
        folder=subpath(output.effects, parent=True),
    shell:
        "python -m cisflow compare-species --dataset {wildcards.dataset} --folder {params.dataset:q}"
        " --runs {input.runs:q} --database {input.motifs:q} --settings {params.settings:q} --seed {params.seed}"
        " --output {params.folder:q} > {log:q} 2>&1"


rule reach:
    input:
        windows=paths.WINDOWS,
        sequences=paths.SEQUENCES,
        labels=paths.LABELS,
        targets=paths.TARGETS,
        split=paths.SPLIT,
        weights=paths.WEIGHTS,
    output:
        paths.REACH,
    log:
        "logs/{dataset}/reach.{model}.{split}.seed{seed}.log",
    wildcard_constraints:
        model=study.models_of(entries.Network),
    conda:
        TORCH
    threads: 4
    resources:
        gpu=1,
        mem_mb=growing(8000),
        runtime="2h",
    params:
        code=study.code("reach", study.architecture),
        names=lambda wildcards: to_json(dict(wildcards.items())),
        settings=study.asked("reach"),
        seed=study.evaluation["seed"],
        dataset=subpath(input.windows, parent=True),
        device=study.device,
    shell:
        "python -m cisflow reach --dataset {params.dataset:q} --split {input.split:q} --weights {input.weights:q}"
        " --names {params.names:q} --settings {params.settings:q} --seed {params.seed} --device {params.device}"
        " --gpus {resources.gpu} --threads {threads} --output {output:q} > {log:q} 2>&1"


rule stack_reach:
    input:
        study.reaches,
    output:
        report(paths.STACKED_REACH, caption="../report/tables.rst", category="Tables", subcategory="{dataset}"),
    log:
        "logs/{dataset}/stack_reach.log",
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
