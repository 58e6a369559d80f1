"""Small images for the tests, made without a registry; they stay in the engine, and are built anew when they change."""

import json

from panel.local_images import ensure_image
from panel.preparation import LOCAL_ENGINE

SERVE = "httpd -f -p 8080 -h /www"
PAGE = "RUN mkdir /www && echo 'version {version}' > /www/index.html"


def _recipe(command: str, *layers: str) -> dict[str, bytes]:
    # Process 1 has no default action for signals: a shell with a trap ends at once, with and without an init above it.
    entry = ["sh", "-c", f'trap "exit 0" TERM INT; {command} & wait $!']
    return {"Dockerfile": "\n".join(["FROM berth/base:1", *layers, f"CMD {json.dumps(entry)}", ""]).encode()}


RECIPES = {
    "berth-test/httpd:1": _recipe(SERVE, PAGE.format(version=1), "EXPOSE 8080"),
    "berth-test/httpd:2": _recipe(SERVE, PAGE.format(version=2), "EXPOSE 8080"),
    "berth-test/volume:1": _recipe(SERVE, PAGE.format(version=1), "EXPOSE 8080", "VOLUME /data"),
    "berth-test/exits:1": {"Dockerfile": b'FROM berth/base:1\nCMD ["sh", "-c", "echo cannot go on; exit 3"]\n'},
    "berth-test/yes:1": _recipe("yes 'a line as fast as it can be written'"),
    "berth-test/silent:1": _recipe("sleep 100000000"),
}


def ensure_images(engine_url: str = LOCAL_ENGINE) -> dict[str, str]:
    """Sees that the engine has every image of `RECIPES`; returns tag → image id."""
    return {tag: ensure_image(tag, recipe, engine_url=engine_url) for tag, recipe in RECIPES.items()}
