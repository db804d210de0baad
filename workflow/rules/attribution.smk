rule attribute:
    input:
        windows="results/{dataset}/windows.tsv",
        sequences="results/{dataset}/sequences.npy",
        labels="results/{dataset}/targets.npy",
        targets="results/{dataset}/targets.tsv",
        weights="results/{dataset}/models/{model}/{split}/seed{seed}/model.safetensors",
        predictions="results/{dataset}/models/{model}/{split}/seed{seed}/predictions.tsv",
    output:
        "results/{dataset}/attributions/{model}/{split}/seed{seed}/{method}.npz",
    log:
        "logs/{dataset}/attribute.{model}.{split}.seed{seed}.{method}.log",
    benchmark:
        "benchmarks/{dataset}/attribute.{model}.{split}.seed{seed}.{method}.tsv"
    # The longest chain of jobs starts here.
    priority: 1
    conda:
        "../../envs/torch.yaml"
    threads: 4
    resources:
        gpu=1,
        mem_mb=8000,
        runtime="12h",
    params:
        code=network_code("attribute"),
        method=lambda wildcards: to_json(get_method(wildcards)),
        selection=lambda wildcards: to_json(get_selection(wildcards)),
        dataset=subpath(input.windows, parent=True),
        # Finished rows live where Snakemake does not delete them when the job fails, so that it goes on with the rest.
        work=lambda wildcards, output: Path(output[0]).with_suffix(".work").as_posix(),
        device=config["device"],
    shell:
        "python -m cisflow attribute --dataset {params.dataset} --weights {input.weights}"
        " --predictions {input.predictions} --method {params.method:q} --selection {params.selection:q}"
        " --seed {wildcards.seed} --device {params.device} --gpus {resources.gpu} --threads {threads}"
        " --work {params.work} --output {output} > {log} 2>&1"
