"""What the jobs read that score motifs as the intron retention study did."""

from cisflow.config import declared, paths
from cisflow.config.gathering import Gathering, resource
from cisflow.config.study import to_json


class Published(Gathering):
    """A Study that answers the rules of published scoring."""

    def class_arguments(self, wildcards):
        """Which logits of which windows are attributed, as an option; what is scored of them changes nothing here."""
        asked = declared.classes("attribution/classes")["Rows"].fields
        return ["--classes", to_json({key: self.motifs["published"][key] for key in asked})]

    def published_settings(self, wildcards):
        return to_json({key: value for key, value in self.motifs["published"].items() if key != "database"})

    def published_motifs(self, wildcards):
        """The file of motifs that are scored; where none are, no rule asks for it."""
        return resource(self.published_database(wildcards.dataset) or "none")

    def matched_scores(self, wildcards):
        """Table of matched scores of the same method, where there is one."""
        known = dict(wildcards.items())
        sought = self.motif_database(known["dataset"]) is not None
        matched = sought and known["method"] in self.explanation(wildcards).methods
        return [paths.fill(paths.MOTIF_SCORES, **known)] if matched else []
