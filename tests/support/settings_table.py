"""The README's table of settings: `python -m tests.support.settings_table` prints its rows."""

from pathlib import Path

from panel.env import BASE_DIR, Environment


def settings_table() -> str:
    rows = []
    for name, field in Environment.model_fields.items():
        value = field.default
        if isinstance(value, Path):
            value = value.relative_to(BASE_DIR)
        shown = f"`{value}`" if value not in ("", (), None) else ""
        rows.append(f"| `PANEL_{name.upper()}` | {shown} | {field.description} |")
    return "\n".join(rows)


if __name__ == "__main__":
    print(settings_table())  # noqa: T201
