"""Django's staticfiles without the parts of the front-end packages that no page uses.

Some of them cannot even be collected: stylesheets in Tabler's `libs` name source maps that the package does not hold.
"""

from django.contrib.staticfiles.apps import StaticFilesConfig


class PanelStaticFilesConfig(StaticFilesConfig):
    ignore_patterns = [
        *StaticFilesConfig.ignore_patterns,
        *("img", "libs", "types", "ext", "*.rtl.*", "*.esm.*", "*.scss", "*.html", "README.md"),
        *("tabler-flags*", "tabler-payments*", "tabler-socials*", "tabler-marketing*"),
        *("tabler-icons-200*", "tabler-icons-300*", "tabler-icons-filled*"),
    ]
