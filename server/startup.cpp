#include "server/startup.hpp"

#include "pipelines/base/json.hpp"
#include "platform/crypto.hpp"
#include "server/core/shells.hpp"
#include "server/identity/credentials.hpp"
#include "server/store/events.hpp"
#include "server/store/meta.hpp"
#include "server/store/runs.hpp"
#include "server/store/tokens.hpp"

#include <iostream>

namespace sluice::server {

std::uint16_t last_port(const files::Path& data, std::string_view name) {
    auto text = files::read_file(data / "server.json", 1 << 16);
    if (!text) return 0;
    auto value = json::parse(*text);
    if (!value || !value->is_object()) return 0;
    auto* port = value->as_object().if_contains(name);
    return port && port->is_int64() && port->as_int64() > 0 && port->as_int64() < 65536
               ? static_cast<std::uint16_t>(port->as_int64())
               : 0;
}

void make_first_token(store::Writer& writer, const files::Path& data, const Clock& clock) {
    const auto token = crypto::random_token();
    auto insert = [&](store::Tx& tx) -> Result<bool> {
        if (!store::all_tokens(tx).empty()) return false;
        store::Token first;
        first.name = "admin";
        first.role = "admin";
        first.created_at = clock.now();
        store::insert_token(tx, first, identity::token_hash(token));
        return true;
    };
    if (!writer.write_blocking(insert).value()) return;
    files::write_atomic(data / "admin-token", token + "\n", 0600).value();
    std::cout << "First start: an admin token was made (also in " << (data / "admin-token").string()
              << ")\n  " << token << "\n"
              << std::flush;
}

Loaded load(store::Writer& writer, Timestamp now) {
    Loaded loaded;
    auto read = [&loaded, now](store::Tx& tx) -> Result<> {
        loaded = {};
        auto id = store::get_meta(tx, "server_id");
        if (!id) {
            id = crypto::random_token(9);
            store::set_meta(tx, "server_id", *id);
        }
        loaded.server_id = *id;
        loaded.service = {std::stoll(store::get_meta(tx, "service_time").value_or("0"))};
        loaded.newest = store::newest_event(tx);
        loaded.newest_run = store::newest_run(tx);
        loaded.projects = store::all_projects(tx);
        loaded.live = store::live_attempts(tx);
        loaded.pull_requests = store::all_pull_requests(tx);
        loaded.schedules = store::active_schedules(tx);
        core::Shells::end_all(tx, now);
        return {};
    };
    writer.write_blocking(read).value();
    return loaded;
}

void restore_leases(core::LeaseTable& leases, const std::vector<store::Attempt>& live,
                    const core::LeaseTimes& times, ServiceTime now) {
    for (const auto& attempt : live) {
        core::LiveAttempt entry;
        entry.id = attempt.id;
        entry.job = attempt.job;
        entry.run = attempt.run;
        entry.agent = attempt.agent;
        entry.token_hash = attempt.token_hash;
        entry.replayable = attempt.replayable;
        entry.restored = true;
        entry.started = attempt.state != model::AttemptState::leased;
        entry.cancel = attempt.cancel_requested;
        // Deadlines are written behind: grant what may have been lost, once. A crash loop can't
        // keep a lease for ever, because the stored deadline does not move with it.
        entry.deadline = attempt.deadline + Duration{15'000};
        entry.extend_until =
            entry.started ? now + Duration{attempt.timeout_ms} + times.grace + times.after_timeout
                          : entry.deadline;
        leases.put(std::move(entry));
    }
}

}  // namespace sluice::server
