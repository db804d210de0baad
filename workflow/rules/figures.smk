rule figure_performance_curves:
    input:
        curves="results/{dataset}/evaluation/curves.tsv",
        metrics="results/{dataset}/evaluation/metrics.tsv",
        published=get_published,
    output:
        svg=report(
            "results/{dataset}/figures/performance_curves.{split}.svg",
            caption="../report/performance_curves.rst",
            category="Figures",
            subcategory="{dataset}",
            labels={"figure": "ROC and PR", "split": "{split}"},
        ),
        png="results/{dataset}/figures/performance_curves.{split}.png",
    log:
        "logs/{dataset}/performance_curves.{split}.log",
    conda:
        "../../envs/figures.yaml"
    resources:
        mem_mb=4000,
        runtime="30m",
    params:
        code=code_digest("commands/figure", "figures/performance_curves"),
        inputs=lambda wildcards, input: curve_inputs(input),
        settings=lambda wildcards: figure_settings(wildcards, fold="test", **published_settings(wildcards)),
    shell:
        "python -m cisflow figure performance_curves --inputs {params.inputs:q} --settings {params.settings:q}"
        " --output {output.svg} --png {output.png} > {log} 2>&1"


rule figure_model_comparison:
    input:
        metrics="results/{dataset}/evaluation/metrics.tsv",
        comparisons="results/{dataset}/evaluation/comparisons.tsv",
    output:
        svg=report(
            "results/{dataset}/figures/model_comparison.svg",
            caption="../report/model_comparison.rst",
            category="Figures",
            subcategory="{dataset}",
            labels={"figure": "models side by side", "split": "all"},
        ),
        png="results/{dataset}/figures/model_comparison.png",
    log:
        "logs/{dataset}/model_comparison.log",
    conda:
        "../../envs/figures.yaml"
    resources:
        mem_mb=4000,
        runtime="30m",
    params:
        code=code_digest("commands/figure", "figures/model_comparison"),
        inputs=lambda wildcards, input: to_json({"metrics": input.metrics, "comparisons": input.comparisons}),
        settings=lambda wildcards: figure_settings(wildcards, baselines=get_baselines(wildcards.dataset)),
    shell:
        "python -m cisflow figure model_comparison --inputs {params.inputs:q} --settings {params.settings:q}"
        " --output {output.svg} --png {output.png} > {log} 2>&1"


rule figure_leakage:
    input:
        lambda wildcards: [table["path"] for table in get_leakage_tables(wildcards.dataset)],
    output:
        svg=report(
            "results/{dataset}/figures/leakage.svg",
            caption="../report/leakage.rst",
            category="Figures",
            subcategory="{dataset}",
            labels={"figure": "leakage between folds", "split": "all"},
        ),
        png="results/{dataset}/figures/leakage.png",
    log:
        "logs/{dataset}/leakage.log",
    conda:
        "../../envs/figures.yaml"
    resources:
        mem_mb=4000,
        runtime="30m",
    params:
        code=code_digest("commands/figure", "figures/leakage"),
        inputs=lambda wildcards: to_json({"tables": get_leakage_tables(wildcards.dataset)}),
        settings=lambda wildcards: figure_settings(wildcards),
    shell:
        "python -m cisflow figure leakage --inputs {params.inputs:q} --settings {params.settings:q}"
        " --output {output.svg} --png {output.png} > {log} 2>&1"


rule figure_robustness:
    input:
        strata="results/{dataset}/evaluation/strata.tsv",
        metrics="results/{dataset}/evaluation/metrics.tsv",
    output:
        svg=report(
            "results/{dataset}/figures/robustness.{split}.svg",
            caption="../report/robustness.rst",
            category="Figures",
            subcategory="{dataset}",
            labels={"figure": "where AUROC differs", "split": "{split}"},
        ),
        png="results/{dataset}/figures/robustness.{split}.png",
    log:
        "logs/{dataset}/robustness.{split}.log",
    conda:
        "../../envs/figures.yaml"
    resources:
        mem_mb=4000,
        runtime="30m",
    params:
        code=code_digest("commands/figure", "figures/robustness"),
        inputs=lambda wildcards, input: to_json({"strata": input.strata, "metrics": input.metrics}),
        settings=lambda wildcards: figure_settings(wildcards),
    shell:
        "python -m cisflow figure robustness --inputs {params.inputs:q} --settings {params.settings:q}"
        " --output {output.svg} --png {output.png} > {log} 2>&1"


rule figure_calibration:
    input:
        calibration="results/{dataset}/evaluation/calibration.tsv",
        metrics="results/{dataset}/evaluation/metrics.tsv",
    output:
        svg=report(
            "results/{dataset}/figures/calibration.{split}.svg",
            caption="../report/calibration.rst",
            category="Figures",
            subcategory="{dataset}",
            labels={"figure": "calibration", "split": "{split}"},
        ),
        png="results/{dataset}/figures/calibration.{split}.png",
    log:
        "logs/{dataset}/calibration.{split}.log",
    conda:
        "../../envs/figures.yaml"
    resources:
        mem_mb=4000,
        runtime="30m",
    params:
        code=code_digest("commands/figure", "figures/calibration"),
        inputs=lambda wildcards, input: to_json({"calibration": input.calibration, "metrics": input.metrics}),
        settings=lambda wildcards: figure_settings(wildcards),
    shell:
        "python -m cisflow figure calibration --inputs {params.inputs:q} --settings {params.settings:q}"
        " --output {output.svg} --png {output.png} > {log} 2>&1"


rule figure_learning_curves:
    input:
        lambda wildcards: [run["path"] for run in get_histories(wildcards)],
    output:
        svg=report(
            "results/{dataset}/figures/learning_curves.svg",
            caption="../report/learning_curves.rst",
            category="Figures",
            subcategory="{dataset}",
            labels={"figure": "learning curves", "split": "all"},
        ),
        png="results/{dataset}/figures/learning_curves.png",
    log:
        "logs/{dataset}/learning_curves.log",
    conda:
        "../../envs/figures.yaml"
    resources:
        mem_mb=4000,
        runtime="30m",
    params:
        code=code_digest("commands/figure", "figures/learning_curves"),
        inputs=lambda wildcards: to_json({"histories": get_histories(wildcards)}),
        settings=lambda wildcards: figure_settings(wildcards),
    shell:
        "python -m cisflow figure learning_curves --inputs {params.inputs:q} --settings {params.settings:q}"
        " --output {output.svg} --png {output.png} > {log} 2>&1"


rule figure_study_curves:
    input:
        curves="results/{dataset}/evaluation/curves.tsv",
        metrics="results/{dataset}/evaluation/metrics.tsv",
        published=PUBLISHED,
    output:
        svg=report(
            "results/{dataset}/figures/study_curves.{group}.{split}.svg",
            caption="../report/performance_curves.rst",
            category="Figures",
            subcategory="{dataset}",
            labels={"figure": "ROC and PR: {group}", "split": "{split}"},
        ),
        png="results/{dataset}/figures/study_curves.{group}.{split}.png",
    log:
        "logs/{dataset}/study_curves.{group}.{split}.log",
    conda:
        "../../envs/figures.yaml"
    resources:
        mem_mb=4000,
        runtime="30m",
    params:
        code=code_digest("commands/figure", "figures/performance_curves"),
        inputs=lambda wildcards, input: to_json(dict(input.items())),
        settings=lambda wildcards: figure_settings(
            wildcards, models=get_study(wildcards.dataset)["sets"][wildcards.group], **published_settings(wildcards)
        ),
    shell:
        "python -m cisflow figure performance_curves --inputs {params.inputs:q} --settings {params.settings:q}"
        " --output {output.svg} --png {output.png} > {log} 2>&1"


rule figure_study_comparison:
    input:
        metrics="results/{dataset}/evaluation/metrics.tsv",
        comparisons="results/{dataset}/evaluation/comparisons.tsv",
        published=PUBLISHED,
    output:
        svg=report(
            "results/{dataset}/figures/study_comparison.svg",
            caption="../report/study_comparison.rst",
            category="Figures",
            subcategory="{dataset}",
            labels={"figure": "published and rerun", "split": "all"},
        ),
        png="results/{dataset}/figures/study_comparison.png",
    log:
        "logs/{dataset}/study_comparison.log",
    conda:
        "../../envs/figures.yaml"
    resources:
        mem_mb=4000,
        runtime="30m",
    params:
        code=code_digest("commands/figure", "figures/study_comparison"),
        inputs=lambda wildcards, input: to_json(dict(input.items())),
        settings=lambda wildcards: figure_settings(
            wildcards, study=get_study(wildcards.dataset), baselines=get_baselines(wildcards.dataset)
        ),
    shell:
        "python -m cisflow figure study_comparison --inputs {params.inputs:q} --settings {params.settings:q}"
        " --output {output.svg} --png {output.png} > {log} 2>&1"


rule figure_top_targets:
    input:
        weights=get_weight_files,
        targets=lambda wildcards: get_classifier_features(wildcards)["names"],
        published=get_published_targets,
    output:
        svg=report(
            "results/{dataset}/figures/top_targets.{model}.{split}.svg",
            caption="../report/top_targets.rst",
            category="Figures",
            subcategory="{dataset}",
            labels={"figure": "targets that carry the signal", "split": "{model}, {split}"},
        ),
        png="results/{dataset}/figures/top_targets.{model}.{split}.png",
    log:
        "logs/{dataset}/top_targets.{model}.{split}.log",
    wildcard_constraints:
        model=models_of_kind(network=False),
    conda:
        "../../envs/figures.yaml"
    resources:
        mem_mb=4000,
        runtime="30m",
    params:
        code=code_digest("commands/figure", "figures/top_targets"),
        inputs=lambda wildcards, input: target_inputs(input),
        settings=lambda wildcards: figure_settings(
            wildcards,
            n=config["figures"]["n_factors"],
            **weight_settings(wildcards.model),
            **target_settings(wildcards),
        ),
    shell:
        "python -m cisflow figure top_targets --inputs {params.inputs:q} --settings {params.settings:q}"
        " --output {output.svg} --png {output.png} > {log} 2>&1"


rule figure_attribution_logos:
    input:
        attributions=get_method_files("results/{dataset}/attributions/{model}/{split}/seed{seed}/{method}.npz"),
        windows="results/{dataset}/windows.tsv",
        hotspots=get_hotspot_files,
        truth=get_truth,
    output:
        svg=report(
            "results/{dataset}/figures/attribution_logos.{model}.{split}.seed{seed}.svg",
            caption="../report/attribution_logos.rst",
            category="Figures",
            subcategory="{dataset}",
            labels={"figure": "logos", "split": "{model}, {split}, seed {seed}"},
        ),
        png="results/{dataset}/figures/attribution_logos.{model}.{split}.seed{seed}.png",
    log:
        "logs/{dataset}/attribution_logos.{model}.{split}.seed{seed}.log",
    conda:
        "../../envs/figures.yaml"
    resources:
        mem_mb=4000,
        runtime="30m",
    params:
        code=code_digest("commands/figure", "figures/attribution_logos"),
        inputs=lambda wildcards, input: to_json(logo_inputs(wildcards, input)),
        settings=lambda wildcards: figure_settings(wildcards, n_sequences=config["figures"]["n_sequences"]),
    shell:
        "python -m cisflow figure attribution_logos --inputs {params.inputs:q} --settings {params.settings:q}"
        " --output {output.svg} --png {output.png} > {log} 2>&1"


rule figure_method_agreement:
    input:
        attributions=get_method_files("results/{dataset}/attributions/{model}/{split}/seed{seed}/{method}.npz"),
    output:
        svg=report(
            "results/{dataset}/figures/method_agreement.{model}.{split}.seed{seed}.svg",
            caption="../report/method_agreement.rst",
            category="Figures",
            subcategory="{dataset}",
            labels={"figure": "agreement of methods", "split": "{model}, {split}, seed {seed}"},
        ),
        png="results/{dataset}/figures/method_agreement.{model}.{split}.seed{seed}.png",
    log:
        "logs/{dataset}/method_agreement.{model}.{split}.seed{seed}.log",
    conda:
        "../../envs/figures.yaml"
    resources:
        mem_mb=4000,
        runtime="30m",
    params:
        code=code_digest("commands/figure", "figures/method_agreement"),
        inputs=lambda wildcards, input: to_json({"attributions": per_method(wildcards, path=input.attributions)}),
        settings=lambda wildcards: figure_settings(wildcards),
    shell:
        "python -m cisflow figure method_agreement --inputs {params.inputs:q} --settings {params.settings:q}"
        " --output {output.svg} --png {output.png} > {log} 2>&1"


rule figure_discovered_motifs:
    input:
        modisco=get_method_files("results/{dataset}/motifs/{model}/{split}/seed{seed}/{method}/modisco.h5"),
        summary=get_method_files("results/{dataset}/motifs/{model}/{split}/seed{seed}/{method}/discovery.json"),
        patterns=get_method_files("results/{dataset}/motifs/{model}/{split}/seed{seed}/{method}/patterns.tsv"),
        recovery=get_recovery_files,
        database=get_motif_database(),
    output:
        svg=report(
            "results/{dataset}/figures/discovered_motifs.{model}.{split}.seed{seed}.svg",
            caption="../report/discovered_motifs.rst",
            category="Figures",
            subcategory="{dataset}",
            labels={"figure": "discovered motifs", "split": "{model}, {split}, seed {seed}"},
        ),
        png="results/{dataset}/figures/discovered_motifs.{model}.{split}.seed{seed}.png",
    log:
        "logs/{dataset}/discovered_motifs.{model}.{split}.seed{seed}.log",
    conda:
        "../../envs/figures.yaml"
    resources:
        mem_mb=4000,
        runtime="30m",
    params:
        code=code_digest("commands/figure", "figures/discovered_motifs"),
        inputs=lambda wildcards, input: to_json(motif_inputs(wildcards, input)),
        settings=lambda wildcards: figure_settings(wildcards, n_patterns=config["figures"]["n_patterns"]),
    shell:
        "python -m cisflow figure discovered_motifs --inputs {params.inputs:q} --settings {params.settings:q}"
        " --output {output.svg} --png {output.png} > {log} 2>&1"


rule figure_top_factors:
    input:
        scores=get_method_files("results/{dataset}/motifs/{model}/{split}/seed{seed}/{method}/motif_scores.tsv"),
    output:
        svg=report(
            "results/{dataset}/figures/top_factors.{model}.{split}.seed{seed}.svg",
            caption="../report/top_factors.rst",
            category="Figures",
            subcategory="{dataset}",
            labels={"figure": "top factors", "split": "{model}, {split}, seed {seed}"},
        ),
        png="results/{dataset}/figures/top_factors.{model}.{split}.seed{seed}.png",
    log:
        "logs/{dataset}/top_factors.{model}.{split}.seed{seed}.log",
    conda:
        "../../envs/figures.yaml"
    resources:
        mem_mb=4000,
        runtime="30m",
    params:
        code=code_digest("commands/figure", "figures/top_factors"),
        inputs=lambda wildcards, input: to_json({"scores": per_method(wildcards, path=input.scores)}),
        settings=lambda wildcards: figure_settings(wildcards, n=config["figures"]["n_factors"]),
    shell:
        "python -m cisflow figure top_factors --inputs {params.inputs:q} --settings {params.settings:q}"
        " --output {output.svg} --png {output.png} > {log} 2>&1"


rule figure_attribution_agreement:
    input:
        attributions=get_first_attributions,
        agreement="results/{dataset}/comparisons/{model}/{split}/agreement.tsv",
        planted="results/{dataset}/comparisons/{model}/{split}/planted.tsv",
        perturbation="results/{dataset}/comparisons/{model}/{split}/perturbation.tsv",
        seeds="results/{dataset}/comparisons/{model}/{split}/seeds.tsv",
        cost="results/{dataset}/comparisons/{model}/{split}/cost.tsv",
        summary="results/{dataset}/comparisons/{model}/{split}/summary.tsv",
    output:
        svg=report(
            "results/{dataset}/figures/attribution_agreement.{model}.{split}.svg",
            caption="../report/attribution_agreement.rst",
            category="Figures",
            subcategory="{dataset}",
            labels={"figure": "methods against the reference", "split": "{model}, {split}"},
        ),
        png="results/{dataset}/figures/attribution_agreement.{model}.{split}.png",
    log:
        "logs/{dataset}/attribution_agreement.{model}.{split}.log",
    conda:
        "../../envs/figures.yaml"
    resources:
        mem_mb=4000,
        runtime="30m",
    params:
        code=code_digest("commands/figure", "figures/attribution_agreement"),
        inputs=lambda wildcards, input: to_json(comparison_inputs(wildcards, input)),
        settings=lambda wildcards: figure_settings(wildcards, reference=get_comparison(wildcards)["reference"]),
    shell:
        "python -m cisflow figure attribution_agreement --inputs {params.inputs:q} --settings {params.settings:q}"
        " --output {output.svg} --png {output.png} > {log} 2>&1"


rule figure_attribution_recovery:
    input:
        attributions=get_first_attributions,
        agreement="results/{dataset}/comparisons/{model}/{split}/agreement.tsv",
        planted="results/{dataset}/comparisons/{model}/{split}/planted.tsv",
        perturbation="results/{dataset}/comparisons/{model}/{split}/perturbation.tsv",
        seeds="results/{dataset}/comparisons/{model}/{split}/seeds.tsv",
        cost="results/{dataset}/comparisons/{model}/{split}/cost.tsv",
        summary="results/{dataset}/comparisons/{model}/{split}/summary.tsv",
    output:
        svg=report(
            "results/{dataset}/figures/attribution_recovery.{model}.{split}.svg",
            caption="../report/attribution_recovery.rst",
            category="Figures",
            subcategory="{dataset}",
            labels={"figure": "methods judged", "split": "{model}, {split}"},
        ),
        png="results/{dataset}/figures/attribution_recovery.{model}.{split}.png",
    log:
        "logs/{dataset}/attribution_recovery.{model}.{split}.log",
    conda:
        "../../envs/figures.yaml"
    resources:
        mem_mb=4000,
        runtime="30m",
    params:
        code=code_digest("commands/figure", "figures/attribution_recovery"),
        inputs=lambda wildcards, input: to_json(comparison_inputs(wildcards, input)),
        settings=lambda wildcards: figure_settings(wildcards, reference=get_comparison(wildcards)["reference"]),
    shell:
        "python -m cisflow figure attribution_recovery --inputs {params.inputs:q} --settings {params.settings:q}"
        " --output {output.svg} --png {output.png} > {log} 2>&1"


rule figure_attribution_cost:
    input:
        "results/timing.tsv",
    output:
        svg=report(
            "results/figures/attribution_cost.svg",
            caption="../report/attribution_cost.rst",
            category="Figures",
            labels={"figure": "time and memory", "split": "all"},
        ),
        png="results/figures/attribution_cost.png",
    log:
        "logs/attribution_cost.log",
    conda:
        "../../envs/figures.yaml"
    resources:
        mem_mb=4000,
        runtime="30m",
    params:
        code=code_digest("commands/figure", "figures/attribution_cost"),
        inputs=lambda wildcards, input: to_json({"timing": input[0]}),
        settings=lambda wildcards: figure_settings(wildcards),
    shell:
        "python -m cisflow figure attribution_cost --inputs {params.inputs:q} --settings {params.settings:q}"
        " --output {output.svg} --png {output.png} > {log} 2>&1"
