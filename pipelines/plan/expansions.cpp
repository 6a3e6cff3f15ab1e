#include "pipelines/plan/expansions.hpp"

#include <fmt/format.h>

#include <charconv>

namespace sluice::plan {

using config::Member;
using config::MergedJob;
using config::Node;

std::vector<const Needable*> callers_around(const MergedJob& job, const Calls& calls,
                                            const Needables& jobs) {
    std::vector<const Needable*> out;
    for (const int number : calls.chain(job.call)) {
        const Call& call = calls.at(number);
        if (call.of_steps) continue;
        const auto caller = jobs.find(call.caller);
        // A generator is no caller, though its cells are known by the same name.
        if (caller != jobs.end() && caller->second.job->opens == number &&
            caller->second.matrix != nullptr)
            out.push_back(&caller->second);
    }
    return out;
}

std::size_t count_expansions(const std::vector<const Needable*>& around) {
    std::size_t count = 1;
    for (const Needable* caller : around) count *= caller->matrix->cells.size();
    return count;
}

std::vector<Expansion> expansions_of(const std::vector<const Needable*>& around) {
    std::vector<Expansion> out(1);
    for (const Needable* caller : around) {
        std::vector<Expansion> longer;
        for (const Expansion& expansion : out)
            for (const Cell& cell : caller->matrix->cells) {
                longer.push_back(expansion);
                longer.back().push_back({caller->job, &cell});
            }
        out = std::move(longer);
    }
    return out;
}

std::string id_of(const MergedJob& job, const Expansion& expansion, const Cell& cell) {
    std::string out = job.id + cell.suffix;
    // From the end, so that what stands before keeps its place.
    for (auto at = expansion.rbegin(); at != expansion.rend(); ++at)
        out.insert(at->caller->id.size(), at->cell->suffix);
    return out;
}

std::map<std::string, std::string> values_of(const Expansion& expansion, const Cell& cell) {
    std::map<std::string, std::string> out = cell.values;
    for (const CallerAt& at : expansion) out.insert(at.cell->values.begin(), at.cell->values.end());
    return out;
}

std::vector<CallerCell> caller_cells(const MergedJob& job, const Expansion& expansion,
                                     const Calls& calls) {
    std::vector<CallerCell> out;
    for (const CallerAt& at : expansion) {
        const MatrixLimits limits = limits_of(at.caller->node.find("matrix"));
        out.push_back({.caller = at.caller->id,
                       .matrix = at.cell->values,
                       .gives = calls.given_by(at.caller->id, job.id),
                       .fail_fast = limits.fail_fast,
                       .max_parallel = limits.max_parallel});
    }
    return out;
}

void check_inside(const MergedJob& job, const Matrix* own,
                  const std::vector<const Needable*>& around, config::Diagnostics& diagnostics) {
    for (std::size_t i = 0; i < around.size(); ++i) {
        const std::string& caller = around[i]->job->id;
        const auto taken = [&](const Matrix& matrix, const std::string& id, const Member& where) {
            for (const auto& [axis, everywhere] : around[i]->matrix->names)
                if (matrix.names.contains(axis))
                    diagnostics.error(where.place, "bad_call",
                                      fmt::format("`{}` and its caller `{}` both have an axis `{}`",
                                                  id, caller, axis),
                                      "rename one: both name the cells of the job");
        };
        const Member* matrix = job.node.member("matrix");
        if (own != nullptr && matrix != nullptr) taken(*own, job.id, *matrix);
        if (own != nullptr && own->is_open && matrix != nullptr && job.opens == 0)
            diagnostics.error(matrix->place, "bad_call",
                              fmt::format("the matrix of `{}` reads an output, and `{}` calls it "
                                          "once per cell",
                                          job.id, caller),
                              "list the values, or remove the matrix of the caller");
        if (const Member* generate = job.node.member("generate"))
            diagnostics.error(
                generate->place, "bad_call",
                fmt::format("`{}` generates jobs, and `{}` calls it once per cell: the jobs of "
                            "all cells would have the same ids",
                            job.id, caller),
                "let one job outside generate the jobs for all values");
    }
}

MatrixLimits limits_of(const Node* matrix) {
    MatrixLimits out;
    if (matrix == nullptr) return out;
    const Node* fail_fast = matrix->find("fail_fast");
    out.fail_fast = fail_fast != nullptr && fail_fast->text == "true";
    if (const Node* limit = matrix->find("max_parallel"))
        std::from_chars(limit->text.data(), limit->text.data() + limit->text.size(),
                        out.max_parallel);
    return out;
}

}  // namespace sluice::plan
