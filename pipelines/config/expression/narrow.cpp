/// What a condition that holds rules out: nulls.
#include "pipelines/config/expression/check.hpp"

namespace sluice::config::expression {

void narrow_event(std::string_view event, Narrowed& narrowed) {
    if (event == "push") narrowed.insert("branch");
    if (event == "schedule" || event == "dataset") narrowed.insert({"branch", std::string(event)});
    if (event == "merge_queue") narrowed.insert({"queue", "target_branch"});
    if (event == "tag") narrowed.insert("tag");
    if (event == "pull_request") narrowed.insert({"pr", "target_branch"});
}

Narrowed narrowed_by(const Ast& condition) {
    Narrowed out;
    if (condition.kind == Ast::Kind::all_of)
        for (const Ast& child : condition.children) out.merge(narrowed_by(child));
    if (condition.kind != Ast::Kind::comparison) return out;
    for (std::size_t side = 0; side < 2; ++side) {
        const Ast& value = condition.children[1 - side];
        const std::string name = dotted(condition.children[side]);
        if (value.kind != Ast::Kind::literal || name.empty()) continue;
        if (condition.name == "!=" && value.value.is_null()) out.insert(name);
        if (condition.name != "==" || value.value.is_null()) continue;
        out.insert(name);
        if (name == "event") narrow_event(value.value.string, out);
    }
    return out;
}

}  // namespace sluice::config::expression
