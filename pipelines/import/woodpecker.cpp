// Woodpecker CI: one workflow becomes one job, its steps the steps of the job.
#include "pipelines/base/text.hpp"
#include "pipelines/import/common.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

namespace sluice::importer {

namespace {

std::string quoted(const std::string& text) {
    std::string out = "'";
    for (char c : text) out += c == '\'' ? std::string("''") : std::string(1, c);
    return out + "'";
}

std::string joined(const std::vector<std::string>& parts, const char* by) {
    std::string out;
    for (const std::string& part : parts) out += (out.empty() ? "" : by) + part;
    return parts.size() > 1 ? "(" + out + ")" : out;
}

bool is_pattern(const std::string& text) {
    return text.find_first_of("*?[{") != std::string::npos;
}

class Workflow {
public:
    explicit Workflow(Conversion& work) : work_(work), ledger_(work.ledger), root_(work.root) {}

    void convert() {
        Out job = Out::map();
        top_when(job);
        labels(job);
        matrix(job);
        clone(job);
        if (const Node* needs = ledger_.take(root_, "depends_on"))
            ledger_.lost(needs->place, "depends_on", "the other workflows are files of their own",
                         "convert them too, put all into one folder and write `needs`");
        if (const Node* runs = ledger_.take_whole(root_, "runs_on"); runs != nullptr) {
            const auto states = texts_of(runs);
            job.set("when", states.size() == 2       ? "always"
                            : states[0] == "failure" ? "failure"
                                                     : "success");
        }
        ledger_.take_whole(root_, "variables");  // only holds anchors
        ledger_.take_whole(root_, "version");
        if (const Node* workspace = ledger_.take_whole(root_, "workspace"))
            ledger_.lost(workspace->place, "workspace", "the workspace has a place of its own",
                         "$CI_WORKSPACE tells it");
        services(job);
        steps(job);
        const Out* list = job.find("steps");
        if (list == nullptr || list->empty()) return;
        Out on = Out::map();
        for (const std::string& event : events_)
            on.set(event, event == "tag" ? Out::list({"**"}) : Out::map());
        if (on.empty()) on.set("push", Out::map());
        work_.out.set("on", std::move(on));
        Out jobs = Out::map();
        jobs.set("build", std::move(job));
        work_.out.set("jobs", std::move(jobs));
    }

private:
    /// Texts of a value that is one, a list, or `{include, exclude}`.
    static void globs_of(const Node& node, std::vector<std::string>& in,
                         std::vector<std::string>& out) {
        if (!node.is_map()) {
            in = texts_of(&node);
            return;
        }
        in = texts_of(node.find("include"));
        out = texts_of(node.find("exclude"));
    }

    std::string named(const std::string& what, const std::string& text) const {
        return is_pattern(text) ? fmt::format("glob({} ?? '', {})", what, quoted(text))
                                : fmt::format("({} == {})", what, quoted(text));
    }

    /// One map of `when`; nothing after a note.
    std::optional<std::string> condition(const Node& when, const std::string& key, Out& out) {
        std::vector<std::string> parts;
        if (const Node* event = ledger_.take_whole(when, "event")) {
            std::vector<std::string> in, excluded, any;
            globs_of(*event, in, excluded);
            for (const std::string& name : in) {
                static const std::map<std::string, std::string> events{
                    {"push", "push"},
                    {"pull_request", "pull_request"},
                    {"tag", "tag"},
                    {"manual", "manual"},
                    {"cron", "schedule"}};
                const auto found = events.find(name);
                if (found == events.end()) {
                    ledger_.lost(event->place, key + ".event",
                                 fmt::format("there is no event like `{}`", config::shown(name)));
                    continue;
                }
                if (found->second == "schedule" && !knows(config::scope_on, "schedule")) {
                    ledger_.lost(event->place, key + ".event", "this version has no schedules");
                    continue;
                }
                if (found->second == "schedule")
                    ledger_.changed(event->place, key + ".event",
                                    "the times of `cron` are not in the file",
                                    "write `on: { schedule: … }`");
                else
                    seen_.insert(found->second);
                any.push_back(quoted(found->second));
            }
            if (any.empty() && !in.empty()) return std::nullopt;
            std::string list;
            for (const std::string& name : any) list += (list.empty() ? "" : ", ") + name;
            if (!any.empty())
                parts.push_back(any.size() == 1 ? "(event == " + list + ")"
                                                : "(event in [" + list + "])");
            for (const std::string& name : excluded)
                parts.push_back("(event != " + quoted(name) + ")");
        }
        if (const Node* branch = ledger_.take_whole(when, "branch")) {
            std::vector<std::string> in, out_of, any;
            globs_of(*branch, in, out_of);
            // For a pull request Woodpecker means its target.
            for (const std::string& text : in)
                any.push_back(text.find("${CI_REPO_DEFAULT_BRANCH}") != std::string::npos
                                  ? std::string("((branch ?? target_branch) == default_branch)")
                                  : named("(branch ?? target_branch)", text));
            if (!any.empty()) parts.push_back(joined(any, " || "));
            for (const std::string& text : out_of)
                parts.push_back("(not " + named("(branch ?? target_branch)", text) + ")");
        }
        if (const Node* ref = ledger_.take_whole(when, "ref")) {
            std::vector<std::string> any;
            for (const std::string& text : texts_of(ref)) {
                if (text.starts_with("refs/tags/"))
                    any.push_back(named("tag", text.substr(10)));
                else if (text.starts_with("refs/heads/"))
                    any.push_back(named("branch", text.substr(11)));
                else {
                    ledger_.lost(ref->place, key + ".ref",
                                 fmt::format("`{}` is no branch and no tag", config::shown(text)));
                    return std::nullopt;
                }
            }
            parts.push_back(joined(any, " || "));
        }
        if (const Node* path = ledger_.take_whole(when, "path")) {
            std::vector<std::string> in, out_of;
            globs_of(*path, in, out_of);
            std::string globs;
            if (in.empty()) in.push_back("**");
            for (const std::string& text : in) globs += (globs.empty() ? "" : ", ") + quoted(text);
            for (const std::string& text : out_of) globs += ", " + quoted("!" + text);
            parts.push_back("changed(" + globs + ")");
            if (path->is_map() &&
                (path->find("ignore_message") != nullptr || path->find("on_empty") != nullptr))
                ledger_.lost(path->place, key + ".path", "`ignore_message` and `on_empty`");
        }
        if (const Node* matrix = ledger_.take_whole(when, "matrix"))
            for (const config::Member& axis : matrix->members)
                parts.push_back(
                    fmt::format("(matrix.{} == {})", axis.name, quoted(text_of(&axis.value))));
        if (const Node* status = ledger_.take_whole(when, "status")) {
            const auto states = texts_of(status);
            const bool failure = std::find(states.begin(), states.end(), "failure") != states.end();
            const bool success = std::find(states.begin(), states.end(), "success") != states.end();
            if (failure) out.set("when", success ? "always" : "failure");
        }
        for (const char* key_name : {"evaluate", "repo", "cron", "instance", "platform"})
            if (const Node* node = ledger_.take_whole(when, key_name)) {
                ledger_.lost(node->place, fmt::format("{}.{}", key, key_name),
                             "has no counterpart here");
                if (std::string_view(key_name) == "evaluate") return std::nullopt;
            }
        if (parts.empty()) return "true";
        std::string text;
        for (const std::string& part : parts) text += (text.empty() ? "" : " && ") + part;
        return parts.size() > 1 ? "(" + text + ")" : text;
    }

    /// `when` of a step or of the workflow: a map, or a list of which one must hold.
    std::optional<std::string> any_condition(const Node& owner, const std::string& key, Out& out) {
        const Node* when = ledger_.take(owner, "when");
        if (when == nullptr) return "true";
        std::vector<std::string> any;
        for (const Node* item : items_or_self(when)) {
            auto text = condition(*item, key, out);
            if (!text) return std::nullopt;
            if (*text == "true") return "true";
            any.push_back(*text);
        }
        return any.empty() ? std::optional<std::string>("true") : joined(any, " || ");
    }

    static void set_condition(Out& out, std::string text) {
        if (text == "true") return;
        if (text.starts_with('(') && text.ends_with(')') && text.find('(', 1) == std::string::npos)
            text = text.substr(1, text.size() - 2);
        out.set("if", std::move(text));
    }

    void top_when(Out& job) {
        auto text = any_condition(root_, "when", job);
        if (text) set_condition(job, *text);
        if (const Node* branches = ledger_.take_whole(root_, "branches")) {
            std::vector<std::string> any;
            for (const std::string& name :
                 texts_of(branches->is_map() ? branches->find("include") : branches))
                any.push_back(named("(branch ?? target_branch)", name));
            if (!any.empty()) set_condition(job, joined(any, " || "));
        }
        if (!seen_.empty())
            for (const char* event : {"push", "tag", "pull_request", "manual"}) {
                if (seen_.contains(event)) events_.emplace_back(event);
            }
        else
            events_ = {"push", "tag", "pull_request", "manual"};
    }

    void labels(Out& job) {
        if (const Node* platform = ledger_.take(root_, "platform"))
            ledger_.info(platform->place, "platform", "any agent");
        const Node* labels = ledger_.take_whole(root_, "labels");
        if (labels == nullptr) return;
        std::vector<std::string> list;
        for (const config::Member& label : labels->members)
            if (label.value.text != "*")
                list.push_back(fmt::format("{}={}", label.name, label.value.text));
        if (!list.empty()) job.set("runs_on", Out::list(list));
        ledger_.info(labels->place, "labels", "agents must be given these labels");
    }

    void matrix(Out& job) {
        const Node* matrix = ledger_.take_whole(root_, "matrix");
        if (matrix == nullptr) return;
        Out out = Out::map();
        for (const config::Member& axis : matrix->members) {
            axes_.insert(axis.name);
            if (axis.name != "include") {
                out.set(axis.name, Out::list(texts_of(&axis.value)));
                continue;
            }
            Out& rows = out.child_list("include");
            for (const Node& row : axis.value.items) {
                Out cell = Out::map();
                for (const config::Member& entry : row.members) {
                    axes_.insert(entry.name);
                    cell.set(entry.name, text_of(&entry.value));
                }
                rows.add(std::move(cell));
            }
        }
        axes_.erase("include");
        job.set("matrix", std::move(out));
        for (const std::string& axis : axes_)
            put_env(job, axis, "${{ matrix." + axis + " }}", matrix->place, ledger_,
                    "matrix." + axis);
    }

    void clone(Out& job) {
        if (is_true(ledger_.take(root_, "skip_clone"))) job.set("source", "none");
        const Node* clone = ledger_.take_whole(root_, "clone");
        if (clone == nullptr) return;
        const Node* git = clone->find("git");
        const Node* settings = git != nullptr ? git->find("settings") : nullptr;
        bool all = settings != nullptr && clone->members.size() == 1;
        if (settings != nullptr)
            for (const config::Member& setting : settings->members) {
                const char* ours =
                    setting.name == "depth" || setting.name == "partial" || setting.name == "tags"
                        ? "history"
                    : setting.name == "recursive" ? "submodules"
                    : setting.name == "lfs"       ? "lfs"
                                                  : nullptr;
                const bool unneeded = setting.value.text == "1" || setting.value.text == "false";
                if (unneeded) continue;
                if (ours != nullptr && knows(config::scope_source, ours))
                    job.child_map("source").set(
                        ours, std::string_view(ours) == "history" ? "full" : "true");
                else
                    all = false;
            }
        if (!all)
            ledger_.lost(clone->place, "clone", "how the source is fetched",
                         "`source: { history: full, submodules: true }`");
    }

    /// `${AXIS}` in a value; nothing when another variable is in it.
    std::optional<std::string> with_axes(const std::string& text) const {
        std::string out = text;
        for (const std::string& axis : axes_)
            for (const std::string& form : {"${" + axis + "}", "$" + axis})
                for (std::size_t at; (at = out.find(form)) != std::string::npos;)
                    out.replace(at, form.size(), "${{ matrix." + axis + " }}");
        std::size_t at = 0;
        while ((at = out.find('$', at)) != std::string::npos) {
            if (out.compare(at, 3, "${{") != 0) return std::nullopt;
            ++at;
        }
        return out;
    }

    void environment(const Node& owner, const std::string& key, Out& out) {
        const Node* environment = ledger_.take(owner, "environment");
        if (environment == nullptr) return;
        if (environment->is_list()) {
            for (const std::string& text : texts_of(environment)) {
                const auto equals = text.find('=');
                put_env(out, text.substr(0, equals),
                        equals == std::string::npos ? "" : text.substr(equals + 1),
                        environment->place, ledger_, key);
            }
            return;
        }
        for (const config::Member& variable : environment->members) {
            ledger_.take_whole(*environment, variable.name);
            const std::string place = fmt::format("{}.environment.{}", key, variable.name);
            if (variable.value.is_map()) {
                secret(out, variable.name, text_of(variable.value.find("from_secret")),
                       variable.place, place);
                continue;
            }
            auto text = with_axes(variable.value.text);
            if (!text)
                ledger_.changed(variable.place, place,
                                "values are literal here: `$` in it is not expanded",
                                "set it in the commands");
            put_env(out, variable.name, text.value_or(variable.value.text), variable.place, ledger_,
                    place);
        }
    }

    void secret(Out& out, const std::string& variable, const std::string& name, const Place& at,
                const std::string& key) {
        if (knows(config::scope_step, "secrets"))
            out.child_map("secrets").set(variable, "woodpecker/" + name);
        else
            ledger_.lost(at, key, fmt::format("secret `{}`", config::shown(name)),
                         "this version has no secrets; the agent's environment must bring it");
    }

    void services(Out& job) {
        const Node* services = ledger_.take_whole(root_, "services");
        if (services == nullptr) return;
        if (!knows(config::scope_job, "services")) {
            ledger_.lost(services->place, "services", "this version has no services");
            return;
        }
        JobIds names;
        const auto add = [&](const std::string& name, const Node& service) {
            Out entry = Out::map();
            entry.set(
                "image",
                with_axes(text_of(service.find("image"))).value_or(text_of(service.find("image"))));
            if (const Node* own = service.find("environment"); own != nullptr && own->is_map())
                for (const config::Member& variable : own->members)
                    if (variable.value.is_scalar())
                        entry.child_map("env").set(variable.name, variable.value.text);
            for (const char* other : {"commands", "command", "entrypoint", "when", "settings"})
                if (service.find(other) != nullptr)
                    ledger_.lost(service.place, fmt::format("services.{}.{}", name, other),
                                 "is not converted");
            job.child_map("services").set(names.of(name), std::move(entry));
        };
        for (const config::Member& service : services->members) add(service.name, service.value);
        for (const Node& service : services->items) add(text_of(service.find("name")), service);
    }

    void steps(Out& job) {
        const Node* steps = ledger_.take(root_, "steps");
        if (steps == nullptr) steps = ledger_.take(root_, "pipeline");
        if (steps == nullptr) return;
        // The image of most steps is the job's.
        std::map<std::string, int> images;
        const auto each = [&](const auto& act) {
            for (const config::Member& step : steps->members) {
                ledger_.take(*steps, step.name);
                act(step.name, step.value);
            }
            for (const Node& step : steps->items) act(text_of(ledger_.take(step, "name")), step);
        };
        each([&](const std::string&, const Node& step) {
            if (step.find("commands") != nullptr) ++images[text_of(step.find("image"))];
        });
        std::string most;
        for (const auto& [image, count] : images)
            if (most.empty() || count > images[most]) most = image;
        if (!most.empty()) {
            if (auto text = with_axes(most))
                job.set("image", *text);
            else
                ledger_.lost(steps->place, "steps",
                             fmt::format("image `{}` has variables", config::shown(most)));
        }
        each([&](const std::string& name, const Node& step) { this->step(job, name, step, most); });
    }

    void step(Out& job, const std::string& name, const Node& step, const std::string& usual_image) {
        const std::string key = "steps." + config::shown(name);
        Out& list = job.child_list("steps");
        const auto gone = [&](const std::string& why) {
            ledger_.whole(step);
            list.comment(fmt::format("not kept: {} ({})", config::shown(name), why));
        };
        const Node* image = ledger_.take(step, "image");
        const Node* commands = ledger_.take(step, "commands");
        if (commands == nullptr) {
            ledger_.lost(step.place, key, fmt::format("plugin `{}`", config::shown(text_of(image))),
                         "run what it does as a command");
            return gone("a plugin");
        }
        if (is_true(ledger_.take(step, "detach"))) {
            ledger_.lost(step.place, key + ".detach", "a step does not run beside the others",
                         "make it a service");
            return gone("detached");
        }
        Out out = Out::map();
        if (!name.empty()) out.set("name", one_line(name));
        auto condition_text = any_condition(step, key + ".when", out);
        if (!condition_text) return gone("its `when` cannot be kept");
        set_condition(out, *condition_text);
        if (text_of(image) != usual_image) {
            auto text = with_axes(text_of(image));
            if (!knows(config::scope_step, "image") || !text) {
                ledger_.lost(
                    step.place, key + ".image",
                    fmt::format("`{}`: all steps of a job run in one image in this version",
                                config::shown(text_of(image))));
                return gone("another image");
            }
            out.set("image", *text);
        }
        environment(step, key, out);
        for (const Node* item : items_or_self(ledger_.take_whole(step, "secrets"))) {
            const std::string source = item->is_map() ? text_of(item->find("source")) : item->text;
            std::string variable = item->is_map() ? text_of(item->find("target")) : item->text;
            std::transform(variable.begin(), variable.end(), variable.begin(),
                           [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
            secret(out, variable, source, item->place, key + ".secrets");
        }
        if (text_of(ledger_.take(step, "failure")) == "ignore") out.set("allow_failure", "true");
        if (const Node* folder = ledger_.take(step, "directory"))
            out.set("working_directory", folder->text);
        if (const Node* pull = ledger_.take(step, "pull"))
            ledger_.info(pull->place, key + ".pull", "not needed");
        if (const Node* after = ledger_.take_whole(step, "depends_on"))
            ledger_.info(after->place, key + ".depends_on", "steps run in the order of the file");
        if (const Node* group = ledger_.take_whole(step, "group"))
            ledger_.info(group->place, key + ".group", "steps run in the order of the file");
        std::string script;
        for (const std::string& line : texts_of(commands))
            script += line + (line.ends_with('\n') ? "" : "\n");
        // `$${X}` keeps a dollar from Woodpecker's own substitution; here there is none.
        for (std::size_t at = 0; (at = script.find("$$", at)) != std::string::npos; ++at)
            script.erase(at, 1);
        if (!script.empty() && script.find('\n') + 1 == script.size()) script.pop_back();
        variables(script, commands->place, key);
        out.set("run", script);
        list.add(std::move(out));
    }

    void variables(std::string& script, const Place& at, const std::string& key) {
        static const std::map<std::string, std::string> renamed{
            {"CI_PIPELINE_NUMBER", "CI_RUN_NUMBER"},
            {"CI_BUILD_NUMBER", "CI_RUN_NUMBER"},
            {"CI_REPO_DEFAULT_BRANCH", "CI_DEFAULT_BRANCH"},
            {"CI_REPO_NAME", "CI_PROJECT"},
            {"CI_PIPELINE_EVENT", "CI_EVENT"},
            {"CI_BUILD_EVENT", "CI_EVENT"},
            {"CI_COMMIT_PULL_REQUEST", "CI_PR_NUMBER"},
            {"CI_COMMIT_TARGET_BRANCH", "CI_PR_TARGET_BRANCH"}};
        static const std::set<std::string> same{"CI_COMMIT_SHA", "CI_COMMIT_BRANCH",
                                                "CI_COMMIT_TAG", "CI_WORKSPACE"};
        const auto word = [](char c) {
            return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
        };
        std::string out;
        for (std::size_t i = 0; i < script.size();) {
            const bool begins = script.compare(i, 3, "CI_") == 0 && i > 0 &&
                                (script[i - 1] == '$' || script[i - 1] == '{');
            if (!begins) {
                out += script[i++];
                continue;
            }
            std::size_t end = i;
            while (end < script.size() && word(script[end])) ++end;
            const std::string name = script.substr(i, end - i);
            i = end;
            const auto found = renamed.find(name);
            out += found != renamed.end() ? found->second : name;
            if (found == renamed.end() && !same.contains(name))
                ledger_.changed(
                    at, key,
                    fmt::format("the commands read `{}`, which Sluice does not set", name));
        }
        script = std::move(out);
    }

    Conversion& work_;
    Ledger& ledger_;
    const Node& root_;
    std::set<std::string> axes_, seen_;
    std::vector<std::string> events_;
};

}  // namespace

void convert_woodpecker(Conversion& work) {
    Workflow(work).convert();
}

}  // namespace sluice::importer
