"""Figures, one module each, drawn from tables and attribution files only.

A module has `draw(inputs, settings) -> Figure` and says, in a literal `FIGURE` (or a list of them, `FIGURES`), what the
rules of the workflow are made from. It is read from the source text, so that a figure is its module, its caption
(`workflow/report/<name>.rst`) and its test.

    name : where it is not the module's. caption : where it is not the name.
    of : what there is one figure of, which gives its wildcards and its place: "run", "windows" (a dataset),
        "dataset" (one that models are trained on), "split" (of such a one), "explanation" (dataset, model, split,
        seed), "comparison" (dataset, model, split), "study" (a dataset beside a published study), "study_set" (its
        dataset, group, split), "classifier" (its dataset, model, split), "variants", "motifs" (a dataset whose
        attributions are searched for motifs), "effects" (dataset, model, split, into whose backgrounds motifs are put),
        "design" (dataset, design, seed), "variant_effects" and "saturation" (dataset, job).
    label : what the report calls it.
    order : where it stands on a page that links to figures; without it, behind those that have one.
    inputs : {name: artifact}, the files that `draw` gets by these names, see `config.figures.Figures.artifact`. An
        artifact of several files is a list, but for a single one (`given.several`). `?` after it: only where the config
        has it; without, there is no such figure where the config has none.
    reads : artifacts that `draw` finds beside its inputs by the contract of the results folder, such as the histories
        of the runs in runs.tsv: too many for a command line.
    least : {input: number of files below which there is no figure}.
    settings : names of what the config says for it, see `config.figures.Figures.setting`; the wildcards come by
        themselves.
    tasks : the tasks of datasets that have it; all without it.
"""
