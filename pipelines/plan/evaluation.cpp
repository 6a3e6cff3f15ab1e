#include "pipelines/plan/evaluation.hpp"

#include <fmt/format.h>

#include <charconv>

namespace sluice::plan {
namespace {

using config::Node;
using expr::Value;

constexpr std::size_t k_max_text = 256 * 1024;

void set_field(expr::Context& context, std::string name, Value value) {
    std::erase_if(context.contexts.fields, [&](const expr::Field& f) { return f.name == name; });
    context.contexts.fields.push_back({std::move(name), std::move(value)});
}

std::size_t offset_of(const Error& error) {
    std::size_t offset = 0;
    std::from_chars(error.where.data(), error.where.data() + error.where.size(), offset);
    return offset;
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

void Evaluation::rename(expr::Ast& ast, int number) const {
    if (number == 0) return;
    const Call& call = calls_.at(number);
    if (!call.prefix.empty())
        rename_ids(ast, "needs", [&](const std::string& id) { return calls_.full_id(number, id); });
    if (call.of_steps)
        rename_ids(ast, "steps",
                   [&](const std::string& id) { return fmt::format("{}/{}", call.number, id); });
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

std::optional<std::string> Evaluation::joined(const Node& node, const expr::Template& parts) {
    const expr::Context& context = context_of(node.place.call);
    std::string out;
    for (const auto& part : parts.parts) {
        if (!part.is_expression) {
            out += part.text;
            continue;
        }
        const auto value = expr::evaluate(part.ast, context);
        if (!value) {
            fail(node, part.offset + offset_of(value.error()), value.error().id,
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
        out += expr::to_plain_text(*value);
        if (out.size() > k_max_text) {
            fail(node, part.offset, "too_long",
                 fmt::format("{}: the text grows over 256 KiB", where()));
            return std::nullopt;
        }
    }
    return out;
}

std::optional<std::string> Evaluation::text(const Node& node, config::Scalar type,
                                            std::string_view choices) {
    if (!expr::has_expression(node.text)) return node.text;
    expr::Template parts;
    std::vector<expr::Problem> problems;
    if (!expr::parse_template(node.text, parts, problems))
        return std::nullopt;  // check_types has said so
    auto out = joined(node, parts);
    if (!out) return std::nullopt;
    if (const auto complaint = config::check_scalar(type, *out, choices)) {
        fail(node, 0, complaint->id, fmt::format("{}: {}", where(), complaint->message),
             complaint->hint);
        return std::nullopt;
    }
    return out;
}

std::string Evaluation::text_or(const Node* node, const config::Key& row, std::string fallback) {
    if (node == nullptr) return fallback;
    return text(*node, row.scalar, row.choices).value_or(std::move(fallback));
}

std::vector<std::string> Evaluation::texts(const Node& node, config::Scalar type,
                                           std::string_view choices) {
    std::vector<std::string> out;
    const auto add = [&](const Node& item) {
        if (auto value = text(item, type, choices)) out.push_back(std::move(*value));
    };
    if (node.is_scalar()) add(node);
    for (const Node& item : node.items)
        if (item.is_scalar()) add(item);
    return out;
}

std::optional<Decision> Evaluation::decide_at(const Node& condition, std::string_view later) {
    auto ast = read_condition(condition, diagnostics_);
    if (!ast) {
        failed_ = true;
        return std::nullopt;
    }
    rename(*ast, condition.place.call);
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
