rule fetch:
    input:
        get_resource_file,
    output:
        "resources/{name}",
    log:
        "logs/resources/fetch.{name}.log",
    cache: "omit-software"
    retries: 2
    localrule: True
    conda:
        "../../envs/data.yaml"
    resources:
        mem_mb=1000,
        runtime="4h",
    params:
        code=code_digest("commands/fetch"),
        url=lambda wildcards: config["resources"][wildcards.name]["url"],
        checks=get_resource_arguments,
    shell:
        "python -m cisflow fetch --url {params.url:q} --name {wildcards.name} {params.checks}"
        " --output {output} > {log} 2>&1"


rule index_genome:
    input:
        "resources/{name}",
    output:
        "resources/{name}.fai",
    log:
        "logs/resources/index.{name}.log",
    conda:
        "../../envs/data.yaml"
    resources:
        mem_mb=2000,
        runtime="1h",
    params:
        code=code_digest("commands/index_genome"),
    shell:
        "python -m cisflow index-genome --fasta {input} --output {output} > {log} 2>&1"
