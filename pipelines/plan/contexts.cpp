#include "pipelines/plan/contexts.hpp"

#include "pipelines/base/quantity.hpp"
#include "pipelines/base/text.hpp"
#include "pipelines/plan/output_types.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::plan {
namespace {

using expr::Field;
using expr::Type;
using expr::TypeField;
using expr::Value;

Type internal() {
    return Type::string(expr::Taint::internal);
}

Type pull_request_type() {
    return Type::object({{"number", Type::number()},
                         {"title", Type::text()},
                         {"author", Type::text()},
                         {"source_branch", Type::text()},
                         {"target_branch", internal()},
                         {"draft", Type::boolean()},
                         {"fork", Type::boolean()},
                         {"labels", Type::list(Type::text())}})
        .or_null();
}

/// `team/app` of `https://git.example/team/app.git`, `git@git.example:team/app` and `/srv/app.git`
/// alike (there: `srv/app`).
std::string path_of(std::string_view url) {
    if (const auto scheme = url.find("://"); scheme != std::string_view::npos) {
        const auto slash = url.find('/', scheme + 3);
        url = slash == std::string_view::npos ? std::string_view{} : url.substr(slash);
    } else if (const auto colon = url.find(':'); colon != std::string_view::npos) {
        url.remove_prefix(colon + 1);
    }
    while (url.starts_with('/')) url.remove_prefix(1);
    while (url.ends_with('/')) url.remove_suffix(1);
    if (url.ends_with(".git")) url.remove_suffix(4);
    return std::string(url);
}

Value pull_request_value(const model::PullRequest& pr) {
    std::vector<Value> labels;
    for (const std::string& label : pr.labels) labels.push_back(Value::of(label));
    return Value::object({{"number", Value::of(static_cast<double>(pr.number))},
                          {"title", Value::of(pr.title)},
                          {"author", Value::of(pr.author)},
                          {"source_branch", Value::of(pr.source_branch)},
                          {"target_branch", Value::of(pr.target_branch)},
                          {"draft", Value::of(pr.draft)},
                          {"fork", Value::of(pr.fork)},
                          {"labels", Value::list(std::move(labels))}});
}

}  // namespace

expr::Scope common_scope() {
    std::vector<std::string> events;
    events.reserve(EnumNames<model::EventKind>::names.size());
    for (const auto name : EnumNames<model::EventKind>::names) events.emplace_back(name);
    expr::Scope scope;
    scope["event"] = Type::choice(std::move(events));
    scope["branch"] = Type::text().or_null();
    scope["target_branch"] = internal().or_null();
    scope["tag"] = Type::text().or_null();
    scope["default_branch"] = internal();
    scope["sha"] = Type::string();
    scope["short_sha"] = Type::string();
    scope["pr"] = pull_request_type();
    scope["commit"] = Type::object({{"message", Type::text()}, {"author", Type::text()}});
    scope["trusted"] = Type::boolean();
    scope["run"] = Type::object({{"number", Type::number()},
                                 {"id", Type::number()},
                                 {"attempt", Type::number()},
                                 {"url", internal()}});
    scope["job"] = Type::object({{"id", internal()}, {"name", internal()}});
    scope["project"] =
        Type::object({{"name", internal()}, {"url", internal()}, {"path", internal()}});
    scope["queue"] =
        Type::object({{"prs", Type::list(Type::number())}, {"position", Type::number()}}).or_null();
    // The date of the tick is digits and dashes of ours, so it may stand in scripts.
    scope["schedule"] =
        Type::object({{"name", internal()}, {"date", Type::string()}, {"time", internal()}})
            .or_null();
    scope["dataset"] =
        Type::object({{"name", internal()}, {"version", internal()}, {"digest", internal()}})
            .or_null();
    scope["params"] = Type::refused(
        "there are no `params` here",
        "declare them: `params: { target: staging }` at the top of .ci.yml or in the job");
    scope["matrix"] =
        Type::refused("this job has no `matrix`", "e.g. `matrix: { py: [3.11, 3.12] }`");
    scope["env"] = Type::refused("`env` cannot be read here");
    scope["needs"] = Type::refused("`needs` cannot be read here");
    scope["steps"] = Type::refused("`steps` is read only by `if` and `env` of later steps",
                                   "the script of a step finds it in a variable of its `env`");
    return scope;
}

Type matrix_type(const Matrix& matrix) {
    std::vector<TypeField> fields;
    for (const auto& [name, in_all_cells] : matrix.names) {
        Type type = matrix.late.contains(name) ? Type::text() : Type::string();
        type.nullable = !in_all_cells;
        fields.push_back({name, std::move(type)});
    }
    return Type::object(std::move(fields));
}

namespace {

Type output_type(const std::string& id, model::OutputType type) {
    switch (type) {
        case model::OutputType::string: return Type::text();
        case model::OutputType::number: return Type::number();
        case model::OutputType::boolean: return Type::boolean();
        case model::OutputType::digest: return Type::string();  // hex digits: safe everywhere
        case model::OutputType::list: return Type::list(Type::text());
        case model::OutputType::file:
        case model::OutputType::dir:
        case model::OutputType::dataset:
        case model::OutputType::model: break;
    }
    return Type::refused(fmt::format("`{}` is of type {}, it is no value", id, to_text(type)),
                         fmt::format("take it by `inputs: {{ x: {{ from: {} }} }}`", id));
}

Type outputs_type(const NeedView& need, bool may_be_missing) {
    std::vector<TypeField> fields;
    for (const auto& [name, type] : outputs_of(*need.job)) {
        Type out = output_type(need.id + "." + name, type);
        out.nullable = may_be_missing;
        fields.push_back({name, std::move(out)});
    }
    Type out = Type::object(std::move(fields));
    out.refusal_hint = fmt::format("`{}` declares it: `outputs: {{ name: string }}`", need.id);
    return out;
}

/// A parameter of a sweep as its best trial has it: a number when every value of it is one.
Type space_type(const config::Node& space) {
    const config::Node* values = space.find("values");
    const bool is_number =
        values == nullptr ||
        std::all_of(values->items.begin(), values->items.end(), [](const config::Node& value) {
            return value.plain && parse_decimal(value.text).has_value();
        });
    return is_number ? Type::number() : internal();
}

/// `needs.J.best`: the best trial of a sweep.
Type best_type(const NeedView& need) {
    const config::Node* sweep = need.job->find("sweep");
    if (sweep == nullptr)
        return Type::refused(
            fmt::format("`{}` has no `sweep`, so there is no best of its trials", need.id),
            fmt::format("read `needs.{0}.outputs`, or give `{0}` a `sweep`", need.id));
    std::vector<TypeField> params;
    if (const config::Node* space = sweep->find("space"))
        for (const config::Member& param : space->members)
            params.push_back({param.name, space_type(param.value)});
    std::vector<TypeField> known;
    if (const config::Node* objective = sweep->find("objective"))
        if (const config::Node* metric = objective->find("metric"))
            known.push_back({metric->text, Type::number()});
    Type metrics = Type::object(std::move(known));
    metrics.item.push_back(Type::number().or_null());  // whatever else the trial measured
    Type out = Type::object({{"params", Type::object(std::move(params))},
                             {"metrics", std::move(metrics)},
                             {"trial", Type::number()}});
    return need.optional ? std::move(out).or_null() : out;
}

Type need_type(const NeedView& need) {
    if (!need.is_named) return Type::object({});
    const Type result = Type::choice(
        {"passed", "warned", "failed", "errored", "cancelled", "not_selected", "blocked"});
    if (need.job == nullptr) return Type::object({{"result", result}});
    Type outputs = outputs_type(need, need.optional);
    if (need.matrix != nullptr && !need.by_cell &&
        (need.matrix->is_open || need.matrix->cells.size() > 1))
        outputs = Type::refused(
            need.matrix->is_open
                ? fmt::format("`needs.{}.outputs` would be those of all its cells", need.id)
                : fmt::format("`needs.{}.outputs` would be those of {} cells", need.id,
                              need.matrix->cells.size()),
            fmt::format(
                "read `needs.{0}.cells`, or need one cell: `{{ job: {0}, matrix: [axis] }}`",
                need.id));
    const Type cell = Type::object(
        {{"matrix", need.matrix == nullptr ? Type::object({}) : matrix_type(*need.matrix)},
         {"result", result},
         {"outputs", outputs_type(need, true)}});
    return Type::object({{"result", result},
                         {"outputs", std::move(outputs)},
                         {"cells", Type::list(cell)},
                         {"best", best_type(need)}});
}

}  // namespace

Type needs_type(const std::vector<NeedView>& ancestors) {
    std::vector<TypeField> jobs;
    jobs.reserve(ancestors.size());
    for (const NeedView& need : ancestors) jobs.push_back({need.id, need_type(need)});
    Type out = Type::object(std::move(jobs));
    out.refusal_hint = "only jobs that this one waits for can be read: add it to `needs`";
    return out;
}

Type steps_type(const std::vector<std::string>& ids) {
    const Type state =
        Type::choice({"passed", "warned", "failed", "errored", "cancelled", "skipped"});
    std::vector<TypeField> steps;
    steps.reserve(ids.size());
    Type outputs = Type::object({});
    outputs.item.push_back(Type::text());  // whatever it writes
    for (const std::string& id : ids)
        steps.push_back(
            {id, Type::object({{"outcome", state}, {"result", state}, {"outputs", outputs}})});
    return Type::object(std::move(steps));
}

std::vector<Field> common_values(const Input& input) {
    const model::Event& event = input.event;
    const bool has_branch =
        event.kind == model::EventKind::push || event.kind == model::EventKind::schedule ||
        event.kind == model::EventKind::manual || event.kind == model::EventKind::dataset;
    const bool is_pull_request =
        event.kind == model::EventKind::pull_request && event.pull_request.has_value();
    // The commit id may stand in scripts, so it must be one.
    const std::string sha = text::is_commit_id(event.sha) ? event.sha : std::string{};
    std::vector<Field> out{
        {"event", Value::of(std::string(to_text(event.kind)))},
        // Null for pull requests, so that `branch == default_branch` cannot be true before a merge.
        {"branch", has_branch ? Value::text_or_null(event.branch) : Value{}},
        {"tag", event.kind == model::EventKind::tag ? Value::text_or_null(event.tag) : Value{}},
        {"default_branch", Value::of(input.default_branch)},
        {"sha", Value::of(sha)},
        {"short_sha", Value::of(sha.substr(0, 8))},
        {"commit", Value::object({{"message", Value::of(event.message)},
                                  {"author", Value::of(event.author)}})},
        {"trusted", Value::of(input.trusted)},
        {"run", Value::object({{"number", Value::of(static_cast<double>(input.run_number))},
                               {"id", Value::of(static_cast<double>(input.run_id))},
                               {"attempt", Value::of(static_cast<double>(input.run_attempt))},
                               {"url", Value::of(input.run_url)}})},
        {"project", Value::object({{"name", Value::of(input.project_name)},
                                   {"url", Value::of(input.project_url)},
                                   {"path", Value::of(path_of(input.project_url))}})},
    };
    if (is_pull_request) {
        out.push_back({"pr", pull_request_value(*event.pull_request)});
        out.push_back({"target_branch", Value::text_or_null(event.pull_request->target_branch)});
    }
    if (event.kind == model::EventKind::merge_queue && event.queue) {
        std::vector<Value> prs;
        for (const std::int64_t number : event.queue->prs)
            prs.push_back(Value::of(static_cast<double>(number)));
        out.push_back(
            {"queue",
             Value::object({{"prs", Value::list(std::move(prs))},
                            {"position", Value::of(static_cast<double>(event.queue->position))}})});
        out.push_back({"target_branch", Value::text_or_null(event.queue->target_branch)});
    }
    if (event.kind == model::EventKind::schedule && event.schedule)
        out.push_back({"schedule", Value::object({{"name", Value::of(event.schedule->name)},
                                                  {"date", Value::of(event.schedule->date)},
                                                  {"time", Value::of(event.schedule->time)}})});
    if (event.kind == model::EventKind::dataset && event.dataset)
        out.push_back({"dataset", Value::object({{"name", Value::of(event.dataset->name)},
                                                 {"version", Value::of(event.dataset->version)},
                                                 {"digest", Value::of(event.dataset->digest)}})});
    return out;
}

expr::World world_of(const Input& input) {
    expr::World world;
    world.changed = [&input](std::span<const std::string> globs) {
        return paths_changed(input, globs);
    };
    if (input.tree)
        world.tree = [&input]() -> const std::vector<expr::TreeFile>& { return *input.tree; };
    return world;
}

bool reads_tree(const std::vector<SourceFile>& files) {
    return std::any_of(files.begin(), files.end(), [](const SourceFile& file) {
        return file.text.find("exists(") != std::string::npos ||
               file.text.find("hash_files(") != std::string::npos;
    });
}

bool paths_changed(const Input& input, std::span<const std::string> globs) {
    if (!input.changed_paths) return true;
    const text::Globs compiled(globs);
    return std::any_of(input.changed_paths->begin(), input.changed_paths->end(),
                       [&](const std::string& path) { return compiled.match(path); });
}

}  // namespace sluice::plan
