"""BigQuery for the tests: bqemulator, with what it lacks of the service that the tests are about.

Sessions have transactions of their own (bqemulator has one connection for all), a table that one transaction changes cannot be changed by
another, a job's name is used once, loads take gzip, count their own rows and read a bucket (storage.py), a copy replaces a table with its columns, tables
tell the types, partitions and clustering that they were given. Each follows Google's reference, whose page is named there. Usage: serve.py PORT
"""

import asyncio
import contextvars
import functools
import re
import sys
import tempfile
import unicodedata
from decimal import Context, Decimal, InvalidOperation

import sqlglot
import uvicorn

import bqemulator.server as server
from bqemulator.api.routes import jobs, tables, upload
from bqemulator.config import Settings
from bqemulator.domain.errors import AlreadyExistsError, InvalidQueryError, ValidationError
from bqemulator.jobs import executor
from bqemulator.storage.engine import DuckDBEngine
from bqemulator.versioning.snapshots import SnapshotManager

sys.dont_write_bytecode = True
import storage  # noqa: E402

# --- Sessions: cloud.google.com/bigquery/docs/sessions-intro, /docs/transactions


class Session:
    """One per `createSession`: a connection to the same data, and the transaction that is open on it."""

    def __init__(self, connection):
        self.connection = connection
        self.open = False
        self.began = 0
        self.changed = set()


sessions = {}
current = contextvars.ContextVar("session", default=None)
# When the last transaction that changed rows of a table was committed, by count of commits.
commits = {"count": 0}
changed_at = {}

_connection = DuckDBEngine.connection.fget


def connection_of(engine):
    session = current.get()
    return _connection(engine) if session is None else session.connection


DuckDBEngine.connection = property(connection_of)


def finish(session, statement):
    """COMMIT or ROLLBACK."""
    session.open = False
    session.connection.execute(statement)
    if statement == "COMMIT":
        commits["count"] += 1
        for table in session.changed:
            changed_at[table] = commits["count"]
    session.changed = set()


def conflict(table):
    return InvalidQueryError(f"Transaction is aborted due to concurrent update against table {'.'.join(table)}.")


async def claim(changed):
    """Of two transactions that change the same table one is cancelled; a statement outside them waits. Inserting is no change here."""
    session = current.get()
    for table in changed:
        others = [one for one in sessions.values() if one is not session]
        if session is None or not session.open:
            while any(one.open and table in one.changed for one in others):
                await asyncio.sleep(0.02)
            continue
        if any(one.open and table in one.changed for one in others) or changed_at.get(table, 0) > session.began:
            finish(session, "ROLLBACK")
            raise conflict(table)
        session.changed.add(table)


control = re.compile(r"^\s*(BEGIN|COMMIT|ROLLBACK)(\s+TRANSACTION)?\s*;?\s*$", re.IGNORECASE)
abort = re.compile(r"^\s*CALL\s+BQ\.ABORT_SESSION\(\s*(?:'([^']*)'|@id|\?)?\s*\)\s*;?\s*$", re.IGNORECASE)


def control_transaction(session, verb):
    if session is None:
        raise InvalidQueryError("Transaction control statements are supported only in scripts or sessions")
    if verb == "BEGIN":
        if session.open:
            raise InvalidQueryError("Transaction is already active; nested transactions are not supported")
        session.connection.execute("BEGIN TRANSACTION")
        session.open, session.began, session.changed = True, commits["count"], set()
        return
    if not session.open:
        raise InvalidQueryError(f"{verb} TRANSACTION: there is no active transaction")
    finish(session, verb)


def abort_session(name):
    session = sessions.pop(name, None)
    if session is None:
        raise InvalidQueryError("Invalid input session id.")
    if session.open:
        finish(session, "ROLLBACK")
    jobs._SESSION_CATALOG.discard(name)
    session.connection.close()


_execute = executor.execute_query_job


async def execute_query_job(project, job, sql, params, ctx, **more):
    begun = control.match(sql)
    ended = abort.match(sql)
    if begun is not None:
        control_transaction(current.get(), begun.group(1).upper())
    elif ended is not None:
        value = (params or [{}])[0].get("parameterValue", {}).get("value")
        abort_session(ended.group(1) or value)
    else:
        return await execute_statement(project, job, sql, params, ctx, **more)
    return done(project, job, sql, ctx, executor._EMPTY_ARROW, "SCRIPT", None)


def done(project, job, sql, ctx, rows, kind, count):
    executor.JOB_RESULTS[job] = rows
    executor.JOB_SCHEMAS[job] = executor.build_response_schema(rows.schema)
    now = ctx.clock.now()
    return executor.JobMeta(
        project_id=project,
        job_id=job,
        job_type="QUERY",
        state="DONE",
        configuration={"query": {"query": sql}},
        statistics=executor._build_query_statistics(total_rows=rows.num_rows, statement_type=kind, num_dml_affected_rows=count),
        creation_time=now,
        start_time=now,
        end_time=now,
        etag=job,
    )


# A statement as DuckDB runs it, without the name of the test's own dataset: bqemulator takes longer over it than DuckDB does.
plans = {}
own_dataset = re.compile(r"tidemark_[0-9a-f]{12}")
plain = {
    sqlglot.exp.Select: "SELECT",
    sqlglot.exp.Insert: "INSERT",
    sqlglot.exp.Update: "UPDATE",
    sqlglot.exp.Delete: "DELETE",
}


async def execute_statement(project, job, sql, params, ctx, **more):
    datasets = set(own_dataset.findall(sql))
    if len(datasets) != 1:
        return await execute_parsed(project, job, sql, params, ctx, **more)
    dataset = datasets.pop()
    general = sql.replace(dataset, "tidemark_dataset")
    if general not in plans:
        plans[general] = await plan_of(general, project, ctx, **more)
    if plans[general] is None:
        return await execute_parsed(project, job, sql, params, ctx, **more)
    kind, changed, text = plans[general]
    await claim([(at, dataset if place == "tidemark_dataset" else place, name) for at, place, name in changed])
    text, values = executor.bind_parameters(text.replace("tidemark_dataset", dataset), params)
    try:
        rows = ctx.engine.fetch_arrow(text, values or None)
    except Exception as error:
        raise told(error, text) from error
    rows, count, _ = executor._finalize_statement_result(rows, kind, bq_sql=sql, project_id=project, ctx=ctx)
    return done(project, job, sql, ctx, rows, kind, count)


async def plan_of(sql, project, ctx, *, caller, **_):
    """Its kind, the tables whose rows it changes, and DuckDB's SQL; None: it is more than that."""
    try:
        tree = sqlglot.parse_one(sql, read="bigquery")
    except sqlglot.errors.SqlglotError:
        return None
    check_columns(tree)
    kind = plain.get(type(tree))
    if kind is None or "INFORMATION_SCHEMA" in sql:
        return None
    translated = await executor.rewrite_and_translate_statement(
        spelled(tree, sql), project_id=project, ctx=ctx, caller=caller, translator=executor._translator
    )
    changed = executor._dml_target_tables(tree, project) if kind in ("UPDATE", "DELETE") else []
    return kind, changed, executor.rewrite_table_refs(translated, project)


def told(error, text):
    if "Conflict" in str(error) or "write-write conflict" in str(error):
        return InvalidQueryError("Transaction is aborted due to concurrent update.")
    return executor.translate_runtime_error(error, duckdb_sql=text)


async def execute_parsed(project, job, sql, params, ctx, **more):
    """All else, as bqemulator does it."""
    try:
        tree = sqlglot.parse_one(sql, read="bigquery")
    except sqlglot.errors.SqlglotError:
        return await _execute(project, job, sql, params, ctx, **more)
    session = current.get()
    if isinstance(tree, definitions) and session is not None and session.open:
        raise InvalidQueryError("DDL statements are not supported in a transaction, except for those creating or dropping temporary tables.")
    if executor._is_dml(tree) and not isinstance(tree, sqlglot.exp.Insert):
        await claim(executor._dml_target_tables(tree, project))
    check_names(tree)
    for statement in parts_of(tree):
        meta = await _execute(project, job, spelled(statement, sql), params, ctx, **more)
    declare(tree, project)
    return meta


# --- Names of columns: cloud.google.com/bigquery/docs/schemas#column_names


def check_columns(tree):
    """A column that is called as its table, or its alias, is the whole row. Refused, as nobody here wants one."""
    changed = tree.this.alias_or_name if isinstance(tree, sqlglot.exp.Delete) else None
    for column in tree.find_all(sqlglot.exp.Column):
        select = column.find_ancestor(sqlglot.exp.Select)
        sources = [one.this for one in [select.args.get("from_") or select.args.get("from")] if one] if select else []
        # Of a statement within another, whose own sources have other columns.
        outer = [] if any(isinstance(one, sqlglot.exp.Table) for one in sources) else [changed]
        if not column.table and column.name in [one.alias_or_name for one in sources] + outer:
            raise InvalidQueryError(f"No matching signature for STRUCT: {column.name}.")


letters = ("L", "N", "M", "Pc", "Pd", "Zs")
prefixes = re.compile(
    "(_TABLE_|_FILE_|_PARTITION|_ROW_TIMESTAMP|__ROOT__|_COLIDENTIFIER|_CHANGE_SEQUENCE_NUMBER|_CHANGE_TYPE|_CHANGE_TIMESTAMP)", re.IGNORECASE
)


def check_names(tree):
    nodes = tree.args.get("actions") or [] if isinstance(tree, sqlglot.exp.Alter) else []
    if isinstance(tree, sqlglot.exp.Create) and isinstance(tree.this, sqlglot.exp.Schema):
        nodes = tree.this.expressions
    for node in nodes:
        name = node.name if isinstance(node, sqlglot.exp.ColumnDef) else "x"
        fits = all(unicodedata.category(one).startswith(letters) or one in "&%=+:'<>#|" for one in name)
        if not 0 < len(name) <= 300 or not fits or prefixes.match(name):
            raise InvalidQueryError(f'Invalid field name "{name}".')


definitions = (sqlglot.exp.Create, sqlglot.exp.Alter, sqlglot.exp.Drop)


def parts_of(tree):
    """DuckDB adds one column at a time."""
    actions = tree.args.get("actions") if isinstance(tree, sqlglot.exp.Alter) else None
    if not actions or len(actions) == 1:
        return [tree]
    parts = []
    for action in actions:
        part = tree.copy()
        part.set("actions", [action.copy()])
        parts.append(part)
    return parts


jobs.execute_query_job = execute_query_job
_mint = jobs._maybe_mint_session


def maybe_mint(config):
    name = _mint(config)
    if name is not None:
        sessions[name] = Session(_connection(engines[0]).cursor())
        sessions[name].connection.execute("SET TimeZone = 'UTC'")
    return name


jobs._maybe_mint_session = maybe_mint


# --- Types: cloud.google.com/bigquery/docs/reference/rest/v2/tables#TableFieldSchema, /docs/reference/standard-sql/data-types#decimal_types

declared = {}
# Partitions and clustering, as tables.get tells them.
laid_out = {}
api_names = {"INT64": "INTEGER", "FLOAT64": "FLOAT", "BOOL": "BOOLEAN"}


def reference(table, project):
    return (table.catalog or project, table.db, table.name)


def columns_in(nodes):
    kinds = [(node.name, node.args["kind"].sql("bigquery")) for node in nodes if isinstance(node, sqlglot.exp.ColumnDef)]
    return [(name, api_names.get(kind, kind)) for name, kind in kinds]


def layout_in(tree):
    """/docs/reference/standard-sql/data-definition-language#partition_expression"""
    found = {}
    for node in (tree.args.get("properties") or sqlglot.exp.Properties(expressions=[])).expressions:
        if isinstance(node, sqlglot.exp.ClusterProperty):
            found["clustering"] = {"fields": [column.name for column in node.expressions]}
        if isinstance(node, sqlglot.exp.PartitionedByProperty):
            found.update(partition_in(node.this))
    return found


def partition_in(by):
    if isinstance(by, sqlglot.exp.RangeBucket):
        start, end, step = (by.expression.args[name].name for name in ("start", "end", "step"))
        return {"rangePartitioning": {"field": by.this.name, "range": {"start": start, "end": end, "interval": step}}}
    unit = by.args.get("unit")
    field = by.name if isinstance(by, sqlglot.exp.Identifier) else by.this.name
    ingested = field in ("_PARTITIONDATE", "_PARTITIONTIME")
    return {"timePartitioning": {"type": unit.name if unit is not None else "DAY", **({} if ingested else {"field": field})}}


def declare(tree, project):
    """Keeps the types that a table's columns were given, and its layout."""
    if isinstance(tree, sqlglot.exp.Create) and isinstance(tree.this, sqlglot.exp.Schema):
        declared.setdefault(reference(tree.this.this, project), columns_in(tree.this.expressions))
        laid_out.setdefault(reference(tree.this.this, project), layout_in(tree))
    if isinstance(tree, sqlglot.exp.Alter):
        declared.setdefault(reference(tree.this, project), []).extend(columns_in(tree.args["actions"]))
    if isinstance(tree, sqlglot.exp.Drop):
        declared.pop(reference(tree.this, project), None)
        laid_out.pop(reference(tree.this, project), None)


_table_to_rest = tables._table_to_rest


def table_to_rest(meta):
    resource = _table_to_rest(meta)
    known = declared.get((meta.project_id, meta.dataset_id, meta.table_id))
    if known is not None:
        resource["schema"] = {"fields": [{"name": name, "type": kind, "mode": "NULLABLE"} for name, kind in known]}
    resource.pop("timePartitioning", None)
    resource.update(laid_out.get((meta.project_id, meta.dataset_id, meta.table_id), {}))
    return resource


tables._table_to_rest = table_to_rest


def bignumeric(text):
    """38 digits before the point (and some more), 38 after it; more of these are rounded. DuckDB has no such decimal: it is kept as its text."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"Invalid BIGNUMERIC value: {text}") from None
    if not value.is_finite() or abs(value) >= Decimal("5.7896044618658097711785492504343953926634992332820282019728792003956564819968E38"):
        raise ValueError(f"Invalid BIGNUMERIC value: {text}")
    rounded = value.quantize(Decimal(1).scaleb(-38), context=Context(prec=80))
    plain = format(rounded, "f").rstrip("0").rstrip(".")
    return "0" if plain in ("-0", "") else plain


def safe_bignumeric(text):
    try:
        return bignumeric(text)
    except ValueError:
        return None


def is_big(kind):
    return isinstance(kind, sqlglot.exp.DataType) and kind.this == sqlglot.exp.DataType.Type.BIGDECIMAL


def spelled(tree, sql):
    """As DuckDB can run it."""
    if len(parts_of(tree)) == 1 and not any(is_big(node) for node in tree.find_all(sqlglot.exp.DataType)):
        return sql if not isinstance(tree, sqlglot.exp.Alter) else tree.sql("bigquery")

    def change(node):
        if isinstance(node, (sqlglot.exp.Cast, sqlglot.exp.TryCast)) and is_big(node.to):
            name = "tidemark_safe_bignumeric" if isinstance(node, sqlglot.exp.TryCast) else "tidemark_bignumeric"
            text = sqlglot.exp.cast(node.this.transform(change), "text")
            return sqlglot.exp.Anonymous(this=name, expressions=[text])
        return sqlglot.exp.DataType.build("text") if is_big(node) else node

    return tree.transform(change).sql("bigquery")


# --- Jobs: cloud.google.com/bigquery/docs/running-jobs ("Generate a job ID": a second job of the same name is refused)


def refuse_again(ctx, project, job):
    if ctx.catalog.get_job(project, job) is not None:
        raise AlreadyExistsError(f"Already Exists: Job {project}:US.{job}")


_query = jobs._handle_query_job


async def handle_query(project, job, config, *, ctx, **more):
    refuse_again(ctx, project, job)
    properties = config["query"].get("connectionProperties") or []
    name = next((one["value"] for one in properties if one["key"] == "session_id"), None)
    if name is not None and name not in sessions:
        raise ValidationError("Invalid input session id.")
    token = current.set(sessions.get(name))
    try:
        return await _query(project, job, config, ctx=ctx, **more)
    finally:
        current.reset(token)


jobs._handle_query_job = handle_query
_copy = jobs.execute_copy_job


async def execute_copy_job(project, job, config, ctx):
    """
    WRITE_TRUNCATE replaces rows and columns: /docs/reference/rest/v2/Job#JobConfigurationTableCopy. Partitions and clustering must be the same:
    /docs/managing-partitioned-tables#copy_a_partitioned_table
    """
    refuse_again(ctx, project, job)
    copy = config["copy"]
    to, place = copy["destinationTable"], copy["sourceTable"]
    known = ctx.catalog.get_table(project, to["datasetId"], to["tableId"])
    source = ctx.catalog.get_table(project, place["datasetId"], place["tableId"])
    layout = laid_out.get((project, place["datasetId"], place["tableId"]), {})
    if known is not None and layout != laid_out.get((project, to["datasetId"], to["tableId"]), {}):
        raise InvalidQueryError("Incompatible table partitioning specification.")
    if copy.get("writeDisposition") == "WRITE_TRUNCATE" and known is not None and source is not None:
        ref = executor.quoted_table_ref(project, to["datasetId"], to["tableId"])
        ctx.engine.execute(f"DROP TABLE IF EXISTS {ref}")
        ctx.catalog.delete_table(project, to["datasetId"], to["tableId"])
    meta = await _copy(project, job, config, ctx)
    columns = declared.get((project, place["datasetId"], place["tableId"]), [])
    declared[(project, to["datasetId"], to["tableId"])] = list(columns)
    laid_out[(project, to["datasetId"], to["tableId"])] = dict(layout)
    return meta


jobs.execute_copy_job = execute_copy_job


# --- Loads: cloud.google.com/bigquery/docs/loading-data-cloud-storage-json

named = contextvars.ContextVar("named", default=None)
_envelope = upload._load_configuration_from_envelope


def envelope_of(envelope):
    named.set((envelope.get("jobReference") or {}).get("jobId"))
    return _envelope(envelope)


upload._load_configuration_from_envelope = envelope_of
upload._new_job_id = named.get
_run_load = upload._run_load


async def run_load(*, project_id, ctx, **more):
    refuse_again(ctx, project_id, named.get())
    return await _run_load(project_id=project_id, ctx=ctx, **more)


upload._run_load = run_load
loaded = contextvars.ContextVar("loaded", default=0)


def load_json(path, target, ctx):
    """All columns are texts here. A key that is no column of the table fails the job, and so does a line that is no JSON."""
    columns = ctx.engine.execute(f"SELECT * FROM {target} LIMIT 0").description
    with open(path, "rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    shape = "{" + ", ".join("'" + name.replace("'", "''") + "': 'VARCHAR'" for name, *_ in columns) + "}"
    known = ctx.engine.execute(
        f"INSERT INTO {target} SELECT * FROM read_json(?, format='newline_delimited', columns={shape}, "
        f"compression='{'gzip' if packed else 'none'}', maximum_object_size=100000000)",
        [path],
    ).fetchone()
    loaded.set(loaded.get() + known[0])


executor._LOAD_FORMAT_HANDLERS["NEWLINE_DELIMITED_JSON"] = load_json
executor._refresh_load_row_count = lambda job, ctx: loaded.get()

_execute_load = jobs.execute_load_job


async def execute_load_job(project, job, config, ctx):
    """From a bucket: all files or none (/docs/batch-loading-data)."""
    uris = config["load"]["sourceUris"]
    try:
        contents = [storage.read(uri) for uri in uris]
    except storage.Refused as error:
        reason = "accessDenied" if error.status == 403 else error.reason
        told = {"reason": reason, "message": f"Access Denied: {error.message}" if error.status == 403 else error.message}
        return jobs._failed_job_meta(project, job, "LOAD", config, told, ctx.clock.now())
    session = Session(_connection(engines[0]).cursor())
    token = current.set(session)
    session.connection.execute("BEGIN TRANSACTION")
    try:
        with tempfile.TemporaryDirectory() as directory:
            paths = [f"{directory}/{n}" for n in range(len(contents))]
            for path, content in zip(paths, contents):
                with open(path, "wb") as file:
                    file.write(content)
            local = {**config, "load": {**config["load"], "sourceUris": [f"file://{path}" for path in paths]}}
            meta = await _execute_load(project, job, local, ctx)
        session.connection.execute("COMMIT")
        return meta.model_copy(update={"configuration": config})
    except Exception:
        session.connection.execute("ROLLBACK")
        raise
    finally:
        current.reset(token)
        session.connection.close()


jobs.execute_load_job = execute_load_job
_handle_load = jobs._handle_load_job_with_async_envelope


async def handle_load(project, job, config, ctx):
    refuse_again(ctx, project, job)
    return await _handle_load(project, job, config, ctx)


jobs._handle_load_job_with_async_envelope = handle_load
_create_app = server.create_app


def create_app(context):
    app = _create_app(context)
    app.include_router(storage.router)
    app.add_exception_handler(storage.Refused, storage.refused)
    return app


server.create_app = create_app

# --- What the tests have no use for: maps, and a copy of every table at every change

SnapshotManager.record_change = lambda *_: None
engines = []
_start = DuckDBEngine.start
DuckDBEngine._load_spatial = lambda _: None
DuckDBEngine._load_format_extensions = lambda _: None


async def start(engine):
    await _start(engine)
    engines.append(engine)
    connection = _connection(engine)
    connection.create_function("tidemark_bignumeric", bignumeric, ["VARCHAR"], "VARCHAR")
    connection.create_function("tidemark_safe_bignumeric", safe_bignumeric, ["VARCHAR"], "VARCHAR")


DuckDBEngine.start = start

# One that closes idle connections after seconds meets requests that are on their way.
uvicorn.Config = functools.partial(uvicorn.Config, timeout_keep_alive=600)

if __name__ == "__main__":
    server.run_forever(Settings(rest_port=int(sys.argv[1]), grpc_port=0, log_level="error"))
