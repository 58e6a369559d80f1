import pytest

from apps.quotas.queries import Line
from apps.quotas.resources import Resource

GIB = 1024**3


@pytest.mark.parametrize(
    ("resource", "after", "limit", "words"),
    [
        (Resource.MEMORY, 3 * GIB // 2, 2 * GIB, "1.5 of 2 GiB"),
        (Resource.MEMORY, GIB // 2, 2 * GIB, "512 MiB of 2 GiB"),
        (Resource.MEMORY, 0, 2 * GIB, "0 B of 2 GiB"),
        (Resource.CPU, 1000, 2000, "1 of 2 cores"),
        (Resource.APPLICATIONS, 3, 5, "3 of 5"),
        (Resource.APPLICATIONS, 3, None, "3"),
    ],
)
def test_amounts_are_told_as_people_say_them(resource, after, limit, words):
    assert Line(resource, "", after, after, limit).words == words


@pytest.mark.parametrize(("reserved", "after", "is_over"), [(1, 2, False), (1, 3, True), (4, 3, False), (4, 4, False)])
def test_only_a_change_for_the_worse_is_over(reserved, after, is_over):
    assert Line(Resource.APPLICATIONS, "", reserved, after, 2).is_over is is_over
