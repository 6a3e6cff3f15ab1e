#include "agent/runner/python_step.hpp"

namespace sluice::agent {

namespace {

/// Values come by the environment: none of them is ever part of the script.
constexpr const char* k_script = R"sh(set -e
fail() { echo "python: $1" >&2; exit 1; }
uv=$(command -v uv || true)
python=
for name in ${SLUICE_PY_VERSION:+python$SLUICE_PY_VERSION} python3 python; do
    found=$(command -v "$name") || continue
    version=$("$found" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null) || continue
    case "$version." in "${SLUICE_PY_VERSION:-$version}".*) python=$found; break ;; esac
done
if [ -z "$python" ] && [ -n "$uv" ] && [ -n "$SLUICE_PY_VERSION" ]; then
    uv python install --quiet "$SLUICE_PY_VERSION" || true
    python=$(uv python find --no-project "$SLUICE_PY_VERSION" 2>/dev/null || true)
    [ -z "$python" ] || version=$("$python" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])')
fi
[ -n "$python" ] || fail "this machine has no Python${SLUICE_PY_VERSION:+ $SLUICE_PY_VERSION}"
[ -z "$SLUICE_PY_FILE" ] || [ -f "$SLUICE_PY_FILE" ] || fail "$SLUICE_PY_FILE: no such file in the workspace"
case "$SLUICE_PY_FILE" in *uv.lock) [ -n "$uv" ] || fail "$SLUICE_PY_FILE needs uv, which this machine does not have" ;; esac
key=$("$python" - "$SLUICE_PY_FILE" "${uv:+uv}" <<'END'
import hashlib, os, platform, re, sys
digest = hashlib.sha256()
def add(*words):
    for word in words:
        data = word if isinstance(word, bytes) else word.encode()
        digest.update(b"%d:" % len(data) + data)
add(os.path.realpath(sys.executable), sys.version, platform.platform(), sys.argv[2], "1")
seen = set()
def add_path(path):
    path = os.path.realpath(path)
    if path in seen:
        return
    seen.add(path)
    if os.path.isdir(path):
        for folder, folders, files in os.walk(path):
            folders[:] = sorted(name for name in folders if name not in (".git", ".ci", ".sluice", "__pycache__"))
            for name in sorted(files):
                if name != ".ci.yml":
                    add_path(os.path.join(folder, name))
        return
    with open(path, "rb") as file:
        data = file.read()
    add(os.path.relpath(path), data)
    if not path.endswith((".txt", ".in")):
        return
    base = os.path.dirname(path)
    for line in data.decode("utf-8", "replace").splitlines():
        words = line.split("#")[0].replace("=", " ", 1).split()
        for word in words[1:] if words[:1] and words[0].startswith("-") else words[:1]:
            for place in (os.path.join(base, word), word):
                if os.path.exists(place):
                    add_path(place)
if sys.argv[1]:
    add_path(sys.argv[1])
    if sys.argv[1].endswith("uv.lock"):
        base = os.path.dirname(sys.argv[1]) or "."
        add_path(os.path.join(base, "pyproject.toml"))
        # What is installed from the workspace, the project itself among it, is what it is made from.
        with open(sys.argv[1], encoding="utf-8") as file:
            lock = file.read()
        for place in re.findall(r'source = \{ (?:editable|directory|path) = "([^"]+)" \}', lock):
            if os.path.exists(os.path.join(base, place)):
                add_path(os.path.join(base, place))
print(digest.hexdigest()[:32])
END
)
mkdir -p "$SLUICE_PY_ROOT"
ready=$SLUICE_PY_ROOT/$key
exec 9>"$SLUICE_PY_ROOT/$key.lock"
flock -n 9 || { echo "waiting for another job that builds this environment"; flock 9; }
if [ -e "$ready/bin/python" ]; then
    echo "environment $key is there, Python $version"
else
    echo "building environment $key, Python $version"
    # What a killed build left, and what nobody used for a month.
    for old in "$SLUICE_PY_ROOT/$key".build.*; do
        [ -e "$old" ] || continue
        chmod -R u+w "$old"
        rm -rf "$old"
    done
    rm -rf "$ready"
    find "$SLUICE_PY_ROOT" -maxdepth 1 -name '*.used' -mtime +30 | while read -r old; do
        old=${old%.used}
        chmod -R u+w "$old".build.* 2>/dev/null || true
        rm -rf "$old" "$old".*
    done
    build=$(mktemp -d "$SLUICE_PY_ROOT/$key.build.XXXXXX")
    chmod 755 "$build"
    if [ -n "$uv" ]; then
        # No file of it is one of uv's cache, too: a job may write there.
        export UV_LINK_MODE=copy
        uv venv --quiet --no-project --python "$python" "$build" 9>&-
        case "$SLUICE_PY_FILE" in
            '') ;;
            *uv.lock)
                UV_PROJECT_ENVIRONMENT=$build uv sync --quiet --frozen --no-editable --python "$build/bin/python" \
                    --project "$(dirname "$SLUICE_PY_FILE")" 9>&- ;;
            *) uv pip install --python "$build/bin/python" -r "$SLUICE_PY_FILE" 9>&- ;;
        esac
    else
        "$python" -m venv "$build" 9>&-
        [ -z "$SLUICE_PY_FILE" ] || "$build/bin/python" -m pip install --disable-pip-version-check --no-input -r "$SLUICE_PY_FILE" 9>&-
    fi
    chmod -R a-w "$build"
    ln -s "$(basename "$build")" "$SLUICE_PY_ROOT/$key.link"
    mv -T "$SLUICE_PY_ROOT/$key.link" "$ready"
fi
touch "$SLUICE_PY_ROOT/$key.used"
flock -u 9
echo "VIRTUAL_ENV=$ready" >> "$CI_ENV"
echo "PATH=$ready/bin:$PATH" >> "$CI_ENV"
)sh";

std::string member(const json::Object& object, std::string_view key) {
    const json::Value* value = object.if_contains(key);
    if (value == nullptr) return "";
    return value->is_string() ? std::string(value->as_string()) : json::serialize(*value);
}

}  // namespace

std::optional<model::StepSpec> python_step(const model::JobSpec& spec, const files::Path& folder) {
    const json::Value* python = spec.settings.if_contains("python");
    if (python == nullptr || !python->is_object()) return std::nullopt;
    const std::string lock = member(python->as_object(), "lock");
    model::StepSpec step;
    step.name = "python environment";
    step.run = k_script;
    step.shell = "sh";
    step.env = {
        {"SLUICE_PY_ROOT", folder.string()},
        {"SLUICE_PY_VERSION", member(python->as_object(), "version")},
        {"SLUICE_PY_FILE", lock.empty() ? member(python->as_object(), "requirements") : lock}};
    return step;
}

}  // namespace sluice::agent
