rule train:
    input:
        windows="results/{dataset}/windows.tsv",
        sequences="results/{dataset}/sequences.npy",
        labels="results/{dataset}/targets.npy",
        targets="results/{dataset}/targets.tsv",
        split="results/{dataset}/splits/{split}.tsv",
        pretrained=get_pretrained,
        tokenizer=get_tokenizer,
    output:
        weights="results/{dataset}/models/{model}/{split}/seed{seed}/model.safetensors",
        history="results/{dataset}/models/{model}/{split}/seed{seed}/history.tsv",
        manifest="results/{dataset}/models/{model}/{split}/seed{seed}/manifest.json",
    log:
        "logs/{dataset}/train.{model}.{split}.seed{seed}.log",
    benchmark:
        "benchmarks/{dataset}/train.{model}.{split}.seed{seed}.tsv"
    wildcard_constraints:
        model=models_of_kind(network=True),
    conda:
        "../../envs/torch.yaml"
    threads: 4
    resources:
        gpu=1,
        mem_mb=lambda wildcards, attempt: 8000 * attempt,
        runtime="12h",
    params:
        code=network_code("train"),
        model=lambda wildcards: to_json(get_model(wildcards)),
        dataset=subpath(input.windows, parent=True),
        pretrained=lambda wildcards, input: option("pretrained", input.pretrained),
        tokenizer=lambda wildcards, input: option("tokenizer", input.tokenizer),
        # Checkpoints live where Snakemake does not delete them when the job fails, so that training resumes.
        work=lambda wildcards, output: Path(output.weights).with_name("work").as_posix(),
        device=config["device"],
    shell:
        "python -m cisflow train --dataset {params.dataset} --split {input.split} --model {params.model:q}"
        " {params.pretrained} {params.tokenizer}"
        " --seed {wildcards.seed} --device {params.device} --gpus {resources.gpu} --threads {threads}"
        " --work {params.work} --output {output.weights} --history {output.history} --manifest {output.manifest}"
        " > {log} 2>&1"


rule predict:
    input:
        windows="results/{dataset}/windows.tsv",
        sequences="results/{dataset}/sequences.npy",
        labels="results/{dataset}/targets.npy",
        targets="results/{dataset}/targets.tsv",
        split="results/{dataset}/splits/{split}.tsv",
        weights="results/{dataset}/models/{model}/{split}/seed{seed}/model.safetensors",
    output:
        "results/{dataset}/models/{model}/{split}/seed{seed}/predictions.tsv",
    log:
        "logs/{dataset}/predict.{model}.{split}.seed{seed}.log",
    wildcard_constraints:
        model=models_of_kind(network=True),
    conda:
        "../../envs/torch.yaml"
    threads: 4
    resources:
        gpu=1,
        mem_mb=8000,
        runtime="2h",
    params:
        code=network_code("predict"),
        dataset=subpath(input.windows, parent=True),
        device=config["device"],
    shell:
        "python -m cisflow predict --dataset {params.dataset} --split {input.split} --weights {input.weights}"
        " --device {params.device} --gpus {resources.gpu} --threads {threads} --output {output} > {log} 2>&1"


rule fit:
    input:
        unpack(get_classifier_features),
        windows="results/{dataset}/windows.tsv",
        sequences="results/{dataset}/sequences.npy",
        labels="results/{dataset}/targets.npy",
        targets="results/{dataset}/targets.tsv",
        split="results/{dataset}/splits/{split}.tsv",
    output:
        model="results/{dataset}/models/{model}/{split}/seed{seed}/model.txt",
        weights="results/{dataset}/models/{model}/{split}/seed{seed}/weights.tsv",
        predictions="results/{dataset}/models/{model}/{split}/seed{seed}/predictions.tsv",
        manifest="results/{dataset}/models/{model}/{split}/seed{seed}/manifest.json",
    log:
        "logs/{dataset}/fit.{model}.{split}.seed{seed}.log",
    benchmark:
        "benchmarks/{dataset}/fit.{model}.{split}.seed{seed}.tsv"
    wildcard_constraints:
        model=models_of_kind(network=False),
    conda:
        "../../envs/statistics.yaml"
    threads: 8
    resources:
        mem_mb=lambda wildcards, attempt: 16000 * attempt,
        runtime="4h",
    params:
        code=code_digest("commands/fit"),
        model=lambda wildcards: to_json(get_model(wildcards)),
        dataset=subpath(input.windows, parent=True),
        features=subpath(input.features, parent=True),
    shell:
        "python -m cisflow fit --dataset {params.dataset} --split {input.split} --features {params.features}"
        " --model {params.model:q} --seed {wildcards.seed} --threads {threads} --output {output.model}"
        " --weights {output.weights} --predictions {output.predictions} --manifest {output.manifest} > {log} 2>&1"
