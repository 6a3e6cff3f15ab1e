#pragma once
/// Passed jobs by what they depended on (docs/decisions/0017).
/// Free functions over a transaction: they persist and decide nothing; times are passed in. Changes
/// run on the writer thread, reads there or on the db pool.

#include "pipelines/base/ids.hpp"
#include "pipelines/base/time.hpp"
#include "server/store/connection.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace sluice::store {

struct Memo {
    ProjectId project;
    std::string scope, job, parts;
    RunId run;
    JobId of;
    AttemptId attempt;
    Timestamp at;
};
void insert_memo(Tx& tx, const Memo& memo);
/// The newest with these parts that is not older; `parts` "" = with any.
std::optional<Memo> find_memo(Tx& tx, ProjectId project, std::string_view scope,
                              std::string_view job, std::string_view parts, Timestamp since);
void forget_memos(Tx& tx, Timestamp before, std::int64_t limit);

}  // namespace sluice::store
