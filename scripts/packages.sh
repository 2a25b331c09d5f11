# cachemodel: installs Debian packages that are missing. For the scripts beside it to source.
# SPDX-License-Identifier: MIT

# require_packages PACKAGE…: returns when all of them are installed, or stops the script and says what
# is needed. CACHEMODEL_SKIP_PACKAGES=1 takes it for granted that they are.
require_packages() {
    local package missing=() as_root=()

    if [ "${CACHEMODEL_SKIP_PACKAGES:-}" = 1 ]; then
        echo "Not looking for packages: CACHEMODEL_SKIP_PACKAGES is 1."
        return
    fi
    if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
        {
            echo "There is no apt here. Install what these Debian packages have:"
            printf '    %s\n' "$@"
            echo "then run this again with CACHEMODEL_SKIP_PACKAGES=1 in the environment."
        } >&2
        exit 1
    fi

    for package in "$@"; do
        if ! dpkg-query --show --showformat='${Status}' "$package" 2>/dev/null |
            grep -q '^install ok installed$'; then
            missing+=("$package")
        fi
    done
    if [ "${#missing[@]}" -eq 0 ]; then
        echo "All packages are installed."
        return
    fi

    echo "Installing: ${missing[*]}"
    if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo >/dev/null; then
            echo "This needs root or sudo. As root: apt-get install ${missing[*]}" >&2
            exit 1
        fi
        as_root=(sudo)
    fi
    as_root+=(env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -q)
    "${as_root[@]}" update
    "${as_root[@]}" install --yes --no-install-recommends "${missing[@]}"
}

# What building the library and the demo takes.
library_packages=(
    g++ cmake ninja-build pkg-config
    libboost1.81-dev libssl-dev libxxhash-dev libmemcached-dev libhiredis-dev
    libsqlite3-dev nlohmann-json3-dev
)
demo_packages=(iso-codes memcached)
