from whitenoise.storage import CompressedManifestStaticFilesStorage


class ModuleStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # the package has no types
    """Also rewrites `import … from "./x.js"` in our modules to the hashed names, so that no old one is kept."""

    support_js_module_import_aggregation = True
