#include "pipelines/plan/evaluation.hpp"

#include <fmt/format.h>

#include <charconv>

namespace sluice::plan {
namespace {

using config::Node;
using expr::Value;

constexpr std::size_t k_max_text = 256 * 1024;

std::size_t offset_of(const Error& error) {
    std::size_t offset = 0;
    std::from_chars(error.where.data(), error.where.data() + error.where.size(), offset);
    return offset;
}

}  // namespace

Evaluation::Evaluation(const Input& input, std::string job, config::Diagnostics& diagnostics)
    : input_(input), job_(std::move(job)), diagnostics_(diagnostics) {
    context_.contexts = Value::object(common_values(input));
    context_.world = world_of(input);
}

void Evaluation::set(std::string name, Value value) {
    std::erase_if(context_.contexts.fields, [&](const expr::Field& f) { return f.name == name; });
    context_.contexts.fields.push_back({std::move(name), std::move(value)});
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
    std::string out;
    for (const auto& part : parts.parts) {
        if (!part.is_expression) {
            out += part.text;
            continue;
        }
        const auto value = expr::evaluate(part.ast, context_);
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

}  // namespace sluice::plan
