#include "pipelines/import/gitlab.hpp"

#include "pipelines/base/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace sluice::importer::gitlab {

namespace {

bool contains(const std::vector<std::string>& list, const std::string& text) {
    return std::find(list.begin(), list.end(), text) != list.end();
}

bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/// GitLab's variables that have another name here. The rest of CI_* is reported.
std::string rename_variables(std::string text, std::vector<std::string>& unknown) {
    struct Variable {
        std::string_view theirs, ours;
    };
    static constexpr std::array renamed{
        Variable{"CI_PROJECT_DIR", "CI_WORKSPACE"},
        Variable{"CI_PIPELINE_ID", "CI_RUN_ID"},
        Variable{"CI_PIPELINE_IID", "CI_RUN_NUMBER"},
        Variable{"CI_MERGE_REQUEST_IID", "CI_PR_NUMBER"},
        Variable{"CI_PROJECT_NAME", "CI_PROJECT"},
        Variable{"CI_REPOSITORY_URL", "CI_REPO_URL"},
        Variable{"CI_PIPELINE_URL", "CI_RUN_URL"},
        Variable{"CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "CI_PR_TARGET_BRANCH"}};
    static constexpr std::array<std::string_view, 13> same{
        "CI_COMMIT_SHA", "CI_COMMIT_BRANCH", "CI_COMMIT_TAG", "CI_DEFAULT_BRANCH", "CI_JOB_NAME",
        "CI_JOB_ID",     "CI_SERVER_URL",    "CI_WORKSPACE",  "CI_RUN_ID",         "CI_RUN_NUMBER",
        "CI_PROJECT",    "CI_PR_NUMBER",     "CI_OUTPUT"};
    std::string out;
    for (std::size_t i = 0; i < text.size();) {
        const bool begins =
            (text.compare(i, 3, "CI_") == 0 || text.compare(i, 7, "GITLAB_") == 0) && i > 0 &&
            (text[i - 1] == '$' || text[i - 1] == '{');
        if (!begins) {
            out += text[i++];
            continue;
        }
        std::size_t end = i;
        while (end < text.size() && is_word(text[end])) ++end;
        const std::string name = text.substr(i, end - i);
        const bool braced = text[i - 1] == '{';
        i = end;
        const auto found = std::find_if(renamed.begin(), renamed.end(),
                                        [&](const Variable& v) { return v.theirs == name; });
        if (found != renamed.end()) {
            out += found->ours;
        } else if (name == "CI_COMMIT_REF_NAME" || name == "CI_COMMIT_REF_SLUG") {
            out +=
                braced ? "CI_COMMIT_BRANCH:-$CI_COMMIT_TAG" : "{CI_COMMIT_BRANCH:-$CI_COMMIT_TAG}";
            if (name.ends_with("SLUG")) unknown.push_back(name);
        } else if (name == "CI_COMMIT_SHORT_SHA") {
            out += braced ? "CI_COMMIT_SHA:0:8" : "{CI_COMMIT_SHA:0:8}";
        } else {
            out += name;
            if (!contains({same.begin(), same.end()}, name) && !contains(unknown, name))
                unknown.push_back(name);
        }
    }
    return out;
}

class JobConverter {
public:
    JobConverter(File& file, JobSource& job, Out& out)
        : file_(file),
          ledger_(file.work.ledger),
          job_(job),
          node_(job.node),
          out_(out),
          path_(config::shown(job.name)) {}

    bool convert() {
        if (const Node* trigger = ledger_.take_whole(node_, "trigger")) {
            ledger_.lost(trigger->place, path_ + ".trigger",
                         "runs of other projects are not started from here",
                         "start them by their API, or make the other part a fragment");
            return drop();
        }
        if (file_.ids.of(job_.name) != job_.name) out_.set("name", one_line(job_.name));
        needs();
        if (!selection()) return drop();
        if (!matrix()) return drop();
        image();
        services();
        tags();
        variables();
        small_keys();
        artifacts();
        cache();
        scripts();
        if (out_.find("steps") == nullptr && out_.find("run") == nullptr) {
            ledger_.lost(job_.place, path_, "it has no script");
            return drop();
        }
        return true;
    }

private:
    bool drop() {
        ledger_.whole(node_);
        file_.dropped.push_back(job_.name);
        return false;
    }

    /// Names of the jobs of the nearest stage before this one's that has any.
    std::vector<std::string> stage_before() const {
        const auto at = std::find(file_.stages.begin(), file_.stages.end(), job_.stage);
        for (auto stage = std::make_reverse_iterator(at); stage != file_.stages.rend(); ++stage) {
            std::vector<std::string> names;
            for (const JobSource& other : file_.jobs)
                if (other.stage == *stage) names.push_back(other.name);
            if (!names.empty()) return names;
        }
        return {};
    }

    void needs() {
        Out list = Out::list();
        const auto add = [&](const std::string& name, bool optional, const Place& at) {
            const bool known =
                std::any_of(file_.jobs.begin(), file_.jobs.end(),
                            [&](const JobSource& other) { return other.name == name; });
            if (!known || contains(file_.dropped, name)) {
                if (!optional)
                    ledger_.lost(at, path_ + ".needs",
                                 fmt::format("`{}` was not converted", config::shown(name)));
                return;
            }
            if (!optional) {
                list.add(Out::scalar(file_.ids.of(name)));
                return;
            }
            Out need = Out::map();
            need.set("job", file_.ids.of(name));
            need.set("optional", "true");
            list.add(std::move(need));
        };
        if (const Node* needs = ledger_.take(node_, "needs")) {
            for (const Node* item : items_or_self(needs)) {
                if (item->is_scalar()) {
                    add(item->text, false, item->place);
                    continue;
                }
                const Node* name = ledger_.take(*item, "job");
                ledger_.take(*item, "artifacts");
                const bool optional = is_true(ledger_.take(*item, "optional"));
                if (name != nullptr) add(name->text, optional, item->place);
            }
        } else {
            for (const std::string& name : stage_before())
                if (!contains(file_.dropped, name)) add(name, false, job_.place);
        }
        ledger_.take_whole(node_, "dependencies");
        if (!list.empty()) out_.set("needs", std::move(list));
    }

    bool selection() {
        Selection selected;
        const Node* rules = ledger_.take(node_, "rules");
        const Node* only = ledger_.take(node_, "only");
        const Node* except = ledger_.take(node_, "except");
        if (rules != nullptr) {
            auto read = from_rules(ledger_, *rules, path_ + ".rules", file_.variables);
            if (!read) return false;
            selected = *read;
        } else if (only != nullptr || except != nullptr) {
            auto read = from_only_except(ledger_, only, except, path_, file_.variables);
            if (!read) return false;
            selected = *read;
        }
        file_.merge_requests = file_.merge_requests || selected.merge_requests;
        std::string text = selected.text;
        // Without rules a job is for branches and tags, not for merge requests.
        if (rules == nullptr && only == nullptr && !file_.workflow_merge_requests &&
            file_.merge_requests)
            text = text.empty() ? "event != 'pull_request'" : "event != 'pull_request' && " + text;
        if (!file_.workflow_if.empty())
            text = text.empty() ? file_.workflow_if : file_.workflow_if + " && " + text;
        if (!text.empty()) out_.set("if", text);
        if (selected.allow_failure) out_.set("allow_failure", "true");
        const Node* when = ledger_.take(node_, "when");
        return outcome(when != nullptr ? when->text : selected.when,
                       when != nullptr ? when->place : job_.place);
    }

    bool outcome(const std::string& when, const Place& at) {
        if (when == "always") out_.set("when", "always");
        if (when == "on_failure") out_.set("when", "failure");
        if (when == "never") {
            ledger_.info(at, path_ + ".when", "a job that never runs is left out");
            return false;
        }
        if (when != "manual" && when != "delayed") return true;
        if (when == "manual" && knows(config::scope_job, "approval")) {
            out_.set("approval", "true");
            ledger_.info(at, path_ + ".when", "becomes `approval`: it waits for a person");
            return true;
        }
        ledger_.lost(
            at, path_ + ".when",
            fmt::format("`{}`: this version cannot hold a job back, so it would run at once", when),
            "make it a pipeline of its own with `on: { manual: {} }`");
        return false;
    }

    bool matrix() {
        const Node* parallel = ledger_.take_whole(node_, "parallel");
        if (parallel == nullptr) return true;
        const Node* list = parallel->find("matrix");
        if (list == nullptr || !list->is_list()) {
            ledger_.lost(parallel->place, path_ + ".parallel", "equal copies of a job are shards",
                         "`matrix: { shard: [1, 2] }`, and the script picks its part");
            return false;
        }
        Out converted = Out::map();
        const bool single = list->items.size() == 1;
        for (const Node& row : list->items) {
            if (!single &&
                std::any_of(row.members.begin(), row.members.end(), [](const config::Member& m) {
                    return m.value.is_list() && m.value.items.size() > 1;
                })) {
                ledger_.lost(row.place, path_ + ".parallel.matrix", "several rows with lists",
                             "write the cells as `include`");
                return false;
            }
            Out cell = Out::map();
            for (const config::Member& axis : row.members) {
                const auto values = texts_of(&axis.value);
                if (single)
                    converted.set(axis.name, Out::list(values));
                else if (!values.empty())
                    cell.set(axis.name, values[0]);
                put_env(out_, axis.name, "${{ matrix." + axis.name + " }}", axis.place, ledger_,
                        path_ + ".parallel");
            }
            if (!single) converted.child_list("include").add(std::move(cell));
        }
        out_.set("matrix", std::move(converted));
        return true;
    }

    void image() {
        const Node* image = ledger_.take(node_, "image");
        if (image == nullptr) return;
        const Node* name = image->is_map() ? ledger_.take(*image, "name") : image;
        if (name == nullptr) return;
        std::string text = name->text;
        if (const Out* matrix = out_.find("matrix"); matrix != nullptr)
            for (const config::Member& member :
                 node_.find("parallel")->find("matrix")->items[0].members)
                for (const std::string& form : {"${" + member.name + "}", "$" + member.name})
                    if (const auto at = text.find(form); at != std::string::npos)
                        text.replace(at, form.size(), "${{ matrix." + member.name + " }}");
        auto expanded_text = expanded(file_, text);
        if (!expanded_text)
            ledger_.lost(name->place, path_ + ".image",
                         fmt::format("`{}` has variables that are known only to GitLab",
                                     config::shown(name->text)),
                         "write the image out");
        else if (!expanded_text->empty())
            out_.set("image", *expanded_text);
    }

    void services() {
        const Node* services = ledger_.take_whole(node_, "services");
        if (services == nullptr || (services->is_list() && services->items.empty())) return;
        if (!knows(config::scope_job, "services")) {
            ledger_.lost(services->place, path_ + ".services", "this version has no services");
            return;
        }
        Out& list = out_.child_map("services");
        JobIds names;
        for (const Node* item : items_or_self(services)) {
            const Node* name = item->is_map() ? item->find("name") : item;
            const auto image = expanded(file_, text_of(name));
            if (!image || image->empty()) {
                ledger_.lost(item->place, path_ + ".services", "its image cannot be told");
                continue;
            }
            Out entry = Out::map();
            entry.set("image", *image);
            const Node* alias = item->is_map() ? item->find("alias") : nullptr;
            const std::string base = image->substr(
                0, image->rfind(':') > image->rfind('/') || image->rfind('/') == std::string::npos
                       ? image->rfind(':')
                       : std::string::npos);
            if (const Node* own = item->is_map() ? item->find("variables") : nullptr)
                for (const config::Member& variable : own->members)
                    entry.child_map("env").set(variable.name, text_of(&variable.value));
            list.set(names.of(alias != nullptr ? alias->text : base.substr(base.rfind('/') + 1)),
                     std::move(entry));
        }
    }

    void tags() {
        const Node* tags = ledger_.take_whole(node_, "tags");
        if (tags == nullptr) return;
        std::vector<std::string> labels;
        for (const std::string& tag : texts_of(tags)) {
            auto text = expanded(file_, tag);
            if (text) labels.push_back(*text);
        }
        if (!labels.empty()) out_.set("runs_on", Out::list(labels));
        ledger_.info(tags->place, path_ + ".tags", "agents must be given these labels");
    }

    void variables() {
        const Node* variables = ledger_.take(node_, "variables");
        if (variables == nullptr) return;
        for (const config::Member& member : variables->members) {
            ledger_.take_whole(*variables, member.name);
            const Node* value = member.value.is_map() ? member.value.find("value") : &member.value;
            put_variable(file_, out_, member.name, text_of(value), member.place,
                         fmt::format("{}.variables.{}", path_, member.name));
        }
    }

    void small_keys() {
        if (const Node* timeout = ledger_.take(node_, "timeout")) {
            if (auto text = duration_of_words(timeout->text))
                out_.set("timeout", *text);
            else
                ledger_.lost(timeout->place, path_ + ".timeout", "it cannot be read");
        }
        if (const Node* allowed = ledger_.take_whole(node_, "allow_failure")) {
            const Node* codes = allowed->is_map() ? allowed->find("exit_codes") : nullptr;
            if (codes != nullptr)
                out_.set("allow_failure", Out::list(texts_of(codes)));
            else if (allowed->is_scalar() && out_.find("allow_failure") == nullptr)
                out_.set("allow_failure", allowed->text);
        }
        if (const Node* retry = ledger_.take_whole(node_, "retry")) this->retry(*retry);
        if (const Node* node = ledger_.take_whole(node_, "interruptible")) {
            if (knows(config::scope_job, "interruptible"))
                out_.set("interruptible", node->text);
            else
                ledger_.info(node->place, path_ + ".interruptible",
                             "jobs of a superseded run may be cancelled");
        }
        if (const Node* group = ledger_.take(node_, "resource_group")) {
            if (knows(config::scope_job, "concurrency"))
                out_.child_map("concurrency").set("group", group->text);
            else
                ledger_.lost(group->place, path_ + ".resource_group",
                             "this version has no `concurrency`");
        }
        if (const Node* environment = ledger_.take_whole(node_, "environment"))
            this->environment(*environment);
        if (const Node* coverage = ledger_.take(node_, "coverage"))
            ledger_.lost(coverage->place, path_ + ".coverage",
                         "coverage is read from a report, not from the log",
                         "`reports: { coverage: … }`");
        if (const Node* inherit = ledger_.take_whole(node_, "inherit"))
            ledger_.lost(inherit->place, path_ + ".inherit", "every job gets the defaults");
    }

    void retry(const Node& retry) {
        const Node* max = retry.is_map() ? retry.find("max") : &retry;
        const std::string count = text_of(max).empty() ? "2" : text_of(max);
        const auto causes =
            retry.is_map() ? texts_of(retry.find("when")) : std::vector<std::string>{};
        Out out = Out::map();
        for (const std::string& cause :
             causes.empty() ? std::vector<std::string>{"always"} : causes) {
            if (cause == "always" || cause == "script_failure") out.set("script", count);
            if (cause == "always" || cause == "stuck_or_timeout_failure" ||
                cause == "job_execution_timeout")
                out.set("timeout", count);
            if (cause == "runner_system_failure" || cause == "always" ||
                cause == "unknown_failure" || cause == "api_failure" ||
                cause == "runner_unsupported" || cause == "scheduler_failure")
                out.set("infra", count);
        }
        if (!out.empty()) out_.set("retry", std::move(out));
    }

    void environment(const Node& environment) {
        const Node* name = environment.is_map() ? environment.find("name") : &environment;
        auto text = name != nullptr && knows(config::scope_job, "environment")
                        ? expanded(file_, name->text)
                        : std::nullopt;
        if (!text) {
            ledger_.lost(environment.place, path_ + ".environment",
                         "this version has no such environment");
            return;
        }
        out_.set("environment", *text);
        if (environment.is_map() &&
            (environment.find("on_stop") != nullptr || environment.find("action") != nullptr))
            ledger_.lost(environment.place, path_ + ".environment.on_stop",
                         "environments are not stopped from here");
    }

    void artifacts() {
        const Node* artifacts = ledger_.take(node_, "artifacts");
        if (artifacts == nullptr) return;
        Out entry = Out::map();
        if (const Node* name = ledger_.take(*artifacts, "name")) {
            std::vector<std::string> unknown;
            if (name->text.find('$') == std::string::npos)
                entry.set("name", name->text);
            else
                ledger_.info(name->place, path_ + ".artifacts.name",
                             "the name with variables is left out");
        }
        std::vector<std::string> paths = texts_of(ledger_.take(*artifacts, "paths"));
        for (const std::string& excluded : texts_of(ledger_.take(*artifacts, "exclude")))
            paths.push_back("!" + excluded);
        bool variable = false;
        for (std::string& glob : paths) {
            if (glob.starts_with("./")) glob.erase(0, 2);
            const std::string last = glob.substr(glob.find_last_of('/') + 1);
            if (glob.ends_with('/'))
                glob += "**";
            else if (glob.find_first_of("*?[{.") == std::string::npos)
                glob += "/**";
            variable = variable || glob.find('$') != std::string::npos;
        }
        if (const Node* expiry = ledger_.take(*artifacts, "expire_in"))
            if (auto text = duration_of_words(expiry->text)) entry.set("expire_in", *text);
        if (const Node* when = ledger_.take(*artifacts, "when"))
            entry.set("when", when->text == "on_failure" ? "failure"
                              : when->text == "always"   ? "always"
                                                         : "success");
        ledger_.take(*artifacts, "expose_as");
        ledger_.take(*artifacts, "public");
        if (const Node* reports = ledger_.take(*artifacts, "reports")) this->reports(*reports);
        if (paths.empty()) return;
        if (variable) {
            ledger_.lost(artifacts->place, path_ + ".artifacts.paths", "paths with variables");
            return;
        }
        entry.set("paths", Out::list(paths));
        out_.child_list("artifacts").add(std::move(entry));
        const auto mine = std::find(file_.stages.begin(), file_.stages.end(), job_.stage);
        const bool later =
            std::any_of(file_.jobs.begin(), file_.jobs.end(), [&](const JobSource& other) {
                const Node* wanted = other.node.find("dependencies");
                return std::find(file_.stages.begin(), file_.stages.end(), other.stage) > mine &&
                       !(wanted != nullptr && wanted->is_list() && wanted->items.empty());
            });
        if (later)
            ledger_.changed(artifacts->place, path_ + ".artifacts",
                            "later jobs do not find these files in their workspace",
                            "`outputs: { x: { path: … } }` here, `inputs: { x: { from: job.x, to: "
                            "path } }` there");
    }

    void reports(const Node& reports) {
        for (const config::Member& report : reports.members) {
            ledger_.take_whole(reports, report.name);
            const std::string key = fmt::format("{}.artifacts.reports.{}", path_, report.name);
            if (report.name == "junit")
                out_.child_map("reports").set("junit", Out::list(texts_of(&report.value)));
            else if (report.name == "coverage_report" && knows(config::scope_reports, "coverage"))
                out_.child_map("reports").set("coverage",
                                              Out::list(texts_of(report.value.find("path"))));
            else
                ledger_.lost(report.place, key, "there is no such report");
        }
    }

    void cache() {
        const Node* cache = ledger_.take_whole(node_, "cache");
        if (cache == nullptr || (cache->is_list() && cache->items.empty())) return;
        if (!knows(config::scope_job, "cache")) {
            ledger_.info(cache->place, path_ + ".cache",
                         "this version has no cache; the job is slower, not different");
            return;
        }
        for (const Node* item : items_or_self(cache)) {
            Out entry = Out::map();
            const Node* key = item->find("key");
            std::string text = "default";
            if (key != nullptr && key->is_map()) {
                std::string globs;
                for (const std::string& glob : texts_of(key->find("files")))
                    globs += (globs.empty() ? "'" : ", '") + glob + "'";
                const std::string prefix = text_of(key->find("prefix"));
                text = fmt::format("{}{}${{{{ hash_files({}) }}}}",
                                   prefix.find('$') == std::string::npos ? prefix : "",
                                   prefix.empty() ? "" : "-", globs);
            } else if (key != nullptr) {
                text = key->text.find("$CI_COMMIT_REF") != std::string::npos
                           ? "${{ slug(branch ?? tag ?? 'none') }}"
                       : key->text.find('$') != std::string::npos ? "default"
                                                                  : key->text;
            }
            const auto paths = texts_of(item->find("paths"));
            if (paths.empty()) continue;
            entry.set("key", text);
            entry.set("paths", Out::list(paths));
            if (text_of(item->find("policy")) == "pull") entry.set("save", "never");
            out_.child_list("cache").add(std::move(entry));
        }
    }

    /// The lines of a script, nested lists and `!reference` resolved; false after a note.
    bool lines_of(const Node* node, std::vector<std::string>& lines, int depth) {
        if (depth > 10) return false;
        for (const Node* item : items_or_self(node)) {
            if (item->is_list()) {
                if (!lines_of(item, lines, depth + 1)) return false;
                continue;
            }
            if (!item->text.starts_with("!reference [")) {
                lines.push_back(item->text);
                continue;
            }
            const Node* found = &file_.work.root;
            for (const std::string& part :
                 text::split(item->text.substr(12, item->text.size() - 13), ',')) {
                const std::string name(text::trim(part));
                ledger_.take(*found, name);
                found = found->find(name);
                if (found == nullptr) break;
            }
            if (found == nullptr) {
                ledger_.lost(item->place, path_,
                             fmt::format("`{}` is not in this file", config::shown(item->text)));
                continue;
            }
            if (!lines_of(found, lines, depth + 1)) return false;
        }
        return true;
    }

    std::string script_of(const std::vector<std::string>& lines, const Place& at) {
        std::string script;
        for (const std::string& line : lines) script += line + (line.ends_with('\n') ? "" : "\n");
        if (!script.empty() && script.find('\n') + 1 == script.size()) script.pop_back();
        std::vector<std::string> unknown;
        script = rename_variables(std::move(script), unknown);
        for (const std::string& name : unknown)
            ledger_.changed(at, path_ + ".script",
                            fmt::format("the script reads `{}`, which Sluice does not set", name));
        return script;
    }

    void scripts() {
        const Node* before = ledger_.take_whole(node_, "before_script");
        const Node* script = ledger_.take_whole(node_, "script");
        const Node* after = ledger_.take_whole(node_, "after_script");
        if (script == nullptr) return;
        std::vector<std::string> lines, last;
        lines_of(before, lines, 0);
        lines_of(script, lines, 0);
        lines_of(after, last, 0);
        if (last.empty()) {
            out_.set("run", script_of(lines, script->place));
            return;
        }
        Out& steps = out_.child_list("steps");
        steps.add(Out::scalar(script_of(lines, script->place)));
        Out clean = Out::map();
        clean.set("name", "after_script");
        clean.set("when", "always");
        clean.set("allow_failure", "true");
        clean.set("run", script_of(last, after->place));
        steps.add(std::move(clean));
    }

    File& file_;
    Ledger& ledger_;
    JobSource& job_;
    const Node& node_;
    Out& out_;
    std::string path_;
};

}  // namespace

bool convert_job(File& file, JobSource& job, Out& out) {
    return JobConverter(file, job, out).convert();
}

void put_variable(File& file, Out& owner, const std::string& name, const std::string& value,
                  const Place& at, const std::string& key) {
    Ledger& ledger = file.work.ledger;
    if (name == "GIT_DEPTH" || name == "GIT_STRATEGY" || name.starts_with("GIT_SUBMODULE") ||
        name == "GIT_CLEAN_FLAGS" || name == "GIT_LFS_SKIP_SMUDGE" || name.starts_with("FF_") ||
        name == "GET_SOURCES_ATTEMPTS") {
        const bool of_all = &owner == &file.work.out;
        const auto source = [&]() -> Out& {
            return (of_all ? owner.child_map("defaults") : owner).child_map("source");
        };
        if (name == "GIT_STRATEGY" && value == "none" && !of_all)
            owner.set("source", "none");
        else if (name == "GIT_SUBMODULE_STRATEGY" && (value == "normal" || value == "recursive"))
            source().set("submodules", "true");
        else if (name == "GIT_SUBMODULE_STRATEGY" && !of_all)
            source().set("submodules", "false");
        else if (name == "GIT_DEPTH" && value == "0")
            source().set("history", "full");
        else
            ledger.info(at, key, "a setting of GitLab's runner, not needed");
        return;
    }
    if (value.find('$') == std::string::npos) return put_env(owner, name, value, at, ledger, key);
    if (auto text = expanded(file, value)) return put_env(owner, name, *text, at, ledger, key);
    put_env(owner, name, value, at, ledger, key);
    ledger.changed(at, key, "values are literal here: `$` in it is not expanded",
                   "set it in the script");
}

std::optional<std::string> expanded(const File& file, const std::string& text) {
    std::string out;
    for (std::size_t i = 0; i < text.size();) {
        if (text[i] != '$') {
            out += text[i++];
            continue;
        }
        if (text.compare(i, 3, "${{") == 0) {
            const std::size_t end = std::min(text.find("}}", i), text.size());
            out += text.substr(i, end + 2 - i);
            i = std::min(end + 2, text.size());
            continue;
        }
        const bool braced = text.compare(i, 2, "${") == 0;
        std::size_t begin = i + (braced ? 2 : 1), end = begin;
        while (end < text.size() && is_word(text[end])) ++end;
        const auto found = file.variables.find(text.substr(begin, end - begin));
        if (found == file.variables.end() || found->second.find('$') != std::string::npos ||
            (braced && (end >= text.size() || text[end] != '}')))
            return std::nullopt;
        out += found->second;
        i = end + (braced ? 1 : 0);
    }
    return out;
}

}  // namespace sluice::importer::gitlab
