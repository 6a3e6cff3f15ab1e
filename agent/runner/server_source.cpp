#include "agent/runner/server_source.hpp"

#include "agent/backoff.hpp"
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

Result<> ServerSource::checkout(const protocol::ClaimedJob& job, const files::Path& workspace,
                                const std::function<void(const std::string&)>& note) {
    if (cache_.max_bytes > 0 && job.project.value != 0)
        store_.emplace(cache_.folder,
                       SourceStore::Project{server_, job.project, repository_of(job)},
                       job.spec.checkout.full_history);
    Backoff backoff;
    while (true) {
        borrowed_ = false;
        Result<> fetched = fetch(job, workspace);
        if (fetched) return fetched;
        if (interrupted_)
            return error(Code::unavailable, "interrupted", "the checkout was interrupted");
        if (fetched.error().id == "disk_full") return fetched;
        if (!is_transient(fetched.error())) {
            if (!borrowed_) return fetched;
            note(
                "source: what this agent has kept of the project cannot be used, fetching all of "
                "it anew: " +
                fetched.error().message);
            (void)store_->discard();
            store_.reset();
        } else {
            std::this_thread::sleep_for(backoff.next());
        }
        // A half pack is thrown away; the next answer starts anew.
        SLUICE_CHECK(files::remove_tree(workspace));
        SLUICE_CHECK(files::make_dirs(workspace, 0755));
    }
}

Result<> ServerSource::fetch(const protocol::ClaimedJob& job, const files::Path& workspace) {
    const bool history = job.spec.checkout.full_history;
    SLUICE_TRY(SourceCheckout checkout, SourceCheckout::begin(workspace));
    // Tags move while commits do not: a history is always asked for.
    if (!history && borrow(checkout, job.sha)) return checkout.finish(job.sha);
    SLUICE_CHECK(receive(checkout, job));
    SLUICE_CHECK(checkout.finish(job.sha, history));
    if (!store_ || bytes_in(checkout.packs()) < k_worth_keeping) return {};
    if (Result<> kept = store_->keep(job.sha, checkout.packs()); !kept)
        log::warn(fmt::format("cannot keep the source attempt={} error=\"{}\"", job.attempt.value,
                              kept.error().message));
    kept_ = true;
    return {};
}

Result<> ServerSource::receive(SourceCheckout& checkout, const protocol::ClaimedJob& job) {
    protocol::SourceRequest wanted;
    wanted.history = job.spec.checkout.full_history;
    if (store_) wanted.have = store_->commits();
    if (!wanted.history) std::erase(wanted.have, job.sha);
    Result<> fed;
    Result<std::string> base = api_.source(wanted, [&](std::string_view piece) {
        fed = checkout.feed(piece);
        return fed.has_value();
    });
    if (!fed) return fed;
    if (!base) return base.error();
    if (base->empty()) return {};
    const bool asked =
        std::find(wanted.have.begin(), wanted.have.end(), *base) != wanted.have.end();
    if (!asked) return error(Code::invalid, "source", "the server builds on a commit unasked");
    if (borrow(checkout, *base)) return {};
    borrowed_ = true;
    return error(Code::invalid, "source", "commit " + *base + " is not here any more");
}

bool ServerSource::borrow(SourceCheckout& checkout, const std::string& commit) {
    if (!store_) return false;
    Result<bool> lent = store_->lend(commit, checkout.packs());
    // Another runner may have forgotten it: that is no reason for a word to the user.
    if (!lent && lent.error().code == Code::not_found) return false;
    borrowed_ = borrowed_ || !lent || *lent;
    return lent && *lent;
}

void ServerSource::tidy() {
    if (kept_) trim_source_store(cache_.folder, cache_.max_bytes);
}

}  // namespace sluice::agent
