#include "pipelines/plan/lower_value.hpp"

#include "pipelines/base/quantity.hpp"
#include "pipelines/base/time.hpp"
#include "pipelines/model/wire.hpp"

#include <charconv>

namespace sluice::plan {
namespace {

using config::Key;
using config::Member;
using config::Node;
using config::Scalar;

json::Value whole(std::string_view text) {
    std::int64_t out = 0;
    std::from_chars(text.data(), text.data() + text.size(), out);
    return out;
}

json::Value scalar(const Node& node, Scalar type, std::string_view choices,
                   Evaluation& evaluation) {
    const std::size_t before = evaluation.late().size();
    const auto text = evaluation.text(node, type, choices);
    if (!text || evaluation.late().size() > before) return nullptr;
    return typed_value(type, *text);
}

json::Value map(const Node& node, config::Scopes scope, Evaluation& evaluation) {
    json::Object out;
    for (const Member& member : node.members)
        if (const Key* row = config::find_key(scope, member.name)) {
            const Evaluation::Inside inside(evaluation, {member.name});
            out[member.name] = lower_value(member.value, *row, evaluation);
        }
    return out;
}

json::Value named(const Node& node, const Key& row, Evaluation& evaluation) {
    json::Object out;
    for (const Member& member : node.members) {
        const Evaluation::Inside inside(evaluation, {member.name});
        out[member.name] = member.value.is_map()
                               ? map(member.value, row.entry_map, evaluation)
                               : scalar(member.value, row.entry, row.choices, evaluation);
    }
    return out;
}

json::Value variables(const Node& node, Evaluation& evaluation) {
    json::Object out;
    for (const Member& member : node.members) {
        const Evaluation::Inside inside(evaluation, {member.name});
        out[member.name] = scalar(member.value, Scalar::value, {}, evaluation);
    }
    return out;
}

}  // namespace

json::Value typed_value(Scalar type, const std::string& text) {
    switch (type) {
        case Scalar::boolean: return text == "true";
        case Scalar::count:
        case Scalar::positive:
        case Scalar::port:
        case Scalar::exit_code: return whole(text);
        case Scalar::number: return parse_decimal(text).value_or(0);
        case Scalar::duration: return parse_duration(text).value().count();
        case Scalar::size: return parse_size(text).value();
        case Scalar::cpu: return parse_cpu(text).value();
        case Scalar::percent: return parse_percent(text).value();
        case Scalar::none:
        case Scalar::version:
        case Scalar::line:
        case Scalar::script:
        case Scalar::amount:
        case Scalar::time:
        case Scalar::cron:
        case Scalar::timezone:
        case Scalar::condition:
        case Scalar::glob:
        case Scalar::path:
        case Scalar::job_id:
        case Scalar::template_id:
        case Scalar::name:
        case Scalar::label:
        case Scalar::image:
        case Scalar::secret:
        case Scalar::data:
        case Scalar::dataset:
        case Scalar::fragment:
        case Scalar::choice:
        case Scalar::value: break;
    }
    return model::wire::text(text);
}

json::Value lower_value(const Node& node, const Key& row, Evaluation& evaluation) {
    switch (node.kind) {
        case Node::Kind::null: return nullptr;
        case Node::Kind::scalar: return scalar(node, row.scalar, row.choices, evaluation);
        case Node::Kind::list: {
            json::Array out;
            for (const Node& item : node.items) {
                const std::string index = std::to_string(out.size());
                const Evaluation::Inside inside(evaluation, {index});
                out.push_back(item.is_map() ? map(item, row.item_map, evaluation)
                                            : scalar(item, row.item, row.choices, evaluation));
            }
            return out;
        }
        case Node::Kind::map:
            if (row.map == config::scope_env) return variables(node, evaluation);
            if (row.map == config::scope_names) return named(node, row, evaluation);
            return map(node, row.map, evaluation);
    }
    return nullptr;
}

}  // namespace sluice::plan
