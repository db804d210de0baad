rule train:
    input:
        windows=paths.WINDOWS,
        sequences=paths.SEQUENCES,
        labels=paths.LABELS,
        targets=paths.TARGETS,
        split=paths.SPLIT,
        pretrained=study.start,
        motifs=study.kernel_motifs,
        track_features=study.track_features,
        tokenizer=study.tokenizer,
    output:
        weights=paths.WEIGHTS,
        history=paths.HISTORY,
        manifest=paths.MODEL_MANIFEST,
    log:
        "logs/{dataset}/train.{model}.{split}.seed{seed}.log",
    benchmark:
        "benchmarks/{dataset}/train.{model}.{split}.seed{seed}.tsv"
    wildcard_constraints:
        model=study.models_of(entries.Network),
    conda:
        TORCH
    threads: lambda wildcards: 4 * study.devices(wildcards)
    resources:
        gpu=study.devices,
        mem_mb=growing(8000),
        runtime="12h",
    params:
        code=study.code("train", study.architecture),
        model=lambda wildcards: to_json(study.model(wildcards).described),
        dataset=subpath(input.windows, parent=True),
        start=study.start_arguments,
        # Checkpoints live where Snakemake does not delete them when the job fails, so that training resumes.
        work=lambda wildcards, output: Path(output.weights).with_name("work").as_posix(),
        device=study.device,
    shell:
        "python -m cisflow train --dataset {params.dataset:q} --split {input.split:q} --model {params.model:q}"
        " {params.start:q} --seed {wildcards.seed} --device {params.device} --gpus {resources.gpu} --threads {threads}"
        " --work {params.work:q} --output {output.weights:q} --history {output.history:q}"
        " --manifest {output.manifest:q} > {log:q} 2>&1"


rule predict:
    input:
        windows=paths.WINDOWS,
        sequences=paths.SEQUENCES,
        labels=paths.LABELS,
        targets=paths.TARGETS,
        split=paths.SPLIT,
        weights=paths.WEIGHTS,
    output:
        paths.PREDICTIONS,
    log:
        "logs/{dataset}/predict.{model}.{split}.seed{seed}.log",
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
        code=study.code("predict", study.architecture),
        dataset=subpath(input.windows, parent=True),
        precision=lambda wildcards: study.model(wildcards).prediction_precision,
        device=study.device,
    shell:
        "python -m cisflow predict --dataset {params.dataset:q} --split {input.split:q} --weights {input.weights:q}"
        " --precision {params.precision:q} --device {params.device} --gpus {resources.gpu} --threads {threads} --output {output:q} > {log:q} 2>&1"


rule input_contribution:
    input:
        windows=paths.WINDOWS,
        sequences=paths.SEQUENCES,
        labels=paths.LABELS,
        targets=paths.TARGETS,
        split=paths.SPLIT,
        weights=paths.WEIGHTS,
    output:
        paths.INPUT_CONTRIBUTION,
    log:
        "logs/{dataset}/input_contribution.{model}.{split}.seed{seed}.log",
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
        code=study.code("input_contribution", study.architecture),
        names=lambda wildcards: to_json(dict(wildcards.items())),
        seed=study.evaluation["seed"],
        dataset=subpath(input.windows, parent=True),
        device=study.device,
    shell:
        "python -m cisflow input-contribution --dataset {params.dataset:q} --split {input.split:q}"
        " --weights {input.weights:q} --names {params.names:q} --seed {params.seed} --device {params.device}"
        " --gpus {resources.gpu} --threads {threads} --output {output:q} > {log:q} 2>&1"


rule tune:
    input:
        unpack(study.classifier_features),
        windows=paths.WINDOWS,
        sequences=paths.SEQUENCES,
        labels=paths.LABELS,
        targets=paths.TARGETS,
        split=paths.SPLIT,
    output:
        paths.TUNING,
    log:
        "logs/{dataset}/tune.{model}.{split}.seed{seed}.log",
    benchmark:
        "benchmarks/{dataset}/tune.{model}.{split}.seed{seed}.tsv"
    wildcard_constraints:
        model=study.tuned_models(),
    conda:
        "../../envs/statistics.yaml"
    threads: 8
    resources:
        mem_mb=growing(16000),
        runtime="2d",
    params:
        code=study.code("tune", study.classifier),
        model=lambda wildcards: to_json(study.model(wildcards).described),
        dataset=subpath(input.windows, parent=True),
        features=subpath(input.features, parent=True),
        # Finished trials live where Snakemake does not delete them when the job fails, so that the search goes on.
        work=lambda wildcards, output: Path(output[0]).with_name("trials").as_posix(),
    shell:
        "python -m cisflow tune --dataset {params.dataset:q} --split {input.split:q} --features {params.features:q}"
        " --model {params.model:q} --seed {wildcards.seed} --threads {threads} --work {params.work:q}"
        " --output {output:q} > {log:q} 2>&1"


rule fit:
    input:
        unpack(study.classifier_features),
        tuning=study.tuning,
        windows=paths.WINDOWS,
        sequences=paths.SEQUENCES,
        labels=paths.LABELS,
        targets=paths.TARGETS,
        split=paths.SPLIT,
    output:
        model=paths.CLASSIFIER,
        weights=paths.CLASSIFIER_WEIGHTS,
        predictions=paths.PREDICTIONS,
        manifest=paths.MODEL_MANIFEST,
    log:
        "logs/{dataset}/fit.{model}.{split}.seed{seed}.log",
    benchmark:
        "benchmarks/{dataset}/fit.{model}.{split}.seed{seed}.tsv"
    wildcard_constraints:
        model=study.models_of(entries.Classifier),
    conda:
        "../../envs/statistics.yaml"
    threads: 8
    resources:
        mem_mb=growing(16000),
        runtime="4h",
    params:
        code=study.code("fit", study.classifier),
        model=lambda wildcards: to_json(study.model(wildcards).described),
        dataset=subpath(input.windows, parent=True),
        features=subpath(input.features, parent=True),
        tuning=lambda wildcards, input: option("tuning", input.tuning),
    shell:
        "python -m cisflow fit --dataset {params.dataset:q} --split {input.split:q} --features {params.features:q}"
        " --model {params.model:q} {params.tuning:q} --seed {wildcards.seed} --threads {threads}"
        " --output {output.model:q} --weights {output.weights:q} --predictions {output.predictions:q}"
        " --manifest {output.manifest:q} > {log:q} 2>&1"
