#pragma once
/// Memoised jobs in the agent protocol (docs/decisions/0017): the runner says what its job depends
/// on, part by part, and the server whether a job that depended on the same has passed.
/// `POST attempts/{id}/memo`, MemoRequest → MemoReply. Pure values, any thread.

#include "pipelines/base/time.hpp"
#include "pipelines/model/reports.hpp"
#include "pipelines/protocol/packs.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace sluice::protocol {

/// What a result depends on: name of the part → digest. Two jobs with equal parts are one.
using MemoParts = std::map<std::string, std::string>;

struct MemoRequest {
    MemoParts parts;
    std::optional<Duration> max_age;
};
struct MemoReply {
    bool hit = false;
    std::string from;                  ///< for people: `run 12`; of a miss: what was compared
    std::vector<std::string> differs;  ///< of a miss: parts that were different then
    // Of a hit: what the job left.
    std::map<std::string, std::string> outputs;
    std::vector<PackRef> packs;
    model::Reports reports;
};

json::Value to_json(const MemoRequest& value);
Result<MemoRequest> parse_memo(const json::Value& value);
json::Value to_json(const MemoReply& value);
Result<MemoReply> parse_memo_reply(const json::Value& value);

}  // namespace sluice::protocol
