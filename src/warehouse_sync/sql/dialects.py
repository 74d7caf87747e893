"""The SQL dialects we read, and what differs between them: a new warehouse is one more entry here."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from warehouse_sync.domain.load_timestamp import TimestampClass
from warehouse_sync.errors import SqlRefused


@dataclass(frozen=True, slots=True)
class FunctionNames:
    """A set of function names, by whole name and by beginning; names are compared without case.

    Attributes:
        names: whole names.
        prefixes: beginnings; every name that starts so belongs to the set.
        but: exceptions from the prefixes.
    """

    names: frozenset[str]
    prefixes: tuple[str, ...] = ()
    but: frozenset[str] = frozenset()

    def __contains__(self, name: str) -> bool:
        folded = fold_name(name)
        return folded in self.names or (folded.startswith(self.prefixes) and folded not in self.but)


def fold_name(name: str) -> str:
    """A name for comparison: no case, and characters that look like others are those others."""
    return unicodedata.normalize("NFKC", name).casefold()


@dataclass(frozen=True, slots=True)
class SqlDialect:
    """What the guard and the wrapper must know of a dialect.

    Attributes:
        name: sqlglot's name of it; also ``WarehouseType.dialect``.
        fold: what becomes of an identifier written without quotes.
        refused_functions: functions that act, wait, read files or run other SQL.
        table_functions: the only functions that may stand where a table stands.
        refused_tables: names of tables that show the system rather than the customer's data.
        literal_types: the type a bound is cast to, so that the warehouse compares like with like and can skip what it need not read.
        backslash_escapes: whether a backslash escapes in a plain string.
        slash_comments: whether ``//`` begins a comment.
        reads_files: whether a table name that looks like a file is opened as one.
        file_formats: words that in the place of a schema make the name of a table the path of a file.
        hash_comments: whether ``#`` begins a comment.
        name_quote: what stands around quoted names. A backtick cannot stand inside them, and double quotes are strings then.
        ignores_case: whether a quoted name of a column, too, is found without regard to case.
    """

    name: str
    fold: Callable[[str], str]
    refused_functions: FunctionNames
    table_functions: frozenset[str]
    refused_tables: FunctionNames
    literal_types: dict[TimestampClass, str] = field(repr=False)
    backslash_escapes: bool = False
    slash_comments: bool = False
    reads_files: bool = False
    file_formats: frozenset[str] = frozenset()
    hash_comments: bool = False
    name_quote: Literal['"', "`"] = '"'
    ignores_case: bool = False


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SNOWFLAKE: Final = SqlDialect(
    name="snowflake",
    fold=str.upper,
    refused_functions=FunctionNames(
        names=_names("""
            result_scan last_query_id last_transaction current_transaction get_ddl getvariable identifier nextval
            get_presigned_url get_stage_location get_relative_path get_absolute_path build_scoped_file_url build_stage_file_url
            to_query query_history login_history directory infer_schema validate read_files to_file invoker_share
            external_functions_history http_request execute_immediate
        """),
        prefixes=("system$", "explain_", "fl_get_"),
    ),
    table_functions=_names("flatten generator split_to_table strtok_split_to_table"),
    refused_tables=FunctionNames(names=frozenset()),
    literal_types={
        TimestampClass.ZONELESS: "TIMESTAMP_NTZ",
        TimestampClass.INSTANT: "TIMESTAMP_TZ",
        TimestampClass.DATE: "DATE",
    },
    backslash_escapes=True,
    slash_comments=True,
)

_DUCKDB: Final = SqlDialect(
    name="duckdb",
    fold=str,
    refused_functions=FunctionNames(
        names=_names("""
            getenv getvariable current_setting query query_table glob nextval currval setval setseed sleep_ms stats write_log
            checkpoint force_checkpoint which_secret seq_scan arrow_scan arrow_scan_dumb pandas_scan python_arrow_scan
            python_map_function summary test_all_types test_vector_types parquet_scan delta_scan from_substrait
            from_substrait_json get_substrait json_execute_serialized_sql json_serialize_sql json_deserialize_sql
            json_serialize_plan load_aws_credentials in_search_path txid_current sql_auto_complete current_query
            enable_logging disable_logging enable_profiling disable_profiling truncate_duckdb_logs
        """),
        prefixes=(
            "read_",
            "sniff_",
            "parquet_",
            "duckdb_",
            "pragma_",
            "iceberg_",
            "delta_",
            "postgres_",
            "mysql_",
            "sqlite_",
            "pg_",
            "create_external_",
            "destroy_external_",
            "register_external_",
            "deregister_external_",
            "current_query",
            "current_transaction",
            "current_connection",
            "parse_duckdb_",
            "http_",
            "st_read",
            "st_drivers",
        ),
        but=_names("pg_typeof pg_size_pretty"),
    ),
    table_functions=_names("range generate_series unnest json_each json_tree"),
    refused_tables=FunctionNames(
        names=_names("sqlite_master sqlite_schema sqlite_temp_master"), prefixes=("duckdb_", "pragma_")
    ),
    literal_types={
        TimestampClass.ZONELESS: "TIMESTAMP",
        TimestampClass.INSTANT: "TIMESTAMPTZ",
        TimestampClass.DATE: "DATE",
    },
    reads_files=True,
    ignores_case=True,
)

_POSTGRES: Final = SqlDialect(
    name="postgres",
    fold=str.lower,
    refused_functions=FunctionNames(
        names=_names("""
            nextval setval currval lastval set_config current_setting setseed query_to_xml query_to_xmlschema query_to_xml_and_xmlschema
            cursor_to_xml cursor_to_xmlschema table_to_xml table_to_xmlschema table_to_xml_and_xmlschema schema_to_xml
            schema_to_xmlschema schema_to_xml_and_xmlschema database_to_xml database_to_xmlschema database_to_xml_and_xmlschema
            ts_stat ts_rewrite txid_current txid_current_if_assigned currtid currtid2 inet_server_addr inet_server_port
            crosstab crosstab2 crosstab3 crosstab4 crosstabn connectby ts_debug ts_parse ts_token_type xpath_table
            get_raw_page loread lowrite xmltable
            current_logfile
        """),
        prefixes=(
            "pg_",
            "lo_",
            "dblink",
            "binary_upgrade_",
            "http_",
            "aws_",
            "s3_",
            "postgres_fdw_",
            "file_fdw_",
            "gin_clean_",
            "brin_summarize_",
            "brin_desummarize_",
            "txid_",
            "heap_page_",
            "bt_page_",
        ),
        but=_names("pg_typeof pg_column_size pg_size_pretty pg_size_bytes txid_visible_in_snapshot"),
    ),
    table_functions=_names("""
        generate_series generate_subscripts unnest json_array_elements json_array_elements_text jsonb_array_elements
        jsonb_array_elements_text json_each json_each_text jsonb_each jsonb_each_text json_object_keys jsonb_object_keys
        json_to_record jsonb_to_record json_to_recordset jsonb_to_recordset jsonb_path_query json_table regexp_matches
        regexp_split_to_table string_to_table
    """),
    refused_tables=FunctionNames(
        names=_names("""
            pg_authid pg_shadow pg_user_mapping pg_user_mappings pg_hba_file_rules pg_ident_file_mappings pg_file_settings
            pg_settings pg_config pg_largeobject pg_stat_activity pg_stat_replication pg_subscription pg_foreign_server
            pg_stat_statements pg_statistic pg_stats pg_prepared_statements pg_cursors pg_roles pg_user
        """),
    ),
    literal_types={
        TimestampClass.ZONELESS: "TIMESTAMP",
        TimestampClass.INSTANT: "TIMESTAMPTZ",
        TimestampClass.DATE: "DATE",
    },
)

_REDSHIFT: Final = replace(
    _POSTGRES,
    name="redshift",
    backslash_escapes=True,
    refused_functions=replace(
        _POSTGRES.refused_functions,
        names=_POSTGRES.refused_functions.names
        | _names(
            "has_assumerole_privilege change_query_priority change_session_priority change_user_priority slice_num"
        ),
        prefixes=(*_POSTGRES.refused_functions.prefixes, "explain_", "f_lambda_"),
    ),
    table_functions=_names("generate_series unnest"),
    refused_tables=replace(_POSTGRES.refused_tables, prefixes=("stl_", "stv_", "svl_", "svv_", "svcs_", "sys_", "pg_")),
)

_BIGQUERY: Final = SqlDialect(
    name="bigquery",
    fold=str,
    refused_functions=FunctionNames(
        names=_names("""
            external_query error session_user nextval setval generate generate_text generate_embedding generate_table generate_bool
            generate_double generate_int predict forecast evaluate understand_text annotate_image translate process_document transcribe
            detect_anomalies explain_predict explain_forecast recommend embed similarity
        """),
        prefixes=("ai_", "ml_"),
    ),
    table_functions=_names("unnest generate_array generate_date_array generate_timestamp_array"),
    refused_tables=FunctionNames(names=frozenset()),
    literal_types={
        TimestampClass.ZONELESS: "DATETIME",
        TimestampClass.INSTANT: "TIMESTAMP",
        TimestampClass.DATE: "DATE",
    },
    backslash_escapes=True,
    hash_comments=True,
    name_quote="`",
    ignores_case=True,
)

_DATABRICKS: Final = SqlDialect(
    name="databricks",
    fold=str,
    refused_functions=FunctionNames(
        names=_names("""
            java_method reflect try_reflect http_request secret try_secret list_secrets remote_query cloud_files_state event_log
            read_files read_kafka read_kinesis read_pubsub read_pulsar read_state_metadata read_statestore vector_search
            assert_true raise_error nextval setval
        """),
        prefixes=("ai_",),
    ),
    table_functions=_names("""
        range explode explode_outer posexplode posexplode_outer inline inline_outer stack json_tuple variant_explode
        variant_explode_outer unnest sequence
    """),
    refused_tables=FunctionNames(names=frozenset()),
    literal_types={
        TimestampClass.ZONELESS: "TIMESTAMP_NTZ",
        TimestampClass.INSTANT: "TIMESTAMP",
        TimestampClass.DATE: "DATE",
    },
    backslash_escapes=True,
    reads_files=True,
    file_formats=_names("parquet delta csv json text avro orc binaryfile iceberg xml cloudfiles kafka rate"),
    name_quote="`",
    ignores_case=True,
)

DIALECTS: Final = {
    dialect.name: dialect for dialect in (_SNOWFLAKE, _DUCKDB, _POSTGRES, _REDSHIFT, _BIGQUERY, _DATABRICKS)
}
"""Every dialect we support by name, in the order in which a query without a connection is tried (decision D21)."""


def dialect_named(name: str) -> SqlDialect:
    """The dialect of that name.

    Raises:
        SqlRefused: we do not read this dialect.
    """
    try:
        return DIALECTS[name]
    except KeyError:
        known = ", ".join(DIALECTS)
        raise SqlRefused(f"SQL dialect {name!r} is not supported; use one of {known}.", field="type") from None
