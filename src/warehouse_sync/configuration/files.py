"""Reads configuration files: YAML, ``${VARIABLES}`` of the environment, queries in files of their own, data models of a dbt project.

Nothing is judged here but the files' own form; what the entries mean is :mod:`warehouse_sync.configuration.declared`'s matter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from warehouse_sync.configuration.dbt import DbtSelection, models_of
from warehouse_sync.configuration.yaml_text import parse_yaml
from warehouse_sync.errors import InvalidRequest

FILE_NAMES: Final = ("warehouse-sync.yml", "warehouse-sync.yaml")
SECTIONS: Final = ("feeds", "connections", "data_models", "pipelines")
FROM_DBT: Final = "from_dbt"
_SINGLE: Final = frozenset({"version", "workspace", "$schema"})
_VERSION: Final = 1
_VARIABLE: Final = re.compile(r"\$(\$)?\{([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass(frozen=True, slots=True)
class Entry:
    """One declared object, as written.

    Attributes:
        place: where it stands, for messages, e.g. ``warehouse-sync.yml: pipelines.nightly``.
        fields: its fields, with variables replaced.
    """

    place: str
    fields: dict[str, Any]


@dataclass(slots=True)
class Written:
    """Everything that files declare, by section and id.

    Attributes:
        workspace_id: the workspace the files are about; None if they do not say.
    """

    workspace_id: int | None = None
    sections: dict[str, dict[str, Entry]] = field(default_factory=lambda: {section: {} for section in SECTIONS})


def read_files(paths: Sequence[Path], environ: Mapping[str, str]) -> Written:
    """What files declare together. A folder stands for every ``.yml`` and ``.yaml`` file directly in it.

    Raises:
        InvalidRequest: a file cannot be read, is not YAML, has an unknown section, or declares what another has declared; names the place.
    """
    written = Written()
    for path in _each_file(paths):
        _read_into(written, path, environ)
    return written


def _each_file(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        found = sorted(entry for entry in path.iterdir() if entry.suffix in {".yml", ".yaml"})
        if not found:
            raise _refusal(str(path), "holds no .yml or .yaml file.")
        yield from found


def _read_into(written: Written, path: Path, environ: Mapping[str, str]) -> None:
    document = _parsed(path)
    unknown = sorted(set(document) - _SINGLE - set(SECTIONS))
    if unknown:
        raise _refusal(str(path), f"has an unknown section {unknown[0]}. The sections are {', '.join(SECTIONS)}.")
    if document.get("version", _VERSION) != _VERSION:
        raise _refusal(f"{path}: version", f"must be {_VERSION}, the only one there is.")
    _take_workspace(written, path, document.get("workspace"))
    for section in SECTIONS:
        for name, entry in _entries(path, section, document.get(section), environ):
            if name in written.sections[section]:
                raise _refusal(entry.place, f"is declared already in {written.sections[section][name].place}.")
            written.sections[section][name] = entry


def _parsed(path: Path) -> dict[str, Any]:
    try:
        document = parse_yaml(path.read_text(), str(path))
    except FileNotFoundError:
        raise _refusal(str(path), "does not exist. Name the file or folder with --file.") from None
    except OSError as error:
        raise _refusal(str(path), f"cannot be read: {error}.") from error
    except ValueError as error:  # not UTF-8, or not YAML
        raise InvalidRequest(str(error), field=str(path), code="invalid_configuration") from None
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise _refusal(str(path), "must hold sections: " + ", ".join(SECTIONS) + ".")
    return document


def _take_workspace(written: Written, path: Path, given: object) -> None:
    if given is None:
        return
    if isinstance(given, bool) or not isinstance(given, int):
        raise _refusal(f"{path}: workspace", "must be the workspace's number.")
    if written.workspace_id not in {None, given}:
        raise _refusal(f"{path}: workspace", f"is {given}, and another file says {written.workspace_id}.")
    written.workspace_id = given


def _entries(path: Path, section: str, given: object, environ: Mapping[str, str]) -> Iterator[tuple[str, Entry]]:
    if given is None:
        return
    if not isinstance(given, dict):
        raise _refusal(f"{path}: {section}", "must be a mapping from ids to fields.")
    for name, value in given.items():
        place = f"{path}: {section}.{name}"
        if not isinstance(value, dict) and value is not None:
            raise _refusal(place, "must be a mapping of fields.")
        fields = _replaced(value or {}, place, environ)
        if section == "data_models" and name == FROM_DBT:
            selection = DbtSelection.parse(place, path.parent, fields)
            for model, model_fields in models_of(selection):
                yield model, Entry(f"{place} ({model})", model_fields)
            continue
        if not isinstance(name, str):
            raise _refusal(place, "must be a text; put the id in quotes.")
        yield name, Entry(place, _with_query(fields, place, path.parent) if section == "data_models" else fields)


def _with_query(fields: dict[str, Any], place: str, folder: Path) -> dict[str, Any]:
    """The fields with the query of ``sql_file`` in ``sql_query``. Variables in that file are SQL's, not ours, and stay."""
    if "sql_file" not in fields:
        return fields
    if "sql_query" in fields:
        raise _refusal(place, "has both sql_query and sql_file. Keep one.")
    name = fields["sql_file"]
    if not isinstance(name, str):
        raise _refusal(f"{place}.sql_file", "must be a path.")
    try:
        query = (folder / name).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise _refusal(f"{place}.sql_file", f"cannot be read: {error}.") from error
    return {key: value for key, value in fields.items() if key != "sql_file"} | {"sql_query": query.strip()}


def _replaced(value: Any, place: str, environ: Mapping[str, str]) -> Any:  # noqa: ANN401 - whatever YAML holds
    if isinstance(value, dict):
        return {key: _replaced(item, f"{place}.{key}", environ) for key, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, place, environ) for item in value]
    if not isinstance(value, str):
        return value

    def variable(found: re.Match[str]) -> str:
        if found.group(1):
            return f"${{{found.group(2)}}}"
        if found.group(2) not in environ:
            raise _refusal(
                place,
                f"names the variable {found.group(2)}, which is not set. Set it, or write $${{…}} for the text itself.",
            )
        return environ[found.group(2)]

    return _VARIABLE.sub(variable, value)


def _refusal(place: str, sentence: str) -> InvalidRequest:
    return InvalidRequest(f"{place} {sentence}", field=place, code="invalid_configuration")
