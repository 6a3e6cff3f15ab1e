#include "pipelines/plan/job_index.hpp"

#include "pipelines/plan/groups.hpp"

namespace sluice::plan {
namespace {

void append(Cells& to, const Cells& more) {
    to.insert(to.end(), more.begin(), more.end());
}
}  // namespace

JobIndex::JobIndex(std::span<const JobNow> jobs) : jobs_(jobs) {
    for (std::size_t i = 0; i < jobs.size(); ++i) by_base_[jobs[i].planned->spec.base].push_back(i);
    for (const auto& [base, cells] : by_base_)
        for (std::size_t at = base.find('/'); at != std::string::npos; at = base.find('/', at + 1))
            append(groups_[base.substr(0, at)], cells);
    for (auto& [id, inside] : groups_)
        if (const auto own = by_base_.find(id); own != by_base_.end()) append(inside, own->second);
}
const Cells& JobIndex::cells(const std::string& id, const std::string& reader) const {
    if (!is_inside(reader, id))
        if (const auto group = groups_.find(id); group != groups_.end()) return group->second;
    static const Cells none;
    const auto found = by_base_.find(id);
    return found == by_base_.end() ? none : found->second;
}
const Cells& JobIndex::cells(const Need& need, const std::string& reader) {
    const Cells& all = cells(need.job, reader);
    // A job that stands for its cells stands for each of them.
    if (need.matrix.empty() || (all.size() == 1 && !jobs_[all[0]].planned->axes.empty()))
        return all;
    // Who stands inside means fewer by the same id.
    std::string key = (is_inside(reader, need.job) ? "+" : "") + need.job, values;
    for (const auto& [axis, value] : need.matrix) {
        key += '\n' + axis;
        values += '\n' + value;
    }
    auto [found, is_new] = by_axes_.try_emplace(key);
    if (is_new)
        for (const std::size_t i : all)
            if (auto own = values_of(i, need.matrix)) found->second[*own].push_back(i);
    return found->second[values];
}
std::optional<std::string> JobIndex::values_of(
    std::size_t job, const std::map<std::string, std::string>& axes) const {
    std::string out;
    const auto& matrix = jobs_[job].planned->spec.matrix;
    for (const auto& [axis, ignored] : axes) {
        const auto own = matrix.find(axis);
        if (own == matrix.end()) return std::nullopt;
        out += '\n' + own->second;
    }
    return out;
}
}  // namespace sluice::plan
