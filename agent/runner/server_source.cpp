#include "agent/runner/server_source.hpp"

#include "agent/log.hpp"

#include <algorithm>
#include <thread>

namespace sluice::agent {

namespace {

/// Below that, asking the server is as fast as copying, and nothing has to be cleaned up.
constexpr std::uint64_t k_worth_keeping = 64 << 10;

std::uint64_t bytes_in(const files::Path& folder) {
    std::uint64_t sum = 0;
    std::error_code failed;
    for (std::filesystem::directory_iterator at(folder, failed), end; !failed && at != end;
         at.increment(failed)) {
        const auto size = at->file_size(failed);
        if (!failed) sum += size;
    }
    return sum;
}

std::string repository_of(const protocol::ClaimedJob& job) {
    const auto url = job.env.find("CI_REPO_URL");
    return url == job.env.end() ? std::string() : url->second;
}

/// Where a submodule goes: the folder that the checkout of the outer one has made for it, which is
/// not reached through a link.
Result<files::Path> place_of(const files::Path& workspace, const std::string& path) {
    std::error_code failed;
    const files::Path top = std::filesystem::canonical(workspace, failed);
    const files::Path real = std::filesystem::canonical(workspace / path, failed);
    if (failed || real != top / path || !std::filesystem::is_directory(real) || real == top)
        return error(Code::invalid, "source",
                     "submodule \"" + path + "\" has no folder of its own in the workspace");
    return real;
}

}  // namespace

ServerSource::ServerSource(ServerAddress server, AttemptId attempt, std::string lease_token,
                           SourceCache cache)
    : api_(server, attempt, std::move(lease_token)),
      server_(std::move(server.url)),
      cache_(std::move(cache)) {}

void ServerSource::interrupt() {
    interrupted_ = true;
    api_.interrupt();
}

std::optional<SourceStore> ServerSource::store_of(const protocol::ClaimedJob& job,
                                                  const std::string& url, bool history) const {
    if (cache_.max_bytes == 0 || job.project.value == 0) return std::nullopt;
    return SourceStore(cache_.folder, SourceStore::Project{server_, job.project, url}, history);
}

Result<> ServerSource::checkout(const protocol::ClaimedJob& job, const files::Path& workspace,
                                const Note& note) {
    const model::CheckoutSettings& settings = job.spec.checkout;
    Part own;
    own.commit = job.sha;
    own.history = settings.full_history;
    own.folder = workspace;
    own.store = store_of(job, repository_of(job), own.history);
    SLUICE_CHECK(carry(std::move(own), note));
    std::map<std::string, files::Path> submodules;
    if (settings.submodules) {
        SLUICE_TRY(submodules, carry_submodules(job, workspace, note));
    }
    if (!settings.lfs) return {};
    SLUICE_CHECK(carry_lfs(workspace, "", note));
    for (const auto& [path, folder] : submodules) SLUICE_CHECK(carry_lfs(folder, path, note));
    return {};
}

Result<std::map<std::string, files::Path>> ServerSource::carry_submodules(
    const protocol::ClaimedJob& job, const files::Path& workspace, const Note& note) {
    std::map<std::string, files::Path> out;
    Result<protocol::SubmodulesReply> list = api_.submodules();
    while (!list) {
        SLUICE_CHECK(after_refusal(list.error()));
        list = api_.submodules();
    }
    for (const auto& submodule : list->submodules) {
        Part part;
        part.commit = submodule.commit;
        part.submodule = submodule.path;
        SLUICE_TRY(part.folder, place_of(workspace, submodule.path));
        part.store = store_of(job, submodule.url, false);
        out.emplace(submodule.path, part.folder);
        note("source: submodule " + submodule.path + " at " + submodule.commit);
        Result<> carried = carry(std::move(part), note);
        if (carried) continue;
        Error refusal = carried.error();
        refusal.message = "submodule \"" + submodule.path + "\": " + refusal.message;
        return refusal;
    }
    return out;
}

Result<> ServerSource::after_refusal(const Error& refusal) {
    if (interrupted_)
        return error(Code::unavailable, "interrupted", "the checkout was interrupted");
    // The server has tried to reach the LFS server for long enough.
    const bool is_final = refusal.id == "disk_full" || refusal.id == "lfs_unreachable";
    if (is_final || !is_transient(refusal)) return refusal;
    std::this_thread::sleep_for(backoff_.next());
    return {};
}

Result<> ServerSource::carry(Part part, const Note& note) {
    backoff_.reset();
    while (true) {
        part.borrowed = false;
        Result<> fetched = fetch(part);
        if (fetched) return fetched;
        const Error& refusal = fetched.error();
        if (part.borrowed && !is_transient(refusal) && refusal.id != "disk_full") {
            note(
                "source: what this agent has kept of the project cannot be used, fetching all of "
                "it anew: " +
                refusal.message);
            if (!part.store->discard() || part.discarded) part.store.reset();
            part.discarded = true;
        } else {
            SLUICE_CHECK(after_refusal(refusal));
        }
        // A half pack is thrown away; the next answer starts anew.
        SLUICE_CHECK(files::remove_tree(part.folder));
        SLUICE_CHECK(files::make_dirs(part.folder, 0755));
    }
}

namespace {

/// True when what holds `commit` is in the checkout now. `borrowed` turns true when the store had
/// it, whole or not.
bool borrow(SourceCheckout& checkout, const std::optional<SourceStore>& store,
            const std::string& commit, bool& borrowed) {
    if (!store) return false;
    const Result<bool> lent = store->lend(commit, checkout.packs());
    // Another runner may have forgotten it: that is no reason for a word to the user.
    if (!lent && lent.error().code == Code::not_found) return false;
    borrowed = borrowed || !lent || *lent;
    return lent && *lent;
}

}  // namespace

Result<> ServerSource::fetch(Part& part) {
    SLUICE_TRY(SourceCheckout checkout, SourceCheckout::begin(part.folder));
    // Tags move while commits do not: a history is always asked for.
    if (!part.history && borrow(checkout, part.store, part.commit, part.borrowed))
        return checkout.finish(part.commit);
    SLUICE_CHECK(receive(checkout, part));
    SLUICE_CHECK(checkout.finish(part.commit, part.history));
    if (!part.store || bytes_in(checkout.packs()) < k_worth_keeping) return {};
    if (Result<> kept = part.store->keep(part.commit, checkout.packs()); !kept)
        log::warn(fmt::format("cannot keep the source commit={} error=\"{}\"", part.commit,
                              kept.error().message));
    kept_ = true;
    return {};
}

Result<> ServerSource::receive(SourceCheckout& checkout, Part& part) {
    protocol::SourceRequest wanted;
    wanted.history = part.history;
    wanted.submodule = part.submodule;
    if (part.store) wanted.have = part.store->commits();
    if (!wanted.history) std::erase(wanted.have, part.commit);
    Result<> fed;
    Result<std::string> base = api_.source(wanted, [&](std::string_view piece) {
        fed = checkout.feed(piece);
        return fed.has_value();
    });
    if (!fed) return fed;
    if (!base) {
        Error refusal = base.error();
        // The server's disk, not ours: its room is waited for.
        if (refusal.id == "disk_full") refusal.id = "server_disk_full";
        return refusal;
    }
    if (base->empty()) return {};
    const bool named =
        std::find(wanted.have.begin(), wanted.have.end(), *base) != wanted.have.end();
    if (!named)
        return error(Code::invalid, "source",
                     "the server builds on a commit that was not named to it");
    if (borrow(checkout, part.store, *base, part.borrowed)) return {};
    part.borrowed = true;
    return error(Code::invalid, "source", "commit " + *base + " is not here any more");
}

void ServerSource::tidy() {
    if (kept_) trim_source_store(cache_.folder, cache_.max_bytes);
}

}  // namespace sluice::agent
