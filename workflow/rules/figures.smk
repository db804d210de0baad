# A rule a figure, made from what its module says of itself.
for figure in figures.registry().values():

    rule:
        name:
            f"figure_{figure.name}"
        input:
            unpack(study.figure_inputs(figure)),
        output:
            svg=report(f"{figure.path}.svg", caption=f"../report/{figure.caption or figure.name}.rst", **figure.report),
            png=f"{figure.path}.png",
        log:
            figure.log,
        wildcard_constraints:
            model=any_of(study.figure_models(figure)),
        conda:
            TORCH if study.has_logos(figure) else "../../envs/figures.yaml"
        resources:
            mem_mb=growing(4000),
            runtime="30m",
        params:
            code=study.figure_code(figure),
            module=figure.module,
            inputs=study.figure_arguments(figure),
            settings=study.figure_settings(figure),
        shell:
            "python -m cisflow figure {params.module} --inputs {params.inputs:q} --settings {params.settings:q}"
            " --output {output.svg:q} --png {output.png:q} > {log:q} 2>&1"
