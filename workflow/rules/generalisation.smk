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
        mem_mb=8000,
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
        "../../envs/torch.yaml"
    threads: 4
    resources:
        gpu=1,
        mem_mb=8000,
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
        mem_mb=1000,
        runtime="10m",
    params:
        code=code.command("stack_tables"),
    shell:
        "python -m cisflow stack-tables --tables {input:q} --output {output:q} > {log:q} 2>&1"
