"""Snowflake for the tests: fakesnow, which runs Snowflake's SQL in DuckDB, behind the protocol that snowflake-sdk for Node speaks.

fakesnow serves Python's connector. What is added here is what the other driver wants (answers as JSON), and what the vendor documents and
fakesnow lacks: logins that are checked, roles that lack a privilege, warehouses that are suspended, DDL that commits, transactions with names that
others may end, tables locked until a transaction ends, transient tables, paths in LIST and REMOVE, FILES in COPY, and CSV that is read as it is
written. Each says the vendor's page it follows (docs.snowflake.com).

    python server.py PORT     one user (TIDEMARK), role, warehouse and database: see below
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import datetime as dt
import decimal
import gzip
import json
import os
import re
import sys
import threading
import time
import urllib.parse
import uuid
from typing import Any

import duckdb
import fakesnow.copy_into as copying
import fakesnow.cursor as cursors
import fakesnow.server as fake
import jwt
import pyarrow as pa
import uvicorn
from fakesnow.dialect import parse_one
from fakesnow.transforms import stage
from snowflake.connector.errors import ProgrammingError
from sqlglot import exp
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

DATABASE = "TIDEMARK"
WAREHOUSE = "TIDEMARK_WH"
ROLE = "TIDEMARK_ROLE"
# A role of this name lacks the privilege that follows: WITHOUT_CREATE_STAGE. The statements that want it:
WITHOUT = "WITHOUT_"
PRIVILEGES = {
    "CREATE_SCHEMA": r"CREATE\s+SCHEMA\b",
    "CREATE_TABLE": r"CREATE\s+(OR\s+REPLACE\s+)?TABLE\b",
    "CREATE_STAGE": r"CREATE\s+STAGE\b",
}
# A warehouse of this name is suspended, with AUTO_RESUME = FALSE, until ALTER WAREHOUSE … RESUME.
SUSPENDED = "SUSPENDED_"
resumed: set[str] = set()
PASSWORD = os.environ.get("SNOWFLAKE_PASSWORD", "")
TOKEN = os.environ.get("SNOWFLAKE_TOKEN", "")
# sql-reference/transactions, aborting: a transaction that keeps another waiting and is idle for 5 minutes is rolled back. Tests wait less.
IDLE_S = float(os.environ.get("SNOWFLAKE_IDLE_S", "300"))
# PEM, of ALTER USER … SET RSA_PUBLIC_KEY.
public_keys: list[str] = []


class Session:
    """What is known of one, beside what fakesnow keeps."""

    def __init__(self, role: str, warehouse: str) -> None:
        self.role = role
        self.warehouse = warehouse
        self.lock_timeout = 43_200.0
        self.query_tag = ""
        self.autocommit = True
        # Of the transaction that is open: its number, its name, its start.
        self.transaction: tuple[str, str, str] | None = None
        # Of the BEGIN that is about to run.
        self.name: str | None = None
        # What it waits for is not wanted any more: the number of the error that says why.
        self.cancelled = 0
        self.tables: set[str] = set()
        # When it was last asked for something.
        self.asked_at = time.monotonic()
        # Parameters that an answer tells the driver.
        self.formats: dict[str, str] = {}
        self.turn = asyncio.Lock()

    @property
    def open(self) -> bool:
        return self.transaction is not None


sessions: dict[Any, Session] = {}
# What became of transactions, by number: sql-reference/sql/desc-transaction.
outcomes: dict[str, str] = {}


# --- logins ----------------------------------------------------------------------------------------------------------------------------------


def refused(code: str, message: str) -> JSONResponse:
    return JSONResponse({"data": {}, "code": code, "message": message, "success": False})


def why_refused(data: dict[str, Any]) -> tuple[str, str] | None:
    authenticator = data.get("AUTHENTICATOR", "SNOWFLAKE")
    if authenticator == "SNOWFLAKE_JWT":
        # user-guide/key-pair-auth: issuer and subject name account and user in upper case.
        for key in public_keys:
            with contextlib.suppress(jwt.InvalidTokenError):
                # The driver tells its times in ms.
                claims = jwt.decode(data["TOKEN"], key, algorithms=["RS256"], options={"verify_iat": False})
                if re.fullmatch(r"[A-Z0-9_-]+\.TIDEMARK", claims["sub"]) and claims["iss"].startswith(claims["sub"] + ".SHA256:"):
                    return None
        return "390144", "JWT token is invalid. [00000000-0000-0000-0000-000000000000]"
    if authenticator == "OAUTH":
        return None if data.get("TOKEN") == TOKEN else ("390303", "Invalid OAuth access token. ")
    known = str(data.get("LOGIN_NAME", "")).upper() == "TIDEMARK" and data.get("PASSWORD") == PASSWORD
    return None if known else ("390100", "Incorrect username or password was specified.")


async def body_of(request: Request) -> dict[str, Any]:
    body = await request.body()
    return json.loads(gzip.decompress(body) if request.headers.get("Content-Encoding") == "gzip" else body)


async def login(request: Request) -> JSONResponse:
    data = (await body_of(request))["data"]
    if reason := why_refused(data):
        return refused(*reason)
    role = (request.query_params.get("roleName") or ROLE).upper()
    if role != ROLE and not role.startswith(WITHOUT):
        return refused("390189", f"Role '{role}' specified in the connect string does not exist or not authorized.")
    answer = await fake.login_request(request)
    token = json.loads(answer.body)["data"]["token"]
    sessions[fake.sessions[token]] = Session(role, (request.query_params.get("warehouse") or "").upper())
    return answer


def cancel(session: Session, number: int) -> None:
    with changed:
        session.cancelled = number if session.turn.locked() else 0
        changed.notify_all()


async def abort(request: Request) -> JSONResponse:
    if session := sessions.get(fake.sessions.get(fake.to_token(request))):
        cancel(session, 604)
    return JSONResponse({"success": True})


async def end_session(request: Request) -> JSONResponse:
    connection = fake.sessions.get(fake.to_token(request)) if request.headers.get("Authorization") else None
    answer = await fake.session(request)
    if request.query_params.get("delete") and connection is not None and (known := sessions.pop(connection, None)):
        # sql-reference/transactions: an open transaction of a session that is closed is rolled back.
        cancel(known, 604)
        async with known.turn:
            if known.open:
                connection._duck_conn.rollback()
            finish(known, "rolled back")
    return answer


# --- statements ------------------------------------------------------------------------------------------------------------------------------

changed = threading.Condition()
locked: dict[str, Session] = {}


def release(session: Session) -> None:
    with changed:
        for name in session.tables:
            locked.pop(name, None)
        session.tables.clear()
        session.transaction = None
        changed.notify_all()


def begun(session: Session, name: str | None) -> None:
    number = str(time.time_ns())
    session.transaction = (number, name or str(uuid.uuid4()), dt.datetime.now().isoformat())
    outcomes[number] = "running"


def finish(session: Session, outcome: str) -> None:
    if session.transaction is not None:
        outcomes[session.transaction[0]] = outcome
    release(session)


async def abort_transaction(number: str) -> JSONResponse:
    """sql-reference/functions/system_abort_transaction. Its session goes on without it: what follows there is outside of any."""
    for connection, session in list(sessions.items()):
        if session.transaction is not None and session.transaction[0] == number:
            cancel(session, 615)
            async with session.turn:
                if session.transaction is not None and session.transaction[0] == number:
                    connection._duck_conn.rollback()
                    finish(session, "rolled back")
    if number not in outcomes:
        return JSONResponse({"data": {}, "code": "000612", "message": f"Transaction {number} does not exist.", "success": False})
    return told([f"SYSTEM$ABORT_TRANSACTION({number})"], [[f"Aborted transaction id: {number}"]])


def lock(session: Session, name: str) -> None:
    """sql-reference/transactions, resource locking: UPDATE, DELETE and MERGE hold the table until their transaction ends, and wait for LOCK_TIMEOUT."""
    until = time.monotonic() + session.lock_timeout
    with changed:
        while locked.get(name, session) is not session:
            if number := session.cancelled:
                session.cancelled = 0
                raise ProgrammingError(msg="SQL execution canceled", errno=number, sqlstate="57014")
            holder = locked[name]
            if not holder.turn.locked() and time.monotonic() - holder.asked_at > IDLE_S:
                next(one for one, known in sessions.items() if known is holder)._duck_conn.rollback()
                finish(holder, "rolled back")
                continue
            changed.wait(0.1)
            if time.monotonic() > until:
                raise ProgrammingError(
                    msg=f"Statement was aborted because it waited too long for a lock on table '{name}'.",
                    errno=625,
                    sqlstate="57014",
                )
        locked[name] = session
        session.tables.add(name)


def may(session: Session, command: str) -> None:
    privilege = session.role.removeprefix(WITHOUT)
    if session.role != ROLE and re.match(PRIVILEGES.get(privilege, r"(?!)"), command, re.IGNORECASE):
        raise ProgrammingError(
            msg=f"SQL access control error:\nInsufficient privileges to operate on schema: {privilege}", errno=3001, sqlstate="42501"
        )
    if session.warehouse == WAREHOUSE or not re.match(r"COPY|INSERT|UPDATE|DELETE|MERGE", command, re.IGNORECASE):
        return
    name = session.warehouse
    if not name.startswith(SUSPENDED):
        raise ProgrammingError(msg="No active warehouse selected in the current session.", errno=606, sqlstate="57P03")
    if name not in resumed:
        again = f"Use 'alter warehouse {name} resume;' command if you need to use it again."
        raise ProgrammingError(msg=f"Warehouse '{name}' is suspended. {again}", errno=608, sqlstate="57P03")


execute_one = cursors.FakeSnowflakeCursor.execute


def execute(self: Any, command: str, params: Any = None, *args: Any, **more: Any) -> Any:
    session = sessions.get(self._conn)
    if session is None:
        return execute_one(self, command, params, *args, **more)
    may(session, command)
    word = command.split(None, 1)[0].upper()
    if word in ("CREATE", "ALTER", "DROP", "TRUNCATE") and session.open:
        # sql-reference/transactions: DDL commits the transaction that is open, and is one of its own.
        execute_one(self, "COMMIT")
        finish(session, "committed")
    if word == "BEGIN" and session.open:
        # sql-reference/sql/begin: the second one is ignored.
        return execute_one(self, "SELECT 'Statement executed successfully.' AS \"status\"")
    if word in ("INSERT", "UPDATE", "DELETE", "MERGE", "COPY") and not session.open and not session.autocommit:
        # sql-reference/transactions, AUTOCOMMIT: the first of them after a transaction, whatever ended that, begins another.
        execute_one(self, "BEGIN TRANSACTION")
        begun(session, None)
    if word in ("UPDATE", "DELETE", "MERGE"):
        table = parse_one(command).this
        lock(session, ".".join(part.name.upper() for part in table.parts))
    try:
        result = execute_one(self, command, params, *args, **more)
        if word == "BEGIN":
            begun(session, session.name)
        return result
    except duckdb.TransactionException as error:
        raise ProgrammingError(msg=f"Another transaction has changed the table: {error}", errno=625, sqlstate="57014") from error
    except (duckdb.ConversionException, duckdb.InvalidInputException, duckdb.ConstraintException) as error:
        raise ProgrammingError(msg=str(error), errno=100038, sqlstate="22018") from error
    finally:
        # Neither is an error where nothing is open: sql-reference/sql/commit, sql-reference/sql/rollback.
        if word in ("COMMIT", "ROLLBACK"):
            finish(session, "committed" if word == "COMMIT" else "rolled back")
        elif not session.open:
            release(session)


cursors.FakeSnowflakeCursor.execute = execute


def describe_last(self: Any) -> list[tuple[Any, ...]]:
    """Names and types of an answer, from the answer: fakesnow runs the statement through its parser once more."""
    return [(field.name, duck_type(field.type), None, None, None, None) for field in self._arrow_table.schema]


def duck_type(kind: pa.DataType) -> str:
    if pa.types.is_decimal(kind):
        return f"DECIMAL({kind.precision},{kind.scale})"
    if pa.types.is_timestamp(kind):
        return "TIMESTAMP WITH TIME ZONE" if kind.tz else "TIMESTAMP"
    tests = {
        "BOOLEAN": pa.types.is_boolean, "BIGINT": pa.types.is_integer, "DOUBLE": pa.types.is_floating, "DATE": pa.types.is_date,
        "TIME": pa.types.is_time, "BLOB": pa.types.is_binary,
    }  # fmt: skip
    return next((name for name, matches in tests.items() if matches(kind)), "VARCHAR")


cursors.FakeSnowflakeCursor._describe_last_sql = describe_last

lengths_sql = cursors.info_schema.insert_text_lengths_sql


def lengths_of(catalog: str, schema: str, table: str, lengths: list[tuple[str, int]]) -> str:
    """fakesnow forgets that a column may have a quote in its name."""
    return lengths_sql(catalog, schema, table, [(name.replace("'", "''"), size) for name, size in lengths])


cursors.info_schema.insert_text_lengths_sql = lengths_of


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def place_of(location: str, connection: Any) -> tuple[str, str, str]:
    """Directory, name and path of @"DB"."SCHEMA"."STAGE"/path, which quotes may enclose."""
    text = location.strip().removeprefix("'").removesuffix("'")
    match = re.fullmatch(r'@((?:"[^"]+"|\w+)(?:\.(?:"[^"]+"|\w+))*)(?:/(.*))?', text)
    assert match, location
    database, schema, name = stage.parts_from_var(match[1], connection.database, connection.schema)
    sql = stage.stage_lookup_sql(database, schema, name, connection.table_stages)
    if connection._duck_conn.execute(sql).fetchone() is None:
        raise stage.not_found_error(f"{database}.{schema}.{name}")
    return stage.internal_dir(f"{database}.{schema}.{name}"), name, match[2] or ""


def staged(directory: str, path: str) -> list[str]:
    """sql-reference/sql/list: files have names that begin with the path."""
    found = [os.path.join(at, name) for at, _, names in os.walk(directory) for name in names]
    return sorted(name for name in (os.path.relpath(one, directory) for one in found) if name.startswith(path))


# DuckDB's types as DESCRIBE TABLE tells them.
TYPES = {
    "VARCHAR": "VARCHAR(16777216)", "DOUBLE": "FLOAT", "JSON": "VARIANT", "BIGINT": "NUMBER(38,0)",
    "TIMESTAMP": "TIMESTAMP_NTZ(9)", "TIMESTAMP_NS": "TIMESTAMP_NTZ(9)", "TIMESTAMP WITH TIME ZONE": "TIMESTAMP_TZ(9)", "TIME": "TIME(9)",
}  # fmt: skip

NAME = r'"?([^".\s]+)"?'
Answer = tuple[list[str], list[list[str | None]]]


def done() -> Answer:
    return ["status"], [["Statement executed successfully."]]


def answered(sql: str, connection: Any, session: Session) -> Answer | None:
    """Names and rows of what is answered here, as fakesnow does not know it, or not as the vendor documents it."""
    duck = connection._duck_conn
    word, _, rest = sql.partition(" ")
    word = word.upper()
    if word in ("DESCRIBE", "SHOW") and session.open:
        # sql-reference/sql-ddl-summary counts them among what ends a transaction.
        duck.commit()
        finish(session, "committed")
    if re.match(r"ALTER\s+SESSION\s+SET\b", sql, re.IGNORECASE):
        if timeout := re.search(r"LOCK_TIMEOUT\s*=\s*(\d+)", sql):
            session.lock_timeout = float(timeout[1])
        if tag := re.search(r"QUERY_TAG\s*=\s*'((?:[^']|'')*)'", sql, re.IGNORECASE):
            session.query_tag = tag[1].replace("''", "'")
        if autocommit := re.search(r"AUTOCOMMIT\s*=\s*(TRUE|FALSE)", sql, re.IGNORECASE):
            if session.open:
                # sql-reference/transactions, AUTOCOMMIT: whatever the value, it commits.
                duck.commit()
                finish(session, "committed")
            session.autocommit = autocommit[1].upper() == "TRUE"
        session.formats.update(re.findall(r"(\w+_OUTPUT_FORMAT)\s*=\s*'([^']*)'", sql))
        return done()
    if warehouse := re.fullmatch(r"ALTER\s+WAREHOUSE\s+(\w+)\s+RESUME;?", sql, re.IGNORECASE):
        resumed.add(warehouse[1].upper())
        return done()
    if re.fullmatch(r"SELECT\s+CURRENT_TRANSACTION\(\)\s+AS\s+id", sql, re.IGNORECASE):
        return ["ID"], [[session.transaction[0] if session.transaction else None]]
    if re.fullmatch(r"SHOW\s+PARAMETERS\s+LIKE\s+'QUERY_TAG'", sql, re.IGNORECASE):
        return ["key", "value"], [["QUERY_TAG", session.query_tag]]
    if re.fullmatch(r"SHOW\s+TRANSACTIONS", sql, re.IGNORECASE):
        # sql-reference/sql/show-transactions: of the current user, who is the only one here.
        running = [one.transaction for one in sessions.values() if one.transaction is not None]
        return ["id", "user", "name", "started_on", "state"], [[n, "TIDEMARK", name, at, "running"] for n, name, at in running]
    if transaction := re.fullmatch(r"DESCRIBE\s+TRANSACTION\s+(-?\d+)", sql, re.IGNORECASE):
        return ["id", "state"], [[transaction[1], outcomes[transaction[1]]]]
    if key := re.match(r"ALTER\s+USER\s+TIDEMARK\s+SET\s+RSA_PUBLIC_KEY\s*=\s*'([^']+)'", sql, re.IGNORECASE):
        public_keys.append(f"-----BEGIN PUBLIC KEY-----\n{key[1].strip()}\n-----END PUBLIC KEY-----\n")
        return done()
    if word in ("LIST", "LS"):
        directory, name, path = place_of(rest, connection)
        return ["name", "size"], [[f"{name.lower()}/{one}", str(os.path.getsize(directory + one))] for one in staged(directory, path)]
    if word in ("REMOVE", "RM"):
        directory, name, path = place_of(rest, connection)
        gone = staged(directory, path)
        for one in gone:
            os.remove(directory + one)
        return ["name", "result"], [[f"{name.lower()}/{one}", "removed"] for one in gone]
    if table := re.fullmatch(rf"DESCRIBE\s+TABLE\s+{NAME}\.{NAME}\.{NAME}", sql, re.IGNORECASE):
        found = duck.execute(
            "SELECT column_name, data_type FROM duckdb_columns() WHERE database_name = ? AND schema_name = ? AND table_name = ? ORDER BY column_index",
            list(table.groups()),
        ).fetchall()
        if not found:
            raise ProgrammingError(msg=f"Table '{'.'.join(table.groups())}' does not exist or not authorized.", errno=2003, sqlstate="02000")
        return ["name", "type"], [[name, TYPES.get(kind, kind.replace("DECIMAL", "NUMBER"))] for name, kind in found]
    if tables := re.fullmatch(rf"SHOW\s+TERSE\s+TABLES\s+IN\s+SCHEMA\s+{NAME}\.{NAME}\s+STARTS\s+WITH\s+'([^']*)'", sql, re.IGNORECASE):
        if not duck.execute("SELECT 1 FROM duckdb_schemas() WHERE database_name = ? AND schema_name = ?", list(tables.groups())[:2]).fetchall():
            # As dbt's adapter and others met it: a schema that is not there is an error, not an empty answer.
            raise ProgrammingError(msg="Object does not exist, or operation cannot be performed.", errno=2043, sqlstate="02000")
        names = [row[0] for row in duck.execute(
            "SELECT table_name FROM duckdb_tables() WHERE database_name = ? AND schema_name = ? AND starts_with(table_name, ?)", list(tables.groups())
        ).fetchall()]  # fmt: skip
        kind = {name: "TRANSIENT" if (tables[1], tables[2], name) in transient else "TABLE" for name in names}
        return ["name", "kind"], [[name, kind[name]] for name in names]
    if schemas := re.fullmatch(rf"SHOW\s+TERSE\s+SCHEMAS\s+IN\s+DATABASE\s+{NAME}\s+STARTS\s+WITH\s+'([^']*)'", sql, re.IGNORECASE):
        if schemas[1] != DATABASE:
            raise ProgrammingError(msg=f"Database '{schemas[1]}' does not exist or not authorized.", errno=2043, sqlstate="02000")
        return ["name"], [list(row) for row in duck.execute(
            "SELECT schema_name FROM duckdb_schemas() WHERE database_name = ? AND starts_with(schema_name, ?)", list(schemas.groups())
        ).fetchall()]  # fmt: skip
    if stages := re.fullmatch(rf"SHOW\s+STAGES\s+LIKE\s+'([^']*)'\s+IN\s+SCHEMA\s+{NAME}\.{NAME}", sql, re.IGNORECASE):
        return ["name"], [list(row) for row in duck.execute(
            "SELECT name FROM _fs_global._fs_information_schema._fs_stages WHERE name ILIKE ? AND database_name = ? AND schema_name = ?",
            list(stages.groups()),
        ).fetchall()]  # fmt: skip
    return None


# Tables without Fail-safe, and without Time Travel too: user-guide/tables-temp-transient.
transient: set[tuple[str, ...]] = set()
TRANSIENT = rf"CREATE\s+TRANSIENT\s+(TABLE\s+{NAME}\.{NAME}\.{NAME}\s.*)\sDATA_RETENTION_TIME_IN_DAYS\s*=\s*0"


def rewritten(sql: str, session: Session) -> str:
    """The statement as fakesnow takes it."""
    if begin := re.fullmatch(r"BEGIN\s+TRANSACTION(?:\s+NAME\s+(\w+))?", sql, re.IGNORECASE):
        session.name = begin[1]
        return "BEGIN TRANSACTION"
    if made := re.fullmatch(TRANSIENT, sql, re.IGNORECASE | re.DOTALL):
        transient.add(made.groups()[1:])
        return f"CREATE {made[1]}"
    if gone := re.match(rf"DROP\s+TABLE\s+IF\s+EXISTS\s+{NAME}\.{NAME}\.{NAME}", sql, re.IGNORECASE):
        transient.discard(gone.groups())
    if re.match(r"PUT\b|COPY\b", sql, re.IGNORECASE):
        # The quotes that sql-reference/sql/put asks for around names in quotes.
        return re.sub(r"'(@[^']*)'", r"\1", sql)
    if clone := re.match(r"CREATE\s+OR\s+REPLACE\s+TABLE\s+(\S+)\s+CLONE\s+(\S+)(\s+COPY\s+GRANTS)?$", sql, re.IGNORECASE):
        if tuple(part.strip('"') for part in clone[2].split(".")) in transient:
            raise ProgrammingError(msg="Transient object cannot be cloned to a permanent object.", errno=2120, sqlstate="0A000")
        return f"CREATE OR REPLACE TABLE {clone[1]} AS SELECT * FROM {clone[2]}"
    # DuckDB's parser of JSON makes doubles of numbers that a VARIANT keeps; a cast keeps the text.
    return re.sub(r"""PARSE_JSON\(("[^"]+"), 'd'\)""", r"CAST(\1 AS VARIANT)", sql)


# --- what COPY reads -------------------------------------------------------------------------------------------------------------------------

urls_of = copying._source_urls
inserts_of = copying._inserts


def source_urls(source: str, files: list[str]) -> list[str]:
    """sql-reference/sql/copy-into-table, FILES: names that are appended to the path; one that is not there is an error."""
    if not stage.is_internal(source):
        return urls_of(source, files)
    urls = [source.rstrip("/") + "/" + name for name in files]
    for url in urls:
        if not os.path.exists(url):
            raise ProgrammingError(msg=f"Remote file '{url}' was not found.", errno=91016, sqlstate="22000")
    return urls


def inserts(expr: Any, params: Any, urls: list[str], info: Any = None) -> Any:
    params.file_format.width = len(expr.this.expressions)
    return inserts_of(expr, params, urls, info)


def read_csv(self: Any, url: str) -> Any:
    """Every field is text; one that is empty is NULL unless quotes enclose it (user-guide/data-unload-considerations)."""
    columns = ", ".join(f"'column{i}': 'VARCHAR'" for i in range(self.width))
    options = {
        "header": "false", "auto_detect": "false", "columns": f"{{{columns}}}", "delim": quoted(self.sep), "quote": quoted(self.quote or ""),
        "escape": quoted(self.quote or ""), "nullstr": "''", "allow_quoted_nulls": "false", "new_line": quoted("\\n"),
        "compression": quoted(self.compression or "auto"), "max_line_size": "134217728", "buffer_size": "134217728",
    }  # fmt: skip
    call = f"read_csv({quoted(url)}, {', '.join(f'{name} = {value}' for name, value in options.items())})"
    return exp.Var(this=call)


# NUMBER(38,0) has 38 digits; fakesnow makes it an integer of 64 bits, for Python.
cursors.transforms.integer_precision = lambda expression: expression
copying._source_urls = source_urls
copying._inserts = inserts
copying.ReadCSV.read_expression = read_csv


# --- answers as JSON -------------------------------------------------------------------------------------------------------------------------

EPOCH = dt.date(1970, 1, 1)


def text_of(value: Any, column: dict[str, Any]) -> str | None:
    """A value as JSON result sets hold it."""
    kind = column["type"].lower()
    if value is None:
        return None
    if kind == "boolean":
        return "1" if value else "0"
    if kind == "date":
        return str((value - EPOCH).days)
    if isinstance(value, dict) and "epoch" in value:
        if value["epoch"] is None:
            return None
        # Before 1970 the fraction counts towards it.
        nanos = value["epoch"] * 10**9 + value["fraction"]
        seconds = f"{'-' if nanos < 0 else ''}{abs(nanos) // 10**9}.{abs(nanos) % 10**9:09d}"
        return seconds + (" 1440" if kind == "timestamp_tz" else "")
    if kind == "time":
        return f"{value / 1e9:.9f}" if isinstance(value, int) else str(value)
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    return json.dumps(value) if isinstance(value, (dict, list)) else str(value)


def told(names: list[str], rows: list[list[str | None]]) -> JSONResponse:
    column = {"type": "text", "nullable": True, "length": 16777216, "byteLength": 16777216, "precision": None, "scale": None}
    data = {
        "queryResultFormat": "json", "rowset": rows, "rowtype": [{"name": name, **column} for name in names], "total": len(rows),
        "returned": len(rows), "queryId": str(uuid.uuid4()), "version": 1, "statementTypeId": 0x4000, "parameters": [],
    }  # fmt: skip
    return JSONResponse({"data": data, "success": True})


async def query(request: Request) -> JSONResponse:
    connection = fake.sessions.get(fake.to_token(request))
    session = sessions.get(connection)
    if session is None:
        return await fake.query_request(request)
    body = await body_of(request)
    sql = body["sqlText"].strip()
    if ended := re.fullmatch(r"SELECT\s+SYSTEM\$ABORT_TRANSACTION\((-?\d+)\)", sql, re.IGNORECASE):
        return await abort_transaction(ended[1])
    # A session does one thing at a time in DuckDB.
    async with session.turn:
        try:
            if (known := answered(sql, connection, session)) is not None:
                return told(*known)
            body["sqlText"] = rewritten(sql, session)
        except ProgrammingError as error:
            code = f"{error.errno:06d}"
            return JSONResponse({"data": {"errorCode": code, "sqlState": error.sqlstate}, "code": code, "message": error.msg, "success": False})
        request._body = gzip.compress(json.dumps(body).encode(), 1)
        request._headers = request.headers.mutablecopy()
        request._headers["Content-Encoding"] = "gzip"
        answer = await fake.query_request(request)
        session.asked_at = time.monotonic()
    reply = json.loads(answer.body)
    data = reply.get("data") or {}
    if "parameters" in data:
        data["parameters"] += [{"name": name, "value": value} for name, value in session.formats.items()]
    if data.get("queryResultFormat") == "arrow":
        rows: list[list[Any]] = []
        if packed := data.pop("rowsetBase64"):
            table = pa.ipc.open_stream(base64.b64decode(packed)).read_all()
            columns = [[text_of(v, c) for v in table.column(i).to_pylist()] for i, c in enumerate(data["rowtype"])]
            rows = [list(row) for row in zip(*columns, strict=True)]
        data.update(queryResultFormat="json", rowset=rows)
    if isinstance(data.get("rowset"), list):
        data["returned"] = data["total"] = len(data["rowset"])
    data.setdefault("version", 1)
    if data.get("command") == "UPLOAD":
        data["overwrite"] = re.search(r"OVERWRITE\s*=\s*TRUE", sql, re.IGNORECASE) is not None
    info = data.get("stageInfo")
    if isinstance(info, dict) and info.get("locationType") == "GCS":
        info.setdefault("region", "us-central1")
        info.setdefault("endPoint", None)
    return JSONResponse(reply, status_code=answer.status_code)


async def staged_file(request: Request) -> Response:
    path = os.path.normpath(os.path.join(stage.LOCAL_BUCKET_PATH, urllib.parse.unquote(request.path_params["path"])))
    inside = path.startswith(stage.LOCAL_BUCKET_PATH + os.sep) and os.path.isfile(path)
    return Response(open(path, "rb").read()) if inside else Response(status_code=404)


def serve(port: int) -> None:
    fake.shared_fs.connect(DATABASE, "PUBLIC")
    # A login makes nothing.
    fake.shared_fs.create_database_on_connect = False
    fake.shared_fs.create_schema_on_connect = False
    own = {
        "/session/v1/login-request": (login, ["POST"]),
        "/session": (end_session, ["POST"]),
        "/queries/v1/abort-request": (abort, ["POST"]),
        "/queries/v1/query-request": (query, ["POST"]),
        "/telemetry/send": (lambda _: JSONResponse({"success": True}), ["POST"]),
    }
    kept = [route for route in fake.app.router.routes if route.path not in own]
    routes = [Route(path, handler, methods=methods) for path, (handler, methods) in own.items()]
    fake.app.router.routes[:] = [Route("/fs_bucket/{path:path}", staged_file, methods=["GET", "HEAD"]), *routes, *kept]
    # One that closes idle connections after seconds meets requests that are on their way.
    uvicorn.run(fake.app, host="127.0.0.1", port=port, log_level="warning", timeout_keep_alive=600)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
