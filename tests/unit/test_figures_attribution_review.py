"""Figures of the comparison of attribution methods, against the tables that they are drawn from."""

from cisflow.figures import style


def test_a_method_looks_the_same_whatever_else_a_figure_shows():
    few, many = style.method_looks(["ism", "tism"]), style.method_looks([*style.METHODS, "mine", "ig_zeros"])
    assert few["ism"] == many["ism"] and few["tism"] == many["tism"]
    known = [many[name] for name in style.METHODS if name != "random"]
    assert len({look.colour for look in known}) == len({look.marker for look in known}) == len(known)
    # Methods of the user's own take what those of the figure leave.
    own = style.method_looks(["ism", "tism", "b", "a"])
    assert len(set(own.values())) == len({look.marker for look in own.values()}) == 4
