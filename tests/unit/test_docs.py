"""The documentation is true: links lead somewhere, tables are complete, examples do what the page says.

``make pages`` writes the pages of settings and commands anew.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import typer

from tests.conformance.type_pages import TYPE_TABLES, overview
from tests.conformance.type_table import page as type_page
from warehouse_sync.api.app import BASE_PATH, create_app
from warehouse_sync.api.errors import TOKEN_ERRORS
from warehouse_sync.api.runs import RunDetailAnswer, StatusAnswer
from warehouse_sync.cli.logins import VARIABLES as CLIENT_VARIABLES
from warehouse_sync.cli.main import app as command_line
from warehouse_sync.domain.identity import DEFAULT_PRIORITY, IdentityType
from warehouse_sync.domain.limits import (
    ATTRIBUTE_NAME_CHARACTERS,
    ATTRIBUTE_VALUE_CHARACTERS,
    LIST_ENTRIES,
    LIST_ENTRY_CHARACTERS,
    PUBLISHED_RECORDS,
)
from warehouse_sync.domain.load_timestamp import LoadTimestampType
from warehouse_sync.errors import SqlRefused, WarehouseFault, WarehouseStep
from warehouse_sync.identity.fingerprints import RejectReason
from warehouse_sync.scheduler.runner import MAX_DEATHS
from warehouse_sync.scheduler.verdict import MAX_ATTEMPTS
from warehouse_sync.settings import describe_settings
from warehouse_sync.sql.guard import check_query
from warehouse_sync.sql.parsing import DEEPEST, MOST_BYTES, MOST_TOKENS, MOST_WRITTEN_TOKENS
from warehouse_sync.sql.rules import MOST_TABLES
from warehouse_sync.warehouses.catalogue import WAREHOUSE_TYPES

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "warehouse_sync"
DOCS = ROOT / "docs"
TOP_PAGES = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")
PAGES = sorted([*(ROOT / name for name in TOP_PAGES), *DOCS.rglob("*.md")])
PAGE_NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
MASK = "************"

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
_ROW = re.compile(r"^\| `([^`|]+)` \|", re.MULTILINE)


def text_of(name: str) -> str:
    return (ROOT / name).read_text()


def prose_of(name: str) -> str:
    return _FENCE.sub("", text_of(name))


def section_of(name: str, heading: str) -> str:
    """What stands below a heading, up to the next one of the same or a higher rank."""
    rank = heading.partition(" ")[0]
    found = re.search(rf"^{re.escape(heading)}\n(.*?)(?=^#{{1,{len(rank)}}} |\Z)", text_of(name), re.M | re.S)
    assert found, f"{name} has no heading {heading!r}"
    return found[1]


def blocks_of(name: str, language: str) -> list[str]:
    return [content for kind, content in _FENCE.findall(text_of(name)) if kind == language]


@cache
def anchors_of(page: Path) -> frozenset[str]:
    """The anchors that GitHub gives a page's headings."""
    plain = (re.sub(r"[^\w\- ]", "", heading.replace("`", "")) for heading in _HEADING.findall(prose_of(str(page))))
    return frozenset(heading.strip().lower().replace(" ", "-") for heading in plain)


@cache
def syntax_trees() -> tuple[ast.Module, ...]:
    return tuple(ast.parse(path.read_text()) for path in sorted(SOURCE.rglob("*.py")))


# --- links ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAGE_NAMES)
def test_every_link_leads_to_a_file_and_a_heading(name: str) -> None:
    page = ROOT / name
    broken = []
    for target in _LINK.findall(prose_of(name)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        if not linked.exists() or (anchor and anchor not in anchors_of(linked)):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("name", [name for name in PAGE_NAMES if name.startswith("docs/")])
def test_every_page_can_be_reached_from_the_readme(name: str) -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md" or not page.is_file():
            continue
        reached.add(page)
        targets = (target.partition("#")[0] for target in _LINK.findall(page.read_text()) if ":" not in target)
        waiting += [(page.parent / target).resolve() for target in targets if target]
    assert ROOT / name in reached


@pytest.mark.parametrize("name", PAGE_NAMES)
def test_every_json_example_is_json(name: str) -> None:
    for block in blocks_of(name, "json"):
        json.loads(block)


def test_every_path_that_the_architecture_names_exists() -> None:
    named = re.findall(r"`((?:[\w-]+/)*(?:[\w-]+\.py|[\w-]+/))`", prose_of("ARCHITECTURE.md"))
    assert len(named) > 20
    missing = [
        path
        for path in named
        if not (SOURCE / path).exists() and not (ROOT / path).exists() and not any(SOURCE.glob(f"*/{path}"))
    ]
    assert missing == []


def test_every_test_that_a_page_names_exists() -> None:
    named = {path for name in TOP_PAGES for path in re.findall(r"`(tests/[\w/.]+)`", text_of(name))}
    assert len(named) > 10
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


def test_every_folder_of_tests_is_described() -> None:
    described = set(re.findall(r"^\| `tests/(\w+)/`", section_of("CONTRIBUTING.md", "## Tests"), re.M))
    beside = {"fixtures", "oracle"}  # no tests, but what tests use
    found = {folder.name for folder in (ROOT / "tests").iterdir() if folder.is_dir() and any(folder.glob("**/*.py"))}
    assert described == found - beside


def test_every_target_of_make_is_described() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", text_of("Makefile"), re.M))
    described = set(re.findall(r"^\| `make ([a-z-]+)` \|", text_of("CONTRIBUTING.md"), re.M))
    assert described == targets - {"help"}  # a bare make


# --- settings ---------------------------------------------------------------------------------------------------------------------


def render_settings() -> str:
    """The whole page of settings."""
    read = {node.attr for tree in syntax_trees() for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    lines = [
        "<!-- Made by: make pages   Do not edit. -->",
        "# Settings",
        "",
        "Every setting is an environment variable. No file is read. A variable that begins with `WAREHOUSE_SYNC_` and is not in this table",
        "stops the start, and so does one that is empty: a misspelt setting never goes unnoticed. The options of the command line",
        "(`--home`, and of `serve` also `--host`, `--port`, `--tls-cert`, `--tls-key` and `--behind-proxy`) win over their variables. A",
        "change takes effect at the next start.",
        "",
        "| setting | value | default | what it does |",
        "|---|---|---|---|",
    ]
    for setting in describe_settings():
        field = setting.name.removeprefix("WAREHOUSE_SYNC_").lower()
        is_read = field in read or field.startswith("limit_records_")  # those are read by a name put together
        note = "" if is_read else " **Accepted, and without effect in this version.**"
        default = f"`{setting.default}`" if setting.default else ""
        lines.append(f"| `{setting.name}` | {setting.type} | {default} | {setting.description}{note} |")
    return "\n".join(lines) + "\n"


def test_the_page_of_settings_is_what_the_settings_say() -> None:
    assert text_of("docs/settings.md") == render_settings(), "run: make pages"


@pytest.mark.parametrize("name", PAGE_NAMES)
def test_every_setting_that_a_page_names_exists(name: str) -> None:
    known = [*(setting.name for setting in describe_settings()), *CLIENT_VARIABLES]
    for said in re.findall(r"\bWAREHOUSE_SYNC_[A-Z_]*", text_of(name)):
        assert said in known or (said.endswith("_") and any(setting.startswith(said) for setting in known)), said


# --- error codes ------------------------------------------------------------------------------------------------------------------


def codes_of_the_source() -> set[str]:
    """Every code that an error, a failed run or a rejected row can carry."""
    constants = {name: text for tree in syntax_trees() for name, text in _text_constants(tree)}
    codes = {f"warehouse_{fault}" for fault in WarehouseFault} | {str(reason) for reason in RejectReason}
    codes |= set(TOKEN_ERRORS.values())
    for tree in syntax_trees():
        places = _places_of_codes(tree)
        for node in ast.walk(tree):
            codes.update(_codes_in(node, constants, places))
    return codes


def _places_of_codes(tree: ast.Module) -> dict[str, int]:
    """The functions of a module that take a code by position, and which argument it is."""
    places = {"RunFailure": 0}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            names = [argument.arg for argument in node.args.args if argument.arg != "self"]
            if "code" in names:
                places[node.name] = names.index("code")
    return places


def _codes_in(node: ast.AST, constants: dict[str, str], places: dict[str, int]) -> Iterator[str]:
    if isinstance(node, ast.ClassDef):
        yield from (text for name, text in _text_constants(node) if name == "code")
    if isinstance(node, ast.Dict):  # the OAuth endpoint's own shape
        yield from (
            str(value.value)
            for key, value in zip(node.keys, node.values, strict=True)
            if isinstance(key, ast.Constant) and key.value == "error" and isinstance(value, ast.Constant)
        )
    if isinstance(node, ast.Call):
        given = [keyword.value for keyword in node.keywords if keyword.arg == "code"]
        called = getattr(node.func, "id", getattr(node.func, "attr", ""))
        if called in places:
            given += node.args[places[called] : places[called] + 1]
        for value in given:
            if isinstance(value, ast.Constant):
                yield str(value.value)
            elif isinstance(value, ast.Name) and value.id in constants:
                yield constants[value.id]


def _text_constants(scope: ast.Module | ast.ClassDef) -> Iterator[tuple[str, str]]:
    for statement in scope.body:
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        value = getattr(statement, "value", None)
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield from ((target.id, value.value) for target in targets if isinstance(target, ast.Name))


def test_the_walk_finds_codes_of_every_kind() -> None:
    kinds = {
        "busy",
        "too_many_records",
        "worker_died",
        "internal_error",
        "temporarily_unavailable",
        "no_identity",
        "store_write_failed",
    }
    assert kinds <= codes_of_the_source()


def test_the_page_of_errors_has_every_code_and_no_other() -> None:
    assert set(_ROW.findall(text_of("docs/errors.md"))) == codes_of_the_source()


def test_every_step_of_a_warehouse_conversation_is_explained() -> None:
    assert set(WarehouseStep) <= set(re.findall(r"`(\w+)`", section_of("docs/errors.md", "## Steps of a warehouse")))


# --- the command line -------------------------------------------------------------------------------------------------------------


@cache
def commands() -> dict[str, Any]:
    """Every command by its whole name."""
    return dict(_commands(typer.main.get_command(command_line), "warehouse-sync"))


def _commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield name, command
        return
    for part, child in inner.items():
        yield from _commands(child, f"{name} {part}")


def options_of(command: Any) -> dict[str, Any]:
    """A command's options, by the spelling that is shown."""
    return {parameter.opts[0]: parameter for parameter in command.params if parameter.opts[0].startswith("--")}


def render_commands() -> str:
    """The whole page of commands."""
    lines = [
        "<!-- Made by: make pages   Do not edit. -->",
        "# Commands",
        "",
        "`warehouse-sync --help` and `warehouse-sync COMMAND --help` tell the same. [Operations](operations.md#commands) says which",
        "commands work on the home and which talk to the service, where these find it, and what the exit codes mean.",
        "`--output` is `table` for people (colours follow `NO_COLOR`), `json` or `yaml` for programs.",
        "`warehouse-sync --install-completion` makes the shell complete commands and options.",
        "",
    ]
    for name, command in commands().items():
        arguments = [f" {p.metavar or p.name.upper()}" for p in command.params if not p.opts[0].startswith("--")]
        lines += [f"## {name}", "", f"`{name}{''.join(arguments)}`", "", *_help_of(command), ""]
        lines += [*_table_of(command), ""]
    return "\n".join(lines)


def _help_of(command: Any) -> list[str]:
    return [line.rstrip() for line in (command.help or "").strip().splitlines()]


def _table_of(command: Any) -> list[str]:
    rows = ["| option | meaning | default |", "|---|---|---|"]
    for name, parameter in options_of(command).items():
        shown = parameter.show_default if isinstance(parameter.show_default, str) else parameter.default
        is_silent = shown in (None, False, (), "") or parameter.required or parameter.multiple
        default = "required" if parameter.required else "" if is_silent else f"{getattr(shown, 'value', shown)}"
        rows.append(f"| `{name}` | {parameter.help or ''} | {default} |")
    return rows


def test_the_page_of_commands_is_what_the_commands_say() -> None:
    assert text_of("docs/commands.md") == render_commands(), "run: make pages"


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_command_and_option_explains_itself(name: str) -> None:
    assert commands()[name].help
    assert [option for option, parameter in options_of(commands()[name]).items() if not parameter.help] == []


@pytest.mark.parametrize("name", PAGE_NAMES)
def test_every_command_that_a_page_shows_exists(name: str) -> None:
    known = commands()
    first = "|".join(sorted({whole.split()[1] for whole in known}))
    joined = text_of(name).replace("\\\n", " ")
    for words in re.findall(rf"(?<![\w-])warehouse-sync ((?:{first})(?![=\w])[^\n`#|]*)", joined):
        parts = words.split()
        length = 1 if f"warehouse-sync {parts[0]}" in known else 2
        whole = " ".join(["warehouse-sync", *parts[:length]])
        assert whole in known, words
        assert {word for word in parts[length:] if word.startswith("--")} <= set(options_of(known[whole])), words


# --- the API ----------------------------------------------------------------------------------------------------------------------


def routes() -> set[str]:
    """Method and path of every route, relative to the base path where it has one."""
    services = cast("Any", SimpleNamespace(tokens=None))
    found = set()
    for path, methods in create_app(services).openapi()["paths"].items():
        found |= {f"{method.upper()} {path.replace(BASE_PATH, '{base}')}" for method in methods}
    return found


def test_every_route_is_documented_and_no_other() -> None:
    documented = set(re.findall(r"^\| `((?:GET|POST|PUT|DELETE) [^`]+)` \|", text_of("docs/api.md"), re.M))
    assert documented == routes() | {"GET /openapi.json", "GET /docs"}


@pytest.mark.parametrize("field", sorted({*RunDetailAnswer.model_fields, *StatusAnswer.model_fields}))
def test_every_field_of_runs_and_status_is_explained(field: str) -> None:
    assert f"`{field}`" in text_of("docs/runs.md")


def test_every_log_line_that_the_operations_page_names_is_written() -> None:
    named = re.findall(r"`([a-z]+(?: [a-z]+)+)`", section_of("docs/operations.md", "## Logs"))
    texts = {node.value for tree in syntax_trees() for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    assert len(named) > 5
    assert [line for line in named if line not in texts] == []


# --- facts that pages state ---------------------------------------------------------------------------------------------------------


def test_every_identity_column_is_listed_in_the_order_of_priority() -> None:
    listed = _ROW.findall(section_of("docs/identities.md", "## Reserved columns"))
    assert [name for name in listed if name != "mpid"] == [str(identity) for identity in IdentityType]
    assert listed[1 : len(DEFAULT_PRIORITY) + 1] == [str(identity) for identity in DEFAULT_PRIORITY]


def test_every_reason_to_reject_a_row_is_explained() -> None:
    assert set(_ROW.findall(section_of("docs/identities.md", "## Rejected rows"))) == set(RejectReason)


def test_every_load_timestamp_type_is_explained() -> None:
    assert set(_ROW.findall(section_of("docs/runs.md", "## The load timestamp"))) == set(LoadTimestampType)


@pytest.mark.parametrize("kind", sorted(WAREHOUSE_TYPES))
def test_every_field_of_a_connection_is_listed(kind: str) -> None:
    documented = _ROW.findall(section_of(f"docs/warehouses/{kind}.md", "## Connection fields"))
    assert documented == [spec.name for spec in WAREHOUSE_TYPES[kind].fields]


def test_the_overview_of_warehouses_is_what_the_catalogue_says() -> None:
    assert text_of("docs/warehouses/README.md") == overview(), "run: make pages"


@pytest.mark.parametrize("kind", sorted(TYPE_TABLES))
def test_the_page_of_column_types_is_what_the_tests_prove(kind: str) -> None:
    assert text_of(f"docs/warehouses/types/{kind}.md") == type_page(TYPE_TABLES[kind]), "run: make pages"


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("docs/runs.md", [MAX_ATTEMPTS, MAX_DEATHS, *PUBLISHED_RECORDS.values()]),
        (
            "docs/runs.md",
            [ATTRIBUTE_NAME_CHARACTERS, ATTRIBUTE_VALUE_CHARACTERS, LIST_ENTRIES, LIST_ENTRY_CHARACTERS],
        ),
        ("docs/sql.md", [MOST_TOKENS, MOST_WRITTEN_TOKENS, MOST_TABLES, DEEPEST, MOST_BYTES // 1024]),
    ],
)
def test_numbers_are_those_of_the_source(name: str, numbers: list[int]) -> None:
    said = {int(digits.replace(",", "")) for digits in re.findall(r"\b\d{1,3}(?:,\d{3})+\b|\b\d+\b", text_of(name))}
    assert set(numbers) <= said


@pytest.mark.parametrize("query", blocks_of("docs/sql.md", "sql"))
def test_every_query_that_the_sql_page_shows_is_accepted(query: str) -> None:
    check_query(query, "snowflake")


def refused_queries() -> list[tuple[str, str]]:
    rows = re.findall(r"^\| (\w+) \| `([^`]+)` \|", section_of("docs/sql.md", "## Refused"), re.M)
    return [(dialect, query.replace("\\|", "|")) for dialect, query in rows]


@pytest.mark.parametrize(("dialect", "query"), refused_queries())
def test_every_query_that_the_sql_page_calls_refused_is(dialect: str, query: str) -> None:
    with pytest.raises(SqlRefused):
        check_query(query, dialect)


def test_the_sql_page_shows_what_is_refused() -> None:
    assert len(refused_queries()) > 10


PAGES_MADE = {"settings": render_settings, "commands": render_commands}

if __name__ == "__main__":
    sys.stdout.write(PAGES_MADE[sys.argv[1]]())
