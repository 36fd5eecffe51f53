"""`make run` and `make test` install what is missing, or say the one line to run."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
APT = 'apt-get() { echo "apt-get $*" >&2; }; apt-cache() { printf "postgresql-15-postgis-3 - x\\npostgresql-16-postgis-3 - x\\n"; };'
# Nothing of the machine is touched: `env` and `tee` run the stand-ins too.
TAME = 'env() { shift; "$@"; }; mkdir() { :; }; tee() { cat >/dev/null; };'
ROOT_USER = "id() { echo 0; };"
ORDINARY = "id() { echo 1000; }; sudo() { return 1; };"


def bash(script: str) -> "subprocess.CompletedProcess[str]":
    """Runs a script that has the functions of setup.sh and the stand-ins above."""
    whole = f"source ops/local/setup.sh\n{APT} {TAME} {script}"
    return subprocess.run(
        ["bash", "-c", whole], cwd=ROOT, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )


def test_as_root_the_newest_postgis_is_installed() -> None:
    ran = bash(f"{ROOT_USER} install_packages postgis nodejs >/dev/null")
    assert ran.returncode == 0, ran.stderr
    assert "postgresql-16-postgis-3 nodejs" in bash(f"{ROOT_USER} names postgis nodejs").stdout


def test_an_ordinary_user_without_sudo_is_told_the_one_line() -> None:
    ran = bash(f"{ORDINARY} install_packages postgis chromium")
    assert ran.returncode == 2
    assert "apt-get install -y --no-install-recommends postgresql-16-postgis-3 chromium" in ran.stderr


def test_a_distribution_that_is_too_old_says_so() -> None:
    ran = bash(f"{ROOT_USER} apt-cache() {{ echo 'postgresql-14-postgis-3 - x'; }}; install_packages postgis")
    assert ran.returncode == 2
    assert "RESCUE_DATABASE_URL" in ran.stderr


@pytest.mark.parametrize(
    ("purpose", "given", "wanted"), [("run", "", "postgis"), ("run", "x", ""), ("test", "x", "postgis")]
)
def test_a_database_that_is_given_is_enough_to_run_but_not_to_test(purpose: str, given: str, wanted: str) -> None:
    ran = bash(
        f"has_postgis() {{ return 1; }}; is_3_12() {{ return 1; }}; purpose={purpose} RESCUE_DATABASE_URL={given}; "
        "cd /; missing_packages"
    )
    assert ran.stdout.split() == ([wanted] if wanted else [])


def test_without_python_the_ways_to_get_it_are_named(tmp_path: Path) -> None:
    ran = bash(f"cd {tmp_path}; touch requirements.lock; is_3_12() {{ return 1; }}; PATH=/usr/bin:/bin; make_venv")
    assert ran.returncode == 2
    assert "pyenv" in ran.stderr
