#include "pipelines/plan/lower.hpp"

#include "pipelines/base/text.hpp"
#include "pipelines/config/schema.hpp"
#include "pipelines/kinds/kind.hpp"
#include "pipelines/plan/condition.hpp"

#include <fmt/format.h>

#include <charconv>
#include <set>

namespace sluice::plan {
namespace {

using config::Diagnostics;
using config::Key;
using config::Member;
using config::Node;
using expr::Value;

constexpr Duration k_default_expiry = std::chrono::hours(30 * 24);

/// The first line with something in it, as the name of a step.
std::string first_line(std::string_view script) {
    for (const std::string& line : text::split(script, '\n')) {
        const std::string_view content = text::trim(line);
        if (!content.empty()) return text::sanitize_utf8(content, 80);
    }
    return "run";
}

class Lowering {
public:
    Lowering(const LowerInput& in, Diagnostics& diagnostics)
        : in_(in), node_(in.job.node), diagnostics_(diagnostics) {
        context_.contexts = Value::object(common_values(in.input));
        context_.world = world_of(in.input);
        std::vector<expr::Field> matrix;
        for (const auto& [name, value] : in.cell.values) matrix.push_back({name, Value::of(value)});
        if (!matrix.empty()) add_context("matrix", Value::object(std::move(matrix)));
        out_.spec.id = in.job.id + in.cell.suffix;
        out_.spec.base = in.job.id;
        out_.spec.name = out_.spec.id;
        out_.spec.matrix = in.cell.values;
        if (const Node* kind = node_.find("kind")) out_.spec.kind = kind->text;
        out_.needs = in.needs;
    }

    std::optional<PlannedJob> run() {
        set_job_context();
        if (const Node* when = node_.find("when"))
            out_.when = parse_enum<model::When>(when->text).value_or(model::When::success);
        set_early();
        select();
        if (failed_) return std::nullopt;
        if (!out_.selected) {
            out_.spec.env.clear();
            return std::move(out_);
        }
        if (early_failed_) evaluate_early();  // now its mistakes count
        settings();
        if (node_.find("run") != nullptr) {
            single_step();
        } else if (const Node* steps = node_.find("steps")) {
            for (const Node& step : steps->items) add_step(step);
        }
        artifacts();
        reports();
        if (const kinds::Kind* kind = kinds::find_kind(out_.spec.kind);
            kind != nullptr && kind->lower != nullptr)
            kind->lower(node_, out_.spec);
        if (failed_) return std::nullopt;
        return std::move(out_);
    }

private:
    static const Key& job_key(std::string_view name) {
        return *config::find_key(config::scope_job, name);
    }
    static const Key& step_key(std::string_view name) {
        return *config::find_key(config::scope_step, name);
    }

    void add_context(std::string name, Value value) {
        std::erase_if(context_.contexts.fields,
                      [&](const expr::Field& f) { return f.name == name; });
        context_.contexts.fields.push_back({std::move(name), std::move(value)});
    }

    void set_job_context() {
        add_context("job", Value::object({{"id", Value::of(out_.spec.id)},
                                          {"name", Value::of(out_.spec.name)}}));
    }

    void fail(const Node& node, std::size_t offset, std::string_view id, std::string message,
              std::string hint = {}) {
        failed_ = true;
        if (quiet_) return;
        diagnostics_.error(diagnostics_.within(node, offset), id, std::move(message),
                           std::move(hint));
    }

    /// For which job and event a value did not work out: the same line may be right for others.
    std::string where() const {
        return fmt::format("`{}` for a {} event", out_.spec.id, to_text(in_.input.event.kind));
    }

    /// The scalar with its expressions evaluated, checked against its type.
    std::optional<std::string> text(const Node& node, config::Scalar type,
                                    std::string_view choices = {}) {
        if (!expr::has_expression(node.text)) return node.text;
        expr::Template parts;
        std::vector<expr::Problem> problems;
        if (!expr::parse_template(node.text, parts, problems))
            return std::nullopt;  // check_types has said so
        std::string out;
        for (const auto& part : parts.parts) {
            if (!part.is_expression) {
                out += part.text;
                continue;
            }
            const auto value = expr::evaluate(part.ast, context_);
            if (!value) {
                const std::size_t offset = part.offset + offset_of(value.error());
                fail(node, offset, value.error().id,
                     fmt::format("{}: {}", where(), value.error().message));
                return std::nullopt;
            }
            if (value->is_null()) {
                fail(node, part.offset + part.ast.begin, "null_value",
                     fmt::format("{}: `{}` is null", where(), expr::to_source(part.ast)),
                     fmt::format("write `{} ?? ''`, or an `if` that rules it out",
                                 expr::to_source(part.ast)));
                return std::nullopt;
            }
            if (!expr::can_stand_in_text(*value)) {
                fail(node, part.offset + part.ast.begin, "bad_expression",
                     fmt::format("{}: `{}` is no text, number or boolean", where(),
                                 expr::to_source(part.ast)),
                     "name one of its properties, or write to_json(…)");
                return std::nullopt;
            }
            out += expr::to_plain_text(*value);
            if (out.size() > 256 * 1024) {
                fail(node, part.offset, "too_long",
                     fmt::format("{}: the text grows over 256 KiB", where()));
                return std::nullopt;
            }
        }
        if (const auto complaint = config::check_scalar(type, out, choices)) {
            fail(node, 0, complaint->id, fmt::format("{}: {}", where(), complaint->message),
                 complaint->hint);
            return std::nullopt;
        }
        return out;
    }

    static std::size_t offset_of(const Error& error) {
        std::size_t offset = 0;
        std::from_chars(error.where.data(), error.where.data() + error.where.size(), offset);
        return offset;
    }

    std::string text_or(const Node& node, std::string_view key, std::string fallback) {
        const Key& row = job_key(key);
        return text(node, row.scalar, row.choices).value_or(std::move(fallback));
    }

    std::vector<std::string> texts(const Node& node, config::Scalar type) {
        std::vector<std::string> out;
        const auto add = [&](const Node& item) {
            if (auto value = text(item, type)) out.push_back(std::move(*value));
        };
        if (node.is_scalar()) add(node);
        for (const Node& item : node.items)
            if (item.is_scalar()) add(item);
        return out;
    }

    std::map<std::string, std::string> env(const Node* node) {
        std::map<std::string, std::string> out;
        if (node == nullptr) return out;
        for (const Member& variable : node->members)
            if (auto value = text(variable.value, config::Scalar::value))
                out[variable.name] = std::move(*value);
        return out;
    }

    /// `name` and `env`: `if` may read them, and may be what keeps their expressions from being
    /// null. So a failure is kept quiet until the job is known to be selected.
    void set_early() {
        quiet_ = true;
        evaluate_early();
        quiet_ = false;
        early_failed_ = std::exchange(failed_, false);
    }

    void evaluate_early() {
        if (const Node* name = node_.find("name"))
            out_.spec.name = text_or(*name, "name", out_.spec.name);
        set_job_context();
        out_.spec.env = env(node_.find("env"));
        std::vector<expr::Field> fields;
        for (const auto& [name, value] : out_.spec.env) fields.push_back({name, Value::of(value)});
        add_context("env", Value::object(std::move(fields)));
    }

    void deselect(std::string reason) {
        out_.selected = false;
        out_.reason = std::move(reason);
    }

    void select() {
        if (in_.trigger_paths != nullptr && !paths_changed(in_.input, *in_.trigger_paths))
            return deselect("no changed path matches `paths` of the trigger");
        if (const Node* changes = node_.find("changes")) {
            const auto globs = config::strings_of(changes);
            if (!paths_changed(in_.input, globs))
                return deselect("no changed path matches `changes`");
        }
        const Node* condition = node_.find("if");
        if (condition == nullptr) return;
        const auto decision = decide_at(*condition, "needs");
        if (!decision) return;
        if (!decision->value)
            return deselect(fmt::format("`if: {}` is false",
                                        text::sanitize_utf8(text::trim(condition->text), 200)));
        out_.late_if = decision->later;
    }

    std::optional<Decision> decide_at(const Node& condition, std::string_view later) {
        const auto ast = read_condition(condition, diagnostics_);
        if (!ast) {
            failed_ = true;
            return std::nullopt;
        }
        const auto decision = decide(*ast, context_, later);
        if (decision) return *decision;
        const std::size_t open = condition.text.find("${{");
        fail(condition, (open == std::string::npos ? 0 : open + 3) + offset_of(decision.error()),
             decision.error().id, fmt::format("{}: {}", where(), decision.error().message),
             decision.error().id == "null_value"
                 ? "give it a value with `??`, or ask `… != null &&` before"
                 : "");
        return std::nullopt;
    }

    void settings() {
        model::JobSpec& spec = out_.spec;
        if (const Node* image = node_.find("image"); image != nullptr)
            if (const Node* name = image->find("name")) {
                spec.image = text(*name, config::Scalar::image).value_or("");
                if (spec.image == "none") spec.image.clear();
                if (!spec.image.empty())
                    diagnostics_.warning(
                        name->place, "image_not_used",
                        "containers come later: this version runs the job on the host",
                        "`runs_on` can choose an agent that has what the job needs");
            }
        if (const Node* labels = node_.find("runs_on"))
            spec.runs_on = texts(*labels, config::Scalar::label);
        if (const Node* source = node_.find("source")) spec.source = source->text != "none";
        if (const Node* timeout = node_.find("timeout"))
            if (const Node* run = timeout->find("run")) spec.timeout = duration(*run);
        spec.allow_failure = allow_failure(node_.find("allow_failure"));
        spec.retry = {{"infra", 2}, {"preempted", 10}};
        if (const Node* retry = node_.find("retry"))
            for (const Member& cause : retry->members) spec.retry[cause.name] = number(cause.value);
        if (const Node* shell = node_.find("shell")) shell_ = text_or(*shell, "shell", "");
        if (const Node* folder = node_.find("working_directory"))
            folder_ = text_or(*folder, "working_directory", "");
    }

    static std::optional<Duration> duration(const Node& node) {
        const auto parsed = parse_duration(node.text);
        if (!parsed) return std::nullopt;
        return *parsed;
    }

    static int number(const Node& node) {
        int out = 0;
        std::from_chars(node.text.data(), node.text.data() + node.text.size(), out);
        return out;
    }

    model::AllowFailure allow_failure(const Node* node) {
        model::AllowFailure out;
        if (node == nullptr) return out;
        if (node->is_scalar())
            out.any = text(*node, config::Scalar::boolean).value_or("false") == "true";
        for (const std::string& code :
             node->is_list() ? texts(*node, config::Scalar::exit_code) : std::vector<std::string>{})
            out.exit_codes.push_back(std::stoi(code));
        return out;
    }

    /// `run` as one text: a list is joined into one shell.
    std::string script(const Node& run) {
        std::string out;
        for (const std::string& line : texts(run, config::Scalar::script))
            out += (out.empty() ? "" : "\n") + line;
        if (const auto complaint = config::check_scalar(config::Scalar::script, out))
            fail(run, 0, complaint->id, fmt::format("{}: {}", where(), complaint->message),
                 "put it into a file of the repository");
        return out;
    }

    void single_step() {
        model::StepSpec step;
        step.run = script(*node_.find("run"));
        step.name = first_line(step.run);
        step.shell = shell_;
        step.working_directory = folder_;
        out_.spec.steps.push_back(std::move(step));
    }

    void add_step(const Node& node) {
        model::StepSpec step;
        step.shell = shell_;
        step.working_directory = folder_;
        if (node.is_scalar()) {
            step.run = text(node, config::Scalar::script).value_or("");
            step.name = first_line(step.run);
            out_.spec.steps.push_back(std::move(step));
            return;
        }
        if (const Node* id = node.find("id")) step.id = id->text;
        if (const Node* when = node.find("when"))
            step.when = parse_enum<model::When>(when->text).value_or(model::When::success);
        if (const Node* condition = node.find("if")) {
            const auto decision = decide_at(*condition, "steps");
            if (!decision) return;
            step.condition = decision->value ? decision->later : "false";
        }
        // A step that never runs is shown by its name; the rest may read what this event does not
        // have.
        const bool never = step.condition == "false";
        quiet_ = never;
        const bool failed_before = failed_;
        if (const Node* run = node.find("run")) step.run = script(*run);
        step.name = first_line(step.run);
        if (const Node* name = node.find("name"))
            step.name = text(*name, config::Scalar::line).value_or(step.name);
        if (const Node* shell = node.find("shell"))
            step.shell =
                text(*shell, config::Scalar::choice, step_key("shell").choices).value_or("");
        if (const Node* folder = node.find("working_directory"))
            step.working_directory = text(*folder, config::Scalar::path).value_or("");
        step.env = env(node.find("env"));
        if (const Node* timeout = node.find("timeout")) step.timeout = duration(*timeout);
        step.allow_failure = allow_failure(node.find("allow_failure"));
        quiet_ = false;
        if (never) failed_ = failed_before;
        out_.spec.steps.push_back(std::move(step));
    }

    void artifacts() {
        const Node* list = node_.find("artifacts");
        if (list == nullptr) return;
        model::ArtifactSpec unnamed{.name = "artifacts",
                                    .paths = texts(*list, config::Scalar::path),
                                    .expire_in = k_default_expiry};
        if (!unnamed.paths.empty()) out_.spec.artifacts.push_back(std::move(unnamed));
        for (const Node& item : list->items) {
            if (!item.is_map()) continue;
            model::ArtifactSpec artifact{.name = "artifacts", .expire_in = k_default_expiry};
            if (const Node* name = item.find("name"))
                artifact.name = text(*name, config::Scalar::line).value_or("");
            if (const Node* paths = item.find("paths"))
                artifact.paths = texts(*paths, config::Scalar::path);
            if (const Node* expiry = item.find("expire_in")) artifact.expire_in = duration(*expiry);
            if (const Node* when = item.find("when"))
                artifact.when =
                    parse_enum<model::UploadWhen>(when->text).value_or(model::UploadWhen::success);
            for (const auto& other : out_.spec.artifacts)
                if (other.name == artifact.name)
                    fail(item, 0, "duplicate_artifact",
                         fmt::format("two artifacts of `{}` are called `{}`", out_.spec.id,
                                     artifact.name),
                         "give each a `name`");
            out_.spec.artifacts.push_back(std::move(artifact));
        }
    }

    void reports() {
        const Node* map = node_.find("reports");
        if (map == nullptr) return;
        for (const Member& report : map->members)
            out_.spec.reports.push_back(
                {.format = report.name, .paths = texts(report.value, config::Scalar::path)});
    }

    const LowerInput& in_;
    const Node& node_;
    Diagnostics& diagnostics_;
    expr::Context context_;
    PlannedJob out_;
    std::string shell_, folder_;
    bool failed_ = false;
    bool quiet_ = false;
    bool early_failed_ = false;
};

}  // namespace

std::optional<PlannedJob> lower(const LowerInput& in, Diagnostics& diagnostics) {
    return Lowering(in, diagnostics).run();
}

}  // namespace sluice::plan
