#include "pipelines/kinds/test/frameworks.hpp"

#include "pipelines/base/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace sluice::kinds::test {
namespace {

constexpr std::string_view k_out = k_report_folder;

bool mentions(const Tree& tree, const std::string& file, std::string_view what) {
    const auto text = tree.read(file);
    return text && text->find(what) != std::string::npos;
}

/// Runs `first`, then up to `reruns` times `again`, for as long as the exit code says that tests
/// failed. In both `$n` is the number of the attempt, from 1.
std::string with_reruns(std::string_view first, std::string_view again, int reruns,
                        std::string_view failed_codes) {
    return fmt::format(
        "n=1\ncode=0\n{} || code=$?\n"
        "while [ $n -le {} ]; do\n"
        "case $code in {}) ;; *) break ;; esac\n"
        "n=$((n + 1))\ncode=0\necho \"--- again what failed, attempt $n\"\n"
        "{} || code=$?\ndone\nexit $code\n",
        first, reruns, failed_codes, again);
}

AddedStep step(std::string name, std::string script, bool splits = false) {
    AddedStep out;
    out.step.name = std::move(name);
    out.step.shell = "sh";
    out.step.run = std::move(script);
    out.splits_tests = splits;
    return out;
}

// ---- pytest

void pytest(const TestWish& wish, const Tree& tree, Expansion& out) {
    std::string which;
    if (wish.shards > 1) {
        // Whole files: fixtures of a module are set up once. One that can't be collected is
        // listed too: running it is what tells so.
        out.steps.push_back(
            step("pytest: list",
                 fmt::format("pytest --collect-only -q | sed -n -e 's/^ERROR \\([^ :]*\\).*/\\1/p' "
                             "-e t -e 's/::.*//p' | sort -u > {}\n",
                             k_test_list),
                 true));
        which = fmt::format(" $(cat {})", k_shard_list);
    }
    const bool covers =
        tree.has(".coveragerc") || mentions(tree, "pyproject.toml", "[tool.coverage") ||
        mentions(tree, "setup.cfg", "[coverage:") || mentions(tree, "tox.ini", "[coverage:");
    std::string script;
    if (wish.shards > 1)
        script += fmt::format("[ -s {} ] || {{ echo 'no tests in this shard'; exit 0; }}\n",
                              k_shard_list);
    script += "cov=\n";
    if (covers)
        script += fmt::format(
            "if python3 -c 'import pytest_cov' 2>/dev/null; then cov='--cov "
            "--cov-append --cov-report=xml:{}/coverage.xml'; fi\nrm -f .coverage\n",
            k_out);
    const std::string run = fmt::format("pytest $cov --junitxml={}/pytest-$n.xml", k_out);
    script += with_reruns(run + which, run + " --last-failed --last-failed-no-failures none",
                          wish.rerun_failed, "1");
    out.steps.push_back(step("pytest", script));
    out.reports.push_back({.format = "junit",
                           .tool = "pytest",
                           .paths = {fmt::format("{}/pytest-*.xml", k_out)},
                           .optional = wish.shards > 1});
    if (covers)
        out.reports.push_back({.format = "coverage",
                               .tool = "pytest-cov",
                               .paths = {fmt::format("{}/coverage.xml", k_out)},
                               .optional = true});
}

// ---- ctest

void ctest(const TestWish& wish, const Tree& tree, Expansion& out) {
    std::string folder;
    for (const char* candidate : {"build", "build/dev", "build/debug", "build/release",
                                  "build/default", "out", "cmake-build-debug", "."})
        if (folder.empty() && tree.read(std::string(candidate) + "/CTestTestfile.cmake"))
            folder = candidate;
    if (folder.empty()) {
        folder = "build";
        if (!wish.prepared)
            out.steps.push_back(
                step("cmake", "cmake -B build\ncmake --build build -j \"$(nproc)\"\n"));
    }
    std::string which;
    if (wish.shards > 1) {
        out.steps.push_back(step("ctest: list",
                                 fmt::format("ctest --test-dir {} -N | sed -n 's/^ *Test *#[0-9]*: "
                                             "//p' > {}\n",
                                             folder, k_test_list),
                                 true));
        // By number: names may hold anything.
        which = fmt::format(
            "ids=$(ctest --test-dir {} -N | awk 'NR == FNR {{ mine[$0] = 1; next }} match($0, /^ "
            "*Test *#[0-9]+: /) {{ name = substr($0, RLENGTH + 1); id = $0; sub(/^ *Test *#/, "
            "\"\", "
            "id); sub(/:.*/, \"\", id); if (name in mine) printf \",%s\", id }}' {} -)\n"
            "[ -n \"$ids\" ] || {{ echo 'no tests in this shard'; exit 0; }}\n",
            folder, k_shard_list);
    }
    const std::string run = fmt::format(
        "ctest --test-dir {} --no-tests=error --output-on-failure -j \"$(nproc)\" --output-junit "
        "\"$PWD/{}/ctest-$n.xml\"",
        folder, k_out);
    out.steps.push_back(
        step("ctest", which + with_reruns(run + (which.empty() ? "" : " -I 0,0,0$ids"),
                                          run + " --rerun-failed", wish.rerun_failed, "8")));
    out.reports.push_back({.format = "junit",
                           .tool = "ctest",
                           .paths = {fmt::format("{}/ctest-*.xml", k_out)},
                           .optional = wish.shards > 1});
}

// ---- gtest and catch2: programs of their own

/// The programs: `TEST_BINARIES`, else what below build/ looks like tests.
const char* const k_binaries =
    "bins=${TEST_BINARIES:-$(find build -type f -perm -u+x \\( -name '*test' -o -name '*tests' -o "
    "-name 'test_*' \\) ! -path '*/CMakeFiles/*' | sort)}\n"
    "[ -n \"$bins\" ] || { echo 'no test programs below build/: name them in env TEST_BINARIES' "
    ">&2; exit 1; }\n";

void gtest(const TestWish& wish, const Tree&, Expansion& out) {
    std::string script = k_binaries;
    std::string only;
    if (wish.shards > 1) {
        // `Suite.` and, indented, its tests with a comment behind.
        out.steps.push_back(step(
            "gtest: list",
            std::string(k_binaries) +
                fmt::format("for bin in $bins; do\n\"$bin\" --gtest_list_tests > {0}.part\n"
                            "awk '/^[^ ]/ {{ suite = $1 }} /^ / {{ print suite $1 }}' {0}.part\n"
                            "done > {0}\n",
                            k_test_list),
            true));
        // By a file: thousands of names are too long for one argument.
        script += fmt::format(
            "[ -s {0} ] || {{ echo 'no tests in this shard'; exit 0; }}\n"
            "{{ printf -- '--gtest_filter='; paste -s -d : {0}; }} > {0}.flags\n",
            k_shard_list);
        only = fmt::format(" --gtest_flagfile={}.flags", k_shard_list);
    }
    // The names of what failed stand in the report before their <failure>.
    script += fmt::format(
        "failed() {{ awk '/<testcase / {{ s = $0; c = $0; sub(/.* name=\"/, \"\", s); sub(/\".*/, "
        "\"\", s); sub(/.*classname=\"/, \"\", c); sub(/\".*/, \"\", c) }} /<failure/ {{ if "
        "(!seen[c "
        "\".\" s]++) printf \":%s.%s\", c, s }}' \"$1\"; }}\n"
        "all=0\nfor bin in $bins; do\nn=1\ncode=0\n"
        "out={}/gtest-$(echo \"$bin\" | tr -c 'A-Za-z0-9\\n' _)\n"
        "\"$bin\"{} --gtest_output=\"xml:$out-$n.xml\" || code=$?\n"
        "while [ $code -eq 1 ] && [ $n -le {} ]; do\n"
        "names=$(failed \"$out-$n.xml\")\n[ -n \"$names\" ] || break\n"
        "n=$((n + 1))\ncode=0\necho \"--- again what failed, attempt $n\"\n"
        "\"$bin\" --gtest_filter=\"${{names#:}}\" "
        "--gtest_output=\"xml:$out-$n.xml\" || code=$?\n"
        "done\n[ $code -eq 0 ] || all=$code\ndone\nexit $all\n",
        k_out, only, wish.rerun_failed);
    out.steps.push_back(step("gtest", script));
    out.reports.push_back({.format = "junit",
                           .tool = "gtest",
                           .paths = {fmt::format("{}/gtest-*.xml", k_out)},
                           .optional = wish.shards > 1});
}

void catch2(const TestWish& wish, const Tree&, Expansion& out) {
    std::string script = k_binaries;
    std::string mine, only;
    if (wish.shards > 1) {
        // Version 2 lists names by an option of its own, and ends with their number.
        const std::string names =
            "names() {\nout=$(\"$1\" --list-test-names-only 2>/dev/null) || :\n"
            "[ -n \"$out\" ] || out=$(\"$1\" --list-tests --verbosity quiet 2>/dev/null) || :\n"
            "printf '%s\\n' \"$out\" | sed -e 's/^ *//' -e '/^$/d'\n}\n";
        out.steps.push_back(
            step("catch2: list",
                 k_binaries + names +
                     fmt::format("for bin in $bins; do names \"$bin\"; done > {}\n", k_test_list),
                 true));
        script += names + fmt::format("[ -s {} ] || {{ echo 'no tests in this shard'; exit 0; }}\n",
                                      k_shard_list);
        // As arguments: in quotes, as a file of names would have them, no name may hold a quote. No
        // name at all would mean all tests.
        mine = fmt::format(
            "names \"$bin\" | grep -Fx -f {0} |"
            " sed -e 's/[\\\\,\"[~]/\\\\&/g' -e 's/$/\\\n,/' > {0}.names || :\n"
            "[ -s {0}.names ] || continue\n"
            "IFS='\n'\nset -f\nset -- $(cat {0}.names)\nset +f\nunset IFS\n",
            k_shard_list);
        only = " \"$@\"";
    }
    script += fmt::format(
        "all=0\nfor bin in $bins; do\ncode=0\n{}"
        "\"$bin\"{} -r junit -o {}/catch2-$(echo \"$bin\" | tr -c "
        "'A-Za-z0-9\\n' _).xml || code=$?\n"
        "[ $code -eq 0 ] || {{ all=$code; echo \"$bin failed\"; }}\n"
        "done\nexit $all\n",
        mine, only, k_out);
    out.steps.push_back(step("catch2", script));
    out.reports.push_back({.format = "junit",
                           .tool = "catch2",
                           .paths = {fmt::format("{}/catch2-*.xml", k_out)},
                           .optional = wish.shards > 1});
}

// ---- go

void go(const TestWish& wish, const Tree&, Expansion& out) {
    std::string which = "./...";
    std::string script;
    if (wish.shards > 1) {
        out.steps.push_back(
            step("go: list", fmt::format("go list ./... > {}\n", k_test_list), true));
        which = fmt::format("$(cat {})", k_shard_list);
        script = fmt::format("[ -s {} ] || {{ echo 'no tests in this shard'; exit 0; }}\n",
                             k_shard_list);
    }
    // Whole tests again, by package; a subtest runs with its parent.
    script += fmt::format(
        "again() {{\nstatus=0\nsed -n "
        "'s/.*\"Action\":\"fail\",\"Package\":\"\\([^\"]*\\)\",\"Test\":\"\\([^\"\\/]*\\)\".*/\\1 "
        "\\2/p' {0}/go-$((n - 1)).json | sort -u > {0}/go-failed\n"
        "for package in $(cut -d' ' -f1 {0}/go-failed | sort -u); do\n"
        "names=$(awk -v p=\"$package\" '$1 == p {{ printf \"%s%s\", sep, $2; sep = \"|\" }}' "
        "{0}/go-failed)\n"
        "go test -json -count=1 -run \"^($names)$\" \"$package\" >> {0}/go-$n.json || status=$?\n"
        "done\nshow {0}/go-$n.json\nreturn $status\n}}\n"
        "show() {{ sed -n 's/.*\"Output\":\"\\(--- FAIL.*\\|FAIL.*\\|ok .*\\)\\\\n\".*/\\1/p' "
        "\"$1\" | "
        "sed 's/\\\\t/ /g'; }}\n"
        "once() {{ status=0; go test -json {1} > {0}/go-1.json || status=$?; show {0}/go-1.json; "
        "return $status; }}\n",
        k_out, which);
    script += with_reruns("once", "again", wish.rerun_failed, "1");
    out.steps.push_back(step("go test", script));
    out.reports.push_back({.format = "gotest",
                           .tool = "go",
                           .paths = {fmt::format("{}/go-*.json", k_out)},
                           .optional = wish.shards > 1});
}

// ---- jest

void jest(const TestWish& wish, const Tree& tree, Expansion& out) {
    std::string script =
        "tool=jest\n[ ! -x node_modules/.bin/jest ] || tool=node_modules/.bin/jest\n";
    std::string shard;
    if (wish.shards > 1) {
        // It lists whole paths.
        out.steps.push_back(step(
            "jest: list",
            script + fmt::format("\"$tool\" --listTests > {0}.part\n"
                                 "awk -v top=\"$PWD/\" 'index($0, top) == 1 {{ $0 = substr($0, "
                                 "length(top) + 1) }} {{ print }}' {0}.part | sort > {0}\n",
                                 k_test_list),
            true));
        // A name is a line and may hold spaces.
        script += fmt::format(
            "[ -s {0} ] || {{ echo 'no tests in this shard'; exit 0; }}\n"
            "IFS='\n'\nset -f\nset -- $(cat {0})\nset +f\nunset IFS\n",
            k_shard_list);
        shard = " --runTestsByPath \"$@\"";
    }
    const bool covers = mentions(tree, "package.json", "\"collectCoverage\": true") ||
                        mentions(tree, "jest.config.js", "collectCoverage: true");
    const std::string run = fmt::format(
        "\"$tool\" --ci --json --testLocationInResults --outputFile={}/jest-$n.json{}", k_out,
        covers ? fmt::format(" --coverageReporters=cobertura --coverageReporters=text-summary "
                             "--coverageDirectory={}",
                             k_out)
               : std::string());
    script += with_reruns(run + shard, run + " --onlyFailures", wish.rerun_failed, "1");
    out.steps.push_back(step("jest", script));
    out.reports.push_back({.format = "jest",
                           .tool = "jest",
                           .paths = {fmt::format("{}/jest-*.json", k_out)},
                           .optional = wish.shards > 1});
    if (covers)
        out.reports.push_back({.format = "coverage",
                               .tool = "jest",
                               .paths = {fmt::format("{}/cobertura-coverage.xml", k_out)},
                               .optional = true});
}

struct Framework {
    std::string_view name;
    bool (*applies)(const Tree&);  ///< nullptr: only when asked for
    void (*add)(const TestWish&, const Tree&, Expansion&);
    bool reruns;
};

const std::array k_frameworks{
    Framework{"pytest",
              [](const Tree& t) {
                  return t.has("pytest.ini") || t.has_named("conftest.py") ||
                         mentions(t, "pyproject.toml", "[tool.pytest") ||
                         mentions(t, "setup.cfg", "[tool:pytest]") ||
                         mentions(t, "tox.ini", "[pytest]") ||
                         !t.matching({"**/test_*.py", "**/*_test.py"}).empty();
              },
              pytest, true},
    Framework{"go", [](const Tree& t) { return t.has("go.mod"); }, go, true},
    Framework{"jest",
              [](const Tree& t) {
                  return !t.matching({"jest.config.{js,ts,mjs,cjs,json}"}).empty() ||
                         mentions(t, "package.json", "\"jest\"");
              },
              jest, true},
    Framework{"ctest",
              [](const Tree& t) {
                  return mentions(t, "CMakeLists.txt", "enable_testing") ||
                         mentions(t, "CMakeLists.txt", "include(CTest)");
              },
              ctest, true},
    Framework{"gtest", nullptr, gtest, true},
    Framework{"catch2", nullptr, catch2, false},
};

}  // namespace

std::vector<std::string> framework_names() {
    std::vector<std::string> out;
    for (const Framework& framework : k_frameworks) out.emplace_back(framework.name);
    return out;
}

Result<Expansion> expand(const TestWish& wish, const Tree& tree) {
    Expansion out;
    std::vector<const Framework*> found;
    std::string known, names;
    for (const Framework& framework : k_frameworks) {
        known += fmt::format(" {}", framework.name);
        const bool wanted = wish.framework.empty()
                                ? framework.applies != nullptr && framework.applies(tree)
                                : wish.framework == framework.name;
        if (!wanted) continue;
        found.push_back(&framework);
        names += fmt::format("{}{}", names.empty() ? "" : ", ", framework.name);
    }
    if (found.empty() && !wish.framework.empty())
        return error(Code::invalid, "unknown_framework",
                     fmt::format("framework: `{}` is none of{}; any other runner: `run:` with "
                                 "`reports: {{ junit: … }}`",
                                 text::sanitize_utf8(wish.framework, 60), known));
    if (found.empty())
        return error(Code::invalid, "no_framework",
                     fmt::format("no test framework was recognised in this repository: name one "
                                 "with `framework:` ({} ), or use `run:` with `reports:`",
                                 known));
    if (found.size() > 1)
        return error(Code::invalid, "several_frameworks",
                     fmt::format("this repository has tests for {}: give each a job of its own "
                                 "with `framework:`",
                                 names));
    const Framework& framework = *found.front();
    if (wish.rerun_failed > 0 && !framework.reruns)
        return error(Code::invalid, "cannot_rerun",
                     fmt::format("rerun_failed: {} can't run only what failed", framework.name));
    framework.add(wish, tree, out);
    if (wish.framework.empty())
        out.notes.push_back(fmt::format("test: {} (found by the files)", framework.name));
    return out;
}

}  // namespace sluice::kinds::test
