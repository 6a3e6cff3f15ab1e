#include "pipelines/plan/lower.hpp"
#include "pipelines/plan/inputs.hpp"

#include "pipelines/base/text.hpp"
#include "pipelines/kinds/kind.hpp"
#include "pipelines/plan/definition.hpp"
#include "pipelines/plan/evaluation.hpp"
#include "pipelines/plan/groups.hpp"
#include "pipelines/plan/late.hpp"
#include "pipelines/plan/lower_settings.hpp"
#include "pipelines/plan/params.hpp"
#include "pipelines/plan/reasons.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace sluice::plan {
namespace {

using config::Diagnostics;
using config::Member;
using config::Node;
using expr::Value;

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
        : in_(in),
          node_(in.job.node),
          evaluation_(in.input, in.calls, in.job.call, id_of(in.job, in.expansion, in.cell),
                      diagnostics) {
        set_matrix(in.job.call, in.cell);
        for (const CallerAt& at : in.expansion) set_matrix(at.caller->call, *at.cell);
        model::JobSpec& spec = out_.spec;
        spec.id = id_of(in.job, in.expansion, in.cell);
        spec.base = in.job.id;
        spec.name = spec.id;
        spec.matrix = values_of(in.expansion, in.cell);
        out_.callers = caller_cells(in.job, in.expansion, in.calls);
        if (const Node* kind = node_.find("kind")) spec.kind = kind->text;
        out_.needs = in.needs;
    }

    std::optional<PlannedJob> run() {
        set_job_context();
        if (const Node* when = node_.find("when"))
            out_.when = parse_enum<model::When>(when->text).value_or(model::When::success);
        set_early();
        // What reads the matrix is known when it is.
        if (in_.open != nullptr) later_ = {"needs", "matrix", "env", "params"};
        select();
        if (evaluation_.failed()) return std::nullopt;
        if (!out_.selected || in_.open != nullptr) {
            out_.spec.env.clear();
            out_.spec.params.clear();
            if (out_.selected) open();
            if (evaluation_.failed()) return std::nullopt;
            return std::move(out_);
        }
        if (early_failed_) evaluate_early();  // now its mistakes count
        lower_settings(node_, evaluation_, out_.spec);
        if (const Node* shell = node_.find("shell"))
            shell_ = evaluation_.text_or(shell, step_key("shell"), "");
        if (const Node* folder = node_.find("working_directory"))
            folder_ = evaluation_.text_or(folder, step_key("working_directory"), "");
        if (node_.find("run") != nullptr) {
            single_step();
        } else if (const Node* steps = node_.find("steps")) {
            for (const Node& step : steps->items) add_step(step);
        }
        if (const kinds::Kind* kind = kinds::find_kind(out_.spec.kind);
            kind != nullptr && kind->lower != nullptr)
            kind->lower(node_, out_.spec);
        out_.unsupported = unsupported(node_, evaluation_.diagnostics());
        if (evaluation_.failed()) return std::nullopt;
        out_.late = std::move(evaluation_.late());
        set_reads();
        refuse_best();
        return std::move(out_);
    }

private:
    /// For what stands in that call: the job itself, or a caller of it.
    void set_matrix(int call, const Cell& cell) {
        std::vector<expr::Field> matrix;
        for (const auto& [name, value] : cell.values) matrix.push_back({name, Value::of(value)});
        if (!matrix.empty()) evaluation_.set_in(call, "matrix", Value::object(std::move(matrix)));
    }

    static const config::Key& step_key(std::string_view name) {
        return *config::find_key(config::scope_step, name);
    }

    /// What is known of a job whose cells come later: whom they wait for.
    void open() {
        out_.spec.name = out_.spec.id;
        out_.late_if.clear();
        out_.unsupported = unsupported(node_, evaluation_.diagnostics());
        evaluation_.late().clear();
        const Evaluation::Inside inside(evaluation_, {"matrix"});
        for (const Member& member : node_.find("matrix")->members) {
            if (!in_.open->late.contains(member.name)) continue;
            evaluation_.text(member.value, config::Scalar::value);
            if (evaluation_.late().empty()) return evaluation_.set_failed(true);  // has been said
            out_.axes.push_back({member.name, std::move(evaluation_.late().back().text)});
            evaluation_.late().clear();
        }
        set_reads();
        out_.definition = definition_of(in_, *in_.open, evaluation_.diagnostics());
    }

    void set_job_context() {
        evaluation_.set("job", Value::object({{"id", Value::of(out_.spec.id)},
                                              {"name", Value::of(out_.spec.name)}}));
    }

    /// The variables that are known, those that read `steps` as text in `late`; who reads `needs`
    /// has been kept by the evaluation.
    std::map<std::string, std::string> env(const Node* node,
                                           std::map<std::string, std::string>* late = nullptr) {
        std::map<std::string, std::string> out;
        if (node == nullptr) return out;
        evaluation_.set_reads_steps(late != nullptr);
        const Evaluation::Inside env(evaluation_, {"env"});
        std::vector<LateText>& kept = evaluation_.late();
        for (const Member& variable : node->members) {
            const Evaluation::Inside inside(evaluation_, {variable.name});
            const std::size_t before = kept.size();
            auto value = evaluation_.text(variable.value, config::Scalar::value);
            if (value && kept.size() == before) out[variable.name] = std::move(*value);
            if (kept.size() == before || late == nullptr) continue;
            if (!names_read(kept.back().text, true, "needs").empty()) continue;
            (*late)[variable.name] = std::move(kept.back().text);
            kept.pop_back();
        }
        evaluation_.set_reads_steps(false);
        return out;
    }

    /// What the job sees of the run: a fragment gets by `with` what it is to know.
    const std::map<std::string, model::ParamValue>& run_params() const {
        static const std::map<std::string, model::ParamValue> none;
        return in_.run_params != nullptr ? *in_.run_params : none;
    }

    /// The job's own params, whose defaults may read those of the run or of the call.
    void params() {
        out_.spec.params.clear();
        if (in_.job.call == 0) out_.spec.params = run_params();
        std::vector<expr::Field> own;
        for (const Param& param : in_.params) {
            if (!param.fallback) continue;  // a trial's
            const auto value = evaluation_.text(*param.fallback, config::Scalar::value);
            if (!value) continue;
            if (const auto complaint = check_param(param, *value)) {
                evaluation_.fail(*param.fallback, 0, complaint->id,
                                 fmt::format("{}: {}", evaluation_.where(), complaint->message),
                                 complaint->hint);
                continue;
            }
            out_.spec.params[param.name] = {param.type, *value};
            own.push_back({param.name, value_of(param.type, *value)});
        }
        evaluation_.extend("params", std::move(own));
    }

    /// `params`, `name` and `env`: `if` may read them, and may be what keeps their expressions from
    /// being null. So a failure is kept quiet until the job is known to be selected.
    void set_early() {
        evaluation_.set_quiet(true);
        evaluate_early();
        evaluation_.set_quiet(false);
        early_failed_ = evaluation_.failed();
        evaluation_.set_failed(false);
    }

    void evaluate_early() {
        evaluation_.late().clear();
        evaluation_.set_in(0, "params", params_value(run_params()));
        for (const int call : in_.calls.chain(in_.job.call)) evaluation_.enter(call);
        params();
        if (const Node* name = node_.find("name"))
            out_.spec.name = evaluation_.text_or(name, step_key("name"), out_.spec.name);
        set_job_context();
        out_.spec.env = env(node_.find("env"));
        std::vector<expr::Field> fields;
        for (const auto& [name, value] : out_.spec.env) fields.push_back({name, Value::of(value)});
        evaluation_.set("env", Value::object(std::move(fields)));
        for (const int call : in_.job.step_calls) evaluation_.enter(call);
    }

    void deselect(std::string reason) {
        out_.selected = false;
        out_.reason = std::move(reason);
    }

    void select() {
        if (in_.trigger_paths != nullptr && !matches("paths", *in_.trigger_paths, nullptr))
            return deselect("no changed path matches `paths` of the trigger");
        // What the callers of its fragment ask holds for every job inside.
        for (const int number : in_.calls.chain(in_.job.call)) {
            const Call& call = in_.calls.at(number);
            if (!selects(call.node, fmt::format(" of `{}`", call.caller))) return;
        }
        selects(node_, "");
    }

    /// Whether a changed path matches; tells the trace.
    bool matches(const char* rule, const std::vector<std::string>& globs, const Node* at) {
        const bool holds = paths_changed(in_.input, globs);
        if (in_.reasons != nullptr) note(reason_of_paths(in_.input, rule, globs, holds), at);
        return holds;
    }

    void note(Reason reason, const Node* at) {
        if (at != nullptr) {
            reason.file = evaluation_.diagnostics().path(at->place.file);
            reason.line = at->place.line;
        }
        in_.reasons->push_back(std::move(reason));
    }

    /// False, and deselected, when `changes` or `if` says so.
    bool selects(const Node& node, const std::string& of) {
        if (const Node* changes = node.find("changes")) {
            if (!matches("changes", config::strings_of(changes), changes)) {
                deselect(fmt::format("no changed path matches `changes`{}", of));
                return false;
            }
        }
        const Node* condition = node.find("if");
        if (condition == nullptr) return true;
        const auto decision = evaluation_.decide_at(*condition, later_);
        if (!decision) return false;
        if (in_.reasons != nullptr)
            if (const auto ast = read_condition(*condition, evaluation_.diagnostics()))
                note(reason_of_condition(*ast, condition->text, evaluation_.context_of(*condition),
                                         *decision),
                     condition);
        if (!decision->value) {
            deselect(fmt::format("`if: {}`{} is false",
                                 text::sanitize_utf8(text::trim(condition->text), 200), of));
            return false;
        }
        also(out_.late_if, decision->later);
        return true;
    }

    /// Both conditions must hold.
    static void also(std::string& condition, const std::string& other) {
        if (other.empty()) return;
        condition = condition.empty() ? other : fmt::format("({} && {})", condition, other);
    }

    /// `run` as one text: a list is joined into one shell, and is late as a whole.
    std::string script(const Node& run) {
        const Evaluation::Inside inside(evaluation_, {"run"});
        if (run.is_scalar()) return evaluation_.text(run, config::Scalar::script).value_or("");
        std::vector<LateText>& kept = evaluation_.late();
        std::optional<LateText> late;
        std::vector<std::pair<bool, std::string>> lines;  // late? and its text
        for (const Node& item : run.items) {
            const std::size_t before = kept.size();
            auto line = evaluation_.text(item, config::Scalar::script);
            if (kept.size() > before) {
                late = std::move(kept.back());
                kept.pop_back();
                lines.emplace_back(true, late->text);
            } else if (line) {
                lines.emplace_back(false, std::move(*line));
            }
        }
        std::string out;
        for (const auto& [is_late, line] : lines)
            out += (out.empty() ? "" : "\n") + (late && !is_late ? escaped(line) : line);
        if (const auto complaint = config::check_scalar(config::Scalar::script, out))
            evaluation_.fail(run, 0, complaint->id,
                             fmt::format("{}: {}", evaluation_.where(), complaint->message),
                             "put it into a file of the repository");
        if (!late) return out;
        late->text = std::move(out);
        kept.push_back(std::move(*late));
        return {};
    }

    /// The name of a step whose author gave none. A script that comes later is shown as it stands.
    static std::string name_of(const Node& run, const std::string& script) {
        if (!script.empty()) return first_line(script);
        return first_line(run.is_list() && !run.items.empty() ? run.items.front().text : run.text);
    }

    /// A6 step 4: whose outputs the job cannot do without.
    void set_reads() {
        std::set<std::string> ids;
        for (auto& [name, input] : out_.spec.inputs) {
            auto source = input_source(input.from);
            if (!source) continue;
            // As the run knows the job: in a fragment it goes by a shorter name, and what a caller
            // passes on is made by a job inside.
            source->job = in_.calls.full_id(in_.job.call, source->job);
            const bool optional = input.optional || in_.optional.contains(source->job);
            if (std::string giver = in_.calls.giver_of(source->job, source->output); !giver.empty())
                source->job = std::move(giver);
            input.from = reference_text(*source);
            if (!optional) ids.insert(source->job);
        }
        for (const Names& names : late_reads(out_))
            if (names.size() >= 2 && (names[1] == "outputs" || names[1] == "best") &&
                std::none_of(in_.optional.begin(), in_.optional.end(),
                             [&](const std::string& id) { return is_part_of(names[0], id); }))
                ids.insert(names[0]);
        out_.reads.assign(ids.begin(), ids.end());
    }

    /// What a sweep found cannot be read before there are sweeps.
    void refuse_best() {
        for (const Names& names : late_reads(out_))
            if (names.size() >= 2 && names[1] == "best") {
                std::string text = fmt::format(
                    "`needs.{}.best` asks for sweeps, which this version does not have", names[0]);
                if (out_.unsupported.empty() || out_.unsupported.back() != text)
                    out_.unsupported.push_back(std::move(text));
            }
    }

    void single_step() {
        model::StepSpec step;
        const Evaluation::Inside inside(evaluation_, {"steps", "0"});
        step.run = script(*node_.find("run"));
        step.name = name_of(*node_.find("run"), step.run);
        step.shell = shell_;
        step.working_directory = folder_;
        out_.spec.steps.push_back(std::move(step));
    }

    void add_step(const Node& node) {
        model::StepSpec step;
        step.shell = shell_;
        step.working_directory = folder_;
        const std::string index = std::to_string(out_.spec.steps.size());
        const Evaluation::Inside inside(evaluation_, {"steps", index});
        if (node.is_scalar()) {
            step.run = script(node);
            step.name = name_of(node, step.run);
            out_.spec.steps.push_back(std::move(step));
            return;
        }
        const Call* call =
            node.place.call == in_.job.call ? nullptr : &in_.calls.at(node.place.call);
        if (const Node* id = node.find("id"))
            step.id = call == nullptr ? id->text : fmt::format("{}/{}", call->number, id->text);
        if (const Node* when = node.find("when"))
            step.when = parse_enum<model::When>(when->text).value_or(model::When::success);
        if (!set_condition(node, step)) return;
        // A step that never runs is shown by its name; the rest may read what this event does not
        // have.
        const bool never = step.condition == "false";
        evaluation_.set_quiet(never);
        const bool failed_before = evaluation_.failed();
        const std::size_t late_before = evaluation_.late().size();
        if (const Node* run = node.find("run")) {
            step.run = script(*run);
            step.name = name_of(*run, step.run);
        }
        if (const Node* name = node.find("name"))
            step.name = evaluation_.text_or(name, step_key("name"), step.name);
        if (call != nullptr)
            if (const Node* name = call->node.find("name"))
                step.name = evaluation_.text_or(name, step_key("name"), "") + ": " + step.name;
        step.shell = evaluation_.text_or(node.find("shell"), step_key("shell"), step.shell);
        step.working_directory = evaluation_.text_or(
            node.find("working_directory"), step_key("working_directory"), step.working_directory);
        if (const Node* image = node.find("image")) {
            const Evaluation::Inside place(evaluation_, {"image"});
            step.image = evaluation_.text_or(image, step_key("image"), "");
        }
        step.env = env(node.find("env"), &step.late_env);
        step.secrets = secrets_of(node.find("secrets"));
        step.timeout = duration_of(node.find("timeout"));
        step.allow_failure = allow_failure(node.find("allow_failure"), evaluation_);
        evaluation_.set_quiet(false);
        if (never) {
            evaluation_.set_failed(failed_before);
            evaluation_.late().resize(late_before);
            step.late_env.clear();
        }
        out_.spec.steps.push_back(std::move(step));
    }

    /// `if` of the calls that the step stands in, and its own. False after a failure.
    bool set_condition(const Node& node, model::StepSpec& step) {
        std::vector<const Node*> conditions;
        for (const int number : in_.calls.chain(node.place.call))
            if (const Call& call = in_.calls.at(number); call.of_steps)
                if (const Node* condition = call.node.find("if")) conditions.push_back(condition);
        if (const Node* condition = node.find("if")) conditions.push_back(condition);
        for (const Node* condition : conditions) {
            const auto decision = evaluation_.decide_at(*condition, {"needs", "steps"});
            if (!decision) return false;
            if (!decision->value) {
                step.condition = "false";
                return true;
            }
            also(step.condition, decision->later);
        }
        if (!names_read(step.condition, false, "needs").empty())
            evaluation_.late().push_back(
                {fmt::format("/steps/{}/condition", out_.spec.steps.size()),
                 std::exchange(step.condition, ""),
                 config::Scalar::condition,
                 {}});
        return true;
    }

    const LowerInput& in_;
    const Node& node_;
    Evaluation evaluation_;
    PlannedJob out_;
    std::string shell_, folder_;
    Contexts later_{"needs"};  ///< of conditions: not known now
    bool early_failed_ = false;
};

}  // namespace

std::optional<PlannedJob> lower(const LowerInput& in, Diagnostics& diagnostics) {
    return Lowering(in, diagnostics).run();
}

}  // namespace sluice::plan
