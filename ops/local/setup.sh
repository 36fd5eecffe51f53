#!/usr/bin/env bash
# Makes this checkout ready: Python 3.12 in .venv with exactly the packages of requirements.lock, and the system's
# packages for `run` (PostgreSQL with PostGIS, a font with Chinese) or `test` (a browser as well). Node.js comes as a Python package.
# Run again it looks, finds all there, and is done in a moment.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
purpose=${1:-run}

say() { printf '%s\n' "$*" >&2; }
stop() { printf '\n✘ %s\n  %s\n' "$1" "$2" >&2; exit 2; }

font_folders=(/usr/share/fonts /usr/local/share/fonts "${HOME:-/root}/.local/share/fonts" "${HOME:-/root}/.fonts")

# --- the system's packages -------------------------------------------------------------------------------------------

has_postgis() {
  local control major
  for control in /usr/share/postgresql/*/extension/postgis.control; do
    major=$(basename "$(dirname "$(dirname "$control")")")
    [[ -e $control && $major -ge 15 && -x /usr/lib/postgresql/$major/bin/initdb ]] && return 0
  done
  command -v pg_ctl >/dev/null && [[ -e $(pg_config --sharedir 2>/dev/null)/extension/postgis.control ]]
}

# One that documents can be set in (backend/paper/typeset.py), which browsers take as well.
has_chinese_font() {
  find "${font_folders[@]}" \( -iname 'NotoSansCJK*' -o -iname 'SourceHanSans*' -o -iname 'NotoSansSC*' -o -iname 'wqy-*' \) \
    -print -quit 2>/dev/null | grep -q .
}

# The newest that the distribution has: 15 on Debian 12, 16 on Ubuntu 24.04, 17 on Debian 13.
postgis_package() {
  apt-cache search --names-only '^postgresql-[0-9]+-postgis-3$' | cut -d' ' -f1 | sort -V | tail -n 1
}

missing_packages() {
  [[ $purpose == run && -n ${RESCUE_DATABASE_URL:-} ]] || has_postgis || echo postgis
  if ! command -v uv >/dev/null && is_3_12 python3.12 && ! python3.12 -c 'import ensurepip' 2>/dev/null; then
    echo python3.12-venv
  fi
  has_chinese_font || echo fonts-noto-cjk
  if [[ $purpose == test ]]; then
    command -v chromium >/dev/null || echo chromium
  fi
  true
}

install_packages() {
  local wanted=("$@") as_root=() postgis
  command -v apt-get >/dev/null || stop \
    "缺少：${wanted[*]}。本机没有 apt-get，请自行安装 PostgreSQL 15 及以上和 PostGIS 3.3 及以上。" \
    "Missing: ${wanted[*]}. There is no apt-get here: install PostgreSQL 15 or later and PostGIS 3.3 or later yourself."
  if [[ $(id -u) != 0 ]]; then
    as_root=(sudo)
    if ! command -v sudo >/dev/null || { ! sudo -n true 2>/dev/null && [[ ! -t 0 ]]; }; then
      stop "请以 root 运行下一行，然后重试：" \
        "As root, run this line and try again:  apt-get update && apt-get install -y --no-install-recommends $(names "${wanted[@]}")"
    fi
  fi
  say "安装系统软件包 Installing the system's packages: ${wanted[*]}"
  "${as_root[@]}" apt-get update -q >/dev/null
  postgis=$(postgis_package)
  if [[ " ${wanted[*]} " == *" postgis "* && ! $postgis =~ ^postgresql-(1[5-9]|[2-9][0-9])- ]]; then
    stop "本发行版没有 PostgreSQL 15 及以上的 PostGIS。请自行提供数据库并设置 RESCUE_DATABASE_URL。" \
      "This distribution has no PostGIS for PostgreSQL 15 or later. Provide a database and set RESCUE_DATABASE_URL."
  fi
  no_cluster_of_the_system "${as_root[@]}"
  # shellcheck disable=SC2046
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
    -o Dpkg::Options::=--force-confold $(names "${wanted[@]}") >/dev/null
}

names() {
  local name postgis
  postgis=$(postgis_package)
  for name in "$@"; do
    [[ $name == postgis ]] && name=${postgis:-postgresql-15-postgis-3}
    printf '%s ' "$name"
  done
}

# Debian starts a server of the system's own when PostgreSQL is first installed; nobody asked for that one.
no_cluster_of_the_system() {
  [[ -e /etc/postgresql-common/createcluster.conf ]] && return
  "$@" mkdir -p /etc/postgresql-common
  echo 'create_main_cluster = false' | "$@" tee /etc/postgresql-common/createcluster.conf >/dev/null
}

# --- Python ----------------------------------------------------------------------------------------------------------

is_3_12() { "$1" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 12))' 2>/dev/null; }

# What .venv must have been made from: other packages or another folder make it useless.
origin() { printf '%s %s\n' "$(sha256sum <requirements.lock | cut -d' ' -f1)" "$PWD"; }

is_ready() { [[ -x .venv/bin/rescue && $(cat .venv/origin 2>/dev/null) == "$(origin)" ]] && is_3_12 .venv/bin/python; }

make_venv() {
  say "准备 Python 环境（首次需要几分钟） Preparing Python's packages (the first time takes minutes)"
  [[ -e .venv/origin && $(cut -d' ' -f2- .venv/origin) != "$PWD" ]] && rm -rf .venv
  is_3_12 .venv/bin/python || rm -rf .venv
  if command -v uv >/dev/null; then
    [[ -e .venv ]] || uv venv --quiet --python 3.12 .venv
    uv pip install --quiet --python .venv/bin/python --require-hashes -r requirements.lock
  elif is_3_12 python3.12; then
    python3.12 -m venv .venv
    .venv/bin/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements.lock
  else
    stop "需要 Python 3.12：python3.12 命令、pyenv（pyenv install 3.12）或 uv。" \
      "Python 3.12 is needed: the command python3.12, pyenv (pyenv install 3.12), or uv."
  fi
  make_command
  origin >.venv/origin
}

# The checkout itself is not installed but pointed to: what is edited is what runs.
make_command() {
  local site
  site=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
  printf '%s\n' "$PWD" >"$site/rescue_circle.pth"
  printf '#!%s\nfrom ops.cli import main\n\nmain()\n' "$PWD/.venv/bin/python" >.venv/bin/rescue
  chmod +x .venv/bin/rescue
}

[[ ${BASH_SOURCE[0]} == "$0" ]] || return 0 # its tests take the functions one by one
mapfile -t missing < <(missing_packages)
[[ ${#missing[@]} == 0 ]] || install_packages "${missing[@]}"
is_ready || make_venv
