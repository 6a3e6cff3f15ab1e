#include "pipelines/kinds/lint/adapters.hpp"

#include "pipelines/base/text.hpp"
#include "pipelines/reports/findings.hpp"
#include "pipelines/reports/json_view.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

namespace sluice::kinds::lint {
namespace {

using reports::FindingFormat;

using Globs = std::vector<std::string>;

const Globs k_cpp{"**/*.{c,cc,cpp,cxx,h,hh,hpp,hxx}"};
const Globs k_cpp_units{"**/*.{c,cc,cpp,cxx}"};

/// A run of one tool, being put together.
struct Run {
    const Tree& tree;
    std::vector<std::string> args;
    std::string tool;
    std::string report;  ///< the path of its report

    std::string words() const {
        std::string out;
        for (const std::string& arg : args) out += " " + shell_word(arg);
        return out;
    }
};

/// The first of the names that is installed, as `$tool`.
std::string pick(const std::vector<std::string>& names) {
    std::string list;
    for (const std::string& name : names) list += " " + name;
    return fmt::format(
        "tool=\nfor t in{}; do command -v \"$t\" >/dev/null && tool=$t && break; done\n"
        "[ -n \"$tool\" ] || {{ echo \"{} is not installed\" >&2; exit 127; }}\n",
        list, names.front());
}

/// Runs `command`, its report going to the file; exit codes in `fine` mean that it did its work.
std::string keeping_report(const Run& run, std::string_view command, std::string_view redirect,
                           std::string_view fine) {
    const std::size_t body = command.find('\n');  // a list of files follows the command
    const std::string head(command.substr(0, body));
    const std::string rest(body == std::string_view::npos ? "" : command.substr(body));
    return fmt::format(
        "code=0\n{} {} {} || code=$?{}\ncase $code in {}) ;; *) tail -n 50 {} >&2; exit $code ;; "
        "esac\n",
        head, redirect, run.report, rest, fine, run.report);
}

// ---- the scripts

std::optional<std::string> compile_commands(const Tree& tree) {
    for (const char* folder : {"", "build/", "build/dev/", "build/debug/", "build/release/",
                               "build/default/", "out/", "cmake-build-debug/", "builddir/"})
        if (tree.read(std::string(folder) + "compile_commands.json"))
            return std::string(folder) + "compile_commands.json";
    return std::nullopt;
}

/// The files of the compilation database that belong to the project.
std::vector<std::string> compiled_files(const Tree& tree, const std::string& database) {
    const auto text = tree.read(database);
    const auto value = text ? json::parse(*text, {.bytes = 64u << 20, .depth = 8})
                            : Result<json::Value>(json::Value());
    std::set<std::string> out;
    if (!value || !value->is_array()) return {};
    for (const json::Value& entry : value->as_array()) {
        // The database has absolute names: the longest tail that is a file of the project is it.
        std::string_view name = reports::view::string(entry, "file");
        while (!name.empty() && !tree.has(name)) {
            const std::size_t slash = name.find('/');
            if (slash == std::string_view::npos)
                name = {};
            else
                name.remove_prefix(slash + 1);
        }
        if (!name.empty()) out.emplace(name);
    }
    return {out.begin(), out.end()};
}

Result<std::string> clang_tidy(const Run& run) {
    const auto database = compile_commands(run.tree);
    if (!database)
        return error(Code::invalid, "no_compile_commands",
                     "clang-tidy needs a compile_commands.json (at the top or in build/): make it "
                     "in `run`, e.g. `cmake -B build -DCMAKE_EXPORT_COMPILE_COMMANDS=ON`");
    std::vector<std::string> files = compiled_files(run.tree, *database);
    if (run.tree.changes) {
        // A change without a header concerns the translation units it touches, else any may.
        const text::Globs sources(k_cpp), units(k_cpp_units);
        std::set<std::string> touched;
        bool header = false;
        for (const auto& [path, change] : *run.tree.changes) {
            if (units.match(path))
                touched.insert(path);
            else if (sources.match(path) || path.ends_with(".clang-tidy"))
                header = true;
        }
        if (!header)
            std::erase_if(files, [&](const std::string& file) { return !touched.contains(file); });
    }
    if (files.empty()) return std::string(": > " + run.report + "\n");
    const std::size_t slash = database->rfind('/');
    const std::string folder = slash == std::string::npos ? "." : database->substr(0, slash);
    // One file at a time on all cores; each writes a file of its own, so that lines don't mix.
    const std::string each = fmt::format(
        "sh -c '\"$tool\" -p {} --quiet \"$@\" > \"$0.$$\" 2>> {}.log || test $? -eq 1' {}.part{}",
        shell_word(folder), run.report, run.report, run.words());
    return pick({"clang-tidy", "clang-tidy-19", "clang-tidy-18", "clang-tidy-17", "clang-tidy-16",
                 "clang-tidy-15", "clang-tidy-14"}) +
           "export tool\ncode=0\n" +
           [&] {
               std::string list = over_files(files, each, 1);
               const std::size_t body = list.find('\n');
               std::string head = list.substr(0, body);
               const std::size_t at = head.find("xargs -0 ");
               head.insert(at + 9, "-P \"$(nproc)\" ");
               return head + " || code=$?" + list.substr(body);
           }() +
           fmt::format(
               "\n[ $code -eq 0 ] || {{ tail -n 50 {}.log >&2; exit $code; }}\ncat {}.part.* "
               "> {}\n",
               run.report, run.report, run.report);
}

Result<std::string> cppcheck(const Run& run) {
    const std::string common = fmt::format(
        "cppcheck --xml --xml-version=2 --quiet --inline-suppr -j \"$(nproc)\" "
        "--enable=warning,performance,portability --output-file={}{}",
        run.report, run.words());
    if (const auto database = compile_commands(run.tree))
        return common + " --project=" + shell_word(*database) + "\n";
    return over_files(run.tree.matching(k_cpp_units), common) + "\n";
}

Result<std::string> clang_format(const Run& run) {
    return pick({"clang-format", "clang-format-19", "clang-format-18", "clang-format-17",
                 "clang-format-16", "clang-format-15", "clang-format-14"}) +
           keeping_report(run,
                          over_files(run.tree.matching(k_cpp),
                                     "\"$tool\" --dry-run -style=file" + run.words(), 100),
                          "2>", "0");
}

Result<std::string> ruff(const Run& run) {
    return keeping_report(run, "ruff check --output-format=json" + run.words() + " .", ">", "0|1");
}

Result<std::string> flake8(const Run& run) {
    return keeping_report(run, "flake8 --format=default" + run.words() + " .", ">", "0|1");
}

Result<std::string> pylint(const Run& run) {
    // Its exit code is a set of bits below 32; xargs makes 123 of them.
    return keeping_report(
        run,
        over_files(run.tree.matching({"**/*.py"}), "pylint --output-format=json" + run.words()),
        ">", "0|123");
}

Result<std::string> mypy(const Run& run) {
    bool names_files = false;
    for (const char* config : {"mypy.ini", ".mypy.ini", "pyproject.toml", "setup.cfg"}) {
        const auto text = run.tree.read(config);
        if (text) names_files = names_files || text->find("\nfiles") != std::string::npos;
    }
    // 2 is a fault of the call, but also a syntax error in the source, which is a finding.
    return keeping_report(run,
                          "mypy --show-column-numbers --show-error-end --no-pretty "
                          "--no-error-summary --no-color-output" +
                              run.words() + (names_files ? "" : " ."),
                          ">", "0|1|2") +
           fmt::format("[ $code -ne 2 ] || grep -q ': error:' {} || {{ cat {} >&2; exit 2; }}\n",
                       run.report, run.report);
}

Result<std::string> eslint(const Run& run) {
    return "tool=eslint\n[ ! -x node_modules/.bin/eslint ] || tool=node_modules/.bin/eslint\n" +
           keeping_report(run, "\"$tool\" -f json" + run.words() + " .", ">", "0|1");
}

std::vector<std::string> shell_files(const Tree& tree) {
    std::vector<std::string> out = tree.matching({"**/*.{sh,bash,ksh,dash}"});
    // Scripts without an ending tell by their first line.
    int looked = 0;
    for (const std::string& file : tree.files) {
        const std::size_t slash = file.rfind('/');
        const std::string_view name =
            std::string_view(file).substr(slash == std::string::npos ? 0 : slash + 1);
        if (name.find('.') != std::string_view::npos || ++looked > 500) continue;
        const auto text = tree.read(file);
        if (!text || !text->starts_with("#!")) continue;
        const std::string_view first = std::string_view(*text).substr(0, text->find('\n'));
        for (const std::string_view shell : {"/sh", "/bash", " bash", " sh", "/dash", "/ksh"})
            if (first.ends_with(shell) || first.find(std::string(shell) + " ") != first.npos) {
                out.push_back(file);
                break;
            }
    }
    std::sort(out.begin(), out.end());
    return out;
}

Result<std::string> shellcheck(const Run& run) {
    return keeping_report(
        run, over_files(shell_files(run.tree), "shellcheck -f json1" + run.words()), ">", "0|123");
}

const Globs k_containerfiles{"**/Containerfile*", "**/Dockerfile*", "**/*.{Dockerfile,dockerfile}",
                             "!**/*.dockerignore", "!**/*.md"};

Result<std::string> hadolint(const Run& run) {
    return keeping_report(
        run, over_files(run.tree.matching(k_containerfiles), "hadolint -f json" + run.words()), ">",
        "0|123");
}

Result<std::string> yamllint(const Run& run) {
    return keeping_report(
        run,
        over_files(run.tree.matching({"**/*.{yml,yaml}"}), "yamllint -f parsable" + run.words()),
        ">", "0|123");
}

// ---- when a tool applies

bool mentions(const Tree& tree, const char* file, std::string_view section) {
    const auto text = tree.read(file);
    return text && text->find(section) != std::string::npos;
}

bool has_any(const Tree& tree, std::initializer_list<std::string_view> names) {
    return std::any_of(names.begin(), names.end(), [&](auto name) { return tree.has(name); });
}

struct Adapter {
    std::string_view tool;
    FindingFormat format;
    std::string_view extension;
    /// The project has a configuration for it.
    bool (*configured)(const Tree&);
    /// There is something for it, configured or not.
    bool (*has_files)(const Tree&);
    bool by_files_alone;  ///< used without configuration
    Result<std::string> (*script)(const Run&);
};

bool has_python(const Tree& t) {
    return !t.matching({"**/*.py"}).empty();
}
bool has_cpp(const Tree& t) {
    return !t.matching(k_cpp).empty();
}

const std::array k_adapters{
    Adapter{"clang-tidy", FindingFormat::gnu, "txt",
            [](const Tree& t) { return t.has_named(".clang-tidy"); }, has_cpp, false, clang_tidy},
    Adapter{"cppcheck", FindingFormat::cppcheck, "xml",
            [](const Tree& t) {
                return !t.matching({"*.cppcheck", "cppcheck*.txt", ".cppcheck*"}).empty();
            },
            has_cpp, false, cppcheck},
    Adapter{"clang-format", FindingFormat::clang_format, "txt",
            [](const Tree& t) { return t.has_named(".clang-format"); }, has_cpp, false,
            clang_format},
    Adapter{"ruff", FindingFormat::ruff, "json",
            [](const Tree& t) {
                return has_any(t, {"ruff.toml", ".ruff.toml"}) ||
                       mentions(t, "pyproject.toml", "[tool.ruff");
            },
            has_python, false, ruff},
    Adapter{"flake8", FindingFormat::flake8, "txt",
            [](const Tree& t) {
                return t.has(".flake8") || mentions(t, "setup.cfg", "[flake8]") ||
                       mentions(t, "tox.ini", "[flake8]");
            },
            has_python, false, flake8},
    Adapter{"pylint", FindingFormat::pylint, "json",
            [](const Tree& t) {
                return has_any(t, {".pylintrc", "pylintrc", "pylintrc.toml", ".pylintrc.toml"}) ||
                       mentions(t, "pyproject.toml", "[tool.pylint") ||
                       mentions(t, "setup.cfg", "[pylint");
            },
            has_python, false, pylint},
    Adapter{"mypy", FindingFormat::mypy, "txt",
            [](const Tree& t) {
                return has_any(t, {"mypy.ini", ".mypy.ini"}) ||
                       mentions(t, "pyproject.toml", "[tool.mypy") ||
                       mentions(t, "setup.cfg", "[mypy]");
            },
            has_python, false, mypy},
    Adapter{
        "eslint", FindingFormat::eslint, "json",
        [](const Tree& t) {
            return !t.matching({"eslint.config.{js,mjs,cjs,ts,mts,cts}", ".eslintrc*"}).empty() ||
                   mentions(t, "package.json", "\"eslintConfig\"");
        },
        [](const Tree& t) {
            return !t.matching({"**/*.{js,mjs,cjs,jsx,ts,mts,cts,tsx,vue,svelte}"}).empty();
        },
        false, eslint},
    Adapter{"shellcheck", FindingFormat::shellcheck, "json",
            [](const Tree& t) { return t.has(".shellcheckrc"); },
            [](const Tree& t) { return !shell_files(t).empty(); }, true, shellcheck},
    Adapter{"hadolint", FindingFormat::hadolint, "json",
            [](const Tree& t) {
                return has_any(t, {".hadolint.yaml", ".hadolint.yml"});
            },
            [](const Tree& t) { return !t.matching(k_containerfiles).empty(); }, true, hadolint},
    Adapter{"yamllint", FindingFormat::yamllint, "txt",
            [](const Tree& t) {
                return has_any(t, {".yamllint", ".yamllint.yaml", ".yamllint.yml"});
            },
            [](const Tree& t) { return !t.matching({"**/*.{yml,yaml}"}).empty(); }, false,
            yamllint},
};

const Adapter* find(std::string_view tool) {
    const auto found = std::find_if(k_adapters.begin(), k_adapters.end(),
                                    [&](const Adapter& a) { return a.tool == tool; });
    return found == k_adapters.end() ? nullptr : &*found;
}

/// `must`: a missing tool fails the job.
Result<> add(Expansion& out, const Adapter& adapter, const ToolWish& wish, const Tree& tree,
             bool must) {
    Run run{tree, wish.args, wish.name, {}};
    run.report = fmt::format("{}/{}.{}", k_report_folder, adapter.tool, adapter.extension);
    SLUICE_TRY(std::string script, adapter.script(run));
    AddedStep added;
    added.step.name = adapter.tool;
    added.step.shell = "sh";
    if (!must)
        script = fmt::format(
                     "if ! command -v {0} >/dev/null; then\n"
                     "echo \"{0} is not installed here, and nothing asks for it but its "
                     "kind of files: left out\"\nexit 0\nfi\n",
                     adapter.tool) +
                 script;
    added.step.run = std::move(script);
    out.steps.push_back(std::move(added));
    out.reports.push_back({.format = std::string(to_text(adapter.format)),
                           .tool = std::string(adapter.tool),
                           .paths = {run.report},
                           .optional = !must});
    return {};
}

}  // namespace

std::vector<std::string> tool_names() {
    std::vector<std::string> out;
    for (const Adapter& adapter : k_adapters) out.emplace_back(adapter.tool);
    return out;
}

Result<Expansion> expand(const std::vector<ToolWish>& wishes, const Tree& tree) {
    Expansion out;
    for (const ToolWish& wish : wishes) {
        const Adapter* adapter = find(wish.name);
        if (adapter == nullptr) {
            std::string known;
            for (const std::string& name : tool_names()) known += " " + name;
            return error(Code::invalid, "unknown_tool",
                         fmt::format("tools: `{}` is none of{}; any other tool: `run:` with "
                                     "`reports: {{ sarif: … }}`",
                                     text::sanitize_utf8(wish.name, 60), known));
        }
        if (!adapter->has_files(tree))
            return error(Code::invalid, "nothing_to_lint",
                         fmt::format("tools: there are no files for {}", wish.name));
        SLUICE_CHECK(add(out, *adapter, wish, tree, true));
    }
    if (!wishes.empty()) return out;
    for (const Adapter& adapter : k_adapters) {
        const bool configured = adapter.configured(tree);
        if (!(configured || adapter.by_files_alone) || !adapter.has_files(tree)) continue;
        const auto added = add(out, adapter, {std::string(adapter.tool), {}}, tree, configured);
        if (!added) {
            if (added.error().id != "no_compile_commands") return added.error();
            out.notes.push_back(fmt::format("lint: left out: {}", added.error().message));
            continue;
        }
        out.notes.push_back(fmt::format("lint: {} ({})", adapter.tool,
                                        configured ? "configured" : "found by its files"));
    }
    if (out.steps.empty())
        return error(Code::invalid, "no_tools",
                     "no linter is configured in this repository: name some with `tools: […]`, or "
                     "use `run:` with `reports:`");
    return out;
}

}  // namespace sluice::kinds::lint
