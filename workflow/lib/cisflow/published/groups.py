"""How the study filed Sei's targets."""


def legacy(assay):
    """Group of an assay by the rule behind the published tables: histone where it starts with CENPA, H2A, H2B, H3 or
    H4, accessibility where it is DNase or starts with ATAC, TF otherwise.

    It files 190 accessibility tracks (DNase.*, FAIRE) and the linker histones H1.* under TF.
    """
    if assay.startswith(("CENPA", "H2A", "H2B", "H3", "H4")):
        return "histone"
    return "accessibility" if assay == "DNase" or assay.startswith("ATAC") else "TF"
