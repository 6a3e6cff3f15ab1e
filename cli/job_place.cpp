#include "cli/job_place.hpp"

#include "cli/exit_code.hpp"
#include "cli/json_view.hpp"
#include "cli/named.hpp"

#include <fmt/format.h>

namespace sluice::cli {

Place place_of(const std::string& text) {
    const auto slash = text.find('/');
    if (slash == std::string::npos) return {text, ""};
    return {text.substr(0, slash), text.substr(slash + 1)};
}

Result<const json::Value*> job_in(const json::Value& detail, const std::string& run,
                                  const std::string& key) {
    return find_named(items_of(detail, "jobs"),
                      {.what = "job", .name = key, .where = "run " + run, .key = "key"});
}

Result<std::vector<JobHere>> jobs_of(ApiClient& server, const Place& place) {
    SLUICE_TRY(const auto detail, server.get("/api/v1/runs/" + path_part(place.run)));
    std::vector<JobHere> out;
    for (const auto& job : items_of(detail, "jobs"))
        if (place.job.empty() || text_of(job, "key") == place.job)
            out.push_back({number_of(job, "id").value_or(0), text_of(job, "key")});
    if (out.empty() && !place.job.empty()) return job_in(detail, place.run, place.job).error();
    return out;
}

Result<JobHere> job_of(ApiClient& server, const std::string& text) {
    SLUICE_TRY(const auto jobs, jobs_of(server, place_of(text)));
    if (jobs.size() == 1) return jobs.front();
    return usage_error("say of which job: RUN/JOB");
}

}  // namespace sluice::cli
