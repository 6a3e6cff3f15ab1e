#include "pipelines/plan/late.hpp"

#include "pipelines/base/text.hpp"
#include "pipelines/model/wire.hpp"
#include "pipelines/plan/condition.hpp"
#include "pipelines/plan/fold_text.hpp"
#include "pipelines/plan/lower_value.hpp"
#include "pipelines/plan/params.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace sluice::plan {
namespace {

using expr::Field;
using expr::Value;
using model::JobState;

expr::Context context_of(const Value& needs) {
    expr::Context context;
    context.contexts.fields.push_back({"needs", needs});
    return context;
}

Value outputs_value(const CellFacts& cell) {
    std::vector<Field> fields;
    if (cell.outputs != nullptr)
        for (const auto& [name, text] : *cell.outputs) {
            const auto declared = cell.spec->outputs.find(name);
            if (declared == cell.spec->outputs.end() || !model::is_value(declared->second.type))
                continue;
            fields.push_back({name, output_value(declared->second.type, text)});
        }
    return Value::object(std::move(fields));
}

/// `env.TAG` for `/env/TAG`, `steps[0].run` for `/steps/0/run`.
std::string key_of(std::string_view pointer) {
    std::string out;
    for (const std::string& part : text::split(pointer.substr(1), '/')) {
        const bool is_index = part.find_first_not_of("0123456789") == std::string::npos;
        out += is_index ? "[" + part + "]" : (out.empty() ? "" : ".") + part;
    }
    return out;
}

/// Sets the place of a JSON pointer (without its first `/`); objects on the way are made. False
/// when something else stands in the way.
bool put(json::Value& into, std::string_view pointer, json::Value value) {
    const std::size_t end = pointer.find('/');
    std::string name;
    for (std::size_t i = 0; i < std::min(end, pointer.size()); ++i) {
        const std::string_view two = pointer.substr(i, 2);
        if (two == "~0" || two == "~1") ++i;
        name += two == "~1" ? '/' : two[0];  // "~0" is ~
    }
    json::Value* place = nullptr;
    if (json::Array* list = into.if_array()) {
        std::size_t index = list->size();
        std::from_chars(name.data(), name.data() + name.size(), index);
        if (index >= list->size()) return false;
        place = &(*list)[index];
    } else if (into.is_object() || into.is_null()) {
        if (into.is_null()) into.emplace_object();
        place = &into.get_object()[name];
    } else {
        return false;
    }
    if (end != std::string_view::npos)
        return put(*place, pointer.substr(end + 1), std::move(value));
    *place = std::move(value);
    return true;
}

bool is_step_variable(std::string_view pointer) {
    return pointer.starts_with("/steps/") && pointer.find("/env/") != std::string_view::npos;
}

struct Placed {
    std::string at;
    json::Value value;
};

Result<Placed> condition(const LateText& late, const expr::Context& context) {
    SLUICE_TRY(const Decision decision, decide_text(late.text, context, {"steps"}));
    return Placed{late.at, model::wire::text(decision.value ? decision.later : "false")};
}

Result<Placed> text(const LateText& late, const expr::Context& context) {
    expr::Template parts;
    std::vector<expr::Problem> problems;
    if (!expr::parse_template(late.text, parts, problems, expr::k_generated))
        return error(Code::invalid, "bad_expression", problems.front().message);
    const bool may_wait = is_step_variable(late.at);
    TextProblem problem;
    const auto folded =
        fold_text(parts, context, may_wait ? Contexts{"steps"} : Contexts{}, problem);
    if (!folded) return error(Code::invalid, problem.id, problem.message);
    if (!folded->known) {
        std::string at = late.at;
        at.replace(at.find("/env/"), 5, "/late_env/");
        return Placed{std::move(at), model::wire::text(folded->text)};
    }
    if (const auto complaint = config::check_scalar(late.type, folded->text, late.choices))
        return error(Code::invalid, complaint->id, complaint->message);
    return Placed{late.at, typed_value(late.type, folded->text)};
}

/// Why the param does not take the value, for people.
std::optional<std::string> wrong_param(const LateText& late, const expr::Context& context) {
    const auto value = json::parse(late.param);
    const auto param = value ? param_from_json(*value) : Result<Param>(value.error());
    if (!param) return "a param cannot be read: " + param.error().message;
    expr::Template parts;
    std::vector<expr::Problem> problems;
    if (!expr::parse_template(late.text, parts, problems, expr::k_generated))
        return problems.front().message;
    TextProblem problem;
    const auto folded = fold_text(parts, context, {}, problem);
    if (!folded) return fmt::format("param `{}`: {}", param->name, problem.message);
    const auto complaint = check_param(*param, folded->text);
    if (!complaint) return std::nullopt;
    return complaint->message + (complaint->hint.empty() ? "" : ", " + complaint->hint);
}

}  // namespace

Value need_value(JobState result, std::span<const CellFacts> cells) {
    std::vector<Value> list;
    for (const CellFacts& cell : cells) {
        std::vector<Field> matrix;
        for (const auto& [axis, value] : cell.spec->matrix)
            matrix.push_back({axis, Value::of(value)});
        list.push_back(Value::object({{"matrix", Value::object(std::move(matrix))},
                                      {"result", Value::of(std::string(to_text(cell.state)))},
                                      {"outputs", outputs_value(cell)}}));
    }
    std::vector<Field> fields{{"result", Value::of(std::string(to_text(result)))}};
    if (cells.size() == 1) fields.push_back({"outputs", outputs_value(cells.front())});
    fields.push_back({"cells", Value::list(std::move(list))});
    return Value::object(std::move(fields));
}

std::set<Names> late_reads(const PlannedJob& job) {
    std::set<Names> out = names_read(job.late_if, false, "needs");
    for (const LateText& late : job.late)
        out.merge(names_read(late.text, late.type != config::Scalar::condition, "needs"));
    for (const LateAxis& axis : job.axes) out.merge(names_read(axis.text, true, "needs"));
    return out;
}

Result<bool> evaluate_late_if(std::string_view late_if, const Value& needs) {
    if (late_if.empty()) return true;
    SLUICE_TRY(const Decision decision, decide_text(late_if, context_of(needs), {}));
    return decision.value;
}

Result<std::vector<std::string>> evaluate_list(std::string_view text, const Value& needs) {
    expr::Template parts;
    std::vector<expr::Problem> problems;
    if (!expr::parse_template(text, parts, problems, expr::k_generated) || !parts.is_whole())
        return error(Code::invalid, "bad_expression", "it is not one expression");
    SLUICE_TRY(const Value value, expr::evaluate(parts.parts[0].ast, context_of(needs)));
    if (value.kind != Value::Kind::list)
        return error(Code::invalid, "bad_expression", "it is not a list");
    std::vector<std::string> out;
    for (const Value& item : value.items) {
        if (!expr::can_stand_in_text(item))
            return error(Code::invalid, "bad_expression", "it holds what is no text");
        out.push_back(expr::to_plain_text(item));
    }
    return out;
}

Result<model::JobSpec> complete(const PlannedJob& job, const Value& needs) {
    if (job.late.empty()) return job.spec;
    const expr::Context context = context_of(needs);
    json::Value spec = model::to_json(job.spec);
    std::string never = "/never/";  // the place of the step whose condition has been false
    for (const LateText& late : job.late) {
        // What a step reads that never runs may be null.
        if (late.at.starts_with(never)) continue;
        if (!late.param.empty()) {
            if (const auto complaint = wrong_param(late, context))
                return error(Code::invalid, "bad_param", *complaint);
            continue;
        }
        auto placed =
            late.type == config::Scalar::condition ? condition(late, context) : text(late, context);
        if (!placed)
            return error(Code::invalid, placed.error().id,
                         fmt::format("`{}` cannot be evaluated: {}", key_of(late.at),
                                     placed.error().message));
        if (late.type == config::Scalar::condition && placed->value == "false")
            never = late.at.substr(0, late.at.rfind('/') + 1);
        if (!put(spec, std::string_view(placed->at).substr(1), std::move(placed->value)))
            return error(Code::internal, "bad_place",
                         fmt::format("`{}` is no place of the job", key_of(late.at)));
    }
    SLUICE_TRY(model::JobSpec out, model::job_spec_from_json(spec));
    if (out.image == "none") out.image.clear();
    return out;
}

}  // namespace sluice::plan
