// The commit of an attempt, for its runner.
#include "pipelines/protocol/agent.hpp"

#include "server/api/api.hpp"
#include "server/api/lease_route.hpp"
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

awaitable<Reply> source(Api& api, Request& request, AttemptId id) {
    SLUICE_CO_TRY_REPLY(const auto value, co_await json_body(request));
    SLUICE_CO_TRY_REPLY(auto body, protocol::parse_source(value));
    auto live = co_await live_or_revived(api, id);
    if (!live) co_return lease_lost();
    // The commit comes from the attempt, never from the request (rule 25).
    auto read = [run = live->run](store::Tx& tx) { return store::find_run(tx, run); };
    auto run = co_await api.read(std::move(read));
    auto project = api.projects.find(run.value().project).value();
    const bool has_it = std::find(body.have.begin(), body.have.end(), run->sha) != body.have.end();
    if (has_it && !body.history)
        co_return Reply{204, "", {{protocol::k_commit_header, run->sha}}, std::string{}};
    const git::Repo repo{project.id, project.url};
    git::PackRequest wanted{run->sha, std::move(body.have), body.history};
    if (wanted.history) wanted.branches = branches_of(*run, project);
    SLUICE_CO_TRY_REPLY(auto pack, co_await api.git.pack(repo, std::move(wanted)));
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
                {{protocol::k_commit_header, run->sha}},
                http::FileBody{opened.fd, 0, opened.size}};
    if (!pack.base.empty()) reply.headers.emplace_back(protocol::k_base_header, pack.base);
    co_return reply;
}

}  // namespace

std::vector<http::Route> runner_source_routes(Api& api) {
    return {lease_route(api, http::Method::post, "/agent/v1/attempts/{attempt}/source",
                        [&api](Request& r, AttemptId id) { return source(api, r, id); })};
}

}  // namespace sluice::api
