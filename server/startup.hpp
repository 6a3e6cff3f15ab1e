#pragma once
/// What a start of the server reads and makes before it serves.

#include "platform/files.hpp"
#include "server/core/leases.hpp"
#include "server/core/scheduler.hpp"
#include "server/store/agents.hpp"
#include "server/store/attempts.hpp"
#include "server/store/projects.hpp"
#include "server/store/pull_requests.hpp"
#include "server/store/schedules.hpp"
#include "server/store/writer.hpp"

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::server {

/// A broken start that a person can mend; printed without a stack of words.
struct StartError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// The port of that name in the last start's server.json; 0 = unknown.
std::uint16_t last_port(const files::Path& data, std::string_view name);

/// The first start makes an admin token: printed, and kept readable by its owner only.
void make_first_token(store::Writer& writer, const files::Path& data, const Clock& clock);

struct Loaded {
    std::string server_id;
    ServiceTime service;
    EventId newest;
    RunId newest_run;
    std::vector<store::Project> projects;
    std::vector<store::Attempt> live;
    std::vector<store::PullRequestRow> pull_requests;
    std::vector<store::ScheduleRow> schedules;
};

/// What the database knows and is kept in memory. Shells of the last life end.
Loaded load(store::Writer& writer, Timestamp now);

void restore_leases(core::LeaseTable& leases, const std::vector<store::Attempt>& live,
                    const core::LeaseTimes& times, ServiceTime now);

}  // namespace sluice::server
