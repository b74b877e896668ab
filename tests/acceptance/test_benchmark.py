"""The benchmark on a handful of rows: it measures everything and leaves no database behind."""

import subprocess
import sys

import psycopg
import pytest
from django.conf import settings


def databases() -> set[str]:
    with psycopg.connect(settings.DATABASE_URL) as connection:
        rows = connection.execute("select datname from pg_database").fetchall()
    return {name for (name,) in rows if name.startswith("paygate_benchmark_")}


@pytest.mark.slow
def test_it_prints_every_ratio_and_drops_its_databases() -> None:
    before = databases()
    command = ["manage.py", "benchmark", "--payments", "200,400", "--ingest-payments", "60"]
    done = subprocess.run(
        [sys.executable, *command],
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    headings, *lines = done.stdout.splitlines()
    assert headings.split()[:2] == ["measure", "rows"]
    assert [line.split("  ")[0] for line in lines] == [
        "ingest over HTTP",
        "90-day dashboard",
        "90-day dashboard",
        "rollup of all hours",
        "the same with days, histograms, uniques",
        "90-day dashboard",
    ]
    assert databases() <= before
