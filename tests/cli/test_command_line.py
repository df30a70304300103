"""The command line itself: help, usage errors, suggestions, exit codes, job files."""

import json
import signal
import subprocess

import duckdb
import pytest


def test_no_arguments_is_a_usage_error_with_help(pli):
    r = pli()
    assert r.code == 2 and "commands:" in r.err


def test_version(pli):
    assert pli.ok("--version").out.startswith("pli ")
    v = pli.ok("version", "--json").json()
    assert set(v) >= {"pli", "libpli", "duckdb"} and v["duckdb"].startswith("v1.")


def test_every_command_has_help_with_an_example(pli):
    listing = pli.ok("help").out
    commands = [
        line.split()[0] for line in listing.splitlines() if line.startswith("  ") and not line.startswith("   ")
    ]
    assert "ingest" in commands and "run" in commands
    for name in sorted(set(commands)):
        r = pli("help", name)
        assert r.code == 0, (name, r.err)
        assert "example:" in r.out or "COMMAND [options]" in r.out


def test_unknown_command_suggests_the_nearest(pli):
    r = pli.fails(2, "statsu")
    assert "did you mean 'pli status'?" in r.err


def test_unknown_option_suggests_the_nearest(pli):
    r = pli.fails(2, "run", "--max-batchs", "3")
    assert "did you mean '--max-batches'?" in r.err


def test_missing_and_surplus_arguments(pli):
    pli.fails(2, "ingest", "only-one")
    pli.fails(2, "version", "surplus")
    pli.fails(2, "ingest", "a", "b", "--max-files")
    pli.fails(2, "ingest", "a", "b", "--max-files", "0")
    pli.fails(2, "run", "--once", "--continuous")
    pli.fails(2, "status", "--format", "xml")


def test_errors_are_json_objects_with_json(pli):
    r = pli("explain", "NO_SUCH", "--json")
    assert r.code == 2
    error = json.loads(r.out)["error"]
    assert set(error) == {"code", "message", "hint", "retriable"} and error["code"] == "USAGE"


def test_explain_knows_every_code(pli):
    rows = pli.ok("explain", "--json").json()
    assert {"DISK_FULL", "SINK_AHEAD", "SINK_BEHIND", "LOCKED"} <= {r["code"] for r in rows}
    one = pli.ok("explain", "disk_full", "--json").json()
    assert one["exitCode"] == 1 and one["whatToDo"]


def test_completion_scripts_name_the_commands(pli):
    for shell in ("bash", "zsh", "fish"):
        assert "ingest" in pli.ok("completion", shell).out
    pli.fails(2, "completion", "tcsh")


def test_no_job_file_is_a_configuration_error(pli):
    r = pli.fails(78, "status")
    assert "pli init" in r.err


def test_validate_lists_every_error_with_its_line(pli, tmp_path):
    (tmp_path / "pli.yaml").write_text(
        "version: 1\njobs:\n  a:\n    source: {path: in, fromat: csv}\n    sink: {path: out, mode: upsert}\n    threads: many\n"
    )
    r = pli("validate", "--json")
    assert r.code == 78
    problems = r.json()
    assert [p["line"] for p in problems] == [4, 5, 6]
    assert "did you mean 'source.format'" in problems[0]["message"]
    pli.fails(78, "run")


def test_unknown_job_suggests_the_nearest(pli, tmp_path):
    (tmp_path / "pli.yaml").write_text(
        "version: 1\njobs:\n  events:\n    source: {path: in, format: csv}\n    sink: {path: out}\n"
    )
    r = pli.fails(78, "status", "evnets")
    assert "did you mean 'events'?" in r.err


def test_job_file_is_found_upwards(pli, tmp_path):
    pli.ok("init", "shop")
    deep = tmp_path / "shop" / "data" / "orders"
    assert pli.ok("status", "--json", cwd=deep).json()[0]["job"] == "orders"


def test_init_never_overwrites(pli):
    pli.ok("init", "shop")
    r = pli.fails(1, "init", "shop")
    assert "pli.yaml" in r.err


def test_reference_pages_are_markdown_tables(pli):
    page = pli.ok("reference", "job-file").out
    assert "| `source.max_files_per_trigger` | count | `1000` | `--max-files` |" in page
    assert "| `SINK_AHEAD` | 5 |" in pli.ok("reference", "errors").out
    assert "## pli ingest" in pli.ok("reference", "commands").out
    assert pli.ok("reference", "man").out.startswith(".TH PLI 1")


@pytest.mark.parametrize("form", ["table", "csv", "json", "ndjson"])
def test_a_reader_that_goes_away_is_no_error(pli, tmp_path, form):
    """`pli delta read T | head` ends as programs do whose output nobody reads."""
    (tmp_path / "rows.csv").write_text("id\n" + "\n".join(map(str, range(100_000))) + "\n")
    pli.ok("delta", "create", "t", "--schema", "STRUCT(id BIGINT)")
    pli.ok("delta", "append", "t", "rows.csv")
    command = [pli.command, "delta", "read", "t", "--format", form]
    with subprocess.Popen(command, cwd=tmp_path, env=pli.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        run.stdout.close()
        said = run.stderr.read()
    assert (run.returncode, said) == (128 + signal.SIGPIPE, b"")


def test_the_reference_of_job_files_has_the_options_of_the_readers(pli):
    page = pli.ok("reference", "job-file").out
    row = next(line for line in page.splitlines() if line.startswith("| `max_line_size`"))
    assert "| csv, text | number | 2000000 |" in row
    assert "tab or \\|" in page


def test_columns_are_given_as_in_create_table(pli):
    pli.ok("delta", "create", "t", "--schema", "id BIGINT NOT NULL, name VARCHAR, s STRUCT(a INTEGER)")
    schema = pli.ok("delta", "detail", "t", "--json").json()["schema"]
    assert [(f["name"], f["nullable"]) for f in schema["fields"]] == [("id", False), ("name", True), ("s", True)]
    duckdb.execute(f"COPY (SELECT NULL::BIGINT AS id, 'x' AS name) TO '{pli.folder}/null.parquet'")
    assert "column 'id' must not be null" in pli.fails(1, "delta", "append", "t", "null.parquet").err
    r = pli.fails(2, "delta", "create", "u", "--schema", "id")
    assert "cannot read the columns 'id'" in r.err and "hint: columns are given as in CREATE TABLE" in r.err
