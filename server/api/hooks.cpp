#include "server/api/api.hpp"
#include "server/api/views.hpp"

#include "hooks/event.hpp"
#include "pipelines/base/text.hpp"

namespace sluice::api {

namespace {

constexpr std::size_t k_hook_body_max = 25 << 20;

struct Verified {
    store::Project project;
    const hooks::Forge* forge = nullptr;
    hooks::RawDelivery raw;
};

/// Reads the body and checks its signature. The MAC is computed for unknown projects too, so that
/// timing tells nothing (S11).
awaitable<Result<Verified>> verified(Api& api, Request& request, const std::string& source) {
    Verified out;
    out.forge = hooks::forge_by_name(source);
    if (!out.forge)
        co_return error(Code::not_found, "unknown_source",
                        "hooks come from git, github, gitlab or gitea", "source");
    SLUICE_CO_TRY(out.raw.body, co_await request.body->read_all(k_hook_body_max));
    out.raw.headers = request.headers;
    out.raw.duplicates = request.repeated;
    auto project = api.projects.find(request.params.at("project"));
    auto good =
        out.forge->verify(out.raw, project ? project->hook_secret : "no project has this secret");
    if (!project)
        co_return error(Code::not_found, "unknown_project", "no project of that name", "project");
    if (!good) co_return good.error();
    out.project = std::move(*project);
    co_return out;
}

awaitable<Reply> receive(Api& api, Request& request) {
    const std::string source = request.params.at("source");
    auto checked = co_await verified(api, request, source);
    if (!checked) co_return http::error_reply(checked.error());
    auto receipt = co_await api.intake.receive(checked->project, source, *checked->forge,
                                               std::move(checked->raw));
    if (!receipt) co_return http::error_reply(receipt.error());
    json::Object body{{"delivery", receipt->delivery.value}, {"outcome", receipt->outcome}};
    if (!receipt->reason.empty()) body["reason"] = receipt->reason;
    co_return json_reply(std::move(body), 202);
}

/// May a protected branch move to this commit? Asked by the update hook before the push is
/// accepted.
awaitable<Reply> gate(Api& api, Request& request) {
    auto checked = co_await verified(api, request, "git");
    if (!checked) co_return http::error_reply(checked.error());
    auto body = json::parse(checked->raw.body);
    if (!body) co_return http::error_reply(body.error());
    json::ObjectReader reader(*body, "");
    const auto ref = reader.string("ref", 4096);
    reader.string("old", 64);
    const auto sha = reader.string("new", 64);
    if (auto fields = reader.finish(); !fields) co_return http::error_reply(fields.error());
    constexpr std::string_view heads = "refs/heads/";
    if (!ref.starts_with(heads) || text::is_zero_id(sha))
        co_return json_reply(
            json::Object{{"verdict", "unprotected"}, {"summary", "not a branch update"}});
    auto verdict = co_await api.gate.verdict(checked->project, sha, ref.substr(heads.size()));
    if (!verdict) co_return http::error_reply(verdict.error());
    if (verdict->rules == core::GateRules::absent)
        co_return json_reply(
            json::Object{{"verdict", "unprotected"},
                         {"summary", "no `gate` of this branch's .ci.yml names it"}});
    co_return json_reply(
        json::Object{{"verdict", to_text(verdict->color)}, {"summary", verdict->summary}});
}

awaitable<Reply> deliveries(Api& api, Request& request) {
    auto limit = query_integer(request, "limit", 50, 1, 200);
    if (!limit) co_return http::error_reply(limit.error());
    std::optional<ProjectId> project;
    if (const auto name = query_text(request, "project"); !name.empty()) {
        auto found = api.projects.find(name);
        if (!found)
            co_return http::error_reply(
                error(Code::not_found, "unknown_project", "no project of that name", "project"));
        project = found->id;
    }
    auto read = [project, limit = *limit](store::Tx& tx) {
        return store::recent_deliveries(tx, project, limit);
    };
    auto rows = co_await api.read(std::move(read));
    json::Array out;
    for (const auto& row : rows) out.push_back(view(row));
    co_return json_reply(json::Object{{"deliveries", std::move(out)}});
}

}  // namespace

std::vector<http::Route> hook_routes(Api& api) {
    using http::Method;
    return {
        {Method::post, "/hooks/{source}/{project}", http::Auth::signature,
         [&api](Request& r) { return receive(api, r); }},
        {Method::post, "/hooks/git/{project}/gate", http::Auth::signature,
         [&api](Request& r) { return gate(api, r); }},
        person(api, Method::get, "/api/v1/deliveries", Role::write,
               [&api](Request& r, const Principal&) { return deliveries(api, r); }),
    };
}

}  // namespace sluice::api
