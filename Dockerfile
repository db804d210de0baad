FROM condaforge/miniforge3:latest
LABEL io.github.snakemake.containerized="true"
LABEL io.github.snakemake.conda_env_hash="e8a27d91a8ce8558a671739cf83c481cee4c2859b39337924e0a9894d75c8f54"
# Conda environment:
#   source: envs/data.yaml
#   prefix: /conda-envs/9ef11613ba0d8527f72cfde58d087dd3
#   # Downloads, windows and splits; tables and exports that need no more than these.
#   channels: [conda-forge, bioconda, nodefaults]
#   dependencies:
#     - python =3.11
#     - bedtools =2.31
#     - h5py =3.16.0
#     - numba =0.68.1
#     - numpy =2.4.6
#     - pandas =3.1.1
#     - scipy =1.17.1
#     - tqdm =4.70.1
#     - pip >=23.2,<27
#     - pip:
#         - anndata==0.11.4
#         - figwig==0.2.0
#         - pysam==0.24.1
#         - pyfaidx==0.9.2.2
#         - pybedtools==0.12.1
RUN mkdir -p /conda-envs/9ef11613ba0d8527f72cfde58d087dd3
COPY envs/data.yaml /conda-envs/9ef11613ba0d8527f72cfde58d087dd3/environment.yaml
# Conda environment:
#   source: envs/figures.yaml
#   prefix: /conda-envs/66420a5f230c17efc2f6357691ba79b6
#   # Figures without logos: tangermeme, which draws those, imports torch.
#   channels: [conda-forge, bioconda, nodefaults]
#   dependencies:
#     - python =3.11
#     - matplotlib-base =3.11.2
#     - numpy =2.4.6
#     - pandas =3.1.1
#     - scipy =1.17.1
#     - tqdm =4.70.1
RUN mkdir -p /conda-envs/66420a5f230c17efc2f6357691ba79b6
COPY envs/figures.yaml /conda-envs/66420a5f230c17efc2f6357691ba79b6/environment.yaml
# Conda environment:
#   source: envs/motifs.yaml
#   prefix: /conda-envs/ec28e8fa58f0656fa59a4e3d6b78efb7
#   # Motif discovery, names, hits and what patterns have in common.
#   channels: [conda-forge, bioconda, nodefaults]
#   dependencies:
#     - python =3.11
#     - h5py =3.16.0
#     - matplotlib-base =3.11.2
#     - numba =0.68.1
#     - numpy =2.4.6
#     - pandas =3.1.1
#     - scikit-learn =1.9.1
#     - scipy =1.17.1
#     - tqdm =4.70.1
#     - pip >=23.2,<27
#     - pip:
#         - memelite==0.5.0
#         - modisco-lite==3.0.0
#         - pyfaidx==0.9.2.2
RUN mkdir -p /conda-envs/ec28e8fa58f0656fa59a4e3d6b78efb7
COPY envs/motifs.yaml /conda-envs/ec28e8fa58f0656fa59a4e3d6b78efb7/environment.yaml
# Conda environment:
#   source: envs/statistics.yaml
#   prefix: /conda-envs/8dbdf19286892991f183042559e26472
#   # Classifiers on features, and evaluation.
#   channels: [conda-forge, bioconda, nodefaults]
#   dependencies:
#     - python =3.11
#     - lightgbm =4.7.0
#     - numpy =2.4.6
#     - optuna =5.0.0
#     - pandas =3.1.1
#     - scikit-learn =1.9.1
#     - scipy =1.17.1
#     - tqdm =4.70.1
RUN mkdir -p /conda-envs/8dbdf19286892991f183042559e26472
COPY envs/statistics.yaml /conda-envs/8dbdf19286892991f183042559e26472/environment.yaml
# Conda environment:
#   source: envs/torch-cuda.yaml
#   prefix: /conda-envs/3a038a0bd356a5b718cc807b4c8a1e12
#   # Networks, attributions, kernels and logos, with torch for GPUs and processors alike: the wheel for Linux brings CUDA, so
#   # that this is made on a login node without a GPU as on any other machine. The same as torch-cpu.yaml, but for the index.
#   channels: [conda-forge, bioconda, nodefaults]
#   dependencies:
#     - python =3.11
#     - h5py =3.16.0
#     - matplotlib-base =3.11.2
#     - numba =0.68.1
#     - numpy =2.4.6
#     - pandas =3.1.1
#     - scikit-learn =1.9.1
#     - scipy =1.17.1
#     - tqdm =4.70.1
#     - pip >=23.2,<27
#     - pip:
#         - torch==2.13.0
#         - figwig==0.2.0
#         - lightning==2.6.6
#         - memelite==0.5.0
#         - pyfaidx==0.9.2.2
#         - safetensors==0.8.0
#         - tangermeme==1.6.0
#         - transformers==5.23.0
#         - tokenizers==0.23.3
RUN mkdir -p /conda-envs/3a038a0bd356a5b718cc807b4c8a1e12
COPY envs/torch-cuda.yaml /conda-envs/3a038a0bd356a5b718cc807b4c8a1e12/environment.yaml

RUN conda env create --prefix /conda-envs/9ef11613ba0d8527f72cfde58d087dd3 --file /conda-envs/9ef11613ba0d8527f72cfde58d087dd3/environment.yaml && \
    conda env create --prefix /conda-envs/66420a5f230c17efc2f6357691ba79b6 --file /conda-envs/66420a5f230c17efc2f6357691ba79b6/environment.yaml && \
    conda env create --prefix /conda-envs/ec28e8fa58f0656fa59a4e3d6b78efb7 --file /conda-envs/ec28e8fa58f0656fa59a4e3d6b78efb7/environment.yaml && \
    conda env create --prefix /conda-envs/8dbdf19286892991f183042559e26472 --file /conda-envs/8dbdf19286892991f183042559e26472/environment.yaml && \
    conda env create --prefix /conda-envs/3a038a0bd356a5b718cc807b4c8a1e12 --file /conda-envs/3a038a0bd356a5b718cc807b4c8a1e12/environment.yaml && \
    conda clean --all -y
