#include "pipelines/import/github.hpp"

#include "pipelines/base/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace sluice::importer::github {

namespace {

/// `actions/checkout@v4` → `actions/checkout`.
std::string action_name(const std::string& uses) {
    return uses.substr(0, uses.find('@'));
}

struct Setup {
    std::string_view action, with, image;
};
constexpr std::array k_setups{
    Setup{"actions/setup-python", "python-version", "python"},
    Setup{"actions/setup-node", "node-version", "node"},
    Setup{"actions/setup-go", "go-version", "golang"},
    Setup{"actions/setup-java", "java-version", "eclipse-temurin"},
    Setup{"actions/setup-dotnet", "dotnet-version", "mcr.microsoft.com/dotnet/sdk"},
    Setup{"ruby/setup-ruby", "ruby-version", "ruby"},
    Setup{"shivammathur/setup-php", "php-version", "php"},
    Setup{"dtolnay/rust-toolchain", "toolchain", "rust"},
    Setup{"actions-rs/toolchain", "toolchain", "rust"},
    Setup{"oven-sh/setup-bun", "bun-version", "oven/bun"},
    Setup{"denoland/setup-deno", "deno-version", "denoland/deno"},
};

class StepsOfJob {
public:
    StepsOfJob(Workflow& workflow, std::string path, const Node& job, Out& out)
        : workflow_(workflow),
          ledger_(workflow.work.ledger),
          path_(std::move(path)),
          job_(job),
          out_(out) {}

    void convert() {
        const Node* steps = ledger_.take(job_, "steps");
        if (steps == nullptr) return;
        for (std::size_t i = 0; i < steps->items.size(); ++i) {
            key_ = fmt::format("{}.steps[{}]", path_, i);
            step(steps->items[i]);
        }
        out_.set("steps", std::move(steps_));
    }

private:
    void step(const Node& step) {
        if (const Node* uses = ledger_.take(step, "uses")) return action(step, *uses);
        const Node* run = ledger_.take(step, "run");
        if (run == nullptr) return;
        Out out = Out::map();
        if (const Node* id = ledger_.take(step, "id")) out.set("id", id->text);
        if (const Node* name = ledger_.take(step, "name"))
            if (auto text = translate_text(workflow_, *name, key_ + ".name"))
                out.set("name", one_line(*text));
        if (!convert_condition(workflow_, step, key_, out)) {
            ledger_.whole(step);
            return gone(step, "a step whose `if` cannot be kept");
        }
        convert_env(workflow_, step, key_, out, config::scope_step);
        if (const Node* shell = ledger_.take(step, "shell")) {
            if (shell->text == "bash" || shell->text == "sh" || shell->text == "python")
                out.set("shell", shell->text);
            else if (shell->text.starts_with("bash"))
                ledger_.info(shell->place, key_ + ".shell",
                             "bash `-eo pipefail` is the default here");
            else
                ledger_.lost(shell->place, key_ + ".shell",
                             fmt::format("there is no shell `{}`", config::shown(shell->text)),
                             "bash, sh or python");
        }
        if (const Node* folder = ledger_.take(step, "working-directory"))
            if (auto text = translate_text(workflow_, *folder, key_ + ".working-directory"))
                out.set("working_directory", *text);
        if (const Node* timeout = ledger_.take(step, "timeout-minutes"))
            if (auto text = minutes(timeout->text)) out.set("timeout", *text);
        if (const Node* allowed = ledger_.take(step, "continue-on-error"))
            if (auto text = translate_text(workflow_, *allowed, key_ + ".continue-on-error"))
                out.set("allow_failure", *text);
        const std::string script = convert_script(workflow_, *run, key_ + ".run", out);
        if (out.empty()) {
            steps_.add(Out::scalar(script));
            return;
        }
        out.set("run", script);
        steps_.add(std::move(out));
    }

    /// A comment where a step was.
    void gone(const Node& step, const std::string& what) {
        steps_.comment(fmt::format("not kept (line {}): {}", step.place.line, what));
    }

    void action(const Node& step, const Node& uses) {
        static const Node none;
        const std::string name = action_name(uses.text);
        const Node* with = ledger_.take(step, "with");
        const Node& options = with != nullptr ? *with : none;
        ledger_.take(step, "name");
        ledger_.take(step, "id");
        if (name == "actions/checkout") return checkout(options);
        for (const Setup& setup : k_setups)
            if (name == setup.action) return language(setup, step, uses, options);
        if (name == "actions/upload-artifact") return artifact(step, options);
        if (name == "actions/cache") return cache(uses, options);
        ledger_.whole(step);
        if (name == "actions/download-artifact") {
            ledger_.lost(uses.place, key_ + ".uses", "artifacts are for people, not for other jobs",
                         "`outputs` of the job that makes the files, `inputs: { x: { from: job.x, "
                         "to: path } }` here");
            return gone(step, uses.text);
        }
        ledger_.lost(uses.place, key_ + ".uses",
                     fmt::format("action `{}`", config::shown(uses.text)),
                     name.starts_with("docker/")
                         ? "`kind: image` builds and pushes images, or run the commands"
                         : "run what it does as a command");
        gone(step, config::shown(uses.text));
    }

    void checkout(const Node& options) {
        const auto source = [&](const char* key, const char* value, const Node& option) {
            if (knows(config::scope_source, key))
                out_.child_map("source").set(key, value);
            else
                ledger_.lost(option.place, key_ + ".with",
                             fmt::format("this version has no `source.{}`", key));
        };
        if (const Node* depth = ledger_.take(options, "fetch-depth"))
            if (depth->text != "1") source("history", "full", *depth);
        if (const Node* modules = ledger_.take(options, "submodules"))
            if (modules->text != "false") source("submodules", "true", *modules);
        if (const Node* lfs = ledger_.take(options, "lfs"))
            if (lfs->text == "true") source("lfs", "true", *lfs);
        for (const char* unneeded :
             {"persist-credentials", "token", "fetch-tags", "clean", "show-progress"})
            if (const Node* option = ledger_.take_whole(options, unneeded))
                ledger_.info(option->place, key_ + ".with." + unneeded,
                             "not needed: the source is there before the first step");
    }

    void language(const Setup& setup, const Node& step, const Node& uses, const Node& options) {
        const Node* version = ledger_.take(options, setup.with);
        std::string tag = "latest";
        if (version != nullptr && version->is_scalar()) {
            auto text = translate_text(workflow_, *version, key_ + ".with");
            tag = text ? *text : "";
        } else if (uses.text.find("rust-toolchain@") != std::string::npos) {
            const std::string at = uses.text.substr(uses.text.find('@') + 1);
            tag = at == "stable" || at.size() == 40 ? "latest" : at;
        }
        if (tag.ends_with(".x")) tag.resize(tag.size() - 2);
        if (tag.starts_with("^") || tag.starts_with(">=") || tag.starts_with("~")) tag = "latest";
        if (tag == "lts/*" || tag == "stable") tag = setup.image == "node" ? "lts" : "latest";
        for (const char* unneeded : {"cache", "allow-prereleases", "cache-dependency-path",
                                     "check-latest", "architecture", "bundler-cache"})
            if (const Node* option = ledger_.take_whole(options, unneeded))
                ledger_.info(option->place, key_ + ".with." + unneeded,
                             "without it the job is slower, not different");
        ledger_.take(options, "distribution");
        // Several versions at once, a file that names one, conditions: left to the person.
        const std::string literal =
            interpolate(tag, [](std::string_view) -> Result<std::string> { return ""; }).value();
        const bool simple = !tag.empty() && literal.find_first_of(" \n*") == std::string::npos &&
                            step.find("if") == nullptr;
        const std::string image = fmt::format("{}:{}", setup.image, tag);
        const Out* old = out_.find("image");
        if (!simple || (old != nullptr && old->text() != image)) {
            ledger_.lost(uses.place, key_ + ".uses",
                         fmt::format("{} {}", setup.action,
                                     old != nullptr ? "and another image" : "with options"),
                         "the agent or the job's `image` must bring it");
            return gone(step, uses.text);
        }
        out_.set("image", image);
        ledger_.info(
            uses.place, key_ + ".uses",
            fmt::format(
                "the job runs in the image `{}`, which has fewer tools than GitHub's machines",
                image));
    }

    void artifact(const Node& step, const Node& options) {
        Out entry = Out::map();
        const Node* name = ledger_.take(options, "name");
        if (name != nullptr)
            if (auto text = translate_text(workflow_, *name, key_ + ".with.name"))
                entry.set("name", *text);
        std::vector<std::string> paths;
        if (const Node* path = ledger_.take(options, "path"))
            if (auto text = translate_text(workflow_, *path, key_ + ".with.path"))
                for (const std::string& line : text::split(*text, '\n')) {
                    std::string glob(text::trim(line));
                    if (glob.starts_with("./")) glob.erase(0, 2);
                    if (glob.empty()) continue;
                    const bool pattern = glob.find_first_of("*?[{") != std::string::npos;
                    const std::string last = glob.substr(glob.rfind('/') + 1);
                    paths.push_back(glob);
                    // A folder means all that is in it.
                    if (!pattern && last.find('.') == std::string::npos)
                        paths.back() = glob + (glob.ends_with('/') ? "**" : "/**");
                }
        if (const Node* days = ledger_.take(options, "retention-days"))
            if (days->text.find_first_not_of("0123456789") == std::string::npos &&
                days->text != "0")
                entry.set("expire_in", days->text + "d");
        for (const char* unneeded :
             {"if-no-files-found", "compression-level", "overwrite", "include-hidden-files"})
            ledger_.take_whole(options, unneeded);
        Out when = Out::map();
        if (convert_condition(workflow_, step, key_, when)) {
            if (when.find("if") != nullptr)
                ledger_.changed(step.place, key_ + ".if",
                                "the files are kept whatever the condition says");
            if (const Out* outcome = when.find("when")) entry.set("when", outcome->text());
        }
        if (paths.empty()) return gone(step, "artifacts without a path");
        entry.set("paths", Out::list(paths));
        out_.child_list("artifacts").add(std::move(entry));
    }

    void cache(const Node& uses, const Node& options) {
        const Node* key = ledger_.take(options, "key");
        const Node* paths = ledger_.take(options, "path");
        const Node* restore = ledger_.take(options, "restore-keys");
        if (!knows(config::scope_job, "cache")) {
            ledger_.info(uses.place, key_ + ".uses",
                         "this version has no cache; the job is slower, not different");
            return;
        }
        Out entry = Out::map();
        if (key != nullptr)
            if (auto text = translate_text(workflow_, *key, key_ + ".with.key"))
                entry.set("key", *text);
        std::vector<std::string> list;
        for (const std::string& line : text::split(text_of(paths), '\n'))
            if (!text::trim(line).empty()) list.emplace_back(text::trim(line));
        entry.set("paths", Out::list(list));
        std::vector<std::string> prefixes;
        if (restore != nullptr)
            if (auto text = translate_text(workflow_, *restore, key_ + ".with.restore-keys"))
                for (const std::string& line : text::split(*text, '\n'))
                    if (!text::trim(line).empty()) prefixes.emplace_back(text::trim(line));
        if (!prefixes.empty()) entry.set("restore", Out::list(prefixes));
        out_.child_list("cache").add(std::move(entry));
    }

    Workflow& workflow_;
    Ledger& ledger_;
    std::string path_, key_;
    const Node& job_;
    Out& out_;
    Out steps_ = Out::list();  ///< joins `out_` at the end, which may move meanwhile
};

}  // namespace

void convert_steps(Workflow& workflow, const std::string& path, const Node& job, Out& out) {
    StepsOfJob(workflow, path, job, out).convert();
}

}  // namespace sluice::importer::github
