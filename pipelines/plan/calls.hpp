#pragma once
/// `uses`: calls of fragments, replaced by what they call (reference A7). A node of a fragment
/// keeps the number of its call (Place::call), which tells whose params its expressions read. Pure.

#include "pipelines/config/merge.hpp"
#include "pipelines/plan/params.hpp"
#include "pipelines/plan/plan.hpp"

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::plan {

/// A `uses` that was replaced.
struct Call {
    int parent = 0;         ///< the call that it stands in; 0 = a file of the project
    std::string reference;  ///< the fragment: `.ci/lib/x.yml`, `git+https://…`
    std::string prefix;     ///< of the ids of jobs inside: `caller/`; of steps: that of the parent
    bool of_steps = false;
    int number = 0;  ///< of a call of steps: its place among those of the job, from 1
    /// The calling job (what stands there itself, without defaults) or step.
    config::Node node;
    std::string caller;  ///< full id of the calling job
    std::vector<Param> params{};
    /// Of generated jobs: ids that they may name beside their own → full ids.
    std::map<std::string, std::string> outside{};
    std::set<std::string> secrets{};  ///< of generated jobs: the only ones that they may name
};

/// The reference that a `uses` means which stands in the file `inside`: `./a.yml` is `a.yml` of the
/// commit, or inside a remote fragment a file beside it at its commit.
std::string resolve_reference(std::string_view uses, std::string_view inside);
inline bool is_remote(std::string_view reference) {
    return reference.starts_with("git+");
}

/// Marks everything in the node as standing in that call.
void enter(config::Node& node, int call);

class Calls {
public:
    /// `fragments` outlive this object and `diagnostics`.
    Calls(const std::vector<SourceFile>& fragments, config::Diagnostics& diagnostics);

    /// The jobs with all calls replaced. A job that calls jobs stays before them, marked by
    /// `opens`. Mistakes: `fragment_missing`, `fragment_unreadable`, `uses_cycle`, `too_deep`,
    /// `bad_call`, `bad_param`, `secret_not_given`, `plan_too_large`.
    std::vector<config::MergedJob> expand(std::vector<config::MergedJob> jobs);
    /// Jobs of a generated fragment as if the job `caller` had called them: their number becomes
    /// that of a call of it, and they may call no remote fragments.
    std::vector<config::MergedJob> adopt(std::vector<config::MergedJob> jobs, Call call);

    /// 0 is an empty one, for what stands in no call.
    const Call& at(int number) const { return calls_[static_cast<std::size_t>(number)]; }
    /// From the outermost call to this one.
    std::vector<int> chain(int number) const;
    /// The id as the plan knows it that a node of this call writes.
    std::string full_id(int number, const std::string& id) const;
    /// The job whose output that of the caller is; "" = not a caller, or it has none of that name.
    std::string giver_of(const std::string& caller, const std::string& output) const;
    /// The outputs of the caller that are those of that job.
    std::vector<std::string> given_by(const std::string& caller, const std::string& job) const;

private:
    struct Fragment {
        config::File file;
        std::vector<config::MergedJob> jobs;  ///< of one with jobs
        std::vector<Param> params;
        bool has_steps = false;
    };
    using Chain = std::vector<std::string>;

    void expand_job(config::MergedJob job, const Chain& chain);
    void call_steps(config::MergedJob& job, const Fragment& fragment, const Chain& chain,
                    std::string reference);
    void call_jobs(config::MergedJob job, const Fragment& fragment, const Chain& chain,
                   std::string reference);
    void expand_steps(config::MergedJob& job, const Chain& chain);
    std::vector<config::Node> steps_of(config::MergedJob& job, const Fragment& fragment, int call);
    void give_outputs(const std::string& caller, const Fragment& fragment, std::size_t caller_at);
    void take_from_caller(config::MergedJob& inner, const config::MergedJob& caller);
    void check_all_secrets(const config::MergedJob& job, const std::set<std::string>& given,
                           const std::string& caller);
    const Fragment* open(const config::Node& uses, const Chain& chain, std::string& reference);
    const Fragment* read(const SourceFile& source);
    int add_call(Call call, const Fragment& fragment, const config::Place& place);
    void check_with(const Call& call, const config::Place& place);
    void check_secrets(const config::Node& holder, const std::set<std::string>& given,
                       const std::string& caller);
    bool spend(std::size_t amount, const config::Place& place);

    const std::vector<SourceFile>& fragments_;
    config::Diagnostics& diagnostics_;
    std::vector<Call> calls_;
    std::map<std::string, std::optional<Fragment>> read_;
    std::vector<config::MergedJob> out_;
    std::map<std::string, std::map<std::string, std::string>> givers_;  ///< by caller, by output
    bool remote_allowed_ = true;
    std::size_t spent_ = 0;
};

}  // namespace sluice::plan
