#!/bin/sh
# Make the development environment, or repair it: sh dev/bootstrap.sh VENV [extra requirements file]
# REQUIREMENTS names another lock file than the usual one.
# Needs a Python >= 3.11 with the venv module, and PyPI. When nothing has changed it returns at once.
set -eu

venv=${1:-.venv}
extra=${2:-}
requirements=${REQUIREMENTS:-dev/requirements.txt}
probe='import importlib.util as u, sys, airflow_provider_fate, pytest, rich, uv; sys.exit(not u.find_spec("airflow"))'
say() { printf '%s\n' "$*" >&2; }

# A stamp tells what the environment was made of.
stamp_of() { cat pyproject.toml dev/bootstrap.sh "$@" | cksum; }
# Airflow itself is looked up rather than imported: that would cost seconds and write into AIRFLOW_HOME.
runs() { "$venv/bin/python" -c "$probe"; }
# The scripts of an environment that was moved or copied point at the old place.
at_home() { [ "$(cat "$venv/.home" 2>/dev/null)" = "$(pwd)" ]; }
is_current() { [ -f "$venv/$1" ] && [ "$(cat "$venv/$1")" = "$2" ]; }

find_python() {
    # The name alone says nothing: a shim may be on the PATH for a version that is not installed.
    for candidate in ${PYTHON:-} python3.12 python3.11 python3.13 python3; do
        if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            echo "$candidate"
            return
        fi
    done
    say "No usable Python found: Python 3.11 or newer with the venv module is needed (Debian: apt install python3-venv)."
    say "If it is installed under another name, say which: make PYTHON=/path/to/python3.12 ..."
    exit 1
}

install() { "$venv/bin/uv" pip install --quiet --python "$venv/bin/python" "$@"; }

UV_HTTP_TIMEOUT=${UV_HTTP_TIMEOUT:-180}
export UV_HTTP_TIMEOUT
unset VIRTUAL_ENV PYTHONHOME 2>/dev/null || true

wanted=$(stamp_of "$requirements")
if ! is_current .stamp "$wanted" || ! at_home || ! runs 2>/dev/null; then
    if [ -d "$venv" ]; then
        if at_home && "$venv/bin/uv" --version >/dev/null 2>&1 && "$venv/bin/python" -c '' >/dev/null 2>&1; then
            say "· $venv is out of date: bringing it up to the lock file"
        else
            say "· $venv does not work any more: making it anew"
            rm -rf "$venv"
        fi
    fi
    if [ ! -d "$venv" ]; then
        python=$(find_python)
        say "· making $venv with $("$python" --version)"
        "$python" -m venv "$venv"
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$(grep -o '^uv==[0-9.]*' "$requirements")"
    fi
    say "· installing Airflow, the provider and its tools ($(grep -c '==' "$requirements") packages, a minute or two the first time)"
    rm -f "$venv/.stamp" "$venv/.stamp-extra"
    install -r "$requirements"
    install --no-deps --reinstall-package airflow-provider-fate --editable .
    runs || { say "$venv was installed, but does not import what it should (above)."; exit 1; }
    pwd > "$venv/.home"
    printf '%s\n' "$wanted" > "$venv/.stamp"
fi

if [ -n "$extra" ]; then
    wanted=$(stamp_of "$requirements" "$extra")
    if ! is_current .stamp-extra "$wanted"; then
        say "· installing what $extra names"
        install -r "$extra"
        printf '%s\n' "$wanted" > "$venv/.stamp-extra"
    fi
fi
