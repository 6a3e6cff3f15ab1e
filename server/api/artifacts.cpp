/// What jobs left, for people: artifacts and file outputs.

#include "server/api/api.hpp"
#include "server/api/pack_files.hpp"
#include "server/api/views.hpp"

namespace sluice::api {

namespace {

json::Object view(const store::Pack& pack) {
    json::Value lineage;
    if (!pack.lineage.empty())
        if (auto value = json::parse(pack.lineage, {.bytes = 4u << 20}))
            lineage = std::move(*value);
    return {{"lineage", std::move(lineage)},
            {"name", pack.content.name},
            {"kind", to_text(pack.content.kind)},
            {"files", pack.content.files},
            {"bytes", pack.content.bytes},
            {"stored", pack.stored},
            {"digest", "sha256:" + pack.content.manifest.sha256},
            {"created_at", format_timestamp(pack.created_at)},
            {"expires_at", pack.expires_at ? json::Value(format_timestamp({*pack.expires_at}))
                                           : json::Value(nullptr)}};
}

bool expired(const store::Pack& pack, Timestamp now) {
    return pack.expires_at && *pack.expires_at <= now.ms;
}

/// The packs of the attempt that people see of a job; those of the original when it was carried
/// over.
awaitable<Result<std::vector<store::Pack>>> packs_of(Api& api, const Request& request) {
    SLUICE_CO_TRY(const JobId id, path_id<JobId>(request, "job"));
    auto read = [&api, id](store::Tx& tx) -> std::optional<std::vector<store::Pack>> {
        const auto job = store::find_job(tx, id);
        if (!job) return std::nullopt;
        std::vector<store::Pack> out;
        if (!job->log_attempt) return out;
        for (store::Pack& pack : store::packs_of(tx, job->log_attempt))
            if (pack.content.kind != protocol::PackKind::cache && !expired(pack, api.clock.now()))
                out.push_back(std::move(pack));
        return out;
    };
    auto found = co_await api.read(std::move(read));
    if (!found) co_return error(Code::not_found, "not_found", "no such job", "job");
    co_return std::move(*found);
}

awaitable<Result<store::Pack>> find_one(Api& api, const Request& request) {
    SLUICE_CO_TRY(auto packs, co_await packs_of(api, request));
    const std::string& name = request.params.at("name");
    std::string kind = query_text(request, "kind");
    if (kind.empty()) kind = "artifact";
    for (store::Pack& pack : packs)
        if (pack.content.name == name && to_text(pack.content.kind) == kind)
            co_return std::move(pack);
    co_return error(Code::not_found, "not_found",
                    "the job has no such " + std::string(kind == "output" ? "output" : "artifact") +
                        " (any more)",
                    "name");
}

awaitable<Reply> list(Api& api, Request& request) {
    SLUICE_CO_TRY_REPLY(const auto packs, co_await packs_of(api, request));
    json::Array out;
    for (const store::Pack& pack : packs) out.push_back(view(pack));
    co_return json_reply(json::Object{{"artifacts", std::move(out)}});
}

awaitable<Reply> show(Api& api, Request& request) {
    SLUICE_CO_TRY_REPLY(const store::Pack pack, co_await find_one(api, request));
    json::Object out = view(pack);
    out["pack"] = protocol::to_json(pack.content);
    co_return json_reply(out);
}

awaitable<Reply> list_files(Api& api, Request& request) {
    SLUICE_CO_TRY_REPLY(const store::Pack pack, co_await find_one(api, request));
    SLUICE_CO_TRY_REPLY(const auto limit, query_integer(request, "limit", 1000, 1, 10'000));
    PackQuery query;
    query.folder = query_text(request, "folder");
    if (!query.folder.empty() && !query.folder.ends_with('/')) query.folder += '/';
    query.after = query_text(request, "after");
    query.flat = query_text(request, "flat") == "true";
    query.limit = static_cast<std::size_t>(limit);
    auto load = [&api, &pack, &query] { return pack_page(api.blobs, pack.content, query); };
    auto page = co_await runtime::run_on(api.blob_pool, std::move(load));
    if (!page) co_return http::error_reply(page.error());
    json::Object out{{"files", std::move(page->files)}, {"next", nullptr}};
    if (!page->next.empty()) out["next"] = page->next;
    co_return json_reply(out);
}

awaitable<Reply> one_file(Api& api, Request& request) {
    SLUICE_CO_TRY_REPLY(const store::Pack pack, co_await find_one(api, request));
    const std::string& path = request.params.at("path");
    auto find = [&api, &pack, &path] { return find_pack_file(api.blobs, pack.content, path); };
    auto file = co_await runtime::run_on(api.blob_pool, std::move(find));
    if (!file) co_return http::error_reply(file.error());
    co_return pack_file_reply(api, std::move(*file), request.header("range"));
}

awaitable<Reply> one_blob(Api& api, Request& request) {
    SLUICE_CO_TRY_REPLY(store::Pack pack, co_await find_one(api, request));
    co_return co_await pack_blob_reply(api, std::move(pack.content), request.params.at("sha256"),
                                       std::string(request.header("range")));
}

}  // namespace

std::vector<http::Route> artifact_routes(Api& api) {
    using http::Method;
    const std::string job = "/api/v1/jobs/{job}/artifacts";
    const auto get = [&api](std::string pattern, awaitable<Reply> (*handler)(Api&, Request&)) {
        return person(api, Method::get, std::move(pattern), Role::read,
                      [&api, handler](Request& r, const Principal&) { return handler(api, r); });
    };
    return {
        get(job, list),
        get(job + "/{name}", show),
        get(job + "/{name}/files", list_files),
        get(job + "/{name}/files/{path*}", one_file),
        get(job + "/{name}/blobs/{sha256}", one_blob),
    };
}

}  // namespace sluice::api
