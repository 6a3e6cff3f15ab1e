#pragma once
/// A run of a file without server and agents: planned, and its jobs ended by the test one by one.

#include "pipelines/plan/advance.hpp"
#include "pipelines/plan/plan.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <string>
#include <vector>

namespace sluice::test {

/// A run of a file in memory: jobs end by name with outputs, and the others follow.
class FileRun {
public:
    explicit FileRun(const std::string& jobs, std::vector<plan::SourceFile> fragments = {}) {
        plan::Input input;
        input.fragments = std::move(fragments);
        input.event.kind = model::EventKind::push;
        input.event.branch = "main";
        input.event.sha = std::string(40, 'a');
        input.event.message = "fix ${{ needs.a.outputs.n }}";
        input.files = {{".ci.yml", "version: 1\non: { push: {}, tag: ['*'] }\njobs:\n" + jobs}};
        const plan::Outcome outcome = plan::make_plan(input);
        for (const auto& d : outcome.diagnostics) UNSCOPED_INFO(config::format(d));
        REQUIRE(outcome.plan.has_value());
        planned_ = outcome.plan->jobs;
        states_.resize(planned_.size(), model::JobState::waiting);
        outputs_.resize(planned_.size());
        advance();
    }

    FileRun& end(const std::string& id, model::JobState state, plan::Outputs outputs = {}) {
        states_[index(id)] = state;
        outputs_[index(id)] = std::move(outputs);
        advance();
        return *this;
    }

    /// As a server does: what passed is carried over, the rest begins again.
    FileRun& retry() {
        for (model::JobState& state : states_)
            if (!model::is_ok(state)) state = model::JobState::waiting;
        advance();
        return *this;
    }

    std::string state(const std::string& id) const {
        return std::string(to_text(states_[index(id)]));
    }
    std::string reason(const std::string& id) const { return reasons_.at(id); }
    std::vector<std::string> ids() const {
        std::vector<std::string> out;
        for (const plan::PlannedJob& job : planned_) out.push_back(job.spec.id);
        return out;
    }
    const model::JobSpec& spec(const std::string& id) const { return planned_[index(id)].spec; }
    const plan::PlannedJob& planned(const std::string& id) const { return planned_[index(id)]; }
    std::vector<plan::FailFast> fail_fast() const { return plan::fail_fast(now()); }
    std::vector<plan::JobNow> now() const {
        std::vector<plan::JobNow> out;
        for (std::size_t i = 0; i < planned_.size(); ++i) out.push_back({&planned_[i], states_[i]});
        return out;
    }
    int asked = 0;  ///< for outputs

private:
    void advance() {
        for (plan::Transition& t : plan::advance(now(), {}, false, [this](std::size_t job) {
                 ++asked;
                 return outputs_[job];
             })) {
            states_[t.job] = model::next_state(states_[t.job], t.event).value();
            reasons_[planned_[t.job].spec.id] = t.reason;
            if (t.spec) planned_[t.job].spec = std::move(*t.spec);
        }
    }

    std::size_t index(const std::string& id) const {
        for (std::size_t i = 0; i < planned_.size(); ++i)
            if (planned_[i].spec.id == id) return i;
        FAIL("no job " << id);
        return 0;
    }

    std::vector<plan::PlannedJob> planned_;
    std::vector<model::JobState> states_;
    std::vector<plan::Outputs> outputs_;
    std::map<std::string, std::string> reasons_;
};

}  // namespace sluice::test
