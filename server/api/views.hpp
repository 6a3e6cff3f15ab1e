#pragma once
/// Rows as the API shows them (schemas of openapi.json). Pure.

#include "pipelines/base/json.hpp"
#include "server/core/gate.hpp"
#include "server/core/leases.hpp"
#include "server/store/agents.hpp"
#include "server/store/deliveries.hpp"
#include "server/store/events.hpp"
#include "server/store/jobs.hpp"
#include "server/store/projects.hpp"
#include "server/store/reservations.hpp"
#include "server/store/runs.hpp"
#include "server/store/tokens.hpp"

#include <optional>

namespace sluice::api {

/// What its keepers decided about a project.
json::Value view(const store::Policy& policy);
json::Value time_or_null(const std::optional<std::int64_t>& ms);
json::Value view(const store::Run& run);
/// `live` is the running attempt's progress; `log_size` the bytes held now.
json::Value view(const store::Job& job, const std::optional<core::LiveAttempt>& live,
                 std::int64_t log_size);
json::Value view(const store::Project& project, const std::optional<store::Run>& last);
/// Where and with what an attempt ran: `execution` of a job.
json::Value view(const store::Execution& execution, const std::optional<core::LiveAttempt>& live);
/// What an agent has to give, and what of it is given.
struct AgentResources {
    std::optional<model::Capacity> all;
    std::vector<model::Reservation> given;
};
json::Value view(const store::Agent& agent, bool online, const std::vector<JobId>& running,
                 const AgentResources& resources);
json::Value view(const store::Token& token);
json::Value view(const store::EventRow& event);
json::Value view(const store::Delivery& delivery);
json::Value view(const core::Verdict& verdict, const std::string& project);

}  // namespace sluice::api
