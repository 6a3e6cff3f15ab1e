#include "agent/runner/server_source.hpp"

#include "agent/backoff.hpp"
#include "agent/runner/source_checkout.hpp"

#include <thread>

namespace sluice::agent {

ServerSource::ServerSource(ServerAddress server, AttemptId attempt, std::string lease_token)
    : api_(std::move(server), attempt, std::move(lease_token)) {}

void ServerSource::interrupt() {
    interrupted_ = true;
    api_.interrupt();
}

Result<> ServerSource::checkout(const protocol::ClaimedJob& job, const files::Path& workspace) {
    Backoff backoff;
    while (true) {
        Result<> fetched = fetch(job.sha, workspace);
        if (fetched) return fetched;
        if (interrupted_)
            return error(Code::unavailable, "interrupted", "the checkout was interrupted");
        if (!is_transient(fetched.error()) || fetched.error().id == "disk_full") return fetched;
        std::this_thread::sleep_for(backoff.next());
        // A half pack is thrown away; the next answer starts anew.
        SLUICE_CHECK(files::remove_tree(workspace));
        SLUICE_CHECK(files::make_dirs(workspace, 0755));
    }
}

Result<> ServerSource::fetch(const std::string& commit, const files::Path& workspace) {
    SLUICE_TRY(SourceCheckout checkout, SourceCheckout::begin(workspace));
    Result<> fed;
    Result<bool> sent = api_.source({}, [&](std::string_view piece) {
        fed = checkout.feed(piece);
        return fed.has_value();
    });
    if (!fed) return fed;
    if (!sent) return sent.error();
    if (!*sent) return error(Code::invalid, "source", "the server sent no source");
    return checkout.finish(commit);
}

}  // namespace sluice::agent
