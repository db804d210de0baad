rule fetch:
    input:
        study.resource_source,
    output:
        paths.RESOURCE,
    log:
        "logs/resources/fetch.{name}.log",
    cache: "omit-software"
    retries: 2
    localrule: True
    conda:
        "../../envs/data.yaml"
    resources:
        mem_mb=growing(1000),
        runtime="4h",
    params:
        code=code.command("fetch"),
        url=study.resource_url,
        checks=lambda wildcards: study.resources[wildcards.name].options,
    shell:
        "python -m cisflow fetch --url {params.url:q} --name {wildcards.name} {params.checks:q}"
        " --output {output:q} > {log:q} 2>&1"


rule index_genome:
    input:
        paths.RESOURCE,
    output:
        paths.INDEX,
    log:
        "logs/resources/index.{name}.log",
    conda:
        "../../envs/data.yaml"
    resources:
        mem_mb=growing(2000),
        runtime="1h",
    params:
        code=code.command("index_genome"),
    shell:
        "python -m cisflow index-genome --fasta {input:q} --output {output:q} > {log:q} 2>&1"
