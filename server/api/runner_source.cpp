// The commit of an attempt, for its runner.
#include "pipelines/protocol/agent.hpp"
#include "pipelines/protocol/lfs.hpp"

#include "server/api/api.hpp"
#include "server/api/lease_route.hpp"
#include "server/api/pack_files.hpp"
#include "server/store/packs.hpp"
#include "server/store/runs.hpp"

#include <fcntl.h>

#include <algorithm>
#include <filesystem>

namespace sluice::api {

namespace {

struct Opened {
    std::shared_ptr<files::Fd> fd;
    std::int64_t size = 0;
};

/// Branches that steps compare with.
std::vector<std::string> branches_of(const store::Run& run, const store::Project& project) {
    std::vector<std::string> out{project.default_branch};
    if (!run.target_branch.empty() && run.target_branch != out.front())
        out.push_back(run.target_branch);
    return out;
}

/// The submodules of an attempt's commit. A fork's change that nobody has approved names no
/// repositories that the server fetches.
awaitable<Result<std::vector<git::Submodule>>> submodules_of(Api& api, const store::Run& run,
                                                             const store::Project& project) {
    if (run.tier == model::Tier::t0)
        co_return error(Code::forbidden, "submodules_denied",
                        "a run of tier T0 gets no submodules");
    git::Repo repo{project.id, project.url, "", ""};
    co_return co_await api.git.submodules(std::move(repo), run.sha);
}

awaitable<Reply> submodules(Api& api, Request&, AttemptId id) {
    auto live = co_await live_or_revived(api, id);
    if (!live) co_return lease_lost();
    auto read = [run = live->run](store::Tx& tx) { return store::find_run(tx, run).value(); };
    const auto run = co_await api.read(std::move(read));
    const auto project = api.projects.find(run.project).value();
    SLUICE_CO_TRY_REPLY(const auto found, co_await submodules_of(api, run, project));
    protocol::SubmodulesReply reply;
    for (const git::Submodule& submodule : found)
        reply.submodules.push_back({submodule.path, submodule.commit, submodule.repo.url});
    co_return json_reply(protocol::to_json(reply));
}

/// What a runner asks for: the commit of its run, or that of a submodule of it.
struct Asked {
    git::Repo repo;
    std::string commit;
    std::string mirror{};
};

/// The commit comes from the attempt, never from the request (rule 25).
awaitable<Result<Asked>> asked(Api& api, const store::Run& run, const store::Project& project,
                               const std::string& submodule) {
    if (submodule.empty()) co_return Asked{{project.id, project.url, "", ""}, run.sha};
    SLUICE_CO_TRY(const auto known, co_await submodules_of(api, run, project));
    const auto at = std::find_if(known.begin(), known.end(),
                                 [&](const git::Submodule& one) { return one.path == submodule; });
    if (at == known.end())
        co_return error(Code::not_found, "bad_submodule", "the commit has no such submodule",
                        "submodule");
    co_return Asked{at->repo, at->commit, at->mirror};
}

awaitable<Reply> source(Api& api, Request& request, AttemptId id) {
    SLUICE_CO_TRY_REPLY(const auto value, co_await json_body(request));
    SLUICE_CO_TRY_REPLY(auto body, protocol::parse_source(value));
    auto live = co_await live_or_revived(api, id);
    if (!live) co_return lease_lost();
    auto read = [run = live->run](store::Tx& tx) { return store::find_run(tx, run); };
    auto run = co_await api.read(std::move(read));
    auto project = api.projects.find(run.value().project).value();
    SLUICE_CO_TRY_REPLY(auto from, co_await asked(api, *run, project, body.submodule));
    const std::string commit = from.commit;
    body.history = body.history && body.submodule.empty();
    const bool has_it = std::find(body.have.begin(), body.have.end(), commit) != body.have.end();
    if (has_it && !body.history)
        co_return Reply{204, "", {{protocol::k_commit_header, commit}}, std::string{}};
    git::PackRequest wanted{commit, std::move(body.have), body.history};
    wanted.mirror = std::move(from.mirror);
    if (wanted.history) wanted.branches = branches_of(*run, project);
    SLUICE_CO_TRY_REPLY(auto pack, co_await api.git.pack(from.repo, std::move(wanted)));
    auto open = [path = pack.file]() -> Result<Opened> {
        SLUICE_TRY(auto fd, files::open(path, O_RDONLY));
        Opened opened;
        opened.size = static_cast<std::int64_t>(std::filesystem::file_size(path));
        opened.fd = std::make_shared<files::Fd>(std::move(fd));
        return opened;
    };
    SLUICE_CO_TRY_REPLY(auto opened, co_await runtime::run_on(api.disk, std::move(open)));
    ++api.source_packs;
    api.source_bytes += opened.size;
    Reply reply{200,
                "application/x-git-packed-objects",
                {{protocol::k_commit_header, commit}},
                http::FileBody{opened.fd, 0, opened.size}};
    if (!pack.base.empty()) reply.headers.emplace_back(protocol::k_base_header, pack.base);
    co_return reply;
}

awaitable<Reply> lfs(Api& api, Request& request, AttemptId id) {
    constexpr std::chrono::milliseconds k_longest{20'000};
    SLUICE_CO_TRY_REPLY(const auto value, co_await json_body(request));
    SLUICE_CO_TRY_REPLY(const auto body, protocol::parse_lfs(value));
    auto live = co_await live_or_revived(api, id);
    if (!live) co_return lease_lost();
    auto read = [run = live->run](store::Tx& tx) { return store::find_run(tx, run).value(); };
    const auto run = co_await api.read(std::move(read));
    // As with submodules: a fork's change that nobody has approved names nothing that the server
    // fetches.
    if (run.tier == model::Tier::t0)
        co_return http::error_reply(
            error(Code::forbidden, "lfs_denied", "a run of tier T0 gets no files of Git LFS"));
    const auto project = api.projects.find(run.project).value();
    SLUICE_CO_TRY_REPLY(auto from, co_await asked(api, run, project, body.submodule));
    SLUICE_CO_TRY_REPLY(auto listing, co_await api.git.lfs(from.repo, from.commit, from.mirror));
    protocol::LfsReply reply{listing.files, listing.files.empty()};
    if (!reply.ready) {
        core::LfsObjects::Wanted wanted{id, live->job, run, from.repo, std::move(listing)};
        const auto wait = std::min<std::chrono::milliseconds>(body.wait, k_longest);
        SLUICE_CO_TRY_REPLY(reply.ready, co_await api.lfs.bring(std::move(wanted), wait));
    }
    co_return json_reply(protocol::to_json(reply));
}

awaitable<Reply> lfs_object(Api& api, Request& request, AttemptId id) {
    const std::string& digest = request.params.at("sha256");
    auto live = co_await live_or_revived(api, id);
    if (!live) co_return lease_lost();
    // `lfs` has given it to the attempt, because its commit names it.
    auto look = [&api, id, &digest](store::Tx& tx) -> std::optional<std::int64_t> {
        if (!api.lfs.may_read(id, digest)) return std::nullopt;
        return store::blob_size(tx, digest);
    };
    const auto stored = co_await api.read(std::move(look));
    if (!stored)
        co_return http::error_reply(
            error(Code::not_found, "lfs_not_asked", "ask for the commit's files first", "sha256"));
    co_return co_await blob_reply(api, digest, *stored, "application/octet-stream",
                                  std::string(request.header("range")));
}

}  // namespace

std::vector<http::Route> runner_source_routes(Api& api) {
    const std::string base = "/agent/v1/attempts/{attempt}/";
    return {lease_route(api, http::Method::post, base + "source",
                        [&api](Request& r, AttemptId id) { return source(api, r, id); }),
            lease_route(api, http::Method::post, base + "submodules",
                        [&api](Request& r, AttemptId id) { return submodules(api, r, id); }),
            lease_route(api, http::Method::post, base + "lfs",
                        [&api](Request& r, AttemptId id) { return lfs(api, r, id); }),
            lease_route(api, http::Method::get, base + "lfs/{sha256}",
                        [&api](Request& r, AttemptId id) { return lfs_object(api, r, id); })};
}

}  // namespace sluice::api
