# What a run says of itself: what its jobs took, what made it, and what it is doing.
rule job_costs:
    input:
        # Not read: they are there when all jobs have ended.
        study.results(),
    output:
        table=paths.JOB_COSTS,
        provenance=paths.PROVENANCE,
    log:
        "logs/job_costs.log",
    conda:
        "../../envs/data.yaml"
    resources:
        mem_mb=growing(1000),
        runtime="10m",
    params:
        code=code.command("job_costs"),
        origin=study.provenance,
        folder=subpath(output.table, parent=True),
    shell:
        "python -m cisflow job-costs --results {params.folder:q} --origin {params.origin:q}"
        " --output {output.table:q} --provenance {output.provenance:q} > {log:q} 2>&1"


# Of a run, not of a plan, a job on a cluster, or a part of another workflow.
if workflow.is_main_process and workflow.modifier.is_main_snakefile() and not workflow.output_settings.dryrun:
    stages.follow(
        logger,
        {rule.name: Path(rule.snakefile).stem for rule in workflow.rules if Path(rule.snakefile).stem != "Snakefile"},
        {
            "command": shlex.join(["snakemake", *sys.argv[1:]]),
            "configfiles": [os.path.abspath(path) for path in given],
            "snakefile": os.path.abspath(workflow.main_snakefile),
        },
        lines=not workflow.output_settings.printshellcmds,
    )


onerror:
    if workflow.executor_plugin.name == "slurm":
        print(*slurm.unsaid(slurm.logs(workflow.executor_settings), started), sep="\n", file=sys.stderr)
    print(
        "\nWhat failed stands above, with its log. What is done stays done: mend the cause and give the same command again."
        "\nWhat is done, stale and missing:  PYTHONPATH=workflow/lib python -m cisflow status results",
        file=sys.stderr,
    )
