#pragma once
/// Keys that are about a run as a whole: `params` and `concurrency` at the top, `on.schedule` of
/// all files. Pure, one thread at a time.

#include "pipelines/config/merge.hpp"
#include "pipelines/plan/calls.hpp"
#include "pipelines/plan/plan.hpp"

#include <map>
#include <string>
#include <vector>

namespace sluice::plan {

class RunKeys {
public:
    /// Reads and checks them, whatever the event. `main` is .ci.yml or nullptr. They outlive this.
    void read(const std::vector<config::File>& files, const config::File* main, const Calls& calls,
              config::Diagnostics& diagnostics);

    const std::vector<Param>& params() const { return params_; }
    const std::vector<schedule::Schedule>& schedules() const { return schedules_; }

    /// `params` of a job: names must differ from those of the run, or of the fragment that it
    /// stands in, and each needs a value.
    std::vector<Param> params_of_job(const config::MergedJob& job, const Calls& calls,
                                     config::Diagnostics& diagnostics) const;

    /// Settles the values for this event; what is wrong with those it brings is returned and told
    /// as `bad_param_value`.
    std::vector<std::string> take_values(const model::Event& event,
                                         config::Diagnostics& diagnostics);
    const std::map<std::string, model::ParamValue>& values() const { return values_; }

    /// Who the run shares slots with: the file's word, else for a pull request its older runs.
    std::optional<model::Concurrency> concurrency(const Input& input,
                                                  config::Diagnostics& diagnostics) const;
    /// A job that waits for a slot of the group that its run holds would wait for ever.
    void check_groups(const Plan& plan, config::Diagnostics& diagnostics) const;

private:
    void read_schedules(const std::vector<config::File>& files, config::Diagnostics& diagnostics);
    void check_defaults(const std::vector<config::File>& files, config::Diagnostics& diagnostics);

    std::vector<Param> params_;
    std::vector<schedule::Schedule> schedules_;
    std::map<std::string, model::ParamValue> values_;
    const config::Member* concurrency_ = nullptr;
    const Calls* calls_ = nullptr;
};

}  // namespace sluice::plan
