"""One parser for image references: Docker's grammar, its defaults, and refusals that say the rule and the value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core.errors import InvalidInput
from apps.images.reference import MAX_CHARS, Reference, parse

DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "canonical", "familiar"),
    [
        ("nginx", "docker.io/library/nginx:latest", "nginx:latest"),
        ("nginx:1.27", "docker.io/library/nginx:1.27", "nginx:1.27"),
        ("  nginx:1.27 ", "docker.io/library/nginx:1.27", "nginx:1.27"),
        ("grafana/grafana", "docker.io/grafana/grafana:latest", "grafana/grafana:latest"),
        ("docker.io/nginx", "docker.io/library/nginx:latest", "nginx:latest"),
        ("index.docker.io/library/nginx", "docker.io/library/nginx:latest", "nginx:latest"),
        ("docker.io/library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest"),
        ("docker.io/quay.io/x", "docker.io/quay.io/x:latest", "docker.io/quay.io/x:latest"),
        ("ghcr.io/org/app/web:v1", "ghcr.io/org/app/web:v1", "ghcr.io/org/app/web:v1"),
        ("Registry.Example:5000/web", "registry.example:5000/web:latest", "registry.example:5000/web:latest"),
        ("localhost/web", "localhost/web:latest", "localhost/web:latest"),
        ("localhost:5000/web:2", "localhost:5000/web:2", "localhost:5000/web:2"),
        ("[::1]:5000/web", "[::1]:5000/web:latest", "[::1]:5000/web:latest"),
        (f"nginx@{DIGEST}", f"docker.io/library/nginx@{DIGEST}", f"nginx@{DIGEST}"),
        (f"nginx:1.27@{DIGEST}", f"docker.io/library/nginx:1.27@{DIGEST}", f"nginx:1.27@{DIGEST}"),
        ("a__b/c-d.e:_T", "docker.io/a__b/c-d.e:_T", "a__b/c-d.e:_T"),
    ],
)
def test_it_fills_in_what_people_leave_out(text, canonical, familiar):
    reference = parse(text)
    assert (reference.canonical, reference.familiar) == (canonical, familiar)


def test_pinning_replaces_the_tag_by_the_digest():
    assert parse("nginx:1.27").pinned(DIGEST) == f"docker.io/library/nginx@{DIGEST}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "An image is needed"),
        ("https://nginx", "without https://"),
        ("Nginx", "lower case, not “Nginx”"),
        ("org/Web:1", "lower case, not “org/Web”"),
        ("nginx:", "A tag has 1 to 128"),
        ("nginx:.x", "not “.x”"),
        ("nginx:" + "t" * 129, "A tag has 1 to 128"),
        ("registry.example/", "name is missing"),
        (":tag", "name is missing"),
        ("a//b", "not “a//b”"),
        ("a/../b", "not “a/../b”"),
        ("-x", "not “-x”"),
        ("a b", "not “a b”"),
        ("nginx; rm -rf /", "not “nginx; rm -rf /”"),
        ("nginx\x00", "not “nginx ”"),
        ("naïve", "not “naïve”"),
        ("registry_x.example/web", "A registry is a host name"),
        ("registry.example:/web", "A registry is a host name"),
        ("registry.example:70000/web", "port is 1 to 65535"),
        ("user@registry.example/web", "A digest is"),
        ("nginx@sha256:abc", "not “sha256:abc”"),
        ("nginx@sha512:" + "0" * 128, "A digest is"),
        ("nginx@" + DIGEST.upper(), "A digest is"),
        ("0123456789abcdef" * 4, "not by an image id"),
        ("a" * 256, "at most 255 characters"),
        ("a." * 1_000_000 + "/web", "at most 255 characters"),
    ],
)
def test_it_refuses_and_names_the_rule_and_the_value(text, said):
    with pytest.raises(InvalidInput) as refusal:
        parse(text)
    assert said in refusal.value.message
    assert refusal.value.field == "image"


_parts = st.from_regex(r"[a-z0-9]+((\.|_{1,2}|-{1,3})[a-z0-9]+){0,2}", fullmatch=True)
_labels = st.from_regex(r"[a-zA-Z0-9]([a-zA-Z0-9-]{0,8}[a-zA-Z0-9])?", fullmatch=True)
_hosts = st.lists(_labels, min_size=2, max_size=4).map(".".join) | st.just("localhost")
_registries = st.tuples(_hosts, st.just("") | st.integers(1, 65535).map(":{}".format)).map("".join)
_names = st.lists(_parts, min_size=1, max_size=4).map("/".join)
_tags = st.just("") | st.from_regex(r":[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True)
_digests = st.just("") | st.from_regex(r"@sha256:[0-9a-f]{64}", fullmatch=True)
_full_names = st.tuples(_registries, _names).map("/".join)
_hub_names = _names.filter(lambda name: "." not in name.partition("/")[0] or "/" not in name)
_references = st.tuples(_full_names | _hub_names, _tags, _digests).map("".join)


def _parse_or_none(text: str) -> Reference | None:
    try:
        return parse(text)
    except InvalidInput:
        return None


@given(_references | st.text())
def test_every_form_of_a_reference_means_the_same_reference(text):
    reference = _parse_or_none(text)
    if reference is None:
        return
    assert parse(reference.canonical) == reference
    assert parse(reference.familiar) == reference
    pinned = parse(reference.pinned(DIGEST))
    assert (pinned.name, pinned.tag, pinned.digest) == (reference.name, None, DIGEST)


@given(_references)
def test_whatever_the_grammar_allows_is_read_unless_it_is_too_long_or_an_image_id(text):
    reference = _parse_or_none(text)
    assert reference is not None or len(text) > MAX_CHARS - len("docker.io/library/:latest")
