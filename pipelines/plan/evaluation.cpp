#include "pipelines/plan/evaluation.hpp"

#include "pipelines/plan/names_read.hpp"

#include <fmt/format.h>

#include <charconv>

namespace sluice::plan {
namespace {

using config::Node;
using expr::Value;

void set_field(expr::Context& context, std::string name, Value value) {
    std::erase_if(context.contexts.fields, [&](const expr::Field& f) { return f.name == name; });
    context.contexts.fields.push_back({std::move(name), std::move(value)});
}

std::size_t offset_of(const Error& error) {
    std::size_t offset = 0;
    std::from_chars(error.where.data(), error.where.data() + error.where.size(), offset);
    return offset;
}

expr::Ast call_of(std::string function, expr::Ast argument) {
    expr::Ast out;
    out.kind = expr::Ast::Kind::call;
    out.name = std::move(function);
    out.children.push_back(std::move(argument));
    return out;
}

/// `needs['ID'].outputs.NAME`
expr::Ast output_of(const std::string& id, const std::string& name) {
    expr::Ast needs;
    needs.kind = expr::Ast::Kind::name;
    needs.name = "needs";
    expr::Ast job;
    job.kind = expr::Ast::Kind::index;
    job.children.push_back(std::move(needs));
    job.children.emplace_back().value = Value::of(id);
    expr::Ast outputs;
    outputs.kind = expr::Ast::Kind::member;
    outputs.name = "outputs";
    outputs.children.push_back(std::move(job));
    expr::Ast out;
    out.kind = expr::Ast::Kind::member;
    out.name = name;
    out.children.push_back(std::move(outputs));
    return out;
}

}  // namespace

Evaluation::Evaluation(const Input& input, const Calls& calls, int call, std::string job,
                       config::Diagnostics& diagnostics)
    : input_(input), calls_(calls), call_(call), job_(std::move(job)), diagnostics_(diagnostics) {
    context_.contexts = Value::object(common_values(input));
    context_.world = world_of(input);
}

void Evaluation::set(std::string name, Value value) {
    set_field(context_, std::move(name), std::move(value));
}

void Evaluation::set_in(int call, std::string name, Value value) {
    set_field(context_of(call), std::move(name), std::move(value));
}

void Evaluation::extend(std::string_view name, std::vector<expr::Field> fields) {
    if (fields.empty()) return;
    Value object = Value::object({});
    if (const Value* known = context_.contexts.find(name)) object = *known;
    for (expr::Field& field : fields) object.fields.push_back(std::move(field));
    set(std::string(name), std::move(object));
}

expr::Context& Evaluation::context_of(int call) {
    if (call == call_) return context_;
    const auto [at, is_new] = frames_.try_emplace(call);
    if (is_new) {
        at->second.contexts = Value::object(common_values(input_));
        at->second.world = world_of(input_);
    }
    return at->second;
}

void Evaluation::enter(int number) {
    const Call& call = calls_.at(number);
    const Node* with = call.node.find("with");
    std::vector<expr::Field> params;
    for (const Param& param : call.params) {
        const Node* given = with == nullptr ? nullptr : with->find(param.name);
        if (given == nullptr || given->is_null())
            given = param.fallback ? &*param.fallback : nullptr;
        if (given == nullptr) continue;  // has been said
        if (auto late = late_param(param, *given)) {
            late_params_[number].insert_or_assign(param.name, std::move(*late));
            continue;
        }
        const auto value = text(*given, config::Scalar::value);
        if (!value) continue;
        if (const auto complaint = check_param(param, *value)) {
            fail(*given, 0, complaint->id, fmt::format("{}: {}", where(), complaint->message),
                 complaint->hint);
            continue;
        }
        params.push_back({param.name, value_of(param.type, *value)});
    }
    set_field(context_of(number), "params", Value::object(std::move(params)));
}

std::optional<expr::Ast> Evaluation::late_param(const Param& param, const Node& given) {
    if (!expr::has_expression(given.text)) return std::nullopt;
    expr::Template parts;
    std::vector<expr::Problem> problems;
    if (!expr::parse_template(given.text, parts, problems)) return std::nullopt;
    for (auto& part : parts.parts)
        if (part.is_expression) resolve(part.ast, given.place.call);
    if (!reads(parts, {"needs"})) return std::nullopt;
    if (!param.options.empty() || param.min || param.max || !param.pattern.empty()) {
        // Before anything reads it: late texts are evaluated in their order.
        TextProblem problem;
        auto checked = fold_text(parts, context_of(given.place.call), {"needs"}, problem);
        if (!checked) return std::nullopt;  // text() says so
        late_.push_back({"", std::move(checked->text), config::Scalar::value, "",
                         json::serialize(to_json(param))});
    }
    // The parts are joined as text, as they would be now, and read back as what the param is: a
    // number or boolean may stand in a script, so it must be one whatever the output holds.
    expr::Ast list;
    list.kind = expr::Ast::Kind::list;
    for (auto& part : parts.parts) {
        if (part.is_expression) {
            list.children.push_back(std::move(part.ast));
        } else {
            list.children.emplace_back().value = Value::of(part.text);
        }
    }
    expr::Ast text = call_of("join", std::move(list));
    text.children.emplace_back().value = Value::of("");
    if (param.type == model::ParamType::number) return call_of("number", std::move(text));
    if (param.type != model::ParamType::boolean) return text;
    expr::Ast is_true;
    is_true.kind = expr::Ast::Kind::comparison;
    is_true.name = "==";
    is_true.children.push_back(call_of("from_json", std::move(text)));
    is_true.children.emplace_back().value = Value::of(true);
    return is_true;
}

void Evaluation::resolve(expr::Ast& ast, int number) const {
    resolve_call(ast, number);
    // An output of a caller is one of a job that it calls.
    expr::Ast giver;
    replace_chains(ast, [&](const Names& names) -> const expr::Ast* {
        if (names.size() != 4 || names[0] != "needs" || names[2] != "outputs") return nullptr;
        const std::string id = calls_.giver_of(names[1], names[3]);
        if (id.empty()) return nullptr;
        giver = output_of(id, names[3]);
        return &giver;
    });
}

void Evaluation::resolve_call(expr::Ast& ast, int number) const {
    if (number == 0) return;
    const Call& call = calls_.at(number);
    if (!call.prefix.empty())
        rename_ids(ast, "needs", [&](const std::string& id) { return calls_.full_id(number, id); });
    if (call.of_steps)
        rename_ids(ast, "steps",
                   [&](const std::string& id) { return fmt::format("{}/{}", call.number, id); });
    const auto late = late_params_.find(number);
    if (late == late_params_.end()) return;
    replace_chains(ast, [&](const Names& names) -> const expr::Ast* {
        if (names.size() != 2 || names[0] != "params") return nullptr;
        const auto found = late->second.find(names[1]);
        return found == late->second.end() ? nullptr : &found->second;
    });
}

std::string Evaluation::where() const {
    return fmt::format("`{}` for a {} event", job_, to_text(input_.event.kind));
}

void Evaluation::fail(const Node& node, std::size_t offset, std::string_view id,
                      std::string message, std::string hint) {
    failed_ = true;
    if (quiet_) return;
    diagnostics_.error(diagnostics_.within(node, offset), id, std::move(message), std::move(hint));
}

Evaluation::Inside::Inside(Evaluation& evaluation, std::initializer_list<std::string_view> place)
    : evaluation_(evaluation), length_(evaluation.place_.size()) {
    for (const std::string_view segment : place) {  // as RFC 6901 writes it
        evaluation_.place_ += '/';
        for (const char c : segment)
            evaluation_.place_ += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
    }
}

Evaluation::Inside::~Inside() {
    evaluation_.place_.resize(length_);
}

std::optional<std::string> Evaluation::keep(const Node& node, Folded folded, config::Scalar type,
                                            std::string_view choices) {
    if (place_.empty()) {
        fail(node, 0, "context_not_here",
             fmt::format("{}: this is needed before any job has run, and a param in it reads "
                         "`needs`",
                         where()),
             "`if`, `env`, `image`, `run`, `environment` and the keys of kinds can");
        return std::nullopt;
    }
    late_.push_back({place_, std::move(folded.text), type, std::string(choices)});
    return std::string{};
}

std::optional<std::string> Evaluation::text(const Node& node, config::Scalar type,
                                            std::string_view choices) {
    if (!expr::has_expression(node.text)) return node.text;
    expr::Template parts;
    std::vector<expr::Problem> problems;
    if (!expr::parse_template(node.text, parts, problems))
        return std::nullopt;  // check_types has said so
    for (auto& part : parts.parts)
        if (part.is_expression) resolve(part.ast, node.place.call);
    Contexts later{"needs"};
    if (reads_steps_) later.insert("steps");
    TextProblem problem;
    auto folded = fold_text(parts, context_of(node.place.call), later, problem);
    if (!folded) {
        fail(node, problem.offset, problem.id, fmt::format("{}: {}", where(), problem.message),
             problem.hint);
        return std::nullopt;
    }
    if (!folded->known) return keep(node, std::move(*folded), type, choices);
    if (const auto complaint = config::check_scalar(type, folded->text, choices)) {
        fail(node, 0, complaint->id, fmt::format("{}: {}", where(), complaint->message),
             complaint->hint);
        return std::nullopt;
    }
    return std::move(folded->text);
}

std::string Evaluation::text_or(const Node* node, const config::Key& row, std::string fallback) {
    if (node == nullptr) return fallback;
    return text(*node, row.scalar, row.choices).value_or(std::move(fallback));
}

std::vector<std::string> Evaluation::texts(const Node& node, config::Scalar type,
                                           std::string_view choices) {
    std::vector<std::string> out;
    const auto add = [&](const Node& item) {
        // Only a place that may come later has places inside it.
        const std::string index = std::to_string(out.size());
        std::optional<Inside> inside;
        if (!place_.empty()) inside.emplace(*this, std::initializer_list<std::string_view>{index});
        if (auto value = text(item, type, choices)) out.push_back(std::move(*value));
    };
    if (node.is_scalar()) add(node);
    for (const Node& item : node.items)
        if (item.is_scalar()) add(item);
    return out;
}

std::optional<Decision> Evaluation::decide_at(const Node& condition, const Contexts& later) {
    auto ast = read_condition(condition, diagnostics_);
    if (!ast) {
        failed_ = true;
        return std::nullopt;
    }
    resolve(*ast, condition.place.call);
    const auto decision = decide(*ast, context_of(condition.place.call), later);
    if (decision) return *decision;
    const std::size_t open = condition.text.find("${{");
    fail(condition, (open == std::string::npos ? 0 : open + 3) + offset_of(decision.error()),
         decision.error().id, fmt::format("{}: {}", where(), decision.error().message),
         decision.error().id == "null_value"
             ? "give it a value with `??`, or ask `… != null &&` before"
             : "");
    return std::nullopt;
}

}  // namespace sluice::plan
